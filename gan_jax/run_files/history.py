"""The history of each GAN of a run: its rows, its faults, its signs of trouble."""

from typing import NamedTuple

from gan_jax.assembly.suggestions import suggest_flags
from gan_jax.config import Config
from gan_jax.parallel.execution import Member
from gan_jax.run_files.health import TROUBLE_SIGNS, find_trouble, first_non_finite_term
from gan_jax.run_files.logged_steps import (
    PickedSteps,
    has_row,
    is_made_within,
    lazy_intervals,
)
from gan_jax.run_files.sweeps import describe_member
from gan_jax.types import Row


class Record(NamedTuple):
    """The history of one GAN of a run.

    label: its seed and sweep factors, or nothing for a single GAN. rows: what was
    logged. due: each lazy penalty's metrics at the last step at which it was due.
    faults: the first step that was not finite and its first such term, if there was
    one. known: the signs of trouble that events have already reported.
    """

    label: Member
    rows: list[Row]
    due: dict[str, float]
    faults: list[Row]
    known: set[str]


def make_record(label: Member, rows: list[Row], due: Row, events: list[Row]) -> Record:
    """Return the record of a GAN from what was written of it."""
    faults = [describe_fault(row) for row in rows if not row["finite"]]
    known = {event["sign"] for event in events if "sign" in event}
    return Record(label, rows, dict(due), faults[:1], known)


def rows_of_member(label: Row, rows: list[Row]) -> list[Row]:
    """Return the rows of one GAN."""
    return [row for row in rows if label.items() <= row.items()]


def describe_fault(row: Row) -> Row:
    """Return the step and the first term of a row that is not finite."""
    return {"step": row["step"], "term": first_non_finite_term(row)}


def is_alive(record: Record) -> bool:
    """Whether every step of the GAN was finite so far."""
    return not record.faults


def add_rows(
    config: Config,
    records: list[Record],
    picked: PickedSteps,
    wall_seconds: float,
    last: bool,
) -> tuple[list[Row], list[Row]]:
    """Add the rows of a dispatch to the record of each GAN.

    The steps with a row are the first one of the run, each that `log.every` or
    `metrics.every` divides, the end of the run, and the first step that is not finite.
    The latter is a GAN's last unless it is to continue. picked: the steps of the
    dispatch, on the host. last: whether the run ends here. Returns the new rows and the
    new events.
    """
    added, events = [], []
    intervals = lazy_intervals(config, picked.values)
    columns = {name: values.tolist() for name, values in picked.values.items()}
    for index, record in enumerate(records):
        fault = int(picked.fault[index])
        for place, column in places_of_member(config, record, picked, fault):
            step = picked.start + place + 1
            now = {name: values[index][column] for name, values in columns.items()}
            for name, interval in intervals:
                if is_made_within(picked, place, interval):
                    record.due[name] = now[name]
            fails = place == fault and is_alive(record)
            if fails or has_row(config, step) or (last and place == picked.length - 1):
                head = {"step": step, "wall_seconds": wall_seconds}
                record.rows.append(head | record.label | now | record.due)
                added.append(record.rows[-1])
                if fails or has_row(config, step):  # A resumed run drops the others.
                    events += new_trouble_events(record)
            if fails:
                record.faults.append(describe_fault(record.rows[-1]))
    return added, events


def places_of_member(
    config: Config, record: Record, picked: PickedSteps, fault: int
) -> list[tuple[int, int]]:
    """Return the places of a GAN's steps that count, each with its column in `picked`.

    They are in order, up to the fault unless the run is to continue. A GAN that has
    ended has none.
    """
    goes_on = config.on_divergence == "continue"
    if not is_alive(record) and not goes_on:
        return []
    columns = {place: column for column, place in enumerate(picked.places)}
    if fault < picked.length:
        columns.setdefault(fault, len(picked.places))
    return sorted(
        (place, column)
        for place, column in columns.items()
        if goes_on or place <= fault
    )


def add_measurements(records: list[Record], step: int, values: list[Row]) -> None:
    """Add measurements to the rows of a step; a GAN that has ended has no such row."""
    for record, found in zip(records, values, strict=True):
        if record.rows[-1]["step"] == step:
            record.rows[-1].update(found)


def new_trouble_events(record: Record) -> list[Row]:
    """Return the new signs of trouble in a GAN's newest rows as events."""
    found = list(find_trouble(record.rows, record.known))
    record.known.update(found)
    step = record.rows[-1]["step"]
    return [{"step": step, **record.label, "sign": sign} for sign in found]


def label_of(row: Row) -> Member:
    """Return the seed and the sweep factors of the GAN that a row belongs to."""
    return {k: v for k, v in row.items() if k == "seed" or k.startswith("sweep.")}


def describe_event(config: Config, event: Row) -> str:
    """Return an event as a line for people."""
    label = label_of(event)
    who = f", {describe_member(config, label)}" if label else ""
    prefix = f"step {event['step']}{who}: "
    if "restored" in event:
        fault = event["fault"]
        return (
            f"{prefix}restored, with half the learning rates ({event['restored']} of "
            f"at most 3); {fault['term']} was not finite at step {fault['step']}"
        )
    sign = TROUBLE_SIGNS[event["sign"]]
    tries = ", or ".join(suggest_flags(sign.suggestions, config))
    return f"{prefix}{event['sign']}: {sign.meaning}. What to try: {tries}"


def last_wall_seconds(records: list[Record]) -> float:
    """Return the time of the newest row, or 0 before the first one."""
    return max((r.rows[-1]["wall_seconds"] for r in records if r.rows), default=0.0)


def longest_rows(records: list[Record]) -> list[Row]:
    """Return the rows of the GAN that made most steps."""
    return max((record.rows for record in records), key=lambda rows: rows[-1]["step"])
