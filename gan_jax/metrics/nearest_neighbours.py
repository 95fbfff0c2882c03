"""Metrics of nearest neighbours: precision and recall, density, coverage, memorization.

All pairs are reduced in blocks, so memory stays bounded at any size.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.metrics.blocks import reduce_squares
from gan_jax.metrics.inputs import Features, match_features


@functools.cache
def make_kth_smallest(k: int) -> Callable[[Features], Features]:
    """Return the reduction to each row's k-th smallest entry; it is compiled once."""

    def reduction(block: Features) -> Features:
        if isinstance(block, jax.Array):
            return -lax.top_k(-block, k)[0][:, -1]
        block.partition(k - 1, axis=1)
        return block[:, k - 1].copy()

    return reduction


def count_balls(squares: Features, radii: Features) -> tuple[Any, Any]:
    """Return whether each query is inside any reference's ball, and inside how many."""
    inside = squares < radii[None]
    return inside.any(axis=1), inside.sum(axis=1)


def find_ball_and_nearest(squares: Features, radii: Features) -> tuple[Any, Any]:
    """Return whether each query is inside any ball, and its least squared distance."""
    return (squares < radii[None]).any(axis=1), squares.min(axis=1)


def nearest_index(squares: Features) -> Features:
    """Return the index of each query's nearest reference."""
    return squares.argmin(axis=1)


def mean_float64(per_query: Features) -> float:
    """Return the mean over queries, in float64."""
    return float(np.asarray(per_query, np.float64).mean())


def precision_recall(real: Features, fake: Features, k: int = 5) -> dict[str, float]:
    """Return improved precision and recall, density and coverage, for one k.

    With r_i the distance from real x_i to its k-th nearest other real, s_j the same of
    fake y_j among the fakes, N reals and M fakes:
    - precision: the share of j with `|x_i - y_j| < r_i` for any i;
    - recall: the share of i with `|x_i - y_j| < s_j` for any j;
    - density: `#{(i, j): |x_i - y_j| < r_i} / (k M)`, 1 for equal distributions;
    - coverage: the share of i with `min_j |x_i - y_j| < r_i`, for equal distributions
      `1 - prod_{l=1..k} (N - l) / (N + M - l)`, .969 at k = 5 and N = M.

    The inequalities are strict, and the k-th neighbour excludes the point itself. The
    numbers are those of the `prdc` package, up to ties within rounding (which integer
    features do not have). Swapping the arguments swaps precision and recall. Precision
    and recall are usually quoted at k = 3, density and coverage at k = 5.

    real: `[N, F]`. fake: `[M, F]`. Both need more than k rows.

    Raises ValueError on NaN, infinity, different widths, too few rows. Kynkaanniemi et
    al. 2019, arXiv 1904.06991; Naeem et al. 2020, arXiv 2002.09797.
    """
    if k < 1:
        raise ValueError(f"k {k}; at least 1 is needed")
    real, fake = match_features(k + 1, real=real, fake=fake)
    real_radii = reduce_squares(make_kth_smallest(k), real, real, own=math.inf)
    fake_radii = reduce_squares(make_kth_smallest(k), fake, fake, own=math.inf)
    precise, balls = reduce_squares(count_balls, fake, real, real_radii)
    recalled, nearest = reduce_squares(find_ball_and_nearest, real, fake, fake_radii)
    return {
        "precision": mean_float64(precise),
        "recall": mean_float64(recalled),
        "density": 1 / k * mean_float64(balls),
        "coverage": mean_float64(nearest < real_radii),
    }


def nearest_distances(queries: Features, references: Features) -> np.ndarray:
    """Return `min_j |x_i - y_j|`, float64 `[N]`, of queries and references `[., F]`.

    The neighbour is found among all pairs. Its distance is then the norm of the
    difference, so that the distance of an exact copy is exactly 0.

    Raises ValueError on NaN, infinity, different widths.
    """
    queries, references = match_features(queries=queries, references=references)
    return row_distances(
        queries, references[reduce_squares(nearest_index, queries, references)]
    )


def nearest_others(points: Features) -> np.ndarray:
    """Return `min_{j != i} |x_i - x_j|`, float64 `[N]`, of at least 2 points `[N, F]`.

    Raises ValueError on NaN, infinity, fewer than 2 rows.
    """
    (points,) = match_features(2, points=points)
    index = reduce_squares(nearest_index, points, points, own=math.inf)
    return row_distances(points, points[index])


def row_distances(queries: Features, others: Features) -> np.ndarray:
    """Return the distances `[N]` between the rows of two arrays `[N, F]`."""
    norm = jnp.linalg.norm if isinstance(queries, jax.Array) else np.linalg.norm
    return np.asarray(norm(queries - others, axis=1), np.float64)


def memorization_ratio(train: Features, test: Features, fake: Features) -> float:
    """Memorization ratio: `mean_j d(y_j) / mean_l d(t_l)`, `d(y) = min_i |y - x_i|`.

    x are the training data `[N, F]`, t held-out data `[L, F]`, y fakes `[M, F]`. The
    ratio is about 1 if fakes are as far from the training data as unseen data are. It
    tends to 0 if they copy the training data, and is above 1 for fakes off the data. It
    is NaN if all test data are training data.

    Raises ValueError on NaN, infinity, different widths.
    """
    unseen = nearest_distances(test, train).mean()
    if unseen == 0:
        return math.nan
    return float(nearest_distances(fake, train).mean() / unseen)
