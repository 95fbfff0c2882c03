"""The three bilinear forms of a convolution, lowered in the ways that devices are fast.

    convolve  (x, w) -> y    y[p] = sum_q  w[q]^T x[s p + q - low]
    spread    (y, w) -> x    its transpose in x
    correlate (x, y) -> w    its transpose in w

Images x `[B, H, W, in]`, their convolutions y `[B, h, w, out]`, kernels w
`[k, l, in, out]`.
"""

import math
from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


class Geometry(NamedTuple):
    """What the shapes of a form's operands leave open, per axis of the image.

    low: rows and columns of zeros before the image.
    """

    stride: int
    low: tuple[int, ...]
    image: tuple[int, ...]
    kernel: tuple[int, ...]
    out: tuple[int, ...]


# As XLA has them. Padding is (before, after) and may be negative.


def plain_convolve(x: Array, w: Array, g: Geometry) -> Array:
    pads = [
        (low, (m - 1) * g.stride + k - n - low)
        for n, k, m, low in zip(g.image, g.kernel, g.out, g.low, strict=True)
    ]
    forms = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, (g.stride, g.stride), pads, dimension_numbers=forms
    )


def plain_spread(y: Array, w: Array, g: Geometry) -> Array:
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


def plain_correlate(x: Array, y: Array, g: Geometry) -> Array:
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


# Without a dilated operand: XLA's CPU backend is up to 3 times slower with one.


class Phase(NamedTuple):
    """The pixels s t + r of an axis of the image, for t = 0 .. ceil(H/s) - 1.

    first: the least place of the kernel that reaches them; it and every s-th after it
    do. pads: those of y before and after, for the convolution with the flipped places.
    """

    first: int
    pads: tuple[int, int]


def phases(g: Geometry, axis: int) -> list[Phase]:
    """One for each r < s. Pixel s t + r has `sum_q w[q] y[t + (r + low - q) / s]`."""
    s, k, m, low = g.stride, g.kernel[axis], g.out[axis], g.low[axis]
    count, found = -(-g.image[axis] // s), []
    for r in range(s):
        first = (r + low) % s
        most = (r + low - first) // s
        least = most - (len(range(first, k, s)) - 1)
        found.append(Phase(first, (-least, count - 1 + most - (m - 1))))
    return found


def phased_spread(y: Array, w: Array, g: Geometry) -> Array:
    """A convolution of y, with the places of the kernel that matter, for each phase."""
    s = g.stride
    if s == 1 or min(g.kernel) < s:  # one phase, or phases that nothing reaches
        return plain_spread(y, w, g)
    rows, columns = phases(g, 0), phases(g, 1)

    def part(row: Phase, column: Phase) -> Array:
        kernel = w[row.first :: s, column.first :: s][::-1, ::-1]
        forms = ("NHWC", "HWOI", "NHWC")
        pads = [row.pads, column.pads]
        return lax.conv_general_dilated(
            y, kernel, (1, 1), pads, dimension_numbers=forms
        )

    x = jnp.stack(
        [jnp.stack([part(row, column) for column in columns], 3) for row in rows], 2
    )
    b, high, _, wide, _, channels = x.shape
    x = x.reshape(b, s * high, s * wide, channels)
    return x[:, : g.image[0], : g.image[1]]


# As matrix products, one for each place q of the kernel. Where convolutions are slow on
# CPU: for a result of few channels, and of many kernels at once. Sums are at least
# float32.

FEW = 12
"""Channels that are few: at most a folded colour image's, 3 x 2 x 2."""


def places(g: Geometry) -> list[tuple[int, int]]:
    return [(i, j) for i in range(g.kernel[0]) for j in range(g.kernel[1])]


def seen(x: Array, q: tuple[int, int], g: Geometry) -> Array:
    """What place q of the kernel sees: `x[s p + q - low]` at p, `[B, h, w, in]`."""
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


def placed(y: Array, q: tuple[int, int], g: Geometry) -> Array:
    """The transpose of `seen`: y[p] at s p + q - low of an image, zeros elsewhere."""
    pads = [
        (i - low, n - 1 - (m - 1) * g.stride - i + low, g.stride - 1)
        for i, n, m, low in zip(q, g.image, g.out, g.low, strict=True)
    ]
    return lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *pads, (0, 0, 0)])


