"""Sums of float32 numbers whose rounding errors are kept: `[..., 2]`, high and low.

A distance between distributions is a small difference of means near 1. A float32 sum
rounds these to 6e-8 at best, and the distance has digits below that. So every sum is a
pair: the rounded sum, and the sum of what rounding has taken away. The host adds both
in float64. Dekker 1971, doi 10.1007/BF01397083; Neumaier 1974, doi
10.1002/zamm.19740540106.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Total(NamedTuple):
    """Running sums of one shape: the rounded ones, and the sums of their errors."""

    high: jax.Array
    low: jax.Array


def zero_total(shape: tuple[int, ...]) -> Total:
    """Return the sums of nothing."""
    return Total(jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.float32))


def add_with_error(a: jax.Array, b: jax.Array) -> Total:
    """Return `a + b` rounded, and exactly what rounding took away (Knuth's two-sum).

    Nothing is taken away from a sum that is infinite.
    """
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)
    return Total(total, jnp.where(jnp.isfinite(total), error, 0))


def add_values(total: Total, values: jax.Array) -> Total:
    """Return the sums with one more value each."""
    added = add_with_error(total.high, values)
    return Total(added.high, total.low + added.low)


def join_totals(a: tuple, b: tuple) -> tuple:
    """Return the sum of two running sums, each high and low."""
    added = add_with_error(a[0], b[0])
    return added.high, a[1] + b[1] + added.low


def fold(total: Total) -> jax.Array:
    """Return the sum over the last axis, `[..., N] -> [..., 2]`: high and low."""
    zeros, last = (jnp.float32(0), jnp.float32(0)), total.high.ndim - 1
    return jnp.stack(lax.reduce(tuple(total), zeros, join_totals, (last,)), axis=-1)


def sum_with_error(values: jax.Array) -> jax.Array:
    """Return the sum over the last axis, `[..., N] -> [..., 2]`: high and low."""
    return fold(Total(values, jnp.zeros_like(values)))


def join_parts(parts: np.ndarray) -> np.ndarray:
    """Return the sums `[...]` in float64 from their parts `[..., P]`."""
    return np.asarray(parts, np.float64).sum(axis=-1)
