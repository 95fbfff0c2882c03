"""One cell of a plan: trained in its folder, and turned into rows of results."""

import dataclasses
import platform
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import jax

from gan_jax.benchmark.costs import count_gradient_evaluations
from gan_jax.benchmark.exact_games import play_cell
from gan_jax.benchmark.metric_info import METRIC_INFO
from gan_jax.benchmark.outcome import (
    ERROR,
    Goal,
    RunCourse,
    Thresholds,
    evaluation_rows,
    find_outcome,
    finite_number_or_none,
    read_goal,
)
from gan_jax.benchmark.plan import Json, cell_config
from gan_jax.benchmark.reference_scores import evaluation_fingerprint
from gan_jax.benchmark.suites import find_suite
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.logs.row_files import read_rows
from gan_jax.parallel.execution import Member, members_of
from gan_jax.run.train_run import train
from gan_jax.run_files.history import label_of
from gan_jax.run_files.summary import framework_versions

ROW_SCHEMA = 1
CELLS_FOLDER = "cells"
"""The folder of the cells' runs within a results folder."""


class CellInterrupted(Exception):
    """A signal, which the message names, stopped a cell: it is saved and can go on."""


def run_cell(plan: Json, cell: Json, out: Path, note_row: Callable) -> list[Json]:
    """Train a cell, or go on with it, and return a row for each of its GANs.

    note_row: called with each logged row. A cell that crashes has rows with its error.
    Raises CellInterrupted if Ctrl-C or SIGTERM stopped it.
    """
    config = cell_config(cell)
    try:
        folder = out / CELLS_FOLDER / cell["id"]
        results = train_or_play(plan, cell, config, folder, note_row)
    except CellInterrupted:
        raise
    except Exception as error:
        return make_error_rows(plan, cell, error)
    return [complete_row(plan, cell, config, row) for row in results]


def make_error_rows(plan: Json, cell: Json, error: Exception) -> list[Json]:
    """Return the rows of a cell that crashed."""
    config = cell_config(cell)
    labels = member_labels(plan, cell, config)
    return [
        complete_row(plan, cell, config, make_error_row(label, error))
        for label in labels
    ]


def complete_row(plan: Json, cell: Json, config: Config, row: Json) -> Json:
    """Return the row with the fields that all rows of a cell share."""
    common = {
        "schema": ROW_SCHEMA,
        "plan": plan["hash"],
        "suite": plan["suite"],
        "task": cell["task"],
        "method": cell["method"],
        "cell": cell["id"],
        "config": flat(config),
        "error": None,
        "gradient_evaluations": count_gradient_evaluations(config, config.steps),
        "device": describe_device(),
        "versions": framework_versions(),
        "commit": find_commit(),
    }
    return common | row | {"axes": cell["axes"] | row["axes"]}


def train_or_play(
    plan: Json, cell: Json, config: Config, folder: Path, note_row: Callable
) -> list[Json]:
    """Train the cell, or play it exactly if its suite has rates; return its rows."""
    rates = find_suite(plan["suite"]).rates
    if rates:
        return play_cell(config, rates)
    quiet = {"progress": False, "pictures": False}
    _, summary = train(config, folder, callback=note_row, resume=True, **quiet)
    if summary["verdict"] == "interrupted":
        raise CellInterrupted(summary["stopped_by"])
    return judge_cell(plan["thresholds"][cell["task"]], config, folder, summary)


def member_labels(plan: Json, cell: Json, config: Config) -> list[Member]:
    """Return what tells the members of a cell apart."""
    rates = find_suite(plan["suite"]).rates
    if rates:
        return [{"seed": 0, "sweep.h": rate} for rate in rates]
    return members_of(config) or [{"seed": config.seed}]


def judge_cell(
    thresholds: Json, config: Config, folder: Path, summary: Json
) -> list[Json]:
    """Return the results of each GAN of a run, read from its folder."""
    everything = read_rows(folder / "metrics.jsonl")
    own = members_of(config)
    ends = read_rows(folder / "members.jsonl") if own else [summary]
    goal, limits = read_thresholds(thresholds)
    common = {"fingerprint": evaluation_fingerprint(config)} | round_floats(
        share_times(everything, len(ends))
    )
    results = []
    for label, end in zip(own or [{}], ends, strict=True):
        rows = [row for row in everything if label_of(row) == label]
        course = RunCourse(rows, config.steps, config.metrics.every)
        outcome, step = find_outcome(course, goal, limits)
        results.append(
            member_identity(label, config)
            | {
                "verdict": end["verdict"],
                "outcome": outcome,
                "success": outcome == "converged",
                "success_step": step,
            }
            | round_floats(summarize_evaluations(course))
            | common
        )
    return results


