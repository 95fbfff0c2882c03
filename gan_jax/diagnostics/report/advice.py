"""What the numbers of a diagnosis mean, by rules, each with its threshold.

The signs of `health.TROUBLE_SIGNS`, which a run reports as it goes, come first.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from gan_jax.assembly.suggestions import FOR_POOR_SAMPLES, FOR_VERDICT, helpful
from gan_jax.config import Config
from gan_jax.config.serialization import from_json
from gan_jax.diagnostics.report import evidence
from gan_jax.diagnostics.report.evidence import FLAT, STEEP
from gan_jax.diagnostics.report.limits import (
    COVERED,
    DIVERSE,
    GROWTH,
    NEAR,
    PRECISE,
    Numbers,
)
from gan_jax.run_files.health import TROUBLE_SIGNS, UNEVEN


class Piece(NamedTuple):
    """One piece of advice.

    rule: with its threshold, in words. holds: the evidence in a line, or None. says:
    what is the matter. tries: what usually helps, names of `suggestions.SUGGESTIONS`.
    """

    rule: str
    holds: Callable[[Numbers], str | None]
    says: str
    tries: tuple[str, ...]


ADVICE: dict[str, Piece] = {
    "diverged": Piece(
        "a logged metric was not finite",
        evidence.diverged,
        "The run diverged; what follows is its last finite checkpoint.",
        FOR_VERDICT["diverged"],
    ),
    "collapsed": Piece(
        "diversity under 0.2 in the last quarter of the run",
        evidence.collapsed,
        "The samples stayed far less diverse than the data.",
        FOR_VERDICT["collapsed"],
    ),
    "not_learned": Piece(
        "no mode is hit, or under 1 % of the samples are on a mode, or their distance "
        "to the data is at least 0.9 of that of noise",
        evidence.unlearned,
        "The samples are not like the data: the run did not learn them.",
        FOR_VERDICT["not_learned"],
    ),
    "low_precision": Piece(
        f"under {PRECISE:.0%} of the samples of a toy within 3 deviations of a mode",
        evidence.imprecise,
        "Many samples lie between the modes of the data.",
        FOR_POOR_SAMPLES,
    ),
    "missing_modes": Piece(
        f"under {COVERED:.0%} of a toy's modes hit by 256 samples",
        evidence.missing,
        "The samples leave modes of the data out.",
        FOR_VERDICT["collapsed"],
    ),
    "far_from_data": Piece(
        f"distance of the samples to the data > {NEAR:g} (0 the data, 1 noise)",
        evidence.far,
        "The samples are nearer to noise than to the data.",
        FOR_POOR_SAMPLES,
    ),
    "low_diversity": Piece(
        f"diversity of the samples < {DIVERSE:g}",
        evidence.uniform,
        "The samples are far less diverse than the data.",
        FOR_VERDICT["collapsed"],
    ),
    "unstable": Piece(
        f"plain play, max Re h l > {GROWTH:g}: a mode grows by over a tenth a step",
        evidence.grows,
        "The players drive each other away from here: the game is unstable at this "
        "learning rate, and where it settles is chance.",
        ("penalty", "penalty_on_fakes", "slower", "decay"),
    ),
    "rotation": Piece(
        "plain play; of the two leading eigenvalues |Im| > |Re| (and |h l| > 0.01), or "
        "the rotation index > 1",
        evidence.turns,
        "The players chase each other in circles rather than come closer.",
        ("penalty", "extragradient", "consensus", "no_momentum", "slower", "averaged"),
    ),
    "overshoot": Piece(
        "-Re h l over twice the optimizer's reach (2 for SGD, 2 (1 + b1) / (1 - b1) "
        "for Adam; training often hovers at the reach itself)",
        evidence.overshoots,
        "Steps jump over the valley they should descend into.",
        ("slower", "decay"),
    ),
    "updates_undone": Piece(
        "mean cosine of successive updates < -0.5",
        evidence.undone,
        "Each update undoes the one before it.",
        ("slower", "decay", "larger_batch"),
    ),
    "circling": Piece(
        "the last generator over twice as far from the data as the averaged one",
        evidence.circles,
        "The players circle around a point that the averaged generator is nearer to.",
        ("decay", "slower", "penalty", "no_momentum", "averaged"),
    ),
    "steep_critic": Piece(
        f"median |grad D| times the data's deviation > {STEEP:g} logits",
        evidence.steep,
        "D is far steeper than the data ask for: its gradient swings G about.",
        (
            "penalty",
            "penalty_on_fakes",
            "larger_weight",
            "spectral",
            "instance_noise",
            "slower_d",
        ),
    ),
    "flat_critic": Piece(
        f"median |grad D| at fakes times the data's deviation < {FLAT:g} logits",
        evidence.level,
        "D is flat where the fakes are, so G is told nothing.",
        ("penalty_of_points", "smaller_weight", "faster_d", "non_saturating"),
    ),
    "overfitting": Piece(
        "training reals score over 1 pooled deviation above held-out ones",
        evidence.known,
        "D knows its training examples by heart.",
        (
            "adaptive_augment",
            "instance_noise",
            "penalty",
            "larger_weight",
            "more_data",
            "slower_d",
        ),
    ),
    "vanishing_over_depth": Piece(
        f"gradient of the first kernel under 1/{UNEVEN:g} of the last one's",
        lambda found: evidence.depth(found, True),
        "Gradients vanish on their way to the first layers, which learn nothing.",
        ("batch_norm", "he", "leaky", "unit_scale", "slower"),
    ),
    "exploding_over_depth": Piece(
        f"gradient of the first kernel over {UNEVEN:g} times the last one's",
        lambda found: evidence.depth(found, False),
        "Gradients grow on their way to the first layers.",
        ("batch_norm", "spectral", "smaller_scale", "clip_g"),
    ),
    "large_updates": Piece(
        "an update over 1/10 of a kernel's norm (1/1000 is usual)",
        evidence.updates,
        "Single updates rewrite a layer.",
        ("slower", "decay"),
    ),
    "standing_still": Piece(
        "a median update under 1e-6 of the kernels' norm",
        evidence.standing,
        "A player hardly moves.",
        ("non_saturating", "penalty", "penalty_of_points", "faster"),
    ),
    "dead_units": Piece(
        "over half of a layer's units never positive on a batch",
        evidence.dead,
        "Much of a layer is dead (with a leaky activation: linear).",
        ("leaky", "slower"),
    ),
}


def advise(found: Numbers) -> list[dict[str, str]]:
    """The pieces of ADVICE that hold, and the log's signs: name, evidence, says, tries.

    What they try fits the run. found: of `gan_jax.diagnostics.report.diagnose`. Empty:
    nothing is the matter.
    """
    config = config_of(found)
    pieces = []
    for name, piece in ADVICE.items():
        told = piece.holds(found)
        if told is not None:
            tries = "; ".join(helpful(piece.tries, config))
            words = {"says": piece.says, "tries": tries, "rule": piece.rule}
            pieces.append({"name": name, "evidence": told, **words})
    for event in found.get("signs", []):
        sign = TROUBLE_SIGNS[event["sign"]]
        says = f"{sign.meaning[0].upper()}{sign.meaning[1:]}."
        words = {"says": says, "tries": "; ".join(helpful(sign.suggestions, config))}
        told = f"told by the log at step {event['step']}"
        rule = "docs/verdicts.md"
        pieces.append({"name": event["sign"], "evidence": told, **words, "rule": rule})
    return pieces


def config_of(found: Numbers) -> Config:
    return from_json(json.dumps(found.get("config", {})))
