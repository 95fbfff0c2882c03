"""Instruments that tell rest from oscillation and travel, from series in NumPy.

The series are those of metrics or of parameters over steps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.flatten_util import ravel_pytree

LATE = 0.25
"""The share of a series, at its end, in which a run should have come to rest."""


def late_spread(values: Sequence[float] | np.ndarray, *, share: float = LATE) -> float:
    """Return the standard deviation (ddof 1) of the last `share` of a series.

    At least two values are taken. Raises ValueError for a series of fewer.
    """
    series = np.asarray(values, np.float64)
    late = series[-max(2, round(share * len(series))) :]
    if len(late) < 2:
        raise ValueError(f"values: {len(series)}; a spread needs at least 2")
    return float(late.std(ddof=1))


def snapshots(trees: Sequence[Any]) -> np.ndarray:
    """Return parameter trees of successive times as rows `[T, P]`, float64."""
    return np.stack([np.asarray(ravel_pytree(tree)[0], np.float64) for tree in trees])


def row_differences(points: np.ndarray, least: int) -> np.ndarray:
    """Return the differences `[T - 1, P]` of rows `[T, P]`.

    Raises ValueError for fewer than `least` rows and for rows that are not finite.
    """
    if points.ndim != 2 or len(points) < least:
        raise ValueError(
            f"points: shape {points.shape}; give [T, P] with T at least {least}"
        )
    if not np.isfinite(points).all():
        row = int(np.isfinite(points).all(axis=1).argmin())
        raise ValueError(f"points: row {row} is not finite; give the rows before it")
    return np.diff(points, axis=0)


def update_cosines(points: np.ndarray) -> np.ndarray:
    """Return `cos(w_(t+1) - w_t, w_(t+2) - w_(t+1))`, `[T, P] -> [T - 2]`.

    A cosine of 1 is travel in a straight line. Below 0 each update undoes the one
    before (too large a rate). A constant value between is rotation. It is 0 where there
    was no update. Raises ValueError for fewer than 3 points and for points that are not
    finite.
    """
    updates = row_differences(points, 3)
    sizes = np.linalg.norm(updates, axis=1)
    products = (updates[1:] * updates[:-1]).sum(axis=1)
    scale = sizes[1:] * sizes[:-1]
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)


def detour(points: np.ndarray) -> float:
    """Return `sum_t |w_(t+1) - w_t| / |w_T - w_0|`, path length over displacement.

    The detour is 1 for a straight path and where nothing moves, infinite for a closed
    path. Raises ValueError for fewer than 2 points and for points that are not finite.
    """
    length = np.linalg.norm(row_differences(points, 2), axis=1).sum()
    displacement = np.linalg.norm(points[-1] - points[0])
    if displacement == 0:
        return float(np.inf if length else 1.0)
    return float(length / displacement)


def ema_gap(raw: float, averaged: float) -> float:
    """Return `metric(raw G) - metric(averaged G)`.

    Of a metric that is lower for better samples the gap is large and positive where G
    orbits a good point that its average finds. Yazici et al. 2018, arXiv 1806.04498.
    """
    return raw - averaged
