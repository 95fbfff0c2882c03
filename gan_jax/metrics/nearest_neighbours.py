"""Metrics of nearest neighbours: precision and recall, density, coverage, memorization.

Everything goes through blocks of pairs, so memory stays bounded at any size.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.metrics.blocks import over_squares
from gan_jax.metrics.inputs import Features, matched


@functools.cache
def kth_smallest(k: int) -> Callable[[Features], Features]:
    """The reduction to each row's k-th smallest entry; cached, so compiled once."""

    def reduction(block: Features) -> Features:
        if isinstance(block, jax.Array):
            return -lax.top_k(-block, k)[0][:, -1]
        block.partition(k - 1, axis=1)
        return block[:, k - 1].copy()

    return reduction


def within_radii(squares: Features, radii: Features) -> tuple[Any, Any]:
    """Per query: inside any reference's ball; inside how many."""
    inside = squares < radii[None]
    return inside.any(axis=1), inside.sum(axis=1)


def within_any_and_nearest(squares: Features, radii: Features) -> tuple[Any, Any]:
    """Per query: inside any reference's ball; the squared distance to the nearest."""
    return (squares < radii[None]).any(axis=1), squares.min(axis=1)


def nearest_index(squares: Features) -> Features:
    return squares.argmin(axis=1)


def mean(per_query: Features) -> float:
    return float(np.asarray(per_query, np.float64).mean())


def precision_recall(real: Features, fake: Features, k: int = 5) -> dict[str, float]:
    """Improved precision and recall, density and coverage, of one k.

    With r_i the distance from real x_i to its k-th nearest other real, s_j the same of
    fake y_j among the fakes, N reals and M fakes:
    - precision: the share of j with `|x_i - y_j| < r_i` for any i;
    - recall: the share of i with `|x_i - y_j| < s_j` for any j;
    - density: `#{(i, j): |x_i - y_j| < r_i} / (k M)`, 1 for equal distributions;
    - coverage: the share of i with `min_j |x_i - y_j| < r_i`, for equal distributions
      `1 - prod_{l=1..k} (N - l) / (N + M - l)`, .969 at k = 5 and N = M.

    Strict <; the k-th neighbour excludes the point itself. The `prdc` package's
    numbers, up to ties within rounding (which integer features do not have). Swapping
    the arguments swaps precision and recall. Precision and recall are usually quoted
    at k = 3, density and coverage at k = 5.

    real `[N, F]`, fake `[M, F]`; both need more than k rows. Raises ValueError on NaN,
    infinity, different widths, too few rows. Kynkaanniemi et al. 2019, arXiv
    1904.06991; Naeem et al. 2020, arXiv 2002.09797.
    """
    if k < 1:
        raise ValueError(f"k {k}; at least 1 is needed")
    real, fake = matched(k + 1, real=real, fake=fake)
    real_radii = over_squares(kth_smallest(k), real, real, own=math.inf)
    fake_radii = over_squares(kth_smallest(k), fake, fake, own=math.inf)
    precise, balls = over_squares(within_radii, fake, real, real_radii)
    recalled, nearest = over_squares(within_any_and_nearest, real, fake, fake_radii)
    return {
        "precision": mean(precise),
        "recall": mean(recalled),
        "density": 1 / k * mean(balls),
        "coverage": mean(nearest < real_radii),
    }


def nearest_distances(queries: Features, references: Features) -> np.ndarray:
    """`min_j |x_i - y_j|`, queries `[N, F]`, references `[M, F]` -> float64 `[N]`.

    The neighbour is found among all pairs; its distance is then the norm of the
    difference, so that of an exact copy is exactly 0.

    Raises ValueError on NaN, infinity, different widths.
    """
    queries, references = matched(queries=queries, references=references)
    return gaps(queries, references[over_squares(nearest_index, queries, references)])


def nearest_others(points: Features) -> np.ndarray:
    """`min_{j != i} |x_i - x_j|`, points `[N, F]`, at least 2 -> float64 `[N]`.

    Raises ValueError on NaN, infinity, fewer than 2 rows.
    """
    (points,) = matched(2, points=points)
    index = over_squares(nearest_index, points, points, own=math.inf)
    return gaps(points, points[index])


def gaps(queries: Features, found: Features) -> np.ndarray:
    norm = jnp.linalg.norm if isinstance(queries, jax.Array) else np.linalg.norm
    return np.asarray(norm(queries - found, axis=1), np.float64)


def memorization_ratio(train: Features, test: Features, fake: Features) -> float:
    """`mean_j min_i |y_j - x_i| / mean_l min_i |t_l - x_i|`: fakes against test data.

    x are the training data `[N, F]`, t held-out data `[L, F]`, y fakes `[M, F]`. About
    1 if fakes are as far from the training data as unseen data are; towards 0 if they
    copy it; above 1 for fakes off the data. NaN if all test data are training data.

    Raises ValueError on NaN, infinity, different widths.
    """
    unseen = nearest_distances(test, train).mean()
    if unseen == 0:
        return math.nan
    return float(nearest_distances(fake, train).mean() / unseen)
