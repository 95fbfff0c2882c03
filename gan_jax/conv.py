"""Convolutions closed under differentiation: three bilinear forms, to any order.

    convolve  (x, w) -> y    y[p] = sum_q  w[q]^T x[s p + q - low]
    spread    (y, w) -> x    its transpose in x: the gradient in the image
    correlate (x, y) -> w    its transpose in w: the gradient in the kernel

Each is linear in both arguments: forward derivatives of a form are the form itself,
reverse ones are the other two. XLA derives them otherwise: on CPU the kernel gradient
of a transposed convolution, and what a gradient penalty meets in its double backward,
then run tens of times slower than a convolution. Images x `[B, H, W, in]`, their
convolutions y `[B, h, w, out]`, kernels w `[k, l, in, out]`.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

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


Form = Callable[[Array, Array, Geometry], Array]


def convolution(x: Array, kernel: Array, stride: int) -> Array:
    """`[B, H, W, in], [k, l, in, out] -> [B, ceil(H/s), ceil(W/s), out]`, SAME.

    Zeros around the image, of an odd number one more behind: TensorFlow's SAME, that of
    `lax.conv_general_dilated`. The kernel is not flipped.
    """
    image, size = x.shape[1:3], kernel.shape[:2]
    out = tuple(-(-n // stride) for n in image)
    pairs = zip(image, size, out, strict=True)
    low = tuple(max((m - 1) * stride + k - n, 0) // 2 for n, k, m in pairs)
    return apply(CONVOLVE, x, kernel, Geometry(stride, low, image, size, out))


def transposed_convolution(y: Array, kernel: Array, stride: int) -> Array:
    """`[B, H, W, in], [k, l, in, out] -> [B, s H, s W, out]`, SAME.

    The convolution of y with s - 1 zeros between its pixels: `lax.conv_transpose`, with
    the kernel as there (not flipped).
    """
    out, size = y.shape[1:3], kernel.shape[:2]
    image = tuple(stride * n for n in out)
    ends = (k - 1 if stride >= k else -(-(k + stride - 2) // 2) for k in size)
    low = tuple(k - 1 - end for k, end in zip(size, ends, strict=True))
    kernel = kernel[::-1, ::-1].swapaxes(2, 3)
    return apply(SPREAD, y, kernel, Geometry(stride, low, image, size, out))


def apply(form: Primitive, a: Array, b: Array, geometry: Geometry) -> Array:
    return form.bind(a[None], b[None], geometry=geometry)[0]


# The forms as XLA has them. Padding is (before, after) and may be negative.


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


# The forms as matrix products, one for each place q of the kernel. On CPU, where XLA's
# are slow: with few channels on one side, and with many kernels at once.

FEW = 8
"""Channels, at most, of a side that is laid out once for each place."""


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
    return x.reshape(-1, x.shape[-1])


def by_place(x: Array, kernels: Array) -> Array:
    """`[B, H, W, in], [kl, in, out] -> [kl, B, H, W, out]`: x times each of them."""
    wide = kernels.transpose(1, 0, 2).reshape(x.shape[-1], -1)
    parts = (rows(x) @ wide).reshape(*x.shape[:-1], len(kernels), -1)
    return jnp.moveaxis(parts, -2, 0)


def matmul_convolve(x: Array, w: Array, g: Geometry) -> Array:
    kernels = w.reshape(-1, *w.shape[2:])
    if w.shape[3] <= FEW < w.shape[2] and g.stride == 1:
        parts = zip(by_place(x, kernels), places(g), strict=True)
        return total(seen(part, q, g) for part, q in parts)
    patches = jnp.concatenate([seen(x, q, g) for q in places(g)], axis=-1)
    return (rows(patches) @ rows(w)).reshape(len(x), *g.out, -1)


def matmul_spread(y: Array, w: Array, g: Geometry) -> Array:
    kernels = w.reshape(-1, *w.shape[2:]).swapaxes(1, 2)
    if w.shape[3] <= FEW < w.shape[2] and g.stride == 1:
        patches = jnp.concatenate([placed(y, q, g) for q in places(g)], axis=-1)
        return (rows(patches) @ rows(kernels)).reshape(len(y), *g.image, -1)
    parts = zip(by_place(y, kernels), places(g), strict=True)
    return total(placed(part, q, g) for part, q in parts)


def matmul_correlate(x: Array, y: Array, g: Geometry) -> Array:
    if x.shape[-1] <= FEW:
        patches = jnp.concatenate([seen(x, q, g) for q in places(g)], axis=-1)
        w = rows(patches).T @ rows(y)
    elif y.shape[-1] <= FEW and g.stride == 1:
        patches = jnp.concatenate([placed(y, q, g) for q in places(g)], axis=-1)
        w = (rows(x).T @ rows(patches)).reshape(x.shape[-1], -1, y.shape[-1])
        w = w.swapaxes(0, 1)
    else:
        w = jnp.stack([rows(seen(x, q, g)).T @ rows(y) for q in places(g)])
    return w.reshape(*g.kernel, x.shape[-1], y.shape[-1])


def total(parts: Iterable[Array]) -> Array:
    return reduce(jnp.add, parts)


# The primitives. Their operands have one more axis in front: n independent forms.

IMAGE, KERNEL, OUT = "nbHWi", "nklio", "nbhwo"
"""The axes of x, w and y by letters; those of one letter have one size."""


def bilinear(
    name: str,
    axes: tuple[str, str, str],
    plain: Form,
    matmul: Form,
) -> Primitive:
    """A form as a primitive that is batched and lowered; axes: of a, b and the result.

    vmap over one operand makes the axis longer that only this one has in common with
    the result; vmap over both makes n longer.
    """
    form = Primitive(name)
    *operands, result = axes

    def sizes(a: Any, b: Any, geometry: Geometry) -> dict[str, int]:
        spatial = sum(geometry[2:], ())
        found = dict(zip("HWklhw", spatial, strict=True))
        return found | dict(zip("".join(operands), a.shape + b.shape, strict=True))

    def abstract(a: Any, b: Any, *, geometry: Geometry) -> ShapedArray:
        known = sizes(a, b, geometry)
        return ShapedArray(tuple(known[axis] for axis in result), a.dtype)

    def batched(arrays: Any, over: Any, *, geometry: Geometry) -> tuple[Array, int]:
        mapped = [o for o, axis in zip(operands, over, strict=True) if axis is not None]
        common = set(mapped[0]) & set(mapped[-1]) & set(result)
        longer = "n" if len(mapped) == 2 else (common - {"n"}).pop()
        count, taken = 0, []
        for x, letters, axis in zip(arrays, operands, over, strict=True):
            if axis is not None:
                count, place = x.shape[axis], letters.index(longer)
                x = merged(jnp.moveaxis(x, axis, place), place)
            taken.append(x)
        c, place = form.bind(*taken, geometry=geometry), result.index(longer)
        return c.reshape(*c.shape[:place], count, -1, *c.shape[place + 1 :]), place

    def on_cpu(a: Array, b: Array, *, geometry: Geometry) -> Array:
        known = sizes(a, b, geometry)
        few = geometry.kernel == (1, 1) or min(known["i"], known["o"]) <= FEW
        slow = known["n"] > 1 or (few and geometry.stride == 1)
        return each(matmul if slow else plain, a, b, geometry=geometry)

    def run(a: Array, b: Array, *, geometry: Geometry) -> Array:
        with jax.disable_jit(False):  # a primitive has no other way to run
            return alone(form, geometry)(a, b)

    form.def_impl(run)
    form.def_abstract_eval(abstract)
    batching.primitive_batchers[form] = batched
    for lowered, platform in ((partial(each, plain), None), (on_cpu, "cpu")):
        rule = mlir.lower_fun(lowered, multiple_results=False)
        mlir.register_lowering(form, rule, platform)
    return form


def merged(x: Array, axis: int) -> Array:
    """The axis and the next one as one."""
    return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])


def each(function: Form, a: Array, b: Array, *, geometry: Geometry) -> Array:
    """The form of n pairs."""
    if len(a) == 1:
        return function(a[0], b[0], geometry)[None]
    return jax.vmap(lambda a, b: function(a, b, geometry))(a, b)


@cache
def alone(form: Primitive, geometry: Geometry) -> Callable[[Array, Array], Array]:
    """What runs outside of jit."""
    return jax.jit(partial(form.bind, geometry=geometry))


CONVOLVE = bilinear("convolve", (IMAGE, KERNEL, OUT), plain_convolve, matmul_convolve)
SPREAD = bilinear("spread", (OUT, KERNEL, IMAGE), plain_spread, matmul_spread)
CORRELATE = bilinear(
    "correlate", (IMAGE, OUT, KERNEL), plain_correlate, matmul_correlate
)

ad.defbilinear(
    CONVOLVE,
    lambda y, x, w, geometry: SPREAD.bind(y, w, geometry=geometry),
    lambda y, x, w, geometry: CORRELATE.bind(x, y, geometry=geometry),
)
ad.defbilinear(
    SPREAD,
    lambda x, y, w, geometry: CONVOLVE.bind(x, w, geometry=geometry),
    lambda x, y, w, geometry: CORRELATE.bind(x, y, geometry=geometry),
)
ad.defbilinear(
    CORRELATE,
    lambda w, x, y, geometry: SPREAD.bind(y, w, geometry=geometry),
    lambda w, x, y, geometry: CONVOLVE.bind(x, w, geometry=geometry),
)
