"""From a Config to a Gan: where names become functions and every user error is raised.

Which choices go together is checked by `gan_jax.checks`.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from gan_jax.augment import AUGMENTS
from gan_jax.checks import dataset, refuse_mismatches, resolve
from gan_jax.config import (
    Config,
    ModelConfig,
)
from gan_jax.config_json import (
    validate,
)
from gan_jax.coupled import MINIBATCH
from gan_jax.data import Spec
from gan_jax.dynamics import DYNAMICS
from gan_jax.gan import Gan, Schedule, Term
from gan_jax.layers import (
    ACTIVATIONS,
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
from gan_jax.registry import bind, choose
from gan_jax.types import Array, Loss

PRECISIONS = {"float32": jnp.float32, "bf16": jnp.bfloat16}


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
        config.model,
        config.precision,
        data.spec,
        axis_name=axis_name,
        label_count=label_count,
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
        microbatches=config.microbatches,
        axis_name=axis_name,
    )


def networks(
    config: ModelConfig,
    precision: str,
    spec: Spec,
    *,
    axis_name: str | None,
    label_count: int | None,
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
            PRECISIONS[precision],
        )

    minibatch = choose(MINIBATCH, config.d_minibatch, "model.d_minibatch")
    d_style = style(config.d_norm, config.d_init, config.d_spectral, "d")
    last = choose(OUTPUTS, config.output or "", "model.output")
    make = bind(choose(MODELS, config.name or "", "model.name"), config)
    return make(
        spec.shape,
        style(config.g_norm, config.g_init, config.g_spectral, "g"),
        d_style._replace(minibatch=minibatch),
        lambda x: last(x.astype(jnp.float32)),
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


def method(name: str) -> Config:
    """METHODS[name], or a ValueError with the nearest name."""
    return choose(METHODS, name, "method")
