"""Implementations of the three bilinear forms of a convolution, each fast somewhere.

    convolve  (x, w) -> y    y[p] = sum_q  w[q]^T x[s p + q - low]
    spread    (y, w) -> x    its transpose in x
    correlate (x, y) -> w    its transpose in w

Images x are `[B, H, W, in]`, their convolutions y `[B, h, w, out]`, kernels w
`[k, l, in, out]`. The functions `plain_*` leave the work to XLA, `matmul_*` make one
matrix product for each place of the kernel. `gan_jax.layers.cpu_lowering` chooses among
them on CPU, and `gan_jax.layers.convolution` makes differentiable primitives of them.
"""

import math
from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


class ConvolutionSizes(NamedTuple):
    """The sizes of a form, for each of the two axes of the image.

    low: the numbers of rows and columns of zeros before the image. image, kernel, out:
    the sizes of x, w and y.
    """

    stride: int
    low: tuple[int, ...]
    image: tuple[int, ...]
    kernel: tuple[int, ...]
    out: tuple[int, ...]


# The forms as XLA has them. Padding is (before, after) and may be negative.


def plain_convolve(x: Array, w: Array, g: ConvolutionSizes) -> Array:
    """Return `convolve` as one convolution of XLA."""
    pads = [
        (low, (m - 1) * g.stride + k - n - low)
        for n, k, m, low in zip(g.image, g.kernel, g.out, g.low, strict=True)
    ]
    forms = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, (g.stride, g.stride), pads, dimension_numbers=forms
    )


def plain_spread(y: Array, w: Array, g: ConvolutionSizes) -> Array:
    """Return `spread` as one convolution of XLA, of y dilated by the stride."""
    pads = [
        (k - 1 - low, n - 1 - (m - 1) * g.stride + low)
        for n, k, m, low in zip(g.image, g.kernel, g.out, g.low, strict=True)
    ]
    return lax.conv_general_dilated(
        y,
        w[::-1, ::-1],
        (1, 1),
        pads,
        lhs_dilation=(g.stride, g.stride),
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def plain_correlate(x: Array, y: Array, g: ConvolutionSizes) -> Array:
    """Return `correlate` as one convolution of XLA, with y as a dilated kernel."""
    pads = [
        (low, k + (m - 1) * g.stride - n - low)
        for n, k, m, low in zip(g.image, g.kernel, g.out, g.low, strict=True)
    ]
    return lax.conv_general_dilated(
        x,
        y,
        (1, 1),
        pads,
        rhs_dilation=(g.stride, g.stride),
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
    )


# `spread` without a dilated operand, with which XLA's CPU backend is up to 3 times
# slower.


class Phase(NamedTuple):
    """The pixels s t + r of an axis of the image, for t = 0 .. ceil(H/s) - 1.

    first: the least place of the kernel that reaches them; every s-th place after it
    does too. pads: the padding of y before and after, for the convolution with the
    flipped places.
    """

    first: int
    pads: tuple[int, int]


def split_phases(g: ConvolutionSizes, axis: int) -> list[Phase]:
    """Return the phase of each r < s along an axis.

    Pixel s t + r is `sum_q w[q] y[t + (r + low - q) / s]`.
    """
    s, k, m, low = g.stride, g.kernel[axis], g.out[axis], g.low[axis]
    count, phases = -(-g.image[axis] // s), []
    for r in range(s):
        first = (r + low) % s
        most = (r + low - first) // s
        least = most - (len(range(first, k, s)) - 1)
        phases.append(Phase(first, (-least, count - 1 + most - (m - 1))))
    return phases


def phased_spread(y: Array, w: Array, g: ConvolutionSizes) -> Array:
    """Return `spread` as a convolution of y with the needed places, for each phase."""
    s = g.stride
    if s == 1 or min(g.kernel) < s:  # One phase, or phases that nothing reaches.
        return plain_spread(y, w, g)
    rows, columns = split_phases(g, 0), split_phases(g, 1)

    def convolve_phase(row: Phase, column: Phase) -> Array:
        kernel = w[row.first :: s, column.first :: s][::-1, ::-1]
        forms = ("NHWC", "HWOI", "NHWC")
        pads = [row.pads, column.pads]
        return lax.conv_general_dilated(
            y, kernel, (1, 1), pads, dimension_numbers=forms
        )

    x = jnp.stack(
        [
            jnp.stack([convolve_phase(row, column) for column in columns], 3)
            for row in rows
        ],
        2,
    )
    b, high, _, wide, _, channels = x.shape
    x = x.reshape(b, s * high, s * wide, channels)
    return x[:, : g.image[0], : g.image[1]]


# The forms as matrix products, one for each place q of the kernel. They serve where
# convolutions are slow on CPU: for a result of few channels, and for many kernels at
# once. Sums are at least float32.

FEW_CHANNELS = 12
"""The number of channels that counts as few: a folded colour image has 3 x 2 x 2."""


def kernel_places(g: ConvolutionSizes) -> list[tuple[int, int]]:
    """Return all places q of the kernel, row by row."""
    return [(i, j) for i in range(g.kernel[0]) for j in range(g.kernel[1])]


def gather_place(x: Array, q: tuple[int, int], g: ConvolutionSizes) -> Array:
    """Return `x[s p + q - low]` at p, which place q of the kernel sees.

    The result is `[B, h, w, in]`.
    """
    pads = [
        (low, (m - 1) * g.stride + k - n - low, 0)
        for n, k, m, low in zip(g.image, g.kernel, g.out, g.low, strict=True)
    ]
    padded = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
    high, wide = (
        slice(i, i + (m - 1) * g.stride + 1, g.stride)
        for i, m in zip(q, g.out, strict=True)
    )
    return padded[:, high, wide]


def scatter_place(y: Array, q: tuple[int, int], g: ConvolutionSizes) -> Array:
    """Return an image with y[p] at s p + q - low: the transpose of `gather_place`."""
    pads = [
        (i - low, n - 1 - (m - 1) * g.stride - i + low, g.stride - 1)
        for i, n, m, low in zip(q, g.image, g.out, g.low, strict=True)
    ]
    return lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *pads, (0, 0, 0)])


