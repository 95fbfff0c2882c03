"""What to try when a run is in trouble: flags, each with the runs that it suits.

A suggestion that a run already follows, or that its other choices refuse, is not made.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.assembly.choices import Choices, resolve_choices
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import bind, options
from gan_jax.augment import no_augmentation
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import TOYS, Spec
from gan_jax.layers import BATCH_COUPLED
from gan_jax.layers.norms import no_norm
from gan_jax.losses import is_saturating
from gan_jax.methods.data_kinds import DATA_KINDS, SLOPE_PENALTIES, SLOPE_WEIGHT
from gan_jax.models import resize

POINTS = DATA_KINDS["points"]
"""The values with which points are learned."""
IMAGES_RATE = DATA_KINDS["small images"].adam_rate or 0.0
"""The highest rate of an Adam with which images are learned."""


class Suggestion(NamedTuple):
    """Flags to set, in words, and whether they suit a run that does not do so yet."""

    flags: str
    fits: Callable[[Choices], bool] = lambda run: True


@cache
def spec_of(data: DatasetConfig) -> Spec:
    """Return the spec of the data of a run, which need not be there any more."""
    try:
        return find_dataset(Config(dataset=data)).spec
    except (ValueError, OSError):
        shape = (2,) if data.name in TOYS else (32, 32, 3)
        return Spec(shape, None, 0)


def choices_of_run(config: Config) -> Choices:
    """Return the choices of a run, for which a suggestion fits or not."""
    return resolve_choices(config, spec_of(config.dataset))


def has_points(run: Choices) -> bool:
    return len(spec_of(run.config.dataset).shape) == 1


def has_effective_penalty(run: Choices) -> bool:
    return run.is_penalized and run.config.penalty.weight > 0


def can_be_penalized(run: Choices) -> bool:
    treats_alone = not run.couples_examples and run.d_norm not in BATCH_COUPLED
    return not run.is_penalized and treats_alone


def is_over_penalized(run: Choices) -> bool:
    """Return whether a penalty of D's slope weighs more than points bear."""
    penalty = run.config.penalty
    is_heavy = penalty.weight > SLOPE_WEIGHT
    return is_heavy and penalty.name in SLOPE_PENALTIES and has_points(run)


def allows_clipping(run: Choices, player: str) -> bool:
    """Return whether the rule of play allows a player's gradient to be clipped."""
    clipped = replace(getattr(run.config, player), clip_norm=1.0)
    return run.rule.refuses(replace(run.config, **{player: clipped})) is None


def may_clip(run: Choices, player: str) -> bool:
    """Return whether a player's gradient is not clipped yet and can be."""
    is_free = getattr(run.config, player).clip_norm is None
    return is_free and allows_clipping(run, player)


def fastest_adam(run: Choices) -> float | None:
    """Return the rate of the faster player, or None if one has no Adam."""
    makers = run.g_optimizer, run.d_optimizer
    if any("b1" not in options(make) for make in makers):
        return None
    players = run.config.g_optimizer, run.config.d_optimizer
    return max(group.learning_rate for group in players)


def can_decay(run: Choices) -> bool:
    """Return whether a rate is constant, and the rule of play does not need that."""
    players = run.config.g_optimizer, run.config.d_optimizer
    is_constant = any(group.schedule == "constant" for group in players)
    return is_constant and allows_clipping(run, "g_optimizer")


def has_first_moment(run: Choices) -> bool:
    """Return whether an Adam keeps a first moment."""
    g_group, d_group = run.config.g_optimizer, run.config.d_optimizer
    players = (run.g_optimizer, g_group), (run.d_optimizer, d_group)
    return any("b1" in options(make) and group.b1 > 0 for make, group in players)


def has_plain_relu(run: Choices) -> bool:
    """Return whether a network has plain ReLUs; of the pairs only `resize` has none."""
    if run.activation is None:
        return run.model is not resize
    return run.activation is jax.nn.relu


def can_pack(run: Choices) -> bool:
    config = run.config
    is_even = config.batch_size % 2 == 0 and not config.dataset.labels
    return (
        config.model.pack == 1 and is_even and "generator" not in options(run.penalty)
    )


def is_single_gan(run: Choices) -> bool:
    return run.config.seeds == 1 and not any(vars(run.config.sweep).values())


def has_finite_data(run: Choices) -> bool:
    return not has_points(run) or run.config.dataset.size is not None


def has_no_augmentation(run: Choices) -> bool:
    return run.augment.change is no_augmentation


def can_adapt_augment(run: Choices) -> bool:
    suits = run.config.loss.name in ("non_saturating", "hinge")
    return has_no_augmentation(run) and not has_points(run) and suits


def saturates(run: Choices) -> bool:
    return is_saturating(bind(run.loss.generator, run.config, "loss", mean=jnp.mean))


