"""What to try when a run is in trouble: flags, each with the runs that it is for.

A suggestion that a run already follows, or that its other choices refuse, is not made.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from gan_jax.assembly.compatibility import dataset, rule_of
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import mixture_of
from gan_jax.methods.suited import KINDS, SLOPE_PENALTIES, SLOPE_WEIGHT, kind_of

SATURATING = {"minimax", "alpha"}
"""Losses under which G's gradient vanishes where D wins."""
WITH_MOMENT = {"adam", "optimistic_adam"}
POINTS = KINDS["points"]
"""The values with which points are learned."""
IMAGES_RATE = KINDS["small images"].adam_rate or 0.0
"""The highest rate of an Adam with which images are learned."""


class Suggestion(NamedTuple):
    """flags: what to set, in words. fits: whether a run does not do so yet and can."""

    flags: str
    fits: Callable[[Config], bool] = lambda config: True


@cache
def are_points(data: DatasetConfig) -> bool:
    try:
        shape = dataset(Config(dataset=data)).spec.shape
    except (ValueError, OSError):  # a run's data need not be there any more
        return mixture_of(data) is not None
    return kind_of(shape) == "points"


def on_points(config: Config) -> bool:
    return are_points(config.dataset)


def penalized(config: Config) -> bool:
    return config.penalty.name != "none" and config.penalty.weight > 0


def may_be_penalized(config: Config) -> bool:
    alone = config.model.d_minibatch == "none" and config.model.d_norm != "batch"
    return config.penalty.name == "none" and alone


def flattened(config: Config) -> bool:
    """Whether a penalty of D's slope weighs more than points bear."""
    heavy = config.penalty.weight > SLOPE_WEIGHT
    return heavy and config.penalty.name in SLOPE_PENALTIES and on_points(config)


def takes_any_optimizer(config: Config) -> bool:
    clipped = replace(config.g_optimizer, clip_norm=1.0)
    return (
        rule_of(config.dynamics).refuses(replace(config, g_optimizer=clipped)) is None
    )


def lets_clip_d(config: Config) -> bool:
    """Whether the rule of play lets the norm of D's gradient be clipped."""
    clipped = replace(config.d_optimizer, clip_norm=1.0)
    return (
        rule_of(config.dynamics).refuses(replace(config, d_optimizer=clipped)) is None
    )


def adam_rate(config: Config) -> float | None:
    """The rate of the faster player; None if a player is not moved by an Adam."""
    players = config.g_optimizer, config.d_optimizer
    if any(group.name not in WITH_MOMENT for group in players):
        return None
    return max(group.learning_rate for group in players)


def undecayed(config: Config) -> bool:
    players = config.g_optimizer, config.d_optimizer
    constant = any(group.schedule == "constant" for group in players)
    return constant and takes_any_optimizer(config)


def remembering(config: Config) -> bool:
    """Whether an Adam keeps a first moment."""
    players = config.g_optimizer, config.d_optimizer
    return any(group.name in WITH_MOMENT and group.b1 > 0 for group in players)


def partly_relu(config: Config) -> bool:
    """Whether a network has plain ReLUs; of the pairs `resize` alone has none."""
    name = config.model.name or ("mlp" if on_points(config) else "resize")
    own = config.model.activation
    return own == "relu" or (own is None and name != "resize")


def may_pack(config: Config) -> bool:
    even = config.batch_size % 2 == 0 and not config.dataset.labels
    return config.model.pack == 1 and even and config.penalty.name != "zcr"


def single(config: Config) -> bool:
    """Whether a run is of one GAN."""
    return config.seeds == 1 and not any(vars(config.sweep).values())


def finite_data(config: Config) -> bool:
    return not on_points(config) or config.dataset.size is not None


def unaugmented(config: Config) -> bool:
    return config.augment.name == "none"


