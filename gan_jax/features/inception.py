"""Inception-v3 as the FID community uses it: images to features and probabilities.

The TensorFlow graph of 2015-12-05 (Heusel et al. 2017, arXiv 1706.08500) in the port of
pytorch-fid, whose weight file torch-fidelity uses too. It differs from the network of
Szegedy et al. 2015 (arXiv 1512.00567): 1,008 classes, average pools that do not count
their padding, a maximum pool in the last block. Names of modules are those of the file.

What is done to images is torch-fidelity's `inception-v3-compat`: 8-bit values, resized
as TensorFlow 1 does, then (x - 128) / 128. pytorch-fid resizes as PyTorch does (half-
pixel centres) and scales by 2 x / 255 - 1; clean-fid resizes by Pillow's antialiased
bicubic filter. Their numbers differ from these: the weights are the same.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.types import Array

SIZE = 299


class Unit(nn.Module):
    """relu(BN(conv(x))): no bias, stored statistics, epsilon 0.001."""

    features: int
    size: tuple[int, int]
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = nn.Conv(
            self.features,
            self.size,
            self.stride,
            self.padding,
            use_bias=False,
            # Without it accelerators round the inputs to 10 or 7 bits.
            precision=lax.Precision.HIGHEST,
            name="conv",
        )(x)
        x = nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x)
        return nn.relu(x)


def chain(x: Array, prefix: str, *units: tuple[int, int, int]) -> Array:
    """Stride-1 units of (features, height, width), named `prefix1`, `prefix2`, ..."""
    for number, (features, height, width) in enumerate(units, 1):
        x = Unit(features, (height, width), name=f"{prefix}{number}")(x)
    return x


def halving(x: Array, features: int, name: str) -> Array:
    """A 3x3 unit of stride 2 without padding."""
    return Unit(features, (3, 3), 2, "VALID", name=name)(x)


def point(x: Array, features: int, name: str) -> Array:
    """A 1x1 unit."""
    return Unit(features, (1, 1), name=name)(x)


def join(*branches: Array) -> Array:
    return jnp.concatenate(branches, axis=-1)


def average_pool(x: Array) -> Array:
    """3x3 at stride 1; the padding counts neither in the sum nor in the number."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def max_pool(x: Array) -> Array:
    """3x3 at stride 1, the same size."""
    return nn.max_pool(x, (3, 3), (1, 1), "SAME")


def max_pool_half(x: Array) -> Array:
    """3x3 at stride 2 without padding."""
    return nn.max_pool(x, (3, 3), (2, 2), "VALID")


class BlockA(nn.Module):
    """35x35: 1x1, 5x5, two 3x3, average pool. pytorch-fid's FIDInceptionA."""

    pool_features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = point(x, 64, "branch1x1")
        five = chain(x, "branch5x5_", (48, 1, 1), (64, 5, 5))
        double = chain(x, "branch3x3dbl_", (64, 1, 1), (96, 3, 3), (96, 3, 3))
        pool = point(average_pool(x), self.pool_features, "branch_pool")
        return join(one, five, double, pool)


class BlockB(nn.Module):
    """35x35 to 17x17. torchvision's InceptionB."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        double = chain(x, "branch3x3dbl_", (64, 1, 1), (96, 3, 3))
        double = halving(double, 96, "branch3x3dbl_3")
        return join(halving(x, 384, "branch3x3"), double, max_pool_half(x))


class BlockC(nn.Module):
    """17x17: 7x7 as 1x7 and 7x1, once and twice. pytorch-fid's FIDInceptionC."""

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        c = self.width
        one = point(x, 192, "branch1x1")
        seven = chain(x, "branch7x7_", (c, 1, 1), (c, 1, 7), (192, 7, 1))
        first = ((c, 1, 1), (c, 7, 1), (c, 1, 7), (c, 7, 1), (192, 1, 7))
        double = chain(x, "branch7x7dbl_", *first)
        pool = point(average_pool(x), 192, "branch_pool")
        return join(one, seven, double, pool)


