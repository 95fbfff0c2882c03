"""The rows that a run's folder holds, and their copies in checkpoints."""

import dataclasses
from pathlib import Path

from gan_jax.config import Config
from gan_jax.config.serialization import from_file
from gan_jax.logs import row_files
from gan_jax.run_files import checkpoint
from gan_jax.run_files.history import label_of
from gan_jax.run_files.logged_steps import has_row
from gan_jax.types import Row

ROW_FILES = ("metrics.jsonl", "events.jsonl")
"""The files that a resumed run reads; each checkpoint holds a copy of them."""


def read_rows_until(folder: Path, config: Config, step: int) -> list[Row]:
    """Return the rows of metrics.jsonl up to the step of a checkpoint.

    The step's own rows are left out if the run was only interrupted at it. A row in
    which a GAN failed stays.
    """
    before = dataclasses.replace(from_file(folder / "config.json"), steps=config.steps)
    kept, failed = [], []
    for row in read_intact_rows(folder, "metrics.jsonl", step):
        at, label = row["step"], label_of(row)
        fails = not row["finite"] and label not in failed
        failed += [label] if fails else []
        stays = has_row(config, at) or has_row(before, at) or fails
        if at < step or (at == step and stays):
            kept.append(row)
    return kept


def read_events_until(folder: Path, step: int) -> list[Row]:
    """Return the events up to a step, such as the return to its checkpoint."""
    events = read_intact_rows(folder, "events.jsonl", step)
    return [event for event in events if event["step"] <= step]


def read_intact_rows(folder: Path, name: str, step: int) -> list[Row]:
    """Return the intact rows of a file and of its copy in the checkpoint of a step."""
    copy = row_files.read_row_file(path_of_copy(folder, name, step))
    own = row_files.read_row_file(folder / name, with_checksums=bool(copy.rows))
    return list((copy.rows | own.rows).values())


def path_of_copy(folder: Path, name: str, step: int) -> Path:
    """Return the place of the copy of a file in the checkpoint of a step."""
    return folder / checkpoint.CHECKPOINT_FOLDER / f"{step:09d}" / name


def describe_row_damage(folder: Path, step: int, count: int | None = None) -> list[str]:
    """Return lines on damaged rows, and on those that a checkpoint restores.

    step: the step of the checkpoint. count: the number of rows that there were then, or
    None if it is not known.
    """
    lines = []
    for name in ROW_FILES:
        copy = row_files.read_row_file(path_of_copy(folder, name, step))
        own = row_files.read_row_file(folder / name, with_checksums=bool(copy.rows))
        faults = []
        if own.damage:
            line, why = own.damage[0]
            faults = [f"{len(own.damage)} damaged left out (line {line} first: {why})"]
        restored = len(copy.rows.keys() - own.rows.keys())
        if restored:
            faults.append(f"{restored} restored from the checkpoint")
        rows = (copy.rows | own.rows).values()
        lost = (count or 0) - sum(row["step"] <= step for row in rows)
        if lost > 0 and name == "metrics.jsonl":
            faults.append(f"{lost} of {count} are lost")
        if faults:
            lines.append(f"rows of {folder / name}: {', '.join(faults)}")
    return lines
