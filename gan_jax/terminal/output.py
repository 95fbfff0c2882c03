"""What a command shows: text as it is, on any terminal and in any encoding.

Rich reads `[b]` and `:smile:` in a text as markup. A path or a name may hold them, so
every console and every progress bar of the project is made here, where they are text.

Work in progress is a bar in a terminal. Elsewhere (a log file, Slurm, `| tee`, a
notebook) it is plain lines: one when a part begins, then one every so often.
"""

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from gan_jax.terminal.progress import Part, advanced, head, line_of, pause_after, tail

T = TypeVar("T")
TICK, PATIENCE = 0.2, 1.0
"""Seconds between two looks of a log at the work, and that a part of it lasts before
the log tells of it: five times as many on standard error, where only long work of short
commands is worth a line."""


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
    return LastingConsole(
        markup=False, emoji=False, highlight=False, force_jupyter=False, stderr=stderr
    )


class Screen(NamedTuple):
    """Where parts are shown; change: called when one has changed."""

    add: Callable[[Part], None]
    change: Callable[[Part], None]
    drop: Callable[[Part], None]
    tell: Callable[[str], None]


class Work(NamedTuple):
    """What shows a piece of work.

    begin: another part of it begins, `(description, total, first, unit)` as in Part.
    advance: so much more is done. update: so much is done, and a note. tell: a line of
    its own.
    """

    begin: Callable[..., None]
    advance: Callable[[float], None]
    update: Callable[[float, str], None]
    tell: Callable[[str], None]


class Tail(ProgressColumn):
    """The tail of a part, which goes on counting seconds while nothing changes."""

    def render(self, task: Task) -> Text:
        return Text(tail(task.fields["part"], time.monotonic()))


def print_line(console: Console, line: str) -> None:
    """Print a line as it is and however long; letters that the encoding lacks become
    escapes."""
    encoding = console.encoding
    text = line.encode(encoding, "backslashreplace").decode(encoding)
    console.print(text, soft_wrap=True)


@contextmanager
def bars(stderr: bool) -> Iterator[Screen]:
    """A bar for each part, and lines above them; on standard output the last stays."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        Tail(Column(no_wrap=True, overflow="ellipsis")),
    )
    console, tasks = plain_console(stderr=stderr), dict[Part, TaskID]()
    with Progress(*columns, console=console, transient=stderr) as bar:

        def add(part: Part) -> None:
            tasks[part] = bar.add_task(head(part), total=part.total, part=part)
            change(part)

        def change(part: Part) -> None:
            bar.update(tasks[part], description=head(part), completed=part.done)

        def drop(part: Part) -> None:
            task = tasks.pop(part)
            if part.total is None or tasks:  # a finished count stays to be seen
                bar.remove_task(task)

        yield Screen(add, change, drop, lambda line: print_line(console, line))


@contextmanager
def lines(stderr: bool) -> Iterator[Screen]:
    """A line when a part begins, then one after each pause, of the innermost part.

    A part is only told of when it has lasted PATIENCE.
    """
    patience = 5 * PATIENCE if stderr else PATIENCE
    console, parts, unsaid = plain_console(stderr=stderr), [], set[Part]()
    began, said = time.monotonic(), dict[Part, float]()
    last, over = [began], threading.Event()

    def report(part: Part) -> None:
        said[part] = part.done
        tell(line_of(part, time.monotonic()))

    def tell(line: str) -> None:
        last[0] = time.monotonic()
        print_line(console, line)

    def add(part: Part) -> None:
        parts.append(part)
        if not part.unit:  # its first numbers tell of it
            unsaid.add(part)

    def drop(part: Part) -> None:
        parts.remove(part)
        unsaid.discard(part)
        if part.unit and part.done > said.get(part, part.first):
            report(part)

    def speak() -> None:
        while not over.wait(TICK):
            now = time.monotonic()
            for part in list(parts):
                if part in unsaid and now - part.began > patience:
                    unsaid.discard(part)
                    tell(part.description)
            for part in parts[-1:] if now - last[0] > pause_after(now - began) else ():
                tell(part.description) if part in unsaid else report(part)
                unsaid.discard(part)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield Screen(add, lambda part: None, drop, tell)
    finally:
        over.set()
        speaker.join()


@contextmanager
def silence(stderr: bool) -> Iterator[Screen]:
    """Nothing is shown."""
    ignore = lambda part: None  # noqa: E731
    yield Screen(ignore, ignore, ignore, ignore)


OPEN: list[Screen] = []
"""The screens of the work that goes on; the last one shows what begins within it."""


def takes_bars(stderr: bool) -> bool:
    """Whether the stream is a terminal on which a bar can be drawn again and again."""
    console = plain_console(stderr=stderr)
    return console.file.isatty() and not console.is_dumb_terminal


@contextmanager
def screen(enabled: bool, stderr: bool) -> Iterator[Screen]:
    """The screen of the work around this one, or a new one."""
    if OPEN and enabled:
        yield OPEN[-1]
        return
    kind = silence if not enabled else bars if takes_bars(stderr) else lines
    with kind(stderr) as made:
        OPEN.append(made)
        try:
            yield made
        finally:
            OPEN.remove(made)


@contextmanager
def working(
    description: str,
    total: float | None = None,
    *,
    enabled: bool = True,
    stderr: bool = True,
) -> Iterator[Work]:
    """Show a piece of work while it goes on; its results belong on standard output.

    description: in words such as "reading the data". enabled: False for silence, also
    of the work within it.
    """
    with screen(enabled, stderr) as shown:
        current = [Part(description, total)]
        shown.add(current[0])

        def begin(
            description: str,
            total: float | None = None,
            first: float = 0.0,
            unit: str = "",
        ) -> None:
            shown.drop(current[0])
            current[0] = Part(description, total, first, unit)
            shown.add(current[0])

        def update(done: float, note: str = "") -> None:
            advanced(current[0], done, time.monotonic())
            current[0].note = note
            shown.change(current[0])

        def advance(count: float) -> None:
            update(current[0].done + count, current[0].note)

        try:
            yield Work(begin, advance, update, shown.tell)
        finally:
            shown.drop(current[0])


def track(
    items: Iterable[T], description: str, total: float | None = None
) -> Iterator[T]:
    """The items, while they are counted for people."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else None
    with working(description, total) as work:
        for item in items:
            yield item
            work.advance(1)
