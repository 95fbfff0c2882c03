"""Pairs of dense networks, for points and small images."""

import math
from collections.abc import Callable

import flax.linen as nn

from gan_jax.layers.activations import leaky_relu, relu
from gan_jax.layers.basic import Array, Dense, Maxout, Style
from gan_jax.models.labels import append_label_embedding, score
from gan_jax.models.shapes import Output, Pair, Shape, require_space


class DenseGenerator(nn.Module):
    """Dense layers of the given widths, then one to the data's shape."""

    shape: Shape
    widths: Shape
    style: Style
    output: Output
    hidden_bias: bool = True

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        x = append_label_embedding(z, label, self.style)
        for width in self.widths:
            x = Dense(width, self.style, bias=self.hidden_bias)(x)
            x = self.style.activate(self.style.normalize(x, train))
        x = Dense(math.prod(self.shape), self.style)(x)
        return self.output(x).reshape(-1, *self.shape)


class MlpDiscriminator(nn.Module):
    """`depth` hidden dense layers, then the logit; the first has no norm after it."""

    width: int
    style: Style
    depth: int = 2

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        x = x.reshape(len(x), -1)
        for layer in range(self.depth):
            x = Dense(self.width, self.style)(x)
            x = self.style.normalize(x, train) if layer else x
            x = self.style.activate(x)
        return score(x, label, self.style)


class MaxoutDiscriminator(nn.Module):
    """Hidden maxout layers, then the logit; the first has no norm after it."""

    widths: Shape
    pieces: int
    style: Style

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        x = x.reshape(len(x), -1)
        for layer, width in enumerate(self.widths):
            x = Maxout(width, self.pieces, self.style)(x)
            x = self.style.normalize(x, train) if layer else x
        return score(x, label, self.style)


def mlp(
    shape: Shape,
    g: Style,
    d: Style,
    output: Output,
    *,
    width: int = 128,
    d_width: int | None = None,
) -> Pair:
    """Two hidden dense layers in each network, ReLU in G, LeakyReLU(0.2) in D."""
    require_space("model.g_norm", g)
    require_space("model.d_norm", d)
    return (
        DenseGenerator(shape, (width, width), g.or_activation(relu), output),
        MlpDiscriminator(d_width or width, d.or_activation(leaky_relu)),
    )


def pacgan(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 200
) -> Pair:
    """The pair of PacGAN's toys: G dense 4 x 2w without bias, ReLU; D 3 maxout layers.

    Lin et al. 2017, arXiv 1712.04086, and its released code: G has 400 units with batch
    norm, D has w = 200 units of 5 pieces, no dropout, weights N(0, 0.02^2), z of 2
    numbers. Here norms, initializers and z are the config's.
    """
    require_space("model.g_norm", g)
    require_space("model.d_norm", d)
    return (
        DenseGenerator(
            shape, 4 * (2 * width,), g.or_activation(relu), output, hidden_bias=False
        ),
        MaxoutDiscriminator(3 * (width,), 5, d),
    )


def deep_mlp(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 200
) -> Pair:
    """G: dense 4 x 2w, ReLU; D: dense 4 x w, LeakyReLU(0.2).

    At w = 200 it is the pair of the alpha-GAN's experiment on the ring. Welfert et al.
    2023, arXiv 2310.18291.
    """
    require_space("model.g_norm", g)
    require_space("model.d_norm", d)
    return (
        DenseGenerator(shape, 4 * (2 * width,), g.or_activation(relu), output),
        MlpDiscriminator(width, d.or_activation(leaky_relu), depth=4),
    )


MODELS: dict[str, Callable[..., Pair]] = {
    "mlp": mlp,
    "pacgan": pacgan,
    "deep_mlp": deep_mlp,
}
