"""Turns bad input into one line and an exit code."""

import errno
import sys
from collections.abc import Callable


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
        return 130
    return 0


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
