"""The limits of the numbers that matter most, for the rules and for the page's table.

A number that is beyond the limit shown beside it breaks a rule of `advice.ADVICE`.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from gan_jax.dynamics import DYNAMICS, as_rule

Numbers = dict[str, Any]
GROWTH = 0.1
"""Growth of a mode per step."""
TURNING = 1.0
"""Imaginary over real part; of the game's antisymmetric part over the symmetric one."""
MOVING = 0.01
"""Eigenvalues times the learning rate under which turning is too slow to matter."""
OVERFITTED = 1.0
"""Pooled deviations between the logits of seen and of unseen reals."""
NEAR = 0.5
"""`sample_distance` above which samples are far from the data; noise has 1."""
PRECISE = 0.5
"""`sample_precision` below which most samples lie between the modes."""
COVERED = 0.9
"""Share of the modes that 256 samples have to hit: data hit nearly all."""
DIVERSE = 0.5
"""Diversity below which samples are far less diverse than the data."""


class Limit(NamedTuple):
    """usual: what a number is beside, in words, or "" where none applies.

    rule: of ADVICE, which holds beyond it.
    """

    rule: str
    usual: Callable[[Numbers], str]


def value_at(found: Numbers, *path: str) -> Any:
    """The number at a path of sections; None if it was not measured."""
    value: Any = found
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def at_constant_rates(found: Numbers) -> bool:
    """Whether the eigenvalues, which are at the highest rates, say where play goes.

    Where rates have decayed a hundredfold, the players have settled at smaller ones.
    """
    return not found.get("decayed", False)


def plain_play(found: Numbers) -> bool:
    """Whether the limits of eigenvalues apply: to plain play at constant rates."""
    rule = DYNAMICS.get(value_at(found, "game", "dynamics"))
    return rule is not None and as_rule(rule).is_plain and at_constant_rates(found)


def turns_fast(found: Numbers) -> bool:
    """Whether the leading eigenvalues are those of plain play, and large enough."""
    size = value_at(found, "game", "leading_magnitude")
    return plain_play(found) and size is not None and size > MOVING


def farthest_reach(found: Numbers) -> float | None:
    """The decay per step at which steps overshoot: training hovers at half of it."""
    reach = value_at(found, "game", "reach")
    return 2 * reach if reach is not None and at_constant_rates(found) else None


def least_modes(found: Numbers) -> float | None:
    count = value_at(found, "quality", "mode_count")
    return None if count is None else COVERED * count


def averaged_distance(found: Numbers) -> float | None:
    """By how much the last generator may be further from the data than the average."""
    return value_at(found, "motion", "ema", "averaged")


def under(limit: float | None) -> str:
    return "" if limit is None else f"under {limit:.3g}"


def over(limit: float | None) -> str:
    return "" if limit is None else f"over {limit:.3g}"


LIMITS: dict[tuple[str, ...], Limit] = {
    ("quality", "sample_modes"): Limit(
        "missing_modes", lambda found: over(least_modes(found))
    ),
    ("quality", "sample_precision"): Limit(
        "low_precision", lambda found: over(PRECISE)
    ),
    ("quality", "sample_distance"): Limit("far_from_data", lambda found: under(NEAR)),
    ("quality", "diversity"): Limit("low_diversity", lambda found: over(DIVERSE)),
    ("game", "largest_real_part"): Limit(
        "unstable", lambda found: under(GROWTH) if plain_play(found) else ""
    ),
    ("game", "overshoot"): Limit(
        "overshoot", lambda found: under(farthest_reach(found))
    ),
    ("game", "leading_imaginary_ratio"): Limit(
        "rotation", lambda found: under(TURNING) if turns_fast(found) else ""
    ),
    ("game", "rotation_index"): Limit(
        "rotation", lambda found: under(TURNING) if plain_play(found) else ""
    ),
    ("motion", "ema", "gap"): Limit(
        "circling", lambda found: under(averaged_distance(found))
    ),
    ("overfitting", "gap", "deviations"): Limit(
        "overfitting", lambda found: under(OVERFITTED)
    ),
}
"""By the path of the number in what `diagnose` finds."""
QUALITY_NAMES = {
    "sample_modes": "modes hit by 256 samples",
    "sample_precision": "share of the samples on a mode",
    "sample_distance": "sample distance (the data have 0, noise has 1)",
    "diversity": "diversity of the samples (the data have 1)",
}


def usual(found: Numbers, path: tuple[str, ...], otherwise: str) -> str:
    """What is shown beside a number as usual: its limit, or what has none."""
    limit = LIMITS.get(path)
    return otherwise if limit is None else limit.usual(found)


def quality_rows(found: Numbers) -> list[tuple[str, str, str]]:
    """What, value and limit of each number of the samples' quality."""
    own = found.get("quality", {})
    return [
        (text, f"{own[name]:.3g}", usual(found, ("quality", name), ""))
        for name, text in QUALITY_NAMES.items()
        if math.isfinite(own.get(name, math.nan))
    ]
