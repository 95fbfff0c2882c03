"""Ctrl-C and SIGTERM end a command at once, whatever it is doing."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from gan_jax.command_line import early_signals
from gan_jax.run.signals import heard, in_main_thread, say

WORD_SECONDS, GRACE_SECONDS = 0.2, 2.0
"""How long a command that is told to end has before a line says that it does, and
before its process is ended."""
SHOW_CURSOR = "\x1b[?25h"


def interrupt(number: int, frame: Any) -> NoReturn:
    """Raise KeyboardInterrupt with the signal's name: a handler of signals."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def exit_code_of(error: KeyboardInterrupt) -> int:
    """130 for Ctrl-C, 143 for SIGTERM."""
    name = error.args[0] if error.args else "SIGINT"
    return 128 + signal.Signals[name]


@contextmanager
def interrupt_on_signals() -> Iterator[list[str]]:
    """Within it Ctrl-C and SIGTERM raise KeyboardInterrupt, and end the process
    GRACE_SECONDS later if XLA or anything else has kept that from the main thread.

    Yields the lines that were printed about it meanwhile. Only where the process is a
    command: elsewhere others decide about signals. A run that takes a signal as a
    request to stop is left to it.
    """
    told: list[str] = []
    if not (early_signals.IS_COMMAND and in_main_thread()):
        yield told
        return
    over = threading.Event()

    def react(number: int) -> bool:
        if number in early_signals.SIGNALS and not over.wait(WORD_SECONDS):
            told.append(early_signals.WORDS[signal.Signals(number)])
            say(told[-1])
            if not over.wait(GRACE_SECONDS):
                end_process_at_once(128 + number)
        return True

    with heard(react), hide_lost_interrupts():
        for one in early_signals.SIGNALS:
            if signal.getsignal(one) is early_signals.end_on_signal:
                signal.signal(one, interrupt)
        try:
            yield told
        finally:
            over.set()


@contextmanager
def hide_lost_interrupts() -> Iterator[None]:
    """Within it no traceback is printed of a KeyboardInterrupt that Python cannot
    raise, as in a callback of its garbage collector."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if unraisable.exc_type is not KeyboardInterrupt:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def end_process_at_once(code: int) -> NoReturn:
    """End the process with its threads, and leave the terminal as it was."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            print(SHOW_CURSOR, end="", file=stream, flush=True)
    os._exit(code)
