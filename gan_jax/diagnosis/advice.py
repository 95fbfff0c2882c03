"""What the numbers of a diagnosis mean, by rules, each with its threshold.

Like `gan_jax.health.RULES`, whose signs (told while the run went on) come first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gan_jax.diagnosis.case import kernels
from gan_jax.health import RULES, UNEVEN

Numbers = dict[str, Any]
STEEP, FLAT = 10.0, 1e-3
"""Logits of D per deviation of the data."""
GROWTH = 0.1
"""Growth of a mode per step."""


class Piece(NamedTuple):
    """One piece of advice.

    rule: with its threshold, in words. holds: the evidence in a line, or None. says:
    what is the matter. tries: flags that usually help.
    """

    rule: str
    holds: Callable[[Numbers], str | None]
    says: str
    tries: str


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
    if gap is None or gap["deviations"] <= 1:
        return None
    return f"training reals score {gap['deviations']:.2g} deviations higher"


def game(found: Numbers, *names: str) -> tuple[float, ...] | None:
    """Numbers of the game, if it was measured."""
    section = found.get("game", {})
    return tuple(section[name] for name in names) if names[0] in section else None


def played(found: Numbers, *names: str) -> tuple[float, ...] | None:
    """The same where play is plain: other rules bend the eigenvalues' meaning."""
    plain = found.get("game", {}).get("dynamics") in ("alternating", "simultaneous")
    return game(found, *names) if plain else None


def grows(found: Numbers) -> str | None:
    values = played(found, "largest_real_part")
    if values is None or values[0] <= GROWTH:
        return None
    return f"a mode grows by {values[0]:.0%} a step"


def overshoots(found: Numbers) -> str | None:
    values = game(found, "overshoot", "reach")
    if values is None or values[0] <= 2 * values[1]:
        return None
    return f"h l = -{values[0]:.3g}, the optimizer reaches -{values[1]:.3g}"


def turns(found: Numbers) -> str | None:
    names = "leading_imaginary_ratio", "leading_magnitude", "rotation_index"
    values = played(found, *names)
    if values is None:
        return None
    ratio, size, index = values
    if ratio > 1 and size > 0.01:
        return f"Im / Re of the leading modes is {ratio:.3g}"
    return f"the rotation index is {index:.3g}" if index > 1 else None


def undone(found: Numbers) -> str | None:
    for player, cosines in found.get("motion", {}).get("cosines", {}).items():
        if len(cosines) and np.mean(cosines) < -0.5:
            return f"{player}: mean cosine of successive updates {np.mean(cosines):.2f}"
    return None


def diverged(found: Numbers) -> str | None:
    fault = found.get("fault")
    return f"{fault['term']} at step {fault['step']}" if fault else None


def collapsed(found: Numbers) -> str | None:
    return "health.has_collapsed" if found.get("verdict") == "collapsed" else None


