"""Numbers as JSON, and as text for people."""

from typing import Any

from gan_jax.diagnostics.report import limits


def short(value: Any) -> str:
    """A number in three digits."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:.3g}"
    return str(value)


def summary_rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
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

    add("fastest growth per step", "game", ("largest_real_part",), "")
    add("fastest decay per step", "game", ("overshoot",), "")
    add("decay per step that the optimizer can bear", "game", ("reach",), "")
    ratio = ("leading_imaginary_ratio",)
    add("rotation / growth or decay, two fastest", "game", ratio, "")
    add("rotation index (0: pure descent)", "game", ("rotation_index",), "")
    add("learning rate of G for these numbers", "game", ("rate",), "")
    decaying = ("decaying_limit",)
    add("largest stable one, of what decays", "game", decaying, "")
    every = ("simultaneous_limit",)
    add("largest stable one, of everything", "game", every, "0 if anything grows")
    for player in ("generator", "discriminator"):
        verdict = ("curvature", player, "verdict")
        add(f"the {player}'s own loss is at a", "game", verdict, "saddle is usual")
    deviations = ("gap", "deviations")
    seen = "D's logit, seen less unseen reals (deviations)"
    add(seen, "overfitting", deviations, "")
    add("distance to the data, last less averaged G", "motion", ("ema", "gap"), "")
    add("duality gap", "duality", ("gap",), "0 at a solution")
    return rows
