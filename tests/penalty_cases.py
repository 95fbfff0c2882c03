"""Critics, examples and options on which penalties are tested."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.penalties import PENALTIES, draw_each

BATCH = 6


SHAPES = {"points": (2,), "images": (7, 7, 2)}


Z_DIM = 3


# How many gradients of D each penalty with a formula in the tests takes.
GRADIENTS_TAKEN = {
    "none": 0,
    "wgan_gp": 1,
    "wgan_lp": 1,
    "gp_zero": 1,
    "r1": 1,
    "r2": 1,
    "r1_r2": 2,
    "ar1": 0,
    "ar1_ar2": 0,
    "roth": 2,
    "dragan": 1,
    "lecam": 0,
    "cr": 0,
    "bcr": 0,
    "zcr": 0,
}


# Large enough that the finite difference does not cancel in float32.
OPTIONS = {
    "ar1": {"sigma": 0.3},
    "ar1_ar2": {"sigma": 0.3},
    "lecam": {"real_logit_average": 0.4, "fake_logit_average": -0.3},
}


def example_keys(seed=0, count=BATCH):
    return jax.random.split(jax.random.key(seed), count)


def pairs(shape, count=BATCH):
    """Real and fake examples."""
    real, fake = np.random.default_rng(0).normal(size=(2, count, *shape))
    return jnp.asarray(real, jnp.float32), jnp.asarray(fake / 2 + 1, jnp.float32)


def noisy(x, keys):
    """A change for the consistency penalties."""
    return x + 0.3 * draw_each(jax.random.normal, keys, x)


def tanh_generator(shape):
    """G(z) = tanh(z A), as the examples are shaped."""
    a = np.random.default_rng(3).normal(size=(Z_DIM, np.prod(shape)))
    return lambda z: jnp.tanh(z @ jnp.asarray(a, z.dtype)).reshape(-1, *shape)


def penalty_on(name, shape):
    """A penalty that has all it needs for examples of this shape."""
    options = dict(OPTIONS.get(name, {}))
    if name in ("cr", "bcr"):
        options["transform"] = noisy
    if name == "zcr":
        generator = tanh_generator(shape)
        options |= {"generator": generator, "z_dim": Z_DIM, "sigma": 0.3}
    return partial(PENALTIES[name], **options)


def linear(w):
    """D(x) = w . x."""
    w = jnp.asarray(w, jnp.float32)
    return lambda x: jnp.tensordot(x, w, w.ndim)


def assert_close(actual, expected):
    """Relative to the largest entry."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


def network(seed=0):
    """Weights of a 3x3, stride-2 convolution, tanh and a linear layer."""
    rng = np.random.default_rng(seed)
    shapes = {"kernel": (3, 3, 2, 4), "bias": (4,), "head": (36,), "shift": (1,)}
    return {
        k: rng.normal(size=shape).astype(np.float32) / 3 for k, shape in shapes.items()
    }


def critic_in_jax(params, x):
    y = lax.conv_general_dilated(
        x, params["kernel"], (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    y = jnp.tanh(y + params["bias"].reshape(1, 1, 1, -1))
    return y.reshape(len(x), -1) @ params["head"] + params["shift"]
