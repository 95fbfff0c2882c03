"""Depthwise convolutions against a loop over pixels, in each of their forms."""

import jax
import numpy as np
import pytest

from gan_jax.layers.depthwise import (
    depthwise_convolution,
    grouped_convolution,
    shifted_products,
)

RNG = np.random.default_rng(0)


def by_pixels(x, kernel, stride):
    """TensorFlow's SAME: an odd number of zeros has one more at the end."""
    (b, *image, c), size = x.shape, kernel.shape[:2]
    out = [-(-n // stride) for n in image]
    total = [
        max((m - 1) * stride + k - n, 0)
        for m, k, n in zip(out, size, image, strict=True)
    ]
    wide = np.pad(x, ((0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)))
    y = np.empty((b, *out, c))
    for row in range(out[0]):
        for column in range(out[1]):
            i, j = stride * row, stride * column
            seen = wide[:, i : i + size[0], j : j + size[1]]
            y[:, row, column] = (seen * kernel).sum((1, 2))
    return y


@pytest.mark.parametrize(
    ("image", "size", "stride"),
    [
        ((8, 8), (3, 3), 2),
        ((7, 5), (5, 5), 2),
        ((4, 6), (3, 5), 1),
        ((2, 3), (5, 3), 3),
    ],
)
@pytest.mark.parametrize(
    "form", [depthwise_convolution, grouped_convolution, shifted_products]
)
def test_depthwise_convolution_equals_a_loop_over_pixels(form, image, size, stride):
    x = RNG.normal(size=(2, *image, 3)).astype(np.float32)
    kernel = RNG.normal(size=(*size, 3)).astype(np.float32)
    found = form(x, kernel, stride=stride)
    np.testing.assert_allclose(found, by_pixels(x, kernel, stride), rtol=0, atol=1e-5)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_only_on_cpu_there_is_no_convolution(platform):
    x, kernel = np.zeros((2, 8, 8, 3), np.float32), np.zeros((3, 3, 3), np.float32)
    traced = jax.jit(depthwise_convolution, static_argnums=2).trace(x, kernel, 2)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert ("stablehlo.convolution" in text) == (platform != "cpu")
