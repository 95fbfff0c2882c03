"""Signs of trouble in the rows of a run's log.

Each sign is a function of rows alone, so a resumed run finds the same ones.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gan_jax.types import Row

Series = dict[str, np.ndarray]
"""Metrics by name, with a number for each row."""

CAUSAL = (
    "real_logits",
    "fake_logits",
    "d_loss",
    "critic_grad_norm",
    "d_penalty",
    "d_grad_norm",
    "g_loss",
    "g_penalty",
    "g_grad_norm",
)
"""The terms of a step in the order in which it computes them."""
EARLIER = 500
"""The number of evenly spread rows that stand for all before the recent ones."""


def first_non_finite_term(row: Row) -> str | None:
    """Return the first term of a row, in the order of CAUSAL, that is not finite."""
    order = {name: i for i, name in enumerate(CAUSAL)}
    names = sorted(row, key=lambda name: order.get(name, len(order)))
    numbers = (name for name in names if isinstance(row[name], float))
    return next((name for name in numbers if not np.isfinite(row[name])), None)


UNEVEN = 1e4
"""The ratio of the gradient norms of a player's kernels from which on their depth is
at fault."""


class TroubleSign(NamedTuple):
    """A sign of trouble.

    window: the number of recent rows that it needs. holds: a function of these rows and
    of the rows before them that says whether there is trouble. meaning: what the sign
    means. suggestions: what usually helps, as names of `suggestions.SUGGESTIONS`.
    """

    window: int
    holds: Callable[[Series, Series], bool]
    meaning: str
    suggestions: tuple[str, ...]


def discriminator_wins(recent: Series) -> bool:
    """Whether D is right about nine of ten examples in every row."""
    accuracy = (recent["real_accuracy"] + recent["fake_accuracy"]) / 2
    return bool((accuracy > 0.9).all())


def usual_norm(name: str, earlier: Series) -> float:
    """Return the larger of a norm's median so far and its first value.

    The first value is that of the networks as they were initialized. With it, a
    gradient that is tiny for a while does not become the usual one, and its return is
    no explosion.
    """
    return max(float(np.median(earlier[name])), float(earlier[name][0]))


def norm_has_vanished(name: str, recent: Series, earlier: Series) -> bool:
    """Whether a norm is under 1/1000 of its usual size or under 1e-8, while D wins."""
    floor = max(usual_norm(name, earlier) / 1000, 1e-8)
    return bool((recent[name] < floor).all()) and discriminator_wins(recent)


def norm_has_exploded(name: str, recent: Series, earlier: Series) -> bool:
    """Whether a norm is over 100 times its usual size and over 1."""
    roof = max(100 * usual_norm(name, earlier), 1.0)
    return bool((recent[name] > roof).all())


def has_uneven_layers(player: str, recent: Series, earlier: Series) -> bool:
    """Whether a player's weakest kernel gradient is under 1/10,000 of the strongest."""
    prefix = f"{player}_grad_norm/"
    found = [v for k, v in recent.items() if k.startswith(prefix)]
    if len(found) < 2:
        return False
    norms = np.stack(found)
    strongest = norms.max(axis=0)
    apart = norms.min(axis=0) * UNEVEN < strongest
    return bool((apart & (strongest > 1e-8)).all())


def is_saturated(recent: Series, earlier: Series) -> bool:
    """Whether D is right about 99 of 100 reals and fakes in every row."""
    accuracy = np.minimum(recent["real_accuracy"], recent["fake_accuracy"])
    return bool((accuracy > 0.99).all())


def logit_size(real: ArrayLike, fake: ArrayLike, d_loss: ArrayLike) -> np.ndarray:
    """Return the size of mean logits without a drift of both that D's loss ignores.

    `max(|real - fake|, min(max(|real|, |fake|), |d_loss|))`: the larger of their
    difference, and of their own size as far as D's loss is as large.
    A loss that ignores a constant (Wasserstein's, the relativistic ones) stays small
    when both drift together, and nothing is wrong then. The loss alone says little: a
    least-squares loss is 1,000 where logits are 45.
    """
    size = np.maximum(np.abs(real), np.abs(fake))
    gap = np.abs(np.subtract(real, fake))
    return np.maximum(gap, np.minimum(size, np.abs(d_loss)))


