"""The rows that a run's folder holds, and their copies in checkpoints."""

import dataclasses
from pathlib import Path

from gan_jax.config import Config
from gan_jax.config.serialization import from_file
from gan_jax.logs import row_files
from gan_jax.run_files import checkpoint
from gan_jax.run_files.history import has_row, label_of
from gan_jax.types import Row

ROW_FILES = ("metrics.jsonl", "events.jsonl")
"""Files that a resumed run reads: each checkpoint holds a copy of them."""


def read_rows_until(folder: Path, config: Config, step: int) -> list[Row]:
    """The rows of metrics.jsonl up to a step, of which there is a checkpoint.

    Without that step's own rows if the run was only interrupted at it, but with a row
    in which a GAN failed.
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
    """The events up to a step; going back to it is one of them."""
    events = read_intact_rows(folder, "events.jsonl", step)
    return [event for event in events if event["step"] <= step]


def read_intact_rows(folder: Path, name: str, step: int) -> list[Row]:
    """The intact rows of a file and of its copy in the checkpoint of a step."""
    copy = row_files.read_row_file(path_of_copy(folder, name, step))
    own = row_files.read_row_file(folder / name, sealed=bool(copy.rows))
    return list((copy.rows | own.rows).values())


def path_of_copy(folder: Path, name: str, step: int) -> Path:
    return folder / checkpoint.CHECKPOINT_FOLDER / f"{step:09d}" / name


def describe_row_damage(folder: Path, step: int, count: int | None = None) -> list[str]:
    """What is wrong with the files of rows, and what of it the checkpoint mends.

    step: of the checkpoint. count: of the rows that there were then; None: not known.
    """
    told = []
    for name in ROW_FILES:
        copy = row_files.read_row_file(path_of_copy(folder, name, step))
        own = row_files.read_row_file(folder / name, sealed=bool(copy.rows))
        said = []
        if own.damage:
            line, why = own.damage[0]
            said = [f"{len(own.damage)} damaged left out (line {line} first: {why})"]
        restored = len(copy.rows.keys() - own.rows.keys())
        if restored:
            said.append(f"{restored} restored from the checkpoint")
        rows = (copy.rows | own.rows).values()
        lost = (count or 0) - sum(row["step"] <= step for row in rows)
        if lost > 0 and name == "metrics.jsonl":
            said.append(f"{lost} of {count} are lost")
        if said:
            told.append(f"rows of {folder / name}: {', '.join(said)}")
    return told
