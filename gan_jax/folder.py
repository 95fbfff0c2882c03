"""The folder of a run: what lies in it, and who may write to it."""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gan_jax import checkpoint, logs
from gan_jax.config import Config, flat, from_json, to_json

FILES = (
    "config.json",
    "metrics.jsonl",
    "members.jsonl",
    "samples.png",
    "curves.png",
    "summary.json",
)
"""What a run writes beside its checkpoints; members.jsonl for several GANs only."""
HARMLESS = {"steps", "placement", "devices", "steps_per_call", "log", "checkpoint"}
"""Fields and groups in which a resumed run may differ from what it was."""
IDENTITY = {"seed", "seeds", "sweep"}
"""Those in which it may not."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder against other runs; FileExistsError if another holds it.

    The lock is the operating system's: a dead process holds nothing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise FileExistsError(
            f"out {folder}: another run is writing to it; wait for it, or choose "
            "another --out"
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from None
    try:
        yield
    finally:
        lock.release()


def unwritable(folder: Path, error: OSError) -> OSError:
    return OSError(
        f"out {folder}: cannot be written ({error.strerror}); choose another --out"
    )


def refuse_used(folder: Path, overwrite: bool) -> None:
    """FileExistsError for a folder that this run must not write to."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"out {folder}: is a file; choose another --out")
    used = folder.is_dir() and any(p.name[0] != "." for p in folder.iterdir())
    if not used:
        return
    if not overwrite:
        raise FileExistsError(
            f"out {folder}: exists and is not empty; choose another --out, --resume "
            "to go on with the run in it, or --overwrite to replace it"
        )
    if not (folder / "config.json").exists():
        raise FileExistsError(
            f"out {folder}: holds no run (no config.json), so --overwrite leaves "
            "it alone; choose another --out"
        )


def claim(folder: Path, config: Config) -> None:
    """Remove an earlier run's files (which was agreed to), and write config.json."""
    try:
        logs.write_text(folder / "config.json", to_json(config))
        for name in FILES[1:]:
            (folder / name).unlink(missing_ok=True)
        if (folder / checkpoint.FOLDER).exists():
            shutil.rmtree(folder / checkpoint.FOLDER)
    except OSError as error:
        raise unwritable(folder, error) from None


def take_over(folder: Path, config: Config, step: int) -> None:
    """Set a run back to one of its checkpoints: newer ones are damaged, and go."""
    try:
        for path in checkpoint.checkpoints(folder / checkpoint.FOLDER):
            if int(path.name) > step:
                shutil.rmtree(path)
        logs.write_text(folder / "config.json", to_json(config))
        rows = rows_until(folder, config, step)
        logs.write_lines(folder / "metrics.jsonl", rows)
    except OSError as error:
        raise unwritable(folder, error) from None


def changes(folder: Path, config: Config) -> dict[str, tuple[Any, Any]]:
    """The fields in which a Config differs from that of the run in the folder."""
    path = folder / "config.json"
    before, now = flat(from_json(path.read_text(), str(path))), flat(config)
    return {
        name: (before[name], value)
        for name, value in now.items()
        if name != "out" and value != before[name]
    }


def refuse_changes(folder: Path, config: Config, allowed: bool) -> None:
    """A ValueError for differences that make it another run, unless they are allowed.

    Other seeds and sweeps never are: they are in the state. Other `steps` are harmless
    where no schedule runs over them.
    """
    optimizers = (config.g_optimizer, config.d_optimizer)
    scheduled = config.penalty.weight_end is not None or any(
        group.schedule != "constant" for group in optimizers
    )
    harmless = HARMLESS - {"steps"} if scheduled else HARMLESS
    harmful = [
        f"{name} {new!r} (was {old!r})"
        for name, (old, new) in changes(folder, config).items()
        for group in [name.partition(".")[0]]
        if group in IDENTITY or not (allowed or group in harmless)
    ]
    if harmful:
        raise ValueError(
            f"out {folder}: the run in it was started with another "
            f"{', '.join(harmful)}; leave that as it was, choose another --out, or "
            "--allow-changes (but of seeds and sweeps)"
        )


def rows_until(folder: Path, config: Config, step: int) -> list[dict[str, Any]]:
    """The complete rows of metrics.jsonl up to a step.

    Without that step's own row if the run was only interrupted at it. What is null in
    the file, because it was not finite, is NaN here.
    """

    def stays(row: dict[str, Any]) -> bool:
        at = row["step"]
        logged = at in (1, config.steps) or at % config.log.every == 0
        return at < step or (at == step and (logged or not row["finite"]))

    path, rows = folder / "metrics.jsonl", []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # cut off when the run died
        if stays(row):
            rows.append({k: math.nan if v is None else v for k, v in row.items()})
    return rows
