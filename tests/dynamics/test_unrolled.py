"""Unrolled play against the paper's objective, by finite differences and PyTorch."""

from dataclasses import replace
from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy import integrate, stats

from gan_jax.assembly.assemble import build
from gan_jax.config import (
    Config,
    DatasetConfig,
    DynamicsConfig,
    EmaConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
)
from gan_jax.dynamics.second_order import unrolled
from gan_jax.gan import Gan, init_state
from gan_jax.losses import LOSSES, is_zero_sum
from gan_jax.objectives import draw, example_keys
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.step import player_keys, train_step
from gan_jax.types import Batch

QUANTILES = stats.norm.ppf((np.arange(256) + 0.5) / 256)
"""A sample of N(0, 1) without chance."""
THETA, K, RATE = 1.0, 8, 1.5

stepped = jax.jit(train_step, static_argnums=0)


class ShiftedNormal(nn.Module):
    """`G(z) = theta + q`, the quantiles of N(theta, 1) for any latents."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        theta = self.param("theta", lambda key: jnp.asarray(THETA))
        return (theta + jnp.asarray(QUANTILES))[:, None]


class Line(nn.Module):
    """`D(x) = w x + b`, from 0; the best D between two such normals is of this form."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        w, b = (self.param(name, lambda key: jnp.zeros(())) for name in "wb")
        return w * x[:, 0] + b


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


@cache
def gradient_on_normals(name):
    """What G descends on N(0, 1), at theta; in float64."""
    sgd = OPTIMIZERS["sgd"](RATE)
    gan = Gan(
        generator=ShiftedNormal(),
        discriminator=Line(),
        loss=LOSSES[name],
        z_dim=1,
        data_shape=(1,),
        g_optimizer=sgd,
        d_optimizer=sgd,
        dynamics=partial(unrolled, k=K),
    )
    state = init_state(gan, jax.random.key(0))
    after, _ = stepped(gan, state, Batch(jnp.asarray(QUANTILES)[None, :, None]))
    theta = after.generator.params["theta"]
    return float(state.generator.params["theta"] - theta) / RATE


def softplus(t):
    return np.logaddexp(0, t)


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def unrolled_value(theta, objective):
    """`objective(D(x), D(G(z)))` after K steps of D on its cross-entropy, in NumPy."""
    real, fake = QUANTILES, theta + QUANTILES
    w = b = 0.0
    for _ in range(K):
        on_real, on_fake = -sigmoid(-w * real - b), sigmoid(w * fake + b)
        slope = np.mean(on_real * real + on_fake * fake)
        w, b = w - RATE * slope, b - RATE * np.mean(on_real + on_fake)
    return np.mean(objective(w * real + b, w * fake + b))


def difference_quotient(objective):
    h = 1e-5
    values = [unrolled_value(THETA + sign * h, objective) for sign in (1, -1)]
    return (values[0] - values[1]) / (2 * h)


def saddle(real, fake):
    """`log D(x) + log(1 - D(G(z)))`, D a probability."""
    return -softplus(-real) - softplus(fake)


def test_minimax_descends_the_papers_objective_on_normals(float64):
    found = gradient_on_normals("minimax")
    np.testing.assert_allclose(found, difference_quotient(saddle), rtol=1e-7)


def test_enough_moves_of_d_give_the_gradient_of_the_divergence(float64):
    """`max_D` of the saddle is 2 JSD - log 4; its derivative by quadrature."""

    def divergence(theta):
        def integrand(x):
            p, q = stats.norm.pdf(x), stats.norm.pdf(x - theta)
            return p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))

        return integrate.quad(integrand, -12, 13, epsabs=1e-13)[0]

    h = 1e-3
    exact = (divergence(THETA + h) - divergence(THETA - h)) / (2 * h)
    found = gradient_on_normals("minimax")
    np.testing.assert_allclose(found, exact, rtol=0.01)


def test_other_games_descend_gs_own_loss_on_normals(float64):
    found = gradient_on_normals("non_saturating")
    expected = difference_quotient(lambda real, fake: softplus(-fake))
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_which_losses_are_zero_sum_is_declared(name):
    """Minimax, Wasserstein and the alpha-loss, with the defaults of their options."""
    assert is_zero_sum(LOSSES[name]) == LOSSES[name].zero_sum
    assert LOSSES[name].zero_sum == (name in ("minimax", "wasserstein", "alpha"))


