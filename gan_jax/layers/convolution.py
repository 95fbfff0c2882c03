"""Convolutions closed under differentiation: three bilinear forms, to any order.

    convolve  (x, w) -> y    y[p] = sum_q  w[q]^T x[s p + q - low]
    spread    (y, w) -> x    its transpose in x: the gradient in the image
    correlate (x, y) -> w    its transpose in w: the gradient in the kernel

Each is linear in both arguments: forward derivatives of a form are the form itself,
reverse ones are the other two. XLA derives them otherwise: on CPU the kernel gradient
of a transposed convolution, and what a gradient penalty meets in its double backward,
then run tens of times slower than a convolution. Images x are `[B, H, W, in]`, their
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

from gan_jax.layers import cpu_lowering, lowering
from gan_jax.layers.lowering import ConvolutionSizes
from gan_jax.precision import asked_precision

Array = jax.Array
Form = Callable[[Array, Array, ConvolutionSizes], Array]


def convolution(x: Array, kernel: Array, stride: int) -> Array:
    """Return the SAME convolution, `[B, H, W, in] -> [B, ceil(H/s), ceil(W/s), out]`.

    The kernel is `[k, l, in, out]` and not flipped. The image has zeros around it, of
    an odd number one more behind: TensorFlow's SAME, that of
    `lax.conv_general_dilated`.
    """
    image, size = x.shape[1:3], kernel.shape[:2]
    out = tuple(-(-n // stride) for n in image)
    pairs = zip(image, size, out, strict=True)
    low = tuple(max((m - 1) * stride + k - n, 0) // 2 for n, k, m in pairs)
    return bind_one(
        CONVOLVE, x, kernel, ConvolutionSizes(stride, low, image, size, out)
    )


def transposed_convolution(y: Array, kernel: Array, stride: int) -> Array:
    """Return the SAME transposed convolution, `[B, H, W, in] -> [B, s H, s W, out]`.

    It is the convolution of y with s - 1 zeros between its pixels. The kernel is `[k,
    l, in, out]` and not flipped, as in `lax.conv_transpose`.
    """
    out, size = y.shape[1:3], kernel.shape[:2]
    image = tuple(stride * n for n in out)
    ends = (k - 1 if stride >= k else -(-(k + stride - 2) // 2) for k in size)
    low = tuple(k - 1 - end for k, end in zip(size, ends, strict=True))
    kernel = kernel[::-1, ::-1].swapaxes(2, 3)
    return bind_one(SPREAD, y, kernel, ConvolutionSizes(stride, low, image, size, out))


def upsampled_convolution(x: Array, kernel: Array, stride: int) -> Array:
    """Return the convolution of an enlarged image, `[B, H, W, in] -> [B, sH, sW, out]`.

    Each pixel is repeated s x s times first. That is a transposed convolution of the
    small image with `box_kernel(kernel)`, which takes 16 products for each of its
    pixels instead of 36 with a 3x3 kernel and s = 2.
    """
    size = kernel.shape[:2]
    kernel = box_kernel(kernel, stride)[::-1, ::-1].swapaxes(2, 3)
    out = x.shape[1:3]
    image, low = tuple(stride * n for n in out), tuple(k // 2 for k in size)
    geometry = ConvolutionSizes(stride, low, image, kernel.shape[:2], out)
    return bind_one(SPREAD, x, kernel, geometry)


def pooled_convolution(x: Array, kernel: Array, stride: int) -> Array:
    """Return s x s means of a convolution, `[B, s H, s W, in] -> [B, H, W, out]`.

    That is a convolution of this stride with `box_kernel(kernel) / s^2`. Raises
    ValueError for an image whose sides are no multiples of s.
    """
    if any(n % stride for n in x.shape[1:3]):
        image = x.shape[1:3]
        raise ValueError(f"pooled_convolution: {image} is no multiple of {stride}")
    return convolution(x, box_kernel(kernel, stride) / stride**2, stride)


def box_kernel(kernel: Array, s: int) -> Array:
    """Return the sum of a kernel shifted by 0 .. s - 1 places along each axis.

    `[k, l, in, out] -> [k + s - 1, l + s - 1, in, out]`, rounded once.
    """
    high, wide = (n + s - 1 for n in kernel.shape[:2])
    ends, none = (s - 1, s - 1), (0, 0)
    precise = kernel.astype(jnp.promote_types(kernel.dtype, jnp.float32))
    padded = jnp.pad(precise, (ends, ends, none, none))
    shifted = (padded[i : i + high, j : j + wide] for i in range(s) for j in range(s))
    return reduce(jnp.add, shifted).astype(kernel.dtype)


def bind_one(form: Primitive, a: Array, b: Array, geometry: ConvolutionSizes) -> Array:
    """Return a form of one pair of operands, at the precision that is asked for.

    The precision is a parameter of the form, because a form is lowered outside of the
    context in which it is traced.
    """
    precision = asked_precision()
    return form.bind(a[None], b[None], geometry=geometry, precision=precision)[0]


# The operands of the primitives have one more axis in front: n independent forms.

IMAGE, KERNEL, OUT = "nbHWi", "nklio", "nbhwo"
"""The axes of x, w and y as letters; axes of one letter have one size."""


class Implementations(NamedTuple):
    """How a form is computed.

    plain: as XLA has it, on any platform but CPU. cpu: a single form on CPU. matmul:
    several forms at once on CPU.
    """

    plain: Form
    cpu: Form
    matmul: Form


Axes = tuple[str, str, str]
"""The letters of a form's two operands and of its result."""


