"""The success of one method on one task over a grid of learning rates."""

from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report.results import RATE_AXES, Results, Row, group_rows

Point = tuple[float, float]
"""The factors on the learning rates of G and D."""
RATE_FIELDS = {
    "g_lr": "g_optimizer.learning_rate",
    "d_lr": "d_optimizer.learning_rate",
}
"""The field of a row's config with the learning rate that an axis multiplies."""


class SuccessGrid(NamedTuple):
    """The runs of one method on one task, by seed and point.

    runs: `runs[seed][point]` is the row of a run.
    """

    task: str
    method: str
    runs: dict[int, dict[Point, Row]]

    def points(self) -> set[Point]:
        """Return the points at which any seed ran."""
        return {point for runs in self.runs.values() for point in runs}

    def complete_seeds(self, points: set[Point]) -> set[int]:
        """Return the seeds that ran at all of these points."""
        return {seed for seed, runs in self.runs.items() if points <= runs.keys()}


def collect_grids(results: Results) -> dict[tuple[str, str], SuccessGrid]:
    """Return the grid of each `(task, method)` that has both learning-rate axes."""
    mapped = [r for r in results.rows if all(axis in r["axes"] for axis in RATE_AXES)]
    grids = {}
    for key, rows in group_rows(mapped).items():
        runs: dict[int, dict[Point, Row]] = {}
        for row in rows:
            point = tuple(row["axes"][axis] for axis in RATE_AXES)
            runs.setdefault(row["seed"], {})[point] = row
        grids[key] = SuccessGrid(*key, runs)
    return grids


def stack_success(grid: SuccessGrid, seeds: list[int], points: list[Point]):
    """Return success `[seeds, points]` of a grid that has run at all of them."""
    return np.array(
        [[grid.runs[s][p]["success"] for p in points] for s in seeds], float
    )


def base_rates(grid: SuccessGrid) -> Point | None:
    """Return the learning rates that the factors of G and D multiply.

    None if the rows do not say, or do not agree.
    """
    rows = [row for runs in grid.runs.values() for row in runs.values()]
    found = {tuple(r["config"].get(f) for f in RATE_FIELDS.values()) for r in rows}
    pair = found.pop()
    return None if found or None in pair else (float(pair[0]), float(pair[1]))
