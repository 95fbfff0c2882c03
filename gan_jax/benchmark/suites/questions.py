"""The suites of questions: one thing is varied, at one pair of learning rates.

All else is as in the suites of maps, and both learning rates are 1e-3. With 80 pairs of
seeds, the interval of a difference of two rates is +-.15 or narrower.
"""

from dataclasses import replace

from gan_jax.benchmark.suites.maps import MAP, TASKS, make_weight_axis
from gan_jax.benchmark.suites.spec import make_axis
from gan_jax.config import SweepConfig

ONE_POINT = replace(
    MAP,
    tasks={"wide_ring": TASKS["wide_ring"]},
    sweep=SweepConfig(),
    round_seeds=None,
    seeds=80,
)
FIRST_MOMENT = replace(
    ONE_POINT,
    about="Adam's b1 at 0, .5 and .9, without a penalty and with R1 (question H3)",
    methods=("ns_gan", "r1_weak"),
    axes={"b1": make_axis("g_optimizer.b1", "d_optimizer.b1", values=(0.0, 0.5, 0.9))},
)
SUITES = {
    "lazy_r1": replace(
        ONE_POINT,
        about="R1 at every step, and every 8 or 16 steps (question H2)",
        methods=("r1_weak",),
        axes={"lazy": make_axis("penalty.every", values=(1, 8, 16))},
    ),
    "first_moment": FIRST_MOMENT,
    "first_moment_constant": replace(
        FIRST_MOMENT,
        about="Adam's b1 again, at constant learning rates (question H3)",
        decay=False,
    ),
    "packing": replace(
        ONE_POINT,
        about="Packs of 2 and of 3 (question H4)",
        methods=("ns_gan", "pacgan2", "pacgan3"),
    ),
    "averaging": replace(
        ONE_POINT,
        about="The averaged and the raw generator at constant rates (question H7)",
        methods=("ns_gan", "r1_weak"),
        axes={"ema": make_axis("ema.decay", values=(0.0, 0.999))},
        decay=False,
    ),
    "pairing": replace(
        ONE_POINT,
        about="The loss of pairs or not, with R1 or R1 + R2, at three weights (H1)",
        tasks={"stacked_digits": TASKS["stacked_digits"]},
        methods=("r1", "r1_r2", "rpgan_r1", "r3gan"),
        axes={"weight": make_weight_axis(0.1, 1.0, 10.0)},
        seeds=16,
    ),
}
