"""Measures how near samples are to the data, by cheap numbers for a verdict.

The nearest example distinguishes samples from noise where distances between whole sets
do not. With a few hundred samples, the sliced Wasserstein and the energy distance of
Gaussian noise on a ring, or on the pixels of digits, are as small as those of the data.
"""

import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data import Mixture, distinct_centres, has_modes, mixture_of
from gan_jax.metrics import nearest_distances, nearest_others
from gan_jax.traced_metrics import (
    TracedMetric,
    change_numbers,
    join_metrics,
    prepare_diversity,
    prepare_mode_report,
    prepare_nearest_distance,
)
from gan_jax.types import Row

CERTAIN = 4.0
"""By how many standard errors noise must be further from the data than the data."""


def independent_noise(real: np.ndarray) -> np.ndarray:
    """Return Gaussian noise like the data, but with independent coordinates.

    Every coordinate has the mean and the deviation of `real [N, ...]`, in float64. The
    draws are the same for every set of one shape.
    """
    drawn = np.random.default_rng(0).standard_normal(real.shape)
    return real.mean(0) + real.std(0) * drawn


def make_noise(real: np.ndarray, images: bool) -> np.ndarray:
    """Return the noise that is told from the data; that of images is clipped."""
    noise = independent_noise(real)
    return noise.clip(-1, 1) if images else noise


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of values `[N]`."""
    return float(values.std() / np.sqrt(len(values)))


def distance_scale(real: np.ndarray, noise: np.ndarray) -> tuple[float, float] | None:
    """Return the distances from the data that are 0 and 1 on the scale of samples.

    They are the mean distance of an example to its nearest other one, and that of noise
    to its nearest example less the first. The scale is None if noise is no further from
    the data than the data are: for single points and for Gaussians.
    """
    if len(real) < 2:
        return None
    own, far = nearest_others(real), nearest_distances(noise, real)
    floor, gap = float(own.mean()), float(far.mean() - own.mean())
    if not gap > CERTAIN * np.hypot(standard_error(own), standard_error(far)):
        return None
    return floor, gap


def prepare_quality(
    config: DatasetConfig, real: np.ndarray, images: bool
) -> TracedMetric:
    """Prepare the diversity and the quality of samples `[N, F]` on the device.

    The quality is `sample_distance`: the mean distance of a sample to its nearest
    example, on the `distance_scale`. Examples have 0 and noise has 1; samples between
    the examples, and copies of them, are under 0. It is left out without a scale. Of
    the samples of a toy it is also the modes hit, `sample_modes`, and the share of high
    quality, `sample_precision` (see `gan_jax.metrics.mode_report`).

    real: examples `[N, F]`, the same at every measurement of a run. images: whether the
    data are images, so that noise is clipped to [-1, 1].
    """
    parts = [prepare_diversity(real)]
    real = np.asarray(real, np.float64)
    scale = distance_scale(real, make_noise(real, images))
    if scale is not None:
        floor, gap = scale

        def scale_distance(found: Row) -> Row:
            return {"sample_distance": (found["nearest_distance"] - floor) / gap}

        parts.append(change_numbers(prepare_nearest_distance(real), scale_distance))
    mixture = mixture_of(config)
    if mixture is not None and mixture.sigma > 0:
        parts.append(prepare_toy_quality(mixture))
    return join_metrics(*parts)


def prepare_toy_quality(mixture: Mixture) -> TracedMetric:
    """Prepare the modes hit and the share near a centre, of a mixture with a width.

    A curve is one mode of many centres, so only its share is prepared.
    """
    centres, weights = distinct_centres(mixture)
    names = {"sample_modes": "modes", "sample_precision": "high_quality"}
    if not has_modes(mixture):
        del names["sample_modes"]
    report = prepare_mode_report(centres, mixture.sigma, weights=weights)
    return change_numbers(
        report, lambda found: {name: found[own] for name, own in names.items()}
    )


def mode_count(config: DatasetConfig) -> int | None:
    """Return how many modes `sample_modes` counts; None if it counts none."""
    mixture = mixture_of(config)
    if mixture is None or not mixture.sigma or not has_modes(mixture):
        return None
    return len(distinct_centres(mixture)[0])
