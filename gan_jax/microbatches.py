"""Averages over the parts of a batch: microbatches, one after another, and devices."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.gan import Gan


def average(
    gan: Gan, function: Callable[..., tuple[Any, Any]], examples: tuple
) -> tuple[Any, Any]:
    """Average a function of a batch over all microbatches and devices.

    Args:
        gan: Its `microbatches` and `axis_name` are read.
        function: Maps examples `[B, ...]` to a pair `(means, last)`. `means` is
            averaged. Of `last`, the values of the last microbatch are kept.
        examples: The arguments of the function: this device's share of the batch.
    """
    if gan.microbatches == 1:
        means, last = function(*examples)
    else:
        means, last = accumulate(function, examples, gan.microbatches)
    if gan.axis_name:
        means = lax.pmean(means, gan.axis_name)
    return means, last


def accumulate(
    function: Callable[..., tuple[Any, Any]], examples: tuple, count: int
) -> tuple[Any, Any]:
    """Average over `count` parts of the examples, taken in turn to save memory.

    Part i holds the examples i, i + count, and so on. So under GSPMD every device has a
    share of every part.
    """
    parts = jax.tree.map(
        lambda x: jnp.moveaxis(x.reshape(-1, count, *x.shape[1:]), 1, 0), examples
    )

    def add(total: Any, part: Any) -> tuple[Any, Any]:
        values, last = function(*part)
        return jax.tree.map(jnp.add, total, values), last

    first = jax.tree.map(lambda x: x[0], parts)
    shapes, _ = jax.eval_shape(function, *first)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    total, every_last = lax.scan(add, zeros, parts)
    means = jax.tree.map(lambda x: x / count, total)
    return means, jax.tree.map(lambda x: x[-1], every_last)
