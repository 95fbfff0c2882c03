"""Convolutions against XLA's and PyTorch's, to the third derivative, and under vmap."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.layers import convolution as conv
from gan_jax.layers import cpu_lowering as cpu
from gan_jax.layers import lowering

RNG = np.random.default_rng(0)
FORMS = ("NHWC", "HWIO", "NHWC")
CASES = [  # image, kernel, stride
    ((6, 6), (4, 4), 2),
    ((5, 7), (3, 3), 1),
    ((7, 4), (5, 2), 3),
    ((4, 4), (1, 1), 2),
]
PAIRS = [
    (conv.convolution, lax.conv_general_dilated),
    (conv.transposed_convolution, lax.conv_transpose),
]


def convolved_after_repeats(x, w, strides, padding, dimension_numbers):
    x = x.repeat(strides[0], 1).repeat(strides[1], 2)
    return lax.conv_general_dilated(
        x, w, (1, 1), padding, dimension_numbers=dimension_numbers
    )


def averaged_after_convolution(x, w, strides, padding, dimension_numbers):
    y = lax.conv_general_dilated(
        whole(x, strides[0]), w, (1, 1), padding, dimension_numbers=dimension_numbers
    )
    window = (1, *strides, 1)
    return lax.reduce_window(y, 0.0, lax.add, window, window, "VALID") / strides[0] ** 2


def whole(x, stride):
    """The image without the rest of its division by the stride."""
    return x[:, : x.shape[1] // stride * stride, : x.shape[2] // stride * stride]


def pooled(x, w, stride):
    return conv.pooled_convolution(whole(x, stride), w, stride)


RESIZED = [
    (conv.upsampled_convolution, convolved_after_repeats),
    (pooled, averaged_after_convolution),
]
EXACT = {"rtol": 1e-5, "atol": 1e-5}


def numbers(*shape):
    return jnp.asarray(RNG.standard_normal(shape), jnp.float32)


def loss(function, *arguments):
    return jnp.tanh(function(*arguments)).sum()


def derivatives(function, x, w, u, v):
    """Value and derivatives of the loss: reverse, over reverse, forward over it."""
    slopes = jax.grad(partial(loss, function), (0, 1))
    step = partial(jax.jvp, tangents=(u, v))

    def curved(x, w):
        return sum(jnp.vdot(a, b) for a, b in zip(slopes(x, w), (u, v), strict=True))

    second = jax.grad(curved, (0, 1))
    third = step(second, (x, w))[1]
    return function(x, w), slopes(x, w), second(x, w), third


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(
    "pair", PAIRS + RESIZED, ids=["convolution", "transposed", "upsampled", "pooled"]
)
def test_three_derivatives_are_those_of_xlas_convolution(pair, case):
    image, size, stride = case
    x, w = numbers(2, *image, 3), numbers(*size, 3, 2)
    u, v = numbers(*x.shape), numbers(*w.shape)
    ours, theirs = (
        lambda x, w: pair[0](x, w, stride),
        lambda x, w: pair[1](x, w, (stride, stride), "SAME", dimension_numbers=FORMS),
    )
    with jax.enable_x64(True):
        exact = [jnp.asarray(a, jnp.float64) for a in (x, w, u, v)]
        expected = jax.jit(partial(derivatives, theirs))(*exact)
        expected = jax.tree.map(np.asarray, expected)
    found = jax.jit(partial(derivatives, ours))(x, w, u, v)
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


@pytest.mark.parametrize("over", [(0, 0), (0, None), (None, 0)], ids=str)
@pytest.mark.parametrize(
    "make", [p[0] for p in PAIRS], ids=["convolution", "transposed"]
)
def test_vmap_is_a_stack_of_single_calls(make, over):
    """All three forms are met, since the gradients of the first two are the others."""
    xs, ws = numbers(3, 2, 4, 4, 2), numbers(3, 3, 3, 2, 3)
    single = [a if axis == 0 else a[0] for a, axis in zip((xs, ws), over, strict=True)]
    run = jax.value_and_grad(partial(loss, lambda x, w: make(x, w, 2)), (0, 1))
    found = jax.jit(jax.vmap(run, over))(*single)
    rows = [
        jax.jit(run)(
            *(a[i] if axis == 0 else a for a, axis in zip(single, over, strict=True))
        )
        for i in range(3)
    ]
    expected = jax.tree.map(lambda *parts: jnp.stack(parts), *rows)
    jax.tree.map(partial(np.testing.assert_allclose, **EXACT), found, expected)


@pytest.mark.parametrize("channels", [(3, 2), (16, 2), (2, 16), (16, 16)], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_lowerings_of_a_form_are_equal(case, channels):
    """What CPU runs in its own ways is what any other device runs."""
    image, size, stride = case
    out = tuple(-(-n // stride) for n in image)
    g = lowering.ConvolutionSizes(stride, (1, 0), image, size, out)
    x, w, y = (
        numbers(2, *image, channels[0]),
        numbers(*size, *channels),
        numbers(2, *out, channels[1]),
    )
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=5e-5)
    y_plain, w_plain = (
        lowering.plain_convolve(x, w, g),
        lowering.plain_correlate(x, y, g),
    )
    x_plain = lowering.plain_spread(y, w, g)
    for convolve in (lowering.matmul_convolve, cpu.cpu_convolve):
        close(convolve(x, w, g), y_plain)
    for spread in (lowering.matmul_spread, lowering.phased_spread, cpu.cpu_spread):
        close(spread(y, w, g), x_plain)
    for correlate in (lowering.matmul_correlate, cpu.cpu_correlate):
        close(correlate(x, y, g), w_plain)


@pytest.mark.parametrize("channels", [2, 16])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("make", [p[0] for p in PAIRS])
def test_bfloat16_sums_are_rounded_once(make, stride, channels):
    x, w = (numbers(2, 6, 6, channels), numbers(4, 4, channels, channels))
    exact, short = (
        [a.astype(jnp.bfloat16).astype(dtype) for a in (x, w)]
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    found, expected = make(*short, stride), make(*exact, stride)
    assert found.dtype == jnp.bfloat16
    error = jnp.abs(found.astype(jnp.float32) - expected)
    assert (error <= 2.0**-8 * jnp.abs(expected) + 1e-6).all()


@pytest.mark.parametrize("make", [conv.upsampled_convolution, conv.pooled_convolution])
def test_bfloat16_kernels_are_summed_before_they_are_rounded(make):
    """The kernel's sums are rounded, and the result: within two roundings of the sum of
    the products' sizes."""
    x, w = (a.astype(jnp.bfloat16) for a in (numbers(2, 6, 6, 3), numbers(3, 3, 3, 2)))
    exact = [a.astype(jnp.float32) for a in (x, w)]
    found, expected = make(x, w, 2), make(*exact, 2)
    sizes = make(*map(jnp.abs, exact), 2)
    assert found.dtype == jnp.bfloat16
    error = jnp.abs(found.astype(jnp.float32) - expected)
    assert (error <= 2 * 2.0**-8 * sizes).all()


