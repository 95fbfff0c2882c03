"""A run's checkpoints on disk: arrays by Orbax, a note, and checksums written last.

    checkpoints/000002000/state/         the whole TrainState; no pickle, nothing runs
    checkpoints/000002000/note.json      step, versions, what the log needs to go on
    checkpoints/000002000/metrics.jsonl  the rows so far, as events.jsonl the events
    checkpoints/000002000/manifest.json  SHA-256 of every other file

A checkpoint is written beside its place and renamed when it is complete, so what has
the name of a step is whole unless it was damaged later; the checksums tell.
"""

import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.logs.plain_paths import plain_path
from gan_jax.types import TrainState

CHECKPOINT_FOLDER = "checkpoints"
Note = dict[str, Any]


def key_as_integers(state: TrainState) -> TrainState:
    """The state with its typed key as integers."""
    return state.replace(key=jax.random.key_data(state.key))  # pyright: ignore


@contextmanager
def background_saver(
    folder: Path,
    keep: int,
    keep_every: int | None,
    only_finite: bool,
    copied: Sequence[Path] = (),
) -> Iterator[Callable[[TrainState, Note], None]]:
    """A function that saves a state in the background, one at a time.

    The state has its key as integers: `with_plain_key` is a computation of all
    processes, where saving is one's. only_finite: leave out a state that is not. The
    newest `keep` stay, and those of steps that `keep_every` divides. copied: files of
    which each checkpoint holds a copy. An OSError of the background is raised at the
    next call or at the end.
    """
    pending: list[Future] = []
    with ThreadPoolExecutor(max_workers=1) as pool:

        def finish() -> None:
            while pending:
                pending.pop().result()

        def save(state: TrainState, note: Note) -> None:
            finish()
            # A copy: on CPU device_get is a view of what the next step overwrites.
            arrays = jax.tree.map(np.array, jax.device_get(state))
            if only_finite and not is_finite(arrays):
                return
            pending.append(
                pool.submit(
                    write_checkpoint, folder, arrays, note, keep, keep_every, copied
                )
            )

        try:
            yield save
        except BaseException:
            with suppress(OSError):  # what ended the run matters more
                finish()
            raise
        finish()


def is_finite(arrays: Any) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(arrays))


def write_checkpoint(
    folder: Path,
    arrays: Any,
    note: Note,
    keep: int,
    keep_every: int | None,
    copied: Sequence[Path] = (),
) -> None:
    """Write one checkpoint and remove those that need not be kept."""
    import orbax.checkpoint as ocp

    name = f"{note['step']:09d}"
    part, final = folder / f".{name}.part", folder / name
    remove_unfinished(folder)
    try:
        folder.mkdir(exist_ok=True)  # but not what it lies in, if that has vanished
        part.mkdir()
        present = [path for path in copied if path.exists()]
        require_disk_space(part, arrays, present)
        alone = ocp.options.MultiprocessingOptions(primary_host=0, active_processes={0})
        with (
            silence_orbax(),
            plain_path(part) as place,
            ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer,
        ):
            checkpointer.save(place / "state", arrays)
        for path in present:
            shutil.copyfile(path, part / path.name)
        note = note | {"arrays": describe_arrays(arrays)}
        (part / "note.json").write_text(json.dumps(note), "utf-8")
        sums = {path: checksum(part / path) for path in list_files(part)}
        with (part / "manifest.json").open("w", encoding="utf-8") as manifest:
            json.dump(sums, manifest, indent=1)
            manifest.flush()
            os.fsync(manifest.fileno())
        old = set_aside(final)
        os.replace(part, final)
        shutil.rmtree(old, ignore_errors=True)
    except Exception as error:  # Orbax and TensorStore have many for a full disk
        raise OSError(
            f"checkpoint {final}: not written ({explain_error(error)})"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for path in list_checkpoints(folder)[keep:]:
        if keep_every is None or int(path.name) % keep_every:
            remove_checkpoint(path)


def remove_unfinished(folder: Path) -> None:
    """Remove what runs that were killed left half written."""
    for left in folder.glob(".*.part"):
        shutil.rmtree(left, ignore_errors=True)


def set_aside(path: Path) -> Path:
    """Take a checkpoint, if it is there, its name: removed as it is, and killed on the
    way, it would look damaged. What is left by a kill the next `write` removes."""
    aside = path.with_name(f".{path.name}.old.part")
    shutil.rmtree(aside, ignore_errors=True)
    with suppress(FileNotFoundError):
        os.replace(path, aside)
    return aside


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint; one that cannot be removed stays."""
    with suppress(OSError):
        shutil.rmtree(set_aside(path), ignore_errors=True)


def describe_arrays(tree: Any) -> dict[str, str]:
    """`{".ema['params']...": "float32[64, 128]"}` for each array of a tree."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    name = jax.tree_util.keystr
    return {name(path): f"{x.dtype}{list(x.shape)}" for path, x in leaves}


def require_disk_space(folder: Path, arrays: Any, copied: Sequence[Path]) -> None:
    """An OSError if it will not fit: Orbax writes the arrays, then merges them."""
    needed = 100_000 + 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))
    needed += sum(path.stat().st_size for path in copied)
    if shutil.disk_usage(folder).free < needed:
        raise OSError("No space left")


