"""Reading the folders of runs for a comparison, without any change to them."""

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
"""The largest number of folders between a folder of runs and a run in it."""


class Run(NamedTuple):
    """A run as its folder holds it.

    name: what tells it from the others. members: the labels of its GANs, `[{}]` for a
    single one. rows: what was logged of each. verdicts: how each ended, or "in
    progress", or "stopped" where the run was killed. evaluations: the rows that the
    command `evaluate` wrote. content: the fingerprint of the data, None if it is not
    recorded.
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
    """Return the folders of the runs that paths name, each once.

    A path is a run, a folder of runs, or a pattern of such. Raises ValueError for a
    path that names no run.
    """
    if not paths:
        raise ValueError(
            "runs: give the folders of some runs, or folders that hold some"
        )
    folders: dict[Path, Path] = {}
    for path in paths:
        matches = sorted(glob.glob(str(path))) or [str(path)]
        runs = [run for match in matches for run in iterate_runs(Path(match))]
        if not runs:
            there = "holds no run" if Path(path).exists() else "does not exist"
            raise ValueError(
                f"run {path}: {there}; give folders of runs (with config.json), or "
                "folders that hold some"
            )
        for run in runs:
            folders.setdefault(run.resolve(), run)
    return list(folders.values())


def iterate_runs(folder: Path, deepest: int = DEEPEST) -> Iterator[Path]:
    """Yield the folder if it is a run's, else the runs in it, ordered by name."""
    if (folder / "config.json").is_file():
        yield folder
    elif folder.is_dir() and deepest:
        for inner in sorted(folder.iterdir()):
            if not inner.name.startswith("."):
                yield from iterate_runs(inner, deepest - 1)


def open_runs(folders: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """Return the runs that can be read, and a line for each fault.

    Runs that cannot be read have a line too.
    """
    runs, warnings = [], []
    for folder, name in zip(folders, short_names(folders), strict=True):
        try:
            run, faults = read_run(folder, name)
        except (ValueError, OSError) as error:
            warnings.append(f"{name} is left out: {error}")
            continue
        runs.append(run)
        warnings += [f"{name}: {fault}" for fault in faults]
    return runs, warnings


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the paths without the folders that all of them share."""
    whole = [str(folder.resolve()) for folder in folders]
    above = os.path.commonpath([os.path.dirname(path) for path in whole])
    return [os.path.relpath(path, above) for path in whole]


def read_run(folder: Path, name: str) -> tuple[Run, list[str]]:
    """Return a run, and a line for each thing that is wrong with its files.

    Raises ValueError for a run that cannot be read at all.
    """
    config = from_file(folder / "config.json")
    faults = []
    logged = row_files.read_row_file(folder / "metrics.jsonl")
    evaluated = row_files.read_row_file(folder / "evaluations.jsonl")
    for file, read in (("metrics.jsonl", logged), ("evaluations.jsonl", evaluated)):
        if read.damage:
            line, why = read.damage[0]
            faults.append(
                f"damaged rows of {file} are left out: {len(read.damage)}, first line "
                f"{line}: {why}"
            )
    members = members_of(config) or [{}]
    everything = list(logged.rows.values())
    rows = [rows_of_member(member, everything) for member in members]
    if not everything:
        faults.append("no step is logged yet")
    try:
        facts = read_facts(folder)
    except ValueError as error:
        facts = None
        faults.append(str(error))
    verdicts, fault = judge_members(folder, members, everything)
    faults += [fault] if fault else []
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
    return run, faults


def is_evaluation(row: Row) -> bool:
    """Return whether a row has metrics and a fingerprint, as an evaluation has."""
    parts = row.get("metrics"), row.get("fingerprint")
    return all(isinstance(part, dict) for part in parts)


def judge_members(
    folder: Path, members: list[Member], rows: list[Row]
) -> tuple[list[str], str | None]:
    """Return how each GAN ended, and what is wrong with the files that say so."""
    if is_in_use(folder):
        return ["in progress"] * len(members), None
    newest = max((row["step"] for row in rows), default=0)
    if not (folder / "summary.json").exists():
        return ["stopped"] * len(members), None
    try:
        summary = json.loads((folder / "summary.json").read_bytes())
        verdicts = [str(end) for end in read_verdicts(folder, members, summary)]
        stale = summary["verdict"] == "interrupted" and summary["steps"] < newest
    except (ValueError, KeyError, TypeError, RecursionError):
        return ["unknown"] * len(members), "its verdict cannot be read from its files"
    return (["stopped"] * len(members), None) if stale else (verdicts, None)


def read_verdicts(folder: Path, members: list[Member], summary: Any) -> list[Any]:
    """Return the verdict of each GAN.

    Raises ValueError or KeyError where one is missing.
    """
    if members == [{}]:
        return [summary["verdict"]]
    ends = list(row_files.read_row_file(folder / "members.jsonl").rows.values())
    return [
        next(iter(rows_of_member(member, ends)), {})["verdict"] for member in members
    ]
