"""Contenders timed in turn, A B A B, each in a process of its own.

So all see the same moments of a noisy machine, none shares threads or a cache of
programs with another, and the memory of each is its own.
"""

import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import jax

from benchmarks.contenders import Contender

Make = tuple[Callable[..., Contender], tuple[Any, ...]]
"""A function of `benchmarks.contenders` and its arguments."""


class Timing(NamedTuple):
    """Seconds per step: median, least and most over the rounds, and in the order of the
    rounds. first: seconds of the first call, which compiles. flops: of a step. bytes:
    of a step as its compiler planned them, else the peak of memory less what was held
    before the first step. fault: why there is nothing else."""

    seconds: float = 0.0
    least: float = 0.0
    most: float = 0.0
    rounds: tuple[float, ...] = ()
    first: float = 0.0
    flops: int = 0
    bytes: int = 0
    fault: str | None = None


class Runner(NamedTuple):
    """A contender's process. units: those of its turn."""

    pipe: Connection
    unit: int
    units: int
    first: float
    flops: int


def timed(
    contenders: dict[str, Make],
    rounds: int,
    seconds: float,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Timing]:
    """Each contender's timing over so many rounds; a turn lasts about `seconds`."""
    found: dict[str, Timing] = {}
    with ExitStack() as stack:
        runners: dict[str, Runner] = {}
        for name, make in contenders.items():
            tell(f"{name}: first steps")
            try:
                runners[name] = stack.enter_context(running(make, seconds))
            except RuntimeError as error:
                found[name] = Timing(fault=str(error))
        times: dict[str, list[float]] = {name: [] for name in runners}
        for index in range(rounds):
            tell(f"round {index + 1} of {rounds}")
            for name, runner in runners.items():
                steps = runner.units * runner.unit
                times[name].append(asked(runner.pipe, runner.units) / steps)
        for name, runner in runners.items():
            own = times[name]
            found[name] = Timing(
                statistics.median(own),
                min(own),
                max(own),
                tuple(own),
                runner.first,
                runner.flops,
                asked(runner.pipe, 0),
            )
    return {name: found[name] for name in contenders}


def asked(pipe: Connection, units: int) -> Any:
    """The answer of a process; RuntimeError with its fault."""
    pipe.send(units)
    return answer(pipe)


def answer(pipe: Connection) -> Any:
    try:
        found = pipe.recv()
    except EOFError:
        raise RuntimeError("its process died (out of memory?)") from None
    if isinstance(found, str):
        raise RuntimeError(found)
    return found


@contextmanager
def running(make: Make, seconds: float) -> Iterator[Runner]:
    """The contender in a process of its own, after its first steps."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    context = multiprocessing.get_context("spawn")
    pipe, far_end = context.Pipe()
    process = context.Process(target=serve, args=(far_end, *make), daemon=True)
    process.start()
    far_end.close()
    try:
        unit, flops, first = answer(pipe)
        warm = asked(pipe, 1)
        yield Runner(pipe, unit, max(1, round(seconds / warm)), first, flops)
    finally:
        pipe.close()
        process.terminate()
        process.join()


def serve(
    pipe: Connection, make: Callable[..., Contender], arguments: tuple[Any, ...]
) -> None:
    """In the process: build, make the first turn, then as many units as are asked for.

    0 units: the answer is the peak of memory.
    """
    try:
        contender = make(*arguments)
        before = peak_bytes()
        first = clocked(contender, 1)
        pipe.send((contender.unit, contender.flops, first))
        while True:
            units = pipe.recv()
            memory = contender.bytes or peak_bytes() - before
            pipe.send(clocked(contender, units) if units else memory)
    except EOFError:
        pass
    except Exception as error:
        reason = str(error).partition("\n")[0]
        pipe.send(f"{type(error).__name__}: {reason:.160}")


def clocked(contender: Contender, units: int) -> float:
    started = time.perf_counter()
    contender.turn(units)
    return time.perf_counter() - started


def peak_bytes() -> int:
    """The most memory so far: of the accelerator, else of the process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    told = jax.local_devices()[0].memory_stats() or {}
    on_host = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told.get("peak_bytes_in_use", on_host)
