"""The GANs of `benchmarks.speed` in PyTorch: the same step, written as its users do.

The losses, penalties, Adam, average of the generator and metrics are those of
`train_step` in alternating play, with the networks of
`benchmarks.speed.torch_networks`. No work is wasted: a player's gradient is taken in
its own parameters alone, fakes for D keep no graph, and R1 differentiates the logits
that the loss has. `tests/speed/test_eager.py` holds all of it equal to ours.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from benchmarks.speed.torch_networks import NETWORKS, Pair

__all__ = [
    "LOSSES",
    "NETWORKS",
    "PENALTIES",
    "add_spectral_norms",
    "make_step_function",
]

Metrics = dict[str, Tensor]
Draw = Callable[..., Tensor]
"""A function like `torch.randn`: `draw(*shape)`."""


def correct_by_sign(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return which reals and which fakes D tells right by the sign of their logits."""
    return real > 0, fake < 0


def correct_in_pairs(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return which pairs of a real and a fake D orders right."""
    return real > fake, real > fake


class Loss(NamedTuple):
    """`(real logits, fake logits) -> [B]` for D, and `fake logits -> [B]` for G.

    correct: which reals and which fakes D tells right.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    correct: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = correct_by_sign


class PenaltyInputs(NamedTuple):
    """What a penalty sees; uniform: a source of numbers in [0, 1)."""

    critic: Callable[[Tensor], Tensor]
    real: Tensor
    real_logits: Tensor
    fake: Tensor
    uniform: Draw


class Penalty(NamedTuple):
    """A penalty.

    at_reals: whether reals need a gradient. term: returns `[B]` and metrics.
    """

    at_reals: bool
    term: Callable[[PenaltyInputs], tuple[Tensor, Metrics]]


class Adam(NamedTuple):
    """The settings of both players' optimizers."""

    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    eps: float = 1e-8


class Draws(NamedTuple):
    """The sources of latents and of the penalty's uniform numbers."""

    normal: Draw
    uniform: Draw


class Player(NamedTuple):
    """A network with its parameters and its optimizer."""

    network: Callable[[Tensor], Tensor]
    parameters: list[Tensor]
    optimizer: torch.optim.Optimizer


class Game(NamedTuple):
    """Everything of a run; average: of G's parameters, updated by `follow`."""

    generator: Player
    discriminator: Player
    real: Tensor
    z_dim: int
    loss: Loss
    penalty: Penalty
    weight: float
    average: list[Tensor]
    follow: Callable[[list[Tensor], list[Tensor], int], None]
    draws: Draws


def cross_entropy_d(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-real) + softplus(fake)


def non_saturating_g(fake: Tensor) -> Tensor:
    return softplus(-fake)


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    return fake - real


def wasserstein_g(fake: Tensor) -> Tensor:
    return -fake


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - real) + relu(1 + fake)


def squared_gradient_norm(logits: Tensor, x: Tensor) -> tuple[Tensor, Metrics]:
    """Return `n(x)^2 [B]`, differentiable, and the mean of n."""
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    squares = gradient.square().flatten(1).sum(1)
    return squares, {"critic_grad_norm": squares.detach().sqrt().mean()}


def no_penalty(seen: PenaltyInputs) -> tuple[Tensor, Metrics]:
    return torch.zeros_like(seen.real_logits), {}


def r1(seen: PenaltyInputs) -> tuple[Tensor, Metrics]:
    """Return `n(x)^2 / 2` at the reals."""
    squares, metrics = squared_gradient_norm(seen.real_logits, seen.real)
    return squares / 2, metrics


def wgan_gp(seen: PenaltyInputs) -> tuple[Tensor, Metrics]:
    """Return `(sqrt(n(x^)^2 + 1e-12) - 1)^2` at `x^ = u x + (1 - u) G(z)`.

    u is drawn for each example.
    """
    u = seen.uniform(len(seen.real), *(1 for _ in seen.real.shape[1:]))
    x = (u * seen.real + (1 - u) * seen.fake).requires_grad_()
    squares, metrics = squared_gradient_norm(seen.critic(x), x)
    return ((squares + 1e-12).sqrt() - 1).square(), metrics


def add_spectral_norms(module: nn.Module) -> nn.Module:
    """Return the network, each convolution and dense layer spectrally normalized."""
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            spectral_norm(layer)
    return module


def apply_gradient(player: Player, loss: Tensor) -> Tensor:
    """Make one update of the player, and return the norm of its gradient."""
    gradients = torch.autograd.grad(loss, player.parameters)
    for parameter, gradient in zip(player.parameters, gradients, strict=True):
        parameter.grad = gradient
    player.optimizer.step()
    return nn.utils.get_total_norm(gradients)


