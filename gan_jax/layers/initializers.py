"""Initializers of kernels, chosen with `model.g_init` and `model.d_init`.

Each maps `model.init_scale` to a Flax initializer of kernels `[..., in, out]`. fan_in
is the number of inputs of a unit, fan_out the number of its outputs.
"""

from collections.abc import Callable

import flax.linen as nn

Initializer = nn.initializers.Initializer


def normal_init(scale: float) -> Initializer:
    """`N(0, (0.02 scale)^2)`. Radford et al. 2015, arXiv 1511.06434."""
    return nn.initializers.normal(0.02 * scale)


def xavier_init(scale: float) -> Initializer:
    """`N(0, 2 scale^2 / (fan_in + fan_out))`. Glorot and Bengio 2010."""
    return nn.initializers.variance_scaling(scale**2, "fan_avg", "normal")


def he_init(scale: float) -> Initializer:
    """`N(0, 2 scale^2 / fan_in)`. He et al. 2015, arXiv 1502.01852."""
    return nn.initializers.variance_scaling(2 * scale**2, "fan_in", "normal")


def orthogonal_init(scale: float) -> Initializer:
    """`scale Q`, Q uniform among matrices with orthonormal columns, or rows.

    Saxe et al. 2013, arXiv 1312.6120.
    """
    return nn.initializers.orthogonal(scale)


INITIALIZERS: dict[str, Callable[[float], Initializer]] = {
    "normal": normal_init,
    "xavier": xavier_init,
    "he": he_init,
    "orthogonal": orthogonal_init,
}