class BlockD(nn.Module):
    """17x17 to 8x8. torchvision's InceptionD."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        three = halving(point(x, 192, "branch3x3_1"), 320, "branch3x3_2")
        seven = chain(x, "branch7x7x3_", (192, 1, 1), (192, 1, 7), (192, 7, 1))
        seven = halving(seven, 192, "branch7x7x3_4")
        return join(three, seven, max_pool_half(x))


class BlockE(nn.Module):
    """8x8: 3x3 as 1x3 beside 3x1. pytorch-fid's FIDInceptionE_1 (average_pool) and
    FIDInceptionE_2 (max_pool)."""

    pool: Callable[[Array], Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = point(x, 320, "branch1x1")
        three = point(x, 384, "branch3x3_1")
        double = chain(x, "branch3x3dbl_", (448, 1, 1), (384, 3, 3))
        pool = point(self.pool(x), 192, "branch_pool")
        return join(
            one,
            Unit(384, (1, 3), name="branch3x3_2a")(three),
            Unit(384, (3, 1), name="branch3x3_2b")(three),
            Unit(384, (1, 3), name="branch3x3dbl_3a")(double),
            Unit(384, (3, 1), name="branch3x3dbl_3b")(double),
            pool,
        )


class Output(NamedTuple):
    """features `[B, 2048]`: after the last, global average pool, what FID and KID use.
    unbiased `[B, 1008]`: features W. logits `[B, 1008]`: features W + b."""

    features: Array
    unbiased: Array
    logits: Array


class InceptionV3(nn.Module):
    """`[B, 299, 299, 3]`, as from `prepared`, to `Output`; never in training mode."""

    @nn.compact
    def __call__(self, x: Array) -> Output:
        x = halving(x, 32, "Conv2d_1a_3x3")
        x = Unit(32, (3, 3), padding="VALID", name="Conv2d_2a_3x3")(x)
        x = Unit(64, (3, 3), name="Conv2d_2b_3x3")(x)
        x = point(max_pool_half(x), 80, "Conv2d_3b_1x1")
        x = Unit(192, (3, 3), padding="VALID", name="Conv2d_4a_3x3")(x)
        x = max_pool_half(x)
        for letter, pool_features in zip("bcd", (32, 64, 64), strict=True):
            x = BlockA(pool_features, name=f"Mixed_5{letter}")(x)
        x = BlockB(name="Mixed_6a")(x)
        for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
            x = BlockC(width, name=f"Mixed_6{letter}")(x)
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE(average_pool, name="Mixed_7b")(x)
        x = BlockE(max_pool, name="Mixed_7c")(x)
        features = x.mean(axis=(1, 2))
        dense = nn.Dense(1008, use_bias=False, precision="highest", name="fc")
        unbiased = dense(features)
        bias = self.param("fc_bias", nn.initializers.zeros, (1008,))
        return Output(features, unbiased, unbiased + bias[None])


def resize(images: Array, size: int = SIZE) -> Array:
    """`[B, H, W, C] -> [B, size, size, C]` as TensorFlow 1's `resize_bilinear`.

    Output i lies at s = i H / size (no half-pixel centres, corners not aligned, no
    antialiasing): x[floor s] + (x[min(floor s + 1, H - 1)] - x[floor s]) (s - floor s),
    along the width, then along the height, positions in float32 as there.
    """
    for axis in (2, 1):
        length = images.shape[axis]
        position = np.arange(size, dtype=np.float32) * np.float32(length / size)
        low = position.astype(np.int32)
        high = np.minimum(low + 1, length - 1)
        weight = np.expand_dims(position - low, [a for a in range(4) if a != axis])
        below, above = images.take(low, axis), images.take(high, axis)
        images = below + (above - below) * weight
    return images


def prepared(images: Array) -> Array:
    """Images `[B, H, W, C]`, C 1 or 3, in [-1, 1], to the network's `[B, 299, 299, 3]`.

    They become the 8-bit values 0..255 that a PNG of them would hold (rounded, clipped;
    float32 still), grey is repeated in 3 channels; then `resize`, then (x - 128) / 128.
    """
    floating = jnp.issubdtype(images.dtype, jnp.floating)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not floating:
        raise ValueError(
            f"images: {images.dtype} {list(images.shape)}; Inception takes floats "
            "[B, H, W, C] in [-1, 1] with 1 or 3 channels"
        )
    pixels = jnp.clip(jnp.round((images.astype(jnp.float32) + 1) * 127.5), 0, 255)
    pixels = jnp.broadcast_to(pixels, (*pixels.shape[:3], 3))
    return (resize(pixels) - 128) / 128


def extract(variables: Any, images: Array) -> tuple[Array, Array]:
    """Features `[B, 2048]` and probabilities `[B, 1008]` of images as in `prepared`.

    The probabilities are softmax(features W), without the bias: so the code of Salimans
    et al. 2016 (arXiv 1606.03498) computes the Inception Score, and torch-fidelity, as
    `logits_unbiased`. With it CIFAR-10's test set is reported to score 11.23, without
    it 10.95 (openai/improved-gan, issue 39).
    """
    output = InceptionV3().apply(variables, prepared(images))
    assert isinstance(output, Output)
    return output.features, jax.nn.softmax(output.unbiased)
