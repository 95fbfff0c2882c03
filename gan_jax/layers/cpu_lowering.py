"""The forms of a convolution in the way that is fastest on CPU.

Strided forms with few channels are folded first. Matrix products follow where the
result has few channels, XLA's convolutions elsewhere. Images x are `[B, H, W, in]`,
their convolutions y `[B, h, w, out]`, kernels w `[k, l, in, out]`.
"""

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers.lowering import (
    FEW_CHANNELS,
    ConvolutionSizes,
    matmul_convolve,
    matmul_correlate,
    matmul_spread,
    phased_spread,
    plain_convolve,
    plain_correlate,
)

Array = jax.Array

# Folding makes each square of s x s pixels, and of the kernel's places, one pixel with
# s^2 times the channels. The stride becomes 1.


def fold_geometry(g: ConvolutionSizes) -> ConvolutionSizes:
    """Return the geometry of a folded form."""
    kernel = tuple(-(-k // g.stride) for k in g.kernel)
    image = tuple(m + k - 1 for m, k in zip(g.out, kernel, strict=True))
    return ConvolutionSizes(1, (0, 0), image, kernel, g.out)


def fold(x: Array, s: int) -> Array:
    """Fold squares of pixels, `[..., s H, s W, i, o] -> [..., H, W, s s i, o]`."""
    *n, high, wide, i, o = x.shape
    squares = x.reshape(*n, high // s, s, wide // s, s, i, o)
    return squares.swapaxes(-5, -4).reshape(*n, high // s, wide // s, s * s * i, o)


def unfold(x: Array, s: int) -> Array:
    """Return the inverse of `fold`."""
    *n, high, wide, many, o = x.shape
    squares = x.reshape(*n, high, wide, s, s, many // (s * s), o).swapaxes(-5, -4)
    return squares.reshape(*n, s * high, s * wide, many // (s * s), o)


def fold_image(x: Array, g: ConvolutionSizes) -> Array:
    """Return the part of an image that the kernel sees, folded."""
    pads = [
        (low, g.stride * m - n - low, 0)
        for low, n, m in zip(g.low, g.image, fold_geometry(g).image, strict=True)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
    return fold(x[..., None], g.stride)[..., 0]


def unfold_image(x: Array, g: ConvolutionSizes) -> Array:
    """Return the transpose of `fold_image`: zeros where the kernel sees nothing."""
    x = unfold(x[..., None], g.stride)[..., 0]
    pads = [
        (-low, n + low - m, 0)
        for low, n, m in zip(g.low, g.image, x.shape[1:3], strict=True)
    ]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])


def fold_kernel(w: Array, g: ConvolutionSizes) -> Array:
    """Return a folded kernel, with zeros beyond its last places."""
    ends = [(0, -k % g.stride) for k in g.kernel]
    return fold(jnp.pad(w, (*ends, (0, 0), (0, 0))), g.stride)


def unfold_kernel(w: Array, g: ConvolutionSizes) -> Array:
    """Return the transpose of `fold_kernel`."""
    return unfold(w, g.stride)[: g.kernel[0], : g.kernel[1]]


def cpu_convolve(x: Array, w: Array, g: ConvolutionSizes) -> Array:
    """Return `convolve` in the way that is fastest on CPU."""
    if g.stride > 1 and min(w.shape[2:]) <= FEW_CHANNELS:
        return cpu_convolve(fold_image(x, g), fold_kernel(w, g), fold_geometry(g))
    form = matmul_convolve if w.shape[3] <= FEW_CHANNELS else plain_convolve
    return form(x, w, g)


def cpu_spread(y: Array, w: Array, g: ConvolutionSizes) -> Array:
    """Return `spread` in the way that is fastest on CPU."""
    if g.stride > 1 and min(w.shape[2:]) <= FEW_CHANNELS:
        return unfold_image(cpu_spread(y, fold_kernel(w, g), fold_geometry(g)), g)
    form = matmul_spread if w.shape[2] <= FEW_CHANNELS else phased_spread
    return form(y, w, g)


def cpu_correlate(x: Array, y: Array, g: ConvolutionSizes) -> Array:
    """Return `correlate` in the way that is fastest on CPU."""
    if (
        g.stride > 1 and y.shape[-1] <= FEW_CHANNELS
    ):  # Few channels of x alone gain nothing.
        return unfold_kernel(cpu_correlate(fold_image(x, g), y, fold_geometry(g)), g)
    form = matmul_correlate if y.shape[-1] <= FEW_CHANNELS else plain_correlate
    return form(x, y, g)
