"""A pair of networks that change an image's size by upsampling and pooling."""

from collections.abc import Callable

import flax.linen as nn

from gan_jax.layers.activations import leaky_relu
from gan_jax.layers.basic import Array, Conv, Dense, Style, down_conv, up_conv
from gan_jax.models.labels import append_label_embedding, score
from gan_jax.models.shapes import Output, Pair, Shape, count_halvings


class ResizeGenerator(nn.Module):
    """A dense layer, then activation, upsampling and 3x3 convolution to full size."""

    shape: Shape
    channels: Shape
    style: Style
    output: Output

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        first, *rest = self.channels
        base = self.shape[0] // 2 ** len(rest)
        x = Dense(base * base * first, self.style)(
            append_label_embedding(z, label, self.style)
        )
        x = x.reshape(-1, base, base, first)
        for features in rest:
            x = self.style.activate(self.style.normalize(x, train))
            x = up_conv(features, style=self.style)(x)
        x = self.style.activate(self.style.normalize(x, train))
        return self.output(Conv(self.shape[-1], 3, self.style)(x))


class ResizeDiscriminator(nn.Module):
    """A 3x3 convolution, then stages of activation, 3x3 convolution, 2x2 mean, norm."""

    channels: Shape
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        first, *rest = self.channels
        x = Conv(first, 3, self.style)(x)
        for features in rest:
            x = down_conv(features, style=self.style)(self.style.activate(x))
            x = self.style.normalize(x, train)
        x = self.style.activate(x)
        return score(x.reshape(len(x), -1), label, self.style)


def resize(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 32
) -> Pair:
    """Nearest upsampling in G, mean pooling in D, 3x3 convolutions, LeakyReLU(0.2).

    There are `width` channels at full size, twice as many at each halving.
    """
    channels = tuple(width * 2**i for i in range(count_halvings(shape) + 1))
    return (
        ResizeGenerator(shape, channels[::-1], g.or_activation(leaky_relu), output),
        ResizeDiscriminator(channels, d.or_activation(leaky_relu)),
    )


MODELS: dict[str, Callable[..., Pair]] = {"resize": resize}
