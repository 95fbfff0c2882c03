"""The labels of fakes that are judged beside the data."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax.types import Array

LABELS = 2**32 - 1
"""Folded into the root key for the labels' own; no example has this number."""


def draw_labels(key: Array, index: Array, shares: ArrayLike) -> Array:
    """The labels `[n]` of the fakes with these numbers, drawn with the shares `[K]`.

    Label i depends on the key and `index[i]` alone. A generator that is compared with
    data has to be asked for each class as often as the data have it: with equal shares
    even a perfect one differs from data whose classes are not equally large. The
    shares: `gan_jax.data.label_shares`.
    """
    keys = jax.vmap(jax.random.fold_in, (None, 0))(
        jax.random.fold_in(key, LABELS), index
    )
    shares = jnp.asarray(shares)
    return jax.vmap(lambda own: jax.random.choice(own, len(shares), p=shares))(keys)
