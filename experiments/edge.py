"""Turns bad input into one line and an exit code."""

import errno
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NoReturn

INTERRUPTED = 130


def exit_code(action: Callable[[], None]) -> int:
    """0 after the action; 2, with one line that says why, if its input was bad.

    130 after Ctrl-C.
    """
    try:
        action()
    except (ValueError, OSError) as error:
        print(f"error: {in_words(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def interruptible(work: Callable[[], Any]) -> Any:
    """The result of work that is done in a thread of its own.

    Ctrl-C ends the wait at once, where it would wait for XLA to finish a compilation.
    The thread goes on: the process has to end by `leave`.
    """
    outcome: Future = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result()


def leave(code: int) -> NoReturn:
    """End the process; after Ctrl-C without waiting for what its threads compile."""
    if code == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


ADVICE = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some space, or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What to do about an error of the operating system, by its number."""


def in_words(error: Exception) -> str:
    """The line of an error; an operating system's with its path and what to do."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    advice = ADVICE.get(error.errno or 0, "check the path and its permissions")
    place = "" if error.filename is None else f"{error.filename}: "
    return f"{place}{error.strerror}; {advice}"