def has_blown_up(recent: Series, earlier: Series) -> bool:
    """Whether the size of the mean logits is over 1,000 in every row (`logit_size`)."""
    names = "real_logits", "fake_logits", "d_loss"
    size = logit_size(*(recent[name] for name in names))
    return bool((size > 1000).all())


def is_oscillating(recent: Series, earlier: Series) -> bool:
    """Whether the logits of fakes swing from one side to the other, again and again.

    They do if their autocorrelation (about their mean, biased) falls under -0.6 at some
    lag up to a quarter of the window, and their deviation is over 0.1.
    """
    x = recent["fake_logits"] - recent["fake_logits"].mean()
    if x.std() <= 0.1:
        return False
    lags = np.correlate(x, x, "full")[len(x) - 1 :][: len(x) // 4 + 1]
    return bool(lags.min() / lags[0] < -0.6)


DEPTH = (
    "gradients of its layers are over 10,000 times apart: they vanish or explode on "
    "their way"
)
TROUBLE_SIGNS = {
    "vanishing_g_gradient": TroubleSign(
        10,
        lambda recent, earlier: norm_has_vanished("g_grad_norm", recent, earlier),
        "G's gradient is under 1/1000 of its usual size while D wins: G learns nothing",
        ("non_saturating", "penalty", "penalty_of_points", "larger_weight", "slower_d"),
    ),
    "vanishing_d_gradient": TroubleSign(
        10,
        lambda recent, earlier: norm_has_vanished("d_grad_norm", recent, earlier),
        "D's gradient is under 1/1000 of its usual size while it wins: it is sure of "
        "everything",
        ("penalty", "larger_weight", "instance_noise", "slower_d"),
    ),
    "exploding_g_gradient": TroubleSign(
        10,
        lambda recent, earlier: norm_has_exploded("g_grad_norm", recent, earlier),
        "G's gradient is over 100 times its usual size",
        ("penalty", "penalty_on_fakes", "clip_g", "slower"),
    ),
    "exploding_d_gradient": TroubleSign(
        10,
        lambda recent, earlier: norm_has_exploded("d_grad_norm", recent, earlier),
        "D's gradient is over 100 times its usual size",
        ("slower_d", "clip_d", "spectral"),
    ),
    "saturated_discriminator": TroubleSign(
        50,
        is_saturated,
        "D has told all fakes from all reals in 50 rows",
        ("penalty", "larger_weight", "instance_noise", "slower_d", "more_data"),
    ),
    "logit_blow_up": TroubleSign(
        10,
        has_blown_up,
        "the mean logits are over 1,000 apart, or they and D's loss are over that",
        ("penalty", "larger_weight", "spectral", "slower_d"),
    ),
    "oscillation": TroubleSign(
        200,
        is_oscillating,
        "the players go round: the mean logit of fakes swings",
        ("penalty", "no_momentum", "decay", "slower", "averaged"),
    ),
    "uneven_g_gradients": TroubleSign(
        50,
        lambda recent, earlier: has_uneven_layers("g", recent, earlier),
        f"G: {DEPTH}",
        ("batch_norm", "he", "unit_scale", "leaky", "slower"),
    ),
    "uneven_d_gradients": TroubleSign(
        50,
        lambda recent, earlier: has_uneven_layers("d", recent, earlier),
        f"D: {DEPTH}",
        ("spectral", "he", "unit_scale", "leaky", "slower"),
    ),
}


def find_trouble(rows: list[Row], known: set[str]) -> Iterator[str]:
    """Yield the names of the new signs of trouble whose windows the rows fill."""
    count = len(rows)
    for name, sign in TROUBLE_SIGNS.items():
        before = count - sign.window
        if name not in known and before > 0 and count % sign.window == 0:
            few = rows[: before : max(1, before // EARLIER)]
            if sign.holds(to_series(rows[before:]), to_series(few)):
                yield name


def to_series(rows: list[Row]) -> Series:
    """Return the series of the step's terms and of the kernels' logged gradients."""
    layers = [name for name in rows[0] if name.endswith("/kernel")]
    names = (*CAUSAL, "real_accuracy", "fake_accuracy", *layers)
    return {
        name: np.array([row[name] for row in rows])
        for name in names
        if all(name in row for row in rows)
    }
