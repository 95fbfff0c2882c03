"""What rules of play are made of: gradients of one or both players, and moves by them.

Notation: w = (theta, psi), G's and D's parameters; g(w) = (grad_theta L_G, grad_psi
L_D), the joint gradient; J = dg/dw, which is never formed.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.gan import Gan, Live, Players, layers, params_of
from gan_jax.train import discriminator_loss, drawn, example_keys, generator_loss
from gan_jax.types import Array, Batch, Loss, Metrics, NetState, TrainState

Differentiate = Callable[..., Any]
"""`(batch [B, ...], keys [B]) -> (gradient, (model state, metrics))`."""


class Move(NamedTuple):
    """What a player, or both, need to move: gradient, and renewed model state."""

    gradient: Any
    model_state: Any


def player_keys(state: TrainState) -> tuple[Array, Array]:
    """The discriminator's and the generator's key of this step."""
    key = jax.random.fold_in(state.key, state.step)
    return jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)


def gradient_norms(gan: Gan, player: str, gradient: Any) -> Metrics:
    """The gradient's norm, and with `watch_layers` that of each array of parameters."""
    norms = {f"{player}_grad_norm": optax.tree.norm(gradient)}
    if not gan.watch_layers:
        return norms
    return norms | {
        f"{player}_grad_norm/{path}": optax.tree.norm(leaf)
        for path, leaf in layers(gradient)
    }


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
    return move, metrics | gradient_norms(gan, "d", move.gradient)


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
    return move, metrics | gradient_norms(gan, "g", move.gradient)


def whole_batch(
    gan: Gan, differentiate: Differentiate, batch: Batch, key: Array
) -> tuple[Move, Metrics]:
    """The mean gradient and metrics over all microbatches and devices."""
    whole = batch, example_keys(gan, key, len(batch.image))
    if gan.microbatches == 1:
        gradient, (model_state, metrics) = differentiate(*whole)
    else:
        gradient, (model_state, metrics) = accumulated(
            differentiate, whole, gan.microbatches
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
    return replace(state, discriminator=net)


def move_generator(gan: Gan, state: TrainState, move: Move) -> TrainState:
    net = moved(gan.g_optimizer, state.generator, move, state.scales["g_lr"])
    return replace(state, generator=net)


def move_both(gan: Gan, state: TrainState, move: Move) -> TrainState:
    for_g, for_d = map(Move, move.gradient, move.model_state)
    return move_generator(gan, move_discriminator(gan, state, for_d), for_g)


def part(batch: Batch, index: int) -> Batch:
    """The data of one D step."""
    return jax.tree.map(lambda x: x[index], batch)


class Meeting(NamedTuple):
    """The data `[B, ...]` and the key of a joint move, one for both players.

    As they move from the same point, they meet the same latents and augmentations: a
    zero-sum loss is zero-sum on the batch too, and XLA, which merges equal expressions,
    makes G's pass and D's passes once for both (not D's where it has spectral vectors:
    its own loss renews them first).
    """

    batch: Batch
    key: Array


def joint_gradient(
    gan: Gan,
    state: TrainState,
    params: Players,
    batch: Batch,
    keys: Array,
) -> tuple[Players, tuple[Players, Metrics]]:
    """`g(w)` on examples `[B, ...]`; differentiable in w = params of both players."""
    g_params, d_params = params
    draws = drawn(gan, keys)  # Here: in a loop XLA does not find that they are equal.
    d_grad, (d_state, d_metrics) = jax.grad(
        discriminator_loss, argnums=1, has_aux=True
    )(gan, d_params, g_params, state, batch, draws)
    g_grad, (g_state, g_metrics) = jax.grad(generator_loss, argnums=1, has_aux=True)(
        gan, g_params, d_params, state, batch, draws
    )
    return Players(g_grad, d_grad), (Players(g_state, d_state), d_metrics | g_metrics)


def joint_move(gan: Gan, state: TrainState, meeting: Meeting) -> tuple[Move, Metrics]:
    """g(w) at the present state, of the whole batch."""
    differentiate = partial(joint_gradient, gan, state, params_of(state))
    move, metrics = whole_batch(gan, differentiate, *meeting)
    g_norms = gradient_norms(gan, "g", move.gradient.generator)
    d_norms = gradient_norms(gan, "d", move.gradient.discriminator)
    return move, metrics | g_norms | d_norms


def times_coupling(
    gan: Gan, state: TrainState, meeting: Meeting, vector: Players
) -> Players:
    """`O u`, O the blocks of J off its diagonal: what each player's move does to the
    other's gradient."""
    now = params_of(state)

    def product(*examples: Any) -> Any:
        def crossed(params: Players) -> Players:
            of_g = joint_gradient(
                gan, state, params._replace(generator=now.generator), *examples
            )[0]
            of_d = joint_gradient(
                gan, state, params._replace(discriminator=now.discriminator), *examples
            )[0]
            return Players(of_g.generator, of_d.discriminator)

        return jax.jvp(crossed, (now,), (vector,))[1], ((), {})

    return whole_batch(gan, product, *meeting)[0].gradient


def times_jacobian(
    gan: Gan, state: TrainState, meeting: Meeting, vector: Players
) -> Players:
    """`J u` at the present state."""

    def product(*examples: Any) -> Any:
        def field(params: Players) -> Players:
            return joint_gradient(gan, state, params, *examples)[0]

        return jax.jvp(field, (params_of(state),), (vector,))[1], ((), {})

    return whole_batch(gan, product, *meeting)[0].gradient


def times_transposed(
    gan: Gan, state: TrainState, meeting: Meeting, vector: Players
) -> Players:
    """`J^T u` at the present state."""

    def product(*examples: Any) -> Any:
        def field(params: Players) -> Players:
            return joint_gradient(gan, state, params, *examples)[0]

        _, pull = jax.vjp(field, params_of(state))
        return pull(vector)[0], ((), {})

    return whole_batch(gan, product, *meeting)[0].gradient


def saddle_loss(loss: Loss) -> Loss:
    """The pair whose G descends minus D's whole loss, if the game is zero-sum."""
    if not loss.zero_sum:
        return loss
    return loss._replace(generator=negative(loss.discriminator))


def negative(loss: Callable | Live) -> Callable | Live:
    """Minus a loss."""
    if isinstance(loss, Live):
        return replace(loss, function=negative(loss.function))
    return lambda real, fake, **options: -loss(real, fake, **options)
