"""The values of a sweep, and the results of a run of several GANs by these values.

A sweep multiplies numbers of the Config by traced factors. People read the product: a
penalty weight of 10, not `penalty x 1.0`.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import chain, dropwhile
from typing import Any

import numpy as np

from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.parallel.execution import Member
from gan_jax.types import Row

SWEPT_FIELDS = {
    "penalty": "penalty.weight",
    "g_lr": "g_optimizer.learning_rate",
    "d_lr": "d_optimizer.learning_rate",
}
"""The field of the Config that each factor of a sweep multiplies."""
FIELD_WORDS = {
    "penalty.weight": "penalty weight",
    "g_optimizer.learning_rate": "G's learning rate",
    "d_optimizer.learning_rate": "D's learning rate",
}
"""The names of these fields where people read them."""


def real_values(config: Config, member: Member) -> dict[str, float]:
    """Return the swept fields of one GAN, such as `{"penalty.weight": 10.0}`.

    The value of a field that has a schedule is that before the schedule.
    """
    fields = flat(config)
    return {
        SWEPT_FIELDS[factor]: float(f"{fields[SWEPT_FIELDS[factor]] * value:.12g}")
        for name, value in member.items()
        if (factor := name.removeprefix("sweep.")) in SWEPT_FIELDS
    }


def describe_member(config: Config, member: Member) -> str:
    """Return words such as `seed 0, penalty weight 10, D's learning rate 0.0001`."""
    values = real_values(config, member).items()
    named = [f"{FIELD_WORDS[field]} {value:g}" for field, value in values]
    return ", ".join([f"seed {member['seed']}", *named])


def measured_names(rows: Iterable[Row]) -> list[str]:
    """Return the names of what `metrics.every` measures, in their order in the rows.

    A row with measurements ends with them, and the diversity is the first.
    """
    ends = (dropwhile(lambda name: name != "diversity", row) for row in rows)
    return list(dict.fromkeys(chain.from_iterable(ends)))


def last_values(rows: list[Row], names: Iterable[str]) -> dict[str, float]:
    """Return the newest value of each of the names that the rows hold."""
    found = {}
    for name in names:
        values = (row[name] for row in reversed(rows) if name in row)
        if (value := next(values, None)) is not None:
            found[name] = value
    return found


def median_and_range(values: Iterable[float]) -> dict[str, float] | None:
    """Return the median and range of the finite values, or None if there are none."""
    finite = [float(value) for value in values if np.isfinite(value)]
    if not finite:
        return None
    return {
        "median": float(np.median(finite)),
        "least": min(finite),
        "most": max(finite),
    }


def members_by_value(
    config: Config, members: list[Member]
) -> dict[str, dict[Any, list[int]]]:
    """Group GANs by value, as in `{"penalty.weight": {1.0: [0, 1], 10.0: [2, 3]}}`.

    A factor with a single value is left out, as it distinguishes nothing.
    """
    found: dict[str, dict[Any, list[int]]] = {}
    for index, member in enumerate(members):
        for field, value in real_values(config, member).items():
            found.setdefault(field, {}).setdefault(value, []).append(index)
    return {field: groups for field, groups in found.items() if len(groups) > 1}


def last_measurements(runs: list[list[Row]]) -> list[dict[str, float]]:
    """Return the last measurements of each GAN; one that diverged has none."""
    names = measured_names(row for rows in runs for row in rows)
    return [
        last_values(rows, names) if rows and rows[-1]["finite"] else {} for rows in runs
    ]


def summarize_by_value(
    config: Config,
    members: list[Member],
    metrics: list[dict[str, float]],
    verdicts: list[str] | None = None,
) -> list[Row]:
    """Return a row for all GANs of a run, then one for each value of each factor.

    metrics: those of each GAN. A row holds the number of its GANs, their verdicts, and
    the median, least and most of their metrics.
    """
    names = dict.fromkeys(name for own in metrics for name in own)

    def summarize_group(field: str | None, value: Any, chosen: list[int]) -> Row:
        found = {
            name: median_and_range(
                [metrics[i][name] for i in chosen if name in metrics[i]]
            )
            for name in names
        }
        ends = Counter(verdicts[i] for i in chosen) if verdicts else {}
        return {
            "field": field,
            "value": value,
            "gans": len(chosen),
            "verdicts": dict(ends),
            "metrics": {k: v for k, v in found.items() if v is not None},
        }

    return [
        summarize_group(None, None, list(range(len(members)))),
        *(
            summarize_group(field, value, chosen)
            for field, values in members_by_value(config, members).items()
            for value, chosen in values.items()
        ),
    ]


def format_number(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:.3g}"


def format_range(found: dict[str, float] | None) -> str:
    """Return `0.9 (0.85 to 0.97)`, or the number alone where all are equal."""
    if found is None:
        return ""
    least, most = format_number(found["least"]), format_number(found["most"])
    middle = format_number(found["median"])
    return middle if least == most else f"{middle} ({least} to {most})"


def format_verdicts(verdicts: dict[str, int]) -> str:
    """Return words such as `3 completed, 1 diverged`, the most frequent first."""
    most_first = sorted(verdicts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {verdict}" for verdict, count in most_first)


def summary_table(found: list[Row]) -> list[list[str]]:
    """Return the rows of `summarize_by_value` as text, below a head."""
    names = list(dict.fromkeys(name for row in found for name in row["metrics"]))
    ended = any(row["verdicts"] for row in found)
    head = ["which GANs", "count", *(["verdicts"] if ended else []), *names]
    return [
        head,
        *(
            [
                name_group(row),
                str(row["gans"]),
                *([format_verdicts(row["verdicts"])] if ended else []),
                *(format_range(row["metrics"].get(name)) for name in names),
            ]
            for row in found
        ),
    ]


def name_group(row: Row) -> str:
    """Return the name of a row of `summarize_by_value`, such as `penalty weight 10`."""
    if row["field"] is None:
        return "all of them"
    return f"{FIELD_WORDS[row['field']]} {format_number(row['value'])}"
