"""The Dirac-GAN with handmade players, and linear games, for tests of diagnostics."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from helpers import Point, Slope

from gan_jax.diagnostics import gan_game, vector_game
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state
from gan_jax.losses import LOSSES
from gan_jax.objectives import example_keys
from gan_jax.penalties import PENALTIES
from gan_jax.types import Batch

B = 4
"""The batch size of `dirac_game`."""


def constant(value):
    return lambda step: value


def dirac_gan(loss, penalty="none", gamma=0.0, every=1):
    """G(z) = theta and D(x) = psi x, with SGD of rate 0.1."""
    terms = (Term(PENALTIES[penalty], constant(gamma), every),)
    return Gan(
        Point(),
        Slope(),
        loss=LOSSES[loss],
        z_dim=1,
        data_shape=(1,),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        dynamics=alternating,
        penalties=terms if gamma else (),
    )


def place(gan, theta, psi):
    """The state of a Dirac-GAN at a point."""
    state = init_state(gan, jax.random.key(0))
    g = state.generator.replace(params={"theta": jnp.array([theta])})
    d = state.discriminator.replace(params={"psi": jnp.array([psi])})
    return state.replace(generator=g, discriminator=d)


def dirac_game(loss, penalty="none", gamma=0.0, theta=0.0, psi=0.0, **options):
    """The game of a Dirac-GAN at a point, on data at 0."""
    gan = dirac_gan(loss, penalty, gamma, **options)
    keys = example_keys(gan, jax.random.key(1), B)
    state, batch = place(gan, theta, psi), Batch(jnp.zeros((B, 1)))
    return gan_game(gan, state, batch, keys)


def linear_game(matrix, generator_size=1):
    """The game v(w) = M w at w = 0."""
    matrix = jnp.asarray(matrix, jnp.float32)
    return vector_game(lambda w: matrix @ w, jnp.zeros(len(matrix)), generator_size)


def rotation_matrix(w):
    """The bilinear game theta' = -w psi, psi' = w theta."""
    return np.array([[0.0, -w], [w, 0.0]])
