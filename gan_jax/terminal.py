"""What a command shows: text as it is, on any terminal and in any encoding.

Rich reads `[b]` and `:smile:` in a text as markup. A path or a name may hold them, so
every console and every progress bar of the project is made here, where they are text.
"""

import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


def accept_all_text() -> None:
    """Let standard output and errors take every text.

    A letter that their encoding lacks, or a byte of a file name that is no text, is
    written as an escape such as `\\xe9`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Print nothing more on standard output: what read it has ended (`| head -1`)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class LastingConsole(Console):
    """A console that goes on in silence when what reads it has ended.

    Rich would end the process, and with it the training that only tells of itself.
    """

    def on_broken_pipe(self) -> None:
        self.quiet = True
        drop_output()


def plain_console(*, stderr: bool = False) -> Console:
    """A console on standard output (or error) that prints text as it is."""
    return LastingConsole(markup=False, emoji=False, highlight=False, stderr=stderr)


def progress(
    *columns: ProgressColumn,
    transient: bool = False,
    disable: bool = False,
    stderr: bool = False,
) -> Progress:
    """A progress bar; columns: by default the description, the bar and the time."""
    usual = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    return Progress(
        *(columns or usual),
        console=plain_console(stderr=stderr),
        transient=transient,
        disable=disable,
    )


def track(
    items: Iterable[T],
    description: str,
    total: float | None = None,
    *,
    transient: bool = False,
    disable: bool = False,
) -> Iterator[T]:
    """The items, with a progress bar that counts them."""
    with progress(transient=transient, disable=disable) as bar:
        yield from bar.track(items, total=total, description=description)
