"""Image sets on disk: TFDS without TensorFlow, folders, the cache, streams."""

import errno
import io
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from gan_jax.commands import data as data_command
from gan_jax.commands import prepare as prepare_command
from gan_jax.config import DatasetConfig
from gan_jax.data import (
    DATASETS,
    PREFIXES,
    batch_indices,
    cache,
    dataset_entry,
    make_batch_source,
    step_indices,
    stream_batches,
)
from gan_jax.data.core import Stored
from gan_jax.data.images import crop_to_square
from gan_jax.data.tfds import feature_keys, find_builder, to_square

SIZES = [(6 + i, 8) for i in range(12)]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    """A TFDS folder with a prepared set of 12 pictures of several sizes, in 3 classes;
    picture i has the value i everywhere."""
    import tensorflow_datasets as tfds

    class TinyPictures(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(num_classes=3),
            }
            features = tfds.features.FeaturesDict(features)
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i, (height, width) in enumerate(SIZES):
                yield i, {"image": png(np.full((height, width, 3), i)), "label": i % 3}

    folder = tmp_path_factory.mktemp("tfds")
    made = TinyPictures(data_dir=folder)
    made.download_and_prepare(file_format="array_record")
    return folder


@pytest.fixture
def tiny(tiny_folder, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny_folder))


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    file.seek(0)
    return file


def tfds_set(name, **options):
    return PREFIXES["tfds"](name, DatasetConfig(f"tfds:{name}", **options))


def folder_set(path, **options):
    return PREFIXES["folder"](str(path), DatasetConfig(f"folder:{path}", **options))


def test_tfds_set_is_read_whole_with_labels(tiny):
    data = tfds_set("tiny_pictures", resolution=4)
    assert data.spec == ((4, 4, 3), 3, 12, ("0", "1", "2"))
    image, label = data.get(np.arange(12))
    values = np.asarray((image[:, 0, 0, 0] + 1) * 127.5).round().astype(int)
    assert sorted(values) == list(range(12))
    np.testing.assert_array_equal(label, values % 3)
    assert np.ptp(np.asarray(image), axis=(1, 2, 3)).max() == 0


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("cifar100", ("image", "label")),  # beside it a coarse_label
        ("svhn_cropped", ("image", "label")),
        ("fashion_mnist", ("image", "label")),
    ],
)
def test_image_and_label_are_found_among_the_features(name, keys):
    assert feature_keys(find_builder(name), name) == keys


def test_set_prepared_for_tensorflow_alone_says_what_to_do(tiny_folder, tmp_path):
    import shutil

    folder = tmp_path / "records"
    shutil.copytree(tiny_folder, folder)
    (info,) = folder.rglob("dataset_info.json")
    info.write_text(info.read_text().replace('"array_record"', '"tfrecord"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder))
        with pytest.raises(ValueError, match="as tfrecord.*gan-jax prepare"):
            tfds_set("tiny_pictures", resolution=4)


def test_part_of_a_split(tiny):
    assert len(tfds_set("tiny_pictures", resolution=4, split="train[:50%]")) == 6


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("tiny_pictures", {}, ["dataset.resolution"]),
        ("tiny_pictures", {"resolution": 4, "split": "trian"}, ["'trian'", "train"]),
        ("tiny_picture", {"resolution": 4}, ["tiny_picture", "tiny_pictures"]),
        ("fashion_mnist", {}, ["not prepared", "gan-jax prepare fashion_mnist"]),
    ],
)
def test_bad_tfds_request_says_what_to_do(tiny, name, options, words):
    with pytest.raises(ValueError) as error:
        tfds_set(name, **options)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)


def test_preparing_without_tensorflow_gives_the_command(tiny, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setattr(prepare_command, "NEEDED", ("surely_not_installed",))
    assert prepare_command.main(["fashion_mnist"]) == 2
    assert "pip install 'gan_jax[prepare]'" in capsys.readouterr().err
    assert prepare_command.main(["tiny_pictures"]) == 0
    assert "already" in capsys.readouterr().out


def test_second_reading_comes_from_the_cache(tiny, monkeypatch):
    first = tfds_set("tiny_pictures", resolution=4).on_host
    monkeypatch.setattr(cache, "build_entry", None)
    second = tfds_set("tiny_pictures", resolution=4).on_host
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.label, second.label)
    assert isinstance(second.image, np.memmap)


