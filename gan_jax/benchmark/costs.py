"""What a cell costs: gradients of the players' losses, and seconds on 2 CPU cores."""

from typing import Any

from gan_jax.assembly.choices import choose_rule, choose_update_rule
from gan_jax.benchmark.plan import cell_config
from gan_jax.benchmark.suites.spec import Suite
from gan_jax.config import Config
from gan_jax.dynamics import extra_evaluations

Json = dict[str, Any]


def count_gradient_evaluations(config: Config, steps: int) -> int:
    """Return how many gradients of a player's loss are taken in `steps` steps.

    In each step D takes `d_steps` and G takes one; the last update is joint.
    Extragradient makes the joint update twice. Unrolled play adds its k steps of D, and
    rules that need products with the Jacobian add those. What a penalty costs is not
    counted here: it shows in the seconds.
    """
    joint = choose_update_rule(config.dynamics).updates
    extra = extra_evaluations(choose_rule(config.dynamics), config.dynamics)
    return steps * (2 * joint + config.d_steps - 1 + extra)


def estimate_seconds(cell: Json, suite: Suite) -> float:
    """Return the estimated seconds of a cell, from costs measured on 2 CPU cores."""
    config = cell_config(cell)
    cost = suite.tasks[cell["task"]].cost or suite.cost
    if suite.rates:  # compilation
        extra = extra_evaluations(choose_rule(config.dynamics), config.dynamics)
        return 1.5 + extra / 8
    own = count_gradient_evaluations(config, 1)
    penalized = config.d_steps if config.penalty.name != "none" else 0
    step = (own - penalized) * cost.update + penalized * cost.penalized
    step *= config.batch_size / suite.changes.get("batch_size", config.batch_size)
    member = config.steps * step + suite.evaluations * cost.evaluation
    return 10 + cell["members"] * member
