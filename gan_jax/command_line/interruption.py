"""Ends a command at once on Ctrl-C and SIGTERM, whatever it is doing."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from gan_jax.command_line import early_signals
from gan_jax.run.signals import in_main_thread, print_to_stderr, watch_signals

WORD_SECONDS, GRACE_SECONDS = 0.2, 1.5
"""Seconds after a signal until a line says that the command ends, and from then on
until its process is ended by force."""
SHOW_CURSOR = "\x1b[?25h"


def interrupt(number: int, frame: Any) -> NoReturn:
    """Raise KeyboardInterrupt with the signal's name; a signal handler."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def exit_code_of(error: KeyboardInterrupt) -> int:
    """Return 130 for Ctrl-C and 143 for SIGTERM."""
    name = error.args[0] if error.args else "SIGINT"
    return 128 + signal.Signals[name]


@contextmanager
def interrupt_on_signals() -> Iterator[list[str]]:
    """A context in which Ctrl-C and SIGTERM raise KeyboardInterrupt.

    GRACE_SECONDS later they end the process, if XLA or anything else has kept the
    exception from the main thread. The context yields the lines that were printed about
    a signal meanwhile.

    Signals are only taken where the process is a command; elsewhere another program
    decides about them. A run that takes a signal as a request to stop keeps it.
    """
    printed: list[str] = []
    if not (early_signals.IS_COMMAND and in_main_thread()):
        yield printed
        return
    over = threading.Event()

    def announce_and_end(number: int) -> bool:
        if number in early_signals.SIGNALS and not over.wait(WORD_SECONDS):
            printed.append(early_signals.SIGNAL_WORDS[signal.Signals(number)])
            print_to_stderr(printed[-1])
            if not over.wait(GRACE_SECONDS):
                end_process_at_once(128 + number)
        return True

    with watch_signals(announce_and_end), hide_lost_interrupts():
        for number in early_signals.SIGNALS:
            if signal.getsignal(number) is early_signals.end_on_signal:
                signal.signal(number, interrupt)
        try:
            yield printed
        finally:
            over.set()


@contextmanager
def hide_lost_interrupts() -> Iterator[None]:
    """A context in which no traceback of a lost KeyboardInterrupt is printed.

    Python cannot raise one in a callback of its garbage collector, for example.
    """
    previous_hook = sys.unraisablehook

    def hide_interrupt(unraisable: Any) -> None:
        if unraisable.exc_type is not KeyboardInterrupt:
            previous_hook(unraisable)

    sys.unraisablehook = hide_interrupt
    try:
        yield
    finally:
        sys.unraisablehook = previous_hook


def end_process_at_once(code: int) -> NoReturn:
    """End the process with its threads, and show the terminal's cursor again."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            print(SHOW_CURSOR, end="", file=stream, flush=True)
    os._exit(code)
