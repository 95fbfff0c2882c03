"""The cells of a plan, run one after another or on a cluster, with a progress board."""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import jax
from rich.live import Live

from gan_jax.benchmark.plan import (
    Json,
    add_floors,
    cell_config,
    plan_plugins,
    store_plan,
)
from gan_jax.benchmark.progress_board import (
    ProgressBoard,
    describe_cell,
    describe_progress,
    has_time_for_next,
    make_board,
    render_board,
)
from gan_jax.benchmark.ray_launcher import ray_cluster, run_cells_on_ray
from gan_jax.benchmark.reference_scores import (
    evaluation_fingerprint,
    measure_floors,
    measure_noise,
)
from gan_jax.benchmark.results_io import (
    append_result_rows,
    require_comparable,
    resume_results,
)
from gan_jax.benchmark.run_cell import run_cell
from gan_jax.benchmark.suites import find_suite
from gan_jax.plugins.load import write_copies
from gan_jax.run.compile_ahead import compile_in_background
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import show_progress

CELLS_BETWEEN_CLEARS = 16
"""The cells between two times at which all compiled programs are dropped."""
NoteStep = Callable[[str, int], None]
"""A function that is called with a cell's name and the step it has reached."""
NoteRows = Callable[[Json, list[Json]], None]
"""A function that is called with a finished cell and its rows."""


def open_results(plan: Json, out: Path) -> Json:
    """Return the plan of the results folder `out`, with floors and thresholds.

    A folder without a plan gets this one, once its floors and its noise are measured.
    The plugins of the plan are copied there too, so that a worker on another machine
    can load them. Raises ValueError if the folder holds another plan.
    """
    if not (out / "plan.json").exists():
        suite = find_suite(plan["suite"])
        measured = {n: t for n in plan["tasks"] if (t := suite.tasks[n]).goal}
        floors = {name: measure_floors(task) for name, task in measured.items()}
        noise = {name: measure_noise(task) for name, task in measured.items()}
        plan = add_floors(plan, floors) | {"noise": noise}
    plan = store_plan(plan, out)
    write_copies(out, plan_plugins(plan))
    return plan


def run_plan(
    plan: Json,
    cells: list[Json],
    out: Path,
    launcher: str,
    limit: float = math.inf,
) -> dict[str, list[Json]]:
    """Run the cells that are not finished, and return the rows of all finished ones.

    launcher: "local" or "ray". Rows are stored as soon as their cell is finished.
    limit: seconds. After the first cell, none is begun that would not end within them,
    at the pace of the cells so far. Raises CellInterrupted or KeyboardInterrupt if it
    is stopped.
    """
    with show_progress("reading the results so far"):
        done = resume_results(plan, out)
        waiting = [cell for cell in cells if cell["id"] not in done]
        if launcher == "local" and not find_suite(plan["suite"]).rates:
            require_same_evaluation(
                [r for rows in done.values() for r in rows], waiting
            )
    remote = ray_cluster() if launcher == "ray" else nullcontext(1)
    launch = run_cells_on_ray if launcher == "ray" else run_cells_locally
    with remote as workers:
        board = make_board(plan, cells, done, workers)
        with show_board(board) as (note_step, note_rows):
            for cell, rows in launch(plan, waiting, out, note_step):
                append_result_rows(out, rows)
                note_rows(cell, rows)
                if not has_time_for_next(board, limit):
                    break
    return done


@contextmanager
def show_board(board: ProgressBoard) -> Iterator[tuple[NoteStep, NoteRows]]:
    """Show the board while cells run: live in a terminal, in lines elsewhere.

    Yields two functions that keep it up to date: one is called with a cell's name and
    its step, the other with a finished cell and its rows.
    """
    console = plain_console()
    in_lines = not console.is_terminal
    training = show_progress("training the cells", enabled=in_lines, stderr=False)
    live = Live(
        get_renderable=lambda: render_board(board),
        console=console,
        refresh_per_second=1,
    )

    def note_step(name: str, step: int) -> None:
        board.running[name] = step
        lines.update(0, f"{name} at step {step}; {describe_progress(board)}")

    def note_rows(cell: Json, rows: list[Json]) -> None:
        board.done[cell["id"]] = rows
        if in_lines:
            lines.print_line(describe_cell(cell, rows))
            lines.print_line(describe_progress(board))

    with training as lines, nullcontext() if in_lines else live:
        yield note_step, note_rows
    if in_lines:
        console.print(render_board(board))


def require_same_evaluation(rows: list[Json], cells: list[Json]) -> None:
    """Raise a ValueError if this machine evaluates otherwise than the rows were."""
    expected = []
    for cell in cells:
        config = cell_config(cell)
        expected.append(
            {
                "task": cell["task"],
                "config": {"dataset.size": config.dataset.size},
                "fingerprint": evaluation_fingerprint(config),
            }
        )
    require_comparable(rows + expected)


def run_cells_locally(
    plan: Json, cells: list[Json], out: Path, note_step: NoteStep
) -> Iterator[tuple[Json, list[Json]]]:
    """Run the cells one after another in this process, and yield each with its rows.

    note_step: called with a cell's name and each step that it logs.
    """
    exact = find_suite(plan["suite"]).rates
    for index, cell in enumerate(cells):
        note_step(cell["id"], 0)
        clears = (index + 1) % CELLS_BETWEEN_CLEARS == 0
        coming = () if exact or clears else cells[index + 1 : index + 2]
        config = next(map(cell_config, coming), None)
        with compile_in_background(config) as begin_to_compile:
            note_row = partial(
                note_row_of_cell, cell["id"], note_step, begin_to_compile
            )
            yield cell, run_cell(plan, cell, out, note_row)
        if not exact:
            free_programs(clears)


def note_row_of_cell(
    name: str, note_step: NoteStep, begin_to_compile: Callable[[], None], row: Json
) -> None:
    """Note the step of a logged row: the first one comes when all is compiled."""
    begin_to_compile()
    note_step(name, row["step"])


def free_programs(clears: bool) -> None:
    """Free the programs of a finished cell, but those that later cells may share.

    clears: whether to clear JAX's caches too. They hold a program for each kind of
    function and shape that was ever called, which would fill the memory.
    """
    gc.collect()  # The functions of a run refer to each other.
    if clears:
        jax.clear_caches()
