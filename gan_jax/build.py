"""From a Config to a Gan: where names become functions and every user error is raised.

A registered function's keyword-only arguments are the fields of its config group that
it reads. A field it does not read is ignored; `refuse_unread` makes an error of one
that was set on purpose.
"""

import dataclasses
import difflib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from gan_jax.augment import AUGMENTS
from gan_jax.config import Config, ModelConfig, flat, validate
from gan_jax.data import DATASETS, PREFIXES, READS, Dataset, Spec
from gan_jax.dynamics import DYNAMICS
from gan_jax.gan import Gan, Schedule, Term
from gan_jax.layers import (
    ACTIVATIONS,
    BATCH_COUPLED,
    INITIALIZERS,
    NORMS,
    OUTPUTS,
    Style,
)
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES, chain, learning_rate
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.types import Array, Loss


def choose(registry: dict[str, Any], name: str, field: str) -> Any:
    """The registry's entry, or a ValueError with the allowed names and the nearest."""
    if name in registry:
        return registry[name]
    near = difflib.get_close_matches(name, registry, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    allowed = ", ".join(registry)
    raise ValueError(f"{field} {name!r} is unknown; {hint}allowed: {allowed}")


def options(function: Callable) -> frozenset[str]:
    """The config fields a registered function reads: its keyword-only arguments."""
    if isinstance(function, partial):
        return options(function.func) - set(function.keywords)
    return frozenset(getattr(function, "__kwdefaults__", None) or ())


def bind(function: Callable, group: Any, **extra: Any) -> Callable:
    """The function with its options filled in from a config group (None: its own)."""
    values = {**vars(group), **extra}
    chosen = {name: values[name] for name in options(function)}
    return partial(function, **{k: v for k, v in chosen.items() if v is not None})


def global_mean(axis_name: str | None) -> Callable[[Array], Array]:
    """The mean over the global batch."""
    if axis_name is None:
        return jnp.mean
    return lambda x: lax.pmean(jnp.mean(x), axis_name)


def build(config: Config, *, axis_name: str | None = None) -> Gan:
    """The Gan a Config describes. Raises ValueError, naming the field, before any work.

    axis_name: the device axis of pmap or shard_map that the step will run under.
    """
    config = resolve(validate(config))
    data = dataset(config)
    refuse_mismatches(config, data)
    mean = global_mean(axis_name)
    label_count = data.spec.label_count if config.dataset.labels else None
    generator, discriminator = networks(
        config.model, data.spec, axis_name=axis_name, label_count=label_count
    )
    loss = choose(LOSSES, config.loss.name, "loss.name")
    return Gan(
        generator=generator,
        discriminator=discriminator,
        loss=Loss(
            bind(loss.discriminator, config.loss, mean=mean),
            bind(loss.generator, config.loss, mean=mean),
            loss.boundary,
        ),
        z_dim=config.model.z_dim,
        data_shape=data.spec.shape,
        g_optimizer=optimizer(config, "g_optimizer", 1),
        d_optimizer=optimizer(config, "d_optimizer", config.d_steps),
        dynamics=choose(DYNAMICS, config.dynamics.name, "dynamics.name"),
        penalties=critic_terms(config, mean),
        generator_penalties=generator_terms(config),
        augment=bind(
            choose(AUGMENTS, config.augment.name, "augment.name"), config.augment
        ),
        ema_decay=ema_decay(config),
        g_first=config.g_first,
        label_count=label_count,
        axis_name=axis_name,
    )


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


def networks(
    config: ModelConfig, spec: Spec, *, axis_name: str | None, label_count: int | None
) -> Any:
    """The pair of modules, each with its Style."""
    activation = None
    if config.activation is not None:
        function = choose(ACTIVATIONS, config.activation, "model.activation")
        activation = bind(function, config)

    def style(norm: str, init: str, spectral: bool, side: str) -> Style:
        return Style(
            choose(NORMS, norm, f"model.{side}_norm"),
            activation,
            choose(INITIALIZERS, init, f"model.{side}_init")(config.init_scale),
            spectral,
            axis_name,
            label_count,
        )

    make = bind(choose(MODELS, config.name or "", "model.name"), config)
    return make(
        spec.shape,
        style(config.g_norm, config.g_init, config.g_spectral, "g"),
        style(config.d_norm, config.d_init, config.d_spectral, "d"),
        choose(OUTPUTS, config.output or "", "model.output"),
    )


def optimizer(config: Config, player: str, updates_per_step: int) -> Any:
    group = getattr(config, player)
    make = choose(OPTIMIZERS, group.name, f"{player}.name")
    rate = learning_rate(group, config.steps, updates_per_step)
    return chain(group, bind(make, group)(rate))


def critic_terms(config: Config, mean: Callable) -> tuple[Term, ...]:
    group = config.penalty
    penalty = choose(PENALTIES, group.name, "penalty.name")
    if group.name == "none":
        return ()
    end = group.weight if group.weight_end is None else group.weight_end
    weight = SCHEDULES[group.schedule](group.weight, end, config.steps)
    return (Term(bind(penalty, group, mean=mean), weight, group.every),)


def generator_terms(config: Config) -> tuple[Term, ...]:
    group = config.generator_penalty
    penalty = choose(GENERATOR_PENALTIES, group.name, "generator_penalty.name")
    if group.name == "none":
        return ()
    return (Term(bind(penalty, group), lambda step: group.weight, group.every),)


def ema_decay(config: Config) -> Schedule:
    """0 before `start`, then `decay`, with warm-up at most `(1 + t) / (10 + t)`."""
    group = config.ema

    def decay(step: ArrayLike) -> Array:
        since = jnp.asarray(step) - group.start
        limit = (1 + since) / (10 + since) if group.warmup else 1.0
        return jnp.where(since < 0, 0.0, jnp.minimum(group.decay, limit))

    return decay


def refuse_mismatches(config: Config, data: Dataset) -> None:
    """ValueErrors for choices that cannot go together."""
    per_step = config.batch_size * config.d_steps
    if per_step > len(data):
        raise ValueError(
            f"batch_size {config.batch_size} x d_steps {config.d_steps} = {per_step} "
            f"exceeds the {len(data)} examples of {config.dataset.name!r}; lower one"
        )
    norm = choose(NORMS, config.model.d_norm, "model.d_norm")
    if config.penalty.name != "none" and norm in BATCH_COUPLED:
        raise ValueError(
            f"model.d_norm {config.model.d_norm!r} with penalty.name "
            f"{config.penalty.name!r}: a critic penalty needs a D that treats examples "
            "independently; use model.d_norm layer, group, instance or none"
        )
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
    if config.model.activation not in ("leaky_relu", "prelu"):
        unread.add("model.slope")
    if config.penalty.weight_end is None:
        unread.add("penalty.schedule")
    if config.penalty.schedule == "constant":
        unread.add("penalty.weight_end")
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


def method(name: str) -> Config:
    """METHODS[name], or a ValueError with the nearest name."""
    return choose(METHODS, name, "method")
