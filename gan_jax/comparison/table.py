"""The table of a comparison: what differs between runs, and how each ended."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gan_jax.comparison.entries import Entry, differing, fields_of, nearest_method
from gan_jax.evaluate.evaluator import require_one_fingerprint
from gan_jax.run_files.history import last_wall_seconds, longest_rows, make_record
from gan_jax.run_files.summary import steps_per_second
from gan_jax.run_files.sweeps import (
    format_range,
    format_verdicts,
    last_values,
    measured_names,
    median_and_range,
)
from gan_jax.types import Row

LOSSES = ("d_loss", "g_loss")
NOTHING = "-"


def make_rows(entries: Sequence[Entry]) -> tuple[list[Row], list[str]]:
    """A row of values for each entry, and lines on what is not comparable.

    A number of several GANs is a dictionary of its median, least and most, over those
    that did not diverge.
    """
    fields = differing(entries)
    shown, told = evaluations(entries)
    rows = []
    for index, entry in enumerate(entries):
        own = {name: values[index] for name, values in fields.items()}
        rows.append(
            {
                "run": entry.name,
                "folder": str(entry.run.folder),
                "method": nearest_method(entry.run),
                "gans": len(entry.indices),
                "differs": own,
                "steps": steps_of(entry),
                "steps_of": entry.run.config.steps,
                "verdicts": dict(Counter(entry.verdicts)),
                **logged(entry),
                "evaluated": shown[index],
                **times(entry),
            }
        )
    return rows, told + other_data(entries)


def row_to_json(row: Row) -> Row:
    """A row of `make_rows`; the numbers of a single GAN are numbers."""
    if row["gans"] > 1:
        return row
    groups = {
        group: {name: found["median"] for name, found in row[group].items()}
        for group in ("losses", "measured", "evaluated")
    }
    return row | groups


def steps_of(entry: Entry) -> int:
    return max((row["step"] for rows in entry.rows for row in rows), default=0)


def logged(entry: Entry) -> Row:
    """The newest losses, and the newest of what was measured of the samples."""
    names = measured_names(row for rows in entry.rows for row in rows)
    alive = [rows for rows in entry.rows if rows and rows[-1]["finite"]]
    last = [last_values(rows, (*LOSSES, *names)) for rows in alive]

    def found(wanted: Sequence[str]) -> Row:
        own = {
            n: median_and_range([one[n] for one in last if n in one]) for n in wanted
        }
        return {name: value for name, value in own.items() if value is not None}

    return {"losses": found(LOSSES), "measured": found(names)}


def times(entry: Entry) -> Row:
    """Of the whole run: its GANs are trained together."""
    rows = [own for own in entry.run.rows if own]
    records = [make_record({}, own, {}, []) for own in rows]
    if not records:
        return {"wall_seconds": None, "steps_per_second": None}
    furthest = longest_rows(records)
    several = furthest[-1]["wall_seconds"] > furthest[0]["wall_seconds"]
    return {
        "wall_seconds": last_wall_seconds(records),
        "steps_per_second": steps_per_second(furthest) if several else None,
    }


def evaluations(entries: Sequence[Entry]) -> tuple[list[Row], list[str]]:
    """The newest numbers of experiments.evaluate for each entry, and what is left out.

    Only numbers of one fingerprint are comparable: shown are those of the fingerprint
    that most runs have, the newest of them where several have as many.
    """
    newest = [newest_by_fingerprint(entry) for entry in entries]
    marks = [mark for own in newest for mark in own]
    if not marks:
        return [{} for _ in entries], []
    counts = Counter(marks)
    chosen = max(reversed(list(counts)), key=lambda mark: counts[mark])
    rows, told = [], []
    for entry, own in zip(entries, newest, strict=True):
        names = dict.fromkeys(n for row in own.get(chosen, []) for n in row["metrics"])
        values = {
            n: median_and_range(
                [row["metrics"].get(n, math.nan) for row in own.get(chosen, [])]
            )
            for n in names
        }
        rows.append({name: value for name, value in values.items() if value})
        told += stale(entry, own.get(chosen, []))
        if own and chosen not in own:
            told.append(
                f"{entry.name}: evaluated otherwise: {why(newest, own, chosen)}"
            )
    return rows, told


def stale(entry: Entry, rows: list[Row]) -> list[str]:
    """A line if an entry was evaluated before it made its newest steps."""
    step = min((row.get("step", math.inf) for row in rows), default=math.inf)
    if step >= steps_of(entry):
        return []
    return [
        f"{entry.name}: evaluated at step {step:,}, and it has made {steps_of(entry):,}"
    ]


def newest_by_fingerprint(entry: Entry) -> dict[str, list[Row]]:
    """For each fingerprint the newest evaluation of each of the entry's GANs."""
    found: dict[str, dict[int, Row]] = {}
    for row in entry.run.evaluations:
        index = row.get("index", 0)
        if index in entry.indices:
            mark = repr(sorted(row["fingerprint"].items(), key=lambda item: item[0]))
            found.setdefault(mark, {})[index] = row
    return {mark: list(own.values()) for mark, own in found.items()}


