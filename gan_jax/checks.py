"""What goes together in a Config, and which fields its choices read."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from gan_jax.augment import AUGMENTS
from gan_jax.config import (
    Config,
)
from gan_jax.config_json import (
    flat,
)
from gan_jax.data import DATASETS, PREFIXES, READS, Dataset
from gan_jax.layers import BATCH_COUPLED, NORMS
from gan_jax.losses import LOSSES
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.registry import choose, options


def resolve(config: Config) -> Config:
    """The Config with the choices that depend on the data made."""
    image = len(dataset(config).spec.shape) == 3
    name, output = config.model.name, config.model.output
    if name is None:
        name = "resize" if image else "mlp"
    if output is None:
        output = "tanh" if image else "linear"
    model = dataclasses.replace(config.model, name=name, output=output)
    return dataclasses.replace(config, model=model)


def dataset(config: Config) -> Dataset:
    """The data set a Config names; reads no pixels."""
    prefix, colon, rest = config.dataset.name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](rest, config.dataset)
    return choose(DATASETS, config.dataset.name, "dataset.name")(config.dataset)


def refuse_mismatches(config: Config, data: Dataset) -> None:
    """ValueErrors for choices that cannot go together."""
    per_step = config.batch_size * config.d_steps
    if per_step > len(data):
        raise ValueError(
            f"batch_size {config.batch_size} x d_steps {config.d_steps} = {per_step} "
            f"exceeds the {len(data)} examples of {config.dataset.name!r} "
            f"(dataset.size {config.dataset.size}); lower one"
        )
    if config.seed + config.seeds > 2**32:
        raise ValueError(
            f"seeds {config.seeds}: from seed {config.seed} they pass 2^32; lower one"
        )
    norm = choose(NORMS, config.model.d_norm, "model.d_norm")
    if config.penalty.name != "none" and norm in BATCH_COUPLED:
        raise ValueError(
            f"model.d_norm {config.model.d_norm!r} with penalty.name "
            f"{config.penalty.name!r}: a critic penalty needs a D that treats examples "
            "independently; use model.d_norm layer, group, instance or none"
        )
    if config.microbatches > 1:
        refuse_microbatches(config)
    image = len(data.spec.shape) == 3
    if not image and config.model.output != "linear":
        raise ValueError(
            f"model.output {config.model.output!r} cannot make points outside "
            "[-1, 1]; use model.output linear"
        )
    if not image and config.augment.name == "flip":
        raise ValueError("augment.name 'flip' needs images; the data are points")
    strength = config.augment.strength
    if config.augment.name == "flip" and strength is not None and strength > 1:
        raise ValueError(
            f"augment.strength {strength}: is flip's probability, at most 1"
        )
    if config.dataset.labels and data.spec.label_count is None:
        raise ValueError(
            f"dataset.labels: {config.dataset.name!r} has no labels; leave it out"
        )


def refuse_microbatches(config: Config) -> None:
    """A ValueError for what looks at the whole batch, or for unequal parts."""
    loss = choose(LOSSES, config.loss.name, "loss.name")
    penalty = choose(PENALTIES, config.penalty.name, "penalty.name")
    players = "g_norm", "d_norm"
    norms = {f"model.{name}": getattr(config.model, name) for name in players}
    culprits = {
        name: norm
        for name, norm in norms.items()
        if choose(NORMS, norm, name) in BATCH_COUPLED
    }
    if "mean" in options(loss.discriminator) | options(loss.generator):
        culprits["loss.name"] = config.loss.name
    if "mean" in options(penalty):
        culprits["penalty.name"] = config.penalty.name
    for field, value in culprits.items():
        raise ValueError(
            f"microbatches {config.microbatches} with {field} {value!r}: needs "
            "statistics of the whole batch; leave microbatches out, or change that"
        )
    if config.batch_size % config.microbatches:
        raise ValueError(
            f"microbatches {config.microbatches}: does not divide batch_size "
            f"{config.batch_size}"
        )


OF_LAYERS = ("width", "z_dim", "g_init", "d_init")
"""Fields of the model group that mean nothing to players without layers."""


def read_fields(config: Config) -> frozenset[str]:
    """The dotted names of the fields that this Config's choices read."""
    config = resolve(config)
    loss = choose(LOSSES, config.loss.name, "loss.name")
    groups: dict[str, Iterable[str]] = {
        "loss": options(loss.discriminator) | options(loss.generator),
        "augment": options(choose(AUGMENTS, config.augment.name, "augment.name")),
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
    if config.ema.decay == 0:
        unread |= {"ema.start", "ema.warmup"}
    if config.dynamics.name != "alternating":
        unread.add("g_first")
    kind = config.dataset.name.partition(":")[0]
    fields = set(flat(config.dataset)) - {"name", "labels"} - set(READS[kind])
    unread |= {f"dataset.{field}" for field in fields}
    return frozenset(flat(config)) - unread


def penalty_fields(name: str, registry: dict[str, Any], field: str) -> Iterable[str]:
    function = choose(registry, name, field)
    if name == "none":
        return ()
    return options(function) | {"weight", "weight_end", "schedule", "every"}


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
    "penalty.weight_end": "penalty.schedule",
    "ema.start": "ema.decay",
    "ema.warmup": "ema.decay",
    "g_first": "dynamics.name",
    "sweep.penalty": "penalty.name",
}
"""Why a field is not read, where it is not its group's name."""


def refuse_unread(base: Config, config: Config) -> None:
    """A ValueError if a field was changed from `base` that `config` does not read."""
    read, before = read_fields(config), flat(base)
    for name, value in flat(config).items():
        if value != before[name] and name not in read:
            cause = CAUSES.get(name, f"{name.partition('.')[0]}.name")
            raise ValueError(
                f"{name} {value!r} has no effect with {cause} {flat(config)[cause]!r}; "
                "leave it out, or change that"
            )
