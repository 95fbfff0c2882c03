"""Inception-v3 as the FID community uses it: images to features and probabilities.

It is the TensorFlow graph of 2015-12-05 (Heusel et al. 2017, arXiv 1706.08500) in the
port of pytorch-fid, whose weight file torch-fidelity uses too. It differs from the
network of Szegedy et al. 2015 (arXiv 1512.00567): it has 1,008 classes, average pools
that do not count their padding, and a maximum pool in the last block. The modules have
the names of the weight file.

Images are prepared as in torch-fidelity's `inception-v3-compat`: 8-bit values, resized
as TensorFlow 1 does, then (x - 128) / 128. pytorch-fid resizes as PyTorch does (half-
pixel centres) and scales by 2 x / 255 - 1. clean-fid resizes by Pillow's antialiased
bicubic filter. The weights are the same, but their numbers differ from these.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.features.pixel_values import round_to_8_bits
from gan_jax.types import Array

SIZE = 299
"""The side of the images that the network takes, in pixels."""


class ConvUnit(nn.Module):
    """`relu(BN(conv(x)))`, without bias, with stored statistics and epsilon 0.001."""

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


def apply_chain(x: Array, prefix: str, *units: tuple[int, int, int]) -> Array:
    """Apply stride-1 units of (features, height, width), named `prefix1` and on."""
    for number, (features, height, width) in enumerate(units, 1):
        x = ConvUnit(features, (height, width), name=f"{prefix}{number}")(x)
    return x


def halve(x: Array, features: int, name: str) -> Array:
    """Apply a 3x3 unit of stride 2 without padding."""
    return ConvUnit(features, (3, 3), 2, "VALID", name=name)(x)


def apply_1x1(x: Array, features: int, name: str) -> Array:
    """Apply a 1x1 unit."""
    return ConvUnit(features, (1, 1), name=name)(x)


def join_channels(*branches: Array) -> Array:
    """Concatenate the channels of several branches."""
    return jnp.concatenate(branches, axis=-1)


def average_pool(x: Array) -> Array:
    """Average over 3x3 at stride 1; padding counts neither in sums nor in numbers."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def max_pool(x: Array) -> Array:
    """Take the maximum over 3x3 at stride 1; the size stays the same."""
    return nn.max_pool(x, (3, 3), (1, 1), "SAME")


def max_pool_half(x: Array) -> Array:
    """Take the maximum over 3x3 at stride 2, without padding."""
    return nn.max_pool(x, (3, 3), (2, 2), "VALID")


class BlockA(nn.Module):
    """The block at 35x35: 1x1, 5x5, two 3x3, average pool.

    It is pytorch-fid's FIDInceptionA.
    """

    pool_features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = apply_1x1(x, 64, "branch1x1")
        five = apply_chain(x, "branch5x5_", (48, 1, 1), (64, 5, 5))
        double = apply_chain(x, "branch3x3dbl_", (64, 1, 1), (96, 3, 3), (96, 3, 3))
        pool = apply_1x1(average_pool(x), self.pool_features, "branch_pool")
        return join_channels(one, five, double, pool)


class BlockB(nn.Module):
    """The block from 35x35 to 17x17, torchvision's InceptionB."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        double = apply_chain(x, "branch3x3dbl_", (64, 1, 1), (96, 3, 3))
        double = halve(double, 96, "branch3x3dbl_3")
        return join_channels(halve(x, 384, "branch3x3"), double, max_pool_half(x))


class BlockC(nn.Module):
    """The block at 17x17: 7x7 as 1x7 and 7x1, once and twice.

    It is pytorch-fid's FIDInceptionC.
    """

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        c = self.width
        one = apply_1x1(x, 192, "branch1x1")
        seven = apply_chain(x, "branch7x7_", (c, 1, 1), (c, 1, 7), (192, 7, 1))
        first = ((c, 1, 1), (c, 7, 1), (c, 1, 7), (c, 7, 1), (192, 1, 7))
        double = apply_chain(x, "branch7x7dbl_", *first)
        pool = apply_1x1(average_pool(x), 192, "branch_pool")
        return join_channels(one, seven, double, pool)


class BlockD(nn.Module):
    """The block from 17x17 to 8x8, torchvision's InceptionD."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        three = halve(apply_1x1(x, 192, "branch3x3_1"), 320, "branch3x3_2")
        seven = apply_chain(x, "branch7x7x3_", (192, 1, 1), (192, 1, 7), (192, 7, 1))
        seven = halve(seven, 192, "branch7x7x3_4")
        return join_channels(three, seven, max_pool_half(x))


