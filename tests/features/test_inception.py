"""Inception-v3 against the same network in PyTorch; its resize, its weight file."""

import functools
import hashlib
import io
import pickle
import threading
import zipfile
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.commands import prepare
from gan_jax.features import weights as inception_weights
from gan_jax.features.inception import InceptionV3, extract, prepared, resize
from gan_jax.features.torch_file import read_state_dict
from gan_jax.features.weights import (
    SHA256,
    URL,
    download,
    inception_weights_path,
    load_inception,
    place_of,
    to_variables,
)

# An independent statement of the network: name -> (in, out, height, width), stride 1
# and the same size unless listed below. Branches of a block are concatenated in order.
STEM = {
    "Conv2d_1a_3x3": (3, 32, 3, 3),
    "Conv2d_2a_3x3": (32, 32, 3, 3),
    "Conv2d_2b_3x3": (32, 64, 3, 3),
    "Conv2d_3b_1x1": (64, 80, 1, 1),
    "Conv2d_4a_3x3": (80, 192, 3, 3),
}
UNPADDED = {"Conv2d_1a_3x3": 2, "Conv2d_2a_3x3": 1, "Conv2d_4a_3x3": 1}
UNPADDED |= {f"Mixed_6a.{name}": 2 for name in ("branch3x3", "branch3x3dbl_3")}
UNPADDED |= {f"Mixed_7a.{name}": 2 for name in ("branch3x3_2", "branch7x7x3_4")}


