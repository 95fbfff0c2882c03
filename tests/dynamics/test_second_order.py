"""Second-order rules against dense matrices, and the passes that joint moves share."""

import re
from dataclasses import replace
from functools import partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from curved_games import BATCH, RATE, dense, game, moved_by, points, stepped

from gan_jax.dynamics import DYNAMICS
from gan_jax.dynamics.second_order import competitive, unrolled
from gan_jax.gan import init_state
from gan_jax.losses import LOSSES
from gan_jax.objectives import discriminator_loss, draw, example_keys, generator_loss
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.step import player_keys, train_steps
from gan_jax.types import Batch, Loss


def test_consensus_equals_the_dense_jacobian(float64):
    gan = game(partial(DYNAMICS["consensus"], gamma=0.7))
    state, batch = init_state(gan, jax.random.key(0)), points()
    _, g, jacobian, _ = dense(gan, state, batch)
    expected = g + 0.7 * jacobian.T @ g
    np.testing.assert_allclose(moved_by(gan, state, batch), expected, rtol=1e-9)


def test_sga_equals_the_dense_jacobian_in_both_signs(float64):
    """The losses are large, so that the 0.1 in the rule decides nothing."""

    def loud(name):
        loss = getattr(LOSSES["non_saturating"], name)
        return lambda real, fake: 30 * loss(real, fake)

    loss = Loss(loud("discriminator"), loud("generator"))
    gan = game(partial(DYNAMICS["sga"], gamma=0.7), loss=loss)
    signs = set()
    for seed in range(8):
        state, batch = init_state(gan, jax.random.key(seed)), points(seed=seed)
        _, g, jacobian, _ = dense(gan, state, batch)
        adjustment = (jacobian.T - jacobian) @ g / 2
        pull = jacobian.T @ g
        sign = np.sign((g @ pull) * (adjustment @ pull) / len(g) + 0.1)
        signs.add(sign)
        expected = g + 0.7 * sign * adjustment
        np.testing.assert_allclose(moved_by(gan, state, batch), expected, rtol=1e-9)
    assert signs == {-1, 1}


def test_competitive_solves_the_dense_system(float64):
    """A wide step, so that the players' coupling bends it; eta follows the scales."""
    eta = 3.0
    gan = game(partial(competitive, k=60, eta=2 * eta))
    scales = {"g_lr": jnp.float64(0.5), "d_lr": jnp.float64(0.5)}
    state, batch = init_state(gan, jax.random.key(0)), points()
    state = replace(state, scales=state.scales | scales)
    _, g, jacobian, count = dense(gan, state, batch)
    coupling = jacobian.copy()
    coupling[:count, :count] = coupling[count:, count:] = 0
    expected = np.linalg.solve(np.eye(len(g)) + eta * coupling, g)
    assert np.linalg.norm(expected - g) > 0.05 * np.linalg.norm(g)
    found = moved_by(gan, state, batch)
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_unrolled_equals_descent_through_two_moves_of_d_by_hand(float64):
    gan = game(partial(unrolled, k=2))
    state, batch = init_state(gan, jax.random.key(0)), points()
    theta, psi = state.generator.params, state.discriminator.params
    key = jax.random.fold_in(player_keys(state)[0], 0)
    draws = draw(gan, example_keys(gan, key, BATCH))
    examples = Batch(batch.image[0])

    def descend(loss, w):
        return jax.tree.map(lambda w, g: w - RATE * g, w, jax.grad(loss)(w))

    def d_move(psi, theta):
        def loss(psi):
            return discriminator_loss(gan, psi, theta, state, examples, draws)[0]

        return descend(loss, psi)

    def ahead(theta):
        seen = d_move(d_move(psi, theta), theta)
        return generator_loss(gan, theta, seen, state, examples, draws)[0]

    @jax.jit
    def by_hand(psi, theta):
        return descend(ahead, theta), d_move(psi, theta), ahead(theta)

    after, metrics = stepped(gan, state, batch)
    found = after.generator.params, after.discriminator.params, metrics["g_loss"]
    chex.assert_trees_all_close(found, by_hand(psi, theta), rtol=1e-9)


