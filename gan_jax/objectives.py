"""The two objectives of the game: what D and what G minimize on one batch.

Notation: x are real examples, z latents, D(x) logits `[B]`, G(z) fakes. Both objectives
are differentiable in the parameters of both players; `gan_jax.step` takes the gradient
of each with respect to its own player.

All randomness is per example. In step t, an example's key follows from
`fold_in(state.key, t)`, the player, the index of D's update, and the example's index in
the global batch. In a joint move both players use D's key. So the numbers do not depend
on how many devices share the work.

x_i and G(z_i) in the formulas are what D sees: augmented, and packed if `gan.pack` is
over 1. The penalties of G get the latents as they are.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.gan import Gan, Players, pack_examples, resolve, with_params
from gan_jax.penalty_terms import fold_in_each, give_pullbacks, pullback, weighted_sum
from gan_jax.types import Array, Batch, Metrics, Pullbacks, TrainState

Variables = Any
Network = Callable[[Array], Array]

GENERATOR_PENALTY_STREAM = 2**31
"""This number is folded into the keys of G's penalties, so that they differ from
the keys of D's penalties, which may start from the same keys."""


def discriminator_loss(
    gan: Gan,
    d_params: Variables,
    g_params: Variables,
    state: TrainState,
    batch: Batch,
    draws: "Draws",
) -> tuple[Array, tuple[Variables, Metrics]]:
    """Return D's objective.

    It is `mean_i L_D(D(x_i), D(G(z_i))) + sum_k w_k mean_i P_k(D, x_i, G(z_i))`.
    w_k is the weight of penalty k, times its `every`, times `state.scales["penalty"]`.

    Nothing is detached: the loss is differentiable in the parameters of both players.
    The pass over the reals renews D's spectral vectors. All later passes use the
    renewed vectors. G makes its fakes in training mode; its new model state is dropped.

    Args:
        gan: The networks and the rules of the game.
        d_params, g_params: Parameters of D and G, used in place of those in `state`.
        state: Everything else: model states, the step, running statistics.
        batch: The data of one D update, `[B, ...]`.
        draws: The random numbers of this update, from `draw`.

    Returns:
        The loss, and the pair of D's new model state and the metrics.
    """
    state = with_params(state, Players(g_params, d_params))
    inputs = prepare_inputs(gan, state, batch, draws)
    classify = partial(forward, gan.discriminator, d_params)
    d_state = state.discriminator.model_state
    real_logits, d_state = classify(d_state, inputs.real, inputs.label)
    fake_logits, d_state = classify(
        d_state, inputs.fake, inputs.label, hold=("spectral",)
    )
    require_one_logit_each(real_logits, len(inputs.real))
    loss = resolve(gan.loss.discriminator, state)(real_logits, fake_logits).mean()

    critic = as_function(gan.discriminator, d_params, d_state, inputs.label)
    terms = tuple(give_pullbacks(t, state, inputs.pullbacks) for t in gan.penalties)
    penalty, measured = weighted_sum(
        terms,
        state,
        (critic, inputs.real, inputs.fake),
        draws.penalty_keys[:: gan.pack],
    )
    penalty *= state.scales["penalty"]

    real_correct, fake_correct = gan.loss.are_correct(real_logits, fake_logits)
    metrics = {
        "d_loss": loss,
        "d_penalty": penalty,
        "real_logits": real_logits.mean(),
        "fake_logits": fake_logits.mean(),
        "real_accuracy": jnp.mean(real_correct),
        "fake_accuracy": jnp.mean(fake_correct),
    }
    return loss + penalty, (d_state, metrics | measured)


def generator_loss(
    gan: Gan,
    g_params: Variables,
    d_params: Variables,
    state: TrainState,
    batch: Batch,
    draws: "Draws",
) -> tuple[Array, tuple[Variables, Metrics]]:
    """Return G's objective.

    It is `mean_i L_G(D(x_i), D(G(z_i))) + sum_k w_k mean_i Q_k(G, z_i)`.
    w_k is the weight of penalty k, times its `every`.

    D's model state does not change.

    Args:
        gan: The networks and the rules of the game.
        g_params, d_params: Parameters of G and D, used in place of those in `state`.
        state: Everything else: model states, the step, running statistics.
        batch: `[B, ...]`: the reals that relativistic losses compare the fakes with.
        draws: The random numbers of this update, from `draw`.

    Returns:
        The loss, and the pair of G's new model state and the metrics.
    """
    state = with_params(state, Players(g_params, d_params))
    inputs = prepare_inputs(gan, state, batch, draws)
    d_state = state.discriminator.model_state
    classify = partial(
        forward, gan.discriminator, d_params, d_state, hold=("spectral",)
    )
    real_logits, _ = classify(x=inputs.real, label=inputs.label)
    fake_logits, _ = classify(x=inputs.fake, label=inputs.label)
    loss = resolve(gan.loss.generator, state)(real_logits, fake_logits).mean()

    g_state = state.generator.model_state
    generator = as_function(gan.generator, g_params, g_state, inputs.label)
    keys = fold_in_each(draws.penalty_keys, GENERATOR_PENALTY_STREAM)
    penalty, measured = weighted_sum(
        gan.generator_penalties, state, (generator, draws.z), keys
    )
    metrics = {"g_loss": loss, "g_penalty": penalty}
    return loss + penalty, (inputs.g_state, metrics | measured)


