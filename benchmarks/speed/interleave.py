"""Contenders timed in turn, A B A B, each in a process of its own.

So all of them see the same moments of a noisy machine, none shares threads or a cache
of programs with another, and the memory of each is its own.
"""

import multiprocessing
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import jax

from benchmarks.speed.contenders import Contender
from gan_jax.parallel.compiler import keep_memory

try:
    import resource
except ImportError:  # Windows
    resource = None

ContenderMaker = tuple[Callable[..., Contender], tuple[Any, ...]]
"""A function of `benchmarks.speed.contenders` and its arguments."""


class Timing(NamedTuple):
    """Seconds per step: median, least and most over the rounds, and each in its turn.

    first: seconds of the first call, of `unit` steps, which compiles. flops: of a step.
    planned: bytes of a step's arguments and of what its compiler plans beside them;
    None without a compiler. grown: by how many bytes memory peaked above what it was
    before the first step. peak: the most bytes at once, as `peak_bytes` says. fault:
    why there is nothing else.
    """

    seconds: float = 0.0
    least: float = 0.0
    most: float = 0.0
    rounds: tuple[float, ...] = ()
    first: float = 0.0
    unit: int = 1
    flops: int = 0
    planned: int | None = None
    grown: int | None = None
    peak: int | None = None
    fault: str | None = None


class Runner(NamedTuple):
    """The process of a contender; units: those of its turn."""

    pipe: Connection
    unit: int
    units: int
    first: float
    flops: int


def time_in_turn(
    contenders: dict[str, ContenderMaker], rounds: int, seconds: float
) -> dict[str, Timing]:
    """Return each contender's timing over `rounds` turns of about `seconds` each.

    Every other round goes backwards, so that none always follows the same one. A
    contender that fails drops out, with its fault.
    """
    found: dict[str, Timing] = {}
    with ExitStack() as stack:
        runners: dict[str, Runner] = {}
        for name, make in contenders.items():
            try:
                runners[name] = stack.enter_context(run_process(make, seconds))
            except RuntimeError as error:
                found[name] = Timing(fault=str(error))
        times: dict[str, list[float]] = {name: [] for name in runners}
        for index in range(rounds):
            for name in list(runners)[:: 1 - index % 2 * 2]:
                try:
                    times[name].append(time_turn(runners[name]))
                except RuntimeError as error:
                    found[name] = Timing(fault=str(error))
                    del runners[name]
        for name, runner in runners.items():
            found[name] = summarize_timing(runner, times[name])
    return {name: found[name] for name in contenders}


def alternate(
    calls: dict[str, Callable[[], Any]], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each call in each round, in this process.

    Each is called once before, and every other round goes backwards. A call returns
    when its work is done.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for index in range(rounds):
        for name in list(calls)[:: 1 - index % 2 * 2]:
            started = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def time_turn(runner: Runner) -> float:
    """Return the seconds per step of a turn made now."""
    return ask_process(runner.pipe, runner.units) / (runner.units * runner.unit)


def summarize_timing(runner: Runner, times: list[float]) -> Timing:
    """Return the timing of a contender from the seconds of its turns."""
    try:
        held = ask_process(runner.pipe, 0)
    except RuntimeError as error:
        return Timing(fault=str(error))
    middle = statistics.median(times)
    few, many = min(times), max(times)
    return Timing(
        middle, few, many, tuple(times), runner.first, runner.unit, runner.flops, *held
    )


def ask_process(pipe: Connection, units: int) -> Any:
    """Return the answer of a process, or raise RuntimeError with its fault."""
    with suppress(OSError):  # one that ended has told why
        pipe.send(units)
    return receive_answer(pipe)


def receive_answer(pipe: Connection) -> Any:
    """Return the next answer of a process, or raise RuntimeError with its fault."""
    try:
        found = pipe.recv()
    except (EOFError, OSError):
        raise RuntimeError("its process died (out of memory?)") from None
    if isinstance(found, str):
        raise RuntimeError(found)
    return found


@contextmanager
def run_process(make: ContenderMaker, seconds: float) -> Iterator[Runner]:
    """Run the contender in a process of its own; yield it after its first steps."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    context = multiprocessing.get_context("spawn")
    pipe, far_end = context.Pipe()
    process = context.Process(
        target=serve_contender, args=(far_end, *make), daemon=True
    )
    process.start()
    far_end.close()
    try:
        unit, flops, first = receive_answer(pipe)
        warm = ask_process(pipe, 1)
        yield Runner(pipe, unit, max(1, round(seconds / warm)), first, flops)
    finally:
        pipe.close()
        process.terminate()
        process.join()


def serve_contender(
    pipe: Connection, make: Callable[..., Contender], arguments: tuple[Any, ...]
) -> None:
    """Build the contender in its process, and make as many units as are asked for.

    The first turn is made at once. The answer to 0 units is `(planned, grown, peak)`,
    in bytes. All contenders keep their memory, PyTorch too (its steps take 4 to 7 %
    less time so). Ctrl-C is left to the other process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    try:
        contender = make(*arguments)
        before = peak_bytes()
        first = time_units(contender, 1)
        pipe.send((contender.unit, contender.flops, first))
        while True:
            units = pipe.recv()
            memory = contender.bytes, peak_bytes() - before, peak_bytes()
            pipe.send(time_units(contender, units) if units else memory)
    except (EOFError, OSError):
        pass
    except Exception as error:
        reason = str(error).partition("\n")[0]
        pipe.send(f"{type(error).__name__}: {reason:.160}")


def time_units(contender: Contender, units: int) -> float:
    """Return the seconds of so many units."""
    started = time.perf_counter()
    contender.run_units(units)
    return time.perf_counter() - started


def peak_bytes() -> int:
    """Return the most memory so far: of the accelerator, else of the process.

    On Windows the process has no such number, and it is 0.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    on_device = jax.local_devices()[0].memory_stats() or {}
    on_host = 0
    if resource is not None:
        on_host = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return on_device.get("peak_bytes_in_use", on_host)
