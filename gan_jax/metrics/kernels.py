"""Unbiased distances between distributions: kernel distances (MMD^2), energy distance.

All but the sliced Wasserstein distance are U-statistics: `E k(x, x') + E k(y, y') -
2 E k(x, y)` without the pairs of a sample with itself. They are centred on 0 for equal
distributions, so they are often below 0: never clip them.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from scipy.spatial.distance import pdist

from gan_jax.metrics.blocks import reduce_products, reduce_squares, sum_float64
from gan_jax.metrics.inputs import (
    Features,
    check_features,
    match_features,
    require_equal_counts,
    to_float64,
)
from gan_jax.metrics.jackknife import GROUPS, LEAST_ROWS, number_groups

BANDWIDTH_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The default bandwidths of `rbf_mmd`, as multiples of the median distance."""
AT_A_TIME = 8
"""The directions that samples are projected on at a time: what caches hold."""
MEDIAN_POINTS = 2000
"""The most points of which `median_distance` takes all pairs."""


def cubic_sum(products: Features, width: float) -> Features:
    """Return `sum_j (x.y_j / F + 1)^3` per query, F the width."""
    value = products / width + 1
    return (value * value * value).sum(axis=1)


def gaussian_sum(squares: Features, *rates: float) -> Features:
    """Return `sum_j mean_r exp(-rate_r d_j^2)` per query, d_j the distances."""
    exp = np.exp if isinstance(squares, np.ndarray) else jnp.exp
    sums = [exp(squares * -rate).sum(axis=1) for rate in rates]
    return sum(sums[1:], start=sums[0]) / len(rates)


def distance_sum(squares: Features) -> Features:
    """Return the sum of the distances per query."""
    return (squares**0.5).sum(axis=1)


def u_statistic(
    sum_kernel: Callable, real: Features, fake: Features, own: float
) -> float:
    """Return `E k(x, x') + E k(y, y') - 2 E k(x, y)`; `own` makes k(x, x) count 0.

    sum_kernel: `(queries, references, own) -> [N]`, the sums of k over the references.
    """
    within = [
        sum_float64(sum_kernel(x, x, own=own)) / (len(x) * (len(x) - 1))
        for x in (real, fake)
    ]
    between = sum_float64(sum_kernel(real, fake)) / (len(real) * len(fake))
    return sum(within) - 2 * between


def kernel_distance(real: Features, fake: Features) -> float:
    """Unbiased MMD^2 with `k(x, y) = (x.y / F + 1)^3`: the KID over all pairs.

    real: `[N, F]`. fake: `[M, F]`. N and M are at least 2. The distance may be
    negative, and is not multiplied by 1,000.

    Raises ValueError on NaN, infinity, different widths, too few rows. Binkowski et al.
    2018, arXiv 1801.01401.
    """
    real, fake = match_features(2, real=real, fake=fake)
    width = float(real.shape[1])

    def sum_kernel(queries: Features, references: Features, own: float | None = None):
        return reduce_products(cubic_sum, queries, references, width, own=own)

    return u_statistic(sum_kernel, real, fake, -width)


def kernel_distance_without_groups(real: Features, fake: Features) -> list[float]:
    """Return the kernel distance of `real` and `fake` without each group of both.

    For `confidence_interval`. The sums of k over pairs of groups are taken once.
    """
    real, fake = match_features(LEAST_ROWS, real=real, fake=fake)
    within_real, within_fake = (
        sum_by_group(x, x, -float(x.shape[1])) for x in (real, fake)
    )
    between = sum_by_group(real, fake, None)
    counts = [np.bincount(number_groups(len(x))) for x in (real, fake)]
    values = []
    for group in range(GROUPS):
        n, m = (count.sum() - count[group] for count in counts)
        own, other, cross = (
            np.delete(np.delete(sums, group, axis=0), group, axis=1).sum()
            for sums in (within_real, within_fake, between)
        )
        distance = own / (n * (n - 1)) + other / (m * (m - 1)) - 2 * cross / (n * m)
        values.append(float(distance))
    return values


def sum_by_group(
    queries: Features, references: Features, own: float | None
) -> np.ndarray:
    """Return the sums of `(x.y / F + 1)^3` over each pair of groups, `[G, G]`.

    own: the product of each query with itself that makes the pair count 0; None: the
    sets are two.
    """
    members = np.eye(GROUPS)[number_groups(len(references))]

    def sum_each(products: Features, width: float, members: Features) -> tuple:
        value = products / width + 1
        return tuple((value * value * value @ members).T)

    width = float(queries.shape[1])
    per_query = reduce_products(sum_each, queries, references, width, members, own=own)
    starts = np.searchsorted(number_groups(len(queries)), np.arange(GROUPS))
    return np.add.reduceat(np.asarray(per_query, np.float64), starts, axis=1).T


