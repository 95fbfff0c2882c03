"""The last step of a generator, chosen with `model.output`.

Each maps the last layer's numbers to the data's range, entry by entry.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

Array = jax.Array


def tanh_output(x: Array) -> Array:
    """`tanh(x)`: images in [-1, 1]."""
    return jnp.tanh(x)


def sigmoid_output(x: Array) -> Array:
    """`2 sigmoid(x) - 1`: images in [0, 1], mapped to [-1, 1] once, here."""
    return 2 * nn.sigmoid(x) - 1


def linear_output(x: Array) -> Array:
    """`x`: points of any size."""
    return x


OUTPUTS: dict[str, Callable[[Array], Array]] = {
    "tanh": tanh_output,
    "sigmoid": sigmoid_output,
    "linear": linear_output,
}
