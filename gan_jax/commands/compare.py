"""Compare methods: `python -m benchmarks.compare --suite toy --out results/toy`.

Trains every method of a suite on every task with many seeds; a cell of the plan is a
method on a task, with all seeds in one program where that is faster. Results lie in
`out`: plan.json, rows.jsonl (a line for each GAN) and cells/ (the runs). Stopped in any
way, the same command goes on: a finished cell is never run again, one that was begun
goes on from its newest checkpoint, one that crashed is tried again.

Seed i is the same key for every method: equal networks begin with equal parameters, and
all see the same data in the same order and the same latents (where a method takes more
D steps or larger batches, those of its first). Networks with layers of their own
(packing, minibatch layers, spectral norms) begin with parameters of their own there.

Exit codes: 0 all cells are finished, 1 some crashed, 2 bad input, 130 and 143 stopped
by Ctrl-C and SIGTERM.
"""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import jax
from rich.live import Live

from gan_jax.assembly.registry import PLUGINS
from gan_jax.benchmark import progress_board as boards
from gan_jax.benchmark import ray_launcher as cluster
from gan_jax.benchmark import results_io as store
from gan_jax.benchmark.outcome import ERROR
from gan_jax.benchmark.plan import (
    Json,
    PlanRequest,
    add_floors,
    cell_config,
    make_plan,
    plan_plugins,
    store_plan,
)
from gan_jax.benchmark.reference_scores import (
    evaluation_fingerprint,
    measure_floors,
    measure_noise,
)
from gan_jax.benchmark.run_cell import CellInterrupted, run_cell
from gan_jax.benchmark.suites import find_suite
from gan_jax.benchmark.suites.spec import METHOD_VARIANTS
from gan_jax.command_line.flags import given_fields, parse, refuse_useless
from gan_jax.command_line.interruption import code_of
from gan_jax.command_line.plugin_flag import gathered
from gan_jax.command_line.user_errors import exit_code, expand_home, with_own_flags
from gan_jax.parallel.compiler import cache_compilations
from gan_jax.parallel.multihost import cores_as_devices
from gan_jax.plugins.load import load_plugins, write_copies
from gan_jax.run.signals import stop_request
from gan_jax.run_files.folder import held
from gan_jax.terminal.output import plain_console, working

USAGE = "python -m benchmarks.compare"
STOP_CODES = {"SIGINT": 130, "SIGTERM": 143}
CellResults = Iterator[tuple[Json, list[Json]]]


@dataclass(frozen=True)
class Flags:
    suite: str
    """What to run: a name of benchmarks.suites.SUITES."""
    methods: str = ""
    """Names, a,b,c, or all (that apply to a task); without: the suite's own."""
    tasks: str = ""
    """Names of the suite's tasks, a,b; without: all."""
    seeds: int = 10
    """GANs of each method on each task (exact suites have no seeds)."""
    steps: int | None = None
    """Of each run; without: the suite's."""
    out: str | None = None
    """Folder of the results; without: results/SUITE."""
    plan: bool = False
    """Print the cells and what they will cost, and run nothing."""
    launcher: Literal["local", "ray"] = "local"
    """Where cells run: here, one after the other, or on the workers of a Ray cluster
    (RAY_ADDRESS; else a local one), which must share the out folder."""
    part: str = "1/1"
    """Which of equal shares of the cells this machine runs, 2/3; benchmarks.merge joins
    the results."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register methods: docs/plugins.md."""