def flatten_pixels(x: Array) -> Array:
    """Return an array `[..., C]` as the matrix of pixels by channels."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def multiply(a: Array, b: Array) -> Array:
    """Return the matrix product, summed in float32 at least."""
    wide = jnp.promote_types(a.dtype, jnp.float32)
    return jnp.matmul(a, b, preferred_element_type=wide)


def multiply_by_places(x: Array, kernels: Array) -> Array:
    """Return x `[B, H, W, in]` times each of `[kl, in, out]`, `[kl, B, H, W, out]`."""
    count, channels, features = kernels.shape
    wide = kernels.transpose(1, 0, 2).reshape(channels, count * features)
    parts = multiply(flatten_pixels(x), wide).reshape(*x.shape[:-1], count, features)
    return jnp.moveaxis(parts, -2, 0)


def matmul_convolve(x: Array, w: Array, g: ConvolutionSizes) -> Array:
    """Return `convolve` by matrix products."""
    kernels = w.reshape(len(kernel_places(g)), *w.shape[2:])
    if w.shape[3] <= FEW_CHANNELS < w.shape[2] and g.stride == 1:
        parts = zip(multiply_by_places(x, kernels), kernel_places(g), strict=True)
        return sum_arrays(gather_place(part, q, g) for part, q in parts)
    patches = jnp.concatenate(
        [gather_place(x, q, g) for q in kernel_places(g)], axis=-1
    )
    return multiply(flatten_pixels(patches), flatten_pixels(w)).reshape(
        len(x), *g.out, w.shape[3]
    )


def matmul_spread(y: Array, w: Array, g: ConvolutionSizes) -> Array:
    """Return `spread` by matrix products."""
    kernels = w.reshape(len(kernel_places(g)), *w.shape[2:]).swapaxes(1, 2)
    if w.shape[3] <= FEW_CHANNELS < w.shape[2] and g.stride == 1:
        patches = jnp.concatenate(
            [scatter_place(y, q, g) for q in kernel_places(g)], axis=-1
        )
        x = multiply(flatten_pixels(patches), flatten_pixels(kernels))
        return x.reshape(len(y), *g.image, w.shape[2])
    parts = zip(multiply_by_places(y, kernels), kernel_places(g), strict=True)
    return sum_arrays(scatter_place(part, q, g) for part, q in parts)


def matmul_correlate(x: Array, y: Array, g: ConvolutionSizes) -> Array:
    """Return `correlate` by matrix products."""
    if x.shape[-1] <= FEW_CHANNELS:
        patches = jnp.concatenate(
            [gather_place(x, q, g) for q in kernel_places(g)], axis=-1
        )
        w = multiply(flatten_pixels(patches).T, flatten_pixels(y))
    elif y.shape[-1] <= FEW_CHANNELS and g.stride == 1:
        patches = jnp.concatenate(
            [scatter_place(y, q, g) for q in kernel_places(g)], axis=-1
        )
        w = multiply(flatten_pixels(x).T, flatten_pixels(patches))
        w = w.reshape(x.shape[-1], len(kernel_places(g)), y.shape[-1]).swapaxes(0, 1)
    else:
        w = jnp.stack(
            [
                multiply(flatten_pixels(gather_place(x, q, g)).T, flatten_pixels(y))
                for q in kernel_places(g)
            ]
        )
    return w.reshape(*g.kernel, x.shape[-1], y.shape[-1])


def sum_arrays(parts: Iterable[Array]) -> Array:
    """Return the sum of arrays, added one after the other."""
    return reduce(jnp.add, parts)
