"""Consoles that print text as it is, on any terminal and in any encoding.

Rich reads `[b]` and `:smile:` in a text as markup. A path or a name may hold them, so
every console of the project is made here, where they are text.
"""

import io
import os
import sys

from rich.console import Console


def accept_all_text() -> None:
    """Let standard output and standard error take every text.

    A letter that their encoding lacks, or a byte of a file name that is no text, is
    written as an escape such as `\\xe9`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Print nothing more on standard output, as its reader has ended (`| head -1`)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class LastingConsole(Console):
    """A console that goes on in silence when its reader has ended.

    Rich would end the process, and with it the training whose progress is printed.
    """

    def on_broken_pipe(self) -> None:
        self.quiet = True
        drop_output()


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console on standard output (or error) that prints text as it is."""
    return LastingConsole(
        markup=False, emoji=False, highlight=False, force_jupyter=False, stderr=stderr
    )


def print_line(console: Console, line: str) -> None:
    """Print a line as it is, however long it is.

    Letters that the encoding lacks become escapes.
    """
    encoding = console.encoding
    text = line.encode(encoding, "backslashreplace").decode(encoding)
    console.print(text, soft_wrap=True)


def supports_bars(stderr: bool) -> bool:
    """Whether the stream is a terminal on which a bar can be drawn again and again."""
    console = plain_console(stderr=stderr)
    return console.file.isatty() and not console.is_dumb_terminal
