"""Which fields of a Config its choices read; changed ones that are not are refused."""

from collections.abc import Collection, Iterable
from typing import Any

from gan_jax.assembly.compatibility import (
    adapts,
    couples,
    dataset,
    differentiates_augment,
    moving_rule,
    resolve,
    rule_of,
)
from gan_jax.assembly.registry import choose, options
from gan_jax.augment import AUGMENTS
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.data import dataset_fields
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.running_statistics import RUNNING

OF_PAIRS = {"width", "d_width"}
"""Fields of the model group that a pair reads only if they are options of it."""
OF_LAYERS = ("z_dim", "g_init", "d_init")
"""Fields of the model group that mean nothing to players without layers."""


def read_fields(config: Config) -> frozenset[str]:
    """The dotted names of the fields that this Config's choices read."""
    config = resolve(config, dataset(config).spec)
    groups: dict[str, Iterable[str]] = {
        "loss": loss_fields(config),
        "augment": augment_fields(config),
        "dynamics": options(rule_of(config.dynamics).step),
        "penalty": penalty_fields(config.penalty.name, PENALTIES, "penalty.name"),
        "generator_penalty": penalty_fields(
            config.generator_penalty.name, GENERATOR_PENALTIES, "generator_penalty.name"
        ),
        "g_optimizer": optimizer_fields(config.g_optimizer, "g_optimizer.name"),
        "d_optimizer": optimizer_fields(config.d_optimizer, "d_optimizer.name"),
    }
    unread = {
        name
        for name in flat(config)
        for group, _, option in [name.partition(".")]
        if group in groups and option != "name" and option not in groups[group]
    }
    pair = choose(MODELS, config.model.name or "", "model.name")
    unread |= {f"model.{field}" for field in OF_PAIRS - options(pair)}
    if config.model.name == "dirac":
        unread |= {f"model.{field}" for field in OF_LAYERS}
    if config.model.activation not in ("leaky_relu", "prelu"):
        unread.add("model.slope")
    if config.penalty.weight_end is None:
        unread.add("penalty.schedule")
    if config.penalty.schedule == "constant":
        unread.add("penalty.weight_end")
    if config.penalty.name == "none":
        unread.add("sweep.penalty")
    if not couples(config):
        unread.add("penalty.coupled")
    if not differentiates_augment(config):
        unread.add("penalty.through_augment")
    if config.metrics.every == 0:
        unread |= {"metrics.names", "metrics.n", "metrics.extractor"}
    if config.ema.decay == 0:
        unread |= {"ema.start", "ema.warmup"}
    if moving_rule(config.dynamics).joint:
        unread.add("g_first")
    read = dataset_fields(config.dataset.name)
    fields = set(flat(config.dataset)) - {"name", "labels"} - set(read)
    unread |= {f"dataset.{field}" for field in fields}
    return frozenset(flat(config)) - unread


def penalty_fields(name: str, registry: dict[str, Any], field: str) -> Iterable[str]:
    function = choose(registry, name, field)
    if name == "none":
        return ()
    statistics = (options(RUNNING[name]) for name in options(function) & RUNNING.keys())
    general = {"weight", "weight_end", "schedule", "every", "coupled"}
    general |= {"through_augment"} if "pullbacks" in options(function) else set()
    return options(function).union(general, *statistics)


def loss_fields(config: Config) -> Iterable[str]:
    loss = choose(LOSSES, config.loss.name, "loss.name")
    read = options(loss.discriminator) | options(loss.generator) | {"top_k"}
    changing = config.loss.real_target_end is not None and "real_target" in read
    if "real_target" in read and config.loss.schedule != "constant":
        read |= {"real_target_end"}
    return read | {"schedule"} if changing or config.loss.top_k is not None else read


def augment_fields(config: Config) -> Iterable[str]:
    group = config.augment
    read = options(choose(AUGMENTS, group.name, "augment.name"))
    if "strength" not in read:
        return read
    if adapts(config):
        return read | {"schedule"} | options(RUNNING["adaptive_strength"])
    if group.schedule != "constant":
        read |= {"strength_end"}
    return read | {"schedule"} if group.strength_end is not None else read


def optimizer_fields(group: Any, field: str) -> Iterable[str]:
    chained = {"learning_rate", "schedule", "warmup_steps"} | {
        "clip_norm",
        "clip_value",
        "clip_params",
    }
    return options(choose(OPTIMIZERS, group.name, field)) | chained


CAUSES = {
    "model.slope": "model.activation",
    "penalty.schedule": "penalty.weight_end",
    "penalty.coupled": "model.d_minibatch",
    "penalty.through_augment": "augment.name",
    "metrics.names": "metrics.every",
    "metrics.n": "metrics.every",
    "metrics.extractor": "metrics.every",
    "ema.start": "ema.decay",
    "ema.warmup": "ema.decay",
    "loss.schedule": "loss.real_target_end",
    "augment.schedule": "augment.strength_end",
    "augment.target": "augment.schedule",
    "augment.adapt_kimg": "augment.schedule",
    "g_first": "dynamics.name",
    "sweep.penalty": "penalty.name",
}
"""Why a field is not read, where it is not its group's name."""


def cause_of(config: Config, field: str) -> str:
    """The field whose value lets this one go unread."""
    group, _, option = field.partition(".")
    name, choice = f"{group}.name", getattr(config, group)
    if group == "augment" and "strength" not in options(AUGMENTS[choice.name]):
        return name
    if group in ("penalty", "generator_penalty") and choice.name == "none":
        return name
    if option == "through_augment" and "pullbacks" not in options(
        PENALTIES[choice.name]
    ):
        return name
    if option.endswith("_end"):
        changes = choice.schedule not in ("constant", "adaptive")
        return name if changes else f"{group}.schedule"
    return CAUSES.get(field, name)


def refuse_unread(base: Config, config: Config, given: Collection[str] = ()) -> None:
    """A ValueError if a field was changed from `base` that `config` does not read.

    given: dotted names of fields that were set on purpose, whether that changed their
    values or not.
    """
    read, before = read_fields(config), flat(base)
    for name, value in flat(config).items():
        chosen = value != before[name] or name in given
        if chosen and name not in read:
            cause = cause_of(config, name)
            raise ValueError(
                f"{name} {value!r} has no effect with {cause} {flat(config)[cause]!r}; "
                "leave it out, or change that"
            )
