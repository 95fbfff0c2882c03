"""The distance of a zero-sum game to its solution, estimated by best responses."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.diagnostics.field import make_penalties_eager
from gan_jax.gan import Gan, Players, params_of, resolve
from gan_jax.losses import is_zero_sum
from gan_jax.objectives import discriminator_loss, draw, example_keys, generator_loss
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array, Batch, Loss, NetState, TrainState


class DualityGap(NamedTuple):
    """A duality gap and the values of the game M that it is made of.

    gap: `worst - best`, at least 0 for true best responses. value: M(u, v) as it is.
    worst: M(u, v') after D has responded. best: M(u', v) after G has responded.
    """

    gap: float
    value: float
    worst: float
    best: float


def duality_gap(
    gan: Gan,
    state: TrainState,
    batches: Batch,
    test: Batch,
    key: Array,
    *,
    optimizers: Players | None = None,
) -> DualityGap:
    """Return `max_v' M(u, v') - min_u' M(u', v)`, M = -(mean adversarial part of L_D).

    u is G and v is D. Each extremum is estimated by one update on each of the `batches
    [k, B, ...]`, from the present point: D's updates are on its full objective with
    penalties (which confine it to a class of critics), G's on its own. M is then taken
    on `test [k', B, ...]`, other data. So the estimate is a lower bound, and 0 at any
    stationary point. Grnarova et al. 2018, arXiv 1811.05512.

    optimizers: Optax chains for the responses, with fresh memory; None: the players'
    own, with their memory (which find nothing once their learning rate has decayed to
    0). Raises ValueError for a loss that is not zero-sum, as minimax, wasserstein and
    alpha (with equal alphas) are.
    """
    g_loss, d_loss = (
        resolve(gan.loss.generator, state),
        resolve(gan.loss.discriminator, state),
    )
    require_zero_sum(g_loss, d_loss)
    gan = make_penalties_eager(gan)
    own = Players(gan.g_optimizer, gan.d_optimizer)
    g_chain, d_chain = optimizers or own
    if optimizers is not None:
        state = with_fresh_memory(state, optimizers)
    key_g, key_d, key_test = jax.random.split(key, 3)
    after_d = update_repeatedly(gan, d_chain, "discriminator", state, batches, key_d)
    after_g = update_repeatedly(gan, g_chain, "generator", state, batches, key_g)
    value, worst, best = (
        zero_sum_value(gan, s, test, key_test) for s in (state, after_d, after_g)
    )
    return DualityGap(worst - best, value, worst, best)


def require_zero_sum(g_loss: Callable, d_loss: Callable) -> None:
    """Raise ValueError unless G's loss is -L_D, up to what depends on reals alone."""
    if not is_zero_sum(Loss(d_loss, g_loss)):
        raise ValueError(
            "loss: a duality gap needs a zero-sum game (minimax, wasserstein, alpha "
            "with alpha_d = alpha_g, fake_weight 1)"
        )


def with_fresh_memory(state: TrainState, optimizers: Players) -> TrainState:
    """Return the state, each player with the initial memory of another Optax chain."""
    g, d = (
        net.replace(opt_state=chain.init(net.params))  # pyright: ignore
        for net, chain in zip(
            (state.generator, state.discriminator), optimizers, strict=True
        )
    )
    return state.replace(generator=g, discriminator=d)  # pyright: ignore


def update_repeatedly(
    gan: Gan,
    chain: optax.GradientTransformation,
    player: str,
    state: TrainState,
    batches: Batch,
    key: Array,
) -> TrainState:
    """Return the state after one player's updates on each of the batches `[k, B, ...]`.

    This is no scan, since XLA compiles convolutions inside one badly on CPU.
    """
    for index in range(len(batches.image)):
        batch = jax.tree.map(lambda x, i=index: x[i], batches)
        batch_key = jax.random.fold_in(key, index)
        state = update_player(gan, chain, player, state, batch, batch_key)
    return state


@partial(jax.jit, static_argnums=(0, 1, 2))
@at_highest_precision
def update_player(
    gan: Gan,
    chain: optax.GradientTransformation,
    player: str,
    state: TrainState,
    batch: Batch,
    key: Array,
) -> TrainState:
    """Return the state after one update of one player."""
    g, d = params_of(state)
    draws = draw(gan, example_keys(gan, key, len(batch.image)))
    loss, own, other, net, scale = {
        "generator": (generator_loss, g, d, state.generator, "g_lr"),
        "discriminator": (discriminator_loss, d, g, state.discriminator, "d_lr"),
    }[player]
    differentiate = jax.grad(loss, 1, has_aux=True)
    gradient, (model_state, _) = differentiate(gan, own, other, state, batch, draws)
    step = optax.with_extra_args_support(chain).update
    update, memory = step(gradient, net.opt_state, own, scale=state.scales[scale])
    updated = NetState(optax.apply_updates(own, update), model_state, memory)
    return state.replace(**{player: updated})  # pyright: ignore


def zero_sum_value(gan: Gan, state: TrainState, batches: Batch, key: Array) -> float:
    """Return M, minus the mean adversarial part of L_D over batches `[k, B, ...]`."""
    parts = [
        adversarial_part(
            gan,
            state,
            jax.tree.map(lambda x, i=index: x[i], batches),
            jax.random.fold_in(key, index),
        )
        for index in range(len(batches.image))
    ]
    return -float(jnp.mean(jnp.stack(parts)))


@partial(jax.jit, static_argnums=0)
@at_highest_precision
def adversarial_part(gan: Gan, state: TrainState, batch: Batch, key: Array) -> Array:
    """Return D's mean loss on a batch, without penalties."""
    g, d = params_of(state)
    draws = draw(gan, example_keys(gan, key, len(batch.image)))
    _, (_, metrics) = discriminator_loss(gan, d, g, state, batch, draws)
    return metrics["d_loss"]
