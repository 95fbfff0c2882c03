"""Penalties on a device that rounds the factors of products to 10 bits of mantissa."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from rounded_products import on_rounding_device

from gan_jax.assembly.assemble import build
from gan_jax.config import Config, ModelConfig
from gan_jax.data import Spec
from gan_jax.gan import init_state
from gan_jax.objectives import as_function
from gan_jax.penalties import PENALTIES
from gan_jax.penalties.gradients import finite_difference

B, SHAPE = 16, (16, 16, 1)


@cache
def discriminator():
    """A DCGAN's, of width 16, as it begins."""
    config = Config(batch_size=B, model=ModelConfig("dcgan", width=16, z_dim=3))
    gan = build(config, spec=Spec(SHAPE, None, 100))
    return gan, jax.jit(partial(init_state, gan))(jax.random.key(0)).discriminator


def gradient_error(penalty):
    """The relative error, on the device, of a penalty's gradient in D's parameters.

    Both precisions are asked for, so nothing depends on the one around the tests.
    """
    gan, net = discriminator()
    keys = jax.random.split(jax.random.key(1), B)
    random = np.random.default_rng(0)
    x = jnp.asarray(random.uniform(-1, 1, (B, *SHAPE)), jnp.float32)

    def mean(params):
        critic = as_function(gan.discriminator, params, net.model_state, None)
        return penalty(critic, x, keys).mean()

    with jax.default_matmul_precision("highest"):
        exact = ravel_pytree(jax.jit(jax.grad(mean))(net.params))[0]
    with jax.default_matmul_precision("tensorfloat32"):
        rounded = ravel_pytree(on_rounding_device(jax.grad(mean))(net.params))[0]
    return float(jnp.linalg.norm(rounded - exact) / jnp.linalg.norm(exact))


def registered(name):
    return lambda critic, x, keys: PENALTIES[name](critic, x, x / 2, keys)


def naive_difference(critic, x, keys):
    """aR1 at the precision around it."""
    return finite_difference.__wrapped__(critic, x, keys, 0.01)


@pytest.mark.parametrize("name", ["ar1", "ar1_ar2"])
def test_a_finite_difference_is_that_of_float32(name):
    assert gradient_error(registered(name)) < 1e-3


@pytest.mark.parametrize("around", ["bfloat16", "highest"])
def test_without_true_float32_a_difference_is_lost_where_a_gradient_is_not(around):
    with jax.default_matmul_precision(around):
        assert gradient_error(naive_difference) > 0.1
        assert 1e-4 < gradient_error(registered("r1")) < 0.05
