"""Ctrl-C and SIGTERM: heard at once, and taken as a request to stop."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

STOP_MESSAGES = {
    "SIGINT": "Ctrl-C: stopping after the steps that run now; all is saved then; press "
    "Ctrl-C again to stop at once",
    "SIGTERM": "SIGTERM: stopping after the steps that run now; all is saved then",
}
"""What a run says when it is asked to stop."""


def in_main_thread() -> bool:
    """Whether this thread may have handlers of signals."""
    return threading.current_thread() is threading.main_thread()


def print_to_stderr(line: str) -> None:
    """Print a line on standard error, if anything reads that."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


@contextmanager
def watch_signals(react: Callable[[int], bool]) -> Iterator[None]:
    """Call `react`, in a thread of its own, with each signal the moment it comes.

    Python's own handlers wait until the main thread comes back from XLA, which may
    compile for minutes; this thread does not. It hears the signals that have a handler
    written in Python. What `react` returns False for goes on to whoever heard signals
    before.
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
        writer.close()  # which ends the listener
        listener.join()
        reader.close()


@contextmanager
def stop_request() -> Iterator[list[str]]:
    """A list that Ctrl-C and SIGTERM add their names to; a second Ctrl-C interrupts.

    The request is answered with a line at once.
    """
    asked: list[str] = []
    if not in_main_thread():
        yield asked
        return

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    left = (signal.SIG_IGN, None)  # nohup; a handler that Python cannot put back
    heeded = [one for one, how in before.items() if how not in left]
    answered: list[int] = []

    def answer(number: int) -> bool:
        if number not in heeded or (number == signal.SIGINT and answered):
            return False
        if number not in answered:
            print_to_stderr(STOP_MESSAGES[signal.Signals(number).name])
        answered.append(number)
        return True

    def ask(signum: int, frame: Any) -> None:
        asked.append(signal.Signals(signum).name)
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    with watch_signals(answer):
        for one in heeded:
            signal.signal(one, ask)
        try:
            yield asked
        finally:
            for one in heeded:
                signal.signal(one, before[one])
