"""The Frechet distance of Gaussians fitted to two sets of features, in float64."""

import dataclasses
import functools
import math
import warnings
from collections.abc import Iterable

import numpy as np

from gan_jax.metrics.inputs import (
    Features,
    check_features,
    match_features,
    to_float64,
)
from gan_jax.metrics.jackknife import GROUPS, number_groups

CHUNK = 4096
PARTS = 4
"""The most parts that an extrapolated distance cuts the samples into."""


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """The mean `[F]` and the covariance `[F, F]` of `count` samples, in float64.

    The covariance has ddof 1, and is 0 for one sample.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int


def merge_moments(a: Moments, b: Moments) -> Moments:
    """Return the moments of both sets together; only float64 rounding is added.

    Chan, Golub and LeVeque 1983, doi 10.1080/00031305.1983.10483115.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"moments differ in width: {a.mean.shape}, {b.mean.shape}; all must "
            "come from one extractor"
        )
    count = a.count + b.count
    shift = b.mean - a.mean
    scatter = (a.count - 1) * a.covariance + (b.count - 1) * b.covariance
    scatter += np.outer(shift, shift) * (a.count * b.count / count)
    return Moments(a.mean + shift * (b.count / count), scatter / (count - 1), count)


def chunk_moments(features: np.ndarray) -> Moments:
    """Return the moments of `[N, F]` float64, in two passes."""
    count = len(features)
    mean = features.mean(axis=0)
    rest = features - mean
    return Moments(mean, rest.T @ rest / max(count - 1, 1), count)


def moments_of_chunks(chunks: Iterable[Features]) -> Moments:
    """Return the moments of features that come `[n, F]` at a time; one chunk is held.

    Raises ValueError on NaN, infinity, differing widths, or no chunk at all.
    """
    parts = (
        chunk_moments(to_float64(check_features("chunk", chunk))) for chunk in chunks
    )
    first = next(parts, None)
    if first is None:
        raise ValueError("no features came; at least one chunk [n, F] is needed")
    return functools.reduce(merge_moments, parts, first)


def moments(features: Features) -> Moments:
    """Return the mean and the unbiased covariance of `[N, F]`, always in float64.

    They can be stored for a reference set. Raises ValueError on NaN or infinity.
    """
    check_features("features", features)
    return moments_of_chunks(
        features[start : start + CHUNK] for start in range(0, len(features), CHUNK)
    )


def covariance_factor(covariance: np.ndarray) -> np.ndarray:
    """Return `A [F, rank]` with `A A^T = S`, by a symmetric eigendecomposition.

    Eigenvalues up to F eps times the largest are rounding errors (some are negative),
    and are dropped.
    """
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    kept = values > max(values[-1], 0) * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])


def warn_if_few(moments: Moments) -> None:
    """Warn of fewer than 2 samples per feature; raise ValueError for fewer than 2."""
    width = len(moments.mean)
    if moments.count < 2:
        raise ValueError(
            f"count {moments.count}: a covariance needs at least 2 samples; take more"
        )
    if moments.count < 2 * width:
        singular = "the covariance is singular and " * (moments.count <= width)
        warnings.warn(
            f"{moments.count} samples of {width} features: {singular}the Frechet "
            f"distance is strongly biased upwards; take at least {2 * width} samples "
            "or an extractor with fewer features",
            stacklevel=4,
        )


