"""Files that are written whole or not at all."""

import errno
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it.

    An OSError names `path`. What is left by a kill `remove_parts` removes.
    """
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.part{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:  # Pillow's have no number
        number, reason = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(number, reason, str(path)) from error
    finally:
        with suppress(OSError):  # what went wrong before matters more
            temporary.unlink(missing_ok=True)


PART = re.compile(r"\..+\.[0-9]+\.part(\..*)?", re.DOTALL)
"""Names of the temporary files of `write_atomically`."""


def remove_parts(folder: Path) -> None:
    """Remove the temporary files that killed writers left in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if PART.fullmatch(path.name) and path.is_file():
            path.unlink()


def require_writable(folder: Path, advice: str) -> None:
    """OSError, in a line that ends with the advice, for a folder that takes no file.

    Asked before the work of which the result is to be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"{folder}: cannot be written ({reason}); {advice}") from None
