"""Compare methods: `gan-jax compare --suite toy --out results/toy`.

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
    Wish,
    config_in,
    keep,
    plan_of,
    plugins_of,
    with_floors,
)
from gan_jax.benchmark.reference_scores import fingerprint_of, floors_of, noise_of
from gan_jax.benchmark.run_cell import Interrupted, rows_of
from gan_jax.benchmark.suites import suite_of
from gan_jax.benchmark.suites.spec import VARIANTS
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import find_given_fields, parse, refuse_unread_flags
from gan_jax.command_line.interruption import exit_code_of
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.plugin_flag import gather_plugin_flags
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.parallel.compiler import cache_compilations
from gan_jax.parallel.multihost import use_cores_as_devices
from gan_jax.plugins.load import load_plugins, write_copies
from gan_jax.run.signals import stop_request
from gan_jax.run_files.folder import lock_folder
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import show_progress

STOPPED = {"SIGINT": 130, "SIGTERM": 143}
Results = Iterator[tuple[Json, list[Json]]]


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
    """Which of equal shares of the cells this machine runs, 2/3; `gan-jax merge` joins
    the results."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register methods: docs/plugins.md."""


def names(field: str, text: str) -> tuple[str, ...]:
    """The names of `a,b`; () where nothing was given."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if text and not found:
        raise ValueError(f"{field} {text!r}: names none; give a,b, or leave it out")
    return found


def share(cells: list[Json], part: str) -> list[Json]:
    """The cells of `2/3`: every third one, from the second on."""
    which, slash, count = part.partition("/")
    if not (slash and which.isdecimal() and count.isdecimal()) or not (
        1 <= int(which) <= int(count)
    ):
        raise ValueError(f"part {part!r}: must be like 2/3, the second of three shares")
    return cells[int(which) - 1 :: int(count)]


def planned(flags: Flags, arguments: list[str]) -> Json:
    methods, tasks = names("methods", flags.methods), names("tasks", flags.tasks)
    plugin = load_plugins(flags.plugin)
    refuse_variants()
    wish = Wish(flags.suite, methods, tasks, flags.seeds, flags.steps, plugin)
    return plan_of(wish, f"{name_command('compare')} {shlex.join(arguments)}")


def refuse_variants() -> None:
    """A ValueError for a plugin's method with the name of one of the benchmark's."""
    for plugin in PLUGINS.values():
        for kind, name in plugin.names:
            if kind == "method" and name in VARIANTS:
                raise ValueError(
                    f"plugin {plugin.path}: registers the method {name!r}, which the "
                    "benchmark has already; choose another name"
                )


def opened(plan: Json, out: Path) -> Json:
    """The plan in the folder; a new one gets its floors measured and is written."""
    if not (out / "plan.json").exists():
        suite = suite_of(plan["suite"])
        measured = {n: t for n in plan["tasks"] if (t := suite.tasks[n]).goal}
        plan = with_floors(plan, {n: floors_of(task) for n, task in measured.items()})
        plan |= {"noise": {n: noise_of(task) for n, task in measured.items()}}
    plan = keep(plan, out)
    write_copies(out, plugins_of(plan))  # a worker on another machine loads these
    return plan


def require_same_ruler(rows: list[Json], cells: list[Json]) -> None:
    """A ValueError if this machine measures otherwise than the rows there are."""
    marks = []
    for cell in cells:
        config = config_in(cell)
        fields = {"dataset.size": config.dataset.size}
        mark = fingerprint_of(config)
        marks.append({"task": cell["task"], "config": fields, "fingerprint": mark})
    store.require_comparable(rows + marks)


def one_after_the_other(
    plan: Json, cells: list[Json], out: Path, begun: Callable[[str, int], None]
) -> Results:
    exact = suite_of(plan["suite"]).rates
    # Training takes a request to stop by itself; a game is over in a second.
    with stop_request() if exact else nullcontext([]) as asked:
        for cell in cells:
            if asked:
                raise Interrupted(asked[0])
            name = cell["id"]
            begun(name, 0)
            tell = lambda row, name=name: begun(name, row["step"])  # noqa: E731
            yield cell, rows_of(plan, cell, out, tell)
            if not exact:
                jax.clear_caches()  # a program a cell would fill the memory


def run(
    plan: Json, cells: list[Json], out: Path, launcher: str
) -> dict[str, list[Json]]:
    """Run the cells that are not finished; the rows of all that are then."""
    with show_progress("reading the results so far"):
        done = store.take_up(plan, out)
        waiting = [cell for cell in cells if cell["id"] not in done]
        stored = [row for rows in done.values() for row in rows]
        if launcher == "local" and not suite_of(plan["suite"]).rates:
            require_same_ruler(stored, waiting)
    remote = cluster.opened() if launcher == "ray" else nullcontext(1)
    with remote as workers:
        board = boards.board_of(plan, cells, done, workers)
        launch = cluster.on_workers if launcher == "ray" else one_after_the_other

        console = plain_console()
        live = Live(
            get_renderable=lambda: boards.shown(board),
            console=console,
            refresh_per_second=1,
        )
        in_lines = not console.is_terminal
        training = show_progress("training the cells", enabled=in_lines, stderr=False)

        def begun(name: str, step: int) -> None:
            board.running[name] = step
            lines.update(0, f"{name} at step {step}; {boards.status(board)}")

        with training as lines, nullcontext() if in_lines else live:
            for cell, rows in launch(plan, waiting, out, begun):
                store.add_rows(out, rows)
                board.done[cell["id"]] = rows
                if in_lines:
                    lines.print_line(boards.finished_line(cell, rows))
                    lines.print_line(boards.status(board))
        if in_lines:
            console.print(boards.shown(board))
    return done


def work(flags: Flags, arguments: list[str]) -> int:
    plan = planned(flags, arguments)
    cells = share(plan["cells"], flags.part)
    if flags.plan:
        plain_console().print(boards.listing(plan, cells))
        return 0
    out = Path(flags.out or f"results/{flags.suite}")
    if flags.launcher == "local":
        use_cores_as_devices()
    cache_compilations()
    with lock_folder(out):
        with show_progress("measuring the floors of the tasks"):
            plan = opened(plan, out)
        try:
            done = run(plan, cells, out, flags.launcher)
        except (Interrupted, KeyboardInterrupt) as error:
            finished = store.finished(plan, store.read_rows(out))
            count = sum(cell["id"] in finished for cell in cells)
            print(
                f"stopped: {count} of {len(cells)} cells are finished, the others are "
                f"saved; the same command goes on:\n"
                f"{name_command('compare')} {shlex.join(arguments)}",
                file=sys.stderr,
            )
            return STOPPED.get(str(error), STOPPED["SIGINT"])  # no name: Ctrl-C
    return ended(done, cells, out)


def ended(done: dict[str, list[Json]], cells: list[Json], out: Path) -> int:
    """Say what was found where, and which cells crashed."""
    crashed = [
        boards.finished_line(cell, done[cell["id"]])
        for cell in cells
        if any(row["outcome"] == ERROR for row in done[cell["id"]])
    ]
    for line in crashed:
        print(f"crashed: {line}", file=sys.stderr)
    place = shlex.quote(str(out))
    report = name_command("report")
    print(f"results {out / store.ROWS}\nreport  {report} {place}")
    return 1 if crashed else 0


def start(arguments: list[str]) -> int:
    arguments = gather_plugin_flags(arguments)
    flags = parse(Flags, arguments, prog=name_command("compare"), description=__doc__)
    if suite_of(flags.suite).rates:
        reason = f"in the suite {flags.suite!r}, which draws nothing at random"
        refuse_unread_flags(find_given_fields(Flags, arguments), {"seeds": reason})
    try:
        return work(expand_home(flags, "out"), arguments)
    except KeyboardInterrupt as error:
        print("stopped; the same command goes on", file=sys.stderr)
        return exit_code_of(error)


def main(arguments: list[str]) -> int:
    said = make_flag_rewriter(Flags, {"--resume": "the same command"})
    return catch_user_errors(partial(start, arguments), said)