def rows(x: Array) -> Array:
    """Pixels by channels."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def product(a: Array, b: Array) -> Array:
    wide = jnp.promote_types(a.dtype, jnp.float32)
    return jnp.matmul(a, b, preferred_element_type=wide)


def by_place(x: Array, kernels: Array) -> Array:
    """`[B, H, W, in], [kl, in, out] -> [kl, B, H, W, out]`: x times each of them."""
    count, channels, features = kernels.shape
    wide = kernels.transpose(1, 0, 2).reshape(channels, count * features)
    parts = product(rows(x), wide).reshape(*x.shape[:-1], count, features)
    return jnp.moveaxis(parts, -2, 0)


def matmul_convolve(x: Array, w: Array, g: Geometry) -> Array:
    kernels = w.reshape(len(places(g)), *w.shape[2:])
    if w.shape[3] <= FEW < w.shape[2] and g.stride == 1:
        parts = zip(by_place(x, kernels), places(g), strict=True)
        return total(seen(part, q, g) for part, q in parts)
    patches = jnp.concatenate([seen(x, q, g) for q in places(g)], axis=-1)
    return product(rows(patches), rows(w)).reshape(len(x), *g.out, w.shape[3])


def matmul_spread(y: Array, w: Array, g: Geometry) -> Array:
    kernels = w.reshape(len(places(g)), *w.shape[2:]).swapaxes(1, 2)
    if w.shape[3] <= FEW < w.shape[2] and g.stride == 1:
        patches = jnp.concatenate([placed(y, q, g) for q in places(g)], axis=-1)
        x = product(rows(patches), rows(kernels))
        return x.reshape(len(y), *g.image, w.shape[2])
    parts = zip(by_place(y, kernels), places(g), strict=True)
    return total(placed(part, q, g) for part, q in parts)


def matmul_correlate(x: Array, y: Array, g: Geometry) -> Array:
    if x.shape[-1] <= FEW:
        patches = jnp.concatenate([seen(x, q, g) for q in places(g)], axis=-1)
        w = product(rows(patches).T, rows(y))
    elif y.shape[-1] <= FEW and g.stride == 1:
        patches = jnp.concatenate([placed(y, q, g) for q in places(g)], axis=-1)
        w = product(rows(x).T, rows(patches))
        w = w.reshape(x.shape[-1], len(places(g)), y.shape[-1]).swapaxes(0, 1)
    else:
        w = jnp.stack([product(rows(seen(x, q, g)).T, rows(y)) for q in places(g)])
    return w.reshape(*g.kernel, x.shape[-1], y.shape[-1])


def total(parts: Iterable[Array]) -> Array:
    return reduce(jnp.add, parts)


# Folded: each square of s x s pixels, and of the kernel's places, as one with s^2 times
# the channels. The stride becomes 1.


def folded(g: Geometry) -> Geometry:
    kernel = tuple(-(-k // g.stride) for k in g.kernel)
    image = tuple(m + k - 1 for m, k in zip(g.out, kernel, strict=True))
    return Geometry(1, (0, 0), image, kernel, g.out)


def fold(x: Array, s: int) -> Array:
    """`[..., s H, s W, i, o] -> [..., H, W, s s i, o]`."""
    *n, high, wide, i, o = x.shape
    squares = x.reshape(*n, high // s, s, wide // s, s, i, o)
    return squares.swapaxes(-5, -4).reshape(*n, high // s, wide // s, s * s * i, o)


def unfold(x: Array, s: int) -> Array:
    """The inverse of `fold`."""
    *n, high, wide, many, o = x.shape
    squares = x.reshape(*n, high, wide, s, s, many // (s * s), o).swapaxes(-5, -4)
    return squares.reshape(*n, s * high, s * wide, many // (s * s), o)


def fold_image(x: Array, g: Geometry) -> Array:
    """The part of an image that the kernel sees, folded."""
    pads = [
        (low, g.stride * m - n - low, 0)
        for low, n, m in zip(g.low, g.image, folded(g).image, strict=True)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
    return fold(x[..., None], g.stride)[..., 0]


def unfold_image(x: Array, g: Geometry) -> Array:
    """The transpose of `fold_image`: zeros where the kernel sees nothing."""
    x = unfold(x[..., None], g.stride)[..., 0]
    pads = [
        (-low, n + low - m, 0)
        for low, n, m in zip(g.low, g.image, x.shape[1:3], strict=True)
    ]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])


def fold_kernel(w: Array, g: Geometry) -> Array:
    ends = [(0, -k % g.stride) for k in g.kernel]
    return fold(jnp.pad(w, (*ends, (0, 0), (0, 0))), g.stride)


def unfold_kernel(w: Array, g: Geometry) -> Array:
    return unfold(w, g.stride)[: g.kernel[0], : g.kernel[1]]


# On CPU: strided forms with few channels are folded first; then matrix products where
# the last axis of the result is few, else XLA's convolutions.


def cpu_convolve(x: Array, w: Array, g: Geometry) -> Array:
    if g.stride > 1 and min(w.shape[2:]) <= FEW:
        return cpu_convolve(fold_image(x, g), fold_kernel(w, g), folded(g))
    form = matmul_convolve if w.shape[3] <= FEW else plain_convolve
    return form(x, w, g)


def cpu_spread(y: Array, w: Array, g: Geometry) -> Array:
    if g.stride > 1 and min(w.shape[2:]) <= FEW:
        return unfold_image(cpu_spread(y, fold_kernel(w, g), folded(g)), g)
    form = matmul_spread if w.shape[2] <= FEW else phased_spread
    return form(y, w, g)


def cpu_correlate(x: Array, y: Array, g: Geometry) -> Array:
    if g.stride > 1 and y.shape[-1] <= FEW:  # few channels of x alone gain nothing
        return unfold_kernel(cpu_correlate(fold_image(x, g), y, folded(g)), g)
    form = matmul_correlate if y.shape[-1] <= FEW else plain_correlate
    return form(x, y, g)
