"""The networks themselves, as Flax modules; `gan_jax.models` makes pairs of them."""

import math
from collections.abc import Callable

import flax.linen as nn

from gan_jax.layers.basic import (
    Array,
    Conv,
    ConvTranspose,
    Dense,
    Maxout,
    Style,
    down_conv,
    downsample,
    same_conv,
    up_conv,
    upsample,
)
from gan_jax.models.labels import logits, with_label

Shape = tuple[int, ...]
Output = Callable[[Array], Array]


class DenseGenerator(nn.Module):
    """Dense layers of the given widths, then one to the image."""

    shape: Shape
    widths: Shape
    style: Style
    output: Output
    hidden_bias: bool = True

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        x = with_label(z, label, self.style)
        for width in self.widths:
            x = Dense(width, self.style, bias=self.hidden_bias)(x)
            x = self.style.act(self.style.normalized(x, train))
        x = Dense(math.prod(self.shape), self.style)(x)
        return self.output(x).reshape(-1, *self.shape)


class MlpDiscriminator(nn.Module):
    """Hidden dense layers of `width`, two unless told; no norm after the first."""

    width: int
    style: Style
    depth: int = 2

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        x = x.reshape(len(x), -1)
        for layer in range(self.depth):
            x = Dense(self.width, self.style)(x)
            x = self.style.normalized(x, train) if layer else x
            x = self.style.act(x)
        return logits(x, label, self.style)


class MaxoutDiscriminator(nn.Module):
    """Hidden maxout layers, then dense 1; no norm after the first."""

    widths: Shape
    pieces: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        x = x.reshape(len(x), -1)
        for layer, width in enumerate(self.widths):
            x = Maxout(width, self.pieces, self.style)(x)
            x = self.style.normalized(x, train) if layer else x
        return logits(x, label, self.style)


class DcganGenerator(nn.Module):
    """Dense to base x base, then stride-2 4x4 transposed convolutions."""

    shape: Shape
    channels: Shape
    style: Style
    output: Output
    dense_bias: bool = True

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        first, *rest = self.channels
        base = self.shape[0] // 2 ** len(self.channels)
        x = Dense(base * base * first, self.style, bias=self.dense_bias)(
            with_label(z, label, self.style)
        )
        x = x.reshape(-1, base, base, first)
        for features in (*rest, self.shape[-1]):
            x = self.style.act(self.style.normalized(x, train))
            x = ConvTranspose(features, 4, self.style)(x)
        return self.output(x)


class StridedDiscriminator(nn.Module):
    """Strided convolutions, then dense 1; no norm after the first."""

    channels: Shape
    size: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        for layer, features in enumerate(self.channels):
            x = Conv(features, self.size, self.style, stride=2)(x)
            x = self.style.normalized(x, train) if layer else x
            x = self.style.act(x)
        return logits(x.reshape(len(x), -1), label, self.style)


class ResizeGenerator(nn.Module):
    """Dense, then (activation, nearest upsampling, 3x3 convolution) to full size."""

    shape: Shape
    channels: Shape
    style: Style
    output: Output

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        first, *rest = self.channels
        base = self.shape[0] // 2 ** len(rest)
        x = Dense(base * base * first, self.style)(with_label(z, label, self.style))
        x = x.reshape(-1, base, base, first)
        for features in rest:
            x = self.style.act(self.style.normalized(x, train))
            x = up_conv(features, style=self.style)(x)
        x = self.style.act(self.style.normalized(x, train))
        return self.output(Conv(self.shape[-1], 3, self.style)(x))


class ResizeDiscriminator(nn.Module):
    """3x3 convolution, then (activation, 3x3 convolution, 2x2 mean, norm) per stage."""

    channels: Shape
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        first, *rest = self.channels
        x = Conv(first, 3, self.style)(x)
        for features in rest:
            x = down_conv(features, style=self.style)(self.style.act(x))
            x = self.style.normalized(x, train)
        x = self.style.act(x)
        return logits(x.reshape(len(x), -1), label, self.style)


class ResBlock(nn.Module):
    """`shortcut(x) + conv(act(norm(conv(act(norm(x))))))`.

    up: upsampling before the first convolution, and after the shortcut's, 1x1. down:
    means of 2x2 after the second, and before the shortcut's.
    """

    features: int
    style: Style
    up: bool = False
    down: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        first = up_conv if self.up else same_conv
        second = down_conv if self.down else same_conv
        y = self.style.act(self.style.normalized(x, train))
        y = first(self.features, style=self.style)(y)
        y = self.style.act(self.style.normalized(y, train))
        y = second(self.features, style=self.style)(y)
        x = downsample(x) if self.down else x
        if self.up or self.down or x.shape[-1] != self.features:
            x = Conv(self.features, 1, self.style)(x)
        return y + (upsample(x) if self.up else x)


class ResnetGenerator(nn.Module):
    """Dense, upsampling residual blocks, norm, activation, 3x3 convolution."""

    shape: Shape
    width: int
    blocks: int
    style: Style
    output: Output

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        base = self.shape[0] // 2**self.blocks
        x = Dense(base * base * self.width, self.style)(
            with_label(z, label, self.style)
        )
        x = x.reshape(-1, base, base, self.width)
        for _ in range(self.blocks):
            x = ResBlock(self.width, self.style, up=True)(x, train)
        x = self.style.act(self.style.normalized(x, train))
        return self.output(Conv(self.shape[-1], 3, self.style)(x))


class ResnetDiscriminator(nn.Module):
    """Residual blocks (the first without activation), sum over space, dense."""

    width: int
    down: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        second = down_conv if self.down else same_conv
        y = self.style.act(Conv(self.width, 3, self.style)(x))
        y = second(self.width, style=self.style)(y)
        x = downsample(x) if self.down else x
        x = y + Conv(self.width, 1, self.style)(x)
        for _ in range(self.down - 1):
            x = ResBlock(self.width, self.style, down=True)(x, train)
        for _ in range(2):
            x = ResBlock(self.width, self.style)(x, train)
        return logits(self.style.act(x).sum(axis=(1, 2)), label, self.style)


class Conv7x7Generator(nn.Module):
    """Dense 1024, dense 7x7x256, 4x4 transposed convolutions 128, 64, C."""

    shape: Shape
    width: int
    style: Style
    output: Output

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        def hidden(x: Array) -> Array:
            return self.style.act(self.style.normalized(x, train))

        x = hidden(Dense(16 * self.width, self.style)(with_label(z, label, self.style)))
        x = hidden(Dense(7 * 7 * 4 * self.width, self.style)(x))
        x = x.reshape(-1, 7, 7, 4 * self.width)
        x = hidden(ConvTranspose(2 * self.width, 4, self.style)(x))
        x = hidden(ConvTranspose(self.width, 4, self.style)(x))
        last_stride = self.shape[0] // 28
        return self.output(
            ConvTranspose(self.shape[-1], 4, self.style, stride=last_stride)(x)
        )
