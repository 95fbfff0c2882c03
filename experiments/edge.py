"""Where a script meets its user."""

import sys
from collections.abc import Callable


def exit_code(action: Callable[[], None]) -> int:
    """0 after the action; 2, with one line that says why, if its input was bad."""
    try:
        action()
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
