"""The games that the command `dirac` compares, each a complete Config."""

from dataclasses import replace

from gan_jax.config import (
    AugmentConfig,
    Config,
    DatasetConfig,
    DynamicsConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.dynamics import DYNAMICS

LOSSES = ("minimax", "non_saturating", "relativistic", "wasserstein", "hinge")
"""The losses that are compared.

lsgan is not one of them: without a bias D(0) is 0, never its target, and the game is
degenerate."""
NOISY_BATCH = 128
"""The batch size of the game with instance noise, which averages over it."""
GAMMAS = {"consensus": 1.0}
"""The `gamma` of rules of play whose published value is not made for this game."""


def make_games(steps: int, learning_rate: float) -> dict[str, Config]:
    """Return the Dirac-GAN under each method, by the title of the method.

    Losses and penalties come first, in simultaneous steps. Every other rule of play and
    negative momentum in turns follow, on the minimax game.
    """
    sgd = OptimizerConfig("sgd", learning_rate=learning_rate)
    game = Config(
        steps=steps,
        batch_size=1,
        dataset=DatasetConfig("dirac"),
        model=ModelConfig("dirac", z_dim=1),
        loss=LossConfig("minimax"),
        dynamics=DynamicsConfig("simultaneous"),
        g_optimizer=sgd,
        d_optimizer=sgd,
    )
    wgan = replace(game, loss=LossConfig("wasserstein"))
    noise = AugmentConfig("instance_noise", strength=0.7)
    games = {name: replace(game, loss=LossConfig(name)) for name in LOSSES}
    games["WGAN, clip 1"] = replace(wgan, d_optimizer=replace(sgd, clip_params=1.0))
    games["WGAN-GP, lambda 0.35"] = replace(
        wgan, penalty=PenaltyConfig("wgan_gp", 0.35)
    )
    games["instance noise 0.7"] = replace(game, augment=noise, batch_size=NOISY_BATCH)
    for name, gamma in (("r1", 0.3), ("r2", 0.3), ("r1", 1.0)):
        title = f"{name.upper()}, gamma {gamma:g}"
        games[title] = replace(game, penalty=PenaltyConfig(name, gamma))
    for name in [name for name in DYNAMICS if name != "simultaneous"]:
        rule = DynamicsConfig(name, gamma=GAMMAS.get(name))
        games[name] = replace(game, dynamics=rule, g_first=name == "alternating")
    heavy = replace(sgd, name="momentum", momentum=-0.5)
    optimizers = {"g_optimizer": heavy, "d_optimizer": heavy}
    games["momentum \N{MINUS SIGN}0.5, alternating"] = replace(
        games["alternating"], **optimizers
    )
    return games
