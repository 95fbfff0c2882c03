"""Runs beside each other: one table, and one picture of curves and samples.

`open_runs` reads their folders, `make_entries` makes a line of each, `make_rows` the
values of the table, and `write_picture` the picture; see docs/evaluation.md.
"""

from gan_jax.comparison.entries import make_entries
from gan_jax.comparison.picture import write_picture
from gan_jax.comparison.read_runs import find_runs, open_runs
from gan_jax.comparison.table import (
    describe_common_fields,
    format_rows,
    make_rows,
    row_to_json,
)

__all__ = [
    "row_to_json",
    "format_rows",
    "describe_common_fields",
    "make_rows",
    "write_picture",
    "make_entries",
    "find_runs",
    "open_runs",
]
