"""Charts of the curves of several GANs, with one colour for each group of them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.config import Config
from gan_jax.logs.files import write_atomically
from gan_jax.parallel.execution import Member
from gan_jax.run_files.sweeps import (
    FIELD_WORDS,
    describe_member,
    format_number,
    measured_names,
    members_by_value,
)
from gan_jax.types import Row

TITLES = {
    "d_loss": "D's loss (adversarial term)",
    "g_loss": "G's loss (adversarial term)",
    "d_grad_norm": "gradient norm of D",
    "g_grad_norm": "gradient norm of G",
    "real_logits": "mean logit of real examples",
    "fake_logits": "mean logit of fakes",
    "diversity": "diversity (1: the data's own)",
    "sample_distance": "distance to the data (noise: 1)",
    "sample_modes": "modes hit",
    "sample_precision": "share of samples on a mode",
}
"""The titles of the panels that every picture has, where their numbers were logged."""
MOST_PANELS = 16
"""The most panels of a picture."""
COLUMNS = 4
SMOOTHED_FROM = 60
"""The number of rows from which on a curve is a running mean, over about 1/20."""
MOST_COLORED = 10
"""The most GANs of a run without a sweep that have a colour each."""


class CurveGroup(NamedTuple):
    """GANs that share a colour: their name, and the rows of each."""

    name: str
    rows: Sequence[Sequence[Row]]


def distinct_colors(count: int) -> list[Any]:
    """Return so many colours that are easy to distinguish."""
    from matplotlib import colormaps

    if count <= 10:
        return [colormaps["tab10"](i) for i in range(count)]
    return [colormaps["turbo"](x) for x in np.linspace(0.03, 0.97, count)]


def panel_names(groups: Sequence[CurveGroup]) -> list[str]:
    """Return the names of the panels: what every run logs, then the measurements."""
    runs = [rows for group in groups for rows in group.rows if rows]
    logged = {name for rows in runs for name in (*rows[0], *rows[-1])}
    measured = [name for rows in runs for name in measured_names(rows)]
    names = dict.fromkeys(name for name in TITLES if name in {*logged, *measured})
    return list(names | dict.fromkeys(measured))[:MOST_PANELS]


def draw_panels(
    figure: Any, groups: Sequence[CurveGroup], shades: Sequence[Any]
) -> None:
    """Draw a panel for each number into a figure or subfigure, and a legend below."""
    from matplotlib.lines import Line2D

    names = panel_names(groups)
    rows = math.ceil(len(names) / COLUMNS)
    axes = figure.subplots(rows, COLUMNS, squeeze=False)
    for axis, name in zip(axes.flat, names, strict=False):
        drawn = [
            draw_group(axis, group, name, shade)
            for group, shade in zip(groups, shades, strict=True)
        ]
        finish_panel(axis, name, np.concatenate(drawn))
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    lines = [Line2D([], [], color=shade, lw=2) for shade in shades]
    longest = max(len(group.name) for group in groups)
    figure.legend(
        lines,
        [group.name for group in groups],
        loc="outside lower center",
        ncols=max(1, min(len(groups), 160 // (longest + 6))),
        frameon=False,
    )


def count_panel_rows(groups: Sequence[CurveGroup]) -> int:
    """Return the number of rows that the panels fill."""
    return math.ceil(len(panel_names(groups)) / COLUMNS)


def draw_group(axis: Any, group: CurveGroup, name: str, shade: Any) -> np.ndarray:
    """Draw the curve of a group: for several GANs the median, and pale the range.

    Returns the values that are drawn.
    """
    steps, values = values_by_step(group, name)
    if not len(steps):
        return np.zeros(0)
    several = values.shape[1] > 1
    low, middle, high = np.nanquantile(values, [0, 0.5, 1], axis=1)
    line = running_mean(middle)
    if several:
        axis.fill_between(steps, low, high, color=shade, alpha=0.13, lw=0)
    elif len(middle) >= SMOOTHED_FROM:
        axis.plot(steps, middle, color=shade, alpha=0.2, lw=0.7)
    marker = "o" if len(steps) == 1 else None
    axis.plot(steps, line, color=shade, lw=1.4, marker=marker, ms=4)
    return np.concatenate([low, high]) if several else middle


def values_by_step(group: CurveGroup, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps `[n]` with a finite number of any GAN, and these `[n, GANs]`."""
    found: dict[int, np.ndarray] = {}
    for index, rows in enumerate(group.rows):
        for row in rows:
            value = row.get(name)
            if value is not None and np.isfinite(value):
                empty = np.full(len(group.rows), np.nan)
                found.setdefault(row["step"], empty)[index] = value
    steps = np.array(sorted(found), int)
    values = [found[step] for step in steps.tolist()]
    return steps, np.array(values, float).reshape(len(steps), len(group.rows))


def running_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of each value and its neighbours, of fewer at the ends."""
    if len(values) < SMOOTHED_FROM:
        return values
    window = np.ones(2 * (len(values) // 40) + 1)
    counts = np.convolve(np.ones(len(values)), window, "same")
    return np.convolve(values, window, "same") / counts


def finish_panel(axis: Any, name: str, values: np.ndarray) -> None:
    """Set title and limits, so that a few wild values do not press all others flat."""
    axis.set_title(TITLES.get(name, name), fontsize=10)
    axis.set_xlabel("step (generator updates)", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    if name.endswith("_grad_norm"):
        if (values > 0).any():
            axis.set_yscale("log")
    elif len(values):
        low, high = np.quantile(values, [0.01, 0.99])
        wide = max(high - low, 1e-6 * max(abs(low), abs(high), 1e-6))
        if np.ptp(values) > 5 * wide:
            axis.set_ylim(low - 0.2 * wide, high + 0.2 * wide)


def member_groups(
    config: Config, members: list[Member], runs: Sequence[list[Row]]
) -> dict[str, list[CurveGroup]]:
    """Return the groups of a run of several GANs by each factor's values.

    Without a sweep each GAN is a group; more than ten GANs are one group together.
    """
    if factors := members_by_value(config, members):
        return {
            FIELD_WORDS[field]: [
                CurveGroup(
                    f"{FIELD_WORDS[field]} {format_number(value)}",
                    [runs[i] for i in own],
                )
                for value, own in values.items()
            ]
            for field, values in factors.items()
        }
    if len(runs) > MOST_COLORED:
        return {"": [CurveGroup(f"{len(runs)} GANs", runs)]}
    names = [describe_member(config, member) for member in members]
    return {"": [CurveGroup(k, [rows]) for k, rows in zip(names, runs, strict=True)]}


def draw_members(
    path: Path, config: Config, members: list[Member], runs: Sequence[list[Row]]
) -> None:
    """Draw curves.png of a run of several GANs: a block of panels for each factor."""
    from matplotlib.figure import Figure

    blocks = member_groups(config, members, runs)
    heights = [count_panel_rows(groups) for groups in blocks.values()]
    size = 4 * COLUMNS, 2.9 * sum(heights) + 0.9 * len(blocks)
    figure = Figure(figsize=size, layout="constrained", dpi=100)
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights)
    for part, (factor, groups) in zip(parts.flat, blocks.items(), strict=True):
        several = any(len(group.rows) > 1 for group in groups)
        what = "median of GANs, pale: their range" if several else "a line for each GAN"
        part.suptitle(f"by {factor}: {what}" if factor else what, fontsize=11)
        draw_panels(part, groups, distinct_colors(len(groups)))
    write_atomically(path, figure.savefig)
