"""Where a run begins: with a new state, or with its newest intact checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax

from gan_jax.config import Config
from gan_jax.data import Dataset
from gan_jax.data.batch_order import ORDER_VERSION
from gan_jax.evaluate.batched import Pending
from gan_jax.logs.files import explain_write_errors
from gan_jax.logs.row_files import write_rows
from gan_jax.parallel.execution import Program
from gan_jax.run.loop import crosses_multiple
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
from gan_jax.run_files.history import (
    Record,
    add_measurements,
    make_record,
    rows_of_member,
)
from gan_jax.run_files.stored_rows import (
    describe_row_damage,
    read_events_until,
    read_rows_until,
)
from gan_jax.types import Row, TrainState


class RunStart(NamedTuple):
    """Where a run begins.

    records: one per GAN, with the rows so far. step, restores: the numbers of steps and
    of restores made so far. found: whether the run goes on from a checkpoint.
    """

    state: TrainState
    records: list[Record]
    step: int
    restores: int
    found: bool


def start_or_resume(
    config: Config,
    folder: Path,
    work: Program,
    print_line: Callable[[str], None],
    fresh: bool,
) -> RunStart:
    """Return the start of a new run, or of one that goes on; write nothing.

    fresh: whether to begin a new run without a look for a checkpoint. A run without a
    checkpoint begins anew, unless it has ended.
    """
    checkpoint = folder / CHECKPOINT_FOLDER
    found = None if fresh else newest_intact(checkpoint, print_line)
    if found is not None:
        return resume_from(*found, config, folder, work, print_line)
    if not fresh and (folder / "summary.json").exists():
        raise ValueError(
            f"out {folder}: the run in it has no checkpoints; choose another "
            "--out, or --overwrite to replace it"
        )
    records = [make_record(label, [], {}, []) for label in work.members or [{}]]
    return RunStart(work.init(), records, 0, 0, False)


def resume_from(
    checkpoint: Path,
    note: Row,
    config: Config,
    folder: Path,
    work: Program,
    print_line: Callable[[str], None],
) -> RunStart:
    """Return the start of a run that goes on from an intact checkpoint.

    Prints which fields of the Config have changed, and which rows are damaged. Raises
    ValueError if the run has made more steps than it should, or if rows are missing.
    """
    refuse_other_order(folder, note)
    for name, (old, new) in config_changes(folder, config).items():
        print_line(f"resumed with another {name}: {new!r} (was {old!r})")
    step = note["step"]
    if step > config.steps:
        raise ValueError(f"steps {config.steps}: the run has made {step}")
    state = restore_state(checkpoint, jax.eval_shape(work.init))
    for line in describe_row_damage(folder, step, note.get("rows")):
        print_line(line)
    rows = read_rows_until(folder, config, step)
    events = read_events_until(folder, step)
    records = [
        make_record(
            label, rows_of_member(label, rows), due, rows_of_member(label, events)
        )
        for label, due in zip(work.members or [{}], note["due"], strict=True)
    ]
    if step and not all(record.rows for record in records):
        raise ValueError(f"{folder}/metrics.jsonl: the rows before {step} are missing")
    print_line(f"resumed after {step} steps")
    restores = sum("restored" in event for event in events)
    state = halve_learning_rates(state, restores - note["restores"])
    return RunStart(state, records, step, restores, True)


def refuse_other_order(folder: Path, note: Row) -> None:
    """Raise ValueError for a run that took its examples in the order of old versions.

    note: that of its checkpoint.
    """
    order = note.get("order", 1)
    if order != ORDER_VERSION:
        age = "an earlier" if order < ORDER_VERSION else "a later"
        raise ValueError(
            f"out {folder}: the run in it is by {age} version of gan_jax, which takes "
            "the examples in another order, so it cannot go on exactly; begin it anew "
            "with --overwrite, or go on with the version that began it"
        )


def require_same_data(
    run: Path | None,
    config: Config,
    data: Dataset,
    print_line: Callable[[str], None],
) -> DataFacts:
    """Return the facts of the data; raise ValueError if the run had other data.

    run: the run's folder; None for a new run, and for one that may go on with other
    data.
    """
    remedy = "choose another --out, or --allow-changes"
    facts = refuse_other_data(run, config, data, remedy)
    if run is not None and read_facts(run) is None:
        print_line(f"{run} has no data.json: its data may have changed since")
    return facts


def write_start(
    config: Config,
    folder: Path,
    facts: DataFacts,
    refuse: Callable[[], None],
    start: RunStart,
) -> None:
    """Bring the folder into the state in which the loop begins.

    refuse: raises an error if the folder cannot take this run. It is called again, as
    another run may have written to the folder before this one locked it.
    """
    refuse()
    if start.found:
        prepare_to_resume(folder, config, start.step)
    else:
        reset_folder(folder, config)
    with explain_write_errors(folder):
        write_facts(folder, facts)


def complete_measurements(
    config: Config,
    folder: Path | None,
    start: RunStart,
    measure: Callable[[TrainState], Pending],
) -> None:
    """Measure the state that a run goes on from, if a stop came before that was done.

    The numbers are added to the rows of its step, in the records and in metrics.jsonl.
    folder: the run's folder, or None if another process writes the files.
    """
    newest = [record.rows[-1] for record in start.records if record.rows]
    rows = [row for row in newest if row["step"] == start.step]
    due = crosses_multiple(config.metrics.every, start.step - 1, start.step)
    if not (rows and due) or any("diversity" in row for row in rows):
        return
    pending = measure(start.state)
    if not pending.is_complete:
        return
    add_measurements(start.records, start.step, pending.read())
    everything = (row for record in start.records for row in record.rows)
    if folder is not None:
        with explain_write_errors(folder):
            write_rows(
                folder / "metrics.jsonl",
                sorted(everything, key=lambda row: row["step"]),
            )


def choose_older_checkpoint(
    folder: Path,
    tried: int | None,
    event: Row,
    write_events: Callable[[list[Row]], None],
) -> None:
    """Choose a checkpoint to go back to, and write the event that says so.

    tried: the step of the checkpoint that the run went back to last, or None. It is
    removed, so that the run takes an older one. `resume_from` finds the event and
    lowers the learning rates, and so does a resumed run.
    """
    if tried is not None:
        discard_checkpoint(folder / CHECKPOINT_FOLDER, tried)
    found = newest_intact(folder / CHECKPOINT_FOLDER)
    assert found is not None, "a run begins with a checkpoint"
    write_events([{"step": found[1]["step"], **event}])


def halve_learning_rates(state: TrainState, times: int) -> TrainState:
    """Return the state with both learning rates halved so many times."""
    lower = {name: state.scales[name] * 0.5**times for name in ("g_lr", "d_lr")}
    return state.replace(scales=state.scales | lower)  # pyright: ignore
