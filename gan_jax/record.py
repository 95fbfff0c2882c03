"""The rows of a run: which steps are logged, how each GAN ended, the summary."""

import time
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from gan_jax.config import Config
from gan_jax.program import Member, Program
from gan_jax.types import Metrics, TrainState

Row = dict[str, Any]


def fetched(unseen: list[Metrics]) -> dict[str, np.ndarray]:
    """The metrics of several dispatches on the host: `[S, n]`, S = 1 for one GAN."""
    parts = [
        {k: np.atleast_2d(v) for k, v in m.items()} for m in jax.device_get(unseen)
    ]
    return {name: np.concatenate([m[name] for m in parts], axis=1) for name in parts[0]}


def enter(
    config: Config,
    work: Program,
    runs: list[list[Row]],
    metrics: dict[str, np.ndarray],
    seen: int,
    started: float,
    last: bool,
) -> list[Row]:
    """Add the rows due in these steps to each GAN still finite; return them."""
    seconds = time.perf_counter() - started
    added = []
    for index, run in enumerate(runs):
        if run and not run[-1]["finite"]:
            continue
        series = {name: values[index] for name, values in metrics.items()}
        label = work.members[index] if work.members else {}
        for row in due_rows(config, series, seen, last):
            run.append({"step": row["step"], "wall_seconds": seconds} | label | row)
            added.append(run[-1])
    return added


def due_rows(
    config: Config, series: dict[str, np.ndarray], seen: int, last: bool
) -> list[Row]:
    """Rows of one GAN for the steps after `seen`: the first step of all, each that
    `log.every` divides, the end of the run, the first that is not finite (and no more).

    A lazy penalty's metrics are those of the last step, in this row's reach, at which
    it was due.
    """
    finite = series["finite"]
    count = len(finite) if finite.all() else int(finite.argmin()) + 1
    intervals = {
        "d_penalty": config.penalty.every,
        "critic_grad_norm": config.penalty.every,
        "g_penalty": config.generator_penalty.every,
    }
    rows, since = [], 0
    for index in range(count):
        step = seen + index + 1
        ends = index == count - 1 and (last or not finite[index])
        if not (step == 1 or step % config.log.every == 0 or ends):
            continue
        row = {"step": step} | {name: v[index].item() for name, v in series.items()}
        for name in intervals.keys() & series.keys():
            due = np.arange(seen + since, step) % intervals[name] == 0
            if due.any():
                row[name] = series[name][since : index + 1][due][-1].item()
        rows.append(row)
        since = index + 1
    return rows


def described(member: Member) -> str:
    """`seed 0, penalty x 0.1`."""
    seed, *factors = (
        f"{name.removeprefix('sweep.')} x {value}" for name, value in member.items()
    )
    return ", ".join([seed.replace(" x", ""), *factors])


def verdict(config: Config, run: list[Row]) -> str:
    """How one GAN ended."""
    if not run[-1]["finite"]:
        return "diverged"
    return "completed" if run[-1]["step"] == config.steps else "interrupted"


def summarize(
    config: Config,
    work: Program,
    state: TrainState,
    runs: list[list[Row]],
    wall_seconds: float,
) -> Row:
    """The run in one small dictionary.

    Several GANs: the best of their verdicts, and how many have each.
    """
    verdicts = [verdict(config, run) for run in runs]
    best = next(v for v in ("completed", "interrupted", "diverged") if v in verdicts)
    if work.members:
        detail: Row = {"members": {v: verdicts.count(v) for v in sorted(set(verdicts))}}
    else:
        last = {k: v for k, v in runs[0][-1].items() if k != "wall_seconds"}
        detail = {
            "last_row": {
                k: round(v, 6) if np.isfinite(v) else None for k, v in last.items()
            }
        }
    one = len(work.members or [None])
    return {
        "verdict": best,
        "steps": max(run[-1]["step"] for run in runs),
        "wall_seconds": round(wall_seconds, 2),
        "first_row_seconds": round(runs[0][0]["wall_seconds"], 2),
        "steps_per_second": round(steps_per_second(runs[0]), 2),
        "parameters": {
            "generator": parameter_count(state.generator.params) // one,
            "discriminator": parameter_count(state.discriminator.params) // one,
        },
        **detail,
        "program": work.about,
        "processes": jax.process_count(),
        "versions": {
            name: version(name) for name in ("gan_jax", "jax", "flax", "optax")
        },
    }


def steps_per_second(rows: list[Row]) -> float:
    """The rate after the first dispatch, which holds the compilation."""
    first = [row for row in rows if row["wall_seconds"] == rows[0]["wall_seconds"]][-1]
    steps = rows[-1]["step"] - first["step"]
    return steps / max(rows[-1]["wall_seconds"] - first["wall_seconds"], 1e-9)


def parameter_count(params: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))
