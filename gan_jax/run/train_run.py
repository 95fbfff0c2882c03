"""A whole run on the host: data, steps, logs, pictures, checkpoints."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax

from gan_jax.assembly.assemble import build
from gan_jax.assembly.datasets import find_dataset, require_enough_examples
from gan_jax.config import Config
from gan_jax.config.serialization import validate
from gan_jax.data import Dataset, with_absolute_path
from gan_jax.evaluate.evaluator import Evaluator
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
from gan_jax.run.loop import Callbacks
from gan_jax.run.monitor import make_sample_monitor, requested_evaluator
from gan_jax.run.profiling import profile_steps
from gan_jax.run.restores import run_with_restores
from gan_jax.run.results import write_results
from gan_jax.run.resume import (
    RunStart,
    complete_measurements,
    require_same_data,
    start_or_resume,
    write_start,
)
from gan_jax.run.signals import stop_request
from gan_jax.run.trackers import Tracker, open_trackers, require_wandb
from gan_jax.run_files.data_facts import DataFacts
from gan_jax.run_files.folder import (
    lock_folder,
    refuse_config_changes,
    refuse_used_folder,
)
from gan_jax.run_files.history import Record
from gan_jax.run_files.summary import summarize_run
from gan_jax.terminal.progress import ProgressDisplay, show_progress
from gan_jax.types import Row, TrainState


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
    """Train to the end and write the folder `out`.

    The run ends with a verdict:

    - "completed": the run made all steps, and nothing below holds.
    - "not_learned": the samples at the end are not like the data (`why_not_learned`).
    - "collapsed": the samples lack diversity at the end (`has_collapsed`).
    - "diverged": a metric was not finite. The newest checkpoint holds a finite state.
    - "interrupted": Ctrl-C or SIGTERM came. The step that runs is finished and saved.
      While the data are prepared, a signal ends the call as it ends any other.

    Of several processes the first alone writes.

    Args:
        config: The description of the run. With `seeds` or a sweep it trains several
            GANs, which have stacked states and a verdict each, in members.jsonl.
        out: The folder to write to.
        callback: A function that is called with each logged row: the step, wall_seconds
            and the step's metrics, and of several GANs also the seed and the sweep's
            factors. None: no function is called.
        overwrite: Whether to replace the files of an earlier run in `out`.
        resume: Whether to go on, exactly, from the newest intact checkpoint in `out`. A
            run without one begins. A Config that makes it another run is refused.
        allow_changes: Whether to resume with such a Config all the same.
        progress: Whether to show progress on standard output: a bar in a terminal,
            elsewhere a line every so often.

    Returns:
        The state after the last step, and the summary as summary.json holds it. The
        summary of a failure says why (`why`) and what usually helps (`try`); `samples`
        are the last measurements of the samples.

    Raises:
        ValueError: The Config cannot be built, placed or resumed.
        FileExistsError: The folder is in use, or holds what this call must not replace.
        OSError: A file of the run cannot be written.
    """
    folder, first = Path(out), jax.process_index() == 0
    with show_progress(
        "preparing the data", enabled=progress and first, stderr=False
    ) as display:
        print_line = display.print_line
        config = fail_together(lambda: validate_with_plugins(config))
        fresh = not (resume and (folder / "config.json").exists())
        refuse = choose_refusal(config, folder, fresh, overwrite, allow_changes)
        run = make_run(config, folder, display, refuse)
        facts = compare_data(run, None if fresh or allow_changes else folder)
        with stop_request() as stop_signals, ExitStack() as stack:
            display.begin("making the networks")
            begin = partial(start_or_resume, config, folder, run.program, print_line)
            start = open_run_folder(run, facts, begin, fresh, refuse, stack)
            trackers = start_trackers(run, start, stack)
            records = start.records
            callbacks = make_callbacks(run, records, trackers, callback, stop_signals)
            complete_measurements(config, run.path, start, callbacks.measure)
            with profile_steps(config, folder, run.program, print_line) as work:
                state, restores = run_with_restores(
                    config, folder, work, start, callbacks, begin
                )
            summary = summarize_run(config, run.program, state, records)
            stopped_by = next(iter(stop_signals), None)
            summary |= {"restores": restores, "stopped_by": stopped_by}
            if first:
                display.begin("drawing the samples and the curves")
                callbacks.draw(state, None)
                write_results(folder, config, records, summary)
    return state, summary


class Run(NamedTuple):
    """A run that is prepared, and nothing of it is written yet.

    path: the folder to write to, or None in a process that does not write.
    evaluator: it measures the sample metrics, or None if none are requested.
    """

    config: Config
    path: Path | None
    data: Dataset
    program: Program
    evaluator: Evaluator | None
    display: ProgressDisplay


def validate_with_plugins(config: Config) -> Config:
    """Return the valid Config with absolute paths and the content of its plugins."""
    return with_plugins(with_absolute_path(validate(config)))


def choose_refusal(
    config: Config, folder: Path, fresh: bool, overwrite: bool, allow_changes: bool
) -> Callable[[], None]:
    """Return a function that raises an error if the folder cannot take this run."""
    if fresh:
        return partial(refuse_used_folder, folder, overwrite)
    return partial(refuse_config_changes, folder, config, allow_changes)


def make_run(
    config: Config, folder: Path, display: ProgressDisplay, refuse: Callable[[], None]
) -> Run:
    """Prepare the run in every process, and print its first line."""
    first = jax.process_index() == 0
    prepare = partial(prepare_run, config, refuse if first else skip_action)
    data, work, evaluator = fail_together(prepare)
    display.print_line(opening_line(config, folder, len(work.members or [None])))
    return Run(config, folder if first else None, data, work, evaluator, display)


def prepare_run(
    config: Config, refuse: Callable[[], None]
) -> tuple[Dataset, Program, Evaluator | None]:
    """Return the data, the program and the evaluator of the sample metrics.

    Raises ValueError for what cannot be trained or measured, and what `refuse` raises.
    """
    data = find_dataset(config)
    build(config, spec=data.spec)
    require_enough_examples(config, data)
    require_wandb(config)
    if config.on_divergence == "restore" and members_of(config):
        raise ValueError(
            "on_divergence 'restore': goes back with the whole run, and there are "
            "several GANs; choose stop or continue, or one seed and no sweep"
        )
    refuse()
    return data, make_program(config, data), requested_evaluator(config)


def skip_action(*arguments: object) -> None:
    """Stand in for an action that the first process alone takes."""


def compare_data(run: Run, recorded: Path | None) -> DataFacts:
    """Return the facts of the data, and refuse other data than the run had.

    recorded: the folder of the run to compare with, or None.
    """
    run.display.begin("comparing the data with the facts of the run")
    print_line = run.display.print_line
    compare = partial(require_same_data, recorded, run.config, run.data, print_line)
    return fail_together(compare)


def open_run_folder(
    run: Run,
    facts: DataFacts,
    begin: Callable[[bool], RunStart],
    fresh: bool,
    refuse: Callable[[], None],
    stack: ExitStack,
) -> RunStart:
    """Lock the folder until the stack ends, and start or resume the run in it."""
    config, path = run.config, run.path
    if path is None:
        fail_together(skip_action)
    else:
        fail_together(partial(stack.enter_context, lock_folder(path)))
    start = fail_together(partial(begin, fresh))
    require_same_everywhere(fresh=fresh, step=start.step)
    if path is None:
        fail_together(skip_action)
    else:
        fail_together(partial(write_start, config, path, facts, refuse, start))
    for line in run.program.about:
        run.display.print_line(line)
    return start


def start_trackers(run: Run, start: RunStart, stack: ExitStack) -> list[Tracker]:
    """Open the trackers until the stack ends.

    A tracker of a resumed run forgets what the run now makes again.
    """
    context = nullcontext([])
    if run.path is not None:
        context = open_trackers(run.config, run.path, run.program.members or [{}])
    trackers = fail_together(partial(stack.enter_context, context))
    for tracker in trackers if start.found else ():
        tracker.discard_later_rows(start.step)
    return trackers


class Finished:
    def __init__(self, rows):
        self.rows = rows

    def is_ready(self):
        return True

    def read(self):
        return self.rows


def finished(measure):
    return lambda state: Finished(measure(state))


def make_callbacks(
    run: Run,
    records: list[Record],
    trackers: list[Tracker],
    callback: Callable[[Row], None] | None,
    stop_signals: list[str],
) -> Callbacks:
    """Return what the loop calls; `save` does nothing yet.

    The first process alone writes files and pictures.
    """
    config, path, data, work, evaluator, display = run
    draw, print_line = skip_action, display.print_line
    if path is not None:
        draw = make_picture_writer(config, path, work, data, trackers)
    counter = make_step_counter(config, data, display)
    return Callbacks(
        write_rows=make_row_writer(counter.update, records, path, trackers, callback),
        write_events=make_event_writer(config, path, print_line, trackers),
        print_line=print_line,
        begin=counter.begin,
        reach=counter.reach,
        save=skip_action,
        draw=draw,
        measure=finished(
            make_sample_monitor(config, work.gan, data, work.members, evaluator)
        ),
        stop_signals=stop_signals,
    )
