"""Depthwise convolutions: each channel has a kernel of its own."""

from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


def depthwise_convolution(x: Array, kernel: Array, stride: int) -> Array:
    """Return the SAME convolution of each channel of `[B, H, W, C]` with its kernel.

    The kernel is `[k, l, C]` and not flipped; the result is `[B, ceil(H/s), ceil(W/s),
    C]`, padded as by `gan_jax.layers.convolution.convolution`. On CPU it is a sum of
    shifted products, since XLA's convolution of as many groups as channels is several
    times slower there; elsewhere it is that convolution.
    """
    return lax.platform_dependent(
        x,
        kernel,
        cpu=partial(shifted_products, stride=stride),
        default=partial(grouped_convolution, stride=stride),
    )


def grouped_convolution(x: Array, kernel: Array, *, stride: int) -> Array:
    """Return a depthwise convolution as one of XLA, with C groups."""
    return lax.conv_general_dilated(
        x,
        kernel[:, :, None, :],
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
        precision=lax.Precision.HIGHEST,
    )


def shifted_products(x: Array, kernel: Array, *, stride: int) -> Array:
    """Return a depthwise convolution as the sum of `x[s p + q - low] kernel[q]`."""
    image, size = x.shape[1:3], kernel.shape[:2]
    pads = lax.padtype_to_pads(image, size, (stride, stride), "SAME")
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    spans = [(-(-n // stride) - 1) * stride + 1 for n in image]

    def product(row: int, column: int) -> Array:
        rows = slice(row, row + spans[0], stride)
        columns = slice(column, column + spans[1], stride)
        return x[:, rows, columns] * kernel[None, None, None, row, column]

    places = ((i, j) for i in range(size[0]) for j in range(size[1]))
    return reduce(jnp.add, (product(*place) for place in places))
