"""A whole run on the host: data, steps, logs, pictures, checkpoints."""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from rich.progress import Progress

from gan_jax import logs
from gan_jax.build import build
from gan_jax.checkpoint import FOLDER, newest, restore, saver, with_plain_key
from gan_jax.checks import dataset
from gan_jax.config import Config
from gan_jax.data import Dataset
from gan_jax.folder import (
    changes,
    claim,
    held,
    refuse_changes,
    refuse_used,
    rows_until,
    take_over,
)
from gan_jax.hosts import agreed, anywhere, require_same
from gan_jax.pictures import painter
from gan_jax.program import Program, program
from gan_jax.record import (
    Record,
    Row,
    alive,
    described,
    enter,
    fetched,
    last_wall_seconds,
    longest,
    steps_per_second,
    summarize,
    verdict,
    versions,
)
from gan_jax.signals import stop_request
from gan_jax.types import TrainState

Beginning = tuple[TrainState, list[Record], int, bool]
"""A state, the rows so far, the steps made so far, whether a checkpoint was found."""


def train(
    config: Config,
    out: str | Path,
    *,
    callback: Callable[[Row], None] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    allow_changes: bool = False,
    progress: bool = False,
) -> tuple[TrainState, Row]:
    """Train to the end and write the folder `out`; returns the state and the summary.

    callback: called with each logged row (step, wall_seconds and the step's metrics; of
    several GANs also the seed and the sweep's factors). overwrite: replace the files of
    an earlier run in `out`. resume: go on from its newest intact checkpoint, exactly,
    or begin if there is none; a Config that makes it another run is refused unless
    allow_changes. progress: show a bar.

    The run ends with a verdict: "completed", "diverged" (a metric was not finite; the
    newest checkpoint holds a finite state) or "interrupted" (Ctrl-C, SIGTERM: the step
    is finished and saved). Several GANs have stacked states and a verdict each, in
    members.jsonl. Of several processes the first alone writes. Raises ValueError for a
    Config that cannot be built, placed or resumed, FileExistsError for a folder in use.
    """
    folder, first = Path(out), jax.process_index() == 0
    with stop_request() as asked, logs.progress_bar(progress and first) as bar:
        tell = bar.console.print if progress and first else lambda line: None
        fresh = not (resume and (folder / "config.json").exists())
        refuse = (
            partial(refuse_used, folder, overwrite)
            if fresh
            else partial(refuse_changes, folder, config, allow_changes)
        )
        data, work = agreed(partial(prepared, config, refuse if first else do_nothing))
        with ExitStack() as stack:
            if first:
                agreed(lambda: stack.enter_context(held(folder)))
            else:
                agreed(do_nothing)
            begin = partial(beginning, config, folder, work, fresh, tell)
            state, records, step, found = agreed(begin)
            require_same(fresh=fresh, step=step)
            write = write_beginning if first else do_nothing
            agreed(partial(write, config, folder, refuse, step, found))
            for line in work.about:
                tell(line)
            path = folder / "metrics.jsonl" if first else None
            show = shower(config, bar, records, path, callback)
            paint = painter(folder / "samples.png", work.gan, data, titles(work))
            paint = paint if first else do_nothing
            with saving(config, folder, state, records) as save:
                host = Host(show, tell, save, paint, asked)
                state = loop(config, work, state, step, records, host)
            summary = summarize(config, work, state, records)
            summary["stopped_by"] = asked[0] if asked else None
            if first:
                write_end(folder, config, records, summary, partial(paint, state))
    return state, summary


def do_nothing(*arguments: object) -> None:
    pass


def prepared(config: Config, refuse: Callable[[], None]) -> tuple[Dataset, Program]:
    """The data and the program; what can be refused is, before anything is written."""
    build(config)
    data = dataset(config)
    refuse()
    return data, program(config, data)


def beginning(
    config: Config, folder: Path, work: Program, fresh: bool, tell: Callable
) -> Beginning:
    """A new run, or where the newest intact checkpoint left off; writes nothing."""
    labels = work.members or [{}]
    found = None if fresh else newest(folder / FOLDER, tell)
    if found is None:
        if not fresh and (folder / "summary.json").exists():
            raise ValueError(
                f"out {folder}: the run in it has no checkpoints; choose another "
                "--out, or --overwrite to replace it"
            )
        return work.init(), [Record(label, [], {}) for label in labels], 0, False
    for name, (old, new) in changes(folder, config).items():
        tell(f"resumed with another {name}: {new!r} (was {old!r})")
    path, note = found
    step = note["step"]
    if step > config.steps:
        raise ValueError(f"steps {config.steps}: the run has made {step}")
    state = restore(path, jax.eval_shape(work.init))
    pairs = zip(labels, note["due"], strict=True)
    records = [Record(label, [], due) for label, due in pairs]
    for row in rows_until(folder, config, step):
        own = {name: row[name] for name in labels[0]}
        records[labels.index(own)].rows.append(row)
    if step and not all(record.rows for record in records):
        raise ValueError(f"{folder}/metrics.jsonl: the rows before {step} are missing")
    tell(f"resumed after {step} steps")
    return state, records, step, True


