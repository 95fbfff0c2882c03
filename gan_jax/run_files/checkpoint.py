"""A run's checkpoints on disk: arrays by Orbax, a note, and checksums written last.

    checkpoints/000002000/state/         the whole TrainState; no pickle, nothing runs
    checkpoints/000002000/note.json      step, versions, what the log needs to go on
    checkpoints/000002000/metrics.jsonl  the rows so far, as events.jsonl the events
    checkpoints/000002000/manifest.json  SHA-256 of every other file

A checkpoint is written beside its place and renamed when it is complete. A folder with
the name of a step is therefore complete, unless it was damaged later, which the
checksums show.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.run_files.orbax_arrays import restore_arrays, save_arrays
from gan_jax.types import TrainState

CHECKPOINT_FOLDER = "checkpoints"
Note = dict[str, Any]


def key_as_integers(state: TrainState) -> TrainState:
    """Return the state with its typed key as integers."""
    return state.replace(key=jax.random.key_data(state.key))  # pyright: ignore


@contextmanager
def background_saver(
    folder: Path,
    keep: int,
    keep_every: int | None,
    only_finite: bool,
    copied: Sequence[Path] = (),
) -> Iterator[Callable[[TrainState, Note], None]]:
    """Yield a function that saves a state in the background, one at a time.

    The state must have its key as integers: `key_as_integers` is a computation of all
    processes, while one of them saves. keep: how many of the newest checkpoints stay.
    keep_every: those of steps that it divides stay too. only_finite: whether to leave
    out a state that is not finite. copied: files of which each checkpoint holds a copy.
    An OSError of the background is raised at the next call or at the end.
    """
    pending: list[Future] = []
    with ThreadPoolExecutor(max_workers=1) as pool:

        def finish() -> None:
            while pending:
                pending.pop().result()

        def write_and_tidy(arrays: Any, note: Note) -> None:
            write_checkpoint(folder, arrays, note, keep, keep_every, copied)

        def save(state: TrainState, note: Note) -> None:
            finish()
            # The copy is needed: on CPU, device_get returns a view of memory that the
            # next step overwrites.
            arrays = jax.tree.map(np.array, jax.device_get(state))
            if not only_finite or is_finite(arrays):
                pending.append(pool.submit(write_and_tidy, arrays, note))

        try:
            yield save
        except BaseException:
            with suppress(OSError):  # The error that ended the run matters more.
                finish()
            raise
        finish()


def is_finite(arrays: Any) -> bool:
    """Whether every number of a tree of arrays is finite."""
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(arrays))


def write_checkpoint(
    folder: Path,
    arrays: Any,
    note: Note,
    keep: int,
    keep_every: int | None,
    copied: Sequence[Path] = (),
) -> None:
    """Write one checkpoint, and remove those that need not be kept."""
    name = f"{note['step']:09d}"
    part, final = folder / f".{name}.part", folder / name
    remove_unfinished(folder)
    try:
        folder.mkdir(exist_ok=True)  # The run's folder may have vanished: no parents.
        part.mkdir()
        fill_checkpoint(part, arrays, note, [path for path in copied if path.exists()])
        old = rename_for_removal(final)
        os.replace(part, final)
        shutil.rmtree(old, ignore_errors=True)
    except Exception as error:  # Orbax and TensorStore have many for a full disk.
        raise OSError(
            f"checkpoint {final}: not written ({explain_error(error)})"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for path in list_checkpoints(folder)[keep:]:
        if keep_every is None or int(path.name) % keep_every:
            remove_checkpoint(path)


def fill_checkpoint(
    folder: Path, arrays: Any, note: Note, copied: Sequence[Path]
) -> None:
    """Write the arrays, the copies, the note, and last the manifest to a new folder."""
    require_disk_space(folder, arrays, copied)
    save_arrays(folder, arrays)
    for path in copied:
        shutil.copyfile(path, folder / path.name)
    note = note | {"arrays": describe_arrays(arrays)}
    (folder / "note.json").write_text(json.dumps(note), "utf-8")
    sums = {path: checksum(folder / path) for path in list_files(folder)}
    with (folder / "manifest.json").open("w", encoding="utf-8") as manifest:
        json.dump(sums, manifest, indent=1)
        manifest.flush()
        os.fsync(manifest.fileno())


def remove_unfinished(folder: Path) -> None:
    """Remove the checkpoints that killed runs left half written."""
    for path in folder.glob(".*.part"):
        shutil.rmtree(path, ignore_errors=True)


def rename_for_removal(path: Path) -> Path:
    """Rename a checkpoint, if it is there, and return its new name.

    A checkpoint that is removed under its own name looks damaged if the run is killed
    on the way. What a kill leaves under the new name, `remove_unfinished` removes.
    """
    aside = path.with_name(f".{path.name}.old.part")
    shutil.rmtree(aside, ignore_errors=True)
    with suppress(FileNotFoundError):
        os.replace(path, aside)
    return aside


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint; one that cannot be removed stays."""
    with suppress(OSError):
        shutil.rmtree(rename_for_removal(path), ignore_errors=True)


