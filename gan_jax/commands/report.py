"""The report of a benchmark: `gan-jax report results/x`.

Writes report.md (tables for a paper), report.html (one page that opens offline) and
figures/ (PNG and SVG) into the folder, from its plan.json and rows.jsonl alone, and
prints what the report begins with. Samples of the median and the worst seed are drawn
once, from the checkpoints of cells that still have them, and are kept in samples/.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from gan_jax.benchmark.report.report import read_findings, write_findings
from gan_jax.benchmark.report.terminal_summary import render_summary
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import parse
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import show_progress


@dataclass(frozen=True)
class Flags:
    folder: Annotated[Path, tyro.conf.Positional]
    """A folder that `gan-jax compare` has written."""
    baseline: str | None = None
    """The method that all others are compared with; by default ns_gan, or the first."""


def start(arguments: list[str]) -> None:
    """Write the report; print its first sentences, the ranking and the files' paths."""
    flags = parse(Flags, arguments, prog=name_command("report"), description=__doc__)
    flags = expand_home(flags, "folder")
    try:
        with show_progress("drawing the report"):
            findings = read_findings(flags.folder, flags.baseline)
            paths = write_findings(findings)
    except OSError as error:
        path, why = error.filename or flags.folder, error.strerror or error
        raise OSError(
            f"{path}: cannot be used ({why}); mend that, or move it away"
        ) from None
    plain_console().print(render_summary(findings))
    print("\n".join(map(str, paths)))


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments), make_flag_rewriter(Flags))
