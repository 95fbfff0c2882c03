"""Screens that show the parts of a piece of work: bars, lines of a log, or nothing.

In a terminal each part is a bar. Elsewhere (a log file, Slurm, `| tee`, a notebook) the
work is plain lines: one when a part begins, then one every so often.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

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

from gan_jax.terminal.console import plain_console, print_line, supports_bars
from gan_jax.terminal.progress_text import (
    Part,
    pause_between_lines,
    progress_details,
    progress_head,
    progress_line,
)

TICK, PATIENCE = 0.2, 1.0
"""The seconds between two looks of a log at the work, and the seconds that a part has
to last before the log has a line about it. On standard error the patience is five times
as long, as only long work of short commands is worth a line there."""


class Screen(NamedTuple):
    """Where parts are shown.

    add: shows a part that begins. change: shows that a part has changed. drop: takes
    away a part that ends. print_line: prints a line of its own.
    """

    add: Callable[[Part], None]
    change: Callable[[Part], None]
    drop: Callable[[Part], None]
    print_line: Callable[[str], None]


class DetailsColumn(ProgressColumn):
    """The details of a part, whose seconds go on while nothing else changes."""

    def render(self, task: Task) -> Text:
        return Text(progress_details(task.fields["part"], time.monotonic()))


@contextmanager
def bar_screen(stderr: bool) -> Iterator[Screen]:
    """Yield a screen with a bar for each part, and lines above the bars.

    On standard output the last bar stays.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        DetailsColumn(Column(no_wrap=True, overflow="ellipsis")),
    )
    console, tasks = plain_console(stderr=stderr), dict[Part, TaskID]()
    with Progress(*columns, console=console, transient=stderr) as bars:

        def add(part: Part) -> None:
            tasks[part] = bars.add_task(
                progress_head(part), total=part.total, part=part
            )
            change(part)

        def change(part: Part) -> None:
            bars.update(
                tasks[part], description=progress_head(part), completed=part.done
            )

        def drop(part: Part) -> None:
            task = tasks.pop(part)
            if part.total is None or tasks:  # A finished count stays to be seen.
                bars.remove_task(task)

        yield Screen(add, change, drop, lambda line: print_line(console, line))


@dataclass
class LineLog:
    """Lines about parts of the work: one when a part begins, then one after each pause.

    Of several parts the innermost has the lines. A part has its first line when it has
    lasted for `patience` seconds. unannounced: the parts without a line so far.
    reported: how much of a part its last line said is done.
    """

    console: Console
    patience: float
    began: float = field(default_factory=time.monotonic)
    last_line_at: float = field(default_factory=time.monotonic)
    parts: list[Part] = field(default_factory=list)
    unannounced: set[Part] = field(default_factory=set)
    reported: dict[Part, float] = field(default_factory=dict)


def write_line(log: LineLog, line: str) -> None:
    log.last_line_at = time.monotonic()
    print_line(log.console, line)


def announce_part(log: LineLog, part: Part) -> None:
    log.unannounced.discard(part)
    write_line(log, part.description)


def report_part(log: LineLog, part: Part) -> None:
    log.reported[part] = part.done
    write_line(log, progress_line(part, time.monotonic()))


def add_part(log: LineLog, part: Part) -> None:
    log.parts.append(part)
    if not part.unit:  # A part with a unit begins with its first numbers.
        log.unannounced.add(part)


def drop_part(log: LineLog, part: Part) -> None:
    log.parts.remove(part)
    log.unannounced.discard(part)
    if part.unit and part.done > log.reported.get(part, part.first):
        report_part(log, part)


def write_due_lines(log: LineLog) -> None:
    """Write the lines that the time calls for."""
    now = time.monotonic()
    for part in list(log.parts):
        if part in log.unannounced and now - part.began > log.patience:
            announce_part(log, part)
    pause = pause_between_lines(now - log.began)
    for part in log.parts[-1:] if now - log.last_line_at > pause else ():
        write = announce_part if part in log.unannounced else report_part
        write(log, part)


@contextmanager
def line_screen(stderr: bool) -> Iterator[Screen]:
    """Yield a screen that writes a `LineLog`, from a thread of its own."""
    patience = 5 * PATIENCE if stderr else PATIENCE
    log, over = LineLog(plain_console(stderr=stderr), patience), threading.Event()

    def watch() -> None:
        while not over.wait(TICK):
            write_due_lines(log)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield Screen(
            add=partial(add_part, log),
            change=lambda part: None,
            drop=partial(drop_part, log),
            print_line=partial(write_line, log),
        )
    finally:
        over.set()
        watcher.join()


@contextmanager
def silent_screen(stderr: bool) -> Iterator[Screen]:
    """Yield a screen that shows nothing."""
    ignore = lambda part: None  # noqa: E731
    yield Screen(ignore, ignore, ignore, ignore)


OPEN_SCREENS: list[Screen] = []
"""The screens of the work that goes on; the last one shows what begins within it."""


@contextmanager
def open_screen(enabled: bool, stderr: bool) -> Iterator[Screen]:
    """Yield the screen of the work around this one, or a new one."""
    if OPEN_SCREENS and enabled:
        yield OPEN_SCREENS[-1]
        return
    bars_or_lines = bar_screen if supports_bars(stderr) else line_screen
    kind = bars_or_lines if enabled else silent_screen
    with kind(stderr) as screen:
        OPEN_SCREENS.append(screen)
        try:
            yield screen
        finally:
            OPEN_SCREENS.remove(screen)
