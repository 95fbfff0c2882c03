"""The suites of stability maps: success at each pair of learning rates.

All methods play by one setting (SETTING): Adam with betas (0.5, 0.99), batches of 64,
one update of D a step, and learning rates that are the same factors of 1e-3 for every
method and fall linearly to 0. So methods differ only in their losses, penalties,
networks of D and rules of play. G itself is judged, not its average. In `map_published`
alone methods keep their own betas and updates of D.
"""

from dataclasses import replace

from gan_jax.benchmark.outcome import Bound, Goal
from gan_jax.benchmark.suites.games import change_both_players
from gan_jax.benchmark.suites.spec import Changes, Cost, Suite, Task, make_axis
from gan_jax.benchmark.suites.toys import SAMPLES_PER_EVALUATION, TOY, mixture_task
from gan_jax.config import DatasetConfig, SweepConfig
from gan_jax.dynamics import DYNAMICS

FACTORS = (0.04, 0.2, 1.0, 5.0, 25.0)
"""The factors of a map on the learning rate of each player, which is 1e-3."""
MIDDLE_FACTORS = (0.2, 1.0, 5.0)
"""The factors of the pilot's maps, on each player's rate."""
HIGH_FACTORS = (1.0, 5.0, 25.0)
"""The factors of the suite `quick`: high rates, at which a short run has learned."""
PILOT_SEED = 1000
"""The first seed of pilots. `require_own_seeds` keeps it out of all other plans."""


def share_goal(modes: int) -> Goal:
    """Return the goal of drawing the modes of a mixture in the right shares.

    At least 90 % of the modes get a quarter of their share or more within the radius of
    high quality, and the shares are within 0.05 nats. How sharp the modes are beyond
    that is not judged: the report shows it apart.
    """
    success = (
        Bound("robust_modes", at_least=0.9 * modes),
        Bound("reverse_kl", at_most=0.05),
    )
    return Goal(success, Bound("modes", at_least=modes / 2))


def make_share_task(
    about: str, modes: int, dataset: DatasetConfig, changes: Changes | None = None
) -> Task:
    """Return the task of drawing the modes of a mixture in the right shares."""
    task = mixture_task(about, modes, dataset)
    return replace(task, goal=share_goal(modes), changes=changes or {})


def make_weight_axis(*weights: float) -> dict[float, Changes]:
    """Return an axis along which a penalty has these weights, each constant."""
    return {
        weight: {"penalty.weight": weight, "penalty.weight_end": None}
        for weight in weights
    }


IMAGES: Changes = {"model.z_dim": 32}
"""What tasks on images change in the networks of the suite."""
TASKS = {
    "wide_ring": make_share_task(
        "8 modes on a circle, sigma 0.05", 8, DatasetConfig("ring", sigma=0.05)
    ),
    "small_grid": make_share_task(
        "9 modes on a grid, sigma 0.07", 9, DatasetConfig("small_grid", sigma=0.07)
    ),
    "imbalanced_ring": make_share_task(
        "the wide ring, one mode with 1 % of the data",
        8,
        DatasetConfig("imbalanced_ring", sigma=0.05),
    ),
    "mixture_8d": make_share_task(
        "16 modes in 8 dimensions, sigma 0.15",
        16,
        DatasetConfig("mixture_8d", sigma=0.15),
        {"model.z_dim": 16},
    ),
    "mixture_16d": make_share_task(
        "32 modes in 16 dimensions, sigma 0.15",
        32,
        DatasetConfig("mixture_16d", sigma=0.15),
        {"model.z_dim": 16},
    ),
    "digits": Task(
        "1,797 scans of 8 x 8",
        DatasetConfig("digits"),
        Goal(
            (
                Bound("frechet_distance", at_most=8.0, of_floor=True),
                Bound("class_reverse_kl", at_most=0.05),
            ),
            Bound("classes", at_least=5),
        ),
        ("fid", "modes"),
        898,
        IMAGES,
        Cost(0.09e-3, 0.13e-3, 0.07),
    ),
    "stacked_digits": Task(
        "three digits as one RGB image, 1,000 modes",
        DatasetConfig("stacked_digits"),
        Goal(
            (
                Bound("modes", at_least=0.9, of_floor=True),
                Bound("kl", at_most=2.0, of_floor=True),
            ),
            Bound("modes", at_least=450),
        ),
        ("modes",),
        SAMPLES_PER_EVALUATION,
        IMAGES,
        Cost(0.09e-3, 0.13e-3, 0.22),
    ),
}
"""The tasks of the comparison."""
CANDIDATES = {
    "grid": make_share_task(
        "25 modes on a grid, sigma 0.15, networks of 2 x 128",
        25,
        DatasetConfig("grid", sigma=0.15),
        {"model.width": 128},
    ),
    "random_mixture": make_share_task(
        "20 modes anywhere", 20, DatasetConfig("random_mixture")
    ),
}
"""Tasks that the pilot tries too."""

