"""Compare runs: `gan-jax runs RUN RUN ... [--out comparison.png]`.

A RUN is the folder of a run, a folder that holds runs, or a pattern such as
'runs/r1*'. Prints one table: the fields in which the runs differ, their steps, verdicts
and newest losses, what was measured while they trained and by `gan-jax evaluate`, their
time and their speed. With --out it also draws one picture: curves over each other and
samples beside each other, one colour a run. A run of several GANs is one line with
median and range (with --members a line for each GAN). Nothing is written without --out.
Exit codes: 0 compared, 2 bad input, 130 Ctrl-C.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from gan_jax import comparison
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import parse
from gan_jax.command_line.paths import FIGURE_SUFFIXES, expand_home, require_picture
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.logs.files import require_writable
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.progress import show_progress
from gan_jax.terminal.text_tables import print_table


@dataclass(frozen=True)
class Flags:
    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of runs, folders that hold runs, or patterns of them."""
    out: str | None = None
    """File of the picture (.png, .pdf, .svg, ...); None: no picture."""
    members: bool = False
    """Print a line for each GAN of a run of several."""
    json: bool = False
    """Print the table as JSON, one object a line."""


def main(arguments: list[str]) -> int:
    """Run `gan-jax runs`, and return its exit code."""
    action = partial(run_with_flags, arguments)
    return catch_user_errors(action, make_flag_rewriter(Flags))


def run_with_flags(arguments: list[str]) -> None:
    """Read the flags, and compare the runs."""
    flags = parse(Flags, arguments, prog=name_command("runs"), description=__doc__)
    compare_runs(expand_home(flags, "runs", "out"))


def compare_runs(flags: Flags) -> None:
    """Print the table of the runs, and draw their picture if one is asked for."""
    if flags.out is not None:
        require_picture("out", Path(flags.out), FIGURE_SUFFIXES)
        require_writable(Path(flags.out).absolute().parent, "choose another --out")
    runs, unreadable = comparison.open_runs(comparison.find_runs(flags.runs))
    print_warnings(unreadable)
    if not runs:
        raise ValueError("runs: none of them can be read; give folders of other runs")
    entries = comparison.make_entries(runs, flags.members)
    rows, notes = comparison.make_rows(entries)
    print_warnings(notes)
    if flags.json:
        for row in rows:
            print(json.dumps(comparison.row_to_json(row)))
    else:
        print(comparison.describe_common_fields(entries))
        print_table(comparison.format_rows(rows))
    if flags.out is not None:
        draw_picture(Path(flags.out), entries, quiet=flags.json)


def print_warnings(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"warning: {line}", file=sys.stderr)


def draw_picture(path: Path, entries: list, quiet: bool) -> None:
    """Draw the picture of all runs, and print where it is unless quiet."""
    with show_progress("drawing samples", len(entries)) as work:
        comparison.write_picture(path, entries, lambda name: work.advance(1))
    if not quiet:
        print(f"look at  {path}")
