"""The suite of the Dirac-GAN, played exactly: losses and penalties under every rule."""

from dataclasses import replace

from gan_jax.benchmark.suites.spec import Changes, Cost, Suite, Task
from gan_jax.config import (
    Config,
    DatasetConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.dynamics import DYNAMICS

SGD = OptimizerConfig("sgd", learning_rate=1.0)
"""SGD at rate 1, which the rates of the suite multiply."""
GAME = Config(
    batch_size=1,
    dataset=DatasetConfig("dirac"),
    model=ModelConfig("dirac", z_dim=1),
    g_optimizer=SGD,
    d_optimizer=SGD,
)
LOSSES = ("minimax", "non_saturating", "relativistic", "wasserstein", "hinge")
"""The losses of the game. lsgan is not among them: without a bias D(0) never reaches
its target."""
PENALTIES = {"r1": 0.3, "r2": 0.3, "r1_r2": 0.3, "wgan_gp": 0.35}
"""Penalties with their weights: 0.3 is Mescheder's (arXiv 1801.04406), and 0.35 is his
0.7 / 2."""
CORE = (*LOSSES, *(f"{loss}+r1" for loss in LOSSES), "wasserstein+wgan_gp")


def game_methods() -> dict[str, Config]:
    """Return the methods: `minimax`, `minimax+r1` and so on.

    Each loss stands alone and with every penalty.
    """
    found = {}
    for loss in LOSSES:
        found[loss] = replace(GAME, loss=LossConfig(loss))
        for name, weight in PENALTIES.items():
            penalty = PenaltyConfig(name, weight=weight)
            found[f"{loss}+{name}"] = replace(found[loss], penalty=penalty)
    return found


def make_game_task(about: str, changes: Changes) -> Task:
    """Return the Dirac-GAN as a task under these changes."""
    return Task(about, DatasetConfig("dirac"), None, changes=changes)


def change_both_players(**fields: object) -> Changes:
    """Return changes that set these fields of both players' optimizers."""
    players = ("g_optimizer", "d_optimizer")
    return {f"{player}.{k}": v for player in players for k, v in fields.items()}


ADAM = {"name": "adam", "b2": 0.9}
TASKS = {
    name: make_game_task(f"SGD, {name}", {"dynamics.name": name}) for name in DYNAMICS
} | {
    "alternating": make_game_task(
        "SGD, alternating, G first as in the published notebook",
        {"dynamics.name": "alternating", "g_first": True},
    ),
    "consensus": make_game_task(
        "SGD, consensus of gamma 1",
        {"dynamics.name": "consensus", "dynamics.gamma": 1.0},
    ),
    "momentum": make_game_task(
        "momentum 0.5, in turn", change_both_players(name="momentum", momentum=0.5)
    ),
    "negative_momentum": make_game_task(
        "momentum -0.5, in turn", change_both_players(name="momentum", momentum=-0.5)
    ),
    "rmsprop": make_game_task("RMSprop, in turn", change_both_players(name="rmsprop")),
    "adam_b1_0": make_game_task(
        "Adam (0, 0.9), in turn", change_both_players(**ADAM, b1=0.0)
    ),
    "adam_b1_09": make_game_task(
        "Adam (0.9, 0.9), in turn", change_both_players(**ADAM, b1=0.9)
    ),
}

SUITES = {
    "dirac": Suite(
        "The Dirac-GAN: 500 exact steps of the real train_step in float64 (tier T0)",
        TASKS,
        network={"model.name": "dirac"},
        steps=500,
        cost=Cost(1e-3, 1e-3, 0.0),
        methods=CORE,
        decay=False,
        catalogue=game_methods(),
        rates=(0.01, 0.1, 0.2, 0.5),
    )
}
