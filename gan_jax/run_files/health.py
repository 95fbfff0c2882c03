"""What the rows of a log say about a run: signs of trouble, and how it ended.

Every rule is a function of rows alone, so a resumed run comes to the same findings.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gan_jax.types import Row

Series = dict[str, np.ndarray]
"""Metrics by name, a number for each row."""

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
"""The order in which a step computes its terms."""
COLLAPSED = 0.2
"""A run whose diversity stays under this share of the data's has collapsed."""
LATE = 0.25
"""Of the steps made: the part at the end that decides whether it has."""
LEAST = 3
"""Measurements in that part, without which nothing is said."""
EARLIER = 500
"""Rows, evenly spread, that stand for all before the recent ones."""


def first_fault(row: Row) -> str | None:
    """The first term of a row, as the step computes them, that is not finite."""
    order = {name: i for i, name in enumerate(CAUSAL)}
    names = sorted(row, key=lambda name: order.get(name, len(order)))
    numbers = (name for name in names if isinstance(row[name], float))
    return next((name for name in numbers if not np.isfinite(row[name])), None)


def has_collapsed(rows: list[Row]) -> bool:
    """Whether every `diversity` of the last quarter of the steps is under 0.2.

    `diversity` is the effective number of fakes over that of equally many examples
    (`metrics.diversity`): 1 for the data's own, 1/8 for one of eight modes. False with
    fewer than three measurements in the quarter, and where the data have no diversity.
    """
    begin = (1 - LATE) * rows[-1]["step"]
    late = [r["diversity"] for r in rows if "diversity" in r and r["step"] > begin]
    return len(late) >= LEAST and all(value < COLLAPSED for value in late)


NOISE_LIKE = 0.9
"""`sample_distance` from which on samples are no nearer to the data than noise is."""
BY_CHANCE = 0.01
"""`sample_precision` under which samples are on the modes by chance: noise has 0.3 % on
the ring."""
QUALITY = ("sample_distance", "sample_modes", "sample_precision")
"""What is logged of how near the samples are to the data."""


def last_samples(rows: list[Row]) -> Row:
    """The last measured diversity and QUALITY, and their step; empty if there is none.

    What is not finite (the diversity of a single point) is left out.
    """
    for row in reversed(rows):
        numbers = {name: row.get(name, np.nan) for name in ("diversity", *QUALITY)}
        if found := {name: x for name, x in numbers.items() if np.isfinite(x)}:
            return {"step": row["step"], **found}
    return {}


def unlike_data(samples: Row) -> str | None:
    """Why samples of such numbers are not like the data, in words; None: they may be.

    No mode is hit, fewer than 1 % are on a mode, or the nearest example is on average
    as far as it is from noise.
    """
    if samples.get("sample_modes", 1) == 0:
        return "no sample lies on a mode of the data"
    share = samples.get("sample_precision", 1.0)
    if share < BY_CHANCE:
        return f"only {share:.1%} of the samples lie on a mode of the data"
    if samples.get("sample_distance", 0.0) >= NOISE_LIKE:
        return (
            "the samples are no nearer to the data than noise is (distance "
            f"{samples['sample_distance']:.2g}; the data have 0, noise has 1)"
        )
    return None


def samples_in_words(samples: Row) -> str:
    """Of `last_samples`; of a run that measured none, that it did not."""
    texts = {
        "sample_modes": "modes hit: {:.0f}",
        "sample_precision": "{:.1%} on a mode",
        "sample_distance": "sample distance {:.2g} (the data 0, noise 1)",
        "diversity": "diversity {:.2g} (the data 1)",
    }
    found = [texts[name].format(samples[name]) for name in texts if name in samples]
    if not found:
        return "not measured: no step so far is a multiple of --metrics.every"
    return f"{', '.join(found)}, at step {samples['step']}"


def not_learned(rows: list[Row]) -> str | None:
    """Why a run that made all its steps did not learn the data; None: it may have.

    `unlike_data` of the last measurement, if it is of the last quarter of the steps.
    """
    samples = last_samples(rows)
    late = samples and samples["step"] > (1 - LATE) * rows[-1]["step"]
    return unlike_data(samples) if late else None


UNEVEN = 1e4
"""Between the gradient norms of a player's kernels: what is further apart is a fault of
depth."""


class Rule(NamedTuple):
    """A sign of trouble.

    window: how many recent rows it needs. holds: of those and of the rows before them.
    says: what it means. tries: what usually helps, names of `suggestions.SUGGESTIONS`.
    """

    window: int
    holds: Callable[[Series, Series], bool]
    says: str
    tries: tuple[str, ...]


def wins(recent: Series) -> bool:
    """Whether D tells nine of ten examples of each batch."""
    told = (recent["real_accuracy"] + recent["fake_accuracy"]) / 2
    return bool((told > 0.9).all())


def usual(name: str, earlier: Series) -> float:
    """The larger of a norm's running median and its first value.

    The first value is of the networks as they were initialized, so a gradient that is
    tiny for a while is not taken for the usual one when it comes back.
    """
    return max(float(np.median(earlier[name])), float(earlier[name][0]))


def vanishing(name: str, recent: Series, earlier: Series) -> bool:
    """Under 1/1000 of its usual size or under 1e-8, while D wins."""
    floor = max(usual(name, earlier) / 1000, 1e-8)
    return bool((recent[name] < floor).all()) and wins(recent)