def block_a(inputs, pool):
    return {
        "branch1x1": (inputs, 64, 1, 1),
        "branch5x5_1": (inputs, 48, 1, 1),
        "branch5x5_2": (48, 64, 5, 5),
        "branch3x3dbl_1": (inputs, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
        "branch_pool": (inputs, pool, 1, 1),
    }


def block_c(c):
    return {
        "branch1x1": (768, 192, 1, 1),
        "branch7x7_1": (768, c, 1, 1),
        "branch7x7_2": (c, c, 1, 7),
        "branch7x7_3": (c, 192, 7, 1),
        "branch7x7dbl_1": (768, c, 1, 1),
        "branch7x7dbl_2": (c, c, 7, 1),
        "branch7x7dbl_3": (c, c, 1, 7),
        "branch7x7dbl_4": (c, c, 7, 1),
        "branch7x7dbl_5": (c, 192, 1, 7),
        "branch_pool": (768, 192, 1, 1),
    }


def block_e(inputs):
    return {
        "branch1x1": (inputs, 320, 1, 1),
        "branch3x3_1": (inputs, 384, 1, 1),
        "branch3x3_2a": (384, 384, 1, 3),
        "branch3x3_2b": (384, 384, 3, 1),
        "branch3x3dbl_1": (inputs, 448, 1, 1),
        "branch3x3dbl_2": (448, 384, 3, 3),
        "branch3x3dbl_3a": (384, 384, 1, 3),
        "branch3x3dbl_3b": (384, 384, 3, 1),
        "branch_pool": (inputs, 192, 1, 1),
    }


BLOCKS = {
    "Mixed_5b": block_a(192, 32),
    "Mixed_5c": block_a(256, 64),
    "Mixed_5d": block_a(288, 64),
    "Mixed_6a": {
        "branch3x3": (288, 384, 3, 3),
        "branch3x3dbl_1": (288, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
    },
    "Mixed_6b": block_c(128),
    "Mixed_6c": block_c(160),
    "Mixed_6d": block_c(160),
    "Mixed_6e": block_c(192),
    "Mixed_7a": {
        "branch3x3_1": (768, 192, 1, 1),
        "branch3x3_2": (192, 320, 3, 3),
        "branch7x7x3_1": (768, 192, 1, 1),
        "branch7x7x3_2": (192, 192, 1, 7),
        "branch7x7x3_3": (192, 192, 7, 1),
        "branch7x7x3_4": (192, 192, 3, 3),
    },
    "Mixed_7b": block_e(1280),
    "Mixed_7c": block_e(2048),
}
UNITS = STEM | {f"{b}.{u}": s for b, units in BLOCKS.items() for u, s in units.items()}
# Pixels of each layer at 299: valid convolutions and pools by (n - 3) // stride + 1.
SIDES = {"Conv2d_1a_3x3": 149, "Conv2d_2b_3x3": 147, "Conv2d_3b_1x1": 73}
SIDES |= {"Conv2d_4a_3x3": 71, "Mixed_5d": 35, "Mixed_6e": 17, "Mixed_7c": 8}


def random_tensors(seed=0):
    """Weights by their names in the file, and BN statistics that are not 0 and 1."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, (inputs, outputs, height, width) in UNITS.items():
        scale = np.sqrt(2 / (inputs * height * width))
        kernel = rng.normal(size=(outputs, inputs, height, width)) * scale
        tensors[f"{name}.conv.weight"] = kernel
        tensors[f"{name}.bn.weight"] = rng.uniform(0.5, 1.5, outputs)
        tensors[f"{name}.bn.bias"] = rng.normal(size=outputs) / 4
        tensors[f"{name}.bn.running_mean"] = rng.normal(size=outputs) / 4
        tensors[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.5, outputs)
        tensors[f"{name}.bn.num_batches_tracked"] = np.array(7)
    tensors["fc.weight"] = rng.normal(size=(1008, 2048)) / 30
    tensors["fc.bias"] = rng.normal(size=1008)
    single = {name: value.astype(np.float32) for name, value in tensors.items()}
    counters = {n: v for n, v in tensors.items() if v.dtype == np.int64}
    return single | counters


class Reference:
    """The network in PyTorch, channels first, from the tables above."""

    def __init__(self, torch, tensors):
        self.torch, self.f, self.tensors = torch, torch.nn.functional, tensors
        self.seen = {}

    def unit(self, x, name):
        _, _, height, width = UNITS[name]
        stride = UNPADDED.get(name, 1)
        padding = 0 if name in UNPADDED else (height // 2, width // 2)
        get = self.tensors.__getitem__
        x = self.f.conv2d(x, get(f"{name}.conv.weight"), None, stride, padding)
        numbers = ("running_mean", "running_var", "weight", "bias")
        numbers = [get(f"{name}.bn.{number}") for number in numbers]
        self.seen[name] = self.f.relu(self.f.batch_norm(x, *numbers, eps=1e-3))
        return self.seen[name]

    def block(self, x, name, branches, pool):
        """branches: lists of units in a row; a tuple in a row stands side by side."""
        outputs = []
        for row in branches:
            y = x
            for step in row:
                if isinstance(step, tuple):
                    both = [self.unit(y, f"{name}.{part}") for part in step]
                    y = self.torch.cat(both, 1)
                else:
                    y = self.unit(y, f"{name}.{step}")
            outputs.append(y)
        y = pool(x)
        if f"{name}.branch_pool" in UNITS:
            y = self.unit(y, f"{name}.branch_pool")
        self.seen[name] = self.torch.cat([*outputs, y], 1)
        return self.seen[name]

    def __call__(self, x, stem_only=False):
        mean = functools.partial(
            self.f.avg_pool2d,
            kernel_size=3,
            stride=1,
            padding=1,
            count_include_pad=False,
        )
        shrink = functools.partial(self.f.max_pool2d, kernel_size=3, stride=2)
        largest = functools.partial(
            self.f.max_pool2d, kernel_size=3, stride=1, padding=1
        )
        for name in STEM:
            x = self.unit(x, name)
            x = shrink(x) if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3") else x
        if stem_only:
            return None
        double = ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]
        five = ["branch5x5_1", "branch5x5_2"]
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self.block(x, name, [["branch1x1"], five, double], mean)
        x = self.block(x, "Mixed_6a", [["branch3x3"], double], shrink)
        seven = [f"branch7x7_{i}" for i in (1, 2, 3)]
        twice = [f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)]
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.block(x, name, [["branch1x1"], seven, twice], mean)
        three = ["branch3x3_1", "branch3x3_2"]
        seven = [f"branch7x7x3_{i}" for i in (1, 2, 3, 4)]
        x = self.block(x, "Mixed_7a", [three, seven], shrink)
        three = ["branch3x3_1", ("branch3x3_2a", "branch3x3_2b")]
        double = [*double[:2], ("branch3x3dbl_3a", "branch3x3dbl_3b")]
        for name, pool in (("Mixed_7b", mean), ("Mixed_7c", largest)):
            x = self.block(x, name, [["branch1x1"], three, double], pool)
        features = x.mean((2, 3))
        unbiased = features @ self.tensors["fc.weight"].T
        return features, unbiased, unbiased + self.tensors["fc.bias"]


def assert_close(actual, expected):
    """To 1e-5 of the largest entry."""
    assert np.shape(actual) == np.shape(expected)
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()


def saved(torch, tensors, zipped):
    file = io.BytesIO()
    state = OrderedDict((n, torch.from_numpy(np.array(v))) for n, v in tensors.items())
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def publish(monkeypatch, data):
    """As if this were the published file."""
    monkeypatch.setattr(inception_weights, "SHA256", hashlib.sha256(data).hexdigest())


@pytest.fixture(scope="module")
def tensors():
    return random_tensors()


IMAGES = np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)


def torch_inputs(torch, images):
    pixels = np.clip(np.rint((images + 1) * 127.5), 0, 255)
    inputs = ((tf1_resize(pixels, 299) - 128) / 128).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(inputs))


def every_layer(variables, images):
    return InceptionV3().apply(
        variables,
        prepared(images),
        capture_intermediates=True,
        mutable="intermediates",
    )


def assert_layers_equal(seen, reference):
    for name, expected in reference.seen.items():
        layer = functools.reduce(
            dict.__getitem__, name.split("."), seen["intermediates"]
        )
        actual = np.asarray(layer["__call__"][0])
        assert_close(actual.transpose(0, 3, 1, 2), expected.numpy())
        side = SIDES.get(name, actual.shape[1])
        assert actual.shape[1:3] == (side, side)


@pytest.mark.oracle("torch")
def test_stem_equals_pytorch_layer_by_layer(tensors):
    import torch

    reference = Reference(torch, {n: torch.from_numpy(v) for n, v in tensors.items()})
    reference(torch_inputs(torch, IMAGES[:1]), stem_only=True)
    assert reference.seen.keys() == STEM.keys()

    @jax.jit  # Of what is not returned nothing is compiled.
    def stem(variables, images):
        seen = every_layer(variables, images)[1]["intermediates"]
        return {"intermediates": {name: seen[name] for name in STEM}}

    assert_layers_equal(stem(to_variables(tensors, "here"), IMAGES[:1]), reference)


@pytest.mark.oracle("torch")
@pytest.mark.slow
def test_network_equals_pytorch_layer_by_layer(tensors, tmp_path, monkeypatch):
    import torch

    path = tmp_path / "weights.pth"
    path.write_bytes(saved(torch, tensors, zipped=False))
    publish(monkeypatch, path.read_bytes())
    variables = load_inception(path)
    images = jnp.asarray(IMAGES)
    reference = Reference(torch, {n: torch.from_numpy(v) for n, v in tensors.items()})
    features, unbiased, logits = (
        v.numpy() for v in reference(torch_inputs(torch, IMAGES))
    )
    # Jitted, it is several times faster than op by op.
    output, seen = jax.jit(every_layer)(variables, images)
    assert_layers_equal(seen, reference)
    assert_close(output.features, features)
    assert_close(output.unbiased, unbiased)
    assert_close(output.logits, logits)
    exponentials = np.exp(unbiased - unbiased.max(axis=1, keepdims=True))
    # A second pass through the network would show nothing more.
    given = []
    monkeypatch.setattr(
        InceptionV3, "apply", lambda _self, *inputs: given.extend(inputs) or output
    )
    found = extract(variables, images)
    assert given[0] is variables
    np.testing.assert_array_equal(given[1], prepared(images))
    assert_close(found[0], features)
    assert_close(found[1], exponentials / exponentials.sum(axis=1, keepdims=True))


def test_published_file_has_as_many_tensors():
    # Users of the file report 566 entries and 95,628,359 bytes.
    tensors = 6 * len(UNITS) + 2
    numbers = sum(i * o * h * w + 4 * o for i, o, h, w in UNITS.values())
    numbers += 1008 * 2049
    assert tensors == 566
    assert 0 < 95_628_359 - 4 * numbers - 8 * len(UNITS) < 200 * tensors


def tf1_resize(images, size):
    """TensorFlow 1's kernel, written per output pixel: positions in float32."""
    batch, height, width, channels = images.shape
    rows, columns = (np.float32(n) / np.float32(size) for n in (height, width))
    result = np.empty((batch, size, size, channels), np.float32)
    for i in range(size):
        y = np.float32(i) * rows
        top, bottom = int(y), min(int(y) + 1, height - 1)
        for j in range(size):
            x = np.float32(j) * columns
            left, right = int(x), min(int(x) + 1, width - 1)
            along = x - np.float32(left)
            a, b = images[:, top, left], images[:, top, right]
            c, d = images[:, bottom, left], images[:, bottom, right]
            upper, lower = a + (b - a) * along, c + (d - c) * along
            result[:, i, j] = upper + (lower - upper) * (y - np.float32(top))
    return result


@pytest.mark.parametrize("shape", [(32, 32), (13, 46), (64, 80)])
def test_resize_equals_tensorflow_1(shape):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, *shape, 3)).astype(np.float32)
    expected = tf1_resize(images, 61)
    np.testing.assert_allclose(resize(jnp.asarray(images), 61), expected, atol=1e-4)


