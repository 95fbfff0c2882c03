"""Sums and draws for each example of a batch."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.types import Array

EPSILON = 1e-12


def sum_square(x: Array) -> Array:
    """`[B, ...] -> [B]`: the squared Euclidean norm of each example."""
    return jnp.sum(x**2, axis=tuple(range(1, x.ndim)))


def per_example(draw: Callable, keys: Array, like: Array) -> Array:
    """`draw(key, shape, dtype)` for each example's key, shaped like `like [B, ...]`."""
    return jax.vmap(lambda key: draw(key, like.shape[1:], like.dtype))(keys)


def split_each(keys: Array) -> Array:
    """`[B] -> [2, B]`: two independent keys for each example."""
    return jax.vmap(jax.random.split, out_axes=1)(keys)