SUGGESTIONS: dict[str, Suggestion] = {
    "penalty": Suggestion("a critic penalty: --penalty.name r1", can_be_penalized),
    "penalty_on_fakes": Suggestion(
        "the penalty on fakes too: --penalty.name r1_r2",
        lambda run: run.config.penalty.name == "r1",
    ),
    "penalty_of_points": Suggestion(
        f"--penalty.weight {SLOPE_WEIGHT}", is_over_penalized
    ),
    "smaller_weight": Suggestion(
        "a smaller --penalty.weight",
        lambda run: has_effective_penalty(run) and not is_over_penalized(run),
    ),
    "larger_weight": Suggestion(
        "a larger --penalty.weight",
        lambda run: has_effective_penalty(run) and not has_points(run),
    ),
    "latents_of_points": Suggestion(
        f"--model.z-dim {POINTS.changes['model.z_dim']}",
        lambda run: (
            has_points(run) and run.config.model.z_dim > POINTS.changes["model.z_dim"]
        ),
    ),
    "batch_of_points": Suggestion(
        f"--batch-size {POINTS.changes['batch_size']}",
        lambda run: (
            has_points(run) and run.config.batch_size < POINTS.changes["batch_size"]
        ),
    ),
    "rate_of_points": Suggestion(
        f"--lr {POINTS.adam_rate}",
        lambda run: (
            has_points(run) and fastest_adam(run) not in (None, POINTS.adam_rate)
        ),
    ),
    "rate_of_images": Suggestion(
        f"--lr {IMAGES_RATE}",
        lambda run: not has_points(run) and (fastest_adam(run) or 0.0) > IMAGES_RATE,
    ),
    "larger_batch": Suggestion("a larger --batch-size"),
    "more_steps": Suggestion("more --steps"),
    "slower": Suggestion("a lower --lr"),
    "faster": Suggestion("a higher --lr"),
    "slower_d": Suggestion("a lower --d-optimizer.learning-rate"),
    "faster_d": Suggestion("a higher --d-optimizer.learning-rate"),
    "decay": Suggestion("rates that decay: --lr-schedule linear", can_decay),
    "no_momentum": Suggestion(
        "--g-optimizer.b1 0 --d-optimizer.b1 0", has_first_moment
    ),
    "extragradient": Suggestion(
        "--dynamics.name extragradient", lambda run: run.rule.is_plain
    ),
    "consensus": Suggestion("--dynamics.name consensus", lambda run: run.rule.is_plain),
    "averaged": Suggestion(
        "judge the averaged generator", lambda run: run.config.ema.decay > 0
    ),
    "spectral": Suggestion(
        "--model.d-spectral", lambda run: not run.config.model.d_spectral
    ),
    "instance_noise": Suggestion("--augment.name instance_noise", has_no_augmentation),
    "adaptive_augment": Suggestion(
        "--augment.name bgc --augment.strength 1 --augment.schedule adaptive",
        can_adapt_augment,
    ),
    "more_data": Suggestion("more data", has_finite_data),
    "non_saturating": Suggestion("--loss.name non_saturating", saturates),
    "clip_g": Suggestion(
        "--g-optimizer.clip-norm 1", lambda run: may_clip(run, "g_optimizer")
    ),
    "clip_d": Suggestion(
        "--d-optimizer.clip-norm 1", lambda run: may_clip(run, "d_optimizer")
    ),
    "pack": Suggestion("--model.pack 2", can_pack),
    "minibatch": Suggestion(
        "--model.d-minibatch stddev",
        lambda run: not (run.couples_examples or run.is_penalized),
    ),
    "batch_norm": Suggestion("--model.g-norm batch", lambda run: run.g_norm is no_norm),
    "he": Suggestion(
        "--model.g-init he --model.d-init he",
        lambda run: (run.config.model.g_init, run.config.model.d_init) != ("he", "he"),
    ),
    "unit_scale": Suggestion(
        "--model.init-scale 1", lambda run: run.config.model.init_scale != 1
    ),
    "smaller_scale": Suggestion("a smaller --model.init-scale"),
    "leaky": Suggestion("--model.activation leaky_relu", has_plain_relu),
    "restore": Suggestion(
        "--on-divergence restore",
        lambda run: run.config.on_divergence == "stop" and is_single_gan(run),
    ),
}
FOR_POOR_SAMPLES = (
    "latents_of_points",
    "rate_of_points",
    "rate_of_images",
    "batch_of_points",
    "penalty_of_points",
    "decay",
    "more_steps",
    "smaller_weight",
)
"""The suggestions for samples that are far from the data, the most helpful first."""
FOR_VERDICT = {
    "diverged": ("slower", "penalty", "penalty_on_fakes", "restore"),
    "collapsed": (
        "penalty",
        "penalty_on_fakes",
        "penalty_of_points",
        "pack",
        "minibatch",
        "slower",
        "larger_batch",
    ),
    "not_learned": ("penalty", *FOR_POOR_SAMPLES),
}
"""The suggestions for each verdict that is a failure, the most helpful first."""


def suggest_flags(names: Iterable[str], config: Config) -> list[str]:
    """Return the flags of those suggestions that fit a run."""
    run = choices_of_run(config)
    suggested = (SUGGESTIONS[name] for name in names)
    return [suggestion.flags for suggestion in suggested if suggestion.fits(run)]
