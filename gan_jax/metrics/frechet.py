"""The Frechet distance of Gaussians fitted to two sets of features, in float64."""

import dataclasses
import functools
import math
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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


class Factors(NamedTuple):
    """A mean `[F]`, and `A [F, r]` with `A A^T` the covariance, in float64."""

    mean: np.ndarray
    factor: np.ndarray


def merge_moments(a: Moments, b: Moments) -> Moments:
    """Return the moments of both sets together; only float64 rounding is added.

    Chan, Golub and LeVeque 1983, doi 10.1080/00031305.1983.10483115.
    """
    check_widths(a, b)
    count = a.count + b.count
    shift = b.mean - a.mean
    scatter = (a.count - 1) * a.covariance + (b.count - 1) * b.covariance
    scatter += np.outer(shift, shift) * (a.count * b.count / count)
    return Moments(a.mean + shift * (b.count / count), scatter / (count - 1), count)


def check_widths(a: Moments | Factors, b: Moments | Factors) -> None:
    """Raise ValueError unless both are of equally many features."""
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"moments differ in width: {a.mean.shape}, {b.mean.shape}; all must "
            "come from one extractor"
        )


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


def factor_moments(moments: Moments) -> Factors:
    """Return moments with their covariance factored."""
    return Factors(moments.mean, covariance_factor(moments.covariance))


def factor_quickly(moments: Moments) -> Factors:
    """Return `factor_moments`, by Cholesky unless the covariance is singular."""
    try:
        return Factors(moments.mean, np.linalg.cholesky(moments.covariance))
    except np.linalg.LinAlgError:
        return factor_moments(moments)


def factor_rows(features: np.ndarray) -> Factors:
    """Return the factors of samples `[N, F]` float64: the centred rows, r = N.

    They are `A = (X - m)^T / (N - 1)^1/2`. No covariance `[F, F]` is made of them.
    """
    mean = features.mean(axis=0)
    return Factors(mean, (features - mean).T / math.sqrt(max(len(features) - 1, 1)))


def summarize(features: Features) -> Moments | Factors:
    """Return `factor_rows` of at most F samples `[N, F]`, and the moments of more."""
    count, width = features.shape
    return factor_rows(to_float64(features)) if count <= width else moments(features)


def warn_if_few(count: int, width: int) -> None:
    """Warn of fewer than 2 samples per feature; raise ValueError for fewer than 2."""
    if count < 2:
        raise ValueError(
            f"count {count}: a covariance needs at least 2 samples; take more"
        )
    if count < 2 * width:
        singular = "the covariance is singular and " * (count <= width)
        warnings.warn(
            f"{count} samples of {width} features: {singular}the Frechet "
            f"distance is strongly biased upwards; take at least {2 * width} samples "
            "or an extractor with fewer features",
            stacklevel=3,
        )


def frechet_of_factors(a: Factors, b: Factors) -> float:
    """Return `|m - m'|^2 + tr(A A^T) + tr(B B^T) - 2 sum_i s_i` of two Gaussians.

    s are the singular values of `A^T B`. Rounding may make the result negative.
    """
    shared = a.factor.T @ b.factor
    overlap = np.linalg.svd(shared, compute_uv=False).sum() if shared.size else 0.0
    spread = math.fsum([np.sum(a.factor**2), np.sum(b.factor**2), -2 * overlap])
    return float(np.sum((a.mean - b.mean) ** 2) + spread)


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
    check_widths(a, b)
    for each in (a, b):
        warn_if_few(each.count, len(each.mean))
    return max(frechet_of_factors(factor_moments(a), factor_moments(b)), 0.0)