class BlockE(nn.Module):
    """The block at 8x8: 3x3 as 1x3 beside 3x1.

    It is pytorch-fid's FIDInceptionE_1 (average_pool) and FIDInceptionE_2 (max_pool).
    """

    pool: Callable[[Array], Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = apply_1x1(x, 320, "branch1x1")
        three = apply_1x1(x, 384, "branch3x3_1")
        double = apply_chain(x, "branch3x3dbl_", (448, 1, 1), (384, 3, 3))
        pool = apply_1x1(self.pool(x), 192, "branch_pool")
        return join_channels(
            one,
            ConvUnit(384, (1, 3), name="branch3x3_2a")(three),
            ConvUnit(384, (3, 1), name="branch3x3_2b")(three),
            ConvUnit(384, (1, 3), name="branch3x3dbl_3a")(double),
            ConvUnit(384, (3, 1), name="branch3x3dbl_3b")(double),
            pool,
        )


class InceptionOutput(NamedTuple):
    """The outputs of Inception-v3.

    features: `[B, 2048]` after the last, global average pool; FID and KID use them.
    unbiased: `[B, 1008]`, features W. logits: `[B, 1008]`, features W + b.
    """

    features: Array
    unbiased: Array
    logits: Array


class InceptionV3(nn.Module):
    """Inception-v3: `[B, 299, 299, 3]`, as from `prepare_images`, to `InceptionOutput`.

    It is never in training mode.
    """

    @nn.compact
    def __call__(self, x: Array) -> InceptionOutput:
        x = halve(x, 32, "Conv2d_1a_3x3")
        x = ConvUnit(32, (3, 3), padding="VALID", name="Conv2d_2a_3x3")(x)
        x = ConvUnit(64, (3, 3), name="Conv2d_2b_3x3")(x)
        x = apply_1x1(max_pool_half(x), 80, "Conv2d_3b_1x1")
        x = ConvUnit(192, (3, 3), padding="VALID", name="Conv2d_4a_3x3")(x)
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
        return InceptionOutput(features, unbiased, unbiased + bias[None])


def resize_bilinear(images: Array, size: int = SIZE) -> Array:
    """Resize `[B, H, W, C] -> [B, size, size, C]` as TensorFlow 1's `resize_bilinear`.

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


def prepare_images(images: Array) -> Array:
    """Prepare images `[B, H, W, C]` in [-1, 1], C 1 or 3, as `[B, 299, 299, 3]`.

    They become the 8-bit values 0..255 (`round_to_8_bits`). Grey is repeated in 3
    channels. Then they are resized by `resize_bilinear`, and mapped by (x - 128) / 128.
    Raises ValueError for other shapes and types.
    """
    pixels = round_to_8_bits(images, "Inception")
    pixels = jnp.broadcast_to(pixels, (*pixels.shape[:3], 3))
    return (resize_bilinear(pixels) - 128) / 128


def extract_inception(variables: Any, images: Array) -> tuple[Array, Array]:
    """Return features `[B, 2048]` and probabilities `[B, 1008]` of images.

    The images are as in `prepare_images`. The probabilities are softmax(features W),
    without the bias. The code of Salimans et al. 2016 (arXiv 1606.03498) computes the
    Inception Score in this way, and so does torch-fidelity, as `logits_unbiased`. With
    the bias CIFAR-10's test set is reported to score 11.23, without it 10.95
    (openai/improved-gan, issue 39).
    """
    output = InceptionV3().apply(variables, prepare_images(images))
    assert isinstance(output, InceptionOutput)
    return output.features, jax.nn.softmax(output.unbiased)
