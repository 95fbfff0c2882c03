"""The suites of the comparison: each is a plan of tasks, methods and axes."""

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


__all__ = ["SUITES", "Suite", "Task", "find_suite", "make_config"]
