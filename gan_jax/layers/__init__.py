"""Layers of networks, and how their convolutions are computed."""

from gan_jax.layers.activations import ACTIVATIONS
from gan_jax.layers.basic import Style
from gan_jax.layers.initializers import INITIALIZERS
from gan_jax.layers.minibatch import GROUP_SIZES, MINIBATCH
from gan_jax.layers.norms import BATCH_COUPLED, NORMS
from gan_jax.layers.outputs import OUTPUTS

__all__ = [
    "ACTIVATIONS",
    "BATCH_COUPLED",
    "GROUP_SIZES",
    "INITIALIZERS",
    "MINIBATCH",
    "NORMS",
    "OUTPUTS",
    "Style",
]
