"""One training step of a GAN: `train_step`, and below it what it calls.

    train_step
        alternating                   the usual `gan.dynamics`
            update_discriminator
                discriminator_gradient  differentiates `discriminator_loss`
                apply_to_discriminator  applies D's optimizer
            update_generator
                generator_gradient      differentiates `generator_loss`
                apply_to_generator      applies G's optimizer
        update_statistics             running statistics that penalties read
        average_generator             the moving average of G

The objectives are in `gan_jax.objectives`. The rules of play other than `alternating`
are in `gan_jax.dynamics`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.gan import Gan, named_arrays, net_variables
from gan_jax.microbatches import average
from gan_jax.objectives import (
    Draws,
    discriminator_loss,
    draw,
    example_keys,
    generator_loss,
)
from gan_jax.precision import use_precision
from gan_jax.types import Array, Batch, Metrics, NetState, TrainState

Variables = Any


def train_step(gan: Gan, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """Train both players for one step.

    The function is pure: jit it, scan it, or vmap it over states.

    Args:
        gan: The networks and the rules of the game; static.
        state: The state before the step, from `init_state` or the step before.
        batch: Real examples with the leading axes `[d_steps, B]`: one batch for each
            update of D. The first axis is there even if its length is 1.

    Returns:
        The next state, and scalar metrics. If D makes several updates, D's metrics are
        those of the last one. `finite` is False if any other metric is not finite.
    """
    before = state
    with use_precision(gan.precision):
        state, metrics = gan.dynamics(gan, state, batch)  # E.g. `alternating`, below.
    statistics = update_statistics(gan, state, metrics)
    metrics |= statistics
    if gan.watch_layers:
        metrics |= relative_updates(before, state)
    state = replace(
        state,
        ema=average_generator(gan, state),
        aux=state.aux | statistics,
        step=state.step + 1,
    )
    finite = jnp.all(jnp.isfinite(jnp.stack(list(metrics.values()))))
    return state, metrics | {"finite": finite}


def train_steps(
    gan: Gan, state: TrainState, batches: Batch
) -> tuple[TrainState, Metrics]:
    """Train for several steps: `train_step` scanned over the first axis of `batches`.

    Args:
        gan: The networks and the rules of the game; static.
        state: The state before the first step.
        batches: Real examples with the leading axes `[steps, d_steps, B]`.

    Returns:
        The state after the last step, and the metrics of every step, `[steps]` each.
    """
    return lax.scan(partial(train_step, gan), state, batches)


# The two players' updates.


def alternating(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """Update the players in turn, D first, or G first with `gan.g_first`.

    `psi' = psi - h grad_psi L_D(theta, psi)`, then
    `theta' = theta - h grad_theta L_G(theta, psi')`, where theta are G's parameters,
    psi are D's, and h is the learning rate. Each player's own optimizer takes the place
    of the plain descent in these formulas.

    Goodfellow et al. 2014, arXiv 1406.2661, algorithm 1.

    Args:
        gan: The networks and the rules of the game.
        state: The state before the step.
        batch: Real examples, `[d_steps, B, ...]`.

    Returns:
        The state with both players updated, and the metrics. The step count and the
        average of G are left to `train_step`.
    """
    updates = [update_discriminator, update_generator]
    metrics: Metrics = {}
    for update in reversed(updates) if gan.g_first else updates:
        state, measured = update(gan, state, batch)
        metrics |= measured
    return state, metrics


def update_discriminator(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """Update D once for each entry of the batch's first axis, each on its own data."""
    key, _ = player_keys(state)
    metrics: Metrics = {}
    for index in range(len(batch.image)):
        update_key = jax.random.fold_in(key, index)
        gradient, metrics = discriminator_gradient(
            gan, state, batch_of_update(batch, index), update_key
        )
        state = apply_to_discriminator(gan, state, gradient)
    return state, metrics


def update_generator(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """Update G once. Its reals are those of D's last update."""
    _, key = player_keys(state)
    gradient, metrics = generator_gradient(gan, state, batch_of_update(batch, -1), key)
    return apply_to_generator(gan, state, gradient), metrics


def player_keys(state: TrainState) -> tuple[Array, Array]:
    """Return D's and G's random key of this step."""
    key = jax.random.fold_in(state.key, state.step)
    return jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)


def batch_of_update(batch: Batch, index: int) -> Batch:
    """Return the data of one update of D, `[d_steps, B, ...] -> [B, ...]`."""
    return jax.tree.map(lambda x: x[index], batch)


# Gradients.


class Gradient(NamedTuple):
    """The gradient of a player's objective, and its model state after the forward pass.

    In a joint move, each field is a `Players` that holds both players' values.
    """

    params: Any
    model_state: Any


