"""Pairs of networks: generator and discriminator as Flax modules.

`generator.apply(variables, z [B, Z], label, train=...)` gives images `[B, H, W, C]` or
points `[B, 2]`; `discriminator.apply(variables, x, label, train=...)` gives logits
`[B]`. A pair is made by `MODELS[name](shape, g_style, d_style, output, width=...)`,
which refuses shapes it cannot make. With a style's `label_count` a pair is conditional:
G reads z beside an embedding of the label, D adds the label's projection.
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import (
    Array,
    Conv,
    ConvTranspose,
    Dense,
    Style,
    downsample,
    instance_norm,
    leaky_relu,
    upsample,
)

Pair = tuple[nn.Module, nn.Module]
Shape = tuple[int, ...]
Output = Callable[[Array], Array]
relu = jax.nn.relu


class DenseGenerator(nn.Module):
    """Dense layers of the given widths, then one to the image."""

    shape: Shape
    widths: Shape
    style: Style
    output: Output

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        x = with_label(z, label, self.style)
        for width in self.widths:
            x = Dense(width, self.style)(x)
            x = self.style.act(self.style.normalized(x, train))
        x = Dense(math.prod(self.shape), self.style)(x)
        return self.output(x).reshape(-1, *self.shape)


class MlpDiscriminator(nn.Module):
    """Two hidden dense layers of `width`."""

    width: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        x = x.reshape(len(x), -1)
        for layer in range(2):
            x = Dense(self.width, self.style)(x)
            x = self.style.normalized(x, train) if layer else x
            x = self.style.act(x)
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
            x = Conv(features, 3, self.style)(upsample(x))
        x = self.style.act(self.style.normalized(x, train))
        return self.output(Conv(self.shape[-1], 3, self.style)(x))


class ResizeDiscriminator(nn.Module):
    """3x3 convolution, then (activation, 3x3 convolution, 2x2 mean) per stage."""

    channels: Shape
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        first, *rest = self.channels
        x = Conv(first, 3, self.style)(x)
        for features in rest:
            x = Conv(features, 3, self.style)(self.style.act(x))
            x = downsample(self.style.normalized(x, train))
        x = self.style.act(x)
        return logits(x.reshape(len(x), -1), label, self.style)


class ResBlock(nn.Module):
    """`shortcut(x) + conv(act(norm(conv(act(norm(x))))))`, resized on the way."""

    features: int
    style: Style
    resize_in: Callable[[Array], Array] | None = None
    resize_out: Callable[[Array], Array] | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        resize_in = self.resize_in or (lambda x: x)
        resize_out = self.resize_out or (lambda x: x)
        y = self.style.act(self.style.normalized(x, train))
        y = Conv(self.features, 3, self.style)(resize_in(y))
        y = self.style.act(self.style.normalized(y, train))
        y = resize_out(Conv(self.features, 3, self.style)(y))
        resized = self.resize_in is not None or self.resize_out is not None
        if resized or x.shape[-1] != self.features:
            x = resize_out(Conv(self.features, 1, self.style)(resize_in(x)))
        return x + y


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
            x = ResBlock(self.width, self.style, resize_in=upsample)(x, train)
        x = self.style.act(self.style.normalized(x, train))
        return self.output(Conv(self.shape[-1], 3, self.style)(x))


class ResnetDiscriminator(nn.Module):
    """Residual blocks (the first without activation), sum over space, dense."""

    width: int
    down: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        shrink = downsample if self.down else (lambda x: x)
        y = self.style.act(Conv(self.width, 3, self.style)(x))
        y = shrink(Conv(self.width, 3, self.style)(y))
        x = y + Conv(self.width, 1, self.style)(shrink(x))
        for _ in range(self.down - 1):
            x = ResBlock(self.width, self.style, resize_out=downsample)(x, train)
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


def with_label(z: Array, label: Array | None, style: Style) -> Array:
    """z beside a learned embedding of the label, as many numbers as z has."""
    if style.label_count is None:
        return z
    return jnp.concatenate([z, embedded(label, z.shape[1], style)], axis=1)


def logits(features: Array, label: Array | None, style: Style) -> Array:
    """`w . f + b`, `[B, F] -> [B]`; conditional: `+ e(label) . f`.

    The projection discriminator of Miyato and Koyama 2018, arXiv 1802.05637.
    """
    score = Dense(1, style)(features)[:, 0]
    if style.label_count is None:
        return score
    return score + (embedded(label, features.shape[1], style) * features).sum(axis=1)


def embedded(label: Array | None, width: int, style: Style) -> Array:
    """`[B] -> [B, width]`: one learned row a class."""
    if label is None or style.label_count is None:
        raise ValueError("label: a conditional network needs one; this data has none")
    one_hot = jax.nn.one_hot(label, style.label_count)
    return Dense(width, style, bias=False)(one_hot)


def halvings(shape: Shape) -> int:
    """How often an image's side is halved to reach a base of 4 to 7 pixels."""
    side, count = require_image(shape), 0
    while side > 7 and side % 2 == 0:
        side, count = side // 2, count + 1
    if not (4 <= side <= 7 and count):
        raise ValueError(
            f"dataset.resolution {shape[0]}: convolutional pairs make 4, 5, 6 or 7 "
            "times a power of two (8, 10, 12, 14, 16, 20, 24, 28, 32, ..., 64, ...)"
        )
    return count


