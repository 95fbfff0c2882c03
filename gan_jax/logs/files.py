"""Files that are written completely or not at all, and errors that say why not."""

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it.

    An OSError names `path`. `remove_temporary_files` removes what a kill leaves.
    """
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.part{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:  # Pillow's errors have no number.
        number, reason = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(number, reason, str(path)) from error
    finally:
        with suppress(OSError):  # The error before it matters more.
            temporary.unlink(missing_ok=True)


TEMPORARY_NAME = re.compile(r"\..+\.[0-9]+\.part(\..*)?", re.DOTALL)
"""The names of the temporary files of `write_atomically`."""


def remove_temporary_files(folder: Path) -> None:
    """Remove the temporary files that killed writers left in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if TEMPORARY_NAME.fullmatch(path.name) and path.is_file():
            path.unlink()


def require_writable(folder: Path, advice: str) -> None:
    """Raise OSError, in a line that ends with the advice, if a folder takes no file.

    Call it before the work whose result is to be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"{folder}: cannot be written ({reason}); {advice}") from None


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8; bytes of a path that are no text become escapes."""
    content = text.encode(errors="backslashreplace")
    write_atomically(path, lambda part: part.write_bytes(content))


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON."""
    write_text(path, json.dumps(value, indent=2) + "\n")


RESUME_ADVICE = "mend that, then go on with --resume"
"""What to do when a run cannot write a file."""


@contextmanager
def explain_write_errors(path: Path, advice: str = RESUME_ADVICE) -> Iterator[None]:
    """Raise OSErrors as one line that says what cannot be written, and what to do."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # It is such a line already.
            raise
        place = error.filename or path
        raise OSError(
            f"{place}: cannot be written ({error.strerror}); {advice}"
        ) from None


def copy_file(source: Path, path: Path) -> None:
    """Copy a file to `path`."""
    write_atomically(path, lambda part: shutil.copyfile(source, part))
