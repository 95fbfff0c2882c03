"""`gan-jax evaluate --samples A --against B` of folders, arrays, data sets and runs."""

import json

import numpy as np
import pytest
from PIL import Image
from undrawn import without_pictures

from gan_jax import Config, train
from gan_jax.command_line.number_table import format_value, print_numbers
from gan_jax.commands.evaluate import main
from gan_jax.commands.sample import main as draw
from gan_jax.config import DatasetConfig, LogConfig, ModelConfig
from gan_jax.data import DATASETS
from gan_jax.logs.images import to_uint8, write_array, write_images
from gan_jax.metrics import kernel_distance, sliced_wasserstein


@pytest.fixture(scope="module")
def scans():
    """The digits, 1,797 grey images of 8 pixels."""
    data = DATASETS["digits"](DatasetConfig("digits"))
    return np.asarray(data.get(np.arange(1797)).image)


@pytest.fixture(scope="module")
def place(tmp_path_factory, scans):
    """The first 120 digits as a folder, the next 140 as an array, and a run."""
    place = tmp_path_factory.mktemp("sets")
    write_images(place / "png", scans[:120])
    write_array(place / "later.npz", scans[120:260])
    config = Config(
        steps=2,
        batch_size=8,
        dataset=DatasetConfig("digits"),
        model=ModelConfig("mlp", width=8, z_dim=4),
        log=LogConfig(every=1),
    )
    with without_pictures():
        train(config, place / "run")
    return place


