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

from collections.abc import Callable
from functools import cache, partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gan_jax.layers import lowering as forms
from gan_jax.layers.lowering import Geometry

Array = jax.Array
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


def upsampled_convolution(x: Array, kernel: Array, stride: int) -> Array:
    """`[B, H, W, in] -> [B, s H, s W, out]`: each pixel s x s times, then convolution.

    That is a transposed convolution with `boxed(kernel)`, of the small image: of a 3x3
    kernel and s = 2 at 16 products for each of its pixels instead of 36.
    """
    size = kernel.shape[:2]
    kernel = boxed(kernel, stride)[::-1, ::-1].swapaxes(2, 3)
    out = x.shape[1:3]
    image, low = tuple(stride * n for n in out), tuple(k // 2 for k in size)
    geometry = Geometry(stride, low, image, kernel.shape[:2], out)
    return apply(SPREAD, x, kernel, geometry)


def pooled_convolution(x: Array, kernel: Array, stride: int) -> Array:
    """`[B, s H, s W, in] -> [B, H, W, out]`: `convolution`, then means of s x s pixels.

    That is a convolution of this stride with `boxed(kernel) / s^2`. ValueError for an
    image that is no multiple of s.
    """
    if any(n % stride for n in x.shape[1:3]):
        image = x.shape[1:3]
        raise ValueError(f"pooled_convolution: {image} is no multiple of {stride}")
    return convolution(x, boxed(kernel, stride) / stride**2, stride)


def boxed(kernel: Array, s: int) -> Array:
    """`[k, l, in, out] -> [k + s - 1, l + s - 1, in, out]`: the sum of the kernel moved
    by 0 .. s - 1 places along each axis, rounded once."""
    high, wide = (n + s - 1 for n in kernel.shape[:2])
    ends, none = (s - 1, s - 1), (0, 0)
    precise = kernel.astype(jnp.promote_types(kernel.dtype, jnp.float32))
    padded = jnp.pad(precise, (ends, ends, none, none))
    moved = (padded[i : i + high, j : j + wide] for i in range(s) for j in range(s))
    return reduce(jnp.add, moved).astype(kernel.dtype)


def apply(form: Primitive, a: Array, b: Array, geometry: Geometry) -> Array:
    return form.bind(a[None], b[None], geometry=geometry)[0]


# The primitives. Their operands have one more axis in front: n independent forms.

IMAGE, KERNEL, OUT = "nbHWi", "nklio", "nbhwo"
"""The axes of x, w and y by letters; those of one letter have one size."""


class Ways(NamedTuple):
    """Of computing a form.

    plain: as XLA has it, anywhere. cpu: one form there. matmul: several at once there.
    """

    plain: Form
    cpu: Form
    matmul: Form


Axes = tuple[str, str, str]
"""Letters of a form's operands and of its result."""


def bilinear(name: str, axes: Axes, ways: Ways) -> Primitive:
    """A form as a primitive that is batched and lowered."""
    form = Primitive(name)

    def abstract(a: Any, b: Any, *, geometry: Geometry) -> ShapedArray:
        if a.dtype != b.dtype:
            raise ValueError(f"{name}: {a.dtype} and {b.dtype}; cast one of them")
        known = sizes(name, axes, a, b, geometry)
        return ShapedArray(tuple(known[axis] for axis in axes[2]), a.dtype)

    def on_cpu(a: Array, b: Array, *, geometry: Geometry) -> Array:
        way = ways.cpu if len(a) == 1 else ways.matmul
        return each(way, a, b, geometry=geometry).astype(a.dtype)

    def run(a: Array, b: Array, *, geometry: Geometry) -> Array:
        with jax.disable_jit(False):  # a primitive has no other way to run
            return alone(form, geometry)(a, b)

    form.def_impl(run)
    form.def_abstract_eval(abstract)
    batching.primitive_batchers[form] = partial(batched, form, axes)
    for lowered, platform in ((partial(each, ways.plain), None), (on_cpu, "cpu")):
        rule = mlir.lower_fun(lowered, multiple_results=False)
        mlir.register_lowering(form, rule, platform)
    return form


def sizes(name: str, axes: Axes, a: Any, b: Any, geometry: Geometry) -> dict[str, int]:
    """Of each letter; ValueError if the operands do not agree."""
    found = dict(zip("HWklhw", sum(geometry[2:], ()), strict=True))
    for letter, size in zip(axes[0] + axes[1], a.shape + b.shape, strict=True):
        if found.setdefault(letter, size) != size:
            raise ValueError(
                f"{name}: {a.shape[1:]} and {b.shape[1:]} do not fit together, "
                f"{found[letter]} is not {size}; images are [B, H, W, channels], "
                "kernels [k, l, in, out]"
            )
    return found


def batched(
    form: Primitive, axes: Axes, arrays: Any, over: Any, *, geometry: Geometry
) -> tuple[Array, int]:
    """vmap over one operand makes the axis longer that only this one has in common with
    the result; vmap over both makes n longer."""
    *operands, result = axes
    mapped = [o for o, axis in zip(operands, over, strict=True) if axis is not None]
    common = set(mapped[0]) & set(mapped[-1]) & set(result)
    longer = "n" if len(mapped) == 2 else (common - {"n"}).pop()
    both, taken = [], []
    for x, letters, axis in zip(arrays, operands, over, strict=True):
        if axis is not None:
            place = letters.index(longer)
            x = jnp.moveaxis(x, axis, place)
            both, x = x.shape[place : place + 2], merged(x, place)
        taken.append(x)
    c, place = form.bind(*taken, geometry=geometry), result.index(longer)
    return c.reshape(*c.shape[:place], *both, *c.shape[place + 1 :]), place


def merged(x: Array, axis: int) -> Array:
    """The axis and the next one as one."""
    size = x.shape[axis] * x.shape[axis + 1]
    return x.reshape(*x.shape[:axis], size, *x.shape[axis + 2 :])


def each(function: Form, a: Array, b: Array, *, geometry: Geometry) -> Array:
    """The form of n pairs."""
    if len(a) == 1:
        return function(a[0], b[0], geometry)[None]
    return jax.vmap(lambda a, b: function(a, b, geometry))(a, b)


@cache
def alone(form: Primitive, geometry: Geometry) -> Callable[[Array, Array], Array]:
    """What runs outside of jit."""
    return jax.jit(partial(form.bind, geometry=geometry))


CONVOLVE = bilinear(
    "convolve",
    (IMAGE, KERNEL, OUT),
    Ways(forms.plain_convolve, forms.cpu_convolve, forms.matmul_convolve),
)
SPREAD = bilinear(
    "spread",
    (OUT, KERNEL, IMAGE),
    Ways(forms.plain_spread, forms.cpu_spread, forms.matmul_spread),
)
CORRELATE = bilinear(
    "correlate",
    (IMAGE, OUT, KERNEL),
    Ways(forms.plain_correlate, forms.cpu_correlate, forms.matmul_correlate),
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
