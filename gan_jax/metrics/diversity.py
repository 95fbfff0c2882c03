"""How many different samples a set amounts to."""

import math

import numpy as np

from gan_jax.metrics.blocks import over_squares, total
from gan_jax.metrics.inputs import Features, equal_counts, matched
from gan_jax.metrics.kernels import gaussian_sum, median_distance


def effective_number(points: Features, bandwidth: float) -> float:
    """`N^2 / sum_ij k(x_i, x_j)^2`, `k = exp(-|x - x'|^2 / (2 h^2))`, h the bandwidth.

    The Vendi score of order 2: exp of the Renyi entropy of the eigenvalues of k / N,
    between 1 (all equal) and N (all far apart next to h). points `[N, F]`.

    Raises ValueError on NaN, infinity, a bandwidth that is not positive. Friedman and
    Dieng 2023, arXiv 2210.02410; orders: Pasarkar and Dieng 2024, arXiv 2310.12952.
    """
    if not 0 < bandwidth < math.inf:
        raise ValueError(f"bandwidth {bandwidth}; a positive number is needed")
    (points,) = matched(points=points)
    count = len(points)
    rate = float(1 / bandwidth**2)
    others = over_squares(gaussian_sum, points, points, rate, own=np.inf)
    return count**2 / (count + total(others))


def diversity(real: Features, fake: Features) -> float:
    """`effective_number(fake, h) / effective_number(real, h)`, h = median / 5.

    median: `kernels.median_distance` of the reals. 1 for equal distributions, towards 0
    under collapse; above 1 for fakes more scattered than the data. NaN if h is 0 (data
    of one point). real, fake `[N, F]`, equally many: the number grows with N.

    Raises ValueError on NaN, infinity, different shapes.
    """
    real, fake = matched(real=real, fake=fake)
    equal_counts("diversity", real, fake)
    bandwidth = median_distance(real) / 5
    if bandwidth == 0:
        return math.nan
    return effective_number(fake, bandwidth) / effective_number(real, bandwidth)
