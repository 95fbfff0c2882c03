"""A whole run on the host: data, steps, logs, pictures, checkpoints."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import jax
import numpy as np

from gan_jax.assembly.assemble import build
from gan_jax.assembly.compatibility import dataset, require_enough
from gan_jax.config import Config
from gan_jax.config.serialization import validate
from gan_jax.data import Dataset, with_absolute_path
from gan_jax.evaluate.evaluator import Yardstick
from gan_jax.logs.curves import draw_curves
from gan_jax.logs.files import explain_write_errors, write_json
from gan_jax.logs.row_files import write_rows
from gan_jax.parallel.execution import Program, make_program, members_of
from gan_jax.parallel.multihost import fail_together, require_same_everywhere
from gan_jax.plugins.load import with_plugins
from gan_jax.run.callbacks import (
    make_event_writer,
    make_picture_writer,
    make_row_writer,
    make_step_counter,
    opening_line,
)
from gan_jax.run.loop import Callbacks, run_steps
from gan_jax.run.monitor import make_sample_monitor, requested_evaluator
from gan_jax.run.profiling import profile_steps
from gan_jax.run.resume import (
    RunStart,
    choose_older_checkpoint,
    require_same_data,
    start_or_resume,
    write_start,
)
from gan_jax.run.signals import stop_request
from gan_jax.run.trackers import open_trackers, require_wandb
from gan_jax.run_files.checkpoint import (
    CHECKPOINT_FOLDER,
    background_saver,
    key_as_integers,
)
from gan_jax.run_files.data_facts import DataFacts
from gan_jax.run_files.folder import (
    lock_folder,
    prepare_to_resume,
    refuse_config_changes,
    refuse_used_folder,
)
from gan_jax.run_files.history import Record, is_alive
from gan_jax.run_files.stored_rows import ROW_FILES
from gan_jax.run_files.summary import describe_ending, framework_versions, summarize_run
from gan_jax.run_files.sweep_charts import draw_members
from gan_jax.run_files.sweeps import real_values
from gan_jax.terminal.progress import show_progress
from gan_jax.types import Row, TrainState

MOST_RESTORES = 3


def train(
    config: Config,
    out: str | Path,
    *,
    callback: Callable[[Row], None] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    allow_changes: bool = False,
    progress: bool = True,
) -> tuple[TrainState, Row]:
    """Train to the end and write the folder `out`; returns the state and the summary.

    callback: called with each logged row (step, wall_seconds and the step's metrics; of
    several GANs also the seed and the sweep's factors). overwrite: replace the files of
    an earlier run in `out`. resume: go on from its newest intact checkpoint, exactly,
    or begin if there is none; a Config that makes it another run is refused unless
    allow_changes. progress: a bar in a terminal, elsewhere a line every so often on
    standard output; False: silence.

    The run ends with a verdict: "completed", "not_learned" (`health.not_learned`),
    "collapsed" (`health.has_collapsed`), "diverged" (a metric was not finite; the
    newest checkpoint holds a finite state) or "interrupted" (Ctrl-C, SIGTERM: the step
    is finished and saved; while the data are prepared, the call ends as any other). The
    summary of a failure says why (`why`) and what usually helps (`try`); `samples` are
    the last measurements of them. Several GANs have stacked states and a verdict each,
    in members.jsonl. Of several processes the first alone writes. Raises ValueError for
    a Config that cannot be built, placed or resumed, FileExistsError for a folder in
    use.
    """
    folder, first = Path(out), jax.process_index() == 0
    with show_progress(
        "preparing the data", enabled=progress and first, stderr=False
    ) as shown:
        tell = shown.print_line
        config = fail_together(
            lambda: with_plugins(with_absolute_path(validate(config)))
        )
        fresh = not (resume and (folder / "config.json").exists())
        refuse = (
            partial(refuse_used_folder, folder, overwrite)
            if fresh
            else partial(refuse_config_changes, folder, config, allow_changes)
        )
        prepare = partial(prepare_run, config, refuse if first else do_nothing)
        data, work, measure = fail_together(prepare)
        tell(opening_line(config, folder, len(work.members or [None])))
        shown.begin("comparing the data with the facts of the run")
        run = None if fresh or allow_changes else folder
        facts = fail_together(partial(require_same_data, run, config, data, tell))
        with stop_request() as asked, ExitStack() as stack:
            shown.begin("making the networks")
            begin = partial(start_or_resume, config, folder, work, tell=tell)
            start = open_run_folder(config, folder, facts, begin, fresh, refuse, stack)
            for line in work.about:
                tell(line)
            log = partial(open_trackers, config, folder, work.members or [{}])
            track = log() if first else nullcontext([])
            places = fail_together(lambda: stack.enter_context(track))
            for place in places if start.found else ():
                place.back(start.step)
            path = folder if first else None
            paint = (
                make_picture_writer(config, folder, work, data, places)
                if first
                else do_nothing
            )
            counter = make_step_counter(config, data, shown)
            host = Callbacks(
                make_row_writer(counter.update, start.records, path, places, callback),
                make_event_writer(config, path, tell, places),
                tell,
                counter.begin,
                counter.reach,
                do_nothing,
                paint,
                make_sample_monitor(config, work.gan, data, work.members, measure),
                asked,
            )
            with profile_steps(config, folder, work, tell) as traced:
                state, restores = run_with_restores(
                    config, folder, traced, start, host, begin
                )
            summary = summarize_run(config, work, state, start.records)
            summary |= {"restores": restores, "stopped_by": next(iter(asked), None)}
            if first:
                shown.begin("drawing the samples and the curves")
                paint(state, None)
                with explain_write_errors(folder):
                    write_results(folder, config, start.records, summary)
    return state, summary


def open_run_folder(
    config: Config,
    folder: Path,
    facts: DataFacts,
    begin: Callable[[bool], RunStart],
    fresh: bool,
    refuse: Callable[[], None],
    stack: ExitStack,
) -> RunStart:
    """Take hold of the folder until the stack ends, and begin, or go on, in it."""
    first = jax.process_index() == 0
    fail_together(
        partial(stack.enter_context, lock_folder(folder)) if first else do_nothing
    )
    start = fail_together(partial(begin, fresh))
    require_same_everywhere(fresh=fresh, step=start.step)
    write = write_start if first else do_nothing
    fail_together(partial(write, config, folder, facts, refuse, start))
    return start


def run_with_restores(
    config: Config,
    folder: Path,
    work: Program,
    start: RunStart,
    host: Callbacks,
    begin: Callable[[bool], RunStart],
) -> tuple[TrainState, int]:
    """The loop, and again from a checkpoint if that is asked for; restores made."""
    records, first = start.records, jax.process_index() == 0
    tried = None
    while True:
        with save_states(config, folder, start, records) as save:
            host = host._replace(save=save)
            state = run_steps(config, work, start.state, start.step, records, host)
        wanted = config.on_divergence == "restore" and not is_alive(records[0])
        if not wanted or start.restores == MOST_RESTORES:
            return state, start.restores
        event = {"restored": start.restores + 1, "fault": records[0].faults[0]}
        go_back = partial(choose_older_checkpoint, folder, tried, event, host.note)
        fail_together(go_back if first else do_nothing)
        start = fail_together(partial(begin, False))
        require_same_everywhere(step=start.step, restores=start.restores)
        fail_together(
            partial(
                prepare_to_resume if first else do_nothing, folder, config, start.step
            )
        )
        records[:], tried = start.records, start.step


def do_nothing(*arguments: object) -> None:
    pass


def prepare_run(
    config: Config, refuse: Callable[[], None]
) -> tuple[Dataset, Program, Yardstick | None]:
    """The data, the program, what samples are measured with; refuses what cannot be."""
    data = dataset(config)
    build(config, spec=data.spec)
    require_enough(config, data)
    require_wandb(config)
    if config.on_divergence == "restore" and members_of(config):
        raise ValueError(
            "on_divergence 'restore': goes back with the whole run, and there are "
            "several GANs; choose stop or continue, or one seed and no sweep"
        )
    refuse()
    return data, make_program(config, data), requested_evaluator(config)


@contextmanager
def save_states(
    config: Config, folder: Path, start: RunStart, records: list[Record]
) -> Iterator[Callable[[TrainState, int], None]]:
    """A function that saves a state of this run after so many steps."""
    key = np.array(key_as_integers(start.state).key)
    if jax.process_index() != 0:
        yield lambda state, step: None
        return
    about = {
        "restores": start.restores,
        "config": dataclasses.asdict(config),
        "versions": framework_versions(),
    }
    keep, keep_every = config.checkpoint.keep, config.checkpoint.keep_every
    copied = [folder / name for name in ROW_FILES]
    with background_saver(
        folder / CHECKPOINT_FOLDER, keep, keep_every, len(records) == 1, copied
    ) as save:

        def save_now(state: TrainState, step: int) -> None:
            due = [dict(record.due) for record in records]
            rows = sum(len(record.rows) for record in records)
            note = {"step": step, "due": due, "rows": rows, **about}
            save(state.replace(key=key), note)  # pyright: ignore

        yield save_now


def write_results(
    folder: Path, config: Config, records: list[Record], summary: Row
) -> None:
    """The curves, the summary, and for several GANs a line each."""
    runs = [record.rows for record in records]
    if members := members_of(config):
        draw_members(folder / "curves.png", config, members, runs)
        ends = [
            describe_ending(config, record, summary["steps"])
            | real_values(config, record.label)
            | record.rows[-1]
            for record in records
        ]
        write_rows(folder / "members.jsonl", ends)
    else:
        draw_curves(folder / "curves.png", runs)
    write_json(folder / "summary.json", summary)
