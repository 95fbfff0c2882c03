"""The figure of the stability maps: side by side in the order of their rank."""

import math
from typing import Any

from gan_jax.benchmark.report.figures.canvas import make_figure, make_square
from gan_jax.benchmark.report.findings import Findings
from gan_jax.benchmark.report.html.svg import rate_colour, text_colour
from gan_jax.benchmark.report.maps.stability_map import (
    StabilityMap,
    has_success,
    select_ticks,
)
from gan_jax.benchmark.report.wording import format_interval, format_rate

MOST_COLUMNS = 8
"""Maps side by side at most; more methods go on below, in lines of about one length."""
PANEL_WIDTH, PANEL_HEIGHT, LINE_HEIGHT = 1.32, 1.55, 0.13
"""Inches of a map with its title, and of each further line of the title."""
WIDE_COUNT = 3
"""Characters of a square's count, such as 4/4, above which it leaves out the runs."""


def draw_stability_maps(findings: Findings) -> Any:
    """Return the maps of the methods in order of rank, a line for each task.

    A task on which no run succeeded has no line.
    """
    tasks = [
        task
        for task in findings.results.tasks
        if has_success([one for one in findings.maps if one.task == task])
    ]
    return draw_maps(findings, [one for one in findings.maps if one.task in tasks])


def draw_maps(findings: Findings, maps: list[StabilityMap]) -> Any:
    """Return maps in order of rank, a line for each task.

    With more methods than fit in a line, the others follow below.
    """
    tasks, methods = (
        list(dict.fromkeys(getattr(one, name) for one in maps))
        for name in ("task", "method")
    )
    methods = [name for name in findings.results.methods if name in methods]
    blocks = math.ceil(len(methods) / MOST_COLUMNS)
    columns = math.ceil(len(methods) / blocks)
    rows = len(tasks) * blocks
    lines = max(break_label(name).count("\n") for name in methods)
    high = PANEL_HEIGHT + LINE_HEIGHT * lines
    size = (0.7 + PANEL_WIDTH * columns, 0.5 + high * rows)
    figure, axes = make_figure(*size, rows, columns)
    for axis in axes.flat:
        axis.set_visible(False)
    ranking = findings.ranking
    places = {} if ranking is None else {m.method: m.place for m in ranking.methods}
    for one in maps:
        block, column = divmod(methods.index(one.method), columns)
        line = tasks.index(one.task)
        axis = axes[block * len(tasks) + line, column]
        axis.set_visible(True)
        draw_panel(axis, one, places.get(one.method))
        if line < len(tasks) - 1:
            axis.set_xticks([])
        if column > 0:
            axis.set_yticks([])
        elif len(tasks) > 1:
            axis.set_ylabel(one.task, fontweight="bold")
    figure.supxlabel(maps[0].axis_name("G"), fontsize=9)
    figure.supylabel(maps[0].axis_name("D"), fontsize=9)
    return figure


def draw_panel(axis: Any, one: StabilityMap, place: str | None) -> None:
    """Draw a map with its rates, under its rank, method and area."""
    for i, line in enumerate(one.counts):
        for j, (won, runs) in enumerate(line):
            draw_square(axis, i, j, won, runs)
    name = one.method if place is None else f"#{place} {one.method}"
    area = "not ranked" if math.isnan(one.area.value) else format_interval(one.area, 2)
    middle = {"ha": "center", "va": "bottom", "transform": axis.transAxes}
    axis.set_title(break_label(name), fontsize=8, pad=13)
    axis.text(0.5, 1.02, area, fontsize=7, color="#4a5258", **middle)
    g, d = select_ticks(len(one.g_rates)), range(len(one.d_rates))
    axis.set_xticks(g, [format_rate(one.g_rates[k]) for k in g])
    axis.set_yticks(d, [format_rate(v) for v in one.d_rates])
    axis.set(xlim=(-0.5, len(one.g_rates) - 0.5), ylim=(-0.5, len(one.d_rates) - 0.5))
    axis.set_aspect("equal")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, labelsize=7)


def break_label(label: str) -> str:
    """Return a label with each axis, such as `b1 0.9`, on a line of its own."""
    return label.replace(", ", "\n")


def draw_square(axis: Any, i: int, j: int, won: int, runs: int) -> None:
    """Draw the square of a pair of rates, with its count."""
    rate = won / runs if runs else 0.0
    axis.add_patch(make_square((j - 0.47, i - 0.47), rate_colour(rate)))
    counted = f"{won}/{runs}" if runs else "–"
    words = counted if len(counted) <= WIDE_COUNT else str(won)
    axis.text(
        j, i, words, fontsize=6, color=text_colour(rate), ha="center", va="center"
    )
