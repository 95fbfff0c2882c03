"""What a command shows: text as it is, on any terminal and in any encoding.

Rich reads `[b]` and `:smile:` in a text as markup. A path or a name may hold them, so
every console and every progress bar of the project is made here, where they are text.

Work in progress is a bar in a terminal. Elsewhere (a log file, Slurm, `| tee`, a
notebook) it is plain lines: one when a part begins, then one every so often.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

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

T = TypeVar("T")
TICK, PATIENCE = 0.2, 1.0
"""Seconds between two looks of a log at the work, and that a part of it lasts before
the log tells of it: five times as many on standard error, where only long work of short
commands is worth a line."""


class Screen(NamedTuple):
    """Where parts are shown; change: called when one has changed."""

    add: Callable[[Part], None]
    change: Callable[[Part], None]
    drop: Callable[[Part], None]
    print_line: Callable[[str], None]


class DetailsColumn(ProgressColumn):
    """The tail of a part, which goes on counting seconds while nothing changes."""

    def render(self, task: Task) -> Text:
        return Text(progress_details(task.fields["part"], time.monotonic()))


@contextmanager
def bar_screen(stderr: bool) -> Iterator[Screen]:
    """A bar for each part, and lines above them; on standard output the last stays."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        DetailsColumn(Column(no_wrap=True, overflow="ellipsis")),
    )
    console, tasks = plain_console(stderr=stderr), dict[Part, TaskID]()
    with Progress(*columns, console=console, transient=stderr) as bar:

        def add(part: Part) -> None:
            tasks[part] = bar.add_task(progress_head(part), total=part.total, part=part)
            change(part)

        def change(part: Part) -> None:
            bar.update(
                tasks[part], description=progress_head(part), completed=part.done
            )

        def drop(part: Part) -> None:
            task = tasks.pop(part)
            if part.total is None or tasks:  # a finished count stays to be seen
                bar.remove_task(task)

        yield Screen(add, change, drop, lambda line: print_line(console, line))


@contextmanager
def line_screen(stderr: bool) -> Iterator[Screen]:
    """A line when a part begins, then one after each pause, of the innermost part.

    A part is only told of when it has lasted PATIENCE.
    """
    patience = 5 * PATIENCE if stderr else PATIENCE
    console, parts, unsaid = plain_console(stderr=stderr), [], set[Part]()
    began, said = time.monotonic(), dict[Part, float]()
    last, over = [began], threading.Event()

    def report(part: Part) -> None:
        said[part] = part.done
        tell(progress_line(part, time.monotonic()))

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
            for part in (
                parts[-1:] if now - last[0] > pause_between_lines(now - began) else ()
            ):
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
def silent_screen(stderr: bool) -> Iterator[Screen]:
    """Nothing is shown."""
    ignore = lambda part: None  # noqa: E731
    yield Screen(ignore, ignore, ignore, ignore)


OPEN_SCREENS: list[Screen] = []
"""The screens of the work that goes on; the last one shows what begins within it."""


@contextmanager
def open_screen(enabled: bool, stderr: bool) -> Iterator[Screen]:
    """The screen of the work around this one, or a new one."""
    if OPEN_SCREENS and enabled:
        yield OPEN_SCREENS[-1]
        return
    kind = (
        silent_screen
        if not enabled
        else bar_screen
        if supports_bars(stderr)
        else line_screen
    )
    with kind(stderr) as made:
        OPEN_SCREENS.append(made)
        try:
            yield made
        finally:
            OPEN_SCREENS.remove(made)
