"""The report of a benchmark: `python -m benchmarks.report results/x`.

Writes report.md (tables for a paper), report.html (one page that opens offline) and
figures/ (PNG and SVG) into the folder, from its plan.json and rows.jsonl alone. Samples
of the median and the worst seed are drawn once, from the checkpoints of cells that
still have them, and are kept in samples/.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from gan_jax.benchmark.report.report import write_report
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import exit_code, expand_home, with_own_flags
from gan_jax.terminal.output import working


@dataclass(frozen=True)
class Flags:
    folder: Annotated[Path, tyro.conf.Positional]
    """A folder that benchmarks.compare has written."""
    baseline: str | None = None
    """The method that all others are compared with; by default ns_gan, or the first."""


def start(arguments: list[str]) -> None:
    """Write the report and print the paths of its files."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.report", description=__doc__
    )
    flags = expand_home(flags, "folder")
    try:
        with working("drawing the report"):
            paths = list(write_report(flags.folder, flags.baseline))
        print("\n".join(map(str, paths)))
    except OSError as error:
        path, why = error.filename or flags.folder, error.strerror or error
        raise OSError(
            f"{path}: cannot be used ({why}); mend that, or move it away"
        ) from None


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return exit_code(partial(start, arguments), with_own_flags(Flags))
