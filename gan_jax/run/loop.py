"""The loop of a run: dispatches, and when their metrics are fetched."""

import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.config import Config
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
    """What the loop does outside the devices.

    show: new rows. note: new events. tell: a line. begin: a part of the work begins,
    in words. reach: so many steps are made. save, paint: the state after so many steps.
    measure: the samples of each GAN of a state. asked: the signals that asked it to
    stop, filled from outside.
    """

    show: Callable[[list[Row]], None]
    note: Callable[[list[Row]], None]
    tell: Callable[[str], None]
    begin: Callable[[str], None]
    reach: Callable[[int], None]
    save: Callable[[TrainState, int], None]
    paint: Callable[[TrainState, int], None]
    measure: Callable[[TrainState], list[Row]]
    asked: list[str]


def run_steps(
    config: Config,
    work: Program,
    state: TrainState,
    begin: int,
    records: list[Record],
    host: Callbacks,
) -> TrainState:
    """The steps themselves; metrics are fetched when a logged step has been made.

    Rows are added to the records, one per GAN. It ends at the last step, on request, or
    when no GAN is finite any more, unless they are to continue; a state that is not
    finite is never saved.
    """
    prepare_first_step(config, state, begin, host)
    started = time.perf_counter() - last_wall_seconds(records)
    bounds = dispatch_bounds(config, work.steps_per_call, begin)
    seen, unseen, saved = begin, [], time.monotonic()
    ends = itertools.pairwise(bounds.tolist())
    for (start, end), split in zip(ends, work.splits(bounds), strict=True):
        called = time.perf_counter()
        state, metrics = work.advance(state, split)
        if start == begin:
            host.tell(f"first call, compiled, in {time.perf_counter() - called:.1f} s")
        host.reach(end)
        unseen.append(metrics)
        logged = start == 0 or crosses_multiple(config.log.every, start, end)
        measured = crosses_multiple(config.metrics.every, start, end)
        kept = checkpoint_due(config, start, end, time.monotonic() - saved)
        if jax.process_count() > 1:  # clocks differ; steps at which all fetch do not
            kept = kept and logged
        last = end == config.steps or (jax.process_count() == 1 and bool(host.asked))
        if logged or measured or kept or last:
            last = last or (logged and is_true_anywhere(bool(host.asked)))
            new, events = add_rows(
                config, records, fetch_metrics(unseen), seen, started, last
            )
            if measured:
                add_measurements(records, end, host.measure(state))
            host.show(new)
            host.note(events)
            seen, unseen = end, []
            sound = any(map(is_alive, records))
            if sound and (kept or last):
                host.save(state, end)
                saved = time.monotonic()
            last = last or not (sound or config.on_divergence == "continue")
        if crosses_multiple(config.log.samples_every, start, end):
            host.paint(state, end)
        if last:
            break
    return state


def prepare_first_step(
    config: Config, state: TrainState, begin: int, host: Callbacks
) -> None:
    """Save and paint the state that a run begins with, and tell what comes now."""
    if begin == 0:
        host.save(state, 0)
    if begin == 0 and config.log.samples_every:
        host.begin("drawing the samples of step 0")
        host.paint(state, 0)
    if begin < config.steps:
        host.begin("compiling the step")


def crosses_multiple(every: int, start: int, end: int) -> bool:
    """Whether a multiple of `every` lies in (start, end]; 0 has none."""
    return every > 0 and start // every < end // every


def dispatch_bounds(config: Config, steps_per_call: int, begin: int) -> np.ndarray:
    """The step counts at which dispatches begin and end: begin, ..., steps.

    They lie on the same grid wherever a run begins: to resume is to repeat.
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


def checkpoint_due(config: Config, start: int, end: int, seconds: float) -> bool:
    """Whether these steps, or this time since the last one, call for a checkpoint."""
    every = config.checkpoint.every
    if isinstance(every, int):
        return crosses_multiple(every, start, end)
    return seconds >= int(every[:-1]) * SECONDS[every[-1]]