def why(
    newest: list[dict[str, list[Row]]], own: dict[str, list[Row]], mark: str
) -> str:
    """In what an entry's evaluation differs from the one that is shown."""
    shown = next(rows[mark][0] for rows in newest if mark in rows)
    other = next(iter(own.values()))[0]
    try:
        require_one_fingerprint([shown, other])
    except ValueError as error:
        return str(error)
    return "evaluate all of them alike"


def other_data(entries: Sequence[Entry]) -> list[str]:
    """A line if the runs were trained on different data."""
    names = {entry.run.config.dataset for entry in entries}
    contents = {entry.run.content for entry in entries} - {None}
    if len({group.name for group in names}) > 1:
        what = "the runs are of different data"
    elif len(contents) > 1:
        what = "the data sets of one name hold different examples"
    else:
        return []
    return [f"{what}: their diversity and their metrics are not comparable"]


def describe_common_fields(entries: Sequence[Entry]) -> str:
    """What all share: `3 runs, all of method r1, data ring, batch size 64, seed 0`."""
    first, differs = fields_of(entries[0]), differing(entries)
    names = {"dataset.name": "data", "batch_size": "batch size", "seed": "seed"}
    methods = {nearest_method(entry.run) for entry in entries}
    common = [f"method {own}" for own in methods if len(methods) == 1]
    common += [
        f"{word} {values(first[name])}"
        for name, word in names.items()
        if name not in differs
    ]
    return f"{len(entries)} compared; the same in all: {', '.join(common) or NOTHING}"


def format_rows(rows: Sequence[Row]) -> list[list[str]]:
    """The rows as text below a head, without columns in which all runs are alike."""
    several = any(row["gans"] > 1 for row in rows)
    methods = len({row["method"] for row in rows}) > 1
    columns: dict[str, list[str]] = {"run": [row["run"] for row in rows]}
    if methods:
        columns["method"] = [row["method"] for row in rows]
    columns |= {
        name: [values(row["differs"][name]) for row in rows]
        for name in rows[0]["differs"]
    }
    if several:
        columns["GANs"] = [str(row["gans"]) for row in rows]
    columns["steps"] = [steps(row) for row in rows]
    columns["verdict"] = [ends(row) for row in rows]
    for group, suffix in (
        ("losses", ""),
        ("measured", ""),
        ("evaluated", " (evaluate)"),
    ):
        for name in dict.fromkeys(name for row in rows for name in row[group]):
            title = f"{name}{suffix}"
            columns[title] = [
                format_range(row[group].get(name)) or NOTHING for row in rows
            ]
    columns["time"] = [duration(row["wall_seconds"]) for row in rows]
    columns["steps/s"] = [optional(row["steps_per_second"]) for row in rows]
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


def steps(row: Row) -> str:
    made, wanted = row["steps"], row["steps_of"]
    return f"{made:,}" if made == wanted else f"{made:,} of {wanted:,}"


def ends(row: Row) -> str:
    return (
        next(iter(row["verdicts"]))
        if row["gans"] == 1
        else format_verdicts(row["verdicts"])
    )


def optional(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.3g}"


def duration(seconds: float | None) -> str:
    """`95 s`, `12 min`, `3.4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def values(own: list[Any]) -> str:
    """The values of a field among the GANs of an entry."""
    if len(own) > 4 and all(isinstance(one, int | float) for one in own):
        return f"{one(min(own))} to {one(max(own))}"
    return ", ".join(map(one, own)) or NOTHING


def one(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