MAPPED = (
    "ns_gan",
    "minimax",
    "lsgan",
    "hinge",
    "rpgan",
    "wgan_gp",
    "wgan_gp_weak",
    "dragan",
    "dragan_weak",
    "r1",
    "r1_weak",
    "r1_r2",
    "r1_r2_weak",
    "r3gan",
    "r3gan_weak",
    "sn_gan",
    "pacgan2",
    "lookahead",
)
"""The methods of the suite `map`."""
RULES = tuple(name for name in DYNAMICS if name != "competitive")
"""The rules of play but competitive gradient descent, which needs plain SGD at a
constant rate, so that its map would be another one."""

PUBLISHED: Changes = {
    "batch_size": 64,
    "ema.decay": 0.0,
    **change_both_players(name="adam", learning_rate=1e-3),
}
"""The setting in which methods keep their own betas and updates of D."""
SETTING = PUBLISHED | {"d_steps": 1, **change_both_players(b1=0.5, b2=0.99)}
"""The setting that all methods share."""

MAP = Suite(
    "Stability maps, 5 x 5 rates; MLP of 2 x 64, 5,000 steps, one setting for all",
    TASKS,
    network={**TOY.network, "model.width": 64},
    steps=5_000,
    cost=Cost(0.08e-3, 0.1e-3, 0.015),
    methods=MAPPED,
    changes=SETTING,
    sweep=SweepConfig(g_lr=FACTORS, d_lr=FACTORS),
    seeds=4,
    round_seeds=2,
    evaluations=10,
)

SUITES = {
    "map": MAP,
    "map_pilot": replace(
        MAP,
        about="The pilot of the suite map: which tasks tell methods apart",
        tasks=TASKS | CANDIDATES,
        methods=("ns_gan", "r1_weak", "r3gan_weak"),
        sweep=SweepConfig(g_lr=MIDDLE_FACTORS, d_lr=MIDDLE_FACTORS),
        seeds=2,
        first_seed=PILOT_SEED,
    ),
    "map_penalty": replace(
        MAP,
        about="Stability maps of penalties at weights of 0.001 to 10",
        methods=("r1", "r1_r2", "wgan_gp"),
        axes={"weight": make_weight_axis(1e-3, 1e-2, 0.1, 1.0, 10.0)},
    ),
    "map_published": replace(
        MAP,
        about="Stability maps with the betas and the updates of D of each method",
        methods=("ns_gan", "wgan_gp", "r1", "r3gan", "sn_gan"),
        changes=PUBLISHED,
    ),
    "map_rules": replace(
        MAP,
        about="Stability maps of rules of play, without a penalty and with R1",
        methods=("ns_gan", "r1_weak"),
        axes={"rule": make_axis("dynamics.name", values=RULES)},
    ),
    "quick": replace(
        MAP,
        about="Small stability maps: 3 x 3 high rates, 2,000 steps, for a first look",
        tasks={
            "wide_ring": TASKS["wide_ring"],
            "wider_ring": make_share_task(
                "8 modes on a circle, sigma 0.07", 8, DatasetConfig("ring", sigma=0.07)
            ),
        },
        steps=2_000,
        methods=("ns_gan", "rpgan", "wgan_gp_weak", "r1_weak", "r3gan_weak", "sn_gan"),
        sweep=SweepConfig(g_lr=HIGH_FACTORS, d_lr=HIGH_FACTORS),
        round_seeds=4,
    ),
}
