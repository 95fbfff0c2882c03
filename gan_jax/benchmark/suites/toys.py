"""The suites on points: tier T1, its stress axes, PacGAN's protocol."""

from dataclasses import replace

from gan_jax.benchmark.outcome import Bound, Goal
from gan_jax.benchmark.suites.spec import (
    BENCHMARK_METHODS,
    Cost,
    Suite,
    Task,
    make_axis,
)
from gan_jax.config import DatasetConfig

SAMPLES_PER_EVALUATION = 2500
"""Samples of each evaluation, as published."""


def coverage_goal(modes: int) -> Goal:
    """Return the goal of covering all modes.

    All modes are hit robustly, their shares are within 0.05 nats, and the shape is
    within 3 floors. A generator that hits half of the modes has not collapsed, however
    wide it draws.
    """
    return Goal(
        (
            Bound("robust_modes", at_least=modes),
            Bound("reverse_kl", at_most=0.05),
            Bound("sliced_wasserstein", at_most=3.0, of_floor=True),
        ),
        Bound("modes", at_least=modes / 2),
    )


def mixture_task(about: str, modes: int, dataset: DatasetConfig) -> Task:
    """Return the task of covering the modes of a mixture."""
    return Task(
        about, dataset, coverage_goal(modes), ("modes", "swd"), SAMPLES_PER_EVALUATION
    )


RING = mixture_task("8 modes, sigma 0.01 (PacGAN)", 8, DatasetConfig("ring"))
EASY_RING = mixture_task("8 modes, sigma 0.05", 8, DatasetConfig("ring", sigma=0.05))
GRID = mixture_task("25 modes, sigma 0.05 (PacGAN)", 25, DatasetConfig("grid"))

TASKS = {
    "ring": RING,
    "ring_wide": EASY_RING,
    "grid": GRID,
    "imbalanced_ring": mixture_task(
        "8 modes, one of them 1 % of the data", 8, DatasetConfig("imbalanced_ring")
    ),
    "random_mixture": mixture_task(
        "20 modes anywhere", 20, DatasetConfig("random_mixture")
    ),
    "rings": mixture_task("8 rings of 8 modes", 64, DatasetConfig("rings")),
}

CORE = (
    "minimax",
    "ns_gan",
    "lsgan",
    "hinge",
    "wgan_gp",
    "wgan_gp_weak",
    "dragan",
    "r1_weak",
    "r1_r2_weak",
    "rpgan",
    "r3gan",
    "pacgan2",
)
PENALIZED = tuple(
    name for name in CORE if BENCHMARK_METHODS[name].penalty.name != "none"
)
PILOT = (
    "minimax",
    "ns_gan",
    "lsgan",
    "wgan_gp_weak",
    "r1_weak",
    "rpgan",
    "r3gan_weak",
)

TOY = Suite(
    "2-D mixtures, MLP of 2 x 128, 10,000 steps, rates decayed linearly (tier T1)",
    TASKS,
    network={
        "model.name": "mlp",
        "model.width": 128,
        "model.z_dim": 2,
        "model.activation": "leaky_relu",
    },
    steps=10_000,
    cost=Cost(0.4e-3, 0.8e-3, 0.3),
    methods=CORE,
    changes={"batch_size": 256, "ema.decay": 0.0},
    adam_rate=1e-3,
)

STRESS = {
    "b1": make_axis("g_optimizer.b1", "d_optimizer.b1", values=(0.0, 0.5, 0.9)),
    "b2": make_axis("g_optimizer.b2", "d_optimizer.b2", values=(0.9, 0.99, 0.999)),
    "d_steps": make_axis("d_steps", values=(1, 5)),
    "batch": make_axis("batch_size", values=(32, 256)),
    "d_width": make_axis("model.d_width", values=(32, 128, 512)),
    "data": make_axis("dataset.size", values=(2500, 100_000)),
    "gain": make_axis("model.init_scale", values=(0.25, 1.0, 4.0)),
    "norm": make_axis("model.g_norm", values=("none", "batch")),
    "precision": make_axis("precision", values=("float32", "bf16")),
    "ema": make_axis("ema.decay", values=(0.0, 0.999)),
    "lazy": make_axis("penalty.every", values=(1, 8, 16)),
}
"""What each suite `stress_NAME` varies, and the values it takes."""

PACGAN = Suite(
    "PacGAN's networks and 400,000 steps on its 100,000 points (for a GPU)",
    {
        "ring": replace(RING, dataset=DatasetConfig("ring", size=100_000)),
        "grid": replace(GRID, dataset=DatasetConfig("grid", size=100_000)),
    },
    network={
        "model.name": "pacgan",
        "model.z_dim": 2,
        "model.g_norm": "batch",
        "model.g_init": "normal",
        "model.d_init": "normal",
    },
    steps=400_000,
    cost=Cost(2.8e-3, 5.6e-3, 0.3),
    methods=("ns_gan", "pacgan2", "pacgan3", "pacgan4"),
    changes={
        "batch_size": 100,
        "ema.decay": 0.0,
        **dict.fromkeys(
            ("g_optimizer.learning_rate", "d_optimizer.learning_rate"), 1e-4
        ),
        **dict.fromkeys(("g_optimizer.b1", "d_optimizer.b1"), 0.8),
    },
    decay=False,
)

ALPHA = Suite(
    "The alpha-GAN's ring: networks of 4 layers, 156,000 steps on 50,000 points (GPU)",
    {"ring": replace(RING, dataset=DatasetConfig("ring", size=50_000), n=25_000)},
    network={"model.name": "deep_mlp", "model.z_dim": 2},
    steps=156_000,
    cost=Cost(2.6e-3, 5.2e-3, 1.0),
    methods=("minimax", "alpha", "ns_gan"),
    changes={
        "batch_size": 128,
        "ema.decay": 0.0,
        **dict.fromkeys(("g_optimizer.b1", "d_optimizer.b1"), 0.9),
    },
    adam_rate=1e-4,
    decay=False,
)

SUITES = {
    "toy": TOY,
    "alpha": ALPHA,
    "pilot": replace(
        TOY,
        about="The ring with every method's second moment decayed by 0.9",
        tasks={"ring": RING},
        methods=PILOT,
        changes={**TOY.changes, "g_optimizer.b2": 0.9, "d_optimizer.b2": 0.9},
    ),
    "pacgan": PACGAN,
} | {
    f"stress_{name}": replace(
        TOY,
        about=f"Stress: {name} at {', '.join(map(str, values))}",
        tasks={"ring_wide": EASY_RING, "grid": GRID},
        methods=PENALIZED if name == "lazy" else CORE,
        axes={name: values},
    )
    for name, values in STRESS.items()
}
