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
    is_alive,
    last_wall_seconds,
)
from gan_jax.run_files.logged_steps import PickedSteps, fetch_steps, pick_steps
from gan_jax.types import Row, TrainState


class Callbacks(NamedTuple):
    """What the loop calls on the host.

    write_rows, write_events: take new rows and new events. print_line: prints a line.
    begin: takes the description of the part of the work that begins. reach: takes the
    number of steps made. save: takes the state after so many steps. draw: takes it too,
    with None for the steps at the end of the run. measure: begins the measurement of a
    state. stop_signals: the names of the signals that ask the loop to stop; a signal
    handler fills the list.
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
    drawn: bool
    last: bool


class Unread(NamedTuple):
    """The results of some dispatches that the host has not read yet.

    picked: the steps of each dispatch that get a row. measured: the measurement of the
    state after them, if one is due. last: whether the run ends with them.
    """

    picked: list[PickedSteps]
    measured: Pending | None
    last: bool

    def is_ready(self) -> bool:
        """Return whether all of it is made, so that to read it is not to wait."""
        made = [leaf for one in self.picked for leaf in jax.tree.leaves(one.values)]
        measured = self.measured is None or self.measured.is_ready()
        return measured and all(leaf.is_ready() for leaf in made)


def run_steps(
    config: Config,
    work: Program,
    state: TrainState,
    begin: int,
    records: list[Record],
    callbacks: Callbacks,
) -> TrainState:
    """Make the steps of a run after `begin`, and return the state after them.

    The loop adds rows to the records, one record per GAN. The host reads what is made,
    and while it writes this down, the devices go on: what was dispatched last is read
    after the next dispatch, unless it is ready at once. Before a state is saved or
    drawn, and at the end, all is read. The loop ends at the last step, on request, or
    when no GAN is finite any more, unless they are to continue; what was dispatched
    since that step is then dropped. It never saves a state of which no GAN is finite.
    """
    prepare_first_step(config, state, begin, callbacks)
    started = time.perf_counter() - last_wall_seconds(records)
    bounds = dispatch_bounds(config, work.steps_per_call, begin)
    picked, unread, saved_at = [], [], time.monotonic()
    ends = itertools.pairwise(bounds.tolist())
    for (start, end), split in zip(ends, work.splits(bounds), strict=True):
        called = time.perf_counter()
        state, metrics = work.advance(state, split)
        seconds = time.perf_counter() - called
        callbacks.reach(end)
        if start == begin:
            callbacks.print_line(f"first call, compiled, in {seconds:.1f} s")
        picked.append(pick_steps(config, metrics, state.step, start, end))
        due = find_what_is_due(config, start, end, saved_at, callbacks.stop_signals)
        if any(due):
            measured = callbacks.measure(state) if due.measured else None
            if measured and not measured.is_complete:
                due = due._replace(last=True)  # A stop came: `--resume` measures it.
            unread.append(Unread(picked, measured, due.last))
            picked = []
            alone = jax.process_count() == 1
            wait_for_all = due.saved or due.drawn or due.last or not alone
            ready = take_ready(unread, wait_for_all)
            sound = record_steps(config, records, ready, started, callbacks)
            if sound and (due.saved or due.last):
                callbacks.save(state, end)
                saved_at = time.monotonic()
            if due.drawn:
                callbacks.draw(state, end)
            if due.last or not (sound or config.on_divergence == "continue"):
                break
    return state


def take_ready(unread: list[Unread], wait_for_all: bool) -> list[Unread]:
    """Remove from the list, and return, what the host reads now.

    It is all that is ready, and all but the newest; or everything.
    """
    count = len(unread)
    if not wait_for_all:
        count -= 1
        while count < len(unread) and unread[count].is_ready():
            count += 1
    taken, unread[:] = unread[:count], unread[count:]
    return taken


def record_steps(
    config: Config,
    records: list[Record],
    ready: list[Unread],
    started: float,
    callbacks: Callbacks,
) -> bool:
    """Write the rows and events of what was made, and return whether a GAN is finite.

    started: when the run began, by `time.perf_counter`.
    """
    fetched = [fetch_steps(one.picked) for one in ready]
    found = [
        one.measured.read() if one.measured and one.measured.is_complete else None
        for one in ready
    ]
    wall_seconds = time.perf_counter() - started
    for one, dispatches, measurements in zip(ready, fetched, found, strict=True):
        rows, events = [], []
        for picked in dispatches:
            last = one.last and picked is dispatches[-1]
            new = add_rows(config, records, picked, wall_seconds, last)
            rows += new[0]
            events += new[1]
        if measurements:
            end = dispatches[-1].start + dispatches[-1].length
            add_measurements(records, end, measurements)
        callbacks.write_rows(rows)
        callbacks.write_events(events)
    return any(map(is_alive, records))


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

    Several processes have different clocks, so each of them saves only at steps that
    all of them log. They also agree on a request to stop only there.
    """
    alone = jax.process_count() == 1
    logged = start == 0 or crosses_multiple(config.log.every, start, end)
    saved = is_checkpoint_due(config, start, end, time.monotonic() - saved_at)
    stopped = (alone or logged) and is_true_anywhere(bool(stop_signals))
    return Due(
        logged=logged,
        measured=crosses_multiple(config.metrics.every, start, end),
        drawn=crosses_multiple(config.log.samples_every, start, end),
        saved=saved and (alone or logged),
        last=end == config.steps or stopped,
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
