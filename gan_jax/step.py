"""The two objectives of the game, and one pure step of it.

Randomness belongs to the example: everything drawn in step t comes from
`fold_in(state.key, t)`, the player, and the example's index in the global batch, so the
numbers do not depend on how many devices share the work.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from gan_jax.gan import Gan, Players, at, layers, net_variables, packed, with_params
from gan_jax.labels import draw_labels
from gan_jax.terms import measured, pullback, weighted_sum, with_pullbacks
from gan_jax.types import Array, Batch, Metrics, Pullbacks, TrainState

Variables = Any
G_PENALTIES = 2**31
"""Folded into the keys of G's penalties: D's may be drawn from the same keys."""


def example_keys(gan: Gan, key: Array, count: int) -> Array:
    """`[B]` keys, one per example, from its index in the global batch."""
    first = lax.axis_index(gan.axis_name) * count if gan.axis_name else 0
    return jax.vmap(jax.random.fold_in, (None, 0))(key, first + jnp.arange(count))


def latents(gan: Gan, keys: Array) -> Array:
    """z ~ N(0, I), `[B] -> [B, Z]`."""
    return jax.vmap(lambda key: jax.random.normal(key, (gan.z_dim,)))(keys)


def forward(
    module: nn.Module,
    params: Variables,
    model_state: Variables,
    x: Array,
    label: Array | None,
    *,
    hold: tuple[str, ...] = (),
) -> tuple[Array, Variables]:
    """A training pass: outputs, and the model state with all but `hold` renewed."""
    mutable = [name for name in model_state if name not in hold]
    variables = {"params": params, **model_state}
    outputs, renewed = module.apply(variables, x, label, train=True, mutable=mutable)
    return outputs, {**model_state, **renewed}


class Draws(NamedTuple):
    """What is random in one update: z `[B, Z]`, and each example's keys, `[B]`."""

    z: Array
    real_keys: Array
    fake_keys: Array
    penalty_keys: Array


def drawn(gan: Gan, keys: Array) -> Draws:
    """Latents, and keys of augmentations and penalties, from one key per example."""
    z_keys, *rest = jax.vmap(lambda key: jax.random.split(key, 4), out_axes=1)(keys)
    return Draws(latents(gan, z_keys), *rest)


class Round(NamedTuple):
    """What one player meets in one update.

    real, fake `[B, ...]`: as D sees them, augmented and packed (then B is fewer).
    pullbacks: from gradients with respect to these to gradients with respect to the
    images before. z `[B, Z]`. label `[B]` or None, shared by real and fake example i.
    penalty_keys `[B]`. g_state: G's model state after its pass.
    """

    real: Array
    fake: Array
    pullbacks: Pullbacks
    z: Array
    label: Array | None
    penalty_keys: Array
    g_state: Variables


def deal(gan: Gan, state: TrainState, batch: Batch, keys: Array | Draws) -> Round:
    """Make fakes, augment and pack; from one key per example, or what was drawn."""
    draws = keys if isinstance(keys, Draws) else drawn(gan, keys)
    z, real_keys, fake_keys, penalty_keys = draws
    label = None if gan.label_count is None else batch.label
    params, g_state = state.generator.params, state.generator.model_state
    fake, g_state = forward(gan.generator, params, g_state, z, label)
    augment = at(state, gan.augment)
    pullbacks = Pullbacks(
        pullback(gan.pack, augment, batch.image, real_keys),
        pullback(gan.pack, augment, fake, fake_keys),
    )
    real, fake = augment(batch.image, real_keys), augment(fake, fake_keys)
    real, fake = packed(gan.pack, real), packed(gan.pack, fake)
    return Round(real, fake, pullbacks, z, label, penalty_keys, g_state)


def discriminator_loss(
    gan: Gan,
    d_params: Variables,
    g_params: Variables,
    state: TrainState,
    batch: Batch,
    keys: Array | Draws,
) -> tuple[Array, tuple[Variables, Metrics]]:
    """`mean_i L_D(D(x_i), D(G(z_i))) + sum_k w_k mean_i P_k(D, x_i, G(z_i))`.

    batch: one D step's data, `[B, ...]`. keys: `[B]`, from `example_keys`, or what was
    `drawn` from them. Returns the loss, and D's new model state and the metrics. It is
    differentiable in both players' parameters: nothing is detached. The pass over the
    reals renews D's spectral vectors; all other passes share them.
    """
    state = with_params(state, Players(g_params, d_params))
    real, fake, pullbacks, _, label, penalty_keys, _ = deal(gan, state, batch, keys)
    judge = partial(forward, gan.discriminator, d_params)
    real_logits, d_state = judge(state.discriminator.model_state, real, label)
    fake_logits, d_state = judge(d_state, fake, label, hold=("spectral",))
    check_logits(real_logits, len(real))

    critic = frozen(gan.discriminator, d_params, d_state, label)
    evaluate = partial(measured, "critic_grad_norm", critic, (real, fake))
    loss = at(state, gan.loss.discriminator)(real_logits, fake_logits).mean()
    keys = penalty_keys[:: gan.pack]
    terms = tuple(with_pullbacks(t, state, pullbacks) for t in gan.penalties)
    penalty, seen = weighted_sum(terms, state, keys, evaluate)
    penalty *= state.scales["penalty"]
    real_correct, fake_correct = gan.loss.judged(real_logits, fake_logits)
    metrics = {
        "d_loss": loss,
        "d_penalty": penalty,
        "real_logits": real_logits.mean(),
        "fake_logits": fake_logits.mean(),
        "real_accuracy": jnp.mean(real_correct),
        "fake_accuracy": jnp.mean(fake_correct),
    }
    return loss + penalty, (d_state, metrics | seen)


