"""The loop of a run: it dispatches steps, and decides when to fetch their metrics."""

import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.config import Config
from gan_jax.evaluate.batched import Pending
from gan_jax.parallel.execution import Program
from gan_jax.parallel.multihost import is_true_anywhere
from gan_jax.run_files.history import (
    Record,
    add_measurements,
    add_rows,
    fetch_metrics,
    is_alive,
    last_wall_seconds,
)
from gan_jax.types import Row, TrainState


class Callbacks(NamedTuple):
    """What the loop calls on the host.

    write_rows, write_events: take new rows and new events. print_line: prints a line.
    begin: takes the description of the part of the work that begins. reach: takes the
    number of steps made. save: takes the state after so many steps. draw: takes it too,
    with None for the steps at the end of the run. measure: returns the measurements of
    each GAN of a state. stop_signals: the names of the signals that ask the loop to
    stop; a signal handler fills the list.
    """

    write_rows: Callable[[list[Row]], None]
    write_events: Callable[[list[Row]], None]
    print_line: Callable[[str], None]
    begin: Callable[[str], None]
    reach: Callable[[int], None]
    save: Callable[[TrainState, int], None]
    draw: Callable[[TrainState, int | None], None]
    measure: Callable[[TrainState], Pending]
    stop_signals: list[str]


class Due(NamedTuple):
    """What follows a dispatch.

    last: the dispatch is the last one, whatever its metrics are.
    """

    logged: bool
    measured: bool
    saved: bool
    last: bool

    @property
    def fetched(self) -> bool:
        """Whether the host has to wait for the metrics."""
        return any(self)


def run_steps(
    config: Config,
    work: Program,
    state: TrainState,
    begin: int,
    records: list[Record],
    callbacks: Callbacks,
) -> TrainState:
    """Make the steps of a run after `begin`, and return the state after them.

    The loop adds rows to the records, one record per GAN. It fetches metrics only when
    a step that it logs, measures or saves has been made. It ends at the last step, on
    request, or when no GAN is finite any more, unless they are to continue. It never
    saves a state of which no GAN is finite.
    """
    prepare_first_step(config, state, begin, callbacks)
    started = time.perf_counter() - last_wall_seconds(records)
    bounds = dispatch_bounds(config, work.steps_per_call, begin)
    seen, unseen, saved_at = begin, [], time.monotonic()
    ends = itertools.pairwise(bounds.tolist())
    for (start, end), split in zip(ends, work.splits(bounds), strict=True):
        called = time.perf_counter()
        state, metrics = work.advance(state, split)
        if start == begin:
            seconds = time.perf_counter() - called
            callbacks.print_line(f"first call, compiled, in {seconds:.1f} s")
        callbacks.reach(end)
        unseen.append(metrics)
        due = find_what_is_due(config, start, end, saved_at, callbacks.stop_signals)
        last = due.last
        if due.fetched:
            metrics, span = fetch_metrics(unseen), (seen, end)
            unseen, seen = [], end
            saved, last = record_steps(
                config, records, state, metrics, span, started, due, callbacks
            )
            saved_at = time.monotonic() if saved else saved_at
        if crosses_multiple(config.log.samples_every, start, end):
            callbacks.draw(state, end)
        if last:
            break
    return state


def record_steps(
    config: Config,
    records: list[Record],
    state: TrainState,
    metrics: dict[str, np.ndarray],
    span: tuple[int, int],
    started: float,
    due: Due,
    callbacks: Callbacks,
) -> tuple[bool, bool]:
    """Write the rows and events of the steps in `span`, (start, end], and save.

    metrics: those of the steps. started: when the run began, by `time.perf_counter`.
    Returns whether the state was saved, and whether the run ends.
    """
    start, end = span
    stopped = due.logged and is_true_anywhere(bool(callbacks.stop_signals))
    last = due.last or stopped
    rows, events = add_rows(config, records, metrics, start, started, last)
    if due.measured:
        add_measurements(records, end, callbacks.measure(state).read())
    callbacks.write_rows(rows)
    callbacks.write_events(events)
    sound = any(map(is_alive, records))
    saved = sound and (due.saved or last)
    if saved:
        callbacks.save(state, end)
    return saved, last or not (sound or config.on_divergence == "continue")


def prepare_first_step(
    config: Config, state: TrainState, begin: int, callbacks: Callbacks
) -> None:
    """Save and draw the state of a new run, and announce the compilation."""
    if begin == 0:
        callbacks.save(state, 0)
    if begin == 0 and config.log.samples_every:
        callbacks.begin("drawing the samples of step 0")
        callbacks.draw(state, 0)
    if begin < config.steps:
        callbacks.begin("compiling the step")


def find_what_is_due(
    config: Config, start: int, end: int, saved_at: float, stop_signals: list[str]
) -> Due:
    """Return what follows the dispatch of the steps (start, end].

    Several processes have different clocks, so each of them saves only at steps at
    which all of them fetch. They also agree on a request to stop only there.
    """
    alone = jax.process_count() == 1
    logged = start == 0 or crosses_multiple(config.log.every, start, end)
    saved = is_checkpoint_due(config, start, end, time.monotonic() - saved_at)
    return Due(
        logged=logged,
        measured=crosses_multiple(config.metrics.every, start, end),
        saved=saved and (alone or logged),
        last=end == config.steps or (alone and bool(stop_signals)),
    )


def crosses_multiple(every: int, start: int, end: int) -> bool:
    """Whether a multiple of `every` lies in (start, end]; 0 has no multiples."""
    return every > 0 and start // every < end // every


def dispatch_bounds(config: Config, steps_per_call: int, begin: int) -> np.ndarray:
    """The step counts at which dispatches begin and end: begin, ..., steps.

    They lie on the same grid wherever a run begins, so that a resumed run repeats the
    dispatches of the uninterrupted one.
    """
    every = [
        steps_per_call,
        config.metrics.every,
        config.log.samples_every,
        config.checkpoint.every,
    ]
    grids = [
        np.arange(begin - begin % interval + interval, config.steps, interval)
        for interval in every
        if isinstance(interval, int) and interval
    ]
    return np.unique(np.concatenate([[begin], *grids, [config.steps]]).astype(int))


SECONDS = {"s": 1, "m": 60, "h": 3600}
"""The seconds of each unit in which a Config gives a time."""


def is_checkpoint_due(config: Config, start: int, end: int, seconds: float) -> bool:
    """Whether these steps, or the seconds since the last one, call for a checkpoint."""
    every = config.checkpoint.every
    if isinstance(every, int):
        return crosses_multiple(every, start, end)
    return seconds >= int(every[:-1]) * SECONDS[every[-1]]
