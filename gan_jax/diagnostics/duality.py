"""The distance of a zero-sum game to its solution, seen by best responses."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.diagnostics.field import without_laziness
from gan_jax.gan import Gan, Players, params_of, resolve
from gan_jax.losses import is_zero_sum
from gan_jax.objectives import discriminator_loss, draw, example_keys, generator_loss
from gan_jax.types import Array, Batch, Loss, NetState, TrainState


class DualityGap(NamedTuple):
    """gap: `worst - best` >= 0 for true best responses.

    value: M(u, v), the present one. worst: M(u, v'), D having responded. best: M(u',
    v), G having responded.
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
    """`max_v' M(u, v') - min_u' M(u, v)`, M = -(mean adversarial part of L_D).

    u is G, v is D. Each maximum is estimated by one update from the present point on
    each of the adversary-finding `batches [k, B, ...]`, D's on its full objective with
    penalties (which confine it to a class of critics), G's on its own; M is then taken
    on `test [k', B, ...]`, other data. So the estimate is a lower bound, and 0 at any
    stationary point. Grnarova et al. 2018, arXiv 1811.05512.

    optimizers: Optax chains of the responses, with fresh memory; None: the players'
    own, with theirs (which find nothing once their learning rate has decayed to 0).
    Raises ValueError for a loss that is not zero-sum, as minimax, wasserstein and alpha
    (with equal alphas) are.
    """
    g_loss, d_loss = (
        resolve(gan.loss.generator, state),
        resolve(gan.loss.discriminator, state),
    )
    require_zero_sum(g_loss, d_loss)
    gan = without_laziness(gan)
    own = Players(gan.g_optimizer, gan.d_optimizer)
    g_chain, d_chain = optimizers or own
    if optimizers is not None:
        state = with_fresh_memory(state, optimizers)
    key_g, key_d, key_test = jax.random.split(key, 3)
    judged = respond(gan, d_chain, "discriminator", state, batches, key_d)
    made = respond(gan, g_chain, "generator", state, batches, key_g)
    value, worst, best = (
        zero_sum_value(gan, s, test, key_test) for s in (state, judged, made)
    )
    return DualityGap(worst - best, value, worst, best)


def require_zero_sum(g_loss: Callable, d_loss: Callable) -> None:
    """ValueError unless G's loss is -L_D, up to what does not depend on the fakes."""
    if not is_zero_sum(Loss(d_loss, g_loss)):
        raise ValueError(
            "loss: a duality gap needs a zero-sum game (minimax, wasserstein, alpha "
            "with alpha_d = alpha_g, fake_weight 1)"
        )


def with_fresh_memory(state: TrainState, optimizers: Players) -> TrainState:
    """The state, each player with the first memory of a new chain."""
    g, d = (
        net.replace(opt_state=chain.init(net.params))  # pyright: ignore
        for net, chain in zip(
            (state.generator, state.discriminator), optimizers, strict=True
        )
    )
    return state.replace(generator=g, discriminator=d)  # pyright: ignore


def respond(
    gan: Gan,
    chain: optax.GradientTransformation,
    player: str,
    state: TrainState,
    batches: Batch,
    key: Array,
) -> TrainState:
    """The state after one player's updates, one on each of the batches `[k, B, ...]`.

    Not a scan: XLA compiles convolutions inside one badly on CPU.
    """
    for index in range(len(batches.image)):
        batch = jax.tree.map(lambda x, i=index: x[i], batches)
        batch_key = jax.random.fold_in(key, index)
        state = response(gan, chain, player, state, batch, batch_key)
    return state


@partial(jax.jit, static_argnums=(0, 1, 2))
def response(
    gan: Gan,
    chain: optax.GradientTransformation,
    player: str,
    state: TrainState,
    batch: Batch,
    key: Array,
) -> TrainState:
    """The state after one update of one player."""
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
    moved = NetState(optax.apply_updates(own, update), model_state, memory)
    return state.replace(**{player: moved})  # pyright: ignore


def zero_sum_value(gan: Gan, state: TrainState, batches: Batch, key: Array) -> float:
    """M: minus the mean adversarial part of D's loss, over batches `[k, B, ...]`."""
    each = [
        adversarial_part(
            gan,
            state,
            jax.tree.map(lambda x, i=index: x[i], batches),
            jax.random.fold_in(key, index),
        )
        for index in range(len(batches.image))
    ]
    return -float(jnp.mean(jnp.stack(each)))


@partial(jax.jit, static_argnums=0)
def adversarial_part(gan: Gan, state: TrainState, batch: Batch, key: Array) -> Array:
    """D's mean loss on a batch, without penalties."""
    g, d = params_of(state)
    draws = draw(gan, example_keys(gan, key, len(batch.image)))
    _, (_, metrics) = discriminator_loss(gan, d, g, state, batch, draws)
    return metrics["d_loss"]
