"""Pairs of networks: generator and discriminator as Flax modules.

`generator.apply(variables, z [B, Z], label, train=...)` gives images `[B, H, W, C]` or
points `[B, 2]`; `discriminator.apply(variables, x, label, train=...)` gives logits
`[B]`. A pair is made by `MODELS[name](shape, g_style, d_style, output, width=...)`,
which refuses shapes it cannot make. With a style's `label_count` a pair is conditional:
G reads z beside an embedding of the label, D adds the label's projection.
"""

from collections.abc import Callable

import flax.linen as nn
import jax

from gan_jax.layers.basic import Style, instance_norm, leaky_relu
from gan_jax.models.games import (
    LinearDiscriminator,
    PointGenerator,
    refuse_layers,
    require_points,
)
from gan_jax.models.networks import (
    Conv7x7Generator,
    DcganGenerator,
    DenseGenerator,
    MaxoutDiscriminator,
    MlpDiscriminator,
    Output,
    ResizeDiscriminator,
    ResizeGenerator,
    ResnetDiscriminator,
    ResnetGenerator,
    Shape,
    StridedDiscriminator,
)

Pair = tuple[nn.Module, nn.Module]
relu = jax.nn.relu


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


def pacgan(
    shape: Shape, g: Style, d: Style, output: Output, *, width: int = 200
) -> Pair:
    """The pair of PacGAN's toys: G dense 4 x 2w without bias, ReLU; D 3 maxout layers.

    Lin et al. 2017, arXiv 1712.04086, and its released code: G of 400 units with batch
    norm, D of w = 200 units of 5 pieces, no dropout, weights N(0, 0.02^2), z of 2
    numbers. Norms, initializers and z are the config's.
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
    """G: dense 4 x 2w, ReLU; D: dense 4 x w, LeakyReLU. At w 200 that of the alpha-GAN.

    Of its experiment on the ring: Welfert et al. 2023, arXiv 2310.18291.
    """
    require_space("model.g_norm", g)
    require_space("model.d_norm", d)
    return (
        DenseGenerator(shape, 4 * (2 * width,), g.or_activation(relu), output),
        MlpDiscriminator(width, d.or_activation(leaky_relu), depth=4),
    )


def dirac(
    shape: Shape, g: Style, d: Style, output: Output, *, init_scale: float = 1.0
) -> Pair:
    """The players of the Dirac-GAN, one number a coordinate each; points only.

    G(z) = theta, D(x) = psi . x without bias; play starts at theta = init_scale, psi =
    -init_scale in every coordinate. That is (1, 1) in the code of Mescheder et al.
    2018, arXiv 1801.04406, where D is higher for fakes. Not rounded at any precision,
    like every pair's logits.
    """
    require_points(shape)
    refuse_layers("g", g)
    refuse_layers("d", d)
    return PointGenerator(shape, init_scale), LinearDiscriminator(-init_scale)


WITHOUT_LAYERS = (dirac,)
"""Pairs of plain parameters, which read neither latents nor initializers."""

MODELS: dict[str, Callable[..., Pair]] = {
    "mlp": mlp,
    "dcgan": dcgan,
    "resize": resize,
    "resnet": resnet,
    "dense_conv": dense_conv,
    "conv_7x7": conv_7x7,
    "dcgan64": dcgan64,
    "pacgan": pacgan,
    "deep_mlp": deep_mlp,
    "dirac": dirac,
}