def test_pooling_refuses_an_image_that_it_would_cut():
    with pytest.raises(ValueError, match=r"\(5, 6\) is no multiple of 2"):
        conv.pooled_convolution(numbers(1, 5, 6, 3), numbers(3, 3, 3, 2), 2)


def test_no_examples_are_no_error():
    run = partial(conv.transposed_convolution, stride=2)
    x, w = numbers(0, 4, 4, 3), numbers(4, 4, 3, 5)
    assert jax.jit(run)(x, w).shape == (0, 8, 8, 5)
    assert jax.jit(jax.vmap(run, (0, None)))(x[None], w).shape == (1, 0, 8, 8, 5)
    assert jax.jit(jax.vmap(run))(x[None][:0], w[None][:0]).shape == (0, 0, 8, 8, 5)


@pytest.mark.parametrize(
    ("x", "w", "words"),
    [
        (numbers(1, 4, 4, 3), numbers(3, 3, 2, 5), "3 is not 2"),
        (numbers(1, 4, 4, 3), numbers(3, 3, 3, 5).astype(jnp.bfloat16), "cast"),
        (numbers(4, 4, 3), numbers(3, 3, 3, 5), r"\(4, 4, 3\).*\[B, H, W, channels\]"),
    ],
    ids=["channels", "types", "rank"],
)
def test_operands_that_do_not_fit_are_named(x, w, words):
    with pytest.raises(ValueError, match=words):
        conv.convolution(x, w, 1)


