"""Toy distributions: mixtures of equal Gaussians, whose densities are exact.

Point i is `centre[k] + sigma e`, with k uniform and `e ~ N(0, I)`, both drawn from
`fold_in(key(ROOT), i)`. So a point is a pure function of its index, and is drawn where
it is needed. Points are independent of each other, because a discriminator of packs
relies on it. A toy is endless by default; `dataset.size` fixes how many points there
are. To add a toy, write its mixture and add a line to SETS.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import ENDLESS, Dataset, Spec
from gan_jax.data.entry import DatasetEntry
from gan_jax.data.mixture import Mixture
from gan_jax.types import Array, Batch

ROOT = 4_000_000_007
"""The seed of the points, which no run uses for anything else."""


def draw_points(stored: tuple[Array, Array, Array], indices: Array) -> Batch:
    """Return the points at `indices [...]`, labelled with their mode.

    stored: The centres `[K, D]`, the mode of each `[K]`, and sigma.
    """
    centres, mode_of = (jnp.asarray(array) for array in stored[:2])
    sigma = jnp.asarray(stored[2], centres.dtype)
    count, dimension = centres.shape

    def draw_point(index: Array) -> tuple[Array, Array]:
        key = jax.random.fold_in(jax.random.key(ROOT), index)
        bits = jax.random.bits(key, (1 + dimension,), jnp.uint32)
        which = bits[0] % count
        return centres[which] + sigma * normal_from_bits(bits[1:]), mode_of[which]

    points, modes = jax.vmap(draw_point)(indices.reshape(-1))
    return Batch(points.reshape(*indices.shape, -1), modes.reshape(indices.shape))


def normal_from_bits(bits: Array) -> Array:
    """Return standard normal float32 numbers, one for each uniform uint32.

    It is `sqrt(2) erfinv(u)` with `u = (2 k + 1) / 2^23 - 1`, k the upper 23 bits. So u
    lies on an even, symmetric grid of step `2^-22` within (-1, 1), which float32 holds
    exactly.
    """
    k = (bits >> 9).astype(jnp.float32)
    return np.float32(np.sqrt(2)) * jax.scipy.special.erfinv((2 * k + 1) / 2**23 - 1)


def separate_modes(centres: np.ndarray, sigma: float) -> Mixture:
    """Return the mixture in which every centre is a mode of its own."""
    return Mixture(centres, sigma, np.arange(len(centres)))


def circle(count: int, radius: float = 1.0) -> np.ndarray:
    """Return `count` points at angles `2 pi i / count`, `[count, 2]`."""
    angle = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def square_grid(count: int, half: float) -> np.ndarray:
    """Return `count x count` points at equal steps over `[-half, half]^2`, `[n, 2]`."""
    places = np.linspace(-half, half, count)
    return np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)


def dirac(config: DatasetConfig) -> Mixture:
    """One point at 0 on a line, the data of the Dirac-GAN.

    Mescheder et al. 2018, arXiv 1801.04406.
    """
    return separate_modes(np.zeros((1, 1)), config.sigma or 0.0)


def bilinear(config: DatasetConfig) -> Mixture:
    """One point at 0 in a plane: with loss.name wasserstein, the bilinear game."""
    return separate_modes(np.zeros((1, 2)), config.sigma or 0.0)


def ring(config: DatasetConfig) -> Mixture:
    """8 Gaussians on a circle of radius 1, at angles `2 pi i / 8`, sigma 0.01.

    Lin et al. 2018, arXiv 1712.04086.
    """
    return separate_modes(circle(8), config.sigma or 0.01)


def imbalanced_ring(config: DatasetConfig) -> Mixture:
    """The ring with 1% of the points in mode 0, and the rest shared equally.

    It is made of 700 equal Gaussians: 7 in mode 0, 99 in each of the other modes.
    """
    mode_of = np.concatenate([np.zeros(7, int), 1 + np.arange(693) % 7])
    return Mixture(circle(8)[mode_of], config.sigma or 0.01, mode_of)


def grid(config: DatasetConfig) -> Mixture:
    """25 Gaussians on a 5 x 5 grid over `[-4, 4]^2`, sigma 0.05.

    Lin et al. 2018, arXiv 1712.04086.
    """
    return separate_modes(square_grid(5, 4.0), config.sigma or 0.05)


def small_grid(config: DatasetConfig) -> Mixture:
    """9 Gaussians on a 3 x 3 grid over `[-1, 1]^2`, sigma 0.05. Source: none."""
    return separate_modes(square_grid(3, 1.0), config.sigma or 0.05)


def random_mixture(config: DatasetConfig) -> Mixture:
    """20 Gaussians at uniform places in `[-2, 2]^2`, from dataset.seed; sigma 0.05."""
    places = np.random.default_rng(config.seed).uniform(-2, 2, (20, 2))
    return separate_modes(places, config.sigma or 0.05)


def swiss_roll(config: DatasetConfig) -> Mixture:
    """A spiral of one and a half turns, radius 1/3 to 1, as one mode; sigma 0.02.

    The curve is 1,000 equal Gaussians at equal steps of the angle.
    """
    angle = 1.5 * np.pi * (1 + 2 * np.linspace(0, 1, 1000))
    radius = angle / angle[-1]
    curve = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Mixture(curve, config.sigma or 0.02, np.zeros(1000, int))


def rings(config: DatasetConfig) -> Mixture:
    """8 rings of 8 Gaussians, radius 0.25, around a circle of radius 1; sigma 0.01."""
    centres = (circle(8)[:, None] + circle(8, 0.25)).reshape(-1, 2)
    return separate_modes(centres, config.sigma or 0.01)


def axis_mixture(dimension: int, sigma: float) -> Mixture:
    """Return equal Gaussians at +-e_i of the unit vectors e_i, sqrt(2) apart."""
    axes = np.eye(dimension)
    return separate_modes(np.concatenate([axes, -axes]), sigma)


def mixture_8d(config: DatasetConfig) -> Mixture:
    """16 Gaussians in 8 dimensions, at +-e_i of the unit vectors e_i; sigma 0.05.

    The nearest modes are sqrt(2) apart. Source: none.
    """
    return axis_mixture(8, config.sigma or 0.05)


def mixture_16d(config: DatasetConfig) -> Mixture:
    """32 Gaussians in 16 dimensions, at +-e_i of the unit vectors e_i; sigma 0.05.

    The nearest modes are sqrt(2) apart. Source: none.
    """
    return axis_mixture(16, config.sigma or 0.05)


def toy(make: Callable[[DatasetConfig], Mixture], config: DatasetConfig) -> Dataset:
    """Return the data set of a mixture."""
    mixture = make(config)
    modes = int(mixture.mode_of.max()) + 1
    sigma = np.float64(mixture.sigma)
    return Dataset(
        Spec(mixture.centres.shape[1:], modes, config.size or ENDLESS),
        lambda: (np.float32(mixture.centres), np.int32(mixture.mode_of), sigma),
        draw_points,
        labels=lambda stored: stored[1],
    )


def fresh_points(
    trained: DatasetConfig, compared: DatasetConfig
) -> DatasetConfig | None:
    """Return an endless toy, whose points are all fresh; None for a fixed set."""
    return compared if compared.size is None else None


def endless_points(config: DatasetConfig) -> DatasetConfig:
    """Return the toy with fresh points in place of a fixed set of them."""
    return dataclasses.replace(config, size=None)


def toy_entry(
    mixture: Callable[[DatasetConfig], Mixture],
    reads: tuple[str, ...] = ("sigma", "size"),
    metrics: tuple[str, ...] = ("modes", "swd", "prdc"),
) -> DatasetEntry:
    """Return the entry of a toy, which its mixture defines."""
    return DatasetEntry(
        partial(toy, mixture),
        reads,
        mixture=mixture,
        held_out=fresh_points,
        unseen=endless_points,
        metrics=metrics,
        doc=mixture.__doc__,
    )


SETS: dict[str, DatasetEntry] = {
    "dirac": toy_entry(dirac, metrics=("swd",)),
    "bilinear": toy_entry(bilinear, metrics=("swd",)),
    "ring": toy_entry(ring),
    "imbalanced_ring": toy_entry(imbalanced_ring),
    "grid": toy_entry(grid),
    "small_grid": toy_entry(small_grid),
    "random_mixture": toy_entry(random_mixture, reads=("sigma", "size", "seed")),
    "swiss_roll": toy_entry(swiss_roll),
    "rings": toy_entry(rings),
    "mixture_8d": toy_entry(mixture_8d),
    "mixture_16d": toy_entry(mixture_16d),
}
TOYS: dict[str, Callable[[DatasetConfig], Mixture]] = {
    name: entry.mixture for name, entry in SETS.items() if entry.mixture is not None
}
"""The mixture of each toy by its name."""
