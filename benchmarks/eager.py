"""The same two GANs in PyTorch, eager, as the measure of `benchmarks.speed`."""

from torch import nn


def mlp(data_size: int, width: int, z_dim: int) -> tuple[nn.Module, nn.Module]:
    """`MODELS["mlp"]` for points: the layers and activations of `gan_jax.models`."""
    relu, leaky = nn.ReLU, lambda: nn.LeakyReLU(0.2)
    generator = nn.Sequential(
        nn.Linear(z_dim, width),
        relu(),
        nn.Linear(width, width),
        relu(),
        nn.Linear(width, data_size),
    )
    discriminator = nn.Sequential(
        nn.Linear(data_size, width),
        leaky(),
        nn.Linear(width, width),
        leaky(),
        nn.Linear(width, 1),
        nn.Flatten(0),
    )
    return generator, discriminator
