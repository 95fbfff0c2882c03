"""A GAN as a filled-in form, and its first state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from gan_jax.types import (
    Array,
    Augment,
    Batch,
    GeneratorPenalty,
    Loss,
    Metrics,
    NetState,
    Penalty,
    TrainState,
)

Schedule = optax.Schedule
Dynamics = Callable[["Gan", TrainState, Batch], tuple[TrainState, Metrics]]


class Term(NamedTuple):
    """A penalty in an objective: `every * weight(step) * mean_i penalty_i`, applied at
    the steps that `every` divides."""

    penalty: Penalty | GeneratorPenalty
    weight: Schedule
    every: int = 1


def unchanged(images: Array, keys: Array) -> Array:
    return images


def no_average(step: ArrayLike) -> float:
    return 0.0


@dataclass(frozen=True)
class Gan:
    """Two networks and the rules of their game: everything static about a run.

    generator: `apply(variables, z [B, z_dim], label, train=...)` -> data `[B, ...]`.
    discriminator: `apply(variables, x, label, train=...)` -> logits `[B]`.
    data_shape: shape of one example.
    g_optimizer, d_optimizer: Optax chains; the learning-rate multipliers of
        `state.scales` act where a chain holds `gan_jax.scale_by_traced()`.
    dynamics: how the two players move, such as `gan_jax.alternating`.
    penalties, generator_penalties: terms added to D's and G's loss.
    augment: applied to everything D sees.
    ema_decay: step -> decay of the average of G's variables (0: a copy).
    g_first: order of play.
    label_count: classes the networks are conditioned on; None: they get no labels.
    microbatches: equal parts of a batch whose gradients are taken in turn.
    axis_name: the device axis that means span, inside pmap or shard_map.
    """

    generator: nn.Module
    discriminator: nn.Module
    loss: Loss
    z_dim: int
    data_shape: tuple[int, ...]
    g_optimizer: optax.GradientTransformation
    d_optimizer: optax.GradientTransformation
    dynamics: Dynamics
    penalties: tuple[Term, ...] = ()
    generator_penalties: tuple[Term, ...] = ()
    augment: Augment = unchanged
    ema_decay: Schedule = no_average
    g_first: bool = False
    label_count: int | None = None
    microbatches: int = 1
    axis_name: str | None = None


def init_state(gan: Gan, key: Array) -> TrainState:
    """The state before the first step, from a typed key."""
    key_run, key_g, key_d = jax.random.split(key, 3)
    z = jnp.zeros((1, gan.z_dim))
    data = jnp.zeros((1, *gan.data_shape))
    label = None if gan.label_count is None else jnp.zeros(1, jnp.int32)
    generator = init_net(gan.generator, gan.g_optimizer, key_g, z, label)
    return TrainState(
        step=jnp.int32(0),
        key=key_run,
        generator=generator,
        discriminator=init_net(gan.discriminator, gan.d_optimizer, key_d, data, label),
        ema=jax.tree.map(jnp.copy, net_variables(generator)),
        aux={},
        scales={name: jnp.ones(()) for name in ("penalty", "g_lr", "d_lr")},
    )


def init_net(
    module: nn.Module,
    optimizer: optax.GradientTransformation,
    key: Array,
    x: Array,
    label: Array | None,
) -> NetState:
    variables = dict(module.init(key, x, label, train=True))
    params = variables.pop("params")
    return NetState(params, variables, optimizer.init(params))


def net_variables(net: NetState) -> dict[str, Any]:
    """What `module.apply` takes."""
    return {"params": net.params, **net.model_state}