def generator_loss(
    gan: Gan,
    g_params: Variables,
    d_params: Variables,
    state: TrainState,
    batch: Batch,
    keys: Array | Draws,
) -> tuple[Array, tuple[Variables, Metrics]]:
    """`mean_i L_G(D(x_i), D(G(z_i))) + sum_k w_k mean_i Q_k(G, z_i)`.

    batch: `[B, ...]`, the reals of relativistic losses. keys: `[B]`, as for D. Returns
    the loss, and G's new model state and the metrics; D's model state does not change.
    """
    state = with_params(state, Players(g_params, d_params))
    real, fake, _, z, label, penalty_keys, g_state = deal(gan, state, batch, keys)
    d_state = state.discriminator.model_state
    judge = partial(forward, gan.discriminator, d_params, d_state, hold=("spectral",))
    real_logits, _ = judge(x=real, label=label)
    fake_logits, _ = judge(x=fake, label=label)

    generator = frozen(gan.generator, g_params, state.generator.model_state, label)
    evaluate = partial(measured, "path_length", generator, (z,))
    loss = at(state, gan.loss.generator)(real_logits, fake_logits).mean()
    terms = gan.generator_penalties
    own_keys = jax.vmap(jax.random.fold_in, (0, None))(penalty_keys, G_PENALTIES)
    penalty, seen = weighted_sum(terms, state, own_keys, evaluate)
    return loss + penalty, (g_state, {"g_loss": loss, "g_penalty": penalty} | seen)


def frozen(
    module: nn.Module, params: Variables, model_state: Variables, label: Array | None
) -> Callable[[Array], Array]:
    """The network as a function of its input alone, with frozen statistics."""
    variables = {"params": params, **model_state}
    return lambda x: module.apply(variables, x, label, train=False)  # pyright: ignore


def check_logits(logits: Array, count: int) -> None:
    if logits.shape != (count,):
        raise ValueError(
            f"discriminator: logits must have shape ({count},), got {logits.shape}; "
            "return one number per example, e.g. x[:, 0]"
        )


def average_generator(gan: Gan, state: TrainState) -> Variables:
    """`d ema + (1 - d) w` for params and batch statistics, d = ema_decay(step).

    Other variables of G (spectral vectors) are copied.
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


def renewed(gan: Gan, state: TrainState, metrics: Metrics) -> Metrics:
    """The running statistics after a step with these metrics."""
    return {
        memory.name: memory.renew(state.aux[memory.name], metrics)
        for memory in gan.memory
        if memory.renew is not None
    }


def layer_updates(before: TrainState, after: TrainState) -> Metrics:
    """`|w' - w| / |w|` of each array of parameters of both players."""
    updates = {}
    for player in ("generator", "discriminator"):
        old, new = getattr(before, player).params, getattr(after, player).params
        for (path, w), (_, moved) in zip(layers(old), layers(new), strict=True):
            size = jnp.maximum(jnp.linalg.norm(w), 1e-12)
            updates[f"{player[0]}_update/{path}"] = jnp.linalg.norm(moved - w) / size
    return updates


def train_step(gan: Gan, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """One step of the game: the players move, averages and statistics follow.

    batch: leading axes `[d_steps, B, ...]`. Returns the next state and scalar metrics
    (of the last D update where there are several); `finite` is false when any of them
    is not. Pure: jit it, scan it, vmap it over states.
    """
    before = state
    state, metrics = gan.dynamics(gan, state, batch)
    statistics = renewed(gan, state, metrics)
    metrics |= statistics
    if gan.watch_layers:
        metrics |= layer_updates(before, state)
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
    """`train_step` scanned over a leading axis of `batches`; metrics are stacked."""
    return lax.scan(partial(train_step, gan), state, batches)


def sample(
    gan: Gan,
    state: TrainState,
    key: Array,
    n: int,
    *,
    ema: bool = True,
    label: Array | None = None,
    first: Array | int = 0,
    shares: ArrayLike | None = None,
) -> Array:
    """n fakes `[n, ...]` of the averaged (or the raw) generator.

    label: classes of a conditional GAN, `[n]` or one for all; None: drawn with these
    shares `[label_count]` (`gan_jax.labels`), or without them 0, 1, 2, ... in turn.
    first: the number of the first one. Sample i depends on key, label, shares and i
    alone: more samples keep the first ones.
    """
    index = first + jnp.arange(n)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
    if gan.label_count is not None:
        in_turn = index % gan.label_count
        own = in_turn if shares is None else draw_labels(key, index, shares)
        label = own if label is None else jnp.broadcast_to(label, n)
    return generate(gan, state, latents(gan, keys), label, ema=ema)


def generate(
    gan: Gan, state: TrainState, z: Array, label: Array | None, *, ema: bool = True
) -> Array:
    """The fakes `[n, ...]` of latents `[n, Z]` and labels `[n]` (or None).

    Batch normalization uses stored statistics, in the averaged generator their average:
    a fake does not depend on the others.
    """
    variables = state.ema if ema else net_variables(state.generator)
    return gan.generator.apply(variables, z, label, train=False)  # pyright: ignore
