"""Toy distributions: their densities are true, their modes are distinct."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gan_jax.config import DatasetConfig
from gan_jax.data import DATASETS, TOYS, log_density
from gan_jax.data.core import hash_arrays
from gan_jax.data.toys import normal_from_bits
from gan_jax.metrics import quality_radius

POINTS = {"dirac": 1, "bilinear": 2}
SEPARATE = "ring", "grid", "small_grid", "rings", "mixture_8d", "mixture_16d"
"""Toys whose modes are so far apart that their entropy is known."""
SPREAD = [name for name in TOYS if name not in POINTS]


@pytest.mark.parametrize("name", SPREAD)
def test_log_density_is_the_mixtures(name):
    mixture = TOYS[name](DatasetConfig(name))
    shape = 5, mixture.centres.shape[1]
    points = np.random.default_rng(0).normal(size=shape) * 0.1
    points += np.resize(mixture.centres, shape)
    each = [
        stats.multivariate_normal(centre, mixture.sigma**2).pdf(points)
        for centre in mixture.centres
    ]
    expected = np.log(np.mean(each, axis=0) + 1e-300)
    ours = log_density(mixture, jnp.asarray(points, jnp.float32))
    seen = expected > -600
    np.testing.assert_allclose(np.asarray(ours)[seen], expected[seen], rtol=2e-3)


@pytest.mark.parametrize("name", SPREAD)
def test_points_have_the_entropy_of_the_density(name):
    """For separated Gaussians `-E log p = log K + D / 2 log(2 pi e sigma^2)`."""
    mixture = TOYS[name](DatasetConfig(name))
    points = DATASETS[name](DatasetConfig(name)).get(np.arange(4000)).image
    dimension = points.shape[1]
    if name in SEPARATE:
        entropy = np.log(len(mixture.centres)) + dimension / 2 * (
            np.log(2 * np.pi * np.e) + 2 * np.log(mixture.sigma)
        )
        # -log p of a Gaussian point varies by D / 2 around its mean.
        measured = -np.asarray(log_density(mixture, points)).mean()
        deviation = np.sqrt(dimension / 2 / 4000)
        np.testing.assert_allclose(measured, entropy, atol=5 * deviation)
    nearest = np.asarray(points)[:, None] - mixture.centres
    distance = np.sqrt((nearest**2).sum(-1)).min(axis=1)
    assert np.quantile(distance, 0.9) < quality_radius(dimension) * mixture.sigma


def test_modes_are_as_many_as_named():
    counts = {"ring": 8, "grid": 25, "random_mixture": 20, "rings": 64}
    counts |= {"small_grid": 9, "mixture_8d": 16, "mixture_16d": 32}
    counts |= dict.fromkeys(POINTS, 1)
    for name, count in counts.items():
        mixture = TOYS[name](DatasetConfig(name))
        assert len(np.unique(mixture.centres.round(9), axis=0)) == count
        assert len(set(mixture.mode_of)) == count
    assert set(TOYS["swiss_roll"](DatasetConfig()).mode_of) == {0}


@pytest.mark.parametrize("name, dimension", POINTS.items())
def test_dirac_and_bilinear_data_are_one_point_at_zero(name, dimension):
    image = DATASETS[name](DatasetConfig(name)).get(np.arange(3)).image
    np.testing.assert_array_equal(image, np.zeros((3, dimension)))


def test_fresh_points_are_a_pure_function_of_their_index():
    data = DATASETS["ring"](DatasetConfig("ring"))
    some = np.array([[5, 123456789], [7, 5]])
    image = np.asarray(data.get(some).image)
    np.testing.assert_array_equal(image[0, 0], image[1, 1])
    alone = np.asarray(data.get(np.array([123456789])).image)
    np.testing.assert_array_equal(image[0, 1], alone[0])


def test_modes_are_drawn_independently_and_uniformly():
    """Counts of pairs of neighbours (what a packed D sees) fit a uniform table."""
    labels = np.asarray(
        DATASETS["ring"](DatasetConfig("ring")).get(np.arange(6400)).label
    )
    pairs = np.bincount(8 * labels[::2] + labels[1::2], minlength=64)
    assert stats.chisquare(pairs).pvalue > 1e-3


def test_noise_is_normal_and_independent_of_the_mode():
    """Each coordinate's noise fits N(0, 1), and a uniform table with mode and sign.

    At the ring's sigma of 0.01 a point is `e = (x - centre) / sigma` away from its
    centre, with an error of 1e-5 from float32.
    """
    mixture = TOYS["ring"](DatasetConfig("ring"))
    batch = DATASETS["ring"](DatasetConfig("ring")).get(np.arange(40_000))
    label = np.asarray(batch.label)
    noise = (np.asarray(batch.image) - mixture.centres[label]) / mixture.sigma
    for axis in range(2):
        assert stats.kstest(noise[:, axis], "norm").pvalue > 1e-3
    quarter = (noise > 0) @ [2, 1]
    cells = np.bincount(4 * label + quarter, minlength=32)
    assert stats.chisquare(cells).pvalue > 1e-3
    size = np.searchsorted(stats.norm.ppf([0.625, 0.75, 0.875]), np.abs(noise))
    cells = np.bincount(4 * size[:, 0] + size[:, 1], minlength=16)
    assert stats.chisquare(cells).pvalue > 1e-3


def test_normal_from_bits_is_the_quantile_function():
    """k of the upper 23 bits is the quantile at `(k + 1/2) / 2^23`."""
    k = np.array([0, 1, 2**21, 2**22 - 1, 2**22, 2**22 + 2**21, 2**23 - 1])
    expected = stats.norm.ppf((k + 0.5) / 2**23)
    for lower in (0, 2**9 - 1):
        bits = jnp.asarray(k * 2**9 + lower, jnp.uint32)
        np.testing.assert_allclose(normal_from_bits(bits), expected, rtol=1e-5)


def test_toys_that_differ_in_sigma_share_one_compiled_function():
    narrow, wide = (
        DATASETS["ring"](DatasetConfig("ring", sigma=sigma)) for sigma in (0.01, 0.05)
    )
    traces = []

    @jax.jit
    def draw(stored, indices):
        traces.append(indices)
        return narrow.gather(stored, indices).image

    indices = jnp.arange(100)
    images = [draw(data.on_device, indices) for data in (narrow, wide)]
    assert narrow.gather is wide.gather
    assert len(traces) == 1
    mixture = TOYS["ring"](DatasetConfig("ring"))
    centres = mixture.centres[np.asarray(narrow.get(indices).label)]
    noise = [np.asarray(image) - centres for image in images]
    np.testing.assert_allclose(noise[1], 5 * noise[0], atol=1e-6)
    assert narrow.fingerprint != wide.fingerprint
    content = np.float32(mixture.centres), np.int32(mixture.mode_of), np.float64(0.01)
    assert narrow.fingerprint == hash_arrays(content)


def test_random_mixture_depends_on_its_seed():
    first, same, other = (
        TOYS["random_mixture"](DatasetConfig(seed=seed)).centres for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.1
