"""A GAN: its networks and the rules of their game, and its state before the first step.

`Gan` holds everything static about a run; `TrainState` (in `gan_jax.types`) holds
the rest: everything that a step reads and
renews.
"""

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
"""How a rule of play updates both players."""


class Memory(NamedTuple):
    """An entry of `state.aux`: what a method remembers from step to step.

    name: The key of the entry.
    start: Maps the two players' NetStates, `(generator, discriminator)`, to the value
        before the first step.
    renew: `(value, metrics) -> value` after each step. None: the rule of play writes
        the entry itself.
    """

    name: str
    start: Callable[[NetState, NetState], Any]
    renew: Callable[[Any, Metrics], Any] | None = None


@dataclass(frozen=True, eq=False)
class StateDependent:
    """A function that gets some of its keyword arguments from the training state.

    `values[name](state)` is the value of the argument `name` at a state: a schedule of
    the step, an entry of `state.aux`, or a network as it is now. `resolve` fills the
    values in.
    """

    function: Callable
    values: dict[str, Callable[[TrainState], Any]]


Live = StateDependent
"""The name under which `StateDependent` was first published."""


def resolve(function: Callable | StateDependent, state: TrainState) -> Callable:
    """Return the function with its arguments as they are at this state."""
    if not isinstance(function, StateDependent):
        return function
    now = {name: value(state) for name, value in function.values.items()}
    return partial(function.function, **now)


class Term(NamedTuple):
    """A penalty in an objective: `every * weight(step) * mean_i penalty_i`.

    penalty: An entry of PENALTIES or GENERATOR_PENALTIES, or a function like them.
    weight: The weight at a step.
    every: The term is computed only at steps that are multiples of this number. If it
        is above 1, the penalty is lazy.
    through_augment: Whether the penalty gets the argument `pullbacks`. With it, the
        penalty takes D's gradients with respect to the images before `Gan.augment`.
    """

    penalty: Penalty | GeneratorPenalty | StateDependent
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

    Losses, penalties and the augmentation may be `StateDependent`.

    Args:
        generator: A Flax module; `apply(variables, z [B, z_dim], label, train=...)`
            returns data `[B, ...]`.
        discriminator: A Flax module; `apply(variables, x, label, train=...)` returns
            logits `[B]`.
        loss: The pair of losses.
        z_dim: The size of the latents.
        data_shape: The shape of one example.
        g_optimizer, d_optimizer: Optax chains. The learning-rate multipliers of
            `state.scales` act where a chain holds `gan_jax.scale_by_traced()`.
        dynamics: How the two players are updated, such as `gan_jax.alternating`.
        penalties, generator_penalties: Terms added to D's and to G's loss.
        augment: A differentiable change of every image that D sees, real or fake.
        pack: The number of examples that D judges together (PacGAN). They lie side by
            side as channels.
        memory: The entries of `state.aux` that the choices above need.
        ema_decay: Maps the step to the decay of the average of G's variables; a decay
            of 0 makes the average a copy.
        g_first: Whether G is updated before D, where the players take turns.
        label_count: How many classes the networks are conditioned on. None: they get
            no labels.
        microbatches: The number of equal parts of a batch. The gradients of the parts
            are taken one after another and averaged.
        watch_layers: Whether the metrics hold the gradient norm and the relative
            update of each array of parameters.
        axis_name: The device axis over which means are taken, inside pmap or
            shard_map. None: there is none.
        precision: That of all products of a step and of samples, as
            `jax.default_matmul_precision` takes it. None: that of the context, which is
            JAX's default if nothing else is asked for.
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
    augment: Augment | StateDependent = unchanged
    pack: int = 1
    memory: tuple[Memory, ...] = ()
    ema_decay: Schedule = no_average
    g_first: bool = False
    label_count: int | None = None
    microbatches: int = 1
    watch_layers: bool = False
    axis_name: str | None = None
    precision: str | None = None


def split_root(key: Array) -> Array:
    """Return the keys of the steps, and of the weights of G and of D, `[3]`."""
    return jax.random.split(key, 3)


def init_state(gan: Gan, key: Array) -> TrainState:
    """Return the state before the first step.

    Args:
        gan: The networks and the rules of the game.
        key: A typed random key, from `jax.random.key`. It is the root of all
            randomness of the run.

    Returns:
        The state with freshly initialized parameters, at step 0.
    """
    key_run, key_g, key_d = split_root(key)
    z = jnp.zeros((1, gan.z_dim))
    data = pack_examples(gan.pack, jnp.zeros((gan.pack, *gan.data_shape)))
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
    """Initialize one player, whose input looks like x."""
    variables = dict(module.init(key, x, label, train=True))
    params = variables.pop("params")
    return NetState(params, variables, optimizer.init(params))


def net_variables(net: NetState) -> dict[str, Any]:
    """Return what `module.apply` takes as variables."""
    return {"params": net.params, **net.model_state}


class Players(NamedTuple):
    """One value for each player, such as its parameters or its gradient."""

    generator: Any
    discriminator: Any


def params_of(state: TrainState) -> Players:
    """Return the parameters of both players."""
    return Players(state.generator.params, state.discriminator.params)


def with_params(state: TrainState, params: Players) -> TrainState:
    """Return the state with these parameters of both players."""
    nets = state.generator, state.discriminator
    g_net, d_net = (replace(net, params=w) for net, w in zip(nets, params, strict=True))
    return replace(state, generator=g_net, discriminator=d_net)


def pack_examples(count: int, x: Array) -> Array:
    """Put `count` examples side by side: `[B, ..., C] -> [B / count, ..., count C]`."""
    if count == 1:
        return x
    if len(x) % count:
        raise ValueError(
            f"model.pack {count}: must divide the batch, and each device's share of "
            f"it, got {len(x)}; change batch_size or devices"
        )
    groups = jnp.moveaxis(x.reshape(-1, count, *x.shape[1:]), 1, -2)
    return groups.reshape(*groups.shape[:-2], -1)


def named_arrays(params: Any) -> list[tuple[str, Array]]:
    """Return each array of parameters with its path, such as `Dense_0/kernel`."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    keystr = partial(jax.tree_util.keystr, simple=True, separator="/")
    return [(keystr(path), leaf) for path, leaf in leaves]
