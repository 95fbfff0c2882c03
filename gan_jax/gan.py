"""A GAN as a filled-in form, and its first state."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
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


class Memory(NamedTuple):
    """An entry of `state.aux`: what a method remembers from step to step.

    start: `(generator, discriminator) -> value` before the first step (NetStates).
    renew: `(value, metrics) -> value` after each step; None: the dynamics write it.
    """

    name: str
    start: Callable[[NetState, NetState], Any]
    renew: Callable[[Any, Metrics], Any] | None = None


@dataclass(frozen=True, eq=False)
class Live:
    """A function some of whose arguments follow the run: `values[name](state)` is what
    the keyword argument `name` is at a state (a schedule of the step, an entry of
    `state.aux`, a network as it is now). See `at`."""

    function: Callable
    values: dict[str, Callable[[TrainState], Any]]


def at(state: TrainState, function: Callable | Live) -> Callable:
    """The function with its arguments as they are at this state."""
    if not isinstance(function, Live):
        return function
    now = {name: value(state) for name, value in function.values.items()}
    return partial(function.function, **now)


class Term(NamedTuple):
    """A penalty in an objective: `every * weight(step) * mean_i penalty_i`, applied at
    the steps that `every` divides.

    through_augment: the penalty gets the argument `pullbacks`, by which its gradients
    are of the images before `Gan.augment`.
    """

    penalty: Penalty | GeneratorPenalty | Live
    weight: Schedule
    every: int = 1
    through_augment: bool = False


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
    pack: fakes, or reals, that D judges together (PacGAN), side by side as channels.
    memory: the entries of `state.aux` that the choices above need.
    ema_decay: step -> decay of the average of G's variables (0: a copy).
    g_first: order of play.
    label_count: classes the networks are conditioned on; None: they get no labels.
    microbatches: equal parts of a batch whose gradients are taken in turn.
    watch_layers: whether the metrics have each layer's gradient norm and update.
    axis_name: the device axis that means span, inside pmap or shard_map.

    Losses, penalties and augment may be `Live`.
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
    augment: Augment | Live = unchanged
    pack: int = 1
    memory: tuple[Memory, ...] = ()
    ema_decay: Schedule = no_average
    g_first: bool = False
    label_count: int | None = None
    microbatches: int = 1
    watch_layers: bool = False
    axis_name: str | None = None


def init_state(gan: Gan, key: Array) -> TrainState:
    """The state before the first step, from a typed key."""
    key_run, key_g, key_d = jax.random.split(key, 3)
    z = jnp.zeros((1, gan.z_dim))
    data = packed(gan.pack, jnp.zeros((gan.pack, *gan.data_shape)))
    label = None if gan.label_count is None else jnp.zeros(1, jnp.int32)
    generator = init_net(gan.generator, gan.g_optimizer, key_g, z, label)
    discriminator = init_net(gan.discriminator, gan.d_optimizer, key_d, data, label)
    return TrainState(
        step=jnp.int32(0),
        key=key_run,
        generator=generator,
        discriminator=discriminator,
        ema=jax.tree.map(jnp.copy, net_variables(generator)),
        aux={m.name: m.start(generator, discriminator) for m in gan.memory},
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


class Players(NamedTuple):
    """Something of each player."""

    generator: Any
    discriminator: Any


def params_of(state: TrainState) -> Players:
    return Players(state.generator.params, state.discriminator.params)


def with_params(state: TrainState, params: Players) -> TrainState:
    nets = state.generator, state.discriminator
    g_net, d_net = (replace(net, params=w) for net, w in zip(nets, params, strict=True))
    return replace(state, generator=g_net, discriminator=d_net)


def packed(count: int, x: Array) -> Array:
    """`[B, ..., C] -> [B / count, ..., count C]`: examples side by side, in order."""
    if count == 1:
        return x
    if len(x) % count:
        raise ValueError(
            f"model.pack {count}: must divide the batch, and each device's share of "
            f"it, got {len(x)}; change batch_size or devices"
        )
    groups = jnp.moveaxis(x.reshape(-1, count, *x.shape[1:]), 1, -2)
    return groups.reshape(*groups.shape[:-2], -1)


def layers(params: Any) -> list[tuple[str, Array]]:
    """Each array of parameters with its path, `Dense_0/kernel`."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    keystr = partial(jax.tree_util.keystr, simple=True, separator="/")
    return [(keystr(path), leaf) for path, leaf in leaves]
