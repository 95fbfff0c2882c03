"""Tables on the terminal that break no number over two lines."""

from rich.measure import Measurement
from rich.table import Column, Table

from gan_jax.terminal.console import plain_console

READABLE = 120
"""The width of a line in a file or a pipe that people still read, in characters."""


def print_table(rows: list[list[str]]) -> None:
    """Print a head and its rows as a table.

    A table that is too wide is printed with rows and columns exchanged, if it is then
    narrower. On a terminal that is still too narrow it becomes several tables below
    each other. A file or a pipe has no width, so there it stays one table, and nothing
    is folded.
    """
    console = plain_console()
    limit = console.width if console.is_terminal else READABLE
    wide, tall = rows, [list(column) for column in zip(*rows, strict=True)]
    fits = table_width(wide) <= max(limit, table_width(tall))
    chosen = wide if fits else tall
    if console.is_terminal:
        parts = split_columns(chosen, limit)
    else:
        console.width = max(table_width(chosen), console.width)
        parts = [chosen]
    for part in parts:
        console.print(make_table(part))


def split_columns(rows: list[list[str]], limit: int) -> list[list[list[str]]]:
    """Return the rows cut into parts of so many characters, each with column one."""
    first, *others = zip(*rows, strict=True)
    parts, columns = [], [first]
    for column in others:
        wider = [list(row) for row in zip(*columns, column, strict=True)]
        if len(columns) > 1 and table_width(wider) > limit:
            parts.append(columns)
            columns = [first]
        columns = [*columns, column]
    return [[list(row) for row in zip(*own, strict=True)] for own in [*parts, columns]]


def make_table(rows: list[list[str]]) -> Table:
    """Return the table of a head and rows; the first column is left-aligned."""
    head, *others = rows
    first, *values = head
    table = Table(Column(first), *(Column(name, justify="right") for name in values))
    for row in others:
        table.add_row(*row)
    return table


def table_width(rows: list[list[str]]) -> int:
    """Return the width of the table in characters."""
    console = plain_console()
    options = console.options.update(max_width=100_000)
    return Measurement.get(console, options, make_table(rows)).maximum
