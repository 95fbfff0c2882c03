"""The rows of a run: which steps are logged, how each GAN ended, the summary."""

import time
from importlib.metadata import version
from typing import Any, NamedTuple

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


class Record(NamedTuple):
    """One GAN's part of a run.

    label: its seed and sweep factors; empty for a single GAN. rows: what was logged.
    due: each lazy penalty's metrics at the last step at which it was due.
    """

    label: Member
    rows: list[Row]
    due: dict[str, float]


def alive(record: Record) -> bool:
    return not record.rows or record.rows[-1]["finite"]


def enter(
    config: Config,
    records: list[Record],
    metrics: dict[str, np.ndarray],
    seen: int,
    started: float,
    last: bool,
) -> list[Row]:
    """Add the rows of the steps after `seen` to each GAN still finite; the new ones.

    Logged are the first step of all, each that `log.every` divides, the end of the run
    and, as the last, the first step that is not finite.
    """
    wall_seconds = time.perf_counter() - started
    added = []
    for index, record in enumerate(records):
        if not alive(record):
            continue
        series = {name: values[index] for name, values in metrics.items()}
        finite = series["finite"]
        count = len(finite) if finite.all() else int(finite.argmin()) + 1
        for i in range(count):
            step = seen + i + 1
            now = {name: values[i].item() for name, values in series.items()}
            record.due.update(due_metrics(config, now, step - 1))
            ends = i == count - 1 and (last or not now["finite"])
            if step == 1 or step % config.log.every == 0 or ends:
                head = {"step": step, "wall_seconds": wall_seconds}
                record.rows.append(head | record.label | now | record.due)
                added.append(record.rows[-1])
    return added


def due_metrics(config: Config, now: Row, taken: int) -> Row:
    """The penalties' metrics, if they were due after `taken` steps."""
    every = {
        "d_penalty": config.penalty.every,
        "critic_grad_norm": config.penalty.every,
        "g_penalty": config.generator_penalty.every,
    }
    return {
        name: now[name]
        for name, interval in every.items()
        if name in now and taken % interval == 0
    }


def described(member: Member) -> str:
    """`seed 0, penalty x 0.1`."""
    seed, *factors = (
        f"{name.removeprefix('sweep.')} x {value}" for name, value in member.items()
    )
    return ", ".join([seed.replace(" x", ""), *factors])


def verdict(config: Config, record: Record, steps: int) -> str:
    """How one GAN ended, in a run that made so many steps."""
    if not alive(record):
        return "diverged"
    return "completed" if steps == config.steps else "interrupted"


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("gan_jax", "jax", "flax", "optax")}


def last_wall_seconds(records: list[Record]) -> float:
    """Of the newest row; 0 before the first."""
    return max((r.rows[-1]["wall_seconds"] for r in records if r.rows), default=0.0)


def longest(records: list[Record]) -> list[Row]:
    """The rows of a GAN that got furthest."""
    return max((record.rows for record in records), key=lambda rows: rows[-1]["step"])


def summarize(
    config: Config,
    work: Program,
    state: TrainState,
    records: list[Record],
) -> Row:
    """The run in one small dictionary.

    Several GANs: the best of their verdicts, and how many have each.
    """
    steps = int(state.step)
    verdicts = [verdict(config, record, steps) for record in records]
    best = next(v for v in ("completed", "interrupted", "diverged") if v in verdicts)
    if work.members:
        detail: Row = {"members": {v: verdicts.count(v) for v in sorted(set(verdicts))}}
    else:
        last = {k: v for k, v in records[0].rows[-1].items() if k != "wall_seconds"}
        detail = {
            "last_row": {
                k: round(v, 6) if np.isfinite(v) else None for k, v in last.items()
            }
        }
    rows, count = longest(records), len(records)
    return {
        "verdict": best,
        "steps": rows[-1]["step"] if best == "diverged" else steps,
        "wall_seconds": round(last_wall_seconds(records), 2),
        "first_row_seconds": round(rows[0]["wall_seconds"], 2),
        "steps_per_second": round(steps_per_second(rows), 2),
        "parameters": {
            "generator": parameter_count(state.generator.params) // count,
            "discriminator": parameter_count(state.discriminator.params) // count,
        },
        **detail,
        "program": work.about,
        "processes": jax.process_count(),
        "versions": versions(),
    }


def steps_per_second(rows: list[Row]) -> float:
    """The rate after the first dispatch, which holds the compilation."""
    first = [row for row in rows if row["wall_seconds"] == rows[0]["wall_seconds"]][-1]
    steps = rows[-1]["step"] - first["step"]
    return steps / max(rows[-1]["wall_seconds"] - first["wall_seconds"], 1e-9)


def parameter_count(params: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))
