"""How good and how diverse samples are: pure functions of features `[N, F]`."""

import numpy as np


def effective_number(points: np.ndarray, bandwidth: float) -> float:
    """`N^2 / sum_ij k(x_i, x_j)^2`, k = exp(-|x_i - x_j|^2 / (2 h^2)); 1 to N.

    The order-2 Vendi score: how many clearly different points there are. Source:
    Friedman and Dieng 2023, 2210.02410; Pasarkar and Dieng 2023, 2310.12952.
    """
    squares = squared_distances(points)
    return float(len(points) ** 2 / np.exp(-squares / bandwidth**2).sum())


def diversity(real: np.ndarray, fake: np.ndarray) -> float:
    """The effective number of fakes over that of as many reals; both `[N, ...]`.

    Bandwidth: a fifth of the median distance between reals. 1 for the data's own
    diversity, m/K for m of K distant modes; NaN where all reals are one point.
    """
    real, fake = (np.float64(x).reshape(len(x), -1) for x in (real, fake))
    squares = squared_distances(real)[np.triu_indices(len(real), 1)]
    bandwidth = float(np.sqrt(np.median(squares))) / 5
    if bandwidth == 0:
        return float("nan")
    return effective_number(fake, bandwidth) / effective_number(real, bandwidth)


def squared_distances(points: np.ndarray) -> np.ndarray:
    norms = (points**2).sum(axis=1)
    return np.maximum(norms[:, None] + norms[None] - 2 * points @ points.T, 0)
