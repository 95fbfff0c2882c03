"""Which fields of a Config its choices read. Setting another one is refused."""

from collections.abc import Collection, Set
from typing import NamedTuple

from gan_jax.assembly.choices import Choices, resolve_choices
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import options
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.data import dataset_fields
from gan_jax.models import WITHOUT_LAYERS
from gan_jax.penalties import no_generator_penalty, no_penalty
from gan_jax.running_statistics import RUNNING
from gan_jax.types import Loss

PENALTY_FIELDS = {"weight", "weight_end", "schedule", "every", "coupled"}
"""Fields of the penalty groups that are read for every penalty."""
OPTIMIZER_FIELDS = {
    "learning_rate",
    "schedule",
    "warmup_steps",
    "clip_norm",
    "clip_value",
    "clip_params",
}
"""Fields of the optimizer groups that are read for every optimizer."""
PAIR_FIELDS = {"width", "d_width"}
"""Fields of the model group that are read only by pairs that have such an option."""
LAYER_FIELDS = {"z_dim", "g_init", "d_init"}
"""Fields of the model group that mean nothing to a pair without layers."""
ADAPTIVE_FIELDS = ("augment.target", "augment.adapt_kimg")
METRIC_FIELDS = ("metrics.names", "metrics.n", "metrics.extractor")


def used_fields(config: Config) -> frozenset[str]:
    """Return the dotted names of the fields that this Config's choices read."""
    return frozenset(flat(config)) - find_unused_fields(config).keys()


def refuse_unused_fields(
    base: Config, config: Config, given: Collection[str] = ()
) -> None:
    """Raise a ValueError for a field that differs from `base` and is not read.

    given: Dotted names of fields that were set on purpose, whether that changed their
        values or not.
    """
    unused, before = find_unused_fields(config), flat(base)
    for name, value in flat(config).items():
        is_set = value != before[name] or name in given
        if is_set and name in unused:
            cause = unused[name]
            raise ValueError(
                f"{name} {value!r} has no effect with {cause} {flat(config)[cause]!r}; "
                "leave it out, or change that"
            )


def find_unused_fields(config: Config) -> dict[str, str]:
    """Return the fields that are not read, each with the field that is the cause."""
    choices = resolve_choices(config, find_dataset(config).spec)
    unused = {}
    for group, read in fields_read(choices).items():
        for option in vars(getattr(config, group)).keys() - read - {"name"}:
            unused[f"{group}.{option}"] = f"{group}.name"
    for switch in list_switches(choices):
        if not switch.is_on:
            unused = dict.fromkeys(switch.others, switch.field) | unused
    return unused


def fields_read(choices: Choices) -> dict[str, Set[str]]:
    """Return, by group, the fields that the choice of the group's name reads."""
    config, change = choices.config, choices.augment.change
    augment = set(vars(config.augment)) if choices.has_strength else options(change)
    pair = vars(config.model).keys() - (PAIR_FIELDS - options(choices.model))
    return {
        "loss": loss_fields(choices.loss),
        "augment": augment,
        "dynamics": options(choices.rule.step),
        "penalty": penalty_fields(choices, "penalty"),
        "generator_penalty": penalty_fields(choices, "generator_penalty"),
        "g_optimizer": options(choices.g_optimizer) | OPTIMIZER_FIELDS,
        "d_optimizer": options(choices.d_optimizer) | OPTIMIZER_FIELDS,
        "model": pair - LAYER_FIELDS if choices.model in WITHOUT_LAYERS else pair,
        "dataset": {"labels", *dataset_fields(config.dataset.name)},
    }


def loss_fields(loss: Loss) -> Set[str]:
    """Return the fields of the loss group that a loss reads."""
    read = options(loss.discriminator) | options(loss.generator) | {"top_k", "schedule"}
    return read | ({"real_target_end"} if "real_target" in read else set())


def penalty_fields(choices: Choices, group: str) -> Set[str]:
    """Return the fields that a penalty and its running statistics read."""
    penalty = getattr(choices, group)
    if penalty in (no_penalty, no_generator_penalty):
        return set()
    through = {"through_augment"} if "pullbacks" in options(penalty) else set()
    statistics = (RUNNING[k] for k, by in choices.statistics.items() if by == group)
    return options(penalty).union(PENALTY_FIELDS, through, *map(options, statistics))


class Switch(NamedTuple):
    """A field by which others mean nothing, if it is off."""

    field: str
    is_on: bool
    others: tuple[str, ...]


def list_switches(choices: Choices) -> list[Switch]:
    """Return the fields whose values decide whether others are read."""
    config = choices.config
    loss, penalty, augment = config.loss, config.penalty, config.augment
    has_target_end = (
        loss.real_target_end is not None
        and "real_target_end" in loss_fields(choices.loss)
    )
    is_scheduled = has_target_end or loss.top_k is not None
    is_adaptive = augment.schedule == "adaptive"
    has_end = augment.strength_end is not None or is_adaptive
    goes_to_end = augment.schedule != "constant" and not is_adaptive
    has_slope = "slope" in options(choices.activation)
    through = choices.differentiates_augment
    varies = penalty.schedule != "constant"
    has_weight_end = penalty.weight_end is not None
    return [
        Switch("loss.schedule", loss.schedule != "constant", ("loss.real_target_end",)),
        Switch("loss.real_target_end", is_scheduled, ("loss.schedule",)),
        Switch("augment.schedule", goes_to_end, ("augment.strength_end",)),
        Switch("augment.schedule", is_adaptive, ADAPTIVE_FIELDS),
        Switch("augment.strength_end", has_end, ("augment.schedule",)),
        Switch("augment.name", through, ("penalty.through_augment",)),
        Switch("penalty.schedule", varies, ("penalty.weight_end",)),
        Switch("penalty.weight_end", has_weight_end, ("penalty.schedule",)),
        Switch("penalty.name", choices.is_penalized, ("sweep.penalty",)),
        Switch("model.d_minibatch", choices.couples_examples, ("penalty.coupled",)),
        Switch("model.activation", has_slope, ("model.slope",)),
        Switch("dynamics.name", not choices.update_rule.joint, ("g_first",)),
        Switch("ema.decay", config.ema.decay > 0, ("ema.start", "ema.warmup")),
        Switch("metrics.every", config.metrics.every > 0, METRIC_FIELDS),
    ]