def update_discriminator(game: Game) -> Metrics:
    """Make one update of D, and return its metrics."""
    judge = game.discriminator.network
    real = game.real.detach().requires_grad_(game.penalty.at_reals)
    with torch.no_grad():
        fake = game.generator.network(game.draws.normal(len(real), game.z_dim))
    real_logits, fake_logits = judge(real), judge(fake)
    seen = PenaltyInputs(judge, real, real_logits, fake, game.draws.uniform)
    term, measured = game.penalty.term(seen)
    loss = game.loss.discriminator(real_logits, fake_logits).mean()
    penalty = game.weight * term.mean()
    real_correct, fake_correct = game.loss.correct(real_logits, fake_logits)
    norm = apply_gradient(game.discriminator, loss + penalty)
    return measured | {
        "d_loss": loss.detach(),
        "d_penalty": penalty.detach(),
        "real_logits": real_logits.detach().mean(),
        "fake_logits": fake_logits.detach().mean(),
        "real_accuracy": real_correct.float().mean(),
        "fake_accuracy": fake_correct.float().mean(),
        "d_grad_norm": norm,
    }


def update_generator(game: Game) -> Metrics:
    """Make one update of G, and return its metrics."""
    fake = game.generator.network(game.draws.normal(len(game.real), game.z_dim))
    loss = game.loss.generator(game.discriminator.network(fake)).mean()
    norm = apply_gradient(game.generator, loss)
    return {
        "g_loss": loss.detach(),
        "g_penalty": torch.zeros_like(norm),
        "g_grad_norm": norm,
    }


def play_step(game: Game) -> Metrics:
    """Update D, then G, then the average of G; return the scalars of `train_step`."""
    metrics = update_discriminator(game) | update_generator(game)
    game.follow(game.average, game.generator.parameters, 0)
    finite = torch.stack(list(metrics.values())).isfinite().all()
    return metrics | {"finite": finite}


def tune_torch() -> None:
    """Let PyTorch use TF32 for products and convolutions, and choose among cuDNN's."""
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True


def with_autocast(step: Callable[[], Metrics], device: str) -> Callable[[], Metrics]:
    """Return a step whose layers run in bfloat16 where autocast does that."""

    def run() -> Metrics:
        with torch.autocast(device, torch.bfloat16):
            return step()

    return run


def make_player(network: nn.Module, adam: Adam, compiled: bool) -> Player:
    """Return a player; compiled: by torch.compile."""
    parameters: list[Tensor] = list(network.parameters())
    optimizer = torch.optim.Adam(
        parameters, adam.learning_rate, adam.betas, eps=adam.eps
    )
    run = torch.compile(network) if compiled else network
    return Player(run, parameters, optimizer)


def make_step_function(
    networks: Pair,
    real: Tensor,
    z_dim: int,
    loss: str,
    penalty: str,
    weight: float,
    adam: Adam,
    ema_decay: float,
    draws: Draws | None = None,
    *,
    compiled: bool = False,
) -> partial[Metrics]:
    """Return `partial(play_step, game)`: each call is one alternating step.

    A step takes the batch `real [B, ...]`, and its metrics stay on the device of the
    batch. networks: a pair of NETWORKS, which is moved there and then trained. loss,
    penalty: names of LOSSES and PENALTIES. weight: of the penalty. ema_decay: of G's
    average, from the first step. compiled: by `torch.compile`, whose functions have no
    second derivative, so that penalties raise a RuntimeError in the first step.
    """
    pair = [network.to(real.device) for network in networks]
    generator, discriminator = (make_player(net, adam, compiled) for net in pair)
    source = Draws(*(partial(f, device=real.device) for f in (torch.randn, torch.rand)))
    game = Game(
        generator,
        discriminator,
        real,
        z_dim,
        LOSSES[loss],
        PENALTIES[penalty],
        weight,
        [parameter.detach().clone() for parameter in generator.parameters],
        get_ema_multi_avg_fn(ema_decay),
        draws or source,
    )
    return partial(play_step, game)


LOSSES: dict[str, Loss] = {
    "non_saturating": Loss(cross_entropy_d, non_saturating_g),
    "wasserstein": Loss(wasserstein_d, wasserstein_g, correct_in_pairs),
    "hinge": Loss(hinge_d, wasserstein_g),
}

PENALTIES: dict[str, Penalty] = {
    "none": Penalty(False, no_penalty),
    "r1": Penalty(True, r1),
    "wgan_gp": Penalty(False, wgan_gp),
}
