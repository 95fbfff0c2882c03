"""A GAN of curved players on points, its step, and its joint gradient as a matrix."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from gan_jax.config import Config, DatasetConfig, LossConfig, ModelConfig
from gan_jax.dynamics import DYNAMICS
from gan_jax.gan import Gan, Term
from gan_jax.losses import LOSSES
from gan_jax.objectives import discriminator_loss, draw, example_keys, generator_loss
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import PENALTIES
from gan_jax.step import player_keys, train_step
from gan_jax.types import Batch

BATCH, RATE = 8, 0.1
JOINT = sorted(name for name, rule in DYNAMICS.items() if rule.joint)


def slow_but(*quick, among):
    """Names of rules, all but some marked slow: each takes seconds to compile."""
    return [
        pytest.param(name, marks=() if name in quick else pytest.mark.slow)
        for name in among
    ]


class Curved(nn.Module):
    """Two tanh layers, `[B, n] -> [B, outputs]`, or logits `[B]`."""

    outputs: int = 0

    @nn.compact
    def __call__(self, x, label=None, *, train):
        hidden = jnp.tanh(nn.Dense(3, param_dtype=x.dtype)(x))
        y = nn.Dense(self.outputs or 1, param_dtype=x.dtype)(hidden)
        return y if self.outputs else y[:, 0]


class Point(nn.Module):
    """`G(z) = theta`: no latent matters."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        theta = self.param("theta", lambda key: jnp.asarray([0.5, -2.0]))
        return jnp.broadcast_to(theta, (len(z), 2))


def game(dynamics, **slots):
    """A Gan of curved players on points, with R1 and plain descent."""
    chosen = {
        "generator": Curved(2),
        "discriminator": Curved(),
        "loss": LOSSES["non_saturating"],
        "z_dim": 2,
        "data_shape": (2,),
        "g_optimizer": OPTIMIZERS["sgd"](RATE),
        "d_optimizer": OPTIMIZERS["sgd"](RATE),
        "dynamics": dynamics,
        "penalties": (Term(PENALTIES["r1"], lambda step: 0.5),),
    }
    return Gan(**(chosen | slots))


def points(d_steps=1, seed=0):
    random = np.random.default_rng(seed)
    return Batch(jnp.asarray(random.standard_normal((d_steps, BATCH, 2)) / 2, float))


stepped = jax.jit(train_step, static_argnums=0)


def flattened(state):
    """w = (theta, psi) as a vector."""
    return ravel_pytree((state.generator.params, state.discriminator.params))[0]


def dense(gan, state, batch):
    """w, g(w), its whole Jacobian, and how many of w are G's: in NumPy."""
    count = ravel_pytree(state.generator.params)[0].size
    return *map(np.asarray, dense_field(gan, state, batch)), count


@partial(jax.jit, static_argnums=0)
def dense_field(gan, state, batch):
    w, unravel = ravel_pytree((state.generator.params, state.discriminator.params))
    key = jax.random.fold_in(player_keys(state)[0], 0)
    draws = draw(gan, example_keys(gan, key, BATCH))
    examples = Batch(batch.image[0])

    def d_loss(psi, theta):
        return discriminator_loss(gan, psi, theta, state, examples, draws)[0]

    def g_loss(theta, psi):
        return generator_loss(gan, theta, psi, state, examples, draws)[0]

    def field(w):
        theta, psi = unravel(w)
        parts = jax.grad(g_loss)(theta, psi), jax.grad(d_loss)(psi, theta)
        return ravel_pytree(parts)[0]

    return w, field(w), jax.jacfwd(field)(w)


def moved_by(gan, state, batch):
    """`(w - w') / h`."""
    after, _ = stepped(gan, state, batch)
    return np.asarray(flattened(state) - flattened(after)) / RATE


DIRAC = Config(
    batch_size=1,
    dataset=DatasetConfig("dirac"),
    model=ModelConfig("dirac", z_dim=1),
    loss=LossConfig("minimax"),
)