@pytest.fixture(autouse=True)
def own_folder(place, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(place)


def measure(capsys, *arguments, extractor="pixels"):
    """Return the row that the command prints."""
    flags = ["--json", "--extractor", extractor]
    assert main([*arguments, *flags]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def fail(capsys, *arguments, extractor="pixels"):
    """Return the one line that the command ends with."""
    assert main([*arguments, "--extractor", extractor]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    return said


def test_folder_against_array_is_the_distance_of_their_pixels(scans, capsys):
    row = measure(
        capsys, "--samples", "png", "--against", "later.npz", "--metrics", "kid,swd"
    )
    eight_bit = to_uint8(scans[:260]).reshape(260, -1) / 127.5 - 1
    chosen = np.random.default_rng(0).permutation(140)[:120]
    ours, theirs = eight_bit[:120], eight_bit[120:][chosen]
    for name, distance in (
        ("kernel_distance", kernel_distance),
        ("sliced_wasserstein", sliced_wasserstein),
    ):
        expected = distance(theirs, ours)
        assert row["metrics"][name] == pytest.approx(expected, rel=1e-4)
        low, high = row["intervals"][name]
        assert low < row["metrics"][name] < high
    mark = row["fingerprint"]
    assert (mark["n_real"], mark["samples"], mark["dataset"]) == (
        120, "png", "later.npz",
    )  # fmt: skip
    assert row["floor"]["n"] == 60  # 140 are too few for 120 others


@pytest.mark.parametrize(
    ("samples", "against"),
    [("png", "digits"), ("digits", "png"), ("run", "png"), ("png", "run"),
     ("run", "run"), ("digits", "digits"), ("later.npz", "run")],
)  # fmt: skip
def test_every_kind_of_set_can_be_either_side(samples, against, capsys):
    row = measure(
        capsys, "--samples", samples, "--against", against, "--n", "40",
        "--metrics", "swd",
    )  # fmt: skip
    assert row["fingerprint"]["n_fake"] == row["fingerprint"]["n_real"] == 40
    assert row["metrics"]["sliced_wasserstein"] >= 0
    shared = [line for line in row["warnings"] if "are among those" in line]
    assert bool(shared) == (samples == against == "digits")


def test_set_and_itself_are_told(capsys):
    for name in ("png", "later.npz"):
        row = measure(capsys, "--samples", name, "--against", name, "--metrics", "swd")
        assert row["metrics"]["sliced_wasserstein"] == 0
        assert any(
            f"examples of {name} are among those" in line for line in row["warnings"]
        )


def test_samples_of_a_run_are_those_that_it_writes(capsys, tmp_path):
    """RUN, `--samples RUN` and the array that `sample` writes of it are one set."""
    array = str(tmp_path / "drawn.npz")
    assert draw(["run", "--npz", array, "--n", "100"]) == 0
    capsys.readouterr()
    flags = ["--against", "later.npz", "--n", "100", "--metrics", "swd,kid"]
    rows = [
        measure(capsys, *words, *flags)
        for words in (["run"], ["--samples", "run"], ["--samples", array])
    ]
    assert rows[0]["metrics"] == rows[1]["metrics"]
    for name in ("kernel_distance", "sliced_wasserstein"):  # of 8 bits
        assert rows[2]["metrics"][name] == pytest.approx(
            rows[0]["metrics"][name], rel=0.02
        )


def test_classes_of_the_samples_data_set_measure_files(capsys, monkeypatch):
    """`cnn` of files against a data set; files alone have no classifier."""
    said = fail(capsys, "--against", "png", extractor="cnn")
    assert "'png': has no classifier (digits, " in said
    assert said.endswith("choose the extractor lite0, inception or pixels")
    seen = []
    monkeypatch.setattr(
        "gan_jax.features.extractors.trained_classifier",
        lambda config: seen.append(config.name) or (_ for _ in ()).throw(ValueError),
    )
    for sides in (("png", "digits"), ("digits", "png"), ("png", "later.npz")):
        flags = ["--samples", sides[0], "--against", sides[1]]
        assert main([*flags, "--extractor", "cnn"]) == 2
    capsys.readouterr()
    assert seen == ["digits", "digits", "later.npz"]


def test_floor_of_files_is_of_their_halves(scans, capsys):
    row = measure(capsys, "--against", "later.npz", "--metrics", "kid")
    eight_bit = to_uint8(scans[120:260]).reshape(140, -1) / 127.5 - 1
    order = np.random.default_rng(0).permutation(140)
    expected = kernel_distance(eight_bit[order[:70]], eight_bit[order[70:]])
    assert row["metrics"] is None
    assert row["floor"]["kernel_distance"] == pytest.approx(expected, rel=1e-4)


def test_floor_of_files_with_spare_examples_is_of_as_many_others(scans, capsys):
    flags = ["--samples", "png", "--against", "later.npz", "--n", "70"]
    row = measure(capsys, *flags, "--metrics", "kid")
    alone = measure(capsys, "--against", "later.npz", "--metrics", "kid")
    assert row["floor"] == pytest.approx(alone["floor"], rel=1e-4)  # the same 70, 70
    assert not any("no floor" in line for line in row["warnings"])


def test_table_shows_half_the_interval_and_the_content(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    flags = ["--samples", "png", "--against", "later.npz", "--metrics", "kid"]
    row = measure(capsys, *flags)
    assert main([*flags, "--extractor", "pixels"]) == 0
    said = capsys.readouterr().out
    assert format_value(row, "kernel_distance") in said
    assert row["fingerprint"]["content"] in said


@pytest.mark.parametrize("terminal", ["1", ""])
def test_no_number_of_the_table_is_broken(terminal, capsys, monkeypatch):
    """It is wider than 80 columns; on a terminal rows and columns are exchanged."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", terminal)
    row = measure(capsys, "--samples", "png", "--against", "later.npz", "--n", "40")
    value, error = "kernel_distance_subsets", "kernel_distance_standard_error"
    row["metrics"] = {value: -0.0878, error: 0.0012345}
    row["intervals"] = {value: (-0.0907, -0.0849)}
    row["floor"] = {value: -0.00012345, error: 0.0054321, "n": 40}
    print_numbers(row)
    lines = [x for x in capsys.readouterr().out.splitlines() if "│" in x]
    for text in ("-0.0878 +- 0.0029", "floor -0.00012345", "0.0012345", "0.0054321"):
        assert sum(text in line for line in lines) == 1
    assert (max(map(len, lines)) <= 80) == bool(terminal)


def test_two_pictures_have_no_floor_to_print(scans, tmp_path, capsys):
    for name in ("a", "b"):
        write_images(tmp_path / name, scans[:2])
    sides = ["--samples", str(tmp_path / "a"), "--against", str(tmp_path / "b")]
    assert main([*sides, "--extractor", "pixels"]) == 0
    said = capsys.readouterr().out
    assert "samples (n = 2)" in said and "sliced_wasserstein" in said
    assert "real data" not in said and "no floor of swd" in said


def test_folder_named_as_a_data_set_is_a_path(scans, tmp_path, monkeypatch, capsys):
    write_images(tmp_path / "digits", scans[:30])
    monkeypatch.chdir(tmp_path)
    for name, content in (("digits", 1797), ("./digits", 30)):
        row = measure(capsys, "--against", name, "--metrics", "swd")
        assert row["fingerprint"]["n_real"] == content


def test_one_changed_picture_of_many_is_another_content(scans, capsys, tmp_path):
    """And it is, at any of its places; an older hash looked at 64 of them."""
    write_images(tmp_path / "set", scans[:200])
    flags = ["--against", str(tmp_path / "set"), "--metrics", "swd"]
    before = measure(capsys, *flags)["fingerprint"]["content"]
    changed = tmp_path / "set" / "000131.png"
    pixels = np.asarray(Image.open(changed)).copy()
    pixels[3, 3] ^= 1
    Image.fromarray(pixels).save(changed)
    assert measure(capsys, *flags)["fingerprint"]["content"] != before


def save(place, **arrays):
    np.savez(place, **arrays)
    return str(place)


IMAGES = np.random.default_rng(0).uniform(-1, 1, (20, 8, 8, 1)).astype(np.float32)
HOLE = IMAGES.copy()
HOLE[[3, 7], 2, 2] = np.nan


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"arr_0": HOLE}, "arr_0 has NaN or infinity in 2 of 20 examples"),
        ({"mu": np.zeros(3), "sigma": np.eye(3)}, "holds mu, sigma; keep one array"),
        ({"x": np.zeros((20, 3), int)}, "is int64 (20, 3); images [N, H, W, C]"),
        ({"x": np.zeros((20, 1, 8, 8))}, "with C 1 or 3"),
        ({"x": IMAGES * 100}, "; give floats in [-1, 1], or uint8"),
        ({"x": abs(IMAGES)}, "seems to be in [0, 1]"),
        ({"x": np.zeros((9, 8, 8, 1), np.int64)}, "is int64; give uint8"),
        ({"x": IMAGES[:1]}, "holds 1 example, and a comparison needs 2"),
        ({"x": IMAGES[:0]}, "is float32 (0, 8, 8, 1)"),
        ({"x": np.repeat(IMAGES, 3, axis=3)}, "of shape (8, 8, 1), the samples of"),
        ({}, "holds no array"),
    ],
)
def test_unusable_array_is_one_line(arrays, words, tmp_path, capsys):
    array = save(tmp_path / "x.npz", **arrays)
    said = fail(capsys, "--samples", array, "--against", "png")
    assert words in said
    said = fail(capsys, "--samples", "png", "--against", array)
    assert "x.npz" in said


def test_unreadable_files_are_one_line(tmp_path, capsys):
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    (tmp_path / "empty").mkdir()
    write_images(tmp_path / "two", IMAGES[:2])
    (tmp_path / "two" / "000001.png").write_bytes(b"no picture")
    write_images(tmp_path / "sizes", IMAGES[:1])
    Image.new("L", (5, 6)).save(tmp_path / "sizes" / "b.png")
    array = np.arange(3)
    np.save(tmp_path / "plain.npy", array)
    for name, words in (
        ("bad.npz", "bad.npz: is no .npz file; np.savez writes one"),
        ("plain.npy", "plain.npy: is no .npz file; np.savez writes one"),
        ("folder", "there is no such file, folder, run or data set"),
        ("missing.npz", "there is no such file"),
        ("empty", "holds no PNG"),
        ("two", "000001.png: cannot be read"),
        ("sizes", "of several sizes, such as 000000.png (8 x 8) and b.png (5 x 6)"),
    ):
        path = str(tmp_path / name)
        assert words in fail(capsys, "--samples", path, "--against", "png")
        assert words in fail(capsys, "--against", path)


@pytest.mark.parametrize(
    ("value", "half", "shown"),
    [
        (-0.00054948, 0.0024, "-0.0005 +- 0.0024"),
        (12.3456, 1.04, "12.3 +- 1.0"),
        (1234.5, 67.0, "1234 +- 67"),
        (2.0, 0.0, "2 +- 0"),
    ],
)
def test_a_number_has_the_digits_of_its_interval(value, half, shown):
    interval = value - half, value + half
    row = {"metrics": {"x": value}, "intervals": {"x": interval}}
    assert format_value(row, "x") == shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--samples", "digitz", "--against", "png"], "did you mean 'digits'"),
        (["--samples", "png"], "against: say what the samples are compared with"),
        (["run", "--samples", "png"], "samples: is given beside run"),
        (["--against", "png", "--reference", "x"], "reference: is given beside"),
        (["--samples", "png", "--against", "digits", "--ema"], "--ema has no effect"),
        (["--samples", "png", "--against", "run", "--split", "x"], "--split has no"),
        (["--samples", "png", "--against", "digits", "--n", "121"], "n 121: must be 2"),
        (["--samples", "ring", "--against", "png"], "of shape (8, 8, 1)"),
    ],
)  # fmt: skip
def test_sides_that_do_not_go_together_are_one_line(arguments, words, capsys):
    assert words in fail(capsys, *arguments)


def test_pictures_of_colour_and_grey_are_rgb(tmp_path, capsys):
    """Transparent and turned pictures too are as the file shows them."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    Image.new("L", (6, 4), 51).save(folder / "a.png")
    Image.new("RGB", (6, 4), (255, 0, 0)).save(folder / "b.png")
    turned = Image.new("RGB", (4, 6), (0, 255, 0))
    exif = Image.Exif()
    exif[274] = 6
    turned.save(folder / "c.png", exif=exif)
    Image.new("RGBA", (6, 4), (0, 0, 0, 51)).save(folder / "d.png")
    array = np.zeros((4, 4, 6, 3), np.uint8)
    array[0], array[1, ..., 0], array[2, ..., 1] = 51, 255, 255
    array[3] = 204  # black of which a fifth is opaque, over white
    same = save(tmp_path / "same.npz", x=array)
    row = measure(
        capsys, "--samples", str(folder), "--against", same, "--metrics", "swd"
    )
    assert row["metrics"]["sliced_wasserstein"] == 0
