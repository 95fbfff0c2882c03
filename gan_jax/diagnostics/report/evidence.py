"""The evidence for each piece of advice: one line of text, or None if there is none."""

import numpy as np

from gan_jax.diagnostics.report.diagnosed_run import kernels
from gan_jax.diagnostics.report.limits import (
    DIVERSE,
    GROWTH,
    NEAR,
    OVERFITTED,
    PRECISE,
    TURNING,
    Numbers,
    farthest_reach,
    least_modes,
    plain_play,
    turns_fast,
    value_at,
)
from gan_jax.run_files.health import UNEVEN
from gan_jax.run_files.sample_checks import why_unlike_data

STEEP, FLAT = 10.0, 1e-3
"""Logits of D per deviation of the data."""


def ratios(found: Numbers, player: str, name: str) -> np.ndarray:
    """One number of each kernel of a player, in order of depth."""
    layers = found.get("layers", {}).get(player, {})
    return np.array([layers[path][name] for path in kernels(list(layers))])


def depth(found: Numbers, vanishes: bool) -> str | None:
    """Gradient norms of a player's first and last kernel, over UNEVEN apart."""
    for player in ("generator", "discriminator"):
        norms = ratios(found, player, "gradient")
        if len(norms) < 2:
            continue
        first, last = norms[0], norms[-1]
        low, high = (first, last) if vanishes else (last, first)
        if high > 0 and low * UNEVEN < high:
            return f"{player}: first layer {first:.2g}, last layer {last:.2g}"
    return None


def updates(found: Numbers) -> str | None:
    if "decayed" not in found or found["decayed"]:
        return None
    for player in ("generator", "discriminator"):
        sizes = ratios(found, player, "ratio")
        if len(sizes) and sizes.max() > 0.1:
            return f"{player}: an update of {sizes.max():.2g} of the weights"
    return None


def standing(found: Numbers) -> str | None:
    if found.get("decayed", True):
        return None
    for player in ("generator", "discriminator"):
        sizes = ratios(found, player, "ratio")
        if len(sizes) and np.median(sizes) < 1e-6:
            return f"{player}: a median update of {np.median(sizes):.2g} of the weights"
    return None


def dead(found: Numbers) -> str | None:
    for player in ("generator", "discriminator"):
        shares = found.get("units", {}).get(player, [])
        if max(shares, default=0) > 0.5:
            return f"{player}: {max(shares):.0%} of the units of a layer"
    return None


def slopes(found: Numbers) -> dict[str, float]:
    """Medians of |grad D| times the deviation of the data; none for a single point."""
    critic = found.get("critic", {})
    if not critic.get("deviation"):
        return {}
    return {
        place: quantiles[0.5] * critic["deviation"]
        for place, quantiles in critic["quantiles"].items()
    }


def steep(found: Numbers) -> str | None:
    worst = max(slopes(found).items(), key=lambda item: item[1], default=None)
    if worst is None or worst[1] <= STEEP:
        return None
    return f"{worst[1]:.3g} logits per deviation of the data ({worst[0]})"


def level(found: Numbers) -> str | None:
    slope = slopes(found).get("fake")
    if slope is None or slope >= FLAT:
        return None
    return f"{slope:.2g} logits per deviation of the data at the fakes"


def known(found: Numbers) -> str | None:
    gap = found.get("overfitting", {}).get("gap")
    if gap is None or gap["deviations"] <= OVERFITTED:
        return None
    return f"training reals score {gap['deviations']:.2g} deviations higher"


def game(found: Numbers, *names: str) -> tuple[float, ...] | None:
    """Numbers of the game, if it was measured."""
    section = found.get("game", {})
    return tuple(section[name] for name in names) if names[0] in section else None


def played(found: Numbers, *names: str) -> tuple[float, ...] | None:
    """The same where play is plain: other rules bend the eigenvalues' meaning."""
    return game(found, *names) if plain_play(found) else None


def grows(found: Numbers) -> str | None:
    values = played(found, "largest_real_part")
    if values is None or values[0] <= GROWTH:
        return None
    return f"a mode grows by {values[0]:.0%} a step"


def overshoots(found: Numbers) -> str | None:
    values, limit = game(found, "overshoot", "reach"), farthest_reach(found)
    if values is None or limit is None or values[0] <= limit:
        return None
    return f"h l = -{values[0]:.3g}, the optimizer reaches -{values[1]:.3g}"


def turns(found: Numbers) -> str | None:
    values = played(found, "leading_imaginary_ratio", "rotation_index")
    if values is None:
        return None
    ratio, index = values
    if ratio > TURNING and turns_fast(found):
        return f"Im / Re of the leading modes is {ratio:.3g}"
    return f"the rotation index is {index:.3g}" if index > TURNING else None


def undone(found: Numbers) -> str | None:
    for player, cosines in found.get("motion", {}).get("cosines", {}).items():
        if len(cosines) and np.mean(cosines) < -0.5:
            return f"{player}: mean cosine of successive updates {np.mean(cosines):.2f}"
    return None


def diverged(found: Numbers) -> str | None:
    fault = found.get("fault")
    return f"{fault['term']} at step {fault['step']}" if fault else None


def collapsed(found: Numbers) -> str | None:
    return "the log's last quarter" if found.get("verdict") == "collapsed" else None


def unlearned(found: Numbers) -> str | None:
    if found.get("verdict") == "not_learned":
        return (
            why_unlike_data(found.get("quality", {})) or "at the log's last measurement"
        )
    return why_unlike_data(found.get("quality", {}))


def sampled(found: Numbers, name: str) -> float | None:
    """A number of the samples' quality; none if `not_learned` says it all."""
    return None if unlearned(found) else value_at(found, "quality", name)


def imprecise(found: Numbers) -> str | None:
    share = sampled(found, "sample_precision")
    if share is None or share >= PRECISE:
        return None
    return f"{share:.1%} of the samples lie on a mode"


def missing(found: Numbers) -> str | None:
    modes, least = sampled(found, "sample_modes"), least_modes(found)
    if modes is None or least is None or modes >= least:
        return None
    return f"{modes:.0f} of {found['quality']['mode_count']} modes are hit"


def far(found: Numbers) -> str | None:
    distance = sampled(found, "sample_distance")
    if distance is None or distance <= NEAR:
        return None
    return f"distance {distance:.2g} (the data have 0, noise has 1)"


def uniform(found: Numbers) -> str | None:
    value = value_at(found, "quality", "diversity")
    if value is None or not value < DIVERSE or found.get("verdict") == "collapsed":
        return None
    return f"diversity {value:.2g} (the data have 1)"


def circles(found: Numbers) -> str | None:
    raw, averaged = (value_at(found, "motion", "ema", k) for k in ("raw", "averaged"))
    if raw is None or averaged is None or raw <= 2 * averaged:
        return None
    return f"distance to the data {raw:.2g}, of the averaged generator {averaged:.2g}"
