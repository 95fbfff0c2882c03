"""The methods that experiments.dirac compares, each a complete Config."""

from dataclasses import replace
from typing import Any

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
"""Not lsgan: without a bias D(0) is 0, never its target, and the game is degenerate."""
NOISY_BATCH = 128
OPTIONS: dict[str, dict[str, Any]] = {"consensus": {"gamma": 1.0}}
"""Of rules of play, where their published values are not made for this game."""


def make_games(steps: int, learning_rate: float) -> dict[str, Config]:
    """Title -> the Dirac-GAN under a method: losses and penalties in simultaneous
    steps; then every other rule of play, and negative momentum in turns, on minimax.
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
    found = {name: replace(game, loss=LossConfig(name)) for name in LOSSES}
    found["WGAN, clip 1"] = replace(wgan, d_optimizer=replace(sgd, clip_params=1.0))
    found["WGAN-GP, lambda 0.35"] = replace(
        wgan, penalty=PenaltyConfig("wgan_gp", 0.35)
    )
    found["instance noise 0.7"] = replace(game, augment=noise, batch_size=NOISY_BATCH)
    for name, gamma in (("r1", 0.3), ("r2", 0.3), ("r1", 1.0)):
        title = f"{name.upper()}, gamma {gamma:g}"
        found[title] = replace(game, penalty=PenaltyConfig(name, gamma))
    for name in [name for name in DYNAMICS if name != "simultaneous"]:
        rule = DynamicsConfig(name, **OPTIONS.get(name, {}))
        found[name] = replace(game, dynamics=rule, g_first=name == "alternating")
    heavy = replace(sgd, name="momentum", momentum=-0.5)
    both = {"g_optimizer": heavy, "d_optimizer": heavy}
    found["momentum \N{MINUS SIGN}0.5, alternating"] = replace(
        found["alternating"], **both
    )
    return found
