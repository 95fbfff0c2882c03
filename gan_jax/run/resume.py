"""Where a run begins: a new state, or its newest intact checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax

from gan_jax.config import Config
from gan_jax.data import Dataset
from gan_jax.logs.files import explain_write_errors
from gan_jax.parallel.execution import Program
from gan_jax.run_files.checkpoint import (
    CHECKPOINT_FOLDER,
    discard_checkpoint,
    newest_intact,
    restore_state,
)
from gan_jax.run_files.data_facts import (
    DataFacts,
    read_facts,
    refuse_other_data,
    write_facts,
)
from gan_jax.run_files.folder import config_changes, prepare_to_resume, reset_folder
from gan_jax.run_files.history import Record, make_record, rows_of_member
from gan_jax.run_files.stored_rows import (
    describe_row_damage,
    read_events_until,
    read_rows_until,
)
from gan_jax.types import Row, TrainState


class RunStart(NamedTuple):
    """Where a run begins.

    records: one per GAN. step, restores: those made so far. found: whether there was a
    checkpoint.
    """

    state: TrainState
    records: list[Record]
    step: int
    restores: int
    found: bool


def start_or_resume(
    config: Config, folder: Path, work: Program, fresh: bool, *, tell: Callable
) -> RunStart:
    """A new run, or where the newest intact checkpoint left off; writes nothing."""
    labels = work.members or [{}]
    found = None if fresh else newest_intact(folder / CHECKPOINT_FOLDER, tell)
    if found is None:
        if not fresh and (folder / "summary.json").exists():
            raise ValueError(
                f"out {folder}: the run in it has no checkpoints; choose another "
                "--out, or --overwrite to replace it"
            )
        records = [make_record(label, [], {}, []) for label in labels]
        return RunStart(work.init(), records, 0, 0, False)
    for name, (old, new) in config_changes(folder, config).items():
        tell(f"resumed with another {name}: {new!r} (was {old!r})")
    path, note = found
    step = note["step"]
    if step > config.steps:
        raise ValueError(f"steps {config.steps}: the run has made {step}")
    state = restore_state(path, jax.eval_shape(work.init))
    for line in describe_row_damage(folder, step, note.get("rows")):
        tell(line)
    rows, events = (
        read_rows_until(folder, config, step),
        read_events_until(folder, step),
    )
    records = [
        make_record(
            label, rows_of_member(label, rows), due, rows_of_member(label, events)
        )
        for label, due in zip(labels, note["due"], strict=True)
    ]
    if step and not all(record.rows for record in records):
        raise ValueError(f"{folder}/metrics.jsonl: the rows before {step} are missing")
    tell(f"resumed after {step} steps")
    restores = sum("restored" in event for event in events)
    state = halve_learning_rates(state, restores - note["restores"])
    return RunStart(state, records, step, restores, True)


def require_same_data(
    run: Path | None, config: Config, data: Dataset, tell: Callable[[str], None]
) -> DataFacts:
    """The facts of the data; raises ValueError if the run had other data.

    run: None for a new run, and for one that may go on with other data.
    """
    remedy = "choose another --out, or --allow-changes"
    facts = refuse_other_data(run, config, data, remedy)
    if run is not None and read_facts(run) is None:
        tell(f"{run} has no data.json: its data may have changed since")
    return facts


def write_start(
    config: Config,
    folder: Path,
    facts: DataFacts,
    refuse: Callable[[], None],
    start: RunStart,
) -> None:
    """The folder as it has to be when the loop begins; it is ours alone by now."""
    refuse()
    if start.found:
        prepare_to_resume(folder, config, start.step)
    else:
        reset_folder(folder, config)
    with explain_write_errors(folder):
        write_facts(folder, facts)


def choose_older_checkpoint(
    folder: Path, tried: int | None, event: Row, note: Callable[[list[Row]], None]
) -> None:
    """Choose a checkpoint to go back to, an older one if this was tried, and say so.

    `beginning` finds the event, and lowers the learning rates: so does a resumed run.
    """
    if tried is not None:
        discard_checkpoint(folder / CHECKPOINT_FOLDER, tried)
    found = newest_intact(folder / CHECKPOINT_FOLDER)
    assert found is not None, "a run begins with a checkpoint"
    note([{"step": found[1]["step"], **event}])


def halve_learning_rates(state: TrainState, times: int) -> TrainState:
    """The same state, the learning rates halved so many times."""
    lower = {name: state.scales[name] * 0.5**times for name in ("g_lr", "d_lr")}
    return state.replace(scales=state.scales | lower)  # pyright: ignore