class PartlyDead(nn.Module):
    """A critic with a unit that is never on and a parameter that nothing reads."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        self.param("unread", nn.initializers.ones, (3,))
        dead = nn.Dense(2, bias_init=nn.initializers.constant(-1e3))(x)
        return nn.Dense(1)(jnp.concatenate([nn.relu(dead), jnp.tanh(x)], 1))[:, 0]


@pytest.mark.parametrize(
    "name",
    [
        "adam",
        pytest.param("optimistic_adam", marks=pytest.mark.slow),
        pytest.param("momentum", marks=pytest.mark.slow),
    ],
)
def test_unrolled_is_finite_where_a_gradient_of_d_is_zero(name):
    gan = game(
        partial(unrolled, k=3),
        discriminator=PartlyDead(),
        penalties=(),
        d_optimizer=OPTIMIZERS[name](RATE),
    )
    state = init_state(gan, jax.random.key(0))
    after, metrics = stepped(gan, state, points())
    assert metrics["finite"] and metrics["g_grad_norm"] > 0
    for leaf in jax.tree.leaves((after.generator, after.discriminator)):
        assert np.isfinite(leaf).all()


# What players that move from one point share. Both have L layers, and D one logit.

L = 2
FORWARD, TO_PARAMS, D_TO_PARAMS, D_TO_INPUT = L, 2 * L - 1, 2 * L - 2, L - 1
"""Matrix products of a pass and its derivatives: L of kernels, L - 1 of inputs but the
first, or L with it; that from the one logit back is no matrix product."""
D_MOVE = FORWARD + 2 * (FORWARD + D_TO_PARAMS)
G_MOVE = FORWARD + FORWARD + D_TO_INPUT + TO_PARAMS


def matrix_products(gan, d_steps):
    """Of a step, compiled as the body of a loop."""
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    batches = jax.tree.map(lambda x: jnp.stack([x, x]), points(d_steps))
    program = jax.jit(partial(train_steps, gan)).lower(state, batches).compile()
    return len(re.findall(r"= \S+ dot\(", program.as_text()))


@pytest.mark.parametrize(
    ("rule", "d_steps", "slots", "shared"),
    [
        ("alternating", 1, {}, 0),
        ("simultaneous", 1, {}, 2 * FORWARD),  # G's pass, D's on the fakes
        ("simultaneous", 3, {"loss": LOSSES["relativistic"]}, 2 * FORWARD),
        ("simultaneous", 1, {"microbatches": 2}, 2 * FORWARD),
        ("extragradient", 1, {}, 2 * 2 * FORWARD),  # at both points
    ],
)
def test_players_at_the_same_point_share_their_passes(rule, d_steps, slots, shared):
    """D's moves alone, before a joint one, are at other points. A relativistic G's pass
    on the reals is D's in any case."""
    gan = game(DYNAMICS[rule], penalties=(), **slots)
    joint = DYNAMICS[rule].updates
    apart = (d_steps - 1 + joint) * D_MOVE + joint * G_MOVE
    assert matrix_products(gan, d_steps) == apart - shared


def test_players_of_a_joint_move_meet_the_same_latents():
    """The mean logit on the fakes, a metric of D's, is G's loss but for the sign."""
    gan = game(DYNAMICS["simultaneous"], loss=LOSSES["wasserstein"])
    _, metrics = stepped(gan, init_state(gan, jax.random.key(0)), points())
    np.testing.assert_allclose(metrics["g_loss"], -metrics["fake_logits"], rtol=1e-6)


# Adam's forms, on the Dirac-GAN: L_D = s(0) + s(theta psi), L_G = -s(theta psi).
