"""Turns bad input into one line on standard error and exit code 2."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import jax

from gan_jax.command_line.early_signals import SIGNAL_WORDS
from gan_jax.command_line.interruption import exit_code_of, interrupt_on_signals
from gan_jax.terminal.console import accept_all_text, drop_output


class FlagError(ValueError):
    """An error in a flag as the user typed it; its message already names that flag."""


INTERRUPTED, UNREAD, TERMINATED = 130, 141, 143
"""Exit codes that a shell reports of a process which Ctrl-C ended, whose output nothing
reads any more, and which SIGTERM ended."""
ADVICE = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some space, or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What to do about an error of the operating system, by its number."""


def catch_user_errors(
    action: Callable[[], int | None], rewrite: Callable[[str], str] = str
) -> int:
    """Run a command's action, and return the exit code of the process.

    The code is what the action returns (None: 0), 2 after a ValueError or an OSError,
    whose line goes to standard error, 130 after Ctrl-C, 143 after SIGTERM, and 141 if
    nothing reads the output any more.

    rewrite: puts the message of an error into the command's own flags.
    """
    accept_all_text()
    signal_lines: list[str] = []
    try:
        with interrupt_on_signals() as signal_lines:
            code = action() or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        drop_output()
        return UNREAD
    except (ValueError, OSError) as error:
        print(error_line(error, rewrite), file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        code = exit_code_of(error)
        if not signal_lines:
            print(SIGNAL_WORDS[signal.Signals(code - 128)], file=sys.stderr)
        return code


def error_line(error: Exception, rewrite: Callable[[str], str]) -> str:
    """Return the line that is printed of an error.

    rewrite: puts the message into the command's own flags; a FlagError has them.
    """
    message = describe_error(error)
    return f"error: {message if isinstance(error, FlagError) else rewrite(message)}"


def describe_error(error: Exception) -> str:
    """Return an error's message; an operating system's has its path and advice."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    advice = ADVICE.get(error.errno or 0, "check the path and its permissions")
    place = "" if error.filename is None else f"{error.filename}: "
    return f"{place}{error.strerror}; {advice}"


def exit_process(code: int) -> NoReturn:
    """End the process with this exit code.

    After Ctrl-C and SIGTERM it does not wait for what its threads compile: XLA may
    crash when Python takes it down in the middle of its work.
    """
    alone = not jax.distributed.is_initialized()
    if alone and code in (INTERRUPTED, TERMINATED):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
