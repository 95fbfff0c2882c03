"""Measures every GAN of a run of several: `gan-jax evaluate RUN --all`."""

from collections.abc import Callable
from typing import Any

from gan_jax.config import Config
from gan_jax.evaluate.evaluation import evaluate
from gan_jax.evaluate.evaluator import Evaluator, Sampler
from gan_jax.evaluate.metric_registry import better_side, bound_name
from gan_jax.parallel.execution import members_of
from gan_jax.run_files.sweeps import (
    describe_member,
    format_number,
    real_values,
    summarize_by_value,
    summary_table,
)
from gan_jax.terminal.text_tables import print_table
from gan_jax.types import Row, TrainState


def evaluate_members(
    config: Config,
    measure: Evaluator,
    states: list[TrainState],
    *,
    sampler_of: Callable[[TrainState], Sampler],
    about: dict[str, Any],
    tell: Callable[[int], None] = lambda index: None,
) -> list[Row]:
    """Return a row of `evaluate` for each GAN; the floor is taken once.

    tell: called with the index of each GAN. The row of a GAN whose samples cannot be
    measured, as after it diverged, has metrics None and says why in its warnings.
    Raises ValueError if no GAN can be measured.
    """
    members = members_of(config) or [{}]
    rows: list[Row] = []
    least = None
    for index, (member, state) in enumerate(zip(members, states, strict=True)):
        tell(index)
        row = {"index": index, "step": int(state.step), **member}
        row |= real_values(config, member)
        try:
            found = evaluate(measure, sampler_of(state), about, least)
            least = found["floor"]
        except ValueError as error:
            found = {"metrics": None, "warnings": [f"GAN {index}: {error}"]}
        rows.append(row | found)
    if least is None:
        raise ValueError(f"all: no GAN can be measured; {rows[0]['warnings'][0]}")
    return rows


def print_members(config: Config, rows: list[Row]) -> None:
    """Print a line for each GAN, for all, for each value of a sweep, and for data."""
    members = members_of(config) or [{}]
    known = [row for row in rows if row["metrics"] is not None]
    mark, floor = known[0]["fingerprint"], known[0]["floor"]
    names = list(known[0]["metrics"])
    lines = [
        [
            f"{row['index']}: {describe_member(config, members[row['index']])}",
            "1",
            *(
                format_number(row["metrics"][name]) if row["metrics"] else "-"
                for name in names
            ),
        ]
        for row in rows
    ]
    metrics = [row["metrics"] or {} for row in rows]
    _, *groups = summary_table(summarize_by_value(config, members, metrics))
    bounds = [
        f"{bound_name(name)} {format_number(floor[name])}".strip()
        if name in floor
        else ""
        for name in names
    ]
    real_data = [f"real data (n = {floor['n']:.0f})", "", *bounds]
    print(
        f"{mark['dataset']} ({mark['split']}), n = {mark['n_fake']}, extractor "
        f"{mark['extractor']}: {mark['about']}"
    )
    print_table(
        [
            ["which GANs", "count", *names],
            ["better", "", *(better_side(name) for name in names)],
            *lines,
            *groups,
            *([] if len(floor) == 1 else [real_data]),
        ]
    )
    for warning in dict.fromkeys(text for row in rows for text in row["warnings"]):
        print(f"warning: {warning}")