def explain_error(error: Exception) -> str:
    """Why nothing could be written, in a line."""
    text = str(error)
    if "RESOURCE_EXHAUSTED" in text or "No space left" in text:
        return "no space left on the disk; free some, then go on with --resume"
    return text.partition("\n")[0]


@contextmanager
def silence_orbax() -> Iterator[None]:
    """Keep Orbax from printing what it raises as well.

    It logs tracebacks, and what it still had under way when it failed has no event
    loop any more to report to. That may come later, so it stays quiet after an error.
    """
    before = sys.unraisablehook

    def hook(ignored: Any) -> None:
        if str(ignored.exc_value) != "Event loop is closed":
            before(ignored)

    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    sys.unraisablehook = hook
    yield
    sys.unraisablehook = before
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def list_files(folder: Path) -> list[str]:
    """Every file but the manifest, relative to the folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    names = (str(path.relative_to(folder)) for path in found)
    return sorted(name for name in names if name != "manifest.json")


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest first."""
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
    """What is wrong with a checkpoint; None if it is intact."""
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
    folder: Path, tell: Callable[[str], None] = print
) -> tuple[Path, Note] | None:
    """The newest intact checkpoint and its note; None if there is none at all.

    Damaged ones are told of and passed over. Raises ValueError if all are damaged.
    """
    faults = []
    for path in list_checkpoints(folder):
        wrong = find_fault(path)
        if wrong is None:
            return path, json.loads((path / "note.json").read_text("utf-8"))
        faults.append(f"checkpoint {path}: {wrong}")
        tell(f"{faults[-1]}; taking the one before")
    if faults:
        raise ValueError(f"{faults[0]}; none of {len(faults)} is intact")
    return None


def restore_state(path: Path, like: Any) -> TrainState:
    """The state of a checkpoint, of the shapes of `like` (from `jax.eval_shape`).

    Raises ValueError where they are not its shapes.
    """
    import orbax.checkpoint as ocp

    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    target = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        jax.eval_shape(key_as_integers, like),
    )
    stored, wanted = (
        json.loads((path / "note.json").read_text("utf-8"))["arrays"],
        describe_arrays(target),
    )
    for name in sorted(stored.keys() | wanted.keys()):
        here, there = wanted.get(name), stored.get(name)
        if here != there:
            raise ValueError(
                f"checkpoint {path}: holds {there or 'nothing'} for state{name}, where "
                f"this config needs {here or 'nothing'}; resume with the config it had"
            )
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own})
    with (
        plain_path(path) as place,
        ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer,
    ):
        state = checkpointer.restore(place / "state", target)
    return state.replace(key=jax.random.wrap_key_data(state.key))
