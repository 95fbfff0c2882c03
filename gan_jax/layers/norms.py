"""Normalization layers, chosen with `model.g_norm` and `model.d_norm`.

Each maps `(x, train=..., axis_name=...)` to an array of x's shape `[B, ..., C]`.
`train` is False where running statistics serve, `axis_name` is the device axis over
which statistics are averaged.
"""

from collections.abc import Callable

import flax.linen as nn
import jax

Array = jax.Array


def no_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """`x`: no normalization."""
    return x


def batch_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """`s (x - mean) / deviation + b` over batch and space, s and b per channel.

    Statistics are shared across devices; running statistics decay by 0.9. Ioffe and
    Szegedy 2015, arXiv 1502.03167.
    """
    return nn.BatchNorm(
        use_running_average=not train, momentum=0.9, axis_name=axis_name
    )(x)


def layer_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """`s (x - mean) / deviation + b` over space and channels of each example.

    Scale s and bias b are per channel. Ba et al. 2016, arXiv 1607.06450.
    """
    return nn.LayerNorm(reduction_axes=tuple(range(1, x.ndim)))(x)


def group_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """`s (x - mean) / deviation + b` over space and each group of 16 channels.

    Where 16 does not divide the number of channels, a group has the next larger number
    that does. Wu and He 2018, arXiv 1803.08494, table 3.
    """
    channels = x.shape[-1]
    sizes = range(min(16, channels), channels + 1)
    size = next(size for size in sizes if channels % size == 0)
    return nn.GroupNorm(num_groups=channels // size)(x)


def instance_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """`s (x - mean) / deviation + b` over space of each example and channel.

    Ulyanov et al. 2016, arXiv 1607.08022. Raises ValueError for anything but images.
    """
    if x.ndim != 4:
        raise ValueError("norm 'instance' needs images: a dense layer has no space")
    return nn.InstanceNorm()(x)


NORMS: dict[str, Callable[..., Array]] = {
    "none": no_norm,
    "batch": batch_norm,
    "layer": layer_norm,
    "group": group_norm,
    "instance": instance_norm,
}

BATCH_COUPLED = {batch_norm}
"""Norms by which one example's output depends on another's input."""