def test_resize_takes_every_second_pixel_at_half_size_and_all_at_the_same():
    images = jnp.arange(2.0 * 8 * 8 * 3).reshape(2, 8, 8, 3)
    np.testing.assert_array_equal(resize(images, 4), images[:, ::2, ::2])
    np.testing.assert_array_equal(resize(images, 8), images)


def test_resize_has_no_half_pixel_centres():
    ramp = jnp.broadcast_to(jnp.arange(4.0)[None, :, None, None], (1, 4, 4, 1))
    expected = np.minimum(np.arange(8) / 2, 3)
    np.testing.assert_array_equal(resize(ramp, 8)[0, :, 0, 0], expected)


def test_prepared_gives_back_the_eight_bits_of_stored_images():
    pixels = np.arange(299 * 299).reshape(1, 299, 299, 1) % 256
    images = jnp.asarray(pixels, jnp.uint8) / 127.5 - 1
    expected = np.repeat((pixels - 128) / 128, 3, axis=-1)
    np.testing.assert_array_equal(prepared(images), expected)


def test_values_outside_the_range_are_clipped():
    images = jnp.asarray([-3.0, 3.0]).reshape(2, 1, 1, 1)
    found = np.asarray(prepared(images))
    assert found[0].max() == found[0].min() == -1
    assert found[1].max() == found[1].min() == 127 / 128


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((2, 8, 8, 4), "float32"), ((8, 8, 3), "float32"), ((2, 8, 8, 3), "uint8")],
)
def test_images_of_another_kind_are_refused(shape, dtype):
    with pytest.raises(ValueError, match=rf"^images: {dtype}.*\[-1, 1\] with 1 or 3"):
        prepared(jnp.zeros(shape, dtype))


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
    found = place_of("Mixed_5b.branch1x1.bn.running_var")
    assert found == ("batch_stats", "Mixed_5b", "branch1x1", "bn", "var")
    assert place_of("Conv2d_1a_3x3.conv.weight")[1:] == (
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
