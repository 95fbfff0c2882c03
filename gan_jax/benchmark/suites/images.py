"""The suites on images: digits take minutes, all others need a GPU."""

from dataclasses import replace

from gan_jax.benchmark.outcome import Bound, Goal
from gan_jax.benchmark.suites.spec import Cost, Suite, Task
from gan_jax.config import DatasetConfig

COVERAGE = 0.8 * 0.969
"""The least coverage of a success; the data's own is 0.969 at k = 5."""
DIGITS_N = 898
"""Samples of an evaluation: half of the digits, so that the other half gives the floor.
"""


def distance_goal(factor: float, alive: Bound) -> Goal:
    """Return the goal of a Frechet distance within `factor` floors, and of coverage."""
    return Goal(
        (
            Bound("frechet_distance", at_most=factor, of_floor=True),
            Bound("coverage", at_least=COVERAGE),
        ),
        alive,
    )


CLASSES = Bound("classes", at_least=5)
STACKED = Goal(
    (Bound("modes", at_least=990), Bound("kl", at_most=0.2)),
    Bound("confident_modes", at_least=500),
)
LIKE_DIGITS = ("fid", "prdc", "modes")

DIGITS = Task(
    "1,797 scans of 8 x 8",
    DatasetConfig("digits"),
    distance_goal(2.0, CLASSES),
    LIKE_DIGITS,
    DIGITS_N,
)

DIGITS_SUITE = Suite(
    "scikit-learn's digits, MLP of 2 x 128, 10,000 steps; with planted failures",
    {
        "digits": DIGITS,
        "digits_b1": replace(
            DIGITS,
            about="planted: b1 0.9",
            changes={"g_optimizer.b1": 0.9, "d_optimizer.b1": 0.9},
        ),
        "digits_d_rate": replace(
            DIGITS,
            about="planted: D learns 4 times as fast",
            changes={"d_optimizer.learning_rate": 4e-3},
        ),
        "digits_gain": replace(
            DIGITS,
            about="planted: initial weights 4 times too large",
            changes={"model.init_scale": 4.0},
        ),
    },
    network={"model.name": "mlp", "model.width": 128, "model.z_dim": 64},
    steps=10_000,
    cost=Cost(0.4e-3, 0.8e-3, 0.6),
    methods=("ns_gan", "lsgan", "wgan_gp", "r1", "r1_r2", "rpgan", "r3gan", "sn_gan"),
    changes={"batch_size": 128},
    adam_rate=1e-3,
)

MNIST_GOAL = distance_goal(10.0, CLASSES)
MNIST_SUITE = Suite(
    "MNIST and Fashion-MNIST at 28 pixels, resize pair of width 8, 20,000 steps",
    {
        name: Task(
            about, DatasetConfig(name), MNIST_GOAL, ("fid", "prdc", "modes"), 10_000
        )
        for name, about in (
            ("mnist", "60,000 digits"),
            ("fashion_mnist", "60,000 pieces of clothing"),
        )
    },
    network={"model.name": "resize", "model.width": 8, "model.z_dim": 64},
    steps=20_000,
    cost=Cost(10e-3, 21e-3, 40.0),
    methods=("ns_gan", "lsgan", "wgan_gp", "r1", "r3gan", "sn_gan"),
    changes={"batch_size": 64},
)

STACKED_SUITE = Suite(
    "Stacked MNIST: 1,000 modes in 128,000 triples, 26,000 samples (VEEGAN, PacGAN)",
    {
        "stacked_veegan": Task(
            "DCGAN of 64 pixels with batch norm, 100,000 steps' protocol of PacGAN",
            DatasetConfig("stacked_mnist", resolution=64),
            STACKED,
            ("modes",),
            26_000,
            {
                "model.name": "dcgan64",
                "model.width": None,
                "model.z_dim": 100,
                "model.g_norm": "batch",
                "model.d_norm": "batch",
                "model.g_init": "normal",
                "model.d_init": "normal",
            },
        ),
        "stacked_resize": Task(
            "resize pair of width 16 at 32 pixels, without normalization",
            DatasetConfig("stacked_mnist", resolution=32),
            STACKED,
            ("modes",),
            26_000,
        ),
    },
    network={"model.name": "resize", "model.width": 16, "model.z_dim": 64},
    steps=100_000,
    cost=Cost(14e-3, 48e-3, 60.0),
    methods=("ns_gan", "pacgan2", "r1", "r1_r2", "rpgan", "rpgan_r1", "r3gan"),
    changes={"batch_size": 64},
    decay=False,
)

CIFAR_SUITE = Suite(
    "CIFAR-10 with SNGAN's residual networks, 100,000 steps (mimicry)",
    {
        "cifar10": Task(
            "50,000 images; the Frechet distance is the FID, of 10,000",
            DatasetConfig("cifar10"),
            Goal(
                (Bound("frechet_distance", at_most=25.0),),
                Bound("diversity", at_least=0.2),
            ),
            ("fid", "kid"),
            10_000,
        )
    },
    network={
        "model.name": "resnet",
        "model.z_dim": 128,
        "model.g_norm": "batch",
        "model.g_init": "xavier",
        "model.d_init": "xavier",
    },
    steps=100_000,
    cost=Cost(2.7, 5.4, 600.0),
    methods=("sn_gan", "wgan_gp", "r1", "r3gan"),
    changes={"batch_size": 64, "d_steps": 5, "ema.decay": 0.9999},
    adam_rate=2e-4,
)

SUITES = {
    "digits": DIGITS_SUITE,
    "mnist": MNIST_SUITE,
    "stacked_mnist": STACKED_SUITE,
    "cifar10": CIFAR_SUITE,
}
