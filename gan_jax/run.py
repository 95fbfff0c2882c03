"""A whole run on the host: data, steps, logs, pictures, the final state."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import jax
import numpy as np

from gan_jax import logs
from gan_jax.build import build
from gan_jax.checkpoint import load_state, save_state
from gan_jax.checks import dataset
from gan_jax.config import Config, from_json
from gan_jax.data import Dataset
from gan_jax.folder import CHECKPOINT, claim, refuse_used
from gan_jax.gan import init_state
from gan_jax.hosts import agreed, anywhere
from gan_jax.parallel import init_states, member
from gan_jax.pictures import painter
from gan_jax.program import Program, members_of, program
from gan_jax.record import (
    Record,
    Row,
    alive,
    described,
    enter,
    fetched,
    longest,
    steps_per_second,
    summarize,
    verdict,
)
from gan_jax.train import sample
from gan_jax.types import Array, TrainState


def train(
    config: Config,
    out: str | Path,
    *,
    callback: Callable[[Row], None] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> tuple[TrainState, Row]:
    """Train to the end and write the folder `out`; returns the state and the summary.

    callback: called with each logged row (step, wall_seconds and the step's metrics; of
    several GANs also the seed and the sweep's factors). overwrite: replace the files of
    an earlier run in `out`. progress: show a bar.

    The run ends with a verdict: "completed", "diverged" (a metric was not finite) or
    "interrupted" (Ctrl-C; the step is finished and everything is written). Several GANs
    have stacked states and a verdict each, in members.jsonl. Of several processes the
    first alone writes. Raises ValueError for a Config that cannot be built or placed,
    and FileExistsError for a folder that is in use.
    """
    folder, first = Path(out), jax.process_index() == 0
    data, work = agreed(partial(prepared, config, folder, overwrite))
    records = [Record(label, [], {}) for label in work.members or [{}]]
    names = None if work.members is None else list(map(described, work.members))
    paint = painter(folder / "samples.png", work.gan, data, names)
    with stop_request() as stopped, logs.progress_bar(progress and first) as bar:
        state = work.init()
        agreed(partial(claim, folder, config) if first else lambda: None)
        tell = bar.console.print if progress and first else lambda line: None
        for line in work.about:
            tell(line)
        task = bar.add_task(
            "", total=config.steps, rate=0, d_loss=np.nan, g_loss=np.nan
        )

        def show(rows: list[Row]) -> None:
            for row in rows:
                if first:
                    logs.append_line(folder / "metrics.jsonl", row)
                if callback:
                    callback(row)
            finite = [record.rows[-1] for record in records if alive(record)]
            furthest = longest(records)
            bar.update(
                task,
                completed=furthest[-1]["step"],
                rate=steps_per_second(furthest),
                d_loss=np.mean([row["d_loss"] for row in finite]) if finite else np.nan,
                g_loss=np.mean([row["g_loss"] for row in finite]) if finite else np.nan,
            )

        started = time.perf_counter()
        state = loop(
            config, work, state, records, show, tell, paint if first else None, stopped
        )
        wall_seconds = time.perf_counter() - started
        summary = summarize(config, work, state, records, wall_seconds)
        save_state(folder / CHECKPOINT, state)
        if first:
            write_end(folder, config, records, summary, partial(paint, state))
    return state, summary


def prepared(config: Config, folder: Path, overwrite: bool) -> tuple[Dataset, Program]:
    """The data and the program; all that can be refused is refused here."""
    build(config)
    data = dataset(config)
    if jax.process_index() == 0:
        refuse_used(folder, overwrite)
    return data, program(config, data)


def loop(
    config: Config,
    work: Program,
    state: TrainState,
    records: list[Record],
    show: Callable[[list[Row]], None],
    tell: Callable[[str], None],
    paint: Callable[[TrainState], None] | None,
    stopped: Callable[[], bool],
) -> TrainState:
    """The steps themselves; metrics are fetched when a logged step has been made.

    Rows are added to the records, one per GAN. It ends at the last step, on request, or
    when no GAN is finite any more.
    """
    bounds = dispatch_bounds(config, work.steps_per_call)
    started, seen, unseen = time.perf_counter(), 0, []
    for end, split in zip(bounds[1:].tolist(), work.splits(bounds), strict=True):
        called = time.perf_counter()
        state, metrics = work.advance(state, split)
        if end == bounds[1]:
            tell(f"step compiled in {time.perf_counter() - called:.1f} s")
        unseen.append(metrics)
        due = seen == 0 or seen // config.log.every < end // config.log.every
        last = end == config.steps or (jax.process_count() == 1 and stopped())
        if due or last:
            last = last or anywhere(stopped())
            new = enter(config, records, fetched(unseen), seen, started, last)
            show(new)
            seen, unseen = end, []
            if last or not any(map(alive, records)):
                return state
        if paint and config.log.samples_every and end % config.log.samples_every == 0:
            paint(state)
    raise AssertionError("unreachable: the last step returns")


def dispatch_bounds(config: Config, steps_per_call: int) -> np.ndarray:
    """The step counts at which dispatches begin and end: 0, ..., steps."""
    every = [steps_per_call, *filter(None, [config.log.samples_every])]
    grids = [np.arange(0, config.steps, interval) for interval in every]
    return np.unique(np.concatenate([*grids, [config.steps]]))


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed; a second one interrupts."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    previous = signal.getsignal(signal.SIGINT)

    def ask(signum, frame):
        asked.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, previous)


def write_end(
    folder: Path,
    config: Config,
    records: list[Record],
    summary: Row,
    paint: Callable[[], None],
) -> None:
    """Pictures, the summary, and for several GANs a line each."""
    paint()
    logs.curves(folder / "curves.png", [record.rows for record in records])
    for record in records if "members" in summary else ():
        row = {"verdict": verdict(config, record)} | record.rows[-1]
        logs.append_line(folder / "members.jsonl", row)
    logs.write_json(folder / "summary.json", summary)


def load_generator(
    run: str | Path, *, index: int = 0
) -> tuple[Callable[..., Array], Config]:
    """`(sample, config)` of a finished run; `sample(key, n, ema=True, label=None)`.

    index: which GAN of a run of several, as in members.jsonl. key: typed
    (`jax.random.key(0)`). Returns images `[n, H, W, C]` in [-1, 1], or points `[n, 2]`;
    label as in `gan_jax.sample`. Reads only config.json and arrays: nothing in the
    folder runs.
    """
    folder = Path(run)
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"run {folder}: holds no config.json; is it a run's folder?")
    config = from_json(path.read_text(), str(path))
    gan, members = build(config), members_of(config)
    count = len(members or [None])
    if not 0 <= index < count:
        raise ValueError(f"index {index}: the run has {count} GAN(s), counted from 0")
    if members is None:
        like = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
        state = load_state(folder / CHECKPOINT, like)
    else:
        keys = jax.random.split(jax.random.key(0), count)
        like = jax.eval_shape(partial(init_states, gan), keys)
        state = member(load_state(folder / CHECKPOINT, like), index)

    def draw(
        key: Array, n: int, *, ema: bool = True, label: Array | None = None
    ) -> Array:
        return jitted(state, key, n=n, ema=ema, label=label)

    jitted = jax.jit(partial(sample, gan), static_argnames=("n", "ema"))
    return draw, config
