"""Pairs of `MODELS` in PyTorch, without norms, for `benchmarks.speed.torch_step`.

A pair is made by `NETWORKS[name](shape, width, z_dim)`, where the shape is that of our
data, `(2,)` or `(H, W, C)`. Images here are `[B, C, H, W]`. Generators map `[B, Z]` to
data, and discriminators map data to logits `[B]`.
"""

import math
from collections.abc import Callable, Iterator

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

Shape = tuple[int, ...]
Pair = tuple[nn.Module, nn.Module]

SLOPE = 0.2


class ToShape(nn.Module):
    """A layer `[B, n] -> [B, *shape]`, of images channels first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape[-1:] + shape[:-1]

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.shape)


def halvings(side: int) -> int:
    """Return how often a side is halved to reach 4 to 7 pixels."""
    return math.floor(math.log2(side / 4))


def mlp(shape: Shape, width: int, z_dim: int) -> Pair:
    """Return two networks of two hidden layers; tanh for images, linear for points."""
    size = math.prod(shape)
    generator = nn.Sequential(
        nn.Linear(z_dim, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, size),
        nn.Tanh() if len(shape) > 1 else nn.Identity(),
        ToShape(shape),
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Linear(size, width),
        nn.LeakyReLU(SLOPE),
        nn.Linear(width, width),
        nn.LeakyReLU(SLOPE),
        nn.Linear(width, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


def base_layers(side: int, channels: int, z_dim: int) -> Iterator[nn.Module]:
    """Yield G's first layers: dense to `[B, channels, side, side]`."""
    yield nn.Linear(z_dim, side * side * channels)
    yield nn.Unflatten(1, (channels, side, side))


def dcgan(shape: Shape, width: int, z_dim: int) -> Pair:
    """Return transposed and strided 4x4 convolutions, then dense 1."""
    side, count = shape[0], halvings(shape[0])
    base = side // 2**count
    channels = [shape[-1], *(width * 2**i for i in range(count))]
    g_layers = list(base_layers(base, channels[-1], z_dim))
    d_layers: list[nn.Module] = []
    for i in range(count):
        few, many = channels[i], channels[i + 1]
        d_layers += [nn.Conv2d(few, many, 4, 2, 1), nn.LeakyReLU(SLOPE)]
    for i in reversed(range(count)):
        few, many = channels[i], channels[i + 1]
        g_layers += [nn.ReLU(), nn.ConvTranspose2d(many, few, 4, 2, 1)]
    last = nn.Linear(base * base * channels[-1], 1)
    return (
        nn.Sequential(*g_layers, nn.Tanh()),
        nn.Sequential(*d_layers, nn.Flatten(), last, nn.Flatten(0)),
    )


def conv3(few: int, many: int) -> nn.Module:
    return nn.Conv2d(few, many, 3, padding=1)


def resize(shape: Shape, width: int, z_dim: int) -> Pair:
    """Return nearest upsampling or mean pooling with 3x3 convolutions."""
    side, count = shape[0], halvings(shape[0])
    base = side // 2**count
    channels = [width * 2**i for i in range(count + 1)]
    g_layers = list(base_layers(base, channels[-1], z_dim))
    d_layers = [conv3(shape[-1], width)]
    for i in range(count):
        few, many = channels[i], channels[i + 1]
        d_layers += [nn.LeakyReLU(SLOPE), conv3(few, many), nn.AvgPool2d(2)]
    for i in reversed(range(count)):
        few, many = channels[i], channels[i + 1]
        g_layers += [nn.LeakyReLU(SLOPE), nn.Upsample(scale_factor=2)]
        g_layers += [conv3(many, few)]
    g_layers += [nn.LeakyReLU(SLOPE), conv3(width, shape[-1]), nn.Tanh()]
    last = nn.Linear(base * base * channels[-1], 1)
    d_layers += [nn.LeakyReLU(SLOPE), nn.Flatten(), last, nn.Flatten(0)]
    return nn.Sequential(*g_layers), nn.Sequential(*d_layers)


def identity(x: Tensor) -> Tensor:
    return x


def double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2)


def halve(x: Tensor) -> Tensor:
    return avg_pool2d(x, 2)


class ResBlock(nn.Module):
    """`shortcut(x) + conv(relu(conv(relu(x))))`, resized before or after."""

    def __init__(
        self,
        width: int,
        before: Callable[[Tensor], Tensor] = identity,
        after: Callable[[Tensor], Tensor] = identity,
    ) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.body = nn.Sequential(conv3(width, width), nn.ReLU(), conv3(width, width))
        resized = before is not identity or after is not identity
        self.shortcut = nn.Conv2d(width, width, 1) if resized else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.after(self.body(self.before(x.relu())))
        return y + self.after(self.shortcut(self.before(x)))


class FirstBlock(nn.Module):
    """D's first block: `conv(shrink(x)) + shrink(conv(relu(conv(x))))`."""

    def __init__(
        self, channels: int, width: int, shrink: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.shrink = shrink
        self.body = nn.Sequential(
            conv3(channels, width), nn.ReLU(), conv3(width, width)
        )
        self.shortcut = nn.Conv2d(channels, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.shrink(self.body(x)) + self.shortcut(self.shrink(x))


class SpaceSum(nn.Module):
    """The sum over space: `[B, C, H, W] -> [B, C]`."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3))


def resnet(shape: Shape, width: int, z_dim: int) -> Pair:
    """Return residual blocks, of 2 width channels in G; D sums over space."""
    side, count = shape[0], halvings(shape[0])
    channels, down = shape[-1], count - 1
    generator = nn.Sequential(
        *base_layers(side // 2**count, 2 * width, z_dim),
        *(ResBlock(2 * width, before=double) for _ in range(count)),
        nn.ReLU(),
        conv3(2 * width, channels),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        FirstBlock(channels, width, halve if down else identity),
        *(ResBlock(width, after=halve) for _ in range(down - 1)),
        *(ResBlock(width) for _ in range(2)),
        nn.ReLU(),
        SpaceSum(),
        nn.Linear(width, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


NETWORKS: dict[str, Callable[[Shape, int, int], Pair]] = {
    "mlp": mlp,
    "dcgan": dcgan,
    "resize": resize,
    "resnet": resnet,
}
