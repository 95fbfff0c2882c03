"""The limits of the numbers that matter most.

`evidence` compares the numbers with them, and the page shows them beside the numbers. A
number that is beyond the limit beside it breaks a rule of `advice.ADVICE`.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from gan_jax.diagnostics.report.diagnosed_run import Diagnosis
from gan_jax.dynamics import DYNAMICS, as_rule

GROWTH = 0.1
"""The largest growth of a mode per step."""
TURNING = 1.0
"""The largest imaginary over real part of an eigenvalue, and the largest ratio of the
game's antisymmetric part to its symmetric one."""
MOVING = 0.01
"""An eigenvalue times the learning rate below which turning is too slow to matter."""
OVERFITTED = 1.0
"""Pooled deviations between the logits of seen and of unseen reals."""
NEAR = 0.5
"""The `sample_distance` above which samples are far from the data; noise has 1."""
PRECISE = 0.5
"""The `sample_precision` below which most samples lie between the modes."""
COVERED = 0.9
"""The share of the modes that 256 samples have to hit: data hit nearly all."""
DIVERSE = 0.5
"""The diversity below which samples are far less diverse than the data."""


class Limit(NamedTuple):
    """The limit of a number.

    rule: the name in ADVICE of the rule that holds beyond it. usual: returns the limit
    in words, "" where none applies to this diagnosis.
    """

    rule: str
    usual: Callable[[Diagnosis], str]


def value_at(diagnosis: Diagnosis, *path: str) -> Any:
    """Return the number at a path of sections, or None if it was not measured."""
    value: Any = diagnosis
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def has_constant_rates(diagnosis: Diagnosis) -> bool:
    """Return whether the eigenvalues at the highest rates say where play goes.

    They do not where rates have decayed a hundredfold: the players have settled at
    smaller ones.
    """
    return not diagnosis.get("decayed", False)


def is_plain_play(diagnosis: Diagnosis) -> bool:
    """Return whether the limits of eigenvalues apply: plain play at constant rates."""
    rule = DYNAMICS.get(value_at(diagnosis, "game", "dynamics"))
    is_plain = rule is not None and as_rule(rule).is_plain
    return is_plain and has_constant_rates(diagnosis)


def rotates_fast(diagnosis: Diagnosis) -> bool:
    """Return whether the leading eigenvalues are of plain play and large enough."""
    size = value_at(diagnosis, "game", "leading_magnitude")
    return is_plain_play(diagnosis) and size is not None and size > MOVING


def overshoot_limit(diagnosis: Diagnosis) -> float | None:
    """Return the decay per step at which steps overshoot, or None if it is unknown.

    It is twice the optimizer's reach, since training often hovers at the reach itself.
    """
    reach = value_at(diagnosis, "game", "reach")
    return 2 * reach if reach is not None and has_constant_rates(diagnosis) else None


def least_modes(diagnosis: Diagnosis) -> float | None:
    """Return the number of modes that samples have to hit; None for data without."""
    count = value_at(diagnosis, "quality", "mode_count")
    return None if count is None else COVERED * count


def averaged_distance(diagnosis: Diagnosis) -> float | None:
    """Return the averaged generator's distance to the data, or None.

    The last generator may be further from the data by as much.
    """
    return value_at(diagnosis, "motion", "ema", "averaged")


def say_under(limit: float | None) -> str:
    """Say that a number is usually under a limit; say nothing without a limit."""
    return "" if limit is None else f"under {limit:.3g}"


def say_over(limit: float | None) -> str:
    """Say that a number is usually over a limit; say nothing without a limit."""
    return "" if limit is None else f"over {limit:.3g}"


LIMITS: dict[tuple[str, ...], Limit] = {
    ("quality", "sample_modes"): Limit(
        "missing_modes", lambda diagnosis: say_over(least_modes(diagnosis))
    ),
    ("quality", "sample_precision"): Limit(
        "low_precision", lambda _: say_over(PRECISE)
    ),
    ("quality", "sample_distance"): Limit("far_from_data", lambda _: say_under(NEAR)),
    ("quality", "diversity"): Limit("low_diversity", lambda _: say_over(DIVERSE)),
    ("game", "largest_real_part"): Limit(
        "unstable",
        lambda diagnosis: say_under(GROWTH) if is_plain_play(diagnosis) else "",
    ),
    ("game", "overshoot"): Limit(
        "overshoot", lambda diagnosis: say_under(overshoot_limit(diagnosis))
    ),
    ("game", "leading_imaginary_ratio"): Limit(
        "rotation",
        lambda diagnosis: say_under(TURNING) if rotates_fast(diagnosis) else "",
    ),
    ("game", "rotation_index"): Limit(
        "rotation",
        lambda diagnosis: say_under(TURNING) if is_plain_play(diagnosis) else "",
    ),
    ("motion", "ema", "gap"): Limit(
        "circling", lambda diagnosis: say_under(averaged_distance(diagnosis))
    ),
    ("overfitting", "gap", "deviations"): Limit(
        "overfitting", lambda _: say_under(OVERFITTED)
    ),
}
"""The limits by the path of the number in a diagnosis."""
QUALITY_NAMES = {
    "sample_modes": "modes hit by 256 samples",
    "sample_precision": "share of the samples on a mode",
    "sample_distance": "sample distance (the data have 0, noise has 1)",
    "diversity": "diversity of the samples (the data have 1)",
}
"""The names of the samples' numbers on the page."""


def usual_range(diagnosis: Diagnosis, path: tuple[str, ...], default: str) -> str:
    """Return what is usual of the number at a path, in words.

    default: what is returned for a number that has no limit.
    """
    limit = LIMITS.get(path)
    return default if limit is None else limit.usual(diagnosis)


def quality_rows(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """Return name, value and limit of each number of the samples' quality."""
    numbers = diagnosis.get("quality", {})
    return [
        (
            text,
            f"{numbers[name]:.3g}",
            usual_range(diagnosis, ("quality", name), ""),
        )
        for name, text in QUALITY_NAMES.items()
        if math.isfinite(numbers.get(name, math.nan))
    ]
