"""The folder of a run: its files, its lock, and the changes that it refuses."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gan_jax.config import Config
from gan_jax.config.serialization import flat, from_file, to_json
from gan_jax.data import with_absolute_path
from gan_jax.logs.animation import list_frames
from gan_jax.logs.files import remove_temporary_files, write_text
from gan_jax.logs.plain_paths import plain_path
from gan_jax.logs.row_files import write_rows
from gan_jax.plugins import load as plugins
from gan_jax.run_files import checkpoint
from gan_jax.run_files.stored_rows import read_events_until, read_rows_until

RUN_FILES = (
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
"""The files of a run. Some runs lack some: events.jsonl is there if there were events,
members.jsonl for several GANs, training.gif with `log.samples_every`. The evaluations
are written by experiments.evaluate, the diagnosis by experiments.diagnose."""
FRAMES, TENSORBOARD, PROFILE = "samples", "tensorboard", "profile"
RUN_FOLDERS = (
    checkpoint.CHECKPOINT_FOLDER,
    FRAMES,
    TENSORBOARD,
    PROFILE,
    plugins.FOLDER,
)
HARMLESS_FIELDS = {
    "steps",
    "placement",
    "devices",
    "deterministic",
    "steps_per_call",
    "on_divergence",
    "log",
    "metrics",
    "checkpoint",
}
"""The fields and groups in which a resumed run may differ from what it was."""
IDENTITY_FIELDS = {"seed", "seeds", "sweep"}
"""The fields and groups in which it may never differ."""


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder against other runs; raise FileExistsError if another holds it.

    The lock is the operating system's, so a dead process holds nothing. Raises OSError
    for a folder that cannot be written, or in which checkpoints cannot be.
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
        raise unwritable_error(folder, error) from None
    try:
        yield
    finally:
        lock.release()


def is_in_use(folder: Path) -> bool:
    """Whether a run is writing to the folder now."""
    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock", timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # The lock belongs to another user, so nobody knows.
        return False


def unwritable_error(folder: Path, error: OSError) -> OSError:
    """Return an OSError that says what to do about a folder that cannot be written."""
    reason = error.strerror or error
    return OSError(f"out {folder}: cannot be written ({reason}); choose another --out")


def refuse_used_folder(folder: Path, overwrite: bool) -> None:
    """Raise FileExistsError for a folder that this run must not write to."""
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


def reset_folder(folder: Path, config: Config) -> None:
    """Remove the files of an earlier run, and write config.json."""
    try:
        for name in RUN_FOLDERS:
            if (folder / name).exists():
                shutil.rmtree(folder / name)
        remove_temporary_files(folder)
        plugins.write_copies(folder, config.plugin)
        write_text(folder / "config.json", to_json(config))
        for name in (*RUN_FILES[1:], ".wandb-id"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable_error(folder, error) from None


def prepare_to_resume(folder: Path, config: Config, step: int) -> None:
    """Set a run's folder back to the step of one of its checkpoints.

    Newer checkpoints are removed: they are damaged.
    """
    try:
        for name in ("", FRAMES, plugins.FOLDER):
            remove_temporary_files(folder / name)
        checkpoint.remove_unfinished(folder / checkpoint.CHECKPOINT_FOLDER)
        for path in checkpoint.list_checkpoints(folder / checkpoint.CHECKPOINT_FOLDER):
            if int(path.name) > step:
                shutil.rmtree(path)
        for path in list_frames(folder / FRAMES):
            if int(path.stem) > step:
                path.unlink()
        rows = read_rows_until(folder, config, step)
        write_rows(folder / "metrics.jsonl", rows)
        events = read_events_until(folder, step)
        if events or (folder / "events.jsonl").exists():
            write_rows(folder / "events.jsonl", events)
        plugins.write_copies(folder, config.plugin)
        write_text(folder / "config.json", to_json(config))
    except OSError as error:
        raise unwritable_error(folder, error) from None


def config_changes(folder: Path, config: Config) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which a Config differs from that of the folder's run."""
    before = flat(with_absolute_path(from_file(folder / "config.json")))
    now = flat(with_absolute_path(config))
    return {
        name: (before[name], value)
        for name, value in now.items()
        if name != "out" and value != before[name]
    }


def refuse_config_changes(folder: Path, config: Config, allowed: bool) -> None:
    """Raise ValueError for changes that make it another run, unless they are allowed.

    Other seeds and sweeps are never allowed, as they are in the state. Other `steps`
    are harmless where no schedule runs over them.
    """
    optimizers = (config.g_optimizer, config.d_optimizer)
    scheduled = config.penalty.weight_end is not None or any(
        group.schedule != "constant" for group in optimizers
    )
    harmless = HARMLESS_FIELDS - {"steps"} if scheduled else HARMLESS_FIELDS
    if (folder / "data.json").exists():  # The content of the data is compared instead.
        harmless = harmless | {"dataset.name"}
    harmful = [
        f"{name} {new!r} (was {old!r})"
        for name, (old, new) in config_changes(folder, config).items()
        for group in [name.partition(".")[0]]
        if group in IDENTITY_FIELDS or not (allowed or {name, group} & harmless)
    ]
    if harmful:
        raise ValueError(
            f"out {folder}: the run in it was started with another "
            f"{', '.join(harmful)}; leave that as it was (--config "
            f"{folder / 'config.json'} begins with its values), choose another --out, "
            "or --allow-changes (but of seeds and sweeps)"
        )


def choose_refusal(
    config: Config, folder: Path, fresh: bool, overwrite: bool, allow_changes: bool
) -> Callable[[], None]:
    """Return a function that raises an error if the folder cannot take this run."""
    if fresh:
        return partial(refuse_used_folder, folder, overwrite)
    return partial(refuse_config_changes, folder, config, allow_changes)