def member_identity(label: Member, config: Config) -> Json:
    """Return `seed` and `axes` of a member."""
    axes = {k.removeprefix("sweep."): v for k, v in label.items() if k != "seed"}
    return {"seed": label.get("seed", config.seed), "axes": axes}


def read_thresholds(stored: Json) -> tuple[Goal, Thresholds]:
    """Return the goal and the thresholds that `plan.make_thresholds` wrote."""
    names = {f.name for f in dataclasses.fields(Thresholds)}
    limits = Thresholds(**{k: v for k, v in stored.items() if k in names})
    return read_goal(stored), limits


def summarize_evaluations(course: RunCourse) -> Json:
    """Return a run's evaluations, its last and best numbers and largest gradients."""
    measured = evaluation_rows(course)
    names = [name for name in METRIC_INFO if any(name in row for row in measured)]
    series: Json = {"step": [row["step"] for row in measured]}
    series |= {
        name: [finite_number_or_none(row.get(name)) for row in measured]
        for name in names
    }
    final, best = {}, {}
    for name in names:
        final[name] = series[name][-1]
        known = [value for value in series[name] if value is not None]
        choose = min if METRIC_INFO[name].lower_is_better else max
        best[name] = choose(known) if known else None
    gradients = {f"max_{name}": largest_value(course, name) for name in GRADIENT_NORMS}
    return {"series": series, "final": final, "best": best, "gradients": gradients}


DIGITS = 7
"""Significant digits of what is measured, which are those of float32."""


def round_floats(value: Any) -> Any:
    """Return the JSON value with all its floats at `DIGITS` significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: round_floats(one) for name, one in value.items()}
    return [round_floats(one) for one in value] if isinstance(value, list) else value


GRADIENT_NORMS = ("g_grad_norm", "d_grad_norm")


def largest_value(course: RunCourse, name: str) -> float | None:
    """Return the largest finite value logged under a name."""
    values = [finite_number_or_none(row.get(name)) for row in course.rows]
    return max((value for value in values if value is not None), default=None)


def share_times(rows: list[Json], members: int) -> Json:
    """Return a member's share of the wall time and of the time of a step.

    The time of a step is the median over the dispatches after the first one. So it
    holds no compilation, nor the evaluations and checkpoints, which are rarer.
    """
    at = sorted({(row["wall_seconds"], row["step"]) for row in rows})
    ends = dict(at)  # the last step of each moment
    moments = sorted(ends.items())
    rates = [
        (after - before) / (end - start)
        for (before, start), (after, end) in zip(moments, moments[1:], strict=False)
        if end > start
    ]
    return {
        "wall_seconds": moments[-1][0] / members,
        "step_seconds": median(rates) / members if rates else None,
    }


def make_error_row(label: Member, error: Exception) -> Json:
    """Return the row of one member of a cell that crashed."""
    text = " ".join(str(error).split()) or "no message"
    return {
        "seed": label["seed"],
        "axes": {k.removeprefix("sweep."): v for k, v in label.items() if k != "seed"},
        "verdict": ERROR,
        "outcome": ERROR,
        "error": f"{type(error).__name__}: {text:.300}",
        "success": False,
        "success_step": None,
        "series": {"step": []},
        "final": {},
        "best": {},
        "gradients": {f"max_{name}": None for name in GRADIENT_NORMS},
        "wall_seconds": None,
        "step_seconds": None,
        "fingerprint": None,
    }


def describe_device() -> str:
    """Return the devices of this process and the machine's architecture."""
    kind = jax.devices()[0].device_kind
    return f"{jax.device_count()} x {kind} ({platform.machine()})"


@cache
def find_commit() -> str | None:
    """Return the commit of the running code, or None if it is not in git.

    It ends in `-dirty` if the code was changed since.
    """
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return None
    return found.stdout.strip() or None