def test_the_three_forms_are_one_trilinear_number():
    """`<y, convolve(x, w)> = <x, spread(y, w)> = <w, correlate(x, y)>`."""
    g = lowering.ConvolutionSizes(2, (1, 0), (5, 6), (3, 2), (3, 3))
    x, w, y = numbers(2, 5, 6, 3), numbers(3, 2, 3, 4), numbers(2, 3, 3, 4)
    pairs = [
        (y, conv.CONVOLVE, x, w),
        (x, conv.SPREAD, y, w),
        (w, conv.CORRELATE, x, y),
    ]
    found = [
        float(jnp.vdot(c, conv.bind_one(form, a, b, g))) for c, form, a, b in pairs
    ]
    assert found == pytest.approx([found[0]] * 3, rel=1e-5)


def test_forms_run_without_jit():
    x, w = numbers(1, 3, 3, 2), numbers(3, 3, 2, 2)
    with jax.disable_jit():
        found = conv.convolution(x, w, 1)
    np.testing.assert_allclose(found, conv.convolution(x, w, 1), rtol=1e-5, atol=1e-6)


def test_second_order_of_a_transposed_layer_holds_no_slow_convolution():
    """Every convolution of the traced program is one of the three plain lowering.

    XLA's own kernel gradient of a transposed convolution has the dilated operand on the
    left and the batch as features, which CPU runs tens of times slower.
    """
    y, w = numbers(2, 4, 4, 3), numbers(4, 4, 3, 2)

    def penalty(y, w):
        slope = jax.grad(partial(loss, lambda y: conv.transposed_convolution(y, w, 2)))
        return (slope(y) ** 2).sum()

    text = str(jax.make_jaxpr(jax.grad(penalty, 1))(y, w))
    assert "conv_general_dilated" not in text
    assert {"spread", "convolve", "correlate"} <= set(text.replace("[", " ").split())


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_are_pytorchs(stride):
    import torch

    x, w = numbers(2, 6, 6, 3), numbers(4, 4, 3, 2)
    theirs_x = torch.tensor(np.moveaxis(np.array(x), -1, 1), requires_grad=True)
    theirs_w = torch.tensor(np.array(w).transpose(3, 2, 0, 1), requires_grad=True)
    total = 4 - stride  # TensorFlow's SAME of an even size: less in front
    pads = (total // 2, total - total // 2) * 2
    padded = torch.nn.functional.pad(theirs_x, pads)
    y = torch.nn.functional.conv2d(padded, theirs_w, stride=stride)
    torch.tanh(y).sum().backward()
    found, slopes = jax.jit(
        lambda x, w: (
            conv.convolution(x, w, stride),
            jax.grad(
                partial(loss, lambda x, w: conv.convolution(x, w, stride)), (0, 1)
            )(x, w),
        )
    )(x, w)
    close = partial(np.testing.assert_allclose, **EXACT)
    close(found, np.moveaxis(y.detach().numpy(), 1, -1))
    close(slopes[0], np.moveaxis(theirs_x.grad.numpy(), 1, -1))
    close(slopes[1], theirs_w.grad.numpy().transpose(2, 3, 1, 0))