def write_beginning(
    config: Config,
    folder: Path,
    refuse: Callable[[], None],
    step: int,
    found: bool,
) -> None:
    """The folder as it has to be when the loop begins; it is ours alone by now."""
    refuse()
    if found:
        take_over(folder, config, step)
    else:
        claim(folder, config)


def titles(work: Program) -> list[str] | None:
    return None if work.members is None else list(map(described, work.members))


def shower(
    config: Config,
    bar: Progress,
    records: list[Record],
    path: Path | None,
    callback: Callable[[Row], None] | None,
) -> Callable[[list[Row]], None]:
    """A function that writes new rows to a file, and shows them."""
    task = bar.add_task("", total=config.steps, rate=0, d_loss=np.nan, g_loss=np.nan)

    def mean(name: str, rows: list[Row]) -> float:
        return float(np.mean([row[name] for row in rows])) if rows else np.nan

    def show(rows: list[Row]) -> None:
        if path is not None:
            logs.append_lines(path, rows)
        for row in rows if callback else ():
            callback(row)  # pyright: ignore
        latest = [record.rows[-1] for record in records if alive(record)]
        furthest = longest(records)
        bar.update(
            task,
            completed=furthest[-1]["step"],
            rate=steps_per_second(furthest),
            d_loss=mean("d_loss", latest),
            g_loss=mean("g_loss", latest),
        )

    return show


class Host(NamedTuple):
    """What the loop does outside the devices.

    show: new rows. tell: a line. save: the state after so many steps. paint: its
    pictures. asked: the signals that asked it to stop, filled from outside.
    """

    show: Callable[[list[Row]], None]
    tell: Callable[[str], None]
    save: Callable[[TrainState, int], None]
    paint: Callable[[TrainState], None]
    asked: list[str]


def loop(
    config: Config,
    work: Program,
    state: TrainState,
    begin: int,
    records: list[Record],
    host: Host,
) -> TrainState:
    """The steps themselves; metrics are fetched when a logged step has been made.

    Rows are added to the records, one per GAN. It ends at the last step, on request, or
    when no GAN is finite any more; a state that is not finite is never saved.
    """
    started = time.perf_counter() - last_wall_seconds(records)
    bounds = dispatch_bounds(config, work.steps_per_call, begin)
    seen, unseen, saved = begin, [], time.monotonic()
    if begin == 0:
        host.save(state, 0)
    ends = itertools.pairwise(bounds.tolist())
    for (start, end), split in zip(ends, work.splits(bounds), strict=True):
        called = time.perf_counter()
        state, metrics = work.advance(state, split)
        if start == begin:
            host.tell(f"step compiled in {time.perf_counter() - called:.1f} s")
        unseen.append(metrics)
        logged = start == 0 or start // config.log.every < end // config.log.every
        kept = checkpoint_due(config, start, end, time.monotonic() - saved)
        if jax.process_count() > 1:  # clocks differ; steps at which all fetch do not
            kept = kept and logged
        last = end == config.steps or (jax.process_count() == 1 and bool(host.asked))
        if logged or kept or last:
            last = last or (logged and anywhere(bool(host.asked)))
            new = enter(config, records, fetched(unseen), seen, started, last)
            host.show(new)
            seen, unseen = end, []
            going = any(map(alive, records))
            if going and (kept or last):
                host.save(state, end)
                saved = time.monotonic()
            if last or not going:
                return state
        if config.log.samples_every and end % config.log.samples_every == 0:
            host.paint(state)
    return state


def dispatch_bounds(config: Config, steps_per_call: int, begin: int) -> np.ndarray:
    """The step counts at which dispatches begin and end: begin, ..., steps.

    They lie on the same grid wherever a run begins: to resume is to repeat.
    """
    every = [steps_per_call, config.log.samples_every, config.checkpoint.every]
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
        return start // every < end // every
    return seconds >= int(every[:-1]) * SECONDS[every[-1]]


@contextmanager
def saving(
    config: Config, folder: Path, state: TrainState, records: list[Record]
) -> Iterator[Callable[[TrainState, int], None]]:
    """A function that saves a state of this run after so many steps."""
    key = np.array(with_plain_key(state).key)
    if jax.process_index() != 0:
        yield lambda state, step: None
        return
    keep, keep_every = config.checkpoint.keep, config.checkpoint.keep_every
    about = {"config": dataclasses.asdict(config), "versions": versions()}
    with saver(folder / FOLDER, keep, keep_every) as save:

        def save_now(state: TrainState, step: int) -> None:
            due = [dict(record.due) for record in records]
            note = {"step": step, "due": due, **about}
            save(state.replace(key=key), note)  # pyright: ignore

        yield save_now


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
    if "members" in summary:
        ends = [
            {"verdict": verdict(config, record, summary["steps"])} | record.rows[-1]
            for record in records
        ]
        logs.write_lines(folder / "members.jsonl", ends)
    logs.write_json(folder / "summary.json", summary)
