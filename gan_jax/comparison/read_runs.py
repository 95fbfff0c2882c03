"""The folders of runs, opened for comparison; nothing in them is changed."""

import glob
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.config import Config
from gan_jax.config.serialization import from_file
from gan_jax.logs import row_files
from gan_jax.parallel.execution import Member, members_of
from gan_jax.run_files.data_facts import read_facts
from gan_jax.run_files.folder import is_in_use
from gan_jax.run_files.history import rows_of_member
from gan_jax.types import Row

DEEPEST = 4
"""Folders between a folder of runs and a run in it, at most."""


class Run(NamedTuple):
    """One run's folder.

    name: what tells it from the others. members: the labels of its GANs, `[{}]` of a
    single one. rows: what was logged of each. verdicts: how each ended, or "in
    progress", or "stopped" where the run was killed. evaluations: the rows of
    experiments.evaluate. content: the fingerprint of its data, None if not recorded.
    """

    folder: Path
    name: str
    config: Config
    members: list[Member]
    rows: list[list[Row]]
    verdicts: list[str]
    evaluations: list[Row]
    content: str | None


def find_runs(paths: Sequence[str | Path]) -> list[Path]:
    """The folders of runs that are named: runs, folders of runs, and patterns of them.

    Raises ValueError for a path that names no run.
    """
    if not paths:
        raise ValueError(
            "runs: give the folders of some runs, or folders that hold some"
        )
    found: dict[Path, Path] = {}
    for path in paths:
        matches = sorted(glob.glob(str(path))) or [str(path)]
        runs = [run for match in matches for run in runs_in(Path(match))]
        if not runs:
            there = "holds no run" if Path(path).exists() else "does not exist"
            raise ValueError(
                f"run {path}: {there}; give folders of runs (with config.json), or "
                "folders that hold some"
            )
        found |= {run.resolve(): run for run in runs if run.resolve() not in found}
    return list(found.values())


def runs_in(folder: Path, deepest: int = DEEPEST) -> Iterator[Path]:
    """The folder, if it is a run's; else the runs in it, in order of their names."""
    if (folder / "config.json").is_file():
        yield folder
    elif folder.is_dir() and deepest:
        for inner in sorted(folder.iterdir()):
            if not inner.name.startswith("."):
                yield from runs_in(inner, deepest - 1)


def open_runs(folders: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """The runs that can be read, and a line for each fault of these and the others."""
    runs, told = [], []
    for folder, name in zip(folders, short_names(folders), strict=True):
        try:
            run, faults = open_run(folder, name)
        except (ValueError, OSError) as error:
            told.append(f"{name} is left out: {error}")
            continue
        runs.append(run)
        told += [f"{name}: {fault}" for fault in faults]
    return runs, told


def short_names(folders: Sequence[Path]) -> list[str]:
    """The paths without the folders that all of them share."""
    whole = [str(folder.resolve()) for folder in folders]
    above = os.path.commonpath([os.path.dirname(path) for path in whole])
    return [os.path.relpath(path, above) for path in whole]


def open_run(folder: Path, name: str) -> tuple[Run, list[str]]:
    """A run, and what is wrong with its files. Raises ValueError if nothing helps."""
    config = from_file(folder / "config.json")
    told = []
    logged = row_files.read_row_file(folder / "metrics.jsonl")
    evaluated = row_files.read_row_file(folder / "evaluations.jsonl")
    for file, found in (("metrics.jsonl", logged), ("evaluations.jsonl", evaluated)):
        if found.damage:
            line, why = found.damage[0]
            told.append(
                f"damaged rows of {file} are left out: {len(found.damage)}, first line "
                f"{line}: {why}"
            )
    members = members_of(config) or [{}]
    everything = list(logged.rows.values())
    rows = [rows_of_member(member, everything) for member in members]
    if not everything:
        told.append("no step is logged yet")
    try:
        facts = read_facts(folder)
    except ValueError as error:
        facts = None
        told.append(str(error))
    verdicts, fault = endings(folder, members, everything)
    told += [fault] if fault else []
    run = Run(
        folder,
        name,
        config,
        members,
        rows,
        verdicts,
        [row for row in evaluated.rows.values() if is_evaluation(row)],
        facts and facts.fingerprint,
    )
    return run, told


def is_evaluation(row: Row) -> bool:
    parts = row.get("metrics"), row.get("fingerprint")
    return all(isinstance(part, dict) for part in parts)


def endings(
    folder: Path, members: list[Member], rows: list[Row]
) -> tuple[list[str], str | None]:
    """How each GAN ended, and what is wrong with the files that say so."""
    if is_in_use(folder):
        return ["in progress"] * len(members), None
    made = max((row["step"] for row in rows), default=0)
    if not (folder / "summary.json").exists():
        return ["stopped"] * len(members), None
    try:
        summary = json.loads((folder / "summary.json").read_bytes())
        verdicts = [str(end) for end in read_verdicts(folder, members, summary)]
        stale = summary["verdict"] == "interrupted" and summary["steps"] < made
    except (ValueError, KeyError, TypeError, RecursionError):
        return ["unknown"] * len(members), "its verdict cannot be read from its files"
    return (["stopped"] * len(members), None) if stale else (verdicts, None)


def read_verdicts(folder: Path, members: list[Member], summary: Any) -> list[Any]:
    """A verdict for each GAN. Raises ValueError, KeyError where one is missing."""
    if members == [{}]:
        return [summary["verdict"]]
    ends = list(row_files.read_row_file(folder / "members.jsonl").rows.values())
    return [
        next(iter(rows_of_member(member, ends)), {})["verdict"] for member in members
    ]
