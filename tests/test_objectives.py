"""The two objectives: who is differentiated, spectral vectors, logits, metrics."""

from dataclasses import replace
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_gans import (
    PLAIN,
    SPECTRAL,
    Affine,
    Point,
    assert_close,
    game,
    handmade,
    mlp_by_hand,
    one,
    points,
    scrambled,
)

from gan_jax.assembly.assemble import build
from gan_jax.config import PenaltyConfig
from gan_jax.gan import Term, init_state
from gan_jax.layers.spectral_norm import power_iteration
from gan_jax.losses import LOSSES
from gan_jax.objectives import discriminator_loss, draw, example_keys, generator_loss
from gan_jax.penalties import PENALTIES
from gan_jax.step import train_step
from gan_jax.types import Batch, Loss


class Parabola(nn.Module):
    """`D(x) = sum_i w_i x_i^2 / 2`."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        w = self.param("w", lambda key: jnp.asarray([3.0, 0.25]))
        return x**2 / 2 @ w


def test_no_player_is_detached_from_the_other():
    """By hand, with r2 of weight c: `L_D = D(theta) - D(x) + c |w theta|^2 / 2`, so
    `d2 L_D / dw dtheta = diag(theta + 2 c w theta)`; of `L_G = -D(theta)` it is
    `-diag(theta)`."""
    weight = 0.75
    gan = handmade(
        Point(),
        Parabola(),
        loss=LOSSES["wasserstein"],
        penalties=(Term(PENALTIES["r2"], lambda step: weight),),
    )
    state = init_state(gan, jax.random.key(0))
    d, g = state.discriminator.params, state.generator.params
    image = points().image[0]
    rest = (state, Batch(image), draw(gan, example_keys(gan, state.key, len(image))))
    w, theta = d["w"], g["theta"]

    def d_gradient(g):
        loss = jax.grad(discriminator_loss, argnums=1, has_aux=True)
        return loss(gan, d, g, *rest)[0]["w"]

    def g_gradient(d):
        return jax.grad(generator_loss, argnums=1, has_aux=True)(gan, g, d, *rest)[0][
            "theta"
        ]

    mixed = jax.jacobian(d_gradient)(g)["theta"]
    np.testing.assert_allclose(
        mixed, np.diag(theta + 2 * weight * w * theta), rtol=1e-6
    )
    mixed = jax.jacobian(g_gradient)(d)["w"]
    np.testing.assert_allclose(mixed, np.diag(-theta), rtol=1e-6)


def kernels_and_vectors(net):
    """`{layer: (kernel, u)}`."""
    return {
        name: (net.params[name]["kernel"], u)
        for name, layer in net.model_state["spectral"].items()
        for u, _ in [layer["uv"]]
    }


@pytest.mark.parametrize("d_steps, d_lr", [(1, 1.0), (3, 0.0)])
def test_spectral_vectors_iterate_once_per_d_update_and_not_for_g(d_steps, d_lr):
    _, state, step = game(replace(SPECTRAL, d_steps=d_steps))
    state = state.replace(
        discriminator=scrambled(state.discriminator),
        scales=state.scales | {"d_lr": jnp.asarray(d_lr)},
    )
    before = kernels_and_vectors(state.discriminator)
    after, _ = step(state, points(d_steps=d_steps))
    assert len(before) == 3
    for name, (kernel, u) in before.items():
        for _ in range(d_steps):
            u, v = power_iteration(kernel, u)
        stored = after.discriminator.model_state["spectral"][name]["uv"]
        assert_close(stored, (u, v), 1e-6)


def test_all_passes_of_a_step_share_the_spectral_vectors_of_its_d_update():
    gan, state, _ = game(SPECTRAL)
    state = state.replace(discriminator=scrambled(state.discriminator))

    def squared_logits(critic, real, fake, keys):
        return critic(real) ** 2

    # Terms of the reals' logits: both objectives and the penalty are known by hand.
    loss = Loss(lambda real, fake: real, lambda real, fake: real)
    gan = replace(gan, loss=loss, penalties=(Term(squared_logits, one),))
    after, metrics = jax.jit(partial(train_step, gan))(state, points())
    vectors = after.discriminator.model_state

    def logits(net):
        leaky = partial(jax.nn.leaky_relu, negative_slope=0.2)
        return mlp_by_hand(net.params, vectors, points().image[0], leaky)

    before_move, after_move = logits(state.discriminator), logits(after.discriminator)
    assert_close(metrics["d_loss"], before_move.mean())
    assert_close(metrics["d_penalty"], (before_move**2).mean())
    assert_close(metrics["g_loss"], after_move.mean())


class Column(nn.Module):
    """A discriminator that forgets to drop its last axis."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        return nn.Dense(1)(x)


def test_logits_of_shape_b_1_are_refused():
    gan = handmade(Affine(), Column())
    state = init_state(gan, jax.random.key(0))
    with pytest.raises(ValueError, match=r"shape \(8,\), got \(8, 1\)"):
        train_step(gan, state, points())


@pytest.mark.parametrize(
    "name, logged", [("wgan_gp", True), ("r1", True), ("none", False), ("ar1", False)]
)
def test_input_gradient_norm_is_logged_where_a_penalty_takes_it(name, logged):
    gan = build(replace(PLAIN, penalty=PenaltyConfig(name, weight=1.0)))
    state = init_state(gan, jax.random.key(0))
    _, metrics = jax.eval_shape(partial(train_step, gan), state, points())
    assert ("critic_grad_norm" in metrics) == logged


def test_every_purpose_and_example_has_a_key_of_its_own():
    gan, count = handmade(Point(), Parabola()), 64
    state = init_state(gan, jax.random.key(0))
    keys = example_keys(gan, state.key, count)
    draws = draw(gan, keys)
    each = (keys, draws.real_keys, draws.fake_keys, draws.penalty_keys)
    words = np.concatenate([jax.random.key_data(keys) for keys in each])
    assert len(np.unique(words, axis=0)) == len(words) == 4 * count
    assert len(np.unique(draws.z)) == draws.z.size
