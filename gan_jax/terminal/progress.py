"""The progress of a piece of work, shown while it goes on."""

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from gan_jax.terminal.progress_text import Part, record_progress
from gan_jax.terminal.screens import open_screen

T = TypeVar("T")


class ProgressDisplay(NamedTuple):
    """The display of a piece of work.

    begin: shows that another part begins, with the arguments `(description, total,
    first, unit)` of `Part`. advance: shows that so much more is done. update: shows how
    much is done, with a note. print_line: prints a line of its own.
    """

    begin: Callable[..., None]
    advance: Callable[[float], None]
    update: Callable[[float, str], None]
    print_line: Callable[[str], None]


@contextmanager
def show_progress(
    description: str,
    total: float | None = None,
    *,
    enabled: bool = True,
    stderr: bool = True,
) -> Iterator[ProgressDisplay]:
    """Show a piece of work while it goes on.

    description: what is done, such as "reading the data". total: how much of it there
    is, or None if that is not known. enabled: whether to show it; the work within it is
    not shown either if it is False. stderr: whether to show it on standard error, which
    leaves standard output to the results.
    """
    with open_screen(enabled, stderr) as screen:
        current = [Part(description, total)]
        screen.add(current[0])

        def begin(
            description: str,
            total: float | None = None,
            first: float = 0.0,
            unit: str = "",
        ) -> None:
            screen.drop(current[0])
            current[0] = Part(description, total, first, unit)
            screen.add(current[0])

        def update(done: float, note: str = "") -> None:
            record_progress(current[0], done, time.monotonic())
            current[0].note = note
            screen.change(current[0])

        def advance(count: float) -> None:
            update(current[0].done + count, current[0].note)

        try:
            yield ProgressDisplay(begin, advance, update, screen.print_line)
        finally:
            screen.drop(current[0])


def track(
    items: Iterable[T], description: str, total: float | None = None
) -> Iterator[T]:
    """Yield the items, and show how many of them are done."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else None
    with show_progress(description, total) as work:
        for item in items:
            yield item
            work.advance(1)