def exploding(name: str, recent: Series, earlier: Series) -> bool:
    """Over 100 times its usual size and over 1."""
    roof = max(100 * usual(name, earlier), 1.0)
    return bool((recent[name] > roof).all())


def uneven(player: str, recent: Series, earlier: Series) -> bool:
    """Of a player's kernels the weakest gradient is under 1/10,000 of the strongest."""
    prefix = f"{player}_grad_norm/"
    found = [v for k, v in recent.items() if k.startswith(prefix)]
    if len(found) < 2:
        return False
    norms = np.stack(found)
    strongest = norms.max(axis=0)
    apart = norms.min(axis=0) * UNEVEN < strongest
    return bool((apart & (strongest > 1e-8)).all())


def saturated(recent: Series, earlier: Series) -> bool:
    """D tells 99 of 100 reals, and as many fakes, in every row."""
    told = np.minimum(recent["real_accuracy"], recent["fake_accuracy"])
    return bool((told > 0.99).all())


def logit_size(real: ArrayLike, fake: ArrayLike, d_loss: ArrayLike) -> np.ndarray:
    """How large mean logits are, but for a drift of both that D's loss does not see.

    The larger of their difference, and of their size as far as D's loss is as large.
    A loss that ignores a constant (Wasserstein's, the relativistic ones) stays small
    when both drift together, and nothing is wrong then. The loss alone says little: a
    least-squares loss is 1,000 where logits are 45.
    """
    size = np.maximum(np.abs(real), np.abs(fake))
    gap = np.abs(np.subtract(real, fake))
    return np.maximum(gap, np.minimum(size, np.abs(d_loss)))


def blown_up(recent: Series, earlier: Series) -> bool:
    """Mean logits over 1,000 in every row (`logit_size`)."""
    names = "real_logits", "fake_logits", "d_loss"
    size = logit_size(*(recent[name] for name in names))
    return bool((size > 1000).all())


def oscillating(recent: Series, earlier: Series) -> bool:
    """The logits of fakes come back with the opposite sign, again and again.

    Their autocorrelation (about their mean, biased) falls under -0.6 at some lag up to
    a quarter of the window, and their deviation is over 0.1.
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
RULES = {
    "vanishing_g_gradient": Rule(
        10,
        lambda recent, earlier: vanishing("g_grad_norm", recent, earlier),
        "G's gradient is under 1/1000 of its usual size while D wins: G learns nothing",
        ("non_saturating", "penalty", "penalty_of_points", "larger_weight", "slower_d"),
    ),
    "vanishing_d_gradient": Rule(
        10,
        lambda recent, earlier: vanishing("d_grad_norm", recent, earlier),
        "D's gradient is under 1/1000 of its usual size while it wins: it is sure of "
        "everything",
        ("penalty", "larger_weight", "instance_noise", "slower_d"),
    ),
    "exploding_g_gradient": Rule(
        10,
        lambda recent, earlier: exploding("g_grad_norm", recent, earlier),
        "G's gradient is over 100 times its usual size",
        ("penalty", "penalty_on_fakes", "clip_g", "slower"),
    ),
    "exploding_d_gradient": Rule(
        10,
        lambda recent, earlier: exploding("d_grad_norm", recent, earlier),
        "D's gradient is over 100 times its usual size",
        ("slower_d", "clip_d", "spectral"),
    ),
    "saturated_discriminator": Rule(
        50,
        saturated,
        "D has told all fakes from all reals in 50 rows",
        ("penalty", "larger_weight", "instance_noise", "slower_d", "more_data"),
    ),
    "logit_blow_up": Rule(
        10,
        blown_up,
        "the mean logits are over 1,000 apart, or they and D's loss are over that",
        ("penalty", "larger_weight", "spectral", "slower_d"),
    ),
    "oscillation": Rule(
        200,
        oscillating,
        "the players go round: the mean logit of fakes swings",
        ("penalty", "no_momentum", "decay", "slower", "averaged"),
    ),
    "uneven_g_gradients": Rule(
        50,
        lambda recent, earlier: uneven("g", recent, earlier),
        f"G: {DEPTH}",
        ("batch_norm", "he", "unit_scale", "leaky", "slower"),
    ),
    "uneven_d_gradients": Rule(
        50,
        lambda recent, earlier: uneven("d", recent, earlier),
        f"D: {DEPTH}",
        ("spectral", "he", "unit_scale", "leaky", "slower"),
    ),
}


def findings(rows: list[Row], known: set[str]) -> Iterator[str]:
    """The names of the RULES not yet known that hold for the newest whole window."""
    count = len(rows)
    for name, rule in RULES.items():
        before = count - rule.window
        if name not in known and before > 0 and count % rule.window == 0:
            few = rows[: before : max(1, before // EARLIER)]
            if rule.holds(series(rows[before:]), series(few)):
                yield name


def series(rows: list[Row]) -> Series:
    """Of the step's terms and, where they were logged, of the kernels' gradients."""
    layers = [name for name in rows[0] if name.endswith("/kernel")]
    names = (*CAUSAL, "real_accuracy", "fake_accuracy", *layers)
    return {
        name: np.array([row[name] for row in rows])
        for name in names
        if all(name in row for row in rows)
    }