class Draws(NamedTuple):
    """The random numbers of one update of one player.

    z: Latents `[B, z_dim]`.
    real_keys, fake_keys: Keys `[B]` of the augmentations of reals and of fakes.
    penalty_keys: Keys `[B]` of the penalties.
    """

    z: Array
    real_keys: Array
    fake_keys: Array
    penalty_keys: Array


def example_keys(gan: Gan, key: Array, count: int) -> Array:
    """Return one key per example, `[count]`.

    Each follows from `key` and the example's index in the global batch.
    """
    first = lax.axis_index(gan.axis_name) * count if gan.axis_name else 0
    return jax.vmap(jax.random.fold_in, (None, 0))(key, first + jnp.arange(count))


def draw(gan: Gan, keys: Array) -> Draws:
    """Draw the latents and the keys of one update from one key per example, `[B]`.

    The keys of each purpose are made apart from the others', so that XLA drops those
    that nothing of the update reads.
    """
    z_keys, *other_keys = (fold_in_each(keys, purpose) for purpose in range(4))
    return Draws(draw_latents(gan, z_keys), *other_keys)


def draw_latents(gan: Gan, keys: Array) -> Array:
    """Draw `z ~ N(0, I)`, `[B] -> [B, z_dim]`."""
    return jax.vmap(lambda key: jax.random.normal(key, (gan.z_dim,)))(keys)


class Inputs(NamedTuple):
    """What D sees in one update of one player.

    real, fake: Examples `[B, ...]`, augmented and packed (`B / pack` packs).
    pullbacks: Maps from gradients with respect to `real` and `fake` to gradients with
        respect to the images before the augmentation.
    label: Classes `[B]`. Real example i and fake example i have the same class. None
        without labels.
    g_state: G's model state after it made the fakes.
    """

    real: Array
    fake: Array
    pullbacks: Pullbacks
    label: Array | None
    g_state: Variables


def prepare_inputs(gan: Gan, state: TrainState, batch: Batch, draws: Draws) -> Inputs:
    """Generate fakes, then augment and pack reals and fakes."""
    label = None if gan.label_count is None else batch.label
    generator = state.generator
    fake, g_state = forward(
        gan.generator, generator.params, generator.model_state, draws.z, label
    )
    augment = resolve(gan.augment, state)

    def augment_and_pack(images: Array, keys: Array) -> Array:
        return pack_examples(gan.pack, augment(images, keys))

    pullbacks = Pullbacks(
        pullback(gan.pack, augment, batch.image, draws.real_keys),
        pullback(gan.pack, augment, fake, draws.fake_keys),
    )
    real = augment_and_pack(batch.image, draws.real_keys)
    fake = augment_and_pack(fake, draws.fake_keys)
    return Inputs(real, fake, pullbacks, label, g_state)


def forward(
    module: nn.Module,
    params: Variables,
    model_state: Variables,
    x: Array,
    label: Array | None,
    *,
    hold: tuple[str, ...] = (),
) -> tuple[Array, Variables]:
    """Apply a network in training mode.

    Returns the outputs and the model state, in which every collection is renewed except
    those named in `hold`.
    """
    mutable = [name for name in model_state if name not in hold]
    variables = {"params": params, **model_state}
    outputs, renewed = module.apply(variables, x, label, train=True, mutable=mutable)
    return outputs, {**model_state, **renewed}


def as_function(
    module: nn.Module, params: Variables, model_state: Variables, label: Array | None
) -> Network:
    """Return the network as a function of its input, with its statistics held fixed."""
    variables = {"params": params, **model_state}
    return lambda x: module.apply(variables, x, label, train=False)  # pyright: ignore


def require_one_logit_each(logits: Array, count: int) -> None:
    """Raise a ValueError if D does not return one logit per example."""
    if logits.shape != (count,):
        raise ValueError(
            f"discriminator: logits must have shape ({count},), got {logits.shape}; "
            "return one number per example, e.g. x[:, 0]"
        )
