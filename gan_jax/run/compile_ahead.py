"""Compiles what a coming run calls first, in a thread, while another run trains."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config
from gan_jax.parallel.execution import compile_program, plan_program
from gan_jax.run.loop import dispatch_bounds


@contextmanager
def compile_in_background(config: Config | None) -> Iterator[None]:
    """Compile the first programs of a coming run while the body of the context runs.

    The context ends when they are compiled. If the body raises, it ends as soon as the
    compilation that runs is over. An error of the thread is dropped: the coming run
    meets it again, and reports it.

    config: the coming run; None: nothing is compiled.
    """
    if config is None:
        yield
        return
    stopped = threading.Event()

    def compile_until_stopped() -> None:
        with suppress(Exception):
            for _ in compile_first_calls(config):
                if stopped.is_set():
                    return

    thread = threading.Thread(target=compile_until_stopped, daemon=True)
    thread.start()
    try:
        yield
        thread.join()
    except BaseException:
        stopped.set()
        # The interpreter must not end while XLA compiles.
        thread.join()
        raise


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
