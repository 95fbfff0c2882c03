"""The sections of the ranking by area and of the stability maps."""

import html
import math

from gan_jax.benchmark.report.html.header import make_section
from gan_jax.benchmark.report.html.markers import label_method
from gan_jax.benchmark.report.html.sections import make_sortable_table
from gan_jax.benchmark.report.html.svg import (
    element,
    rate_colour,
    text_colour,
    text_element,
    tooltip,
)
from gan_jax.benchmark.report.maps.map_wording import describe_maps
from gan_jax.benchmark.report.maps.ranking import Ranking
from gan_jax.benchmark.report.maps.ranking_columns import (
    GOAL_BY_STEP_WORDS,
    goal_columns,
    ranking_columns,
)
from gan_jax.benchmark.report.maps.stability_map import (
    StabilityMap,
    has_success,
    select_ticks,
)
from gan_jax.benchmark.report.method_styles import MethodStyle
from gan_jax.benchmark.report.results import Results
from gan_jax.benchmark.report.wording import format_interval, format_rate

PLOT_WIDTH, LABEL_WIDTH = 152, 56
"""The width of a map's squares in the view box, and that of the labels left of them."""
CHARACTER_WIDTH = 8
"""The width of a figure in a square."""


def make_ranking_section(results: Results, ranking: Ranking | None) -> str:
    """Return the ranking by area; nothing without one, or if all areas are 0."""
    if ranking is None or ranking.methods[0].area.value == 0:
        return ""
    words = (
        "Methods by the area under their stability maps. A click on the head of a "
        "column sorts the table. The numbers in brackets are 95% intervals; those of "
        "the rank are the ranks that the method may have."
    )
    table = make_sortable_table(
        ranking_columns(ranking), ranking.methods, "ranked", results.styles
    )
    return make_section(
        "ranking", "Ranking", words, table, make_goal_table(results, ranking)
    )


def make_goal_table(results: Results, ranking: Ranking) -> str:
    """Return the runs that meet their goal at each evaluation; nothing without any."""
    columns = goal_columns(ranking)
    if not columns:
        return ""
    table = make_sortable_table(columns, ranking.methods, "by_step", results.styles)
    return element("p", html.escape(GOAL_BY_STEP_WORDS)) + table


def make_map_section(
    results: Results, maps: list[StabilityMap], ranking: Ranking | None
) -> str:
    """Return the section of the stability maps, or nothing without them."""
    if not maps:
        return ""
    places = {} if ranking is None else {m.method: m.place for m in ranking.methods}
    blocks = []
    for task in results.tasks:
        mine = [one for one in maps if one.task == task]
        if mine:
            blocks.append(make_task_maps(results, task, mine, places))
    return make_section("map", "Stability maps", describe_maps(maps), *blocks)


def make_task_maps(
    results: Results, task: str, maps: list[StabilityMap], places: dict[str, str]
) -> str:
    """Return the maps on a task, or a sentence if no run of them succeeded."""
    head = element("h3", html.escape(task))
    if not has_success(maps):
        words = "No method succeeded at any pair of learning rates."
        return element("div", head, element("p", words), data_task=task)
    panels = [
        draw_map(one, results.styles[one.method], places.get(one.method))
        for one in maps
    ]
    grid = element("div", *panels, class_="panels maps")
    return element("div", head, grid, data_task=task)


def draw_map(one: StabilityMap, style: MethodStyle, place: str | None) -> str:
    """Return success at each pair of learning rates; darker is more.

    place: the rank of the method in words, or None if it is not ranked.
    """
    side = PLOT_WIDTH / len(one.g_rates)
    width, height = LABEL_WIDTH + PLOT_WIDTH + 6, side * len(one.d_rates) + 44
    parts = []
    for i, line in enumerate(one.counts):
        y = side * (len(one.d_rates) - 1 - i)
        for j, (won, runs) in enumerate(line):
            parts += draw_map_cell(LABEL_WIDTH + side * j, y, side, won, runs)
    drawn = element(
        "svg",
        *parts,
        *draw_map_axes(one, side),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=f"stability map of {one.method}",
    )
    mark = "" if place is None else element("span", f"#{place}", class_="rank")
    name = element("b", mark, label_method(one.method, style))
    head = element("figcaption", name, make_area_label(one))
    about = {"data_method": one.method, "data_task": one.task}
    return element("figure", head, drawn, class_="map", **about)


def make_area_label(one: StabilityMap) -> str:
    """Return the area of a map with its interval."""
    if math.isnan(one.area.value):
        return element("span", "not ranked", class_="area")
    value, bracket, limits = format_interval(one.area, 2).partition(" [")
    return element("span", element("b", value), bracket + limits, class_="area")


def draw_map_axes(one: StabilityMap, side: float) -> list[str]:
    """Return the learning rates along both sides, and their names."""
    base, middle = side * len(one.d_rates), LABEL_WIDTH + PLOT_WIDTH / 2
    centred, name = {"text_anchor": "middle"}, "axis name"
    parts = []
    for i in range(len(one.d_rates)):
        y, words = side * (len(one.d_rates) - 0.5 - i) + 4, format_rate(one.d_rates[i])
        end = {"class_": "axis", "text_anchor": "end"}
        parts.append(text_element(LABEL_WIDTH - 6, y, words, **end))
    for j in select_ticks(len(one.g_rates)):
        x, words = LABEL_WIDTH + side * (j + 0.5), format_rate(one.g_rates[j])
        parts.append(text_element(x, base + 16, words, class_="axis", **centred))
    turned = {"transform": "rotate(-90)"} | centred
    g_name, d_name = (one.axis_name(player) for player in "GD")
    parts.append(text_element(middle, base + 34, g_name, class_=name, **centred))
    parts.append(text_element(-base / 2, 12, d_name, class_=name, **turned))
    return parts


def draw_map_cell(x: float, y: float, side: float, won: int, runs: int) -> list[str]:
    """Return one square of a map."""
    if not runs:
        return [text_element(x + side / 2, y + side / 2 + 4, "–", text_anchor="middle")]
    rate, counted = won / runs, f"{won}/{runs}"
    box = element(
        "rect",
        tooltip(f"{won} of {runs} runs"),
        x=f"{x + 1:.1f}",
        y=f"{y + 1:.1f}",
        rx=4,
        width=f"{side - 2:.1f}",
        height=f"{side - 2:.1f}",
        fill=rate_colour(rate),
    )
    words = text_element(
        f"{x + side / 2:.1f}",
        f"{y + side / 2 + 4:.1f}",
        counted if CHARACTER_WIDTH * len(counted) < side else str(won),
        style=f"fill:{text_colour(rate)}",
        class_="cell",
        text_anchor="middle",
    )
    return [box, words]
