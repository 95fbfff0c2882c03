"""Traces of a run's steps by jax.profiler, for XProf (TensorBoard) and Perfetto."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.config import Config
from gan_jax.parallel.execution import Program
from gan_jax.run_files.folder import PROFILE
from gan_jax.types import Metrics, TrainState

DISPATCH_NAME = "dispatch"
"""Name of a traced call of `advance`, with its place in the trace as `step_num`."""


@contextmanager
def profile_steps(
    config: Config, folder: Path, work: Program, tell: Callable[[str], None]
) -> Iterator[Program]:
    """The program, which traces `log.profile` steps of its own, the first it can.

    These are whole dispatches one after another, none of which is compiled, and what
    the host does between them. The trace is taken once, by process 0, and is written to
    `folder/profile` when the last of them has its results, or earlier if the program's
    use ends. Raises ValueError if another trace is being taken.
    """
    asked, coming, traced = config.log.profile, [], []
    if not asked or jax.process_index() != 0:
        yield work
        return
    with ExitStack() as trace:

        def splits(bounds: np.ndarray) -> Iterator[Any]:
            trace.close()  # going back to a checkpoint may compile another dispatch
            lengths = np.diff(bounds).tolist()
            coming[:] = [] if traced else plan_traces(lengths, asked, tell)
            return work.splits(bounds)

        def advance(state: TrainState, split: Any) -> tuple[TrainState, Metrics]:
            now = bool(coming) and coming.pop(0)
            if not now:
                return work.advance(state, split)
            if not traced:
                trace.enter_context(write_trace(folder, traced, tell))
            with jax.profiler.StepTraceAnnotation(DISPATCH_NAME, step_num=len(traced)):
                state, metrics = work.advance(state, split)
            traced.append(metrics["finite"].shape[-1])
            if not coming:
                jax.block_until_ready((state, metrics))
                trace.close()
            return state, metrics

        yield work._replace(advance=advance, splits=splits)


@contextmanager
def write_trace(
    folder: Path, traced: list[int], tell: Callable[[str], None]
) -> Iterator[None]:
    """A trace of what happens meanwhile; `traced`, the dispatches' steps, is told."""
    place = folder / PROFILE
    try:
        jax.profiler.start_trace(place, create_perfetto_trace=True)
    except RuntimeError as error:
        raise ValueError(
            f"log.profile: another trace is being taken ({error}); end that, or leave "
            "log.profile out"
        ) from None
    try:
        yield
    finally:
        try:
            jax.profiler.stop_trace()
        except RuntimeError as error:
            raise OSError(f"{place}: the trace cannot be written ({error})") from None
        tell(
            f"profile: {sum(traced)} steps in {place}, open with `xprof {place}`, or "
            "its perfetto_trace.json.gz at ui.perfetto.dev"
        )


def plan_traces(
    lengths: list[int], asked: int, tell: Callable[[str], None]
) -> list[bool]:
    """Whether each coming dispatch is traced, to the last that is; tells of too few."""
    chosen = choose_dispatches(lengths, asked)
    steps = sum(lengths[index] for index in chosen)
    if steps < asked:
        tell(
            f"log.profile {asked}: only {steps} steps in a row need no compilation; "
            "lower it, or raise steps"
        )
    return [index in chosen for index in range(chosen.stop)]


def choose_dispatches(lengths: list[int], asked: int) -> range:
    """The first dispatches in a row that hold the steps asked for and are compiled.

    A dispatch is compiled if one before it was as long. The most there are if they are
    too few.
    """
    known, best, first, steps = set(), (0, range(0)), 0, 0
    for index, length in enumerate(lengths):
        steps += length
        if length not in known:
            known.add(length)
            first, steps = index + 1, 0
        best = max(best, (steps, range(first, index + 1)), key=lambda found: found[0])
        if steps >= asked:
            break
    return best[1]
