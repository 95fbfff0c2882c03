"""Toy distributions, all of them mixtures of equal Gaussians, so densities are exact.

Point i is `centre[k] + sigma e`, k uniform, e ~ N(0, I) from `fold_in(key(ROOT), i)`: a
pure function of its index, drawn where it is needed. Points are independent, as a D of
packs has to see them. Sets are endless by default;
`dataset.size` fixes how many points there are.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import ENDLESS, Dataset, Spec, hash_arrays
from gan_jax.types import Array, Batch

ROOT = 4_000_000_007
"""Seed of the noise, apart from any run's."""


class Mixture(NamedTuple):
    """`p(x) = 1/K sum_k N(x; centre_k, sigma^2 I)`; sigma 0 is a sum of points.

    centres `[K, D]`. mode_of `[K]`: which mode a centre belongs to, since a curve's
    centres are one mode. Modes are numbered from 0.
    """

    centres: np.ndarray
    sigma: float
    mode_of: np.ndarray


def log_density(mixture: Mixture, points: Array) -> Array:
    """`log p(x)`, points `[..., D] -> [...]`, in nats; sigma must be positive."""
    centres = jnp.asarray(mixture.centres, points.dtype)
    count, dimension = centres.shape
    centres = centres.reshape((1,) * (points.ndim - 1) + (count, dimension))
    squares = ((points[..., None, :] - centres) ** 2).sum(-1)
    scale = 2 * jnp.log(mixture.sigma) + jnp.log(2 * jnp.pi)
    logits = -squares / (2 * mixture.sigma**2) - dimension * scale / 2
    return jax.nn.logsumexp(logits, axis=-1) - jnp.log(len(mixture.centres))


def distinct(mixture: Mixture) -> tuple[np.ndarray, np.ndarray | None]:
    """The centres without repetition, in order, and how often each is there.

    None in place of the counts `[K]` if every centre is there once.
    """
    _, first, counts = np.unique(
        mixture.centres, axis=0, return_index=True, return_counts=True
    )
    if counts.max() == 1:
        return mixture.centres, None
    order = np.argsort(first)
    return mixture.centres[first[order]], counts[order]


def draw(sigma: float, stored: tuple[Array, Array], indices: Array) -> Batch:
    """The points at `indices [...]`, labelled with their mode."""
    centres, mode_of = (jnp.asarray(array) for array in stored)

    def one(index: Array) -> tuple[Array, Array]:
        key = jax.random.fold_in(jax.random.key(ROOT), index)
        key_mode, key_noise = jax.random.split(key)
        which = jax.random.bits(key_mode) % len(centres)
        noise = jax.random.normal(key_noise, centres.shape[1:])
        return centres[which] + sigma * noise, mode_of[which]

    points, modes = jax.vmap(one)(indices.reshape(-1))
    return Batch(points.reshape(*indices.shape, -1), modes.reshape(indices.shape))


def separate(centres: np.ndarray, sigma: float) -> Mixture:
    """Every centre a mode of its own."""
    return Mixture(centres, sigma, np.arange(len(centres)))


def circle(count: int, radius: float = 1.0) -> np.ndarray:
    """`count` distinct points at angles 2 pi i / count, `[count, 2]`."""
    angle = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def dirac(config: DatasetConfig) -> Mixture:
    """One point at 0 on a line: the data of the Dirac-GAN (Mescheder et al. 2018)."""
    return separate(np.zeros((1, 1)), config.sigma or 0.0)


def bilinear(config: DatasetConfig) -> Mixture:
    """One point at 0 in a plane: with loss.name wasserstein, the bilinear game."""
    return separate(np.zeros((1, 2)), config.sigma or 0.0)


def ring(config: DatasetConfig) -> Mixture:
    """8 Gaussians on a circle of radius 1, at 2 pi i / 8, sigma 0.01 (PacGAN)."""
    return separate(circle(8), config.sigma or 0.01)


def imbalanced_ring(config: DatasetConfig) -> Mixture:
    """The ring with 1% of the points in mode 0, and the rest shared equally.

    As 700 equal Gaussians: 7 in mode 0, 99 in each of the others.
    """
    mode_of = np.concatenate([np.zeros(7, int), 1 + np.arange(693) % 7])
    return Mixture(circle(8)[mode_of], config.sigma or 0.01, mode_of)


def grid(config: DatasetConfig) -> Mixture:
    """25 Gaussians on a 5 x 5 grid over [-4, 4]^2, sigma 0.05 (PacGAN)."""
    side = np.linspace(-4, 4, 5)
    centres = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return separate(centres, config.sigma or 0.05)


def random_mixture(config: DatasetConfig) -> Mixture:
    """20 Gaussians at uniform places in [-2, 2]^2 (from dataset.seed), sigma 0.05."""
    places = np.random.default_rng(config.seed).uniform(-2, 2, (20, 2))
    return separate(places, config.sigma or 0.05)


def swiss_roll(config: DatasetConfig) -> Mixture:
    """A spiral of one and a half turns, radius 1/3 to 1, as one mode; sigma 0.02.

    The curve is 1,000 equal Gaussians at equal steps of the angle.
    """
    angle = 1.5 * np.pi * (1 + 2 * np.linspace(0, 1, 1000))
    radius = angle / angle[-1]
    curve = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Mixture(curve, config.sigma or 0.02, np.zeros(1000, int))


def rings(config: DatasetConfig) -> Mixture:
    """8 rings of 8 Gaussians: radius 0.25 around a circle of radius 1, sigma 0.01."""
    centres = (circle(8)[:, None] + circle(8, 0.25)).reshape(-1, 2)
    return separate(centres, config.sigma or 0.01)


def toy(make: Callable[[DatasetConfig], Mixture], config: DatasetConfig) -> Dataset:
    """The data set of a mixture."""
    mixture = make(config)
    modes = int(mixture.mode_of.max()) + 1
    return Dataset(
        Spec(mixture.centres.shape[1:], modes, config.size or ENDLESS),
        lambda: (np.float32(mixture.centres), np.int32(mixture.mode_of)),
        partial(draw, mixture.sigma),
        labels=lambda read: read[1],
        hash_content=lambda read: hash_arrays((*read, np.float64(mixture.sigma))),
    )


TOYS: dict[str, Callable[[DatasetConfig], Mixture]] = {
    "dirac": dirac,
    "bilinear": bilinear,
    "ring": ring,
    "imbalanced_ring": imbalanced_ring,
    "grid": grid,
    "random_mixture": random_mixture,
    "swiss_roll": swiss_roll,
    "rings": rings,
}