def frechet_distance(real: Features, fake: Features) -> float:
    """Return `frechet_of_moments` of `real [N, F]` and `fake [M, F]`, in float64.

    Of at most F samples the centred rows are the factor of their covariance. With few
    samples on both sides this costs `O(N M F)` operations instead of `O(F^3)`.

    Warns of fewer than 2 samples per feature. Raises ValueError on NaN, infinity,
    different widths, fewer than 2 samples.
    """
    check_features("real", real)
    check_features("fake", fake)
    a, b = summarize(real), summarize(fake)
    check_widths(a, b)
    for each in (real, fake):
        warn_if_few(*each.shape)
    factors = [factor_moments(x) if isinstance(x, Moments) else x for x in (a, b)]
    return max(frechet_of_factors(*factors), 0.0)


def frechet_without_groups(real: Features, fake: Features) -> list[float]:
    """Return the Frechet distance of `real` and `fake` without each group of both.

    For `confidence_interval`.
    """
    sides = (summarize_without_groups(to_float64(x)) for x in (real, fake))
    return [fast_frechet(a, b) for a, b in zip(*sides, strict=True)]


def summarize_without_groups(features: np.ndarray) -> Iterator[Moments | Factors]:
    """Yield `summarize` of the samples `[N, F]` float64 without each group.

    The moments are merged from those of the groups, so the samples are read once.
    """
    count, width = features.shape
    numbers = number_groups(count)
    if count - count // GROUPS <= width:
        yield from (factor_rows(features[numbers != g]) for g in range(GROUPS))
        return
    parts = [chunk_moments(features[numbers == g]) for g in range(GROUPS)]
    for g in range(GROUPS):
        yield functools.reduce(merge_moments, parts[:g] + parts[g + 1 :])


def fast_frechet(a: Moments | Factors, b: Moments | Factors) -> float:
    """Return the Frechet distance, of moments several times as fast, but less exactly.

    The trace of the root is `sum_i (eig_i(L^T S' L))^1/2` with `S = L L^T` by Cholesky.
    Of a trace of F roots about `F 10^-8` of the largest root is lost to rounding. If
    one side has few samples and comes as Factors, nothing is lost. The result may be
    below 0 by rounding.
    """
    if isinstance(a, Factors) or isinstance(b, Factors):
        sides = (x if isinstance(x, Factors) else factor_quickly(x) for x in (a, b))
        return frechet_of_factors(*sides)
    factor = factor_quickly(a).factor
    squares = np.linalg.eigvalsh(factor.T @ b.covariance @ factor)
    overlap = np.sqrt(squares.clip(0)).sum()
    spread = math.fsum([np.trace(a.covariance), np.trace(b.covariance), -2 * overlap])
    return float(np.sum((a.mean - b.mean) ** 2) + spread)


def frechet_extrapolated(real: Features, fake: Features) -> float:
    """Return the Frechet distance at infinitely many samples, extrapolated.

    The distance of N samples of each side is about `D_N = a + b / N`. Both sides are
    cut into k = 1, 2, 3, 4 parts, and `D_N` at `N = n / k` is the mean over the
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
    if not can_extrapolate(real, fake):
        least, width = min(len(real), len(fake)) // PARTS, real.shape[1]
        warnings.warn(
            f"the extrapolated Frechet distance has parts of {least} samples of "
            f"{width} features, and its line holds from {2 * width} samples on; take "
            f"{2 * PARTS * width} samples or an extractor with fewer features",
            stacklevel=2,
        )
    counts = range(1, PARTS + 1)
    means = [mean_over_parts(real, fake, count) for count in counts]
    return float(np.polynomial.polynomial.polyfit(list(counts), means, 1)[0])


def can_extrapolate(real: Features, fake: Features) -> bool:
    """Return whether the smallest part of `[N, F]` and `[M, F]` has 2 F samples.

    From there on the law `a + b / N` holds.
    """
    return min(len(real), len(fake)) // PARTS >= 2 * real.shape[1]


def mean_over_parts(real: np.ndarray, fake: np.ndarray, count: int) -> float:
    """Return the mean Frechet distance of the parts of both sets, cut into `count`."""
    pairs = zip(np.array_split(real, count), np.array_split(fake, count), strict=True)
    return float(np.mean([fast_frechet(summarize(x), summarize(y)) for x, y in pairs]))
