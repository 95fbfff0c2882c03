"""The labels of fakes that are judged beside the data."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from gan_jax.types import Array

LABELS = 2**32 - 1
"""Folded into the root key for the labels' own; no example has this number."""


def draw_labels(key: Array, index: Array, shares: ArrayLike) -> Array:
    """The labels `[n]` of the fakes with these numbers, drawn with the shares `[K]`.

    Label i depends on the key and `index[i]` alone; a class whose share is 0 is never
    drawn. A generator that is compared with data has to be asked for each class as
    often as the data have it: with equal shares even a perfect one differs from data
    whose classes are not equally large. The shares: `gan_jax.data.label_shares`,
    numbers that are known when a program is traced.
    """
    keys = jax.vmap(jax.random.fold_in, (None, 0))(
        jax.random.fold_in(key, LABELS), index
    )
    points = jax.vmap(jax.random.uniform)(keys)
    # In order, and in float64: XLA's float32 sum gives classes without a share some.
    edges = np.cumsum(np.asarray(shares, np.float64))
    edges = jnp.asarray(edges / edges[-1], jnp.float32)
    return jnp.searchsorted(edges, points, side="right")