@pytest.mark.parametrize(
    ("loss", "zero_sum"),
    [
        (LossConfig("minimax"), True),
        (LossConfig("minimax", real_target=0.9, real_target_end=1.0), True),
        (LossConfig("minimax", fake_weight=0.9), False),
        (LossConfig("minimax", top_k=0.5), False),
        (LossConfig("alpha", alpha_d=0.5, alpha_g=0.5), True),
        (LossConfig("alpha", alpha_d=0.3, alpha_g=1.0), False),
        (LossConfig("hinge"), False),
    ],
    ids=str,
)
def test_a_built_game_is_zero_sum_by_its_options(loss, zero_sum):
    config = Config(dataset=DatasetConfig("ring"), loss=loss)
    assert build(replace(config, batch_size=8)).loss.zero_sum is zero_sum


RING = Config(
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    dynamics=DynamicsConfig("unrolled", k=3),
    g_optimizer=OptimizerConfig("sgd", learning_rate=0.5),
    d_optimizer=OptimizerConfig("sgd", learning_rate=0.5),
    ema=EmaConfig(decay=0.0),
    batch_size=32,
)


def on_ring(loss):
    """The step's gradient for G on a ring, and what it was taken on."""
    gan = build(replace(RING, loss=loss))
    state = init_state(gan, jax.random.key(0))
    angles = 2 * np.pi * np.random.default_rng(0).integers(8, size=32) / 8
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    after, _ = stepped(gan, state, Batch(jnp.asarray(points)[None]))
    key = jax.random.fold_in(player_keys(state)[0], 0)
    z = draw(gan, example_keys(gan, key, 32)).z
    before, now = (ravel_pytree(s.generator.params)[0] for s in (state, after))
    return np.asarray(before - now) / 0.5, state, points, np.asarray(z)


def by_pytorch(state, points, z, target):
    """G's gradient of minus D's cross-entropy after three moves of D."""
    import torch

    bce = torch.nn.functional.binary_cross_entropy_with_logits

    def tensors(params):
        leaves, tree = jax.tree.flatten(params)
        copies = (torch.tensor(np.asarray(x), dtype=torch.float64) for x in leaves)
        return jax.tree.unflatten(tree, [x.requires_grad_() for x in copies])

    def network(params, x, activation):
        *hidden, last = (params[f"Dense_{i}"] for i in range(3))
        for layer in hidden:
            x = activation(x @ layer["kernel"] + layer["bias"])
        return x @ last["kernel"] + last["bias"]

    def d_loss(theta, psi):
        slopes = partial(torch.nn.functional.leaky_relu, negative_slope=0.2)
        made = network(theta, torch.tensor(z, dtype=torch.float64), torch.relu)
        seen = torch.tensor(points, dtype=torch.float64)
        real, fake = (network(psi, x, slopes)[:, 0] for x in (seen, made))
        on_real = bce(real, torch.full_like(real, target))
        return on_real + bce(fake, torch.zeros_like(fake))

    theta, psi = tensors(state.generator.params), tensors(state.discriminator.params)
    for _ in range(3):
        leaves, tree = jax.tree.flatten(psi)
        slopes = torch.autograd.grad(d_loss(theta, psi), leaves, create_graph=True)
        moved = [w - 0.5 * g for w, g in zip(leaves, slopes, strict=True)]
        psi = jax.tree.unflatten(tree, moved)
    leaves = jax.tree.leaves(theta)
    gradient = torch.autograd.grad(-d_loss(theta, psi), leaves)
    return np.concatenate([g.numpy().ravel() for g in gradient])


@pytest.mark.oracle("torch")
@pytest.mark.parametrize(
    "loss",
    [
        LossConfig("minimax"),
        pytest.param(
            LossConfig("minimax", real_target=0.9, real_target_end=1.0),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["plain", "smoothed, by schedule"],
)
def test_minimax_on_a_ring_descends_what_pytorch_unrolls(loss):
    """With label smoothing the game is still zero-sum: the real term is D's own."""
    found, *game = on_ring(loss)
    expected = by_pytorch(*game, loss.real_target)
    cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
    assert cosine > 1 - 1e-6
    np.testing.assert_allclose(
        found, expected, rtol=1e-3, atol=1e-5 * abs(expected).max()
    )