CALMER = "--penalty.name r1 (or r1_r2)"
SLOWER = "lower --g-optimizer.learning-rate and --d-optimizer.learning-rate"
ADVICE: dict[str, Piece] = {
    "diverged": Piece(
        "a logged metric was not finite",
        diverged,
        "The run diverged; what follows is its last finite checkpoint.",
        f"{SLOWER}; {CALMER}; --on-divergence restore",
    ),
    "collapsed": Piece(
        "diversity under 0.2 in the last quarter of the run",
        collapsed,
        "The samples stayed far less diverse than the data.",
        f"{CALMER}; --model.pack 2; --model.d-minibatch stddev",
    ),
    "unstable": Piece(
        f"plain play, max Re h l > {GROWTH:g}: a mode grows by over a tenth a step",
        grows,
        "The players drive each other away from here: the game is unstable at this "
        "learning rate, and where it settles is chance.",
        f"{CALMER}; {SLOWER}",
    ),
    "rotation": Piece(
        "plain play; of the two leading eigenvalues |Im| > |Re| (and |h l| > 0.01), or "
        "the rotation index > 1",
        turns,
        "The players chase each other in circles rather than come closer.",
        f"{CALMER}; --dynamics.name extragradient or consensus; --g-optimizer.b1 0 "
        "--d-optimizer.b1 0; judge the averaged generator",
    ),
    "overshoot": Piece(
        "-Re h l over twice the optimizer's reach (2 for SGD, 2 (1 + b1) / (1 - b1) "
        "for Adam; training often hovers at the reach itself)",
        overshoots,
        "Steps jump over the valley they should descend into.",
        f"{SLOWER}; --g-optimizer.schedule linear --d-optimizer.schedule linear",
    ),
    "updates_undone": Piece(
        "mean cosine of successive updates < -0.5",
        undone,
        "Each update undoes the one before it.",
        f"{SLOWER}; a larger --batch-size",
    ),
    "steep_critic": Piece(
        f"median |grad D| times the data's deviation > {STEEP:g} logits",
        steep,
        "D is far steeper than the data ask for: its gradient swings G about.",
        f"{CALMER}; --model.d-spectral; --augment.name instance_noise",
    ),
    "flat_critic": Piece(
        f"median |grad D| at fakes times the data's deviation < {FLAT:g} logits",
        level,
        "D is flat where the fakes are, so G is told nothing.",
        "a smaller --penalty.weight; a higher --d-optimizer.learning-rate; "
        "--loss.name non_saturating",
    ),
    "overfitting": Piece(
        "training reals score over 1 pooled deviation above held-out ones",
        known,
        "D knows its training examples by heart.",
        "images: --augment.name bgc --augment.strength 1 --augment.schedule adaptive; "
        "points: --augment.name instance_noise; a larger --penalty.weight; more data",
    ),
    "vanishing_over_depth": Piece(
        f"gradient of the first kernel under 1/{UNEVEN:g} of the last one's",
        lambda found: depth(found, True),
        "Gradients vanish on their way to the first layers, which learn nothing.",
        "--model.g-norm batch; --model.g-init he --model.d-init he; "
        "--model.activation leaky_relu; --model.init-scale 1",
    ),
    "exploding_over_depth": Piece(
        f"gradient of the first kernel over {UNEVEN:g} times the last one's",
        lambda found: depth(found, False),
        "Gradients grow on their way to the first layers.",
        "--model.g-norm batch; --model.d-spectral; a smaller --model.init-scale; "
        "--g-optimizer.clip-norm 1",
    ),
    "large_updates": Piece(
        "an update over 1/10 of a kernel's norm (1/1000 is usual)",
        updates,
        "Single updates rewrite a layer.",
        SLOWER,
    ),
    "standing_still": Piece(
        "a median update under 1e-6 of the kernels' norm",
        standing,
        "A player hardly moves.",
        f"--loss.name non_saturating; {CALMER}; a higher learning rate",
    ),
    "dead_units": Piece(
        "over half of a layer's units never positive on a batch",
        dead,
        "Much of a layer is dead (with a leaky activation: linear).",
        "--model.activation leaky_relu; a lower learning rate",
    ),
}


def advise(found: Numbers) -> list[dict[str, str]]:
    """The pieces of ADVICE that hold, and the log's signs: name, evidence, says, tries.

    found: of `gan_jax.diagnosis.diagnose`. Empty: nothing is the matter.
    """
    pieces = []
    for name, piece in ADVICE.items():
        evidence = piece.holds(found)
        if evidence is not None:
            words = {"says": piece.says, "tries": piece.tries, "rule": piece.rule}
            pieces.append({"name": name, "evidence": evidence, **words})
    for event in found.get("signs", []):
        says, _, tries = RULES[event["sign"]].says.partition(" What helps: ")
        words = {"says": f"{says[0].upper()}{says[1:]}", "tries": tries}
        evidence = f"told by the log at step {event['step']}"
        rule = "docs/verdicts.md"
        pieces.append(
            {"name": event["sign"], "evidence": evidence, **words, "rule": rule}
        )
    return pieces
