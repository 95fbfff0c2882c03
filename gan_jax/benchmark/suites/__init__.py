"""The suites of the comparison: each is a plan of tasks, methods and axes."""

import math

from gan_jax.assembly.registry import choose
from gan_jax.benchmark.suites import games, images, maps, questions, toys
from gan_jax.benchmark.suites.spec import Suite, Task, make_config

SUITES: dict[str, Suite] = {
    **games.SUITES,
    **maps.SUITES,
    **questions.SUITES,
    **toys.SUITES,
    **images.SUITES,
}


def find_suite(name: str) -> Suite:
    """Return SUITES[name], or raise a ValueError with the nearest name."""
    return choose(SUITES, name, "suite")


def require_own_seeds(suite: Suite, seeds: int) -> None:
    """Raise a ValueError if the seeds reach those of a suite that begins later.

    So what is chosen by a pilot is never judged on the pilot's own seeds.
    """
    begins = (one.first_seed for one in SUITES.values())
    later = [first for first in begins if first > suite.first_seed]
    most = min(later, default=math.inf) - suite.first_seed
    if seeds > most:
        raise ValueError(
            f"seeds {seeds}: must be {most} or fewer, because later seeds are pilots'"
        )


__all__ = [
    "SUITES",
    "Suite",
    "Task",
    "find_suite",
    "make_config",
    "require_own_seeds",
]
