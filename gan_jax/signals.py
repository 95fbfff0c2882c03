"""Ctrl-C and SIGTERM as a request to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_request() -> Iterator[list[str]]:
    """A list that Ctrl-C and SIGTERM add their names to; a second Ctrl-C interrupts."""
    asked: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    heeded = [one for one, how in before.items() if how != signal.SIG_IGN]  # nohup

    def ask(signum: int, frame: Any) -> None:
        asked.append(signal.Signals(signum).name)
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    for one in heeded:
        signal.signal(one, ask)
    try:
        yield asked
    finally:
        for one in heeded:
            signal.signal(one, before[one])
