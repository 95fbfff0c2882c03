"""Compare methods: `gan-jax compare --suite toy --out results/toy`.

Trains every method of a suite on every task with many seeds. A cell of the plan is a
method on a task, with all seeds in one program where that is faster. The results are in
`out`: plan.json, rows.jsonl (a line for each GAN) and cells/ (the runs). If the command
is stopped in any way, the same command goes on: a finished cell is never run again, a
cell that was begun goes on from its newest checkpoint, and one that crashed is tried
again.

Seed i is the same key for every method. Equal networks begin with equal parameters, and
all methods see the same data in the same order and the same latents (where a method
takes more D steps or larger batches, its first ones are these). Networks with layers of
their own (packing, minibatch layers, spectral norms) begin with parameters of their own
there.

Exit codes: 0 all cells are finished (or the time of --hours is over), 1 some crashed,
2 bad input, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

import math
import shlex
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from gan_jax.benchmark.outcome import ERROR
from gan_jax.benchmark.plan import Json, PlanRequest, make_plan, select_share
from gan_jax.benchmark.progress_board import describe_cell, render_plan
from gan_jax.benchmark.results_io import (
    ROWS_FILE,
    read_result_rows,
    select_finished_cells,
)
from gan_jax.benchmark.run_cell import CellInterrupted
from gan_jax.benchmark.run_plan import open_results, run_plan
from gan_jax.benchmark.suites import find_suite
from gan_jax.benchmark.suites.spec import refuse_variant_names
from gan_jax.command_line import early_signals
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import find_given_fields, parse, refuse_unread_flags
from gan_jax.command_line.interruption import end_process_at_once, exit_code_of
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.plugin_flag import gather_plugin_flags
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.parallel.compiler import cache_compilations
from gan_jax.parallel.multihost import use_cores_as_devices
from gan_jax.plugins.load import load_plugins
from gan_jax.run.compile_ahead import is_compiling
from gan_jax.run_files.folder import lock_folder
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import show_progress

STOP_CODES = {"SIGINT": 130, "SIGTERM": 143}


@dataclass(frozen=True)
class Flags:
    suite: str
    """The suite to run: a name of gan_jax.benchmark.suites.SUITES."""
    methods: str = ""
    """Names a,b,c, or `all` for those that apply; by default the suite's own."""
    tasks: str = ""
    """Names a,b of the suite's tasks; by default all."""
    seeds: int | None = None
    """GANs of each method on each task; by default those of the suite (exact suites
    have no seeds)."""
    steps: int | None = None
    """Steps of each run; by default those of the suite."""
    out: str | None = None
    """The folder of the results; by default results/SUITE."""
    plan: bool = False
    """Print the cells and their estimated costs, and run nothing."""
    launcher: Literal["local", "ray"] = "local"
    """Where cells run: here, one after another, or on the workers of a Ray cluster
    (at RAY_ADDRESS, else a local one), which must share the out folder."""
    part: str = "1/1"
    """The share of the cells that this machine runs, such as 2/3; `gan-jax merge`
    joins the results."""
    hours: float | None = None
    """After the first cell, begin none that would not end within this time; the same
    command goes on later. In suites with rounds of seeds, all methods then have about
    as many seeds."""
    plugin: tuple[str, ...] = ()
    """Your Python files that register methods: docs/plugins.md."""


def parse_names(field: str, text: str) -> tuple[str, ...]:
    """Return the names in `a,b`, and () if the flag was not given."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if text and not names:
        raise ValueError(f"{field} {text!r}: names none; give a,b, or leave it out")
    return names


def plan_comparison(flags: Flags, arguments: list[str]) -> Json:
    """Return the plan that the flags ask for; its plugins are loaded."""
    methods = parse_names("methods", flags.methods)
    tasks = parse_names("tasks", flags.tasks)
    plugins = load_plugins(flags.plugin)
    refuse_variant_names()
    request = PlanRequest(
        flags.suite, methods, tasks, flags.seeds, flags.steps, plugins
    )
    return make_plan(request, f"{name_command('compare')} {shlex.join(arguments)}")


def run_comparison(flags: Flags, arguments: list[str]) -> int:
    """Run the plan, or print it, and return the exit code."""
    plan = plan_comparison(flags, arguments)
    cells = select_share(plan["cells"], flags.part)
    if flags.plan:
        plain_console().print(render_plan(plan, cells))
        return 0
    out = Path(flags.out or f"results/{flags.suite}")
    if flags.launcher == "local":
        use_cores_as_devices()
    cache_compilations()
    with lock_folder(out):
        with show_progress("measuring the floors of the tasks"):
            plan = open_results(plan, out)
        try:
            limit = math.inf if flags.hours is None else 3600 * flags.hours
            done = run_plan(plan, cells, out, flags.launcher, limit)
        except (CellInterrupted, KeyboardInterrupt) as error:
            finished = select_finished_cells(plan, read_result_rows(out))
            count = sum(cell["id"] in finished for cell in cells)
            print(
                f"stopped: {count} of {len(cells)} cells are finished, the others are "
                f"saved; the same command goes on:\n"
                f"{name_command('compare')} {shlex.join(arguments)}",
                file=sys.stderr,
            )
            code = STOP_CODES.get(str(error), STOP_CODES["SIGINT"])  # no name: Ctrl-C
            if is_compiling() and early_signals.IS_COMMAND:
                end_process_at_once(code)
            return code
    waiting = sum(cell["id"] not in done for cell in cells)
    if waiting:
        print(
            f"hours {flags.hours:g}: {len(cells) - waiting} of {len(cells)} cells are "
            f"finished; the same command goes on"
        )
    return print_results(done, cells, out)


def print_results(done: dict[str, list[Json]], cells: list[Json], out: Path) -> int:
    """Print where the results are and which cells crashed; return the exit code."""
    crashed = [
        describe_cell(cell, done[cell["id"]])
        for cell in cells
        if any(row["outcome"] == ERROR for row in done.get(cell["id"], ()))
    ]
    for line in crashed:
        print(f"crashed: {line}", file=sys.stderr)
    place = shlex.quote(str(out))
    print(f"results {out / ROWS_FILE}\nreport  {name_command('report')} {place}")
    return 1 if crashed else 0


def start(arguments: list[str]) -> int:
    """Parse the flags, run the comparison, and return the exit code."""
    arguments = gather_plugin_flags(arguments)
    flags = parse(Flags, arguments, prog=name_command("compare"), description=__doc__)
    if find_suite(flags.suite).rates:
        reason = f"in the suite {flags.suite!r}, which draws nothing at random"
        refuse_unread_flags(find_given_fields(Flags, arguments), {"seeds": reason})
    if flags.hours is not None and not 0 < flags.hours < math.inf:
        raise ValueError(f"hours {flags.hours}: must be positive; leave it out for all")
    if flags.hours is not None and flags.launcher == "ray":
        raise ValueError(
            "hours with launcher 'ray': all cells begin at once there; leave one out"
        )
    try:
        return run_comparison(expand_home(flags, "out"), arguments)
    except KeyboardInterrupt as error:
        print("stopped; the same command goes on", file=sys.stderr)
        return exit_code_of(error)


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    own_flags = make_flag_rewriter(Flags, {"--resume": "the same command"})
    return catch_user_errors(partial(start, arguments), own_flags)
