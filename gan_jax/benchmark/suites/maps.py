"""The suites of stability maps: success over a grid of both players' learning rates.

All methods play with the same networks, batch, optimizer, betas, D steps and learning
rates, so that the maps differ by the methods alone.
"""

from collections.abc import Mapping
from dataclasses import replace

from gan_jax.benchmark.outcome import Bound, Goal
from gan_jax.benchmark.suites.images import DIGITS
from gan_jax.benchmark.suites.spec import (
    BENCHMARK_METHODS,
    Changes,
    Cost,
    Suite,
    Task,
)
from gan_jax.config import Config, DatasetConfig, SweepConfig
from gan_jax.dynamics import DYNAMICS
from gan_jax.methods.changes import PLAYERS, change_fields

RATE = 1e-3
"""The learning rate of both players, which the factors of a map multiply."""
FACTORS = (0.04, 0.2, 1.0, 5.0, 25.0)
"""The factors on the learning rate of each player: from 4e-5 to 2.5e-2."""
ADAM: Changes = {
    f"{player}.{field}": value
    for player in PLAYERS
    for field, value in {
        "name": "adam",
        "learning_rate": RATE,
        "b1": 0.5,
        "b2": 0.99,
    }.items()
}
COMMON: Changes = {"batch_size": 64, "d_steps": 1, "ema.decay": 0.0, **ADAM}
"""What all methods of a map share."""
NETWORK: Changes = {
    "model.name": "mlp",
    "model.width": 64,
    "model.z_dim": 2,
    "model.activation": "leaky_relu",
}


def coverage_task(
    about: str, modes: int, dataset: DatasetConfig, changes: Changes | None = None
) -> Task:
    """Return the task of covering the modes of a mixture in their shares.

    A mode is covered if a quarter of its fair share of points lies within three sigma
    (more in more dimensions). How sharp the samples are is no part of the goal.
    """
    goal = Goal(
        (
            Bound("robust_modes", at_least=modes),
            Bound("reverse_kl", at_most=0.05),
        ),
        Bound("modes", at_least=modes / 2),
    )
    return Task(about, dataset, goal, ("modes", "swd"), 2500, changes or {})


TASKS: dict[str, Task] = {
    "ring_wide": coverage_task(
        "8 modes, sigma 0.05", 8, DatasetConfig("ring", sigma=0.05)
    ),
    "grid_wide": coverage_task(
        "25 modes, sigma 0.1",
        25,
        DatasetConfig("grid", sigma=0.1),
        {"model.width": 128},
    ),
    "imbalanced_wide": coverage_task(
        "8 modes, sigma 0.05, one of them 1 % of the data",
        8,
        DatasetConfig("imbalanced_ring", sigma=0.05),
    ),
    "mixture_16d": coverage_task(
        "32 modes in 16 dimensions",
        32,
        DatasetConfig("mixture_16d"),
        {"model.width": 128, "model.z_dim": 16},
    ),
    "digits": replace(DIGITS, changes={"model.width": 128, "model.z_dim": 32}),
    "stacked_digits": Task(
        "1,000 modes: three 8x8 digits as the channels of an image",
        DatasetConfig("stacked_digits"),
        Goal(
            (Bound("modes", at_least=950), Bound("kl", at_most=0.3)),
            Bound("modes", at_least=500),
        ),
        ("modes",),
        10_000,
        {"model.width": 256, "model.z_dim": 64},
    ),
}

MAPPED = (
    "minimax",
    "ns_gan",
    "lsgan",
    "hinge",
    "wgan_gp",
    "wgan_gp_weak",
    "dragan",
    "r1",
    "r1_weak",
    "r1_r2_weak",
    "rpgan",
    "rpgan_r1_weak",
    "r3gan_weak",
    "sn_gan",
    "pacgan2",
    "extragradient",
    "extragradient+r1",
)

RATES = SweepConfig(g_lr=FACTORS, d_lr=FACTORS)


def rule_methods() -> dict[str, Config]:
    """Return the plain GAN and weak R1 under every other rule of play that Adam allows.

    They are `extragradient`, `extragradient+r1` and so on.
    """
    return {
        f"{rule}{suffix}": change_fields(
            BENCHMARK_METHODS[base], {"dynamics.name": rule}
        )
        for rule in DYNAMICS
        if rule not in ("alternating", "competitive")
        for suffix, base in (("", "ns_gan"), ("+r1", "r1_weak"))
    }


RULES = rule_methods()
CATALOGUE: Mapping[str, Config] = {**RULES, **BENCHMARK_METHODS}

MAP = Suite(
    "Stability maps: 5 x 5 learning rates, the same settings for all methods",
    TASKS,
    network=NETWORK,
    steps=5000,
    cost=Cost(0.06e-3, 0.1e-3, 0.05),
    methods=MAPPED,
    changes=COMMON,
    sweep=RATES,
    catalogue=CATALOGUE,
    round_seeds=2,
)

SUITES = {
    "map": MAP,
    "map_rules": replace(
        MAP,
        about="Stability maps of the rules of play, with and without R1",
        methods=("ns_gan", "r1_weak", *RULES),
    ),
    "map_penalty": replace(
        MAP,
        about="Stability maps at penalty weights .001 to 10",
        methods=("wgan_gp_weak", "r1_weak", "r1_r2_weak", "r3gan_weak"),
        sweep=replace(RATES, penalty=(0.01, 0.1, 1.0, 10.0, 100.0)),
        round_seeds=1,
    ),
    "quick": replace(
        MAP,
        about="Small stability maps: 3 x 3 learning rates, 2 tasks, 6 methods",
        tasks={name: TASKS[name] for name in ("ring_wide", "mixture_16d")},
        methods=("ns_gan", "lsgan", "wgan_gp_weak", "r1_weak", "rpgan", "r3gan_weak"),
        steps=2000,
        sweep=SweepConfig(g_lr=(0.04, 1.0, 25.0), d_lr=(0.04, 1.0, 25.0)),
    ),
}
