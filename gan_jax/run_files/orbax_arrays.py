"""Arrays on disk by Orbax, on any path and without messages of its own."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from gan_jax.logs.plain_paths import plain_path


def save_arrays(folder: Path, arrays: Any) -> None:
    """Write a tree of arrays to `folder/state`; process 0 does so alone."""
    import orbax.checkpoint as ocp

    alone = ocp.options.MultiprocessingOptions(primary_host=0, active_processes={0})
    with (
        silence_orbax(),
        plain_path(folder) as place,
        ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer,
    ):
        checkpointer.save(place / "state", arrays)


def restore_arrays(folder: Path, like: Any) -> Any:
    """Read the tree of arrays in `folder/state`, each process by itself.

    like: the same tree with a `jax.ShapeDtypeStruct` for each array.
    """
    import orbax.checkpoint as ocp

    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own})
    with (
        plain_path(folder) as place,
        ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer,
    ):
        return checkpointer.restore(place / "state", like)


@contextmanager
def silence_orbax() -> Iterator[None]:
    """Keep Orbax from printing the errors that it raises.

    It logs tracebacks. What it still has under way when it fails has no event loop any
    more to report to, which may come out later, so it stays silent after an error.
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