def require_image(shape: Shape) -> int:
    """The side of a square image, or a ValueError."""
    if len(shape) != 3 or shape[0] != shape[1]:
        raise ValueError(
            f"model.name: this pair makes square images, the data have shape {shape}; "
            "use model.name mlp"
        )
    return shape[0]


def require_side(shape: Shape, allowed: Shape) -> None:
    if require_image(shape) not in allowed:
        names = " or ".join(map(str, allowed))
        raise ValueError(
            f"dataset.resolution {shape[0]}: this pair makes {names}; "
            f"set dataset.resolution {allowed[0]}"
        )


def require_space(field: str, style: Style) -> None:
    """A ValueError if the style's norm needs images, for a network of dense layers."""
    if style.norm is instance_norm:
        raise ValueError(
            f"{field} 'instance' normalizes over space, which dense layers have not; "
            "use layer, group or none"
        )


def mlp(shape: Shape, g: Style, d: Style, output: Output, *, width: int = 128) -> Pair:
    """Two hidden dense layers in each network, ReLU in G, LeakyReLU(0.2) in D."""
    require_space("model.g_norm", g)
    require_space("model.d_norm", d)
    return (
        DenseGenerator(shape, (width, width), g.or_activation(relu), output),
        MlpDiscriminator(width, d.or_activation(leaky_relu)),
    )


def dcgan(shape: Shape, g: Style, d: Style, output: Output, *, width: int = 64) -> Pair:
    """Transposed and strided 4x4 convolutions (at 32: w, 2w, 4w channels), ReLU in G.

    Radford et al. 2015, arXiv 1511.06434; D ends in a dense layer; LeakyReLU(0.2) in D.
    """
    channels = tuple(width * 2**i for i in range(halvings(shape)))
    return (
        DcganGenerator(shape, channels[::-1], g.or_activation(relu), output),
        StridedDiscriminator(channels, 4, d.or_activation(leaky_relu)),
    )


def resize(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 32
) -> Pair:
    """Nearest upsampling or mean pooling with 3x3 convolutions, LeakyReLU(0.2).

    `width` channels at full size, twice as many at each halving.
    """
    channels = tuple(width * 2**i for i in range(halvings(shape) + 1))
    return (
        ResizeGenerator(shape, channels[::-1], g.or_activation(leaky_relu), output),
        ResizeDiscriminator(channels, d.or_activation(leaky_relu)),
    )


def resnet(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 128
) -> Pair:
    """The residual pair of SNGAN (at 32: G of 2w = 256 channels, D of w = 128), ReLU.

    Miyato et al. 2018, arXiv 1802.05957, table 4. Other sizes add or drop blocks.
    """
    blocks = halvings(shape)
    return (
        ResnetGenerator(shape, 2 * width, blocks, g.or_activation(relu), output),
        ResnetDiscriminator(width, blocks - 1, d.or_activation(relu)),
    )


def dense_conv(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 32
) -> Pair:
    """G: dense 8w, 16w, image, ReLU; D: 3x3 convolutions w, 2w stride 2, LeakyReLU."""
    require_image(shape)
    require_space("model.g_norm", g)
    widths = (8 * width, 16 * width)
    return (
        DenseGenerator(shape, widths, g.or_activation(relu), output),
        StridedDiscriminator((width, 2 * width), 3, d.or_activation(leaky_relu)),
    )


def conv_7x7(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 64
) -> Pair:
    """G: dense 16w, 7x7x4w, transposed 2w, w, C (28 or 56 pixels); D: 4x4 w, 2w."""
    require_side(shape, (28, 56))
    require_space("model.g_norm", g)
    return (
        Conv7x7Generator(shape, width, g.or_activation(relu), output),
        StridedDiscriminator((width, 2 * width), 4, d.or_activation(leaky_relu)),
    )


def dcgan64(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 64
) -> Pair:
    """G: 4x4x8w without bias, transposed 4w, 2w, w, C (64 pixels); D: w, 2w, 4w."""
    require_side(shape, (64,))
    g_channels = (8 * width, 4 * width, 2 * width, width)
    d_channels = (width, 2 * width, 4 * width)
    return (
        DcganGenerator(
            shape, g_channels, g.or_activation(leaky_relu), output, dense_bias=False
        ),
        StridedDiscriminator(d_channels, 4, d.or_activation(leaky_relu)),
    )


MODELS: dict[str, Callable[..., Pair]] = {
    "mlp": mlp,
    "dcgan": dcgan,
    "resize": resize,
    "resnet": resnet,
    "dense_conv": dense_conv,
    "conv_7x7": conv_7x7,
    "dcgan64": dcgan64,
}
