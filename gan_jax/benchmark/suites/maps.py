"""The suites of stability maps: success at each pair of learning rates."""

from dataclasses import replace

from gan_jax.benchmark.outcome import Bound, Goal
from gan_jax.benchmark.suites.spec import (
    BENCHMARK_METHODS,
    Changes,
    Cost,
    Suite,
    Task,
)
from gan_jax.benchmark.suites.games import change_both_players
from gan_jax.config import DatasetConfig, SweepConfig

FACTORS = (0.04, 0.2, 1.0, 5.0, 25.0)
PILOT_SEED = 1000


def covers_modes(modes: int) -> Goal:
    return Goal(
        (
            Bound("robust_modes", at_least=modes),
            Bound("reverse_kl", at_most=0.05),
        ),
        Bound("modes", at_least=modes / 2),
    )


def covers_classes(share) -> Goal:
    return Goal(
        (Bound("classes", at_least=10), Bound("class_reverse_kl", at_most=0.1)),
        Bound("classes", at_least=5),
    )


def mixture_task(about: str, modes: int, dataset: DatasetConfig, **changes) -> Task:
    return Task(about, dataset, covers_modes(modes), ("modes", "swd"), 2500, changes)


WIDE = {"model.width": 128}
IMAGE = {"model.z_dim": 32, "model.width": 64}
TASKS = {
    "ring_wide": mixture_task("", 8, DatasetConfig("ring", sigma=0.05)),
    "grid_wide": mixture_task("", 25, DatasetConfig("grid", sigma=0.1)),
    "imbalanced_wide": mixture_task("", 8, DatasetConfig("imbalanced_ring", sigma=0.05)),
    "random_mixture": mixture_task("", 20, DatasetConfig("random_mixture")),
    "mixture_16d": mixture_task("", 32, DatasetConfig("mixture_16d", sigma=0.1), **{"model.z_dim": 16}),
    "digits": Task("", DatasetConfig("digits"), covers_classes(0), ("fid", "modes"), 898, IMAGE),
    "stacked_digits": Task("", DatasetConfig("stacked_digits"), Goal(
        (Bound("modes", at_least=900), Bound("kl", at_most=0.4)), Bound("modes", at_least=500)), ("modes",), 5000, IMAGE),
}

COMMON: Changes = {
    "batch_size": 64,
    "d_steps": 1,
    "ema.decay": 0.0,
    **change_both_players(name="adam", learning_rate=1e-3, b1=0.5, b2=0.99),
}

MAP = Suite(
    "Stability maps",
    TASKS,
    network={
        "model.name": "mlp",
        "model.width": 64,
        "model.z_dim": 2,
        "model.activation": "leaky_relu",
    },
    steps=5_000,
    cost=Cost(0.1e-3, 0.15e-3, 0.03),
    methods=("ns_gan", "r1_weak", "r3gan_weak"),
    changes=COMMON,
    sweep=SweepConfig(g_lr=FACTORS, d_lr=FACTORS),
    round_seeds=2,
    evaluations=8,
)
SUITES = {"map": MAP, "map_pilot": replace(MAP, first_seed=PILOT_SEED)}
