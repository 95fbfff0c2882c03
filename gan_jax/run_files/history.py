"""The rows of a run: which steps are logged, how each GAN ended, the summary."""

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax import version
from gan_jax.assembly.suggestions import FOR_VERDICT, suggest_flags
from gan_jax.config import Config
from gan_jax.parallel.execution import Member, Program
from gan_jax.run_files.health import (
    COLLAPSED,
    RULES,
    findings,
    first_fault,
    has_collapsed,
    last_samples,
    not_learned,
)
from gan_jax.run_files.sweeps import described, last_measured, summed_up
from gan_jax.types import Metrics, Row, TrainState


def fetched(unseen: list[Metrics]) -> dict[str, np.ndarray]:
    """The metrics of several dispatches on the host: `[S, n]`, S = 1 for one GAN."""
    parts = [
        {k: np.atleast_2d(v) for k, v in m.items()} for m in jax.device_get(unseen)
    ]
    return {name: np.concatenate([m[name] for m in parts], axis=1) for name in parts[0]}


class Record(NamedTuple):
    """One GAN's part of a run.

    label: its seed and sweep factors; empty for a single GAN. rows: what was logged.
    due: each lazy penalty's metrics at the last step at which it was due. faults: the
    first step that was not finite and its first such term, if there was one. known: the
    signs of trouble already told of.
    """

    label: Member
    rows: list[Row]
    due: dict[str, float]
    faults: list[Row]
    known: set[str]


def record_of(label: Member, rows: list[Row], due: Row, events: list[Row]) -> Record:
    """A GAN's record from what was written of it."""
    faults = [fault_of(row) for row in rows if not row["finite"]]
    known = {event["sign"] for event in events if "sign" in event}
    return Record(label, rows, dict(due), faults[:1], known)


def of(label: Row, rows: list[Row]) -> list[Row]:
    """The rows of one GAN."""
    return [row for row in rows if label.items() <= row.items()]


def fault_of(row: Row) -> Row:
    return {"step": row["step"], "term": first_fault(row)}


def alive(record: Record) -> bool:
    return not record.faults


def enter(
    config: Config,
    records: list[Record],
    metrics: dict[str, np.ndarray],
    seen: int,
    started: float,
    last: bool,
) -> tuple[list[Row], list[Row]]:
    """Add the rows of the steps after `seen` to each GAN; the new ones and new events.

    Logged are the first step of all, each that `log.every` or `metrics.every` divides,
    the end of the run and the first step that is not finite, which is a GAN's last
    unless it is to continue.
    """
    wall_seconds = time.perf_counter() - started
    added, events = [], []
    for index, record in enumerate(records):
        steps = len(metrics["finite"][index])
        for i in range(steps):
            if not alive(record) and config.on_divergence != "continue":
                break
            step = seen + i + 1
            now = {name: values[index, i].item() for name, values in metrics.items()}
            record.due.update(due_metrics(config, now, step - 1))
            fails = alive(record) and not now["finite"]
            if fails or logged(config, step) or (last and i == steps - 1):
                head = {"step": step, "wall_seconds": wall_seconds}
                record.rows.append(head | record.label | now | record.due)
                added.append(record.rows[-1])
                if fails or logged(config, step):  # the others go when it is resumed
                    events += signs(record)
            if fails:
                record.faults.append(fault_of(record.rows[-1]))
    return added, events


def logged(config: Config, step: int) -> bool:
    """Whether a step has a row wherever the run ends."""
    every = (config.log.every, config.metrics.every)
    return step in (1, config.steps) or any(n and step % n == 0 for n in every)


def enter_measured(records: list[Record], step: int, values: list[Row]) -> None:
    """Complete the rows of a step; a GAN that has ended has none."""
    for record, found in zip(records, values, strict=True):
        if record.rows[-1]["step"] == step:
            record.rows[-1].update(found)


def signs(record: Record) -> list[Row]:
    """New signs of trouble in a GAN's newest rows, as events."""
    found = list(findings(record.rows, record.known))
    record.known.update(found)
    step = record.rows[-1]["step"]
    return [{"step": step, **record.label, "sign": sign} for sign in found]


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


