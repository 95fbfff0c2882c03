"""The GANs of `benchmarks.speed` in PyTorch, eager, as its users write them.

The same networks (`MODELS["mlp"]`, `MODELS["dcgan"]` at 8 pixels), losses, R1 penalty,
optimizer, batch and latents; no average of the generator, which costs PyTorch nothing
here and gan_jax a little.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


def mlp(width: int, z_dim: int) -> tuple[nn.Module, nn.Module]:
    """For points `[B, 2]`: two hidden layers each."""
    generator = nn.Sequential(
        nn.Linear(z_dim, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 2),
    )
    discriminator = nn.Sequential(
        nn.Linear(2, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


def dcgan(width: int, z_dim: int) -> tuple[nn.Module, nn.Module]:
    """For images `[B, 1, 8, 8]`: one 4x4 stride-2 layer each, as dcgan has at 8."""
    generator = nn.Sequential(
        nn.Linear(z_dim, 16 * width),
        nn.Unflatten(1, (width, 4, 4)),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(16 * width, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


def step_function(
    networks: tuple[nn.Module, nn.Module],
    real: Tensor,
    z_dim: int,
    gamma: float,
    learning_rate: float,
    betas: tuple[float, float],
) -> Callable[[], None]:
    """One alternating step: non-saturating loss and `gamma / 2 E |grad D(x)|^2`."""
    generator, discriminator = networks
    g_adam, d_adam = (
        torch.optim.Adam(net.parameters(), learning_rate, betas) for net in networks
    )

    def step() -> None:
        image = real.clone().requires_grad_(gamma > 0)
        fake = generator(torch.randn(len(real), z_dim)).detach()
        real_logits, fake_logits = discriminator(image), discriminator(fake)
        loss = (softplus(-real_logits) + softplus(fake_logits)).mean()
        if gamma > 0:
            gradient = torch.autograd.grad(real_logits.sum(), image, create_graph=True)[
                0
            ]
            loss = loss + gamma / 2 * gradient.square().flatten(1).sum(1).mean()
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()
        fake = generator(torch.randn(len(real), z_dim))
        loss = softplus(-discriminator(fake)).mean()
        g_adam.zero_grad()
        loss.backward()
        g_adam.step()

    return step


def seconds_per_step(step: Callable[[], None], steps: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - started) / steps
