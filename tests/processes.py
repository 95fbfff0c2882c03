"""Processes of tests: waited for by what they do, and none outlives its test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import jax

TRACKER = "multiprocessing.resource_tracker"
"""A process of Python's own, which ends with the one that started it."""
LIMIT = 300
"""Seconds until a test gives up; a machine busy with other things takes long."""
COMPILED = {"JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir}
"""For the environment of a process: the tests' cache of compiled programs."""

TREE = os.pathsep.join(
    [str(Path(__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)
"""Where processes import from: the source tree of these tests, installed or not."""


MORTAL = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""A program that becomes another one, which ends when the tests do, killed or not."""


def mortal(command: Sequence[str]) -> list[str]:
    """The command of a process that does not outlive the one that starts it (Linux)."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", MORTAL, *command]


@contextmanager
def running(
    command: Sequence[str], **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A process, whose output is one text; at the end its whole group is killed."""
    process = subprocess.Popen(
        mortal(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "", "PYTHONPATH": TREE} | environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    """End a process that began a session, and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def until(condition: Callable[[], object], *processes: subprocess.Popen[str]) -> None:
    """Wait for a state that the processes bring about; they may not end before."""
    end = time.monotonic() + LIMIT
    while not condition():
        for process in processes:
            assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, f"not within {LIMIT} s"
        time.sleep(0.02)


def output(process: subprocess.Popen[str], typed: str | None = None) -> str:
    """What a process has printed when it ends by itself; typed: what it may read."""
    return process.communicate(typed, timeout=LIMIT)[0]


def children() -> list[str]:
    """The command lines of the processes that this one has started and not ended."""
    found = []
    for task in Path("/proc/self/task").glob("*/children"):
        for child in task.read_text().split():
            with suppress(FileNotFoundError):
                line = Path("/proc", child, "cmdline").read_text().replace("\0", " ")
                if line and TRACKER not in line:  # no line: it has ended
                    found.append(line)
    return found
