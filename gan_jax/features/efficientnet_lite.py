"""EfficientNet-Lite0 and Lite2: images to the 1,280 features of an ImageNet classifier.

They are the networks of Tan and Le 2019 (arXiv 1905.11946) in the variant that Google
published in 2020 (tensorflow/tpu, models/official/efficientnet/lite): ReLU6 instead of
swish, no squeeze-and-excitation, and a stem and a head of fixed width. Convolutions are
padded as TensorFlow's SAME, for which the weights were trained. The modules have the
names of the weight file without their underscores. The last layer, of classes, is left
out.
"""

import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.features.pixel_values import round_to_8_bits
from gan_jax.layers.depthwise import depthwise_convolution
from gan_jax.types import Array

FEATURES = 1280
"""The number of features, in both variants."""


class Variant(NamedTuple):
    """What tells the networks apart.

    width, depth: factors of the channels and of the repetitions of Lite0's stages. The
    channels are rounded to a multiple of 8, the repetitions up. size: the side of the
    images that the network takes, in pixels.
    """

    width: float
    depth: float
    size: int


class Stage(NamedTuple):
    """Blocks of one width. The first one has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


class Block(NamedTuple):
    """The sizes of one block."""

    kernel: int
    stride: int
    expansion: int
    channels: int


VARIANTS = {"lite0": Variant(1.0, 1.0, 224), "lite2": Variant(1.1, 1.2, 260)}
STEM = 32
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""The stages of Lite0. Of the first and the last one the depth is fixed."""


def scale_width(channels: int, width: float) -> int:
    """Return the multiple of 8 that is nearest to `channels * width`.

    It is at least 90 % of it.
    """
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


def list_blocks(variant: Variant) -> list[Block]:
    """Return the blocks of a network, in their order."""
    blocks = []
    for number, stage in enumerate(STAGES):
        fixed = number in (0, len(STAGES) - 1)
        repeats = stage.repeats if fixed else math.ceil(stage.repeats * variant.depth)
        channels = scale_width(stage.channels, variant.width)
        strides = [stage.stride] + [1] * (repeats - 1)
        blocks += [Block(stage.kernel, s, stage.expansion, channels) for s in strides]
    return blocks


def normalize(x: Array, name: str) -> Array:
    """Apply batch norm with stored statistics and epsilon 0.001."""
    return nn.BatchNorm(use_running_average=True, epsilon=1e-3, name=name)(x)


def apply_1x1(x: Array, features: int, name: str) -> Array:
    """Apply a 1x1 convolution without bias, as one matrix product."""
    precision = lax.Precision.HIGHEST  # Else accelerators round the inputs.
    return nn.Dense(features, use_bias=False, precision=precision, name=name)(x)


class DepthwiseConv(nn.Module):
    """A SAME convolution of each channel with its own k x k kernel, without bias."""

    size: int
    stride: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.size, self.size, x.shape[-1])
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        return depthwise_convolution(x, kernel, self.stride)


class InvertedResidual(nn.Module):
    """Expand the channels, convolve each of them, and project them to fewer.

    The input is added where it has the shape of the result.
    """

    sizes: Block

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel, stride, expansion, channels = self.sizes
        y = x
        if expansion != 1:
            y = apply_1x1(y, expansion * x.shape[-1], "expand_conv")
            y = nn.relu6(normalize(y, "bn0"))
        y = DepthwiseConv(kernel, stride, name="depthwise_conv")(y)
        y = nn.relu6(normalize(y, "bn1"))
        y = normalize(apply_1x1(y, channels, "project_conv"), "bn2")
        return x + y if y.shape == x.shape else y


class EfficientNetLite(nn.Module):
    """Prepared images `[B, size, size, 3]` to features `[B, 1280]`."""

    variant: Variant

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = nn.Conv(
            STEM,
            (3, 3),
            2,
            "SAME",
            use_bias=False,
            precision=lax.Precision.HIGHEST,
            name="conv_stem",
        )(x)
        x = nn.relu6(normalize(x, "bn0"))
        for number, sizes in enumerate(list_blocks(self.variant)):
            x = InvertedResidual(sizes, name=f"blocks_{number}")(x)
        x = nn.relu6(normalize(apply_1x1(x, FEATURES, "conv_head"), "bn1"))
        return x.mean((1, 2))


def prepare_images(images: Array, size: int) -> Array:
    """Prepare images `[B, H, W, C]` in [-1, 1], C 1 or 3, as `[B, size, size, 3]`.

    They become the 8-bit values 0..255 (`round_to_8_bits`). They are resized by the
    antialiased bicubic filter with a = -1/2 and half-pixel centres, clipped to 0..255
    again, and mapped by (x - 127) / 128. That is the resize of clean-fid, and of Pillow
    for float images (8-bit ones Pillow rounds after each axis). Grey is repeated in 3
    channels. Raises ValueError for other shapes and types.
    """
    pixels = round_to_8_bits(images, "EfficientNet-Lite")
    shape = (len(images), size, size, images.shape[-1])
    pixels = jax.image.resize(pixels, shape, "cubic", antialias=True)
    pixels = (jnp.clip(pixels, 0, 255) - 127) / 128
    return jnp.broadcast_to(pixels, (*pixels.shape[:3], 3))


def extract_lite(name: str, variables: Any, images: Array) -> tuple[Array, None]:
    """Return the features `[B, 1280]` of images as in `prepare_images`."""
    variant = VARIANTS[name]
    prepared = prepare_images(images, variant.size)
    features = EfficientNetLite(variant).apply(variables, prepared)
    assert isinstance(features, Array)
    return features, None
