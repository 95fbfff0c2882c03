"""The residual pair of networks of SNGAN."""

from collections.abc import Callable

import flax.linen as nn

from gan_jax.layers.activations import relu
from gan_jax.layers.basic import (
    Array,
    Conv,
    Dense,
    Style,
    down_conv,
    downsample,
    same_conv,
    up_conv,
    upsample,
)
from gan_jax.models.labels import append_label_embedding, score
from gan_jax.models.shapes import Output, Pair, Shape, count_halvings


class ResBlock(nn.Module):
    """A residual block, `shortcut(x) + conv(act(norm(conv(act(norm(x))))))`.

    up: the image is enlarged before the first convolution, and after the shortcut's,
    which is 1x1. down: means of 2x2 pixels are taken after the second convolution, and
    before the shortcut's.
    """

    features: int
    style: Style
    up: bool = False
    down: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        first = up_conv if self.up else same_conv
        second = down_conv if self.down else same_conv
        y = self.style.activate(self.style.normalize(x, train))
        y = first(self.features, style=self.style)(y)
        y = self.style.activate(self.style.normalize(y, train))
        y = second(self.features, style=self.style)(y)
        x = downsample(x) if self.down else x
        if self.up or self.down or x.shape[-1] != self.features:
            x = Conv(self.features, 1, self.style)(x)
        return y + (upsample(x) if self.up else x)


class ResnetGenerator(nn.Module):
    """A dense layer, upsampling residual blocks, norm, activation, 3x3 convolution."""

    shape: Shape
    width: int
    blocks: int
    style: Style
    output: Output

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        base = self.shape[0] // 2**self.blocks
        x = Dense(base * base * self.width, self.style)(
            append_label_embedding(z, label, self.style)
        )
        x = x.reshape(-1, base, base, self.width)
        for _ in range(self.blocks):
            x = ResBlock(self.width, self.style, up=True)(x, train)
        x = self.style.activate(self.style.normalize(x, train))
        return self.output(Conv(self.shape[-1], 3, self.style)(x))


class ResnetDiscriminator(nn.Module):
    """Residual blocks, the sum over space, then the logit.

    The first block begins without an activation. pooling_blocks: the number of blocks
    that halve the image, before two that do not.
    """

    width: int
    pooling_blocks: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        second = down_conv if self.pooling_blocks else same_conv
        y = self.style.activate(Conv(self.width, 3, self.style)(x))
        y = second(self.width, style=self.style)(y)
        x = downsample(x) if self.pooling_blocks else x
        x = y + Conv(self.width, 1, self.style)(x)
        for _ in range(self.pooling_blocks - 1):
            x = ResBlock(self.width, self.style, down=True)(x, train)
        for _ in range(2):
            x = ResBlock(self.width, self.style)(x, train)
        return score(self.style.activate(x).sum(axis=(1, 2)), label, self.style)


def resnet(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 128
) -> Pair:
    """The residual pair of SNGAN (at 32: G of 2w = 256 channels, D of w = 128), ReLU.

    Miyato et al. 2018, arXiv 1802.05957, table 4. Other sizes add or drop blocks.
    """
    blocks = count_halvings(shape)
    return (
        ResnetGenerator(shape, 2 * width, blocks, g.or_activation(relu), output),
        ResnetDiscriminator(width, blocks - 1, d.or_activation(relu)),
    )


MODELS: dict[str, Callable[..., Pair]] = {"resnet": resnet}