def parse_names(field: str, text: str) -> tuple[str, ...]:
    """The names of `a,b`; () where nothing was given."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if text and not found:
        raise ValueError(f"{field} {text!r}: names none; give a,b, or leave it out")
    return found


def select_share(cells: list[Json], part: str) -> list[Json]:
    """The cells of `2/3`: every third one, from the second on."""
    which, slash, count = part.partition("/")
    if not (slash and which.isdecimal() and count.isdecimal()) or not (
        1 <= int(which) <= int(count)
    ):
        raise ValueError(f"part {part!r}: must be like 2/3, the second of three shares")
    return cells[int(which) - 1 :: int(count)]


def plan_comparison(flags: Flags, arguments: list[str]) -> Json:
    methods, tasks = (
        parse_names("methods", flags.methods),
        parse_names("tasks", flags.tasks),
    )
    plugin = load_plugins(flags.plugin)
    refuse_variant_names()
    wish = PlanRequest(flags.suite, methods, tasks, flags.seeds, flags.steps, plugin)
    return make_plan(wish, shlex.join([*USAGE.split(), *arguments]))


def refuse_variant_names() -> None:
    """A ValueError for a plugin's method with the name of one of the benchmark's."""
    for plugin in PLUGINS.values():
        for kind, name in plugin.names:
            if kind == "method" and name in METHOD_VARIANTS:
                raise ValueError(
                    f"plugin {plugin.path}: registers the method {name!r}, which the "
                    "benchmark has already; choose another name"
                )


def open_results(plan: Json, out: Path) -> Json:
    """The plan in the folder; a new one gets its floors measured and is written."""
    if not (out / "plan.json").exists():
        suite = find_suite(plan["suite"])
        measured = {n: t for n in plan["tasks"] if (t := suite.tasks[n]).goal}
        plan = add_floors(
            plan, {n: measure_floors(task) for n, task in measured.items()}
        )
        plan |= {"noise": {n: measure_noise(task) for n, task in measured.items()}}
    plan = store_plan(plan, out)
    write_copies(out, plan_plugins(plan))  # a worker on another machine loads these
    return plan


def require_same_evaluation(rows: list[Json], cells: list[Json]) -> None:
    """A ValueError if this machine measures otherwise than the rows there are."""
    marks = []
    for cell in cells:
        config = cell_config(cell)
        fields = {"dataset.size": config.dataset.size}
        mark = evaluation_fingerprint(config)
        marks.append({"task": cell["task"], "config": fields, "fingerprint": mark})
    store.require_comparable(rows + marks)


def run_cells_locally(
    plan: Json, cells: list[Json], out: Path, begun: Callable[[str, int], None]
) -> CellResults:
    exact = find_suite(plan["suite"]).rates
    # Training takes a request to stop by itself; a game is over in a second.
    with stop_request() if exact else nullcontext([]) as asked:
        for cell in cells:
            if asked:
                raise CellInterrupted(asked[0])
            name = cell["id"]
            begun(name, 0)
            tell = lambda row, name=name: begun(name, row["step"])  # noqa: E731
            yield cell, run_cell(plan, cell, out, tell)
            if not exact:
                jax.clear_caches()  # a program a cell would fill the memory


def run_cells(
    plan: Json, cells: list[Json], out: Path, launcher: str
) -> dict[str, list[Json]]:
    """Run the cells that are not finished; the rows of all that are then."""
    with working("reading the results so far"):
        done = store.resume_results(plan, out)
        waiting = [cell for cell in cells if cell["id"] not in done]
        stored = [row for rows in done.values() for row in rows]
        if launcher == "local" and not find_suite(plan["suite"]).rates:
            require_same_evaluation(stored, waiting)
    remote = cluster.ray_cluster() if launcher == "ray" else nullcontext(1)
    with remote as workers:
        board = boards.make_board(plan, cells, done, workers)
        launch = cluster.run_cells_on_ray if launcher == "ray" else run_cells_locally

        console = plain_console()
        live = Live(
            get_renderable=lambda: boards.render_board(board),
            console=console,
            refresh_per_second=1,
        )
        in_lines = not console.is_terminal
        training = working("training the cells", enabled=in_lines, stderr=False)

        def begun(name: str, step: int) -> None:
            board.running[name] = step
            lines.update(0, f"{name} at step {step}; {boards.describe_progress(board)}")

        with training as lines, nullcontext() if in_lines else live:
            for cell, rows in launch(plan, waiting, out, begun):
                store.append_rows(out, rows)
                board.done[cell["id"]] = rows
                if in_lines:
                    lines.tell(boards.describe_cell(cell, rows))
                    lines.tell(boards.describe_progress(board))
        if in_lines:
            console.print(boards.render_board(board))
    return done


def run_comparison(flags: Flags, arguments: list[str]) -> int:
    plan = plan_comparison(flags, arguments)
    cells = select_share(plan["cells"], flags.part)
    if flags.plan:
        plain_console().print(boards.render_plan(plan, cells))
        return 0
    out = Path(flags.out or f"results/{flags.suite}")
    if flags.launcher == "local":
        cores_as_devices()
    cache_compilations()
    with held(out):
        with working("measuring the floors of the tasks"):
            plan = open_results(plan, out)
        try:
            done = run_cells(plan, cells, out, flags.launcher)
        except (CellInterrupted, KeyboardInterrupt) as error:
            finished = store.select_finished_cells(plan, store.read_rows(out))
            count = sum(cell["id"] in finished for cell in cells)
            print(
                f"stopped: {count} of {len(cells)} cells are finished, the others are "
                f"saved; the same command goes on:\n{USAGE} {shlex.join(arguments)}",
                file=sys.stderr,
            )
            return STOP_CODES.get(str(error), STOP_CODES["SIGINT"])  # no name: Ctrl-C
    return print_results(done, cells, out)


def print_results(done: dict[str, list[Json]], cells: list[Json], out: Path) -> int:
    """Say what was found where, and which cells crashed."""
    crashed = [
        boards.describe_cell(cell, done[cell["id"]])
        for cell in cells
        if any(row["outcome"] == ERROR for row in done[cell["id"]])
    ]
    for line in crashed:
        print(f"crashed: {line}", file=sys.stderr)
    place = shlex.quote(str(out))
    print(
        f"results {out / store.ROWS_FILE}\nreport  python -m benchmarks.report {place}"
    )
    return 1 if crashed else 0


def start(arguments: list[str]) -> int:
    arguments = gathered(arguments)
    flags = parse(Flags, arguments, prog=USAGE, description=__doc__)
    if find_suite(flags.suite).rates:
        reason = f"in the suite {flags.suite!r}, which draws nothing at random"
        refuse_useless(given_fields(Flags, arguments), {"seeds": reason})
    try:
        return run_comparison(expand_home(flags, "out"), arguments)
    except KeyboardInterrupt as error:
        print("stopped; the same command goes on", file=sys.stderr)
        return code_of(error)


def main(arguments: list[str]) -> int:
    said = with_own_flags(Flags, {"--resume": "the same command"})
    return exit_code(partial(start, arguments), said)
