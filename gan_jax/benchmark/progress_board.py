"""The progress board of a running plan: outcomes by method and task, and time left."""

import time
from typing import NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gan_jax.benchmark.costs import count_gradient_evaluations, estimate_seconds
from gan_jax.benchmark.outcome import ERROR
from gan_jax.benchmark.plan import Json, cell_config
from gan_jax.benchmark.suites import find_suite
from gan_jax.terminal.progress_text import format_duration

MAX_COLUMNS = 8
"""Tasks above which the board shows all of them in one column."""


class ProgressBoard(NamedTuple):
    """The state of a running plan.

    estimates: the seconds of each cell by the suite's table. done: the rows of each
    finished cell. running: the step of each cell that has begun. started: a monotonic
    time in seconds.
    """

    plan: Json
    cells: list[Json]
    estimates: dict[str, float]
    done: dict[str, list[Json]]
    running: dict[str, int]
    workers: int
    started: float


def make_board(
    plan: Json, cells: list[Json], done: dict[str, list[Json]], workers: int
) -> ProgressBoard:
    """Return the board of a plan that starts now."""
    suite = find_suite(plan["suite"])
    estimates = {cell["id"]: estimate_seconds(cell, suite) for cell in cells}
    return ProgressBoard(plan, cells, estimates, done, {}, workers, time.monotonic())


def sum_wall_seconds(rows: list[Json]) -> float:
    """Return the wall seconds of all rows."""
    return sum(row["wall_seconds"] or 0.0 for row in rows)


def measure_pace(board: ProgressBoard) -> float | None:
    """Return the ratio of real to estimated seconds of finished cells, or None."""
    known = {name: sum_wall_seconds(rows) for name, rows in board.done.items()}
    real = {n: s for n, s in known.items() if s > 0 and n in board.estimates}
    if not real:
        return None
    return sum(real.values()) / sum(board.estimates[name] for name in real)


def estimate_seconds_left(board: ProgressBoard) -> float:
    """Return the seconds that the other cells take at the pace of the finished ones."""
    left = 0.0
    for cell in board.cells:
        if cell["id"] not in board.done:
            share = board.running.get(cell["id"], 0) / cell["config"]["steps"]
            left += board.estimates[cell["id"]] * (1 - share)
    return left * (measure_pace(board) or 1.0) / board.workers


def has_time_for_next(board: ProgressBoard, limit: float) -> bool:
    """Return whether the next cell, or all that are left, would end within the limit.

    limit: seconds since the plan started.
    """
    left = [cell["id"] for cell in board.cells if cell["id"] not in board.done]
    pace = measure_pace(board) or 1.0
    needed = board.estimates[left[0]] * pace if left else 0.0
    return time.monotonic() - board.started + needed <= limit


def make_board_cell(board: ProgressBoard, tasks: list[str], method: str) -> Text:
    """Return what the board says of a method on these tasks.

    That is `8/10` for how many runs converged, with the progress of what still runs;
    `-` where the method does not apply.
    """
    own = [c for c in board.cells if c["method"] == method and c["task"] in tasks]
    if not own:
        return Text("-", style="dim")
    rows = [row for cell in own for row in board.done.get(cell["id"], [])]
    parts = []
    if rows:
        parts.append(f"{sum(row['success'] for row in rows)}/{len(rows)}")
    for cell in own:
        if cell["id"] in board.running and cell["id"] not in board.done:
            parts.append(f"{board.running[cell['id']] / cell['config']['steps']:.0%}")
    errors = sum(row["outcome"] == ERROR for row in rows)
    if errors:
        parts.append(ERROR)
    whole = len(rows) == sum(cell["members"] for cell in own)
    style = "red" if errors else "bold" if whole else "yellow"
    return Text(" ".join(parts) or "·", style=style)


def describe_progress(board: ProgressBoard) -> str:
    """Return how many cells are finished and how long the others take."""
    done = sum(cell["id"] in board.done for cell in board.cells)
    source = "at the pace so far" if measure_pace(board) else "by the table of costs"
    return (
        f"{done} of {len(board.cells)} cells; "
        f"{format_duration(time.monotonic() - board.started)} so far, about "
        f"{format_duration(estimate_seconds_left(board))} left ({source})"
    )


def render_board(board: ProgressBoard) -> Group:
    """Return the board as a table, with the progress below it.

    More than MAX_COLUMNS tasks share one column.
    """
    tasks = board.plan["tasks"]
    columns = {task: [task] for task in tasks}
    if len(tasks) > MAX_COLUMNS:
        columns = {f"{len(tasks)} tasks": tasks}
    table = Table(
        "method", *columns, title=f"{board.plan['suite']}: GANs that converged"
    )
    for method in board.plan["methods"]:
        table.add_row(
            method, *(make_board_cell(board, own, method) for own in columns.values())
        )
    return Group(table, Text(describe_progress(board)))


def describe_cell(cell: Json, rows: list[Json]) -> str:
    """Return one line for a log: how the runs of a finished cell ended."""
    counts = {row["outcome"]: 0 for row in rows}
    for row in rows:
        counts[row["outcome"]] += 1
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    why = next((f": {row['error']}" for row in rows if row["error"]), "")
    return f"{cell['id']}: {outcomes}{why} ({format_duration(sum_wall_seconds(rows))})"


def render_plan(plan: Json, cells: list[Json]) -> Group:
    """Return the cells of a plan with their estimated costs, and the sum."""
    suite = find_suite(plan["suite"])
    table = Table(
        "cell", "GANs", "steps", "gradients a step", "estimate", title=suite.about
    )
    total = 0.0
    for cell in cells:
        seconds = estimate_seconds(cell, suite)
        total += seconds
        config = cell_config(cell)
        table.add_row(
            cell["id"],
            str(cell["members"]),
            str(config.steps),
            str(count_gradient_evaluations(config, 1)),
            format_duration(seconds),
        )
    members = sum(cell["members"] for cell in cells)
    return Group(
        table,
        Text(
            f"{len(cells)} cells, {members} GANs, about {format_duration(total)} "
            "on 2 cores (from the suite's table of measured costs, "
            "gan_jax/benchmark/suites; nothing was timed here; a GPU is faster)"
        ),
    )