def frechet_of_moments(a: Moments, b: Moments) -> float:
    """Frechet distance: `|m - m'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2)` of moments.

    With `S = A A^T` and `S' = B B^T` the trace of the root is the sum of the singular
    values of `A^T B`, so no root of a product is taken. A singular S or S' then needs
    no multiple of the identity, gives no complex numbers, and loses no digits to the
    roots of eigenvalues that are 0 but for rounding. A result below 0 (by rounding) is
    returned as 0. The distance is biased upwards by O(1 / count), differently for each
    model: compare equal counts only.

    Warns of fewer than 2 samples per feature. Raises ValueError on different widths or
    fewer than 2 samples. Heusel et al. 2017, arXiv 1706.08500; Dowson and Landau 1982.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"moments differ in width: {a.mean.shape}, {b.mean.shape}; both must "
            "come from one extractor"
        )
    for each in (a, b):
        warn_if_few(each)
    shared = covariance_factor(a.covariance).T @ covariance_factor(b.covariance)
    overlap = np.linalg.svd(shared, compute_uv=False).sum() if shared.size else 0.0
    spread = math.fsum([np.trace(a.covariance), np.trace(b.covariance), -2 * overlap])
    return float(max(np.sum((a.mean - b.mean) ** 2) + spread, 0.0))


def frechet_distance(real: Features, fake: Features) -> float:
    """Return `frechet_of_moments` of `real [N, F]` and `fake [M, F]`, in float64.

    Warns of fewer than 2 samples per feature. Raises ValueError on NaN, infinity,
    different widths, fewer than 2 samples.
    """
    check_features("real", real)
    check_features("fake", fake)
    return frechet_of_moments(moments(real), moments(fake))


def frechet_without_groups(real: Features, fake: Features) -> list[float]:
    """Return the Frechet distance of `real` and `fake` without each group of both.

    For `confidence_interval`. The moments of the rest are merged from those of the
    groups, so the samples are read once.
    """
    sides = []
    for features in (to_float64(real), to_float64(fake)):
        numbers = number_groups(len(features))
        sides.append([chunk_moments(features[numbers == g]) for g in range(GROUPS)])
    return [
        fast_frechet(
            *(functools.reduce(merge_moments, own[:g] + own[g + 1 :]) for own in sides)
        )
        for g in range(GROUPS)
    ]


def fast_frechet(a: Moments, b: Moments) -> float:
    """Return `frechet_of_moments`, several times as fast, but with fewer digits.

    The trace of the root is `sum_i (eig_i(L^T S' L))^1/2` with `S = L L^T` by Cholesky.
    Of a trace of F roots about `F 10^-8` of the largest root is lost to rounding. The
    result may be below 0 by as much.
    """
    try:
        factor = np.linalg.cholesky(a.covariance)
    except np.linalg.LinAlgError:  # a singular covariance
        factor = covariance_factor(a.covariance)
    squares = np.linalg.eigvalsh(factor.T @ b.covariance @ factor)
    overlap = np.sqrt(squares.clip(0)).sum()
    spread = math.fsum([np.trace(a.covariance), np.trace(b.covariance), -2 * overlap])
    return float(np.sum((a.mean - b.mean) ** 2) + spread)


def frechet_extrapolated(real: Features, fake: Features) -> float:
    """Return the Frechet distance at infinitely many samples, extrapolated.

    The distance of N samples of each side is about `FID_N = a + b / N`. Both sides are
    cut into k = 1, 2, 3, 4 parts, and `FID_N` at `N = n / k` is the mean over the
    parts, so every sample counts at every N. The result is the `a` of the line through
    the four points by least squares: an estimate without the bias of order 1 / n. It
    may be below 0; do not clip it.

    Chong and Forsyth 2020, arXiv 1911.07023, draw 15 sets of 5,000 to 50,000 fakes from
    all of them, and keep all reals; here the bias of the reals is removed as well.

    real: `[N, F]`. fake: `[M, F]`. Both need 8 rows. Warns of fewer than 2 samples per
    feature in the smallest part: the law `a + b / N` does not hold there. Raises
    ValueError on NaN, infinity, different widths, too few rows.
    """
    real, fake = match_features(2 * PARTS, real=real, fake=fake)
    real, fake = to_float64(real), to_float64(fake)
    least, width = min(len(real), len(fake)) // PARTS, real.shape[1]
    if least < 2 * width:
        warnings.warn(
            f"the extrapolated Frechet distance has parts of {least} samples of "
            f"{width} features, and its line holds from {2 * width} samples on; take "
            f"{2 * PARTS * width} samples or an extractor with fewer features",
            stacklevel=2,
        )
    counts = range(1, PARTS + 1)
    means = [mean_over_parts(real, fake, count) for count in counts]
    return float(np.polynomial.polynomial.polyfit(list(counts), means, 1)[0])


def mean_over_parts(real: np.ndarray, fake: np.ndarray, count: int) -> float:
    """Return the mean Frechet distance of the parts of both sets, cut into `count`."""
    pairs = zip(np.array_split(real, count), np.array_split(fake, count), strict=True)
    return float(np.mean([fast_frechet(moments(x), moments(y)) for x, y in pairs]))
