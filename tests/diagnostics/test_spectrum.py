"""Eigenvalues and curvatures of a smooth GAN against those of its dense Jacobian."""

from functools import cache

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_games import constant

from gan_jax.diagnostics import (
    alternating_jacobian,
    alternating_values,
    curvature,
    dense_jacobian,
    gan_game,
    spectrum,
    step_radius,
    to_float64,
    vector_game,
)
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state
from gan_jax.layers import Style
from gan_jax.layers.norms import no_norm
from gan_jax.losses import LOSSES
from gan_jax.models.dense import DenseGenerator, MlpDiscriminator
from gan_jax.objectives import example_keys
from gan_jax.penalties import PENALTIES
from gan_jax.types import Batch


def smooth_gan():
    """A GAN on points of about 500 parameters, smooth, with R1."""
    init = nn.initializers.lecun_normal()
    style = Style(no_norm, jnp.tanh, init)
    return Gan(
        DenseGenerator((2,), (12, 12), style, lambda x: x),
        MlpDiscriminator(12, style),
        loss=LOSSES["non_saturating"],
        z_dim=4,
        data_shape=(2,),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        dynamics=alternating,
        penalties=(Term(PENALTIES["r1"], constant(0.5)),),
    )


@cache
def smooth_game():
    """The game of `smooth_gan` in float64; read it under `enable_x64`."""
    gan = smooth_gan()
    with jax.enable_x64(True):
        state = to_float64(init_state(gan, jax.random.key(3)))
        batch = Batch(jnp.asarray(np.random.default_rng(0).standard_normal((32, 2))))
        return gan_game(gan, state, batch, example_keys(gan, jax.random.key(4), 32))


@cache
def smooth_jacobian():
    with jax.enable_x64(True):
        return dense_jacobian(smooth_game())


def finite_differences(game, step=1e-5):
    """J by central differences of the field, in float64."""
    point = np.asarray(game.point)
    columns = [
        np.asarray(game.field(point + step * unit) - game.field(point - step * unit))
        for unit in np.eye(len(point))
    ]
    return np.stack(columns, axis=1) / (2 * step)


@pytest.mark.slow
def test_dense_jacobian_equals_finite_differences_of_the_field():
    matrix = smooth_jacobian()
    assert 400 < len(matrix) < 600 and smooth_game().point.dtype == jnp.float64
    with jax.enable_x64(True):
        expected = finite_differences(smooth_game())
    np.testing.assert_allclose(matrix, expected, atol=1e-7)


@pytest.mark.parametrize("which", ["LM", "LR", "SR", "LI"])
def test_matrix_free_spectrum_equals_the_dense_one(which):
    matrix = smooth_jacobian()
    with jax.enable_x64(True):
        found = spectrum(smooth_game(), count=6, which=which, exact=0)
    values = np.linalg.eigvals(matrix)
    key = {"LM": np.abs, "LR": np.real, "SR": lambda v: -v.real}
    keys = key.get(which, lambda v: np.abs(v.imag))
    expected = np.sort(keys(values))[::-1][:6]
    np.testing.assert_allclose(keys(found.values)[:6], expected, atol=1e-4)
    assert_among(values, found.values)
    assert not found.exact and found.products < len(matrix)


def assert_among(values, found):
    nearest = np.abs(values[None] - found[:, None]).min(axis=1)
    np.testing.assert_allclose(nearest, 0, atol=1e-4)


def test_float32_spectrum_is_the_float64_one_to_a_thousandth():
    whole = np.linalg.eigvals(smooth_jacobian())
    expected = sorted(whole, key=lambda value: (-abs(value).round(9), -value.imag))[:4]
    rounded = jnp.asarray(smooth_jacobian(), jnp.float32)
    game = vector_game(lambda w: rounded @ w, jnp.zeros(len(rounded)), 1)
    found = spectrum(game, count=4, exact=0).values
    np.testing.assert_allclose(found, expected, atol=1e-3 * abs(expected[0]))


@pytest.mark.slow
def test_matrix_free_alternating_spectrum_equals_the_dense_one():
    game, rate = smooth_game(), 0.5
    with jax.enable_x64(True):
        found = alternating_values(game, rate, exact=0, count=4)
    matrix = alternating_jacobian(smooth_jacobian(), game.generator_size, rate)
    whole = np.linalg.eigvals(matrix)
    assert_among(whole, found)
    for key in (np.abs, np.real):
        np.testing.assert_allclose(key(found).max(), key(whole).max(), atol=1e-4)
    radius = np.abs(np.linalg.eigvals(np.eye(len(matrix)) + rate * matrix)).max()
    np.testing.assert_allclose(step_radius(found, rate), radius, atol=1e-4)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_block_is_minus_the_players_hessian(player):
    game = smooth_game()
    size = game.generator_size
    own = slice(0, size) if player == "generator" else slice(size, None)
    block = smooth_jacobian()[own, own]
    np.testing.assert_allclose(block, block.T, atol=1e-10)
    expected = np.linalg.eigvalsh(-block)[[0, -1]]
    with jax.enable_x64(True):
        found = curvature(game, player, exact=0)
    np.testing.assert_allclose(found[:2], expected, atol=1e-6)
    assert found.verdict == "saddle"
