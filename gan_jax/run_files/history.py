"""The rows of a run: which steps are logged, how each GAN ended, the summary."""

import time
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.assembly.suggestions import suggest_flags
from gan_jax.config import Config
from gan_jax.parallel.execution import Member
from gan_jax.run_files.health import TROUBLE_SIGNS, find_trouble, first_non_finite_term
from gan_jax.run_files.sweeps import describe_member
from gan_jax.types import Metrics, Row


def fetch_metrics(unseen: list[Metrics]) -> dict[str, np.ndarray]:
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


def make_record(label: Member, rows: list[Row], due: Row, events: list[Row]) -> Record:
    """A GAN's record from what was written of it."""
    faults = [describe_fault(row) for row in rows if not row["finite"]]
    known = {event["sign"] for event in events if "sign" in event}
    return Record(label, rows, dict(due), faults[:1], known)


def rows_of_member(label: Row, rows: list[Row]) -> list[Row]:
    """The rows of one GAN."""
    return [row for row in rows if label.items() <= row.items()]


def describe_fault(row: Row) -> Row:
    return {"step": row["step"], "term": first_non_finite_term(row)}


def is_alive(record: Record) -> bool:
    return not record.faults


def add_rows(
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
            if not is_alive(record) and config.on_divergence != "continue":
                break
            step = seen + i + 1
            now = {name: values[index, i].item() for name, values in metrics.items()}
            record.due.update(lazy_penalty_metrics(config, now, step - 1))
            fails = is_alive(record) and not now["finite"]
            if fails or has_row(config, step) or (last and i == steps - 1):
                head = {"step": step, "wall_seconds": wall_seconds}
                record.rows.append(head | record.label | now | record.due)
                added.append(record.rows[-1])
                if fails or has_row(config, step):  # the others go when it is resumed
                    events += new_trouble_events(record)
            if fails:
                record.faults.append(describe_fault(record.rows[-1]))
    return added, events


def has_row(config: Config, step: int) -> bool:
    """Whether a step has a row wherever the run ends."""
    every = (config.log.every, config.metrics.every)
    return step in (1, config.steps) or any(n and step % n == 0 for n in every)


def add_measurements(records: list[Record], step: int, values: list[Row]) -> None:
    """Complete the rows of a step; a GAN that has ended has none."""
    for record, found in zip(records, values, strict=True):
        if record.rows[-1]["step"] == step:
            record.rows[-1].update(found)


def new_trouble_events(record: Record) -> list[Row]:
    """New signs of trouble in a GAN's newest rows, as events."""
    found = list(find_trouble(record.rows, record.known))
    record.known.update(found)
    step = record.rows[-1]["step"]
    return [{"step": step, **record.label, "sign": sign} for sign in found]


def lazy_penalty_metrics(config: Config, now: Row, taken: int) -> Row:
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


def label_of(row: Row) -> Member:
    """Which GAN it tells of."""
    return {k: v for k, v in row.items() if k == "seed" or k.startswith("sweep.")}


def describe_event(config: Config, event: Row) -> str:
    """An event as a line for people."""
    label = label_of(event)
    who = f", {describe_member(config, label)}" if label else ""
    prefix = f"step {event['step']}{who}: "
    if "restored" in event:
        fault = event["fault"]
        return (
            f"{prefix}restored, with half the learning rates ({event['restored']} of "
            f"at most 3); {fault['term']} was not finite at step {fault['step']}"
        )
    rule = TROUBLE_SIGNS[event["sign"]]
    tries = ", or ".join(suggest_flags(rule.suggestions, config))
    return f"{prefix}{event['sign']}: {rule.meaning}. What to try: {tries}"


def last_wall_seconds(records: list[Record]) -> float:
    """Of the newest row; 0 before the first."""
    return max((r.rows[-1]["wall_seconds"] for r in records if r.rows), default=0.0)


def longest_rows(records: list[Record]) -> list[Row]:
    """The rows of a GAN that got furthest."""
    return max((record.rows for record in records), key=lambda rows: rows[-1]["step"])
