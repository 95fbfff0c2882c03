"""Confidence intervals of distances: the jackknife that leaves out groups of samples.

Each of two independent sets of samples is cut into G groups, and `v_g` is the distance
without group g of both sets. A distance that is a smooth function of both sets has the
standard error `s = ((G - 1) / G sum_g (v_g - mean v)^2)^1/2` to first order in 1 / n,
and `distance +- t s` is its interval, t the quantile of Student's distribution with
G - 1 degrees of freedom. Efron and Stein 1981, doi 10.1214/aos/1176345462; for the
Frechet distance the first order is a normal law: Rippl, Munk and Sturm 2016, arXiv
1507.04090.

The interval is of the mean of the distance over other sets of the same size: it says
how far two numbers of one n may be apart by chance. It does not remove a bias that
falls with n, which the Frechet distance has.

Why not a bootstrap, which draws with replacement: an example that is drawn twice is at
distance 0 from itself, so it counts as a pair of a U-statistic, and it lowers the rank
of a covariance. For n samples a Frechet distance of `D + b / n` becomes `D + 2 b / n`
in the mean over resamples, so its percentiles may lie beside the value. Groups that are
left out add no copies, and the jackknife takes differences of distances of one size, in
which the bias cancels.

If the two sets are paired (row i of one was made from row i of the other), a group
leaves out both, so the interval holds for pairs as well.

For equal distributions the first order vanishes. The standard error is then too large
(by 2^1/2 for a sum of squares of normal variables), so the interval errs on the safe
side.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from gan_jax.metrics.inputs import Features

GROUPS = 10
"""How many groups are left out in turn; each costs a distance of 9/10 of the rows."""
LEAST_ROWS = 2 * GROUPS
"""The fewest samples of each side that an interval is taken of."""
CONFIDENCE = 0.95

Distance = Callable[[Features, Features], float]


def number_groups(count: int) -> np.ndarray:
    """Return the group of each of `count` rows `[count]`: equal runs of rows.

    The rows must be in random order.
    """
    return np.arange(count) * GROUPS // count


def leave_groups_out(distance: Distance, real: Features, fake: Features) -> list[float]:
    """Return a distance of `real [N, F]` and `fake [M, F]` without each group."""
    numbers = number_groups(len(real)), number_groups(len(fake))
    return [
        distance(real[numbers[0] != group], fake[numbers[1] != group])
        for group in range(GROUPS)
    ]


def jackknife_error(without: list[float]) -> float:
    """Return the standard error of a distance from its values without each group."""
    values = np.asarray(without, np.float64)
    scatter = np.sum((values - values.mean()) ** 2)
    return float(np.sqrt((len(values) - 1) / len(values) * scatter))


def confidence_interval(value: float, without: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of a distance from its values without each group."""
    quantile = float(stdtrit(len(without) - 1, (1 + CONFIDENCE) / 2))
    reach = quantile * jackknife_error(without)
    return value - reach, value + reach
