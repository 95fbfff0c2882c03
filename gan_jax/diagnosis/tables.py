"""Numbers as JSON, and as text for people."""

import math
from typing import Any

import numpy as np

from gan_jax.diagnosis import limits


def plain(value: Any) -> Any:
    """As JSON has it: what is not finite becomes null, keys become text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    bad = isinstance(value, float) and not math.isfinite(value)
    return None if bad else value


def short(value: Any) -> str:
    """A number in three digits."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:.3g}"
    return str(value)


def summary(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The numbers that matter most: what, value, what is usual.

    What is usual of a number that has a limit comes from `limits.LIMITS`.
    """
    rows = limits.quality_rows(found)

    def add(what: str, section: str, path: tuple[str, ...], usual: str) -> None:
        value: Any = found.get(section, {})
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            rows.append(
                (what, short(value), limits.usual(found, (section, *path), usual))
            )

    game = "game"
    add("largest growth per step", game, ("largest_real_part",), "")
    add("largest decay per step", game, ("overshoot",), "")
    add("the optimizer's reach", game, ("reach",), "")
    add("Im / Re, leading modes", game, ("leading_imaginary_ratio",), "")
    add("rotation index", game, ("rotation_index",), "")
    add("largest stable rate, decaying modes", game, ("decaying_limit",), "")
    add(
        "largest stable rate, all modes", game, ("simultaneous_limit",), "0 if any grow"
    )
    add("learning rate h", game, ("rate",), "")
    for player, name in (("generator", "G"), ("discriminator", "D")):
        verdict = ("curvature", player, "verdict")
        add(f"{name}'s own objective is at a", game, verdict, "saddle is usual")
    add("logit gap, deviations", "overfitting", ("gap", "deviations"), "")
    add("raw minus averaged G", "motion", ("ema", "gap"), "")
    add("duality gap", "duality", ("gap",), "0 at a solution")
    return rows
