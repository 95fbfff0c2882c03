"""The summary of a run: the verdict on each GAN, and the reasons of a failure."""

from typing import Any

import jax
import numpy as np

from gan_jax import version
from gan_jax.assembly.suggestions import FOR_VERDICT, suggest_flags
from gan_jax.config import Config
from gan_jax.parallel.execution import Member, Program
from gan_jax.run_files.history import (
    Record,
    describe_fault,
    is_alive,
    last_wall_seconds,
    longest_rows,
)
from gan_jax.run_files.sample_checks import (
    COLLAPSED,
    has_collapsed,
    last_samples,
    why_not_learned,
)
from gan_jax.run_files.sweeps import last_measurements, summarize_by_value
from gan_jax.types import Row, TrainState

VERDICTS = ("completed", "interrupted", "not_learned", "collapsed", "diverged")
"""The verdicts on a run, from the best to the worst."""


def decide_verdict(config: Config, record: Record, steps: int) -> str:
    """Return the verdict on one GAN of a run that made so many steps."""
    if not is_alive(record):
        return "diverged"
    if steps < config.steps:
        return "interrupted"
    if has_collapsed(record.rows):
        return "collapsed"
    return "not_learned" if why_not_learned(record.rows) else "completed"


def describe_ending(config: Config, record: Record, steps: int) -> Row:
    """Return the verdict on one GAN; for a failure also the reason and what to try.

    For a GAN that diverged, `fault` holds the step and the term.
    """
    word, rows = decide_verdict(config, record, steps), record.rows
    end: Row = {"verdict": word}
    if record.faults:
        end["fault"] = record.faults[0]
    if word in FOR_VERDICT:
        end["why"] = REASONS[word](rows)
        end["try"] = suggest_flags(FOR_VERDICT[word], config)
    return end


def why_diverged(rows: list[Row]) -> str:
    """Return the first step and term of a GAN that was not finite, in words."""
    fault = next(describe_fault(row) for row in rows if not row["finite"])
    return f"{fault['term']} was not finite at step {fault['step']}"


def why_collapsed(rows: list[Row]) -> str:
    """Return the diversity of a GAN that collapsed, in words."""
    found = last_samples(rows)["diversity"]
    return (
        f"the samples are far less diverse than the data: diversity {found:.2g}, and "
        f"under {COLLAPSED:g} for the last quarter of the steps (the data have 1)"
    )


REASONS = {
    "diverged": why_diverged,
    "collapsed": why_collapsed,
    "not_learned": why_not_learned,
}
"""For each verdict on a failure, a function of the rows that says the reason."""


def framework_versions() -> dict[str, str]:
    """Return the versions of gan_jax, JAX, Flax and Optax."""
    return version.versions("jax", "flax", "optax")


def summarize_run(
    config: Config,
    work: Program,
    state: TrainState,
    records: list[Record],
) -> Row:
    """Return the content of summary.json.

    Of several GANs it holds the best of their verdicts, the number of GANs with each,
    and what `sweeps.summarize_by_value` says of each value of a sweep.
    """
    steps = int(state.step)
    verdicts = [decide_verdict(config, record, steps) for record in records]
    best = next(verdict for verdict in VERDICTS if verdict in verdicts)
    if work.members:
        detail = summarize_members(config, work.members, records, verdicts)
    else:
        last = {k: v for k, v in records[0].rows[-1].items() if k != "wall_seconds"}
        detail = describe_ending(config, records[0], steps) | {
            "last_row": {
                k: round(v, 6) if np.isfinite(v) else None for k, v in last.items()
            },
            "samples": last_samples(records[0].rows),
        }
    rows, count = longest_rows(records), len(records)
    return {
        "verdict": best,
        "steps": rows[-1]["step"] if best == "diverged" else steps,
        "wall_seconds": round(last_wall_seconds(records), 2),
        "first_row_seconds": round(rows[0]["wall_seconds"], 2),
        "steps_per_second": round(steps_per_second(rows), 2),
        "parameters": {
            "generator": count_parameters(state.generator.params) // count,
            "discriminator": count_parameters(state.discriminator.params) // count,
        },
        **detail,
        "program": work.about,
        "processes": jax.process_count(),
        "versions": framework_versions(),
    }


def summarize_members(
    config: Config, members: list[Member], records: list[Record], verdicts: list[str]
) -> Row:
    """Return the number of GANs with each verdict, and the results by sweep value."""
    last = last_measurements([record.rows for record in records])
    return {
        "members": {v: verdicts.count(v) for v in sorted(set(verdicts))},
        "by_value": summarize_by_value(config, members, last, verdicts),
    }


def steps_per_second(rows: list[Row]) -> float:
    """Return the rate after the first dispatch, which holds the compilation."""
    first = [row for row in rows if row["wall_seconds"] == rows[0]["wall_seconds"]][-1]
    steps = rows[-1]["step"] - first["step"]
    return steps / max(rows[-1]["wall_seconds"] - first["wall_seconds"], 1e-9)


def count_parameters(params: Any) -> int:
    """Return the number of parameters in a tree of arrays."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