SUGGESTIONS: dict[str, Suggestion] = {
    "penalty": Suggestion("a critic penalty: --penalty.name r1", may_be_penalized),
    "penalty_on_fakes": Suggestion(
        "the penalty on fakes too: --penalty.name r1_r2",
        lambda config: config.penalty.name == "r1",
    ),
    "penalty_of_points": Suggestion(f"--penalty.weight {SLOPE_WEIGHT}", flattened),
    "smaller_weight": Suggestion(
        "a smaller --penalty.weight",
        lambda config: penalized(config) and not flattened(config),
    ),
    "larger_weight": Suggestion(
        "a larger --penalty.weight",
        lambda config: penalized(config) and not on_points(config),
    ),
    "latents_of_points": Suggestion(
        f"--model.z-dim {POINTS.changes['model.z_dim']}",
        lambda config: (
            on_points(config) and config.model.z_dim > POINTS.changes["model.z_dim"]
        ),
    ),
    "batch_of_points": Suggestion(
        f"--batch-size {POINTS.changes['batch_size']}",
        lambda config: (
            on_points(config) and config.batch_size < POINTS.changes["batch_size"]
        ),
    ),
    "rate_of_points": Suggestion(
        f"--lr {POINTS.adam_rate}",
        lambda config: (
            on_points(config) and adam_rate(config) not in (None, POINTS.adam_rate)
        ),
    ),
    "rate_of_images": Suggestion(
        f"--lr {IMAGES_RATE}",
        lambda config: (
            not on_points(config) and (adam_rate(config) or 0.0) > IMAGES_RATE
        ),
    ),
    "larger_batch": Suggestion("a larger --batch-size"),
    "more_steps": Suggestion("more --steps"),
    "slower": Suggestion("a lower --lr"),
    "faster": Suggestion("a higher --lr"),
    "slower_d": Suggestion("a lower --d-optimizer.learning-rate"),
    "faster_d": Suggestion("a higher --d-optimizer.learning-rate"),
    "decay": Suggestion(
        "rates that decay: --lr-schedule linear",
        undecayed,
    ),
    "no_momentum": Suggestion("--g-optimizer.b1 0 --d-optimizer.b1 0", remembering),
    "extragradient": Suggestion(
        "--dynamics.name extragradient",
        lambda config: rule_of(config.dynamics).is_plain,
    ),
    "consensus": Suggestion(
        "--dynamics.name consensus",
        lambda config: rule_of(config.dynamics).is_plain,
    ),
    "averaged": Suggestion(
        "judge the averaged generator", lambda config: config.ema.decay > 0
    ),
    "spectral": Suggestion(
        "--model.d-spectral", lambda config: not config.model.d_spectral
    ),
    "instance_noise": Suggestion("--augment.name instance_noise", unaugmented),
    "adaptive_augment": Suggestion(
        "--augment.name bgc --augment.strength 1 --augment.schedule adaptive",
        lambda config: (
            unaugmented(config)
            and not on_points(config)
            and config.loss.name in ("non_saturating", "hinge")
        ),
    ),
    "more_data": Suggestion("more data", finite_data),
    "non_saturating": Suggestion(
        "--loss.name non_saturating", lambda config: config.loss.name in SATURATING
    ),
    "clip_g": Suggestion(
        "--g-optimizer.clip-norm 1",
        lambda config: (
            config.g_optimizer.clip_norm is None and takes_any_optimizer(config)
        ),
    ),
    "clip_d": Suggestion(
        "--d-optimizer.clip-norm 1",
        lambda config: config.d_optimizer.clip_norm is None and lets_clip_d(config),
    ),
    "pack": Suggestion("--model.pack 2", may_pack),
    "minibatch": Suggestion(
        "--model.d-minibatch stddev",
        lambda config: (
            config.model.d_minibatch == "none" and config.penalty.name == "none"
        ),
    ),
    "batch_norm": Suggestion(
        "--model.g-norm batch", lambda config: config.model.g_norm == "none"
    ),
    "he": Suggestion(
        "--model.g-init he --model.d-init he",
        lambda config: (config.model.g_init, config.model.d_init) != ("he", "he"),
    ),
    "unit_scale": Suggestion(
        "--model.init-scale 1", lambda config: config.model.init_scale != 1
    ),
    "smaller_scale": Suggestion("a smaller --model.init-scale"),
    "leaky": Suggestion("--model.activation leaky_relu", partly_relu),
    "restore": Suggestion(
        "--on-divergence restore",
        lambda config: config.on_divergence == "stop" and single(config),
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


def helpful(names: Iterable[str], config: Config) -> list[str]:
    """The flags of those suggestions that fit a run."""
    chosen = (SUGGESTIONS[name] for name in names)
    return [one.flags for one in chosen if one.fits(config)]
