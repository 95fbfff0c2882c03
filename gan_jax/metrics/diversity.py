"""Measures how many different samples a set amounts to."""

import math

import numpy as np

from gan_jax.metrics.blocks import reduce_squares, sum_float64
from gan_jax.metrics.inputs import Features, match_features, require_equal_counts
from gan_jax.metrics.kernels import gaussian_sum, median_distance


def effective_number(points: Features, bandwidth: float) -> float:
    """Return `N^2 / sum_ij k(x_i, x_j)^2`, `k = exp(-|x - x'|^2 / (2 h^2))`.

    points: `[N, F]`. bandwidth: h, in the units of the points. The number is the Vendi
    score of order 2: exp of the Renyi entropy of the eigenvalues of k / N. It lies
    between 1 (all points equal) and N (all far apart compared with h).

    Raises ValueError on NaN, infinity, a bandwidth that is not positive. Friedman and
    Dieng 2023, arXiv 2210.02410; orders: Pasarkar and Dieng 2024, arXiv 2310.12952.
    """
    if not 0 < bandwidth < math.inf:
        raise ValueError(f"bandwidth {bandwidth}; a positive number is needed")
    (points,) = match_features(points=points)
    count = len(points)
    rate = float(1 / bandwidth**2)
    others = reduce_squares(gaussian_sum, points, points, rate, own=np.inf)
    return count**2 / (count + sum_float64(others))


def diversity(real: Features, fake: Features) -> float:
    """Diversity: `effective_number(fake, h) / effective_number(real, h)`.

    real, fake: `[N, F]`, equally many, because the number grows with N. h is a fifth of
    the `median_distance` of the reals. The diversity is 1 for equal distributions,
    tends to 0 under collapse, and is above 1 for fakes that are more scattered than the
    data. It is NaN if h is 0 (data of one point).

    Raises ValueError on NaN, infinity, different shapes.
    """
    real, fake = match_features(real=real, fake=fake)
    require_equal_counts("diversity", real, fake)
    bandwidth = median_distance(real) / 5
    if bandwidth == 0:
        return math.nan
    return effective_number(fake, bandwidth) / effective_number(real, bandwidth)
