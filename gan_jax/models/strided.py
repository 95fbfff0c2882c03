"""Pairs of strided convolutional networks: DCGAN and its relatives."""

from collections.abc import Callable

import flax.linen as nn

from gan_jax.layers.activations import leaky_relu, relu
from gan_jax.layers.basic import Array, Conv, ConvTranspose, Dense, Style
from gan_jax.models.dense import DenseGenerator
from gan_jax.models.labels import append_label_embedding, score
from gan_jax.models.shapes import (
    Output,
    Pair,
    Shape,
    count_halvings,
    require_image,
    require_side,
    require_space,
)


class DcganGenerator(nn.Module):
    """A dense layer to base x base, then transposed 4x4 convolutions of stride 2."""

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
            append_label_embedding(z, label, self.style)
        )
        x = x.reshape(-1, base, base, first)
        for features in (*rest, self.shape[-1]):
            x = self.style.activate(self.style.normalize(x, train))
            x = ConvTranspose(features, 4, self.style)(x)
        return self.output(x)


class Conv7x7Generator(nn.Module):
    """Dense layers to 7x7, then three transposed 4x4 convolutions to the image.

    At width 64 the dense layers have 1024 and 7x7x256 units, the convolutions 128, 64
    and C channels.
    """

    shape: Shape
    width: int
    style: Style
    output: Output

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        def normalize_and_activate(x: Array) -> Array:
            return self.style.activate(self.style.normalize(x, train))

        x = normalize_and_activate(
            Dense(16 * self.width, self.style)(
                append_label_embedding(z, label, self.style)
            )
        )
        x = normalize_and_activate(Dense(7 * 7 * 4 * self.width, self.style)(x))
        x = x.reshape(-1, 7, 7, 4 * self.width)
        x = normalize_and_activate(ConvTranspose(2 * self.width, 4, self.style)(x))
        x = normalize_and_activate(ConvTranspose(self.width, 4, self.style)(x))
        last_stride = self.shape[0] // 28
        return self.output(
            ConvTranspose(self.shape[-1], 4, self.style, stride=last_stride)(x)
        )


class StridedDiscriminator(nn.Module):
    """Convolutions of stride 2, then the logit; the first has no norm after it."""

    channels: Shape
    size: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        for layer, features in enumerate(self.channels):
            x = Conv(features, self.size, self.style, stride=2)(x)
            x = self.style.normalize(x, train) if layer else x
            x = self.style.activate(x)
        return score(x.reshape(len(x), -1), label, self.style)


def dcgan(shape: Shape, g: Style, d: Style, output: Output, *, width: int = 64) -> Pair:
    """Transposed and strided 4x4 convolutions (at 32: w, 2w, 4w channels), ReLU in G.

    Radford et al. 2015, arXiv 1511.06434. D has LeakyReLU(0.2) and ends in a dense
    layer.
    """
    channels = tuple(width * 2**i for i in range(count_halvings(shape)))
    return (
        DcganGenerator(shape, channels[::-1], g.or_activation(relu), output),
        StridedDiscriminator(channels, 4, d.or_activation(leaky_relu)),
    )


def dense_conv(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 32
) -> Pair:
    """G: dense 8w, 16w, image, ReLU; D: 3x3 convolutions w, 2w stride 2, LeakyReLU.

    A founding configuration of the project.
    """
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
    """G: dense 16w, 7x7x4w, transposed 2w, w, C (28 or 56 pixels); D: 4x4 w, 2w.

    A founding configuration of the project.
    """
    require_side(shape, (28, 56))
    require_space("model.g_norm", g)
    return (
        Conv7x7Generator(shape, width, g.or_activation(relu), output),
        StridedDiscriminator((width, 2 * width), 4, d.or_activation(leaky_relu)),
    )


def dcgan64(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 64
) -> Pair:
    """G: 4x4x8w without bias, transposed 4w, 2w, w, C (64 pixels); D: w, 2w, 4w.

    A founding configuration of the project, LeakyReLU(0.2) in both networks.
    """
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
    "dcgan": dcgan,
    "dense_conv": dense_conv,
    "conv_7x7": conv_7x7,
    "dcgan64": dcgan64,
}