def make_bilinear_primitive(
    name: str, axes: Axes, implementations: Implementations
) -> Primitive:
    """Return a form as a primitive, with its shape, batching and lowering rules."""
    form = Primitive(name)

    def abstract_result(
        a: Any, b: Any, *, geometry: ConvolutionSizes, precision: str | None
    ) -> ShapedArray:
        if a.dtype != b.dtype:
            raise ValueError(f"{name}: {a.dtype} and {b.dtype}; cast one of them")
        lengths = axis_sizes(name, axes, a, b, geometry)
        return ShapedArray(tuple(lengths[axis] for axis in axes[2]), a.dtype)

    def on_cpu(a: Array, b: Array, **parameters: Any) -> Array:
        function = implementations.cpu if len(a) == 1 else implementations.matmul
        return map_forms(function, a, b, **parameters).astype(a.dtype)

    def run(a: Array, b: Array, **parameters: Any) -> Array:
        with jax.disable_jit(False):  # A primitive has no other way to run.
            return jitted_form(form, **parameters)(a, b)

    form.def_impl(run)
    form.def_abstract_eval(abstract_result)
    batching.primitive_batchers[form] = partial(batch_form, form, axes)
    for lowered, platform in (
        (partial(map_forms, implementations.plain), None),
        (on_cpu, "cpu"),
    ):
        rule = mlir.lower_fun(lowered, multiple_results=False)
        mlir.register_lowering(form, rule, platform)
    return form


def axis_sizes(
    name: str, axes: Axes, a: Any, b: Any, geometry: ConvolutionSizes
) -> dict[str, int]:
    """Return the size of each letter's axes.

    Raises ValueError if the operands do not agree.
    """
    lengths = dict(zip("HWklhw", sum(geometry[2:], ()), strict=True))
    for letter, size in zip(axes[0] + axes[1], a.shape + b.shape, strict=True):
        if lengths.setdefault(letter, size) != size:
            raise ValueError(
                f"{name}: {a.shape[1:]} and {b.shape[1:]} do not fit together, "
                f"{lengths[letter]} is not {size}; images are [B, H, W, channels], "
                "kernels [k, l, in, out]"
            )
    return lengths


def batch_form(
    form: Primitive, axes: Axes, arrays: Any, over: Any, **parameters: Any
) -> tuple[Array, int]:
    """Return a form under vmap, and the place of the new axis.

    vmap over one operand makes the axis longer that this operand alone has in common
    with the result; vmap over both makes n longer.
    """
    *operands, result = axes
    mapped = [o for o, axis in zip(operands, over, strict=True) if axis is not None]
    common = set(mapped[0]) & set(mapped[-1]) & set(result)
    longer = "n" if len(mapped) == 2 else (common - {"n"}).pop()
    both, taken = [], []
    for x, letters, axis in zip(arrays, operands, over, strict=True):
        if axis is not None:
            place = letters.index(longer)
            x = jnp.moveaxis(x, axis, place)
            both, x = x.shape[place : place + 2], merge_axes(x, place)
        taken.append(x)
    c, place = form.bind(*taken, **parameters), result.index(longer)
    return c.reshape(*c.shape[:place], *both, *c.shape[place + 1 :]), place


def merge_axes(x: Array, axis: int) -> Array:
    """Return x with an axis and the next one as one."""
    size = x.shape[axis] * x.shape[axis + 1]
    return x.reshape(*x.shape[:axis], size, *x.shape[axis + 2 :])


def map_forms(
    function: Form,
    a: Array,
    b: Array,
    *,
    geometry: ConvolutionSizes,
    precision: str | None,
) -> Array:
    """Return a form of each of n pairs of operands."""
    with jax.default_matmul_precision(precision):  # None, too, replaces the context's.
        if len(a) == 1:
            return function(a[0], b[0], geometry)[None]
        return jax.vmap(lambda a, b: function(a, b, geometry))(a, b)


@cache
def jitted_form(
    form: Primitive, geometry: ConvolutionSizes, precision: str | None
) -> Callable[[Array, Array], Array]:
    """Return a form compiled for these parameters, which runs outside of jit."""
    return jax.jit(partial(form.bind, geometry=geometry, precision=precision))


CONVOLVE = make_bilinear_primitive(
    "convolve",
    (IMAGE, KERNEL, OUT),
    Implementations(
        lowering.plain_convolve, cpu_lowering.cpu_convolve, lowering.matmul_convolve
    ),
)
SPREAD = make_bilinear_primitive(
    "spread",
    (OUT, KERNEL, IMAGE),
    Implementations(
        lowering.plain_spread, cpu_lowering.cpu_spread, lowering.matmul_spread
    ),
)
CORRELATE = make_bilinear_primitive(
    "correlate",
    (IMAGE, OUT, KERNEL),
    Implementations(
        lowering.plain_correlate, cpu_lowering.cpu_correlate, lowering.matmul_correlate
    ),
)

ad.defbilinear(
    CONVOLVE,
    lambda y, x, w, **parameters: SPREAD.bind(y, w, **parameters),
    lambda y, x, w, **parameters: CORRELATE.bind(x, y, **parameters),
)
ad.defbilinear(
    SPREAD,
    lambda x, y, w, **parameters: CONVOLVE.bind(x, w, **parameters),
    lambda x, y, w, **parameters: CORRELATE.bind(x, y, **parameters),
)
ad.defbilinear(
    CORRELATE,
    lambda w, x, y, **parameters: SPREAD.bind(y, w, **parameters),
    lambda w, x, y, **parameters: CONVOLVE.bind(x, w, **parameters),
)
