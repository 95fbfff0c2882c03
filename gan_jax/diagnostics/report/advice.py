"""What the numbers of a diagnosis mean: rules, each with its threshold and advice.

`advise` returns what the page and the terminal show as the verdict. The evidence comes
from `evidence`, the thresholds from `limits`. The signs of `health.TROUBLE_SIGNS`,
which a run writes into its log as it goes, follow the rules.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from gan_jax.assembly.suggestions import FOR_POOR_SAMPLES, FOR_VERDICT, suggest_flags
from gan_jax.config import Config
from gan_jax.config.serialization import from_json
from gan_jax.diagnostics.report import evidence
from gan_jax.diagnostics.report.diagnosed_run import Diagnosis
from gan_jax.run_files.health import TROUBLE_SIGNS


class Advice(NamedTuple):
    """A rule by which something is the matter, and what usually helps.

    rule: the condition with its threshold, in words. find_evidence: returns the
    evidence in a line, or None where the rule does not hold. says: what is the matter.
    tries: what usually helps, names of `suggestions.SUGGESTIONS`.
    """

    rule: str
    find_evidence: Callable[[Diagnosis], str | None]
    says: str
    tries: tuple[str, ...]


ADVICE: dict[str, Advice] = {
    "diverged": Advice(
        "a logged metric was not finite",
        evidence.find_divergence,
        "The run diverged; what follows is its last finite checkpoint.",
        FOR_VERDICT["diverged"],
    ),
    "collapsed": Advice(
        "diversity under 0.2 in the last quarter of the run",
        evidence.find_collapse,
        "The samples stayed far less diverse than the data.",
        FOR_VERDICT["collapsed"],
    ),
    "not_learned": Advice(
        "no mode is hit, or under 1 % of the samples are on a mode, or their distance "
        "to the data is at least 0.9 of that of noise",
        evidence.find_unlearned_data,
        "The samples are not like the data: the run did not learn them.",
        FOR_VERDICT["not_learned"],
    ),
    "low_precision": Advice(
        "under 50% of the samples of a toy within a radius that holds 98.9% of a mode",
        evidence.find_low_precision,
        "Many samples lie between the modes of the data.",
        FOR_POOR_SAMPLES,
    ),
    "missing_modes": Advice(
        "under 90% of a toy's modes hit by 256 samples",
        evidence.find_missing_modes,
        "The samples leave modes of the data out.",
        FOR_VERDICT["collapsed"],
    ),
    "far_from_data": Advice(
        "distance of the samples to the data > 0.5 (0 the data, 1 noise)",
        evidence.find_distant_samples,
        "The samples are nearer to noise than to the data.",
        FOR_POOR_SAMPLES,
    ),
    "low_diversity": Advice(
        "diversity of the samples < 0.5",
        evidence.find_low_diversity,
        "The samples are far less diverse than the data.",
        FOR_VERDICT["collapsed"],
    ),
    "unstable": Advice(
        "plain play, max Re h l > 0.1: a mode grows by over a tenth a step",
        evidence.find_growth,
        "The players drive each other away from here: the game is unstable at this "
        "learning rate, and where it settles is chance.",
        ("penalty", "penalty_on_fakes", "slower", "decay"),
    ),
    "rotation": Advice(
        "plain play; of the two leading eigenvalues |Im| > |Re| (and |h l| > 0.01), or "
        "the rotation index > 1",
        evidence.find_rotation,
        "The players chase each other in circles rather than come closer.",
        ("penalty", "extragradient", "consensus", "no_momentum", "slower", "averaged"),
    ),
    "overshoot": Advice(
        "-Re h l over twice the optimizer's reach (2 for SGD, 2 (1 + b1) / (1 - b1) "
        "for Adam; training often hovers at the reach itself)",
        evidence.find_overshoot,
        "Steps jump over the valley they should descend into.",
        ("slower", "decay"),
    ),
    "updates_undone": Advice(
        "mean cosine of successive updates < -0.5",
        evidence.find_undone_updates,
        "Each update undoes the one before it.",
        ("slower", "decay", "larger_batch"),
    ),
    "circling": Advice(
        "the last generator over twice as far from the data as the averaged one",
        evidence.find_circling,
        "The players circle around a point that the averaged generator is nearer to.",
        ("decay", "slower", "penalty", "no_momentum", "averaged"),
    ),
    "steep_critic": Advice(
        "median |grad D| times the data's deviation > 10 logits",
        evidence.find_steep_critic,
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
    "flat_critic": Advice(
        "median |grad D| at fakes times the data's deviation < 0.001 logits",
        evidence.find_flat_critic,
        "D is flat where the fakes are, so G is told nothing.",
        ("penalty_of_points", "smaller_weight", "faster_d", "non_saturating"),
    ),
    "overfitting": Advice(
        "training reals score over 1 pooled deviation above held-out ones",
        evidence.find_overfitting,
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
    "vanishing_over_depth": Advice(
        "gradient of the first kernel under 1/10000 of the last one's",
        evidence.find_vanishing_gradients,
        "Gradients vanish on their way to the first layers, which learn nothing.",
        ("batch_norm", "he", "leaky", "unit_scale", "slower"),
    ),
    "exploding_over_depth": Advice(
        "gradient of the first kernel over 10000 times the last one's",
        evidence.find_exploding_gradients,
        "Gradients grow on their way to the first layers.",
        ("batch_norm", "spectral", "smaller_scale", "clip_g"),
    ),
    "large_updates": Advice(
        "an update over 1/10 of a kernel's norm (1/1000 is usual)",
        evidence.find_large_updates,
        "Single updates rewrite a layer.",
        ("slower", "decay"),
    ),
    "standing_still": Advice(
        "a median update under 1e-6 of the kernels' norm",
        evidence.find_small_updates,
        "A player hardly moves.",
        ("non_saturating", "penalty", "penalty_of_points", "faster"),
    ),
    "dead_units": Advice(
        "over half of a layer's units never positive on a batch",
        evidence.find_dead_units,
        "Much of a layer is dead (with a leaky activation: linear).",
        ("leaky", "slower"),
    ),
}


def advise(diagnosis: Diagnosis) -> list[dict[str, str]]:
    """Return the rules of ADVICE that hold, then the signs that the log reports.

    Each is a dictionary of `name`, `evidence`, `says`, `tries` and `rule`. What it says
    to try fits the run. An empty list means that nothing is the matter.
    """
    config = config_of_diagnosis(diagnosis)
    pieces = []
    for name, advice in ADVICE.items():
        line = advice.find_evidence(diagnosis)
        if line is not None:
            pieces.append(
                {
                    "name": name,
                    "evidence": line,
                    "says": advice.says,
                    "tries": "; ".join(suggest_flags(advice.tries, config)),
                    "rule": advice.rule,
                }
            )
    for event in diagnosis.get("signs", []):
        sign = TROUBLE_SIGNS[event["sign"]]
        pieces.append(
            {
                "name": event["sign"],
                "evidence": f"told by the log at step {event['step']}",
                "says": f"{sign.meaning[0].upper()}{sign.meaning[1:]}.",
                "tries": "; ".join(suggest_flags(sign.suggestions, config)),
                "rule": "docs/verdicts.md",
            }
        )
    return pieces


def config_of_diagnosis(diagnosis: Diagnosis) -> Config:
    """Return the run's Config, which a diagnosis holds as a dictionary."""
    return from_json(json.dumps(diagnosis.get("config", {})))
