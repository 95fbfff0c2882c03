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

    def ask(signum: int, frame: Any) -> None:
        asked.append(signal.Signals(signum).name)
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, ask) for one in signals}
    try:
        yield asked
    finally:
        for one in signals:
            signal.signal(one, before[one])