VERDICTS = ("completed", "interrupted", "not_learned", "collapsed", "diverged")
"""From the best to the worst."""


def label_of(row: Row) -> Member:
    """Which GAN it tells of."""
    return {k: v for k, v in row.items() if k == "seed" or k.startswith("sweep.")}


def in_words(config: Config, event: Row) -> str:
    """An event as a line for people."""
    label = label_of(event)
    who = f", {described(config, label)}" if label else ""
    prefix = f"step {event['step']}{who}: "
    if "restored" in event:
        fault = event["fault"]
        return (
            f"{prefix}restored, with half the learning rates ({event['restored']} of "
            f"at most 3); {fault['term']} was not finite at step {fault['step']}"
        )
    rule = RULES[event["sign"]]
    tries = ", or ".join(suggest_flags(rule.tries, config))
    return f"{prefix}{event['sign']}: {rule.says}. What to try: {tries}"


def verdict(config: Config, record: Record, steps: int) -> str:
    """How one GAN ended, in a run that made so many steps."""
    if not alive(record):
        return "diverged"
    if steps < config.steps:
        return "interrupted"
    if has_collapsed(record.rows):
        return "collapsed"
    return "not_learned" if not_learned(record.rows) else "completed"


def ending(config: Config, record: Record, steps: int) -> Row:
    """The verdict; of a failure also why, and what to try, in words.

    Of a GAN that diverged the step and the term as well.
    """
    word, rows = verdict(config, record, steps), record.rows
    end: Row = {"verdict": word}
    if record.faults:
        end["fault"] = record.faults[0]
    if word in FOR_VERDICT:
        end["why"] = REASONS[word](rows)
        end["try"] = suggest_flags(FOR_VERDICT[word], config)
    return end


def diverged_why(rows: list[Row]) -> str:
    fault = next(fault_of(row) for row in rows if not row["finite"])
    return f"{fault['term']} was not finite at step {fault['step']}"


def collapsed_why(rows: list[Row]) -> str:
    found = last_samples(rows)["diversity"]
    return (
        f"the samples are far less diverse than the data: diversity {found:.2g}, and "
        f"under {COLLAPSED:g} for the last quarter of the steps (the data have 1)"
    )


REASONS = {
    "diverged": diverged_why,
    "collapsed": collapsed_why,
    "not_learned": not_learned,
}
"""Why a run failed, in words, from its rows."""


def versions() -> dict[str, str]:
    return version.versions("jax", "flax", "optax")


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

    Several GANs: the best of their verdicts, how many have each, and what
    `sweeps.summed_up` says of each value of a sweep.
    """
    steps = int(state.step)
    verdicts = [verdict(config, record, steps) for record in records]
    best = next(verdict for verdict in VERDICTS if verdict in verdicts)
    if work.members:
        detail = sums(config, work.members, records, verdicts)
    else:
        last = {k: v for k, v in records[0].rows[-1].items() if k != "wall_seconds"}
        detail = ending(config, records[0], steps) | {
            "last_row": {
                k: round(v, 6) if np.isfinite(v) else None for k, v in last.items()
            },
            "samples": last_samples(records[0].rows),
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


def sums(
    config: Config, members: list[Member], records: list[Record], verdicts: list[str]
) -> Row:
    """How many GANs have each verdict, and what each value of a sweep came to."""
    last = last_measured([record.rows for record in records])
    return {
        "members": {v: verdicts.count(v) for v in sorted(set(verdicts))},
        "by_value": summed_up(config, members, last, verdicts),
    }


def steps_per_second(rows: list[Row]) -> float:
    """The rate after the first dispatch, which holds the compilation."""
    first = [row for row in rows if row["wall_seconds"] == rows[0]["wall_seconds"]][-1]
    steps = rows[-1]["step"] - first["step"]
    return steps / max(rows[-1]["wall_seconds"] - first["wall_seconds"], 1e-9)


def parameter_count(params: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))