def test_sets_of_one_name_in_two_data_folders_are_two(tiny, tiny_folder, tmp_path):
    """The cached one of the first folder is not read for the second."""
    import shutil

    _ = tfds_set("tiny_pictures", resolution=4).on_host
    shutil.copytree(tiny_folder, tmp_path / "other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path / "other"))
        _ = tfds_set("tiny_pictures", resolution=4).on_host
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("harm", ["truncate", "foreign", "other pixels", "no key"])
def test_damaged_cache_is_built_again(tiny, cache_folder, harm):
    whole = np.array(tfds_set("tiny_pictures", resolution=4).on_host.image)
    (entry,) = cache_folder.iterdir()
    images = entry / "images.npy"
    if harm == "truncate":
        images.write_bytes(images.read_bytes()[:-1])
    elif harm == "foreign":
        images.write_bytes(b"holiday photographs")
    elif harm == "other pixels":
        np.save(images, 255 - whole)
    else:
        (entry / "key.json").unlink()
    again = tfds_set("tiny_pictures", resolution=4).on_host.image
    np.testing.assert_array_equal(again, whole)
    assert [path.name for path in cache_folder.iterdir()] == [entry.name]


def test_failure_while_caching_leaves_nothing(tiny, cache_folder, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "write_images", full)
    with pytest.raises(OSError, match="No space left.*GAN_JAX_CACHE"):
        _ = tfds_set("tiny_pictures", resolution=4).on_host
    assert list(cache_folder.iterdir()) == []


def test_cache_that_cannot_be_made_is_one_clear_error(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="cache .* cannot be written .*GAN_JAX_CACHE"):
        _ = tfds_set("tiny_pictures", resolution=4).on_host


@pytest.fixture
def pictures(tmp_path):
    """Pictures of one grey value in many modes and formats, in two classes."""
    root = tmp_path / "pictures"
    grey = Image.new("L", (12, 8), 100)
    for name in ("cats", "dogs/old"):
        (root / name).mkdir(parents=True)
    grey.save(root / "cats" / "a-grey.png")
    grey.convert("RGB").convert("P").save(root / "cats" / "b-palette.png")
    grey.convert("RGB").save(root / "cats" / "c.webp", lossless=True)
    Image.new("CMYK", (9, 9), (0, 0, 0, 155)).save(root / "dogs" / "d-cmyk.jpg")
    wide = np.full((8, 8), 100 * 257, np.uint16)
    Image.fromarray(wide).save(root / "dogs" / "e-sixteen-bit.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(root / "dogs" / "old" / "f-alpha.PNG")
    return root


def test_folder_reads_every_mode_in_order_with_subfolders_as_labels(pictures):
    data = folder_set(pictures)
    assert data.spec == ((8, 8, 3), 2, 6, ("cats", "dogs"))
    image, label = data.on_host
    assert label.tolist() == [0, 0, 0, 1, 1, 1]
    middle = image[:, 4, 4].astype(int)
    assert np.abs(middle[:5] - 100).max() <= 2  # JPEG and palettes round
    assert (middle[5] == 255).all()  # clear is white


def test_folder_without_subfolders_has_no_labels(pictures):
    data = folder_set(pictures / "cats")
    assert data.spec.label_count is None
    assert data.get(np.arange(3)).label is None


def test_crop_is_centred_and_resize_antialiased():
    stripes = np.zeros((4, 10), np.uint8)
    stripes[:, 3:7] = 200
    out = crop_to_square(Image.fromarray(stripes), 4, 1)
    np.testing.assert_array_equal(out[..., 0], np.full((4, 4), 200))
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 200
    shrunk = crop_to_square(Image.fromarray(checkers.astype(np.uint8)), 8, 1)
    assert np.abs(shrunk.astype(int) - 100).max() <= 3


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_broken_picture_is_named_or_skipped_and_counted(pictures, content):
    bad = pictures / "cats" / "b-broken.png"
    bad.write_bytes(content)
    with pytest.raises(ValueError, match="b-broken.png.*--dataset.skip-bad"):
        _ = folder_set(pictures, resolution=8).on_host
    for _ in ("decoded", "from the cache"):
        data = folder_set(pictures, resolution=8, skip_bad=True)
        assert len(data) == 6
        assert data.get(np.arange(6)).label.tolist() == [0, 0, 0, 1, 1, 1]
        (told,) = data.ignored["broken pictures"]
        assert told.startswith("cats/b-broken.png (")


def test_grey_becomes_rgb_and_alpha_or_sixteen_bits_eight_bit_rgb():
    grey = np.full((4, 4, 1), 7, np.uint8)
    np.testing.assert_array_equal(to_square(grey, 4, 3), np.full((4, 4, 3), 7))
    clear = np.zeros((4, 4, 4), np.uint8)
    np.testing.assert_array_equal(to_square(clear, 4, 3), np.full((4, 4, 3), 255))
    deep = np.full((4, 4, 1), 100 * 257, np.uint16)
    np.testing.assert_array_equal(to_square(deep, 4, 1), np.full((4, 4, 1), 100))


def test_empty_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no PNG"):
        folder_set(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        folder_set(tmp_path / "nowhere")


@pytest.mark.parametrize("flip", [False, True])
def test_streamed_batches_equal_those_on_the_device(tiny, flip):
    data = tfds_set("tiny_pictures", resolution=4, flip=flip)
    order = partial(step_indices, data, 3, 2, [5])
    sources = [make_batch_source(data, limit) for limit in (1.0, 0.0)]
    assert [one.streams for one in sources] == [False, True]
    bounds = np.array([2, 3, 6, 8])
    ways = [
        [one.gather(one.shared, split) for split in stream_batches(one, order, bounds)]
        for one in sources
    ]
    for way in ways:
        assert [batch.image.shape[1] for batch in way] == [1, 3, 2]
    for kept, sent in zip(*ways, strict=True):
        assert kept.image.shape[2:] == (2, 3, 4, 4, 3)
        np.testing.assert_array_equal(kept.image, sent.image)
        np.testing.assert_array_equal(kept.label, sent.label)
    for step, image in enumerate(np.concatenate([w.image[0] for w in ways[0]]), 2):
        own = batch_indices(len(data), 3, 2, 5, step)
        np.testing.assert_array_equal(image, data.get(own).image)


def test_stacked_mnist_is_three_digits_and_a_pure_function_of_seed(monkeypatch):
    digits = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 28, 28, 1), np.uint8
    )
    label = np.arange(20, dtype=np.int32) % 10

    def mnist(name, config):
        from gan_jax.data import Dataset, Spec

        return Dataset(Spec((28, 28, 1), 10, 20), lambda: Stored(digits, label))

    module = sys.modules["gan_jax.data.stacked_images"]
    monkeypatch.setattr(module, "tfds_set", mnist)
    make = DATASETS["stacked_mnist"]
    data = make(DatasetConfig("stacked_mnist", size=500, seed=3))
    assert data.spec == ((28, 28, 3), 1000, 500, None)
    image, label = data.get(np.arange(500))
    value = np.asarray((image[:, 14, 14] + 1) * 127.5).round().astype(int)
    a, b, c = (value % 10).T
    np.testing.assert_array_equal(label, 100 * a + 10 * b + c)
    chosen = np.random.default_rng(3).integers(20, size=(500, 3), dtype=np.int32)
    np.testing.assert_array_equal(value, chosen)
    padded = make(DatasetConfig("stacked_mnist", size=5, resolution=32)).get([0]).image
    assert padded.shape == (1, 32, 32, 3)
    assert (np.asarray(padded)[:, :2] == -1).all()
    assert len(make(DatasetConfig("stacked_mnist"))) == 128_000


def test_stacked_digits_are_triples_of_scans():
    scans = DATASETS["digits"](DatasetConfig("digits")).get(np.arange(1797))
    config = DatasetConfig("stacked_digits", size=300, seed=3)
    data = DATASETS["stacked_digits"](config)
    assert data.spec == ((8, 8, 3), 1000, 300, None)
    image, label = data.get(np.arange(300))
    chosen = np.random.default_rng(3).integers(1797, size=(300, 3), dtype=np.int32)
    for channel in range(3):
        own = np.asarray(scans.image)[chosen[:, channel], ..., 0]
        np.testing.assert_array_equal(image[..., channel], own)
    digit = np.asarray(scans.label)[chosen]
    np.testing.assert_array_equal(label, digit @ [100, 10, 1])
    entry = dataset_entry("stacked_digits")
    assert entry.held_out(config, config) == replace(config, seed=4)
    assert entry.parts.config(config) == DatasetConfig("digits")


@pytest.mark.data("mnist")
def test_real_mnist_has_its_published_statistics():
    data = DATASETS["mnist"](DatasetConfig("mnist"))
    image, label = data.on_host
    assert image.shape == (60000, 28, 28, 1)
    np.testing.assert_allclose(image.mean() / 255, 0.1307, atol=5e-5)
    np.testing.assert_allclose(image.std() / 255, 0.3081, atol=5e-5)
    histogram = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(label).tolist() == histogram


@pytest.mark.data("cifar10")
def test_real_cifar10_has_its_published_statistics_without_tensorflow(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # importing it would raise
    data = DATASETS["cifar10"](DatasetConfig("cifar10"))
    image, label = data.on_host
    assert image.shape == (50000, 32, 32, 3)
    means = image.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=5e-5)
    assert np.bincount(label).tolist() == [5000] * 10


def test_looking_at_a_set_writes_a_picture_and_its_facts(tmp_path, capsys, tiny):
    out = tmp_path / "preview.png"
    flags = ["--resolution", "8", "--out", str(out)]
    assert data_command.main(["tfds:tiny_pictures", *flags]) == 0
    text = capsys.readouterr().out
    assert "examples   12" in text
    assert "0: 4, 1: 4, 2: 4" in text
    mean = np.mean(np.arange(12)) / 255
    assert f"{mean:.4f}".rstrip("0") in text
    with Image.open(out) as picture:
        assert picture.mode == "RGB"
    assert data_command.main(["rings", "--out", str(out)]) == 0
    assert "endless" in capsys.readouterr().out
    assert data_command.main(["mnitss"]) == 2
    assert "mnist" in capsys.readouterr().err