def kernel_distance_subsets(
    real: Features,
    fake: Features,
    *,
    subsets: int = 100,
    size: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the mean of `kernel_distance` over random subsets, and its standard error.

    Each subset is `size` rows of both, drawn without replacement from NumPy's
    generator at `seed`. The standard error is the deviation (ddof 1) over
    sqrt(subsets): of the choice of subsets, which overlap; not of other samples, nor
    of other models. Raises ValueError as `kernel_distance`, or if a set is too small.
    Binkowski et al. 2018, arXiv 1801.01401.
    """
    real, fake = match_features(2, real=real, fake=fake)
    drawn = draw_subsets(len(real), len(fake), subsets, size, seed)
    values = [kernel_distance(real[rows], fake[others]) for rows, others in drawn]
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(subsets))


def draw_subsets(
    real_count: int, fake_count: int, subsets: int, size: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows of both sets in each subset of `kernel_distance_subsets`."""
    smaller = min(real_count, fake_count)
    if not 2 <= size <= smaller:
        raise ValueError(
            f"size {size} of a subset; 2 to {smaller} are allowed with {real_count} "
            f"real and {fake_count} fake samples"
        )
    if subsets < 2:
        raise ValueError(f"subsets {subsets}; a standard error needs at least 2")
    rng = np.random.default_rng(seed)
    return [
        (
            rng.choice(real_count, size, replace=False),
            rng.choice(fake_count, size, replace=False),
        )
        for _ in range(subsets)
    ]


def median_distance(points: Features) -> float:
    """Return the median of |x - x'| over all pairs of `[N, F]`; 0 for one point.

    Of more than 2,000 points, a fixed random subset of 2,000 is taken. Differences are
    taken before squares, so that equal points are at distance exactly 0.
    """
    check_features("points", points)
    if len(points) > MEDIAN_POINTS:
        rng = np.random.default_rng(0)
        points = points[rng.choice(len(points), MEDIAN_POINTS, replace=False)]
    return float(np.median(pdist(to_float64(points)))) if len(points) > 1 else 0.0


def rbf_mmd(
    real: Features, fake: Features, *, bandwidths: Sequence[float] | None = None
) -> float:
    """Unbiased MMD^2 with `k(x, y) = mean_h exp(-|x - y|^2 / (2 h^2))`, without a root.

    bandwidths: the h, in the features' units; by default 1/4, 1/2, 1, 2 and 4 times the
    median distance between reals (`median_distance`), which no generator changes. The
    distance may be negative.

    Raises ValueError on NaN, infinity, different widths, fewer than 2 rows, a bandwidth
    that is not positive. Gretton et al. 2012, JMLR 13, eq. 3.
    """
    real, fake = match_features(2, real=real, fake=fake)
    widths = choose_bandwidths(real, bandwidths)
    rates = [float(1 / (2 * h**2)) for h in widths]

    def sum_kernel(queries: Features, references: Features, own: float | None = None):
        return reduce_squares(gaussian_sum, queries, references, *rates, own=own)

    return u_statistic(sum_kernel, real, fake, np.inf)


def choose_bandwidths(
    real: Features, bandwidths: Sequence[float] | None
) -> Sequence[float]:
    """Return the bandwidths of `rbf_mmd`; None: multiples of the median distance."""
    if bandwidths is None:
        median = median_distance(real)
        bandwidths = [factor * median for factor in BANDWIDTH_FACTORS]
    if not len(bandwidths) or not all(0 < h < np.inf for h in bandwidths):
        raise ValueError(
            f"bandwidths {list(bandwidths)}; at least one, all positive, is needed "
            "(the default is 0 where most reals coincide: give them)"
        )
    return bandwidths


def energy_distance(real: Features, fake: Features) -> float:
    """Energy distance: `2 E|x - y| - E|x - x'| - E|y - y'|`; no root is taken.

    real: `[N, F]`. fake: `[M, F]`. N and M are at least 2. The distance is a
    U-statistic without parameters, and may be negative.

    Raises ValueError on NaN, infinity, different widths, too few rows. Szekely and
    Rizzo 2013, doi 10.1016/j.jspi.2013.03.018.
    """
    real, fake = match_features(2, real=real, fake=fake)

    def sum_kernel(queries: Features, references: Features, own: float | None = None):
        return reduce_squares(distance_sum, queries, references, own=own)

    return -u_statistic(sum_kernel, real, fake, 0.0)


def sliced_wasserstein(
    real: Features, fake: Features, *, directions: int = 128, seed: int = 0
) -> float:
    """Sliced Wasserstein distance: `mean_u W1(u.x, u.y)` over unit directions u.

    In one dimension W1 is `mean_i |x_i - y_i|` of sorted values. real, fake: `[N, F]`,
    equally many. The directions are normalized Gaussians from NumPy's generator at
    `seed`, so they are the same for all sets of one width. The distance is biased
    upwards: print real against real beside it. It is computed in float64 on the host.

    Raises ValueError on NaN, infinity, different shapes. Rabin et al. 2011,
    doi 10.1007/978-3-642-24785-9_37.
    """
    real, fake = (to_float64(x) for x in match_features(real=real, fake=fake))
    require_equal_counts("sliced_wasserstein", real, fake)
    if directions < 1:
        raise ValueError(f"directions {directions}; at least 1 is needed")
    distances = []
    drawn = draw_directions(directions, real.shape[1], seed)
    for start in range(0, directions, AT_A_TIME):
        some = drawn[start : start + AT_A_TIME]
        gap = np.sort(some @ real.T, axis=1) - np.sort(some @ fake.T, axis=1)
        distances.extend(np.abs(gap).mean(axis=1))
    return float(np.mean(distances))


def draw_directions(count: int, width: int, seed: int) -> np.ndarray:
    """Return the unit directions `[count, width]` of `sliced_wasserstein`."""
    rng = np.random.default_rng(seed)
    drawn = (rng.normal(size=width) for _ in range(count))
    return np.stack([direction / np.linalg.norm(direction) for direction in drawn])