def describe_arrays(tree: Any) -> dict[str, str]:
    """Return `{".ema['params']...": "float32[64, 128]"}` for each array of a tree."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    name = jax.tree_util.keystr
    return {name(path): f"{x.dtype}{list(x.shape)}" for path, x in leaves}


def require_disk_space(folder: Path, arrays: Any, copied: Sequence[Path]) -> None:
    """Raise OSError if a checkpoint will not fit.

    The arrays count twice, as Orbax writes them and then merges them.
    """
    needed = 100_000 + 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))
    needed += sum(path.stat().st_size for path in copied)
    if shutil.disk_usage(folder).free < needed:
        raise OSError("No space left")


def explain_error(error: Exception) -> str:
    """Return in one line why nothing could be written."""
    text = str(error)
    if "RESOURCE_EXHAUSTED" in text or "No space left" in text:
        return "no space left on the disk; free some, then go on with --resume"
    return text.partition("\n")[0]


def list_files(folder: Path) -> list[str]:
    """Return every file but the manifest, relative to the folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    names = (str(path.relative_to(folder)) for path in found)
    return sorted(name for name in names if name != "manifest.json")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in found if is_step_name(path.name)), reverse=True)


def is_step_name(text: str) -> bool:
    """Whether a text is plain digits; `str.isdigit` holds for a superscript too."""
    return text.isascii() and text.isdecimal()


def discard_checkpoint(folder: Path, step: int) -> None:
    """Remove the checkpoint of a step, if it is not the only one."""
    path = folder / f"{step:09d}"
    if path.exists() and len(list_checkpoints(folder)) > 1:
        remove_checkpoint(path)


def find_fault(path: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None if it is intact."""
    try:
        sums = dict(json.loads((path / "manifest.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return "manifest.json is missing or damaged"
    for name in sorted(sums.keys() | set(list_files(path))):
        if name not in sums:
            return f"{name} does not belong to it"
        if not (path / name).is_file():
            return f"{name} is missing"
        try:
            intact = checksum(path / name) == sums[name]
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        if not intact:
            return f"{name} is damaged (its SHA-256 differs)"
    return None


def newest_intact(
    folder: Path, print_line: Callable[[str], None] = print
) -> tuple[Path, Note] | None:
    """Return the newest intact checkpoint and its note, or None if there is none.

    A line is printed about each damaged one. Raises ValueError if all are damaged.
    """
    faults = []
    for path in list_checkpoints(folder):
        fault = find_fault(path)
        if fault is None:
            return path, json.loads((path / "note.json").read_text("utf-8"))
        faults.append(f"checkpoint {path}: {fault}")
        print_line(f"{faults[-1]}; taking the one before")
    if faults:
        raise ValueError(f"{faults[0]}; none of {len(faults)} is intact")
    return None


def restore_state(path: Path, like: Any) -> TrainState:
    """Return the state of a checkpoint.

    like: the state's shapes, from `jax.eval_shape`. Raises ValueError where the
    checkpoint has others.
    """
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    target = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        jax.eval_shape(key_as_integers, like),
    )
    stored = json.loads((path / "note.json").read_text("utf-8"))["arrays"]
    wanted = describe_arrays(target)
    for name in sorted(stored.keys() | wanted.keys()):
        here, there = wanted.get(name), stored.get(name)
        if here != there:
            raise ValueError(
                f"checkpoint {path}: holds {there or 'nothing'} for state{name}, where "
                f"this config needs {here or 'nothing'}; resume with the config it had"
            )
    state = restore_arrays(path, target)
    return state.replace(key=jax.random.wrap_key_data(state.key))
