"""The progress of a piece of work, shown while it goes on."""

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from gan_jax.terminal.progress_text import Part, record_progress
from gan_jax.terminal.screens import open_screen


class ProgressDisplay(NamedTuple):
    """What shows a piece of work.

    begin: another part of it begins, `(description, total, first, unit)` as in Part.
    advance: so much more is done. update: so much is done, and a note. tell: a line of
    its own.
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
    """Show a piece of work while it goes on; its results belong on standard output.

    description: in words such as "reading the data". enabled: False for silence, also
    of the work within it.
    """
    with open_screen(enabled, stderr) as shown:
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
            record_progress(current[0], done, time.monotonic())
            current[0].note = note
            shown.change(current[0])

        def advance(count: float) -> None:
            update(current[0].done + count, current[0].note)

        try:
            yield ProgressDisplay(begin, advance, update, shown.print_line)
        finally:
            shown.drop(current[0])


T = TypeVar("T")


def track(
    items: Iterable[T], description: str, total: float | None = None
) -> Iterator[T]:
    """The items, while they are counted for people."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else None
    with show_progress(description, total) as work:
        for item in items:
            yield item
            work.advance(1)