def discriminator_gradient(
    gan: Gan, state: TrainState, batch: Batch, key: Array
) -> tuple[Gradient, Metrics]:
    """Return D's gradient at the present state, on one batch `[B, ...]`."""
    differentiate = partial(
        jax.grad(discriminator_loss, argnums=1, has_aux=True),
        gan,
        state.discriminator.params,
        state.generator.params,
        state,
    )
    gradient, metrics = whole_batch_gradient(gan, differentiate, batch, key)
    return gradient, metrics | gradient_norms(gan, "d", gradient.params)


def generator_gradient(
    gan: Gan, state: TrainState, batch: Batch, key: Array
) -> tuple[Gradient, Metrics]:
    """Return G's gradient at the present state, on one batch `[B, ...]`."""
    differentiate = partial(
        jax.grad(generator_loss, argnums=1, has_aux=True),
        gan,
        state.generator.params,
        state.discriminator.params,
        state,
    )
    gradient, metrics = whole_batch_gradient(gan, differentiate, batch, key)
    return gradient, metrics | gradient_norms(gan, "g", gradient.params)


Differentiate = Callable[[Batch, Draws], tuple[Any, tuple[Any, Metrics]]]
"""`(batch [B, ...], draws) -> (gradient, (model state, metrics))`."""


def whole_batch_gradient(
    gan: Gan, differentiate: Differentiate, batch: Batch, key: Array
) -> tuple[Gradient, Metrics]:
    """Average the gradient and the metrics over all microbatches and devices."""
    draws = draw(gan, example_keys(gan, key, len(batch.image)))

    def means_and_state(batch: Batch, draws: Draws) -> tuple[Any, Any]:
        gradient, (model_state, metrics) = differentiate(batch, draws)
        return (gradient, metrics), model_state

    (gradient, metrics), model_state = average(gan, means_and_state, (batch, draws))
    return Gradient(gradient, model_state), metrics


def gradient_norms(gan: Gan, player: str, gradient: Any) -> Metrics:
    """Return the norm of the gradient; with `watch_layers` also that of each array."""
    norms = {f"{player}_grad_norm": optax.tree.norm(gradient)}
    if gan.watch_layers:
        norms |= {
            f"{player}_grad_norm/{path}": optax.tree.norm(leaf)
            for path, leaf in named_arrays(gradient)
        }
    return norms


# Parameters, averages and running statistics.


def apply_gradient(
    optimizer: optax.GradientTransformation,
    net: NetState,
    gradient: Gradient,
    scale: Array,
) -> NetState:
    """Update one player; `scale` multiplies its learning rate."""
    update = optax.with_extra_args_support(optimizer).update
    updates, opt_state = update(gradient.params, net.opt_state, net.params, scale=scale)
    params = optax.apply_updates(net.params, updates)
    return NetState(params, gradient.model_state, opt_state)


def apply_to_discriminator(
    gan: Gan, state: TrainState, gradient: Gradient
) -> TrainState:
    """Update D by its gradient."""
    scale = state.scales["d_lr"]
    net = apply_gradient(gan.d_optimizer, state.discriminator, gradient, scale)
    return replace(state, discriminator=net)


def apply_to_generator(gan: Gan, state: TrainState, gradient: Gradient) -> TrainState:
    """Update G by its gradient."""
    scale = state.scales["g_lr"]
    net = apply_gradient(gan.g_optimizer, state.generator, gradient, scale)
    return replace(state, generator=net)


def average_generator(gan: Gan, state: TrainState) -> Variables:
    """Return G's averaged variables.

    Parameters and batch statistics become `d ema + (1 - d) w`, `d = ema_decay(step)`.
    All other variables, such as spectral vectors, are copied.
    """
    now = net_variables(state.generator)
    decay = gan.ema_decay(state.step)
    averaged = {
        name: jax.tree.map(
            lambda old, new: decay * old + (1 - decay) * new, state.ema[name], now[name]
        )
        for name in ("params", "batch_stats")
        if name in now
    }
    return now | averaged


def update_statistics(gan: Gan, state: TrainState, metrics: Metrics) -> Metrics:
    """Return the running statistics, renewed with the metrics of this step."""
    return {
        memory.name: memory.renew(state.aux[memory.name], metrics)
        for memory in gan.memory
        if memory.renew is not None
    }


def relative_updates(before: TrainState, after: TrainState) -> Metrics:
    """Return `|w' - w| / |w|` of each array of parameters of both players."""
    updates = {}
    for player in ("generator", "discriminator"):
        old, new = getattr(before, player).params, getattr(after, player).params
        for (path, w), (_, updated) in zip(
            named_arrays(old), named_arrays(new), strict=True
        ):
            size = jnp.maximum(jnp.linalg.norm(w), 1e-12)
            change = jnp.linalg.norm(updated - w)
            updates[f"{player[0]}_update/{path}"] = change / size
    return updates
