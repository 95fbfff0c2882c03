"""A whole run on the host: data, steps, logs, pictures, checkpoints."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

import jax

from gan_jax.config import Config
from gan_jax.parallel.multihost import fail_together, require_same_everywhere
from gan_jax.run.callbacks import (
    make_event_writer,
    make_picture_writer,
    make_row_writer,
    make_step_counter,
)
from gan_jax.run.loop import Callbacks
from gan_jax.run.monitor import make_sample_monitor
from gan_jax.run.preparation import (
    Run,
    compare_data,
    make_run,
    skip_action,
    validate_with_plugins,
)
from gan_jax.run.profiling import profile_steps
from gan_jax.run.restores import run_with_restores
from gan_jax.run.results import draw_curves_of_run, write_results
from gan_jax.run.resume import (
    RunStart,
    complete_measurements,
    start_or_resume,
    write_start,
)
from gan_jax.run.signals import later_stop_request
from gan_jax.run.trackers import Tracker, open_trackers
from gan_jax.run_files.data_facts import DataFacts
from gan_jax.run_files.folder import choose_refusal, lock_folder
from gan_jax.run_files.history import Record
from gan_jax.run_files.summary import summarize_run
from gan_jax.terminal.progress import show_progress
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
    pictures: bool = True,
) -> tuple[TrainState, Row]:
    """Train to the end and write the folder `out`.

    The run ends with a verdict:

    - "completed": the run made all steps, and nothing below holds.
    - "not_learned": the samples at the end are not like the data (`why_not_learned`).
    - "collapsed": the samples lack diversity at the end (`has_collapsed`).
    - "diverged": a metric was not finite. The newest checkpoint holds a finite state.
    - "interrupted": Ctrl-C or SIGTERM came. The step that runs is finished and saved.
      Until the first steps are made, nothing can be lost, and a signal ends the call as
      it ends any other: while the data are prepared, and while the step is compiled.

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
        pictures: Whether to draw the samples and the curves at the end.

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
        with ExitStack() as stack:
            display.begin("making the networks")
            begin = partial(start_or_resume, config, folder, run.program, print_line)
            start = open_run_folder(run, facts, begin, fresh, refuse, stack)
            trackers = start_trackers(run, start, stack)
            with later_stop_request() as stop:
                callbacks = make_callbacks(
                    run, start.records, trackers, callback, *stop
                )
                state, summary = run_to_end(run, folder, start, callbacks, begin)
            # All is written, so a signal ends the drawing at once. A run that is to
            # stop draws nothing: that may take long, and can be done at any time.
            finished = summary["verdict"] != "interrupted"
            if first and finished and pictures:
                display.begin("drawing the samples and the curves")
                callbacks.draw(state, None)
                draw_curves_of_run(folder, config, start.records)
    return state, summary


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


def run_to_end(
    run: Run,
    folder: Path,
    start: RunStart,
    callbacks: Callbacks,
    begin: Callable[[bool], RunStart],
) -> tuple[TrainState, Row]:
    """Make the steps, write the results, and return the last state and the summary.

    begin: as in `run_with_restores`.
    """
    config, print_line = run.config, run.display.print_line
    complete_measurements(config, run.path, start, callbacks.measure)
    with profile_steps(config, folder, run.program, print_line) as work:
        state, restores = run_with_restores(
            config, folder, work, start, callbacks, begin
        )
    summary = summarize_run(config, run.program, state, start.records)
    stopped_by = next(iter(callbacks.stop_signals), None)
    summary |= {"restores": restores, "stopped_by": stopped_by}
    if run.path is not None:
        write_results(run.path, config, start.records, summary)
    return state, summary


def make_callbacks(
    run: Run,
    records: list[Record],
    trackers: list[Tracker],
    callback: Callable[[Row], None] | None,
    stop_signals: list[str],
    take_signals: Callable[[], None],
) -> Callbacks:
    """Return what the loop calls; `save` does nothing yet.

    The first process alone writes files and pictures. take_signals: called when steps
    are made, which a signal shall not lose: from then on it asks the loop to stop.
    Several processes stop together, and so they take signals from the beginning.
    """
    config, path, data, work, evaluator, display = run
    draw, print_line = skip_action, display.print_line
    if path is not None:
        draw = make_picture_writer(config, path, work, data, trackers)
    counter = make_step_counter(config, data, display)

    def stop() -> bool:
        # Several processes agree to stop at logged steps, so none gives up alone.
        return bool(stop_signals) and jax.process_count() == 1

    if jax.process_count() > 1:
        take_signals()

    def reach(step: int) -> None:
        take_signals()
        counter.reach(step)

    return Callbacks(
        write_rows=make_row_writer(counter.update, records, path, trackers, callback),
        write_events=make_event_writer(config, path, print_line, trackers),
        print_line=print_line,
        begin=counter.begin,
        reach=reach,
        save=skip_action,
        draw=draw,
        measure=make_sample_monitor(
            config, work.gan, data, work.members, evaluator, stop
        ),
        stop_signals=stop_signals,
    )
