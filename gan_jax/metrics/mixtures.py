"""Metrics for mixtures of Gaussians, whose density is known.

Modes are counted by points of high quality, as published. The divergences of the mode
counts take all points, each at its nearest centre. If they took only points of high
quality, as the coverage that PacGAN's released code logs does, a generator without a
good point would leave only the smoothing, and look perfect.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from gan_jax.metrics.blocks import reduce_squares, sum_float64
from gan_jax.metrics.inputs import Features, check_features, match_features, to_float64
from gan_jax.metrics.kernels import distance_sum

Weights = Sequence[float] | np.ndarray


def normalize_weights(weights: Weights | None, count: int) -> np.ndarray:
    """Return the modes' probabilities `[K]`; they are equal by default."""
    if weights is None:
        return np.full(count, 1 / count)
    p = np.asarray(weights, np.float64)
    if p.shape != (count,) or not ((p > 0) & (p < np.inf)).all():
        raise ValueError(
            f"weights have shape {p.shape}; ({count},), one positive weight per "
            "centre, is needed"
        )
    return p / p.sum()


def centre_distances(points: Features, centers: Features) -> np.ndarray:
    """Return `|x_i - c_k|`, `[N, K]`, exact far from the origin too: of differences."""
    check_features("points", points)
    check_features("centers", centers)
    points, centers = to_float64(points), to_float64(centers)
    if points.shape[1] != centers.shape[1]:
        raise ValueError(
            f"points {points.shape} and centers {centers.shape} differ in dimension"
        )
    return np.stack([np.linalg.norm(points - c, axis=1) for c in centers], axis=1)


def kl_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Return `KL(p || q)` in nats; both must be positive."""
    return float(np.sum(p * np.log(p / q)))


def mode_report(
    points: Features,
    centers: Features,
    sigma: float,
    *,
    weights: Weights | None = None,
    within: float | None = None,
) -> dict[str, float]:
    """Measure how a generator covers the mixture `sum_k w_k N(c_k, sigma^2 I)`.

    points: `[N, D]`. centers: `[K, D]`. weights: `[K]`, by default equal. A point
    belongs to its nearest centre, and is of high quality if it is nearer to it than
    `within` sigma (None: `quality_radius` of D, 3 in two dimensions). n_k counts all
    points of mode k, h_k those of high quality.
    - modes: those with h_k >= 1, the literature's count;
    - robust_modes: those with h_k >= N w_k / 4, a quarter of their fair share;
    - high_quality: the share of such points; .9889 for a perfect generator of separate
      modes, by the default of `within`;
    - reverse_kl: `KL(p || w)`, `p_k = (n_k + 1/K) / (N + 1)`; forward_kl: `KL(w || p)`.
      A perfect generator's is about (K - 1) / 2N: at N = 2,500, .0014 for 8 modes and
      .0048 for 25. Smoothing 1/K keeps both finite.

    Raises ValueError on NaN, infinity, other shapes, sigma or within not positive.
    Srivastava et al. 2017, arXiv 1705.07761; Lin et al. 2018, arXiv 1712.04086.
    """
    if within is None:
        within = quality_radius(np.shape(centers)[-1])
    if not (0 < sigma < math.inf and 0 < within < math.inf):
        raise ValueError(f"sigma {sigma}, within {within}: both must be positive")
    distances = centre_distances(points, centers)
    modes = distances.shape[1]
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) < within * sigma
    return report_modes(
        np.bincount(nearest, minlength=modes),
        np.bincount(nearest[good], minlength=modes),
        normalize_weights(weights, modes),
    )


def quality_radius(dimension: int) -> float:
    """Return how many sigma of its centre a point of high quality may be away.

    Of a Gaussian in any dimension, the share `1 - exp(-9/2) = .9889` is nearer. So the
    radius is 3 in two dimensions, as published, and 5.63 in 16.
    """
    return math.sqrt(2 * special.gammainccinv(dimension / 2, math.exp(-4.5)))


def report_modes(
    hits: np.ndarray, good_hits: np.ndarray, fair: np.ndarray
) -> dict[str, float]:
    """Return the numbers of `mode_report` from its counts.

    hits, good_hits: `[K]`, the points of each mode and those of high quality. fair:
    `[K]`, the modes' probabilities.
    """
    count, modes = int(hits.sum()), len(hits)
    p = (hits + 1 / modes) / (count + 1)
    return {
        "modes": int((good_hits >= 1).sum()),
        "robust_modes": int((good_hits >= count * fair / 4).sum()),
        "high_quality": float(good_hits.sum() / count),
        "reverse_kl": kl_divergence(p, fair),
        "forward_kl": kl_divergence(fair, p),
    }


def expected_norm(distances: np.ndarray, sigma: float, dimension: int) -> np.ndarray:
    """Return `E |v + sigma e|`, e ~ N(0, I), for `|v|` the distances.

    It is the mean of a noncentral chi variable,
    `sigma sqrt(2) Gamma((D + 1) / 2) / Gamma(D / 2) 1F1(-1/2; D/2; -|v/sigma|^2 / 2)`.
    """
    if sigma == 0:
        return distances
    half = dimension / 2
    scale = math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) * math.sqrt(2)
    return sigma * scale * special.hyp1f1(-0.5, half, -((distances / sigma) ** 2) / 2)


def energy_to_mixture(
    points: Features,
    centers: Features,
    sigma: float,
    *,
    weights: Weights | None = None,
) -> float:
    """Return the energy distance from a sample to the density, not to a sample of it.

    It is `2 E|x - y| - E|x - x'| - E|y - y'|`, with x among the points `[N, D]`, y and
    y' from `sum_k w_k N(c_k, sigma^2 I)`, and centers `[K, D]`. All expectations over y
    are closed forms. Over pairs of points it is a U-statistic: it is unbiased, may be
    negative, and has the noise of the sample alone. sigma may be 0.

    Raises ValueError on NaN, infinity, other shapes, negative sigma, fewer than 2
    points. Szekely and Rizzo 2013, doi 10.1016/j.jspi.2013.03.018.
    """
    if not 0 <= sigma < math.inf:
        raise ValueError(f"sigma {sigma}; 0 or a positive number is needed")
    to_centres = centre_distances(points, centers)
    dimension = centers.shape[1]
    fair = normalize_weights(weights, to_centres.shape[1])
    cross = (expected_norm(to_centres, sigma, dimension) @ fair).mean()
    apart = centre_distances(centers, centers)
    within = fair @ expected_norm(apart, math.sqrt(2) * sigma, dimension) @ fair
    (points,) = match_features(2, points=points)
    pairs = len(points) * (len(points) - 1)
    own = sum_float64(reduce_squares(distance_sum, points, points, own=0.0)) / pairs
    return float(2 * cross - own - within)
