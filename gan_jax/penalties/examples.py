"""Sums and random draws, one for each example of a batch."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.types import Array

EPSILON = 1e-12


def sum_square(x: Array) -> Array:
    """Return the squared Euclidean norm of each example, `[B, ...] -> [B]`."""
    return jnp.sum(x**2, axis=tuple(range(1, x.ndim)))


def draw_each(draw: Callable, keys: Array, like: Array) -> Array:
    """Call `draw(key, shape, dtype)` for each example of `like [B, ...]`."""
    return jax.vmap(lambda key: draw(key, like.shape[1:], like.dtype))(keys)


def split_each(keys: Array) -> Array:
    """Split each key into two independent ones, `[B] -> [2, B]`."""
    return jax.vmap(jax.random.split, out_axes=1)(keys)
