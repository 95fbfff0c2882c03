"""Tables on the terminal that keep their numbers whole."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table

from gan_jax.terminal import plain_console

READABLE = 120
"""Characters of a line in a file or a pipe that people still read."""


def print_table(rows: list[list[str]]) -> None:
    """Print a head and its rows; with rows and columns exchanged where that alone fits.

    A file or a pipe has no width: nothing is ever folded there.
    """
    console = plain_console()
    limit = console.width if console.is_terminal else READABLE
    wide, tall = made(rows), made([list(column) for column in zip(*rows, strict=True)])
    fits = width(console, wide) <= limit or width(console, tall) > limit
    chosen = wide if fits else tall
    if not console.is_terminal:
        console.width = max(width(console, chosen), console.width)
    console.print(chosen)


def made(rows: list[list[str]]) -> Table:
    """The first row is the head; the first column is of names, the others of values."""
    head, *others = rows
    first, *values = head
    table = Table(Column(first), *(Column(name, justify="right") for name in values))
    for row in others:
        table.add_row(*row)
    return table


def width(console: Console, table: Table) -> int:
    options = console.options.update(max_width=100_000)
    return Measurement.get(console, options, table).maximum
