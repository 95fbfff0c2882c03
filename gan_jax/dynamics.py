"""How the two players move: `(gan, state, batch) -> (state, metrics)`.

A rule moves both players' NetStates; the step count and the average are `train_step`'s.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.gan import Dynamics, Gan
from gan_jax.train import discriminator_loss, example_keys, generator_loss
from gan_jax.types import Array, Batch, Metrics, NetState, TrainState

Differentiate = Callable[[Batch, Array], Any]
"""`(batch [B, ...], keys [B]) -> (gradient, (model state, metrics))`."""


class Move(NamedTuple):
    """What a player needs to move: its gradient, and its renewed model state."""

    gradient: Any
    model_state: Any


def player_keys(state: TrainState) -> tuple[Array, Array]:
    """The discriminator's and the generator's key of this step."""
    key = jax.random.fold_in(state.key, state.step)
    return jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)


def discriminator_move(
    gan: Gan, state: TrainState, batch: Batch, key: Array
) -> tuple[Move, Metrics]:
    """D's gradient at the present state, on one batch `[B, ...]`."""
    differentiate = partial(
        jax.grad(discriminator_loss, argnums=1, has_aux=True),
        gan,
        state.discriminator.params,
        state.generator.params,
        state,
    )
    move, metrics = whole_batch(gan, differentiate, batch, key)
    return move, metrics | {"d_grad_norm": optax.tree.norm(move.gradient)}


def generator_move(
    gan: Gan, state: TrainState, batch: Batch, key: Array
) -> tuple[Move, Metrics]:
    """G's gradient at the present state, against the reals of one batch `[B, ...]`."""
    differentiate = partial(
        jax.grad(generator_loss, argnums=1, has_aux=True),
        gan,
        state.generator.params,
        state.discriminator.params,
        state,
    )
    move, metrics = whole_batch(gan, differentiate, batch, key)
    return move, metrics | {"g_grad_norm": optax.tree.norm(move.gradient)}


def whole_batch(
    gan: Gan, differentiate: Differentiate, batch: Batch, key: Array
) -> tuple[Move, Metrics]:
    """The mean gradient and metrics over all microbatches and devices."""
    keys = example_keys(gan, key, len(batch.image))
    if gan.microbatches == 1:
        gradient, (model_state, metrics) = differentiate(batch, keys)
    else:
        gradient, (model_state, metrics) = accumulated(
            differentiate, (batch, keys), gan.microbatches
        )
    if gan.axis_name:
        gradient, metrics = lax.pmean((gradient, metrics), gan.axis_name)
    return Move(gradient, model_state), metrics


def accumulated(differentiate: Differentiate, whole: Any, count: int) -> Any:
    """`differentiate` averaged over `count` parts, taken in turn to save memory.

    Part i has examples i, i + count, ...: each device (GSPMD) then has its share of it.
    """
    parts = jax.tree.map(
        lambda x: jnp.moveaxis(x.reshape(-1, count, *x.shape[1:]), 1, 0), whole
    )

    def add(total: Any, part: Any) -> tuple[Any, Any]:
        gradient, (model_state, metrics) = differentiate(*part)
        return jax.tree.map(jnp.add, total, (gradient, metrics)), model_state

    first = jax.tree.map(lambda x: x[0], parts)
    shapes, (_, metric_shapes) = jax.eval_shape(differentiate, *first)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (shapes, metric_shapes))
    total, model_states = lax.scan(add, zeros, parts)
    gradient, metrics = jax.tree.map(lambda x: x / count, total)
    return gradient, (jax.tree.map(lambda x: x[-1], model_states), metrics)


def moved(
    optimizer: optax.GradientTransformation, net: NetState, move: Move, scale: Array
) -> NetState:
    """The player after its move; `scale` multiplies its learning rate."""
    update = optax.with_extra_args_support(optimizer).update
    updates, opt_state = update(move.gradient, net.opt_state, net.params, scale=scale)
    params = optax.apply_updates(net.params, updates)
    return NetState(params, move.model_state, opt_state)


def move_discriminator(gan: Gan, state: TrainState, move: Move) -> TrainState:
    net = moved(gan.d_optimizer, state.discriminator, move, state.scales["d_lr"])
    return state.replace(discriminator=net)  # pyright: ignore


def move_generator(gan: Gan, state: TrainState, move: Move) -> TrainState:
    net = moved(gan.g_optimizer, state.generator, move, state.scales["g_lr"])
    return state.replace(generator=net)  # pyright: ignore


def part(batch: Batch, index: int) -> Batch:
    """The data of one D step."""
    return jax.tree.map(lambda x: x[index], batch)


def discriminator_turn(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """As many D moves as the batch's leading axis is long, each on its own data."""
    key, _ = player_keys(state)
    metrics: Metrics = {}
    for index in range(len(batch.image)):
        move_key = jax.random.fold_in(key, index)
        move, metrics = discriminator_move(gan, state, part(batch, index), move_key)
        state = move_discriminator(gan, state, move)
    return state, metrics


def generator_turn(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """One G move, against the reals of the last D step."""
    _, key = player_keys(state)
    move, metrics = generator_move(gan, state, part(batch, -1), key)
    return move_generator(gan, state, move), metrics


def alternating(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """The players take turns: `psi' = psi - h dL_D(theta, psi)`, `theta' = theta - h
    dL_G(theta, psi')`; G first with `gan.g_first`.

    Goodfellow et al. 2014, arXiv 1406.2661, algorithm 1.
    """
    turns = [discriminator_turn, generator_turn]
    metrics: Metrics = {}
    for turn in reversed(turns) if gan.g_first else turns:
        state, seen = turn(gan, state, batch)
        metrics |= seen
    return state, metrics


def simultaneous(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """Both players move from the same point: `psi' = psi - h dL_D(theta, psi)`, `theta'
    = theta - h dL_G(theta, psi)`. With several D steps, the last is the joint one.

    Mescheder et al. 2018, arXiv 1801.04406, algorithm 1.
    """
    last = len(batch.image) - 1
    d_key, g_key = player_keys(state)
    if last:
        state, _ = discriminator_turn(gan, state, jax.tree.map(lambda x: x[:-1], batch))
    d_move, d_metrics = discriminator_move(
        gan, state, part(batch, last), jax.random.fold_in(d_key, last)
    )
    g_move, g_metrics = generator_move(gan, state, part(batch, last), g_key)
    state = move_discriminator(gan, state, d_move)
    return move_generator(gan, state, g_move), d_metrics | g_metrics


DYNAMICS: dict[str, Dynamics] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
}
