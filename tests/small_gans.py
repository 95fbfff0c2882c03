"""Small GANs for the tests of a step, and how their states are compared."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.assembly.assemble import build
from gan_jax.config import (
    Config,
    DatasetConfig,
    EmaConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, init_state
from gan_jax.layers.spectral_norm import normalize
from gan_jax.losses import LOSSES
from gan_jax.step import train_step
from gan_jax.types import Batch

BATCH, RATE = 8, 0.1
SGD = OptimizerConfig("sgd", learning_rate=RATE)
PLAIN = Config(
    batch_size=BATCH,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    g_optimizer=SGD,
    d_optimizer=SGD,
    ema=EmaConfig(decay=0.5),
)
R1 = replace(PLAIN, penalty=PenaltyConfig("r1", weight=2.0))


@cache
def game(config):
    """The Gan, its first state, and the compiled step."""
    gan = build(config)
    state = jax.jit(partial(init_state, gan))(jax.random.key(0))
    return gan, state, jax.jit(partial(train_step, gan))


def points(d_steps=1, seed=0):
    random = np.random.default_rng(seed)
    image = random.standard_normal((d_steps, BATCH, 2))
    label = random.integers(8, size=(d_steps, BATCH))
    return Batch(jnp.asarray(image, jnp.float32), jnp.asarray(label, jnp.int32))


def stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def plain(tree):
    """The same tree with typed keys as numbers, for comparisons."""

    def numbers(x):
        typed = jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
        return jax.random.key_data(x) if typed else x

    return jax.tree.map(numbers, tree)


def assert_close(actual, expected, tolerance=1e-5):
    chex.assert_trees_all_close(
        plain(actual), plain(expected), rtol=tolerance, atol=tolerance
    )


class Affine(nn.Module):
    """`G(z) = z W + b`; hands its latents to `note`."""

    note: Callable = lambda z: None

    @nn.compact
    def __call__(self, z, label=None, *, train):
        self.note(z)
        return nn.Dense(2)(z)


class Logistic(nn.Module):
    """`D(x) = x . w + b`."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        return nn.Dense(1)(x)[:, 0]


def handmade(generator, discriminator, **slots):
    """A Gan on points, filled in without `build`."""
    chosen = {
        "loss": LOSSES["non_saturating"],
        "z_dim": 3,
        "data_shape": (2,),
        "g_optimizer": optax.sgd(RATE),
        "d_optimizer": optax.sgd(RATE),
        "dynamics": alternating,
    }
    return Gan(generator, discriminator, **(chosen | slots))


def one(step):
    return 1.0


class Point(nn.Module):
    """The generator of a Dirac game: `G(z) = theta`."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        theta = self.param("theta", lambda key: jnp.asarray([0.5, -2.0]))
        return jnp.broadcast_to(theta, (len(z), 2))


SPECTRAL = replace(
    PLAIN, model=replace(PLAIN.model, d_spectral=True, g_spectral=True), d_steps=1
)


def scrambled(net):
    """The player with random unit spectral vectors, far from converged ones."""
    random = np.random.default_rng(0)

    def unit(x):
        return normalize(jnp.asarray(random.standard_normal(x.shape), jnp.float32))

    return net.replace(model_state=jax.tree.map(unit, net.model_state))


def mlp_by_hand(params, variables, x, activation):
    """Three dense layers with kernels `W / (v . W u)`, the stored u and v."""
    for index in range(3):
        layer = params[f"Dense_{index}"]
        u, v = variables["spectral"][f"Dense_{index}"]["uv"]
        x = x @ (layer["kernel"] / (v @ (layer["kernel"] @ u)))
        x = x + layer["bias"].reshape(1, -1)
        x = x if index == 2 else activation(x)
    return x
