"""The folder of a run: what lies in it, and who may write to it."""

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gan_jax.config import Config
from gan_jax.config.serialization import flat, from_file, to_json
from gan_jax.data import with_absolute_path
from gan_jax.logs import metric_log as logs
from gan_jax.logs import row_files
from gan_jax.logs.files import remove_parts
from gan_jax.logs.plain_paths import plain_path
from gan_jax.plugins import load as plugins
from gan_jax.run_files import checkpoint
from gan_jax.run_files.history import label_of, logged
from gan_jax.types import Row

FILES = (
    "config.json",
    "data.json",
    "metrics.jsonl",
    "events.jsonl",
    "members.jsonl",
    "samples.png",
    "training.gif",
    "curves.png",
    "summary.json",
    "evaluations.jsonl",
    "diagnosis.html",
    "diagnosis.json",
)
"""Files of a run: events.jsonl for a run that had some, members.jsonl for several GANs,
training.gif with `log.samples_every`, evaluations.jsonl by experiments.evaluate,
the diagnosis by experiments.diagnose."""
ROWS = ("metrics.jsonl", "events.jsonl")
"""Files that a resumed run reads: each checkpoint holds a copy of them."""
FRAMES, TENSORBOARD, PROFILE = "samples", "tensorboard", "profile"
FOLDERS = (checkpoint.FOLDER, FRAMES, TENSORBOARD, PROFILE, plugins.FOLDER)
HARMLESS = {
    "steps",
    "placement",
    "devices",
    "steps_per_call",
    "on_divergence",
    "log",
    "metrics",
    "checkpoint",
}
"""Fields and groups in which a resumed run may differ from what it was."""
IDENTITY = {"seed", "seeds", "sweep"}
"""Those in which it may not."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder against other runs; FileExistsError if another holds it.

    The lock is the operating system's: a dead process holds nothing. OSError for a
    folder that cannot be written, or in which checkpoints cannot be.
    """
    with plain_path(folder):
        pass
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


def in_use(folder: Path) -> bool:
    """Whether a run is writing to the folder just now."""
    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock", timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # Not ours to open, so nobody can tell.
        return False


def unwritable(folder: Path, error: OSError) -> OSError:
    reason = error.strerror or error
    return OSError(f"out {folder}: cannot be written ({reason}); choose another --out")


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
        for name in FOLDERS:
            if (folder / name).exists():
                shutil.rmtree(folder / name)
        remove_parts(folder)
        plugins.write_copies(folder, config.plugin)
        logs.write_text(folder / "config.json", to_json(config))
        for name in (*FILES[1:], ".wandb-id"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None


def take_over(folder: Path, config: Config, step: int) -> None:
    """Set a run back to one of its checkpoints: newer ones are damaged, and go."""
    try:
        for name in ("", FRAMES, plugins.FOLDER):
            remove_parts(folder / name)
        checkpoint.remove_parts(folder / checkpoint.FOLDER)
        for path in checkpoint.checkpoints(folder / checkpoint.FOLDER):
            if int(path.name) > step:
                shutil.rmtree(path)
        for path in logs.frames(folder / FRAMES):
            if int(path.stem) > step:
                path.unlink()
        rows = rows_until(folder, config, step)
        logs.write_lines(folder / "metrics.jsonl", rows)
        events = events_until(folder, step)
        if events or (folder / "events.jsonl").exists():
            logs.write_lines(folder / "events.jsonl", events)
        plugins.write_copies(folder, config.plugin)
        logs.write_text(folder / "config.json", to_json(config))
    except OSError as error:
        raise unwritable(folder, error) from None


def changes(folder: Path, config: Config) -> dict[str, tuple[Any, Any]]:
    """The fields in which a Config differs from that of the run in the folder."""
    before = flat(with_absolute_path(from_file(folder / "config.json")))
    now = flat(with_absolute_path(config))
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
    if (folder / "data.json").exists():  # what the name holds is compared, by content
        harmless = harmless | {"dataset.name"}
    harmful = [
        f"{name} {new!r} (was {old!r})"
        for name, (old, new) in changes(folder, config).items()
        for group in [name.partition(".")[0]]
        if group in IDENTITY or not (allowed or {name, group} & harmless)
    ]
    if harmful:
        raise ValueError(
            f"out {folder}: the run in it was started with another "
            f"{', '.join(harmful)}; leave that as it was (--config "
            f"{folder / 'config.json'} begins with its values), choose another --out, "
            "or --allow-changes (but of seeds and sweeps)"
        )


def rows_until(folder: Path, config: Config, step: int) -> list[Row]:
    """The rows of metrics.jsonl up to a step, of which there is a checkpoint.

    Without that step's own rows if the run was only interrupted at it, but with a row
    in which a GAN failed.
    """
    before = dataclasses.replace(from_file(folder / "config.json"), steps=config.steps)
    kept, failed = [], []
    for row in kept_rows(folder, "metrics.jsonl", step):
        at, label = row["step"], label_of(row)
        fails = not row["finite"] and label not in failed
        failed += [label] if fails else []
        stays = logged(config, at) or logged(before, at) or fails
        if at < step or (at == step and stays):
            kept.append(row)
    return kept


def events_until(folder: Path, step: int) -> list[Row]:
    """The events up to a step; going back to it is one of them."""
    events = kept_rows(folder, "events.jsonl", step)
    return [event for event in events if event["step"] <= step]


def kept_rows(folder: Path, name: str, step: int) -> list[Row]:
    """The intact rows of a file and of its copy in the checkpoint of a step."""
    copy = row_files.read(copy_of(folder, name, step))
    own = row_files.read(folder / name, sealed=bool(copy.rows))
    return list((copy.rows | own.rows).values())


def copy_of(folder: Path, name: str, step: int) -> Path:
    return folder / checkpoint.FOLDER / f"{step:09d}" / name


def damage(folder: Path, step: int, count: int | None = None) -> list[str]:
    """What is wrong with the files of rows, and what of it the checkpoint mends.

    step: of the checkpoint. count: of the rows that there were then; None: not known.
    """
    told = []
    for name in ROWS:
        copy = row_files.read(copy_of(folder, name, step))
        own = row_files.read(folder / name, sealed=bool(copy.rows))
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


def lines(path: Path) -> list[Row]:
    """The intact rows of a file; what is null, as it was not finite, is NaN here."""
    return list(row_files.read(path).rows.values())
