"""Measures how near samples are to the data, by cheap numbers for a verdict.

The nearest example distinguishes samples from noise where distances between whole sets
do not. With a few hundred samples, the sliced Wasserstein and the energy distance of
Gaussian noise on a ring, or on the pixels of digits, are as small as those of the data.
"""

from collections.abc import Callable

import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data import Mixture, distinct_centres, mixture_of
from gan_jax.metrics import mode_report, nearest_distances, nearest_others
from gan_jax.types import Row

CERTAIN = 4.0
"""By how many standard errors noise must be further from the data than the data."""
WITHIN = 3.0
"""How many sigma of a centre a point of high quality may be away (`mode_report`)."""


def independent_noise(real: np.ndarray) -> np.ndarray:
    """Return Gaussian noise like the data, but with independent coordinates.

    Every coordinate has the mean and the deviation of `real [N, ...]`, in float64. The
    draws are the same for every set of one shape.
    """
    drawn = np.random.default_rng(0).standard_normal(real.shape)
    return real.mean(0) + real.std(0) * drawn


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of values `[N]`."""
    return float(values.std() / np.sqrt(len(values)))


def make_distance_measure(
    real: np.ndarray, noise: np.ndarray
) -> Callable[[np.ndarray], float] | None:
    """Return a function of samples `[N, F]` to their distance from the data.

    The distance is the mean distance of a sample to its nearest example. It is scaled
    so that examples, measured to their nearest other ones, have 0 and noise has 1. It
    is under 0 for samples between the examples, and for copies of them. The function is
    None if noise is no further from the data than the data are: for single points and
    for Gaussians.
    """
    if len(real) < 2:
        return None
    own, far = nearest_others(real), nearest_distances(noise, real)
    floor, gap = own.mean(), far.mean() - own.mean()
    if not gap > CERTAIN * np.hypot(standard_error(own), standard_error(far)):
        return None
    return lambda fake: float((nearest_distances(fake, real).mean() - floor) / gap)


def toy_quality(points: np.ndarray, mixture: Mixture) -> Row:
    """Return the modes hit, and the share of the points within 3 sigma of a centre.

    A curve is one mode of many centres, so only its share is returned. Nothing is
    returned for single points, which have no width.
    """
    sigma, (centres, weights) = mixture.sigma, distinct_centres(mixture)
    if not sigma > 0:
        return {}
    if has_modes(mixture):
        found = mode_report(points, centres, sigma, weights=weights)
        names = {"sample_modes": "modes", "sample_precision": "high_quality"}
        return {name: found[own] for name, own in names.items()}
    near = nearest_distances(points, np.asarray(centres, np.float64)) < WITHIN * sigma
    return {"sample_precision": float(near.mean())}


def has_modes(mixture: Mixture) -> bool:
    """Return whether every centre is a mode of its own; those of a curve are one."""
    return len(set(mixture.mode_of.tolist())) == len(distinct_centres(mixture)[0])


def make_quality_measure(
    config: DatasetConfig, real: np.ndarray, images: bool
) -> Callable[[np.ndarray], Row]:
    """Return a function of samples `[N, F]` to their quality: up to three numbers.

    They are `sample_distance`, and `sample_modes` and `sample_precision` of a toy.
    real: examples `[N, F]`, the same at every measurement of a run. images: whether the
    data are images, so that noise is clipped to [-1, 1].
    """
    real = np.asarray(real, np.float64)
    noise = independent_noise(real)
    distance = make_distance_measure(real, noise.clip(-1, 1) if images else noise)
    mixture = mixture_of(config)

    def measure_quality(fake: np.ndarray) -> Row:
        fake = np.asarray(fake, np.float64)
        found: Row = {} if distance is None else {"sample_distance": distance(fake)}
        return found if mixture is None else found | toy_quality(fake, mixture)

    return measure_quality


def mode_count(config: DatasetConfig) -> int | None:
    """Return how many modes `sample_modes` counts; None if it counts none."""
    mixture = mixture_of(config)
    if mixture is None or not mixture.sigma or not has_modes(mixture):
        return None
    return len(distinct_centres(mixture)[0])
