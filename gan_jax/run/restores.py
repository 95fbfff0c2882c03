"""The loop of a run, and its return to a checkpoint when a number is not finite."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import jax
import numpy as np

from gan_jax.config import Config
from gan_jax.data.batch_order import ORDER_VERSION
from gan_jax.parallel.execution import Program
from gan_jax.parallel.multihost import fail_together, require_same_everywhere
from gan_jax.run.loop import Callbacks, run_steps
from gan_jax.run.resume import RunStart, choose_older_checkpoint
from gan_jax.run_files.checkpoint import (
    CHECKPOINT_FOLDER,
    background_saver,
    key_as_integers,
)
from gan_jax.run_files.folder import prepare_to_resume
from gan_jax.run_files.history import Record, is_alive
from gan_jax.run_files.stored_rows import ROW_FILES
from gan_jax.run_files.summary import framework_versions
from gan_jax.types import TrainState

MOST_RESTORES = 3
"""Returns to a checkpoint, after which a run that diverges again ends."""


def run_with_restores(
    config: Config,
    folder: Path,
    work: Program,
    start: RunStart,
    callbacks: Callbacks,
    begin: Callable[[bool], RunStart],
) -> tuple[TrainState, int]:
    """Run the loop, and run it again from a checkpoint if the run is to be restored.

    begin: returns the start of a run; its argument says whether the run is a new one.
    Returns the last state and the number of restores. The records of `start` hold the
    rows of the last attempt.
    """
    records, tried = start.records, None
    while True:
        with save_states(config, folder, start, records) as save:
            state = run_steps(
                config,
                work,
                start.state,
                start.step,
                records,
                callbacks._replace(save=save),
            )
        wanted = config.on_divergence == "restore" and not is_alive(records[0])
        if not wanted or start.restores == MOST_RESTORES:
            return state, start.restores
        event = {"restored": start.restores + 1, "fault": records[0].faults[0]}
        write_events = callbacks.write_events
        start = restore_run(config, folder, tried, event, write_events, begin)
        records[:], tried = start.records, start.step


def restore_run(
    config: Config,
    folder: Path,
    tried: int | None,
    event: dict,
    write_events: Callable[[list[dict]], None],
    begin: Callable[[bool], RunStart],
) -> RunStart:
    """Go back to a checkpoint in all processes; the first one writes.

    tried: the step of the checkpoint that the last attempt began with, or None.
    """

    def run_in_first_process(action: Callable[[], None]) -> None:
        fail_together(action if jax.process_index() == 0 else lambda: None)

    run_in_first_process(
        partial(choose_older_checkpoint, folder, tried, event, write_events)
    )
    start = fail_together(partial(begin, False))
    require_same_everywhere(step=start.step, restores=start.restores)
    run_in_first_process(partial(prepare_to_resume, folder, config, start.step))
    return start


@contextmanager
def save_states(
    config: Config, folder: Path, start: RunStart, records: list[Record]
) -> Iterator[Callable[[TrainState, int], None]]:
    """Yield a function that saves a state of this run after so many steps.

    Only the first process saves.
    """
    key = np.array(key_as_integers(start.state).key)
    if jax.process_index() != 0:
        yield lambda state, step: None
        return
    about = {
        "order": ORDER_VERSION,
        "restores": start.restores,
        "config": dataclasses.asdict(config),
        "versions": framework_versions(),
    }
    keep, keep_every = config.checkpoint.keep, config.checkpoint.keep_every
    path, copied = folder / CHECKPOINT_FOLDER, [folder / name for name in ROW_FILES]
    one = len(records) == 1
    with background_saver(path, keep, keep_every, one, copied) as save:

        def save_now(state: TrainState, step: int) -> None:
            due = [dict(record.due) for record in records]
            rows = sum(len(record.rows) for record in records)
            note = {"step": step, "due": due, "rows": rows, **about}
            save(state.replace(key=key), note)  # pyright: ignore

        yield save_now
