"""Gradients of both players at the same point, and products with the game's Jacobian.

Notation: w = (theta, psi) are G's and D's parameters, g(w) = (grad_theta L_G,
grad_psi L_D) is the joint gradient, and J = dg/dw is its Jacobian, which is never
formed.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax

from gan_jax.gan import Gan, Players, StateDependent, params_of
from gan_jax.microbatches import average
from gan_jax.objectives import (
    Draws,
    discriminator_loss,
    draw,
    example_keys,
    generator_loss,
)
from gan_jax.step import (
    Gradient,
    apply_to_discriminator,
    apply_to_generator,
    batch_of_update,
    gradient_norms,
    player_keys,
    update_discriminator,
    whole_batch_gradient,
)
from gan_jax.types import Array, Batch, Loss, Metrics, TrainState


class JointBatch(NamedTuple):
    """The data `[B, ...]` and the random key of a joint move, one for both players.

    As both move from the same point, they meet the same latents and augmentations. A
    zero-sum loss is then zero-sum on the batch too. XLA merges equal expressions, so it
    computes G's pass and D's passes once for both players. (D's passes are
    computed twice where D has spectral vectors: its own loss renews them first.)
    """

    batch: Batch
    key: Array


def start_joint_move(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, JointBatch]:
    """Make all of D's updates but the last, and return the data of the joint move."""
    last = len(batch.image) - 1
    key, _ = player_keys(state)
    joint = JointBatch(batch_of_update(batch, last), jax.random.fold_in(key, last))
    if last:
        earlier = jax.tree.map(lambda x: x[:-1], batch)
        state, _ = update_discriminator(gan, state, earlier)
    return state, joint


def joint_gradient(
    gan: Gan, state: TrainState, joint: JointBatch
) -> tuple[Gradient, Metrics]:
    """Return g(w) at the present state, over the whole batch."""
    differentiate = partial(gradient_at, gan, state, params_of(state))
    gradient, metrics = whole_batch_gradient(gan, differentiate, *joint)
    g_norms = gradient_norms(gan, "g", gradient.params.generator)
    d_norms = gradient_norms(gan, "d", gradient.params.discriminator)
    return gradient, metrics | g_norms | d_norms


def gradient_at(
    gan: Gan, state: TrainState, params: Players, batch: Batch, draws: Draws
) -> tuple[Players, tuple[Players, Metrics]]:
    """Return g(w) at w = `params` on examples `[B, ...]`; differentiable in w."""
    g_params, d_params = params
    d_gradient, (d_state, d_metrics) = jax.grad(
        discriminator_loss, argnums=1, has_aux=True
    )(gan, d_params, g_params, state, batch, draws)
    g_gradient, (g_state, g_metrics) = jax.grad(
        generator_loss, argnums=1, has_aux=True
    )(gan, g_params, d_params, state, batch, draws)
    gradient = Players(g_gradient, d_gradient)
    return gradient, (Players(g_state, d_state), d_metrics | g_metrics)


def apply_to_both(gan: Gan, state: TrainState, gradient: Gradient) -> TrainState:
    """Update both players by a joint gradient."""
    of_g, of_d = map(Gradient, gradient.params, gradient.model_state)
    return apply_to_generator(gan, apply_to_discriminator(gan, state, of_d), of_g)


def jacobian_product(
    gan: Gan, state: TrainState, joint: JointBatch, vector: Players
) -> Players:
    """Return `J u` at the present state."""

    def product(batch: Batch, draws: Draws) -> Players:
        def field(params: Players) -> Players:
            return gradient_at(gan, state, params, batch, draws)[0]

        return jax.jvp(field, (params_of(state),), (vector,))[1]

    return mean_product(gan, product, joint)


def transposed_product(
    gan: Gan, state: TrainState, joint: JointBatch, vector: Players
) -> Players:
    """Return `J^T u` at the present state."""

    def product(batch: Batch, draws: Draws) -> Players:
        def field(params: Players) -> Players:
            return gradient_at(gan, state, params, batch, draws)[0]

        return jax.vjp(field, params_of(state))[1](vector)[0]

    return mean_product(gan, product, joint)


def coupling_product(
    gan: Gan, state: TrainState, joint: JointBatch, vector: Players
) -> Players:
    """Return `O u`, where O holds the off-diagonal blocks of J.

    O says what each player's move does to the other player's gradient.
    """
    now = params_of(state)

    def product(batch: Batch, draws: Draws) -> Players:
        def cross_field(params: Players) -> Players:
            only_d_moves = params._replace(generator=now.generator)
            only_g_moves = params._replace(discriminator=now.discriminator)
            of_g = gradient_at(gan, state, only_d_moves, batch, draws)[0]
            of_d = gradient_at(gan, state, only_g_moves, batch, draws)[0]
            return Players(of_g.generator, of_d.discriminator)

        return jax.jvp(cross_field, (now,), (vector,))[1]

    return mean_product(gan, product, joint)


def mean_product(
    gan: Gan, product: Callable[[Batch, Draws], Players], joint: JointBatch
) -> Players:
    """Average a Jacobian product over all microbatches and devices."""
    batch, key = joint
    draws = draw(gan, example_keys(gan, key, len(batch.image)))
    mean, _ = average(gan, lambda *examples: (product(*examples), ()), (batch, draws))
    return mean


def zero_sum_loss(loss: Loss) -> Loss:
    """Return the pair in which G minimizes minus D's whole loss.

    A loss that is not zero-sum is returned unchanged.
    """
    if not loss.zero_sum:
        return loss
    return loss._replace(generator=negate_loss(loss.discriminator))


def negate_loss(loss: Callable | StateDependent) -> Callable | StateDependent:
    """Return minus a loss."""
    if isinstance(loss, StateDependent):
        return replace(loss, function=negate_loss(loss.function))
    return lambda real, fake, **options: -loss(real, fake, **options)
