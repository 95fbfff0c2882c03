"""Compiles what a coming run calls first, in a thread, while another run trains."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config
from gan_jax.parallel.execution import compile_program, plan_program
from gan_jax.run.loop import dispatch_bounds

NAME, PATIENCE = "compile ahead", 1.0
"""The name of the thread, and the seconds for which a body that failed waits for it."""


@contextmanager
def compile_in_background(config: Config | None) -> Iterator[Callable[[], None]]:
    """Compile the first programs of a coming run while the body of the context runs.

    Yields a function that begins this; the body calls it once its own programs are
    compiled, as the coming run may share them. The context ends when all is compiled.
    If the body raises, the compilation that runs is not waited for for more than
    PATIENCE seconds (`is_compiling`). An error of the thread is dropped: the coming run
    meets it again, and reports it.

    config: the coming run; None: nothing is compiled.
    """
    if config is None:
        yield lambda: None
        return
    begun, stopped = threading.Event(), threading.Event()

    def compile_until_stopped() -> None:
        begun.wait()
        with suppress(Exception):
            calls = compile_first_calls(config)
            while not stopped.is_set() and next(calls, calls) is not calls:
                pass

    thread = threading.Thread(target=compile_until_stopped, name=NAME, daemon=True)
    thread.start()
    try:
        yield begun.set
        begun.set()
        thread.join()
    except BaseException:
        stopped.set()
        begun.set()
        thread.join(PATIENCE)
        raise


def is_compiling() -> bool:
    """Return whether a thread still compiles for a run that will not come.

    The interpreter must not end in the usual way meanwhile: XLA ends it with a crash.
    """
    return any(thread.name == NAME for thread in threading.enumerate())


def compile_first_calls(config: Config) -> Iterator[None]:
    """Compile the first state of a run, then its usual dispatch; yield between them.

    It reads the data as the run does, and puts nothing on a device.
    """
    plan = plan_program(config, find_dataset(config))
    yield
    yield from compile_program(plan, usual_length(config, plan.steps_per_call))


def usual_length(config: Config, steps_per_call: int) -> int:
    """Return the number of steps that most dispatches of a run have."""
    lengths = np.diff(dispatch_bounds(config, steps_per_call, 0)).tolist()
    return Counter(lengths).most_common(1)[0][0]
