"""Activations of hidden layers, chosen with `model.activation`.

Each maps an array to one of the same shape. Those with a keyword argument `slope` read
`model.slope`.
"""

from collections.abc import Callable

import flax.linen as nn
import jax

Array = jax.Array


def relu(x: Array) -> Array:
    """`max(0, x)`. Nair and Hinton 2010."""
    return jax.nn.relu(x)


def leaky_relu(x: Array, *, slope: float = 0.2) -> Array:
    """`max(0, x) + slope min(0, x)`. Maas et al. 2013."""
    return nn.leaky_relu(x, slope)


def prelu(x: Array, *, slope: float = 0.2) -> Array:
    """`max(0, x) + a min(0, x)`, a learned, one per layer, from `slope` on.

    He et al. 2015, arXiv 1502.01852.
    """
    return nn.PReLU(negative_slope_init=slope)(x)


def silu(x: Array) -> Array:
    """`x sigmoid(x)`. Elfwing et al. 2017, arXiv 1702.03118."""
    return jax.nn.silu(x)


ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "silu": silu,
}
