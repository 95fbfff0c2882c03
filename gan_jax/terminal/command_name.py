"""The commands as messages name them: in the form in which this process was started.

There are three forms of one command: `gan-jax train`, `python -m gan_jax train` and,
from a checkout, `python -m experiments.train`. Advice to run a command has the form
that its reader has just used.
"""

import re
import sys

CONSOLE = "gan-jax"
IN_BENCHMARKS = ("compare", "report", "merge")
"""Commands whose launchers stand in the folder benchmarks of a checkout."""
IN_TEXT = re.compile(rf"(?<![\w-]){CONSOLE} ([a-z]+)")


def name_command(command: str) -> str:
    """Return what a user types for a command such as "prepare".

    A process that was started in none of the three forms has the first one.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    package, _, module = (spec.name if spec else "").partition(".")
    if package in ("experiments", "benchmarks"):
        package = "benchmarks" if command in IN_BENCHMARKS else "experiments"
        return f"python -m {package}.{command}"
    if (package, module) == ("gan_jax", "__main__"):
        return f"python -m gan_jax {command}"
    return f"{CONSOLE} {command}"


def name_commands_in(text: str | None) -> str:
    """Return a text with each `gan-jax COMMAND` in it as `name_command` has it."""
    return IN_TEXT.sub(lambda found: name_command(found[1]), text or "")
