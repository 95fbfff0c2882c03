"""The weight file of Inception-v3: read, refused and downloaded."""

import hashlib
import io
import pickle
import threading
import zipfile
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from inception_in_torch import publish, saved

from gan_jax.commands import prepare
from gan_jax.features import weights as inception_weights
from gan_jax.features.torch_file import read_state_dict
from gan_jax.features.weights import (
    SHA256,
    URL,
    download,
    flax_path,
    inception_weights_path,
    load_inception,
    to_variables,
)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("zipped", [True, False])
def test_weight_file_is_read_as_pytorch_wrote_it(zipped):
    import torch

    rng = np.random.default_rng(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    state = module.state_dict()  # Carries _metadata, as the published file may.
    base = torch.from_numpy(rng.normal(size=(4, 6)).astype(np.float32))
    state |= {"turned": base.T, "part": base[1:3, 2:], "empty": base[:0]}
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    found = read_state_dict(file.getvalue(), "here")
    assert list(found) == list(state)
    for name, value in found.items():
        assert value.dtype == state[name].numpy().dtype
        np.testing.assert_array_equal(value, state[name].numpy())


class Harmful:
    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


def archive(description, **storages):
    """A zip file as torch.save makes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a/data.pkl", description)
        for key, raw in storages.items():
            made.writestr(f"a/data/{key}", raw)
    return file.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_weight_file_runs(tmp_path, zipped):
    target = tmp_path / "made"
    harm = pickle.dumps({"weight": Harmful((open, (str(target), "w")))}, protocol=2)
    head = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001))
    head += pickle.dumps({"little_endian": True}, 2)
    data = archive(harm) if zipped else head + harm
    with pytest.raises(ValueError, match="^weights here: .*it names .*open"):
        read_state_dict(data, "here")
    assert not target.exists()
    pickle.loads(harm)["weight"].close()
    assert target.exists()  # So it would have run.


@pytest.mark.oracle("torch")
def test_a_view_outside_its_storage_is_refused():
    import torch

    class Outside:
        """Describes 3 numbers of a storage of 2."""

        def __reduce__(self):
            rebuild = torch._utils._rebuild_tensor_v2
            return rebuild, (Kept(), 0, (3,), (1,), False, OrderedDict())

    class Kept:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Kept):
                return ("storage", torch.FloatStorage, "0", "cpu", 2)

    file = io.BytesIO()
    Pickler(file, 2).dump({"x": Outside()})
    for raw in (bytes(8), bytes(12)):  # As many as it says, and as many as it takes.
        with pytest.raises(ValueError, match="^weights here: not a state_dict"):
            read_state_dict(archive(file.getvalue(), **{"0": raw}), "here")


@pytest.mark.oracle("torch")
def test_broken_files_are_refused_in_one_line():
    import torch

    small = {"w": np.ones(3, np.float32)}
    for zipped in (True, False):
        whole = saved(torch, small, zipped)
        assert read_state_dict(whole, "here")["w"].tolist() == [1, 1, 1]
        for length in range(0, len(whole), 16):
            with pytest.raises(ValueError, match="^weights here: ") as error:
                read_state_dict(whole[:length], "here")
            assert "\n" not in str(error.value)


@pytest.mark.oracle("torch")
def test_other_dtypes_are_refused():
    import torch

    data = saved(torch, {"w": np.ones(3, np.float64)}, zipped=True)
    with pytest.raises(ValueError, match="DoubleStorage, which a state_dict does not"):
        read_state_dict(data, "here")


def test_each_name_of_the_file_has_its_place():
    found = flax_path("Mixed_5b.branch1x1.bn.running_var")
    assert found == ("batch_stats", "Mixed_5b", "branch1x1", "bn", "var")
    assert flax_path("Conv2d_1a_3x3.conv.weight")[1:] == (
        "Conv2d_1a_3x3",
        "conv",
        "kernel",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fc.bias": None}, "1 tensors.*params.fc_bias: None, not"),
        ({"fc.bias": np.zeros(1000, np.float32)}, r"params.fc_bias: \(\(1000,\)"),
        ({"AuxLogits.bias": np.zeros(3, np.float32)}, "unknown.AuxLogits.bias: .*None"),
        ({"fc.bias": np.zeros(1008)}, "params.fc_bias: .*float64.*float32"),
    ],
)
def test_tensors_of_another_network_are_refused(tensors, change, words):
    changed = {k: v for k, v in (tensors | change).items() if v is not None}
    with pytest.raises(ValueError, match=f"^Inception weights here: .*{words}"):
        to_variables(changed, "here")


def test_foreign_file_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(inception_weights, "read_state_dict", None)
    path = tmp_path / "weights.pth"
    path.write_bytes(b"foreign")
    found = hashlib.sha256(b"foreign").hexdigest()
    with pytest.raises(ValueError, match=f"^Inception.*{found}, not {SHA256}") as error:
        load_inception(path)
    assert "\n" not in str(error.value)


def test_missing_file_gives_both_ways(tmp_path):
    with pytest.raises(ValueError, match="no such file") as error:
        load_inception(tmp_path / "weights.pth")
    for words in ("gan-jax prepare inception", URL, str(tmp_path)):
        assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_hash_and_name_agree():
    assert len(SHA256) == 64
    assert f"-{SHA256[:8]}.pth" in URL


@pytest.fixture
def server():
    """The address of a server, and what it answers."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", answers
        made.shutdown()
        thread.join()


def test_prepare_fetches_the_file_once(server, tmp_path, monkeypatch, capsys):
    address, answers = server
    answers["/weights"] = b"published"
    publish(monkeypatch, b"published")
    monkeypatch.setattr(prepare, "URL", f"{address}/weights")
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    path = inception_weights_path(tmp_path / "cache")
    assert prepare.main(["inception"]) == 0
    assert path.read_bytes() == b"published"
    assert list(path.parent.iterdir()) == [path]
    answers.clear()
    assert prepare.main(["inception"]) == 0
    assert "already there" in capsys.readouterr().out
    path.write_bytes(b"damaged")
    assert prepare.main(["inception"]) == 2
    error = capsys.readouterr().err
    assert "404" in error and error.count("\n") == 1
    answers["/weights"] = b"published"
    assert prepare.main(["inception"]) == 0
    assert path.read_bytes() == b"published"


def test_download_of_another_file_leaves_nothing(server, tmp_path):
    address, answers = server
    answers["/weights"] = b"another"
    found = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(ValueError, match=f"/weights: SHA-256 {found}, not {SHA256}"):
        download(f"{address}/weights", tmp_path / "cache" / "weights.pth")
    assert list((tmp_path / "cache").iterdir()) == []


def test_download_without_internet_gives_both_ways(tmp_path):
    url = "http://127.0.0.1:9/weights"  # Nobody listens at the discard port.
    with pytest.raises(OSError, match="cannot be fetched") as error:
        download(url, tmp_path / "weights.pth")
    for words in ("gan-jax prepare inception", "give --weights the path of a copy"):
        assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
