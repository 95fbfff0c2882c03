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
from gan_jax.evaluate.evaluator import Evaluator
from gan_jax.logs import metric_log as logs
from gan_jax.parallel.execution import Program, members_of, program
from gan_jax.parallel.multihost import agreed, require_same
from gan_jax.plugins.load import with_plugins
from gan_jax.run.callbacks import album, noter, opening, shower, step_counter
from gan_jax.run.loop import Host, loop
from gan_jax.run.monitor import measurer, watched
from gan_jax.run.profiling import profiled
from gan_jax.run.signals import stop_request
from gan_jax.run.start import (
    Beginning,
    beginning,
    gone_back,
    require_same_data,
    write_beginning,
)
from gan_jax.run.trackers import require_wandb, trackers
from gan_jax.run_files.checkpoint import FOLDER, saver, with_plain_key
from gan_jax.run_files.data_facts import DataFacts
from gan_jax.run_files.folder import ROWS, held, refuse_changes, refuse_used, take_over
from gan_jax.run_files.history import Record, alive, ending, summarize, versions
from gan_jax.run_files.sweep_charts import draw_members
from gan_jax.run_files.sweeps import real_values
from gan_jax.terminal.output import working
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
    with working(
        "preparing the data", enabled=progress and first, stderr=False
    ) as shown:
        tell = shown.tell
        config = agreed(lambda: with_plugins(with_absolute_path(validate(config))))
        fresh = not (resume and (folder / "config.json").exists())
        refuse = (
            partial(refuse_used, folder, overwrite)
            if fresh
            else partial(refuse_changes, folder, config, allow_changes)
        )
        prepare = partial(prepared, config, refuse if first else do_nothing)
        data, work, measure = agreed(prepare)
        tell(opening(config, folder, len(work.members or [None])))
        shown.begin("comparing the data with the facts of the run")
        run = None if fresh or allow_changes else folder
        facts = agreed(partial(require_same_data, run, config, data, tell))
        with stop_request() as asked, ExitStack() as stack:
            shown.begin("making the networks")
            begin = partial(beginning, config, folder, work, tell=tell)
            start = opened(config, folder, facts, begin, fresh, refuse, stack)
            for line in work.about:
                tell(line)
            log = partial(trackers, config, folder, work.members or [{}])
            track = log() if first else nullcontext([])
            places = agreed(lambda: stack.enter_context(track))
            for place in places if start.found else ():
                place.back(start.step)
            path = folder if first else None
            paint = album(config, folder, work, data, places) if first else do_nothing
            counter = step_counter(config, data, shown)
            host = Host(
                shower(counter.update, start.records, path, places, callback),
                noter(config, path, tell, places),
                tell,
                counter.begin,
                counter.reach,
                do_nothing,
                paint,
                measurer(config, work.gan, data, work.members, measure),
                asked,
            )
            with profiled(config, folder, work, tell) as traced:
                state, restores = played(config, folder, traced, start, host, begin)
            summary = summarize(config, work, state, start.records)
            summary |= {"restores": restores, "stopped_by": next(iter(asked), None)}
            if first:
                shown.begin("drawing the samples and the curves")
                paint(state, None)
                with logs.telling(folder):
                    write_end(folder, config, start.records, summary)
    return state, summary


def opened(
    config: Config,
    folder: Path,
    facts: DataFacts,
    begin: Callable[[bool], Beginning],
    fresh: bool,
    refuse: Callable[[], None],
    stack: ExitStack,
) -> Beginning:
    """Take hold of the folder until the stack ends, and begin, or go on, in it."""
    first = jax.process_index() == 0
    agreed(partial(stack.enter_context, held(folder)) if first else do_nothing)
    start = agreed(partial(begin, fresh))
    require_same(fresh=fresh, step=start.step)
    write = write_beginning if first else do_nothing
    agreed(partial(write, config, folder, facts, refuse, start))
    return start


def played(
    config: Config,
    folder: Path,
    work: Program,
    start: Beginning,
    host: Host,
    begin: Callable[[bool], Beginning],
) -> tuple[TrainState, int]:
    """The loop, and again from a checkpoint if that is asked for; restores made."""
    records, first = start.records, jax.process_index() == 0
    tried = None
    while True:
        with saving(config, folder, start, records) as save:
            host = host._replace(save=save)
            state = loop(config, work, start.state, start.step, records, host)
        wanted = config.on_divergence == "restore" and not alive(records[0])
        if not wanted or start.restores == MOST_RESTORES:
            return state, start.restores
        event = {"restored": start.restores + 1, "fault": records[0].faults[0]}
        go_back = partial(gone_back, folder, tried, event, host.note)
        agreed(go_back if first else do_nothing)
        start = agreed(partial(begin, False))
        require_same(step=start.step, restores=start.restores)
        agreed(partial(take_over if first else do_nothing, folder, config, start.step))
        records[:], tried = start.records, start.step


def do_nothing(*arguments: object) -> None:
    pass


def prepared(
    config: Config, refuse: Callable[[], None]
) -> tuple[Dataset, Program, Evaluator | None]:
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
    return data, program(config, data), watched(config)


@contextmanager
def saving(
    config: Config, folder: Path, start: Beginning, records: list[Record]
) -> Iterator[Callable[[TrainState, int], None]]:
    """A function that saves a state of this run after so many steps."""
    key = np.array(with_plain_key(start.state).key)
    if jax.process_index() != 0:
        yield lambda state, step: None
        return
    about = {
        "restores": start.restores,
        "config": dataclasses.asdict(config),
        "versions": versions(),
    }
    keep, keep_every = config.checkpoint.keep, config.checkpoint.keep_every
    copied = [folder / name for name in ROWS]
    with saver(folder / FOLDER, keep, keep_every, len(records) == 1, copied) as save:

        def save_now(state: TrainState, step: int) -> None:
            due = [dict(record.due) for record in records]
            rows = sum(len(record.rows) for record in records)
            note = {"step": step, "due": due, "rows": rows, **about}
            save(state.replace(key=key), note)  # pyright: ignore

        yield save_now


def write_end(
    folder: Path, config: Config, records: list[Record], summary: Row
) -> None:
    """The curves, the summary, and for several GANs a line each."""
    runs = [record.rows for record in records]
    if members := members_of(config):
        draw_members(folder / "curves.png", config, members, runs)
        ends = [
            ending(config, record, summary["steps"])
            | real_values(config, record.label)
            | record.rows[-1]
            for record in records
        ]
        logs.write_lines(folder / "members.jsonl", ends)
    else:
        logs.curves(folder / "curves.png", runs)
    logs.write_json(folder / "summary.json", summary)
