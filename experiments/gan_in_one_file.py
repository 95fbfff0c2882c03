"""A whole GAN in one file, with nothing but JAX, Flax and Optax.

    python -m experiments.gan_in_one_file        # under a minute on 2 CPU cores

It learns eight Gaussians on a circle with the non-saturating loss (arXiv 1406.2661), R1
(arXiv 1801.04406) and an average of the generator's weights. It is there to be read and
copied: `step` is `gan_jax.train_step` without its options; a test holds them equal.
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

STEPS, BATCH, Z_DIM = 5000, 256, 2
R1_WEIGHT = 0.1
CENTRES = jnp.exp(2j * jnp.pi * jnp.arange(8) / 8)
CENTRES = jnp.stack([CENTRES.real, CENTRES.imag], axis=1)  # of the modes, [8, 2]
RATE = optax.linear_schedule(1e-3, 0.0, STEPS)
ADAM = optax.adam(RATE, b1=0.0, b2=0.99)


class Network(nn.Module):
    """Two hidden layers of 128."""

    outputs: int
    activation: Any

    @nn.compact
    def __call__(self, x):
        for _ in range(2):
            x = self.activation(nn.Dense(128)(x))
        return nn.Dense(self.outputs)(x)


GENERATOR = Network(2, nn.relu)
DISCRIMINATOR = Network(1, partial(nn.leaky_relu, negative_slope=0.2))


class Player(NamedTuple):
    params: Any
    memory: Any  # Adam's


class State(NamedTuple):
    step: Any
    g: Player
    d: Player
    average: Any  # of G's params


def start(key):
    """The state before the first step."""
    g_key, d_key = jax.random.split(key)
    g = GENERATOR.init(g_key, jnp.zeros((1, Z_DIM)))
    d = DISCRIMINATOR.init(d_key, jnp.zeros((1, 2)))
    return State(jnp.int32(0), Player(g, ADAM.init(g)), Player(d, ADAM.init(d)), g)


def judge(d_params, x):
    """Points `[B, 2]` to logits `[B]`; a higher logit is more real."""
    return DISCRIMINATOR.apply(d_params, x)[:, 0]


def discriminator_loss(d_params, g_params, real, z):
    """`softplus(-D(x)) + softplus(D(G(z))) + w |grad_x D(x)|^2 / 2`, averaged."""
    fake = GENERATOR.apply(g_params, z)
    # D judges each point by itself, so this is the gradient of each of its logits.
    slope = jax.grad(lambda x: judge(d_params, x).sum())(real)
    r1 = (slope**2).sum(axis=1) / 2
    told = nn.softplus(-judge(d_params, real)) + nn.softplus(judge(d_params, fake))
    return (told + R1_WEIGHT * r1).mean()


def generator_loss(g_params, d_params, z):
    """`softplus(-D(G(z)))`, averaged."""
    return nn.softplus(-judge(d_params, GENERATOR.apply(g_params, z))).mean()


def move(player, gradient):
    update, memory = ADAM.update(gradient, player.memory)
    return Player(optax.apply_updates(player.params, update), memory)


def step(state, real, d_z, g_z):
    """D moves, then G against the new D, then G's average."""
    d_loss = partial(discriminator_loss, g_params=state.g.params, real=real, z=d_z)
    d_value, gradient = jax.value_and_grad(d_loss)(state.d.params)
    d = move(state.d, gradient)
    g_loss = partial(generator_loss, d_params=d.params, z=g_z)
    g_value, gradient = jax.value_and_grad(g_loss)(state.g.params)
    g = move(state.g, gradient)
    decay = jnp.minimum(0.999, (1 + state.step) / (10 + state.step))
    average = optax.incremental_update(g.params, state.average, 1 - decay)
    return State(state.step + 1, g, d, average), {"d": d_value, "g": g_value}


def train(key):
    """All steps, as one program; every number drawn depends on the key alone."""

    def one(state, key):
        mode, noise, d_z, g_z = jax.random.split(key, 4)
        real = CENTRES[jax.random.randint(mode, BATCH, 0, 8)]
        real += 0.01 * jax.random.normal(noise, real.shape)
        latents = (jax.random.normal(k, (BATCH, Z_DIM)) for k in (d_z, g_z))
        return step(state, real, *latents)

    return jax.lax.scan(one, start(key), jax.random.split(key, STEPS))


if __name__ == "__main__":
    state, losses = jax.jit(train)(jax.random.key(0))
    z = jax.random.normal(jax.random.key(1), (1000, Z_DIM))
    points = GENERATOR.apply(state.average, z)
    near = jnp.linalg.norm(points[:, None] - CENTRES, axis=2) < 0.03
    print(f"losses at the end: D {losses['d'][-1]:.3f}, G {losses['g'][-1]:.3f}")
    print(f"of 1,000 points, within 3 deviations of each mode: {near.sum(axis=0)}")
