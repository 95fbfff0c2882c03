"""Data sets: what is in them, how it is read, and in which order it is used."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gan_jax.assembly.assemble import build
from gan_jax.config import Config, DatasetConfig, ModelConfig
from gan_jax.data import DATASETS, TOYS, Stored, gather
from gan_jax.data.core import ENDLESS, read_rows, rows_to_batch
from gan_jax.data.digits import resize_images

LOCAL = [*TOYS, "digits"]  # The sets that need no download.


def dataset(name, **options):
    return DATASETS[name](DatasetConfig(name, **options))


def ring_centres():
    angle = 2 * np.pi * np.arange(8) / 8
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def grid_centres():
    return np.array([(x, y) for y in range(-4, 5, 2) for x in range(-4, 5, 2)], float)


@pytest.mark.parametrize(
    "name, options, centres, sigma",
    [
        ("ring", {}, ring_centres(), 0.01),
        ("ring", {"sigma": 0.3}, ring_centres(), 0.3),
        ("grid", {"size": 40_000}, grid_centres(), 0.05),
    ],
)
def test_mode_of_each_label_has_its_centre_and_spread(name, options, centres, sigma):
    data, size = dataset(name, **options), 40_000
    points, label = (np.asarray(x) for x in data.get(np.arange(size)))
    assert points.dtype == np.float32
    assert len(data) == options.get("size", ENDLESS)
    assert len(np.unique(centres, axis=0)) == data.spec.label_count
    for index, centre in enumerate(centres):
        mode = points[label == index].astype(np.float64)
        n = len(mode)
        share = 1 / len(centres)
        assert abs(n - size * share) < 5 * np.sqrt(size * share * (1 - share))
        # Five standard errors: of a mean, and of a deviation over 2n coordinates.
        np.testing.assert_allclose(
            mode.mean(axis=0), centre, rtol=0, atol=5 * sigma / np.sqrt(n)
        )
        spread = np.sqrt(((mode - centre) ** 2).mean())
        np.testing.assert_allclose(spread, sigma, rtol=5 / np.sqrt(4 * n))


def test_digits_are_the_scans_of_scikit_learn_between_minus_1_and_1():
    data, (pixels, label) = dataset("digits"), load_digits(return_X_y=True)
    image, labels = data.get(np.arange(len(data)))
    assert image.shape == (1797, 8, 8, 1)
    assert image.dtype == np.float32
    # 0 is -1, the brightest value, 16, is 1.
    expected = np.interp(pixels, [0, 16], [-1, 1]).reshape(-1, 8, 8, 1)
    np.testing.assert_allclose(image, expected, atol=1e-6)
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(label))


def test_uint8_images_become_floats_between_minus_1_and_1():
    pixels = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1)
    batch = gather(Stored(pixels, None), np.arange(3))
    assert batch.label is None
    # 51 is a fifth of 255.
    np.testing.assert_allclose(batch.image.ravel(), [-1, -0.6, 1], atol=1e-6)


def test_indices_keep_their_leading_axes():
    indices = np.arange(6).reshape(2, 3)
    batch = dataset("digits").get(indices)
    assert batch.image.shape == (2, 3, 8, 8, 1)
    assert batch.label.shape == (2, 3)


def test_resized_images_are_linear_in_between():
    """Pixel centres lie at (i + 1/2) / n: twice as many fall at quarters."""
    image = np.array([[0.0, 4.0], [0.0, 4.0]], np.float32).reshape(1, 2, 2, 1)
    rows = resize_images(image, 4)[0, :, :, 0]
    np.testing.assert_allclose(rows, np.tile([0, 1, 3, 4], (4, 1)), atol=1e-5)


def test_shrunk_images_are_antialiased():
    """Halved, the triangle is 4 wide: weights 3, 3, 1 over 7 at the border."""
    row = np.array([7.0, 0.0, 0.0, 0.0], np.float32)
    image = np.tile(row, (4, 1)).reshape(1, 4, 4, 1)
    rows = resize_images(image, 2)[0, :, :, 0]
    np.testing.assert_allclose(rows, np.tile([3, 0], (2, 1)), atol=1e-5)


@pytest.mark.parametrize("side", [4, 16, 28])
def test_resolution_resizes_the_digits(side):
    data = dataset("digits", resolution=side)
    image = data.get(np.arange(5)).image
    assert data.spec.shape == (side, side, 1)
    assert image.shape == (5, side, side, 1)
    assert np.abs(image).max() <= 1 + 1e-6


def test_flip_doubles_the_set_and_mirrors_left_to_right():
    data, once = dataset("digits", flip=True), dataset("digits")
    n = len(once)
    assert len(data) == 2 * n
    indices = np.array([0, 7, n - 1])
    image, label = once.get(indices)
    for offset, expected in ((0, image), (n, np.flip(image, axis=2))):
        batch = data.get(indices + offset)
        np.testing.assert_array_equal(batch.image, expected)
        np.testing.assert_array_equal(batch.label, label)


def test_streamed_rows_equal_gathered_ones():
    random = np.random.default_rng(0)
    stored = Stored(
        random.integers(256, size=(10, 4, 4, 1)).astype(np.uint8), np.arange(10)
    )
    indices = np.array([[3, 19, 3], [0, 10, 9]])
    for ours, theirs in zip(
        rows_to_batch((), read_rows(stored, indices)),
        gather(stored, indices),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", LOCAL)
def test_spec_tells_what_the_data_are(name):
    data = dataset(name)
    image, label = data.get(np.arange(2000) % len(data))
    assert image.shape[1:] == data.spec.shape
    assert set(np.unique(label)) == set(range(data.spec.label_count))


@pytest.mark.parametrize("name", LOCAL)
def test_building_a_gan_reads_no_pixels(name, monkeypatch):
    def read():
        raise AssertionError("read")

    make = DATASETS[name]
    unread = replace(make(DatasetConfig(name)), read=read)
    monkeypatch.setitem(DATASETS, name, lambda config: unread)
    gan = build(Config(dataset=DatasetConfig(name), model=ModelConfig("mlp")))
    assert gan.data_shape == unread.spec.shape
    with pytest.raises(AssertionError, match="read"):
        unread.get(np.arange(2))
