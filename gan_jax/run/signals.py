"""Ctrl-C and SIGTERM as a request to stop, which is answered at once."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import Any

STOP_MESSAGES = {
    "SIGINT": "Ctrl-C: stopping after the steps that run now; all is saved then; press "
    "Ctrl-C again to stop at once",
    "SIGTERM": "SIGTERM: stopping after the steps that run now; all is saved then",
}
"""What a run prints when a signal asks it to stop."""


def in_main_thread() -> bool:
    """Whether this is the main thread, which alone may set signal handlers."""
    return threading.current_thread() is threading.main_thread()


def print_to_stderr(line: str) -> None:
    """Print a line on standard error, if anything reads it."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


@contextmanager
def watch_signals(react: Callable[[int], bool]) -> Iterator[None]:
    """Call `react` with the number of each signal at the moment when it comes.

    The call is made in a thread of its own: Python's handlers wait until the main
    thread comes back from XLA, which may compile for minutes. Only signals with a
    handler written in Python come here. If `react` returns False, the signal goes on to
    the descriptor that received the numbers of signals before.
    """
    if not in_main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        while numbers := reader.recv(64):
            for number in numbers:
                if not react(number) and before != -1:
                    with suppress(OSError):
                        os.write(before, bytes([number]))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()  # This ends the listener.
        listener.join()
        reader.close()


@contextmanager
def stop_request() -> Iterator[list[str]]:
    """Yield a list that `collect_stop_requests` fills."""
    requests: list[str] = []
    with collect_stop_requests(requests):
        yield requests


@contextmanager
def later_stop_request() -> Iterator[tuple[list[str], Callable[[], None]]]:
    """Yield a list that `collect_stop_requests` fills, and a function that begins this.

    Until the function is called, a signal does what it did before. Further calls change
    nothing.
    """
    requests: list[str] = []
    with ExitStack() as stack:

        @cache
        def begin() -> None:
            stack.enter_context(collect_stop_requests(requests))

        yield requests, begin


@contextmanager
def collect_stop_requests(requests: list[str]) -> Iterator[None]:
    """A context in which Ctrl-C and SIGTERM add their names to the list.

    The first of each is answered with a line at once. A second Ctrl-C interrupts. A
    signal that the process ignores, as under nohup, stays ignored.
    """
    if not in_main_thread():
        yield
        return

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    # Python cannot put back a handler that is None: it was not set from Python.
    left = (signal.SIG_IGN, None)
    watched = [one for one, handler in before.items() if handler not in left]
    answered: list[int] = []

    def answer(number: int) -> bool:
        if number not in watched or (number == signal.SIGINT and answered):
            return False
        if number not in answered:
            print_to_stderr(STOP_MESSAGES[signal.Signals(number).name])
        answered.append(number)
        return True

    def add_request(signum: int, frame: Any) -> None:
        requests.append(signal.Signals(signum).name)
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    with watch_signals(answer):
        for one in watched:
            signal.signal(one, add_request)
        try:
            yield
        finally:
            for one in watched:
                signal.signal(one, before[one])
