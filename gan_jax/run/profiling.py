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
"""The name of a traced call of `advance`. Its `step_num` is its place in the trace."""


@contextmanager
def profile_steps(
    config: Config, folder: Path, work: Program, print_line: Callable[[str], None]
) -> Iterator[Program]:
    """Yield the program, changed so that it traces `log.profile` of its steps.

    These are whole dispatches one after another, the first that need no compilation,
    and what the host does between them. Process 0 takes the trace, once. It is written
    to `folder/profile` when the last of the dispatches has its results, or earlier if
    the context ends. Raises ValueError if another trace is being taken.
    """
    wanted, coming, traced = config.log.profile, [], []
    if not wanted or jax.process_index() != 0:
        yield work
        return
    with ExitStack() as trace:

        def plan_splits(bounds: np.ndarray) -> Iterator[Any]:
            trace.close()  # A run that goes back may compile another dispatch.
            lengths = np.diff(bounds).tolist()
            coming[:] = [] if traced else plan_traces(lengths, wanted, print_line)
            return work.splits(bounds)

        def advance_traced(state: TrainState, split: Any) -> tuple[TrainState, Metrics]:
            is_traced = bool(coming) and coming.pop(0)
            if not is_traced:
                return work.advance(state, split)
            if not traced:
                trace.enter_context(write_trace(folder, traced, print_line))
            with jax.profiler.StepTraceAnnotation(DISPATCH_NAME, step_num=len(traced)):
                state, metrics = work.advance(state, split)
            traced.append(metrics["finite"].shape[-1])
            if not coming:
                jax.block_until_ready((state, metrics))
                trace.close()
            return state, metrics

        yield work._replace(advance=advance_traced, splits=plan_splits)


@contextmanager
def write_trace(
    folder: Path, traced: list[int], print_line: Callable[[str], None]
) -> Iterator[None]:
    """Trace what happens in the context, write the trace, and print a line about it.

    traced: the number of steps of each dispatch, which the caller fills.
    """
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
        print_line(
            f"profile: {sum(traced)} steps in {place}, open with `xprof {place}`, or "
            "its perfetto_trace.json.gz at ui.perfetto.dev"
        )


def plan_traces(
    lengths: list[int], wanted: int, print_line: Callable[[str], None]
) -> list[bool]:
    """Return whether each coming dispatch is traced, up to the last that is.

    lengths: the steps of each dispatch. wanted: the number of steps to trace. Prints a
    line if there are fewer.
    """
    chosen = choose_dispatches(lengths, wanted)
    steps = sum(lengths[index] for index in chosen)
    if steps < wanted:
        print_line(
            f"log.profile {wanted}: only {steps} steps in a row need no compilation; "
            "lower it, or raise steps"
        )
    return [index in chosen for index in range(chosen.stop)]


def choose_dispatches(lengths: list[int], wanted: int) -> range:
    """Return the first dispatches in a row that are compiled and hold enough steps.

    A dispatch is compiled if one before it was as long. Where no row of them holds the
    wanted number of steps, the row with most steps is returned.
    """
    known, best, first, steps = set(), (0, range(0)), 0, 0
    for index, length in enumerate(lengths):
        steps += length
        if length not in known:
            known.add(length)
            first, steps = index + 1, 0
        best = max(best, (steps, range(first, index + 1)), key=lambda found: found[0])
        if steps >= wanted:
            break
    return best[1]
