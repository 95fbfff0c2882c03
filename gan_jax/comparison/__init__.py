"""Runs beside each other: one table, and one picture of curves and samples.

`open_runs` reads their folders, `table` makes the rows, `draw` the picture; see
docs/evaluation.md.
"""

from gan_jax.comparison.entries import entries_of
from gan_jax.comparison.picture import draw
from gan_jax.comparison.read import find_runs, open_runs
from gan_jax.comparison.table import as_json, as_text, common_fields, described_rows

__all__ = [
    "as_json",
    "as_text",
    "common_fields",
    "described_rows",
    "draw",
    "entries_of",
    "find_runs",
    "open_runs",
]
