"""The head of the page: filters, the stability map, success by task, outcomes."""

import html

from gan_jax.benchmark.report.html.markers import (
    draw_swatch,
    label_method,
    make_outcome_legend,
)
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    element,
    rate_colour,
    text_colour,
    text_element,
    tooltip,
)
from gan_jax.benchmark.report.method_styles import MethodStyle
from gan_jax.benchmark.report.outcome_legend import explain_outcomes
from gan_jax.benchmark.report.results import ORDERED_OUTCOMES, Results
from gan_jax.benchmark.report.stability_map import StabilityMap
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes


def make_section(name: str, heading: str, words: str, *parts: str) -> str:
    """Return a section with a heading and a sentence on what it shows."""
    head = element("h2", html.escape(heading))
    note = element("p", html.escape(words), class_="lead") if words else ""
    return element("section", head, note, *parts, id=name)


def make_filters(results: Results) -> str:
    """Return buttons that show and hide tasks and methods, where there are several."""
    tasks = [make_filter_button("task", name, "") for name in results.tasks]
    methods = [
        make_filter_button("method", m, draw_swatch(results.styles[m]))
        for m in results.methods
    ]
    groups = []
    for name, buttons in {"Tasks": tasks, "Methods": methods}.items():
        if len(buttons) < 2:
            continue
        every = element("button", "all", type="button", class_="all")
        label = element("span", name, class_="group")
        groups.append(element("div", label, every, *buttons, class_="chips"))
    shown = element("nav", *groups, id="filters", aria_label="Filters")
    return shown if groups else ""


def make_filter_button(kind: str, name: str, mark: str) -> str:
    """Return the button of a task or a method; mark: what is drawn before its name."""
    words = mark + html.escape(name)
    named = {f"data_chip_{kind}": name}
    return element("button", words, type="button", aria_pressed="true", **named)


CELL_SIDE, LABEL_WIDTH = 66, 46
"""The side of a map's cell in the view box, and the width of the labels left of it."""


def draw_map(stability_map: StabilityMap, style: MethodStyle) -> str:
    """Return success at each pair of learning rates; darker is more."""
    width = LABEL_WIDTH + CELL_SIDE * len(stability_map.g_lr) + 6
    height = CELL_SIDE * len(stability_map.d_lr) + 50
    parts = []
    for i, row in enumerate(stability_map.rates):
        y = CELL_SIDE * (len(stability_map.d_lr) - 1 - i)
        for j, (won, runs) in enumerate(row):
            parts += draw_map_cell(LABEL_WIDTH + CELL_SIDE * j, y, CELL_SIDE, won, runs)
    drawn = element(
        "svg",
        *parts,
        *draw_map_axes(stability_map),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"stability map of {stability_map.method}",
    )
    limits = f" [{stability_map.area.low:.2f}, {stability_map.area.high:.2f}]"
    value = element("b", f"{stability_map.area.value:.2f}")
    area = element("span", "area ", value, limits, class_="area")
    head = element(
        "figcaption", element("b", label_method(stability_map.method, style)), area
    )
    about = {"data_method": stability_map.method, "data_task": stability_map.task}
    return element("figure", head, drawn, class_="map", **about)


def draw_map_axes(stability_map: StabilityMap) -> list[str]:
    """Return the learning rates along both sides, and their names."""
    base, middle = (
        CELL_SIDE * len(stability_map.d_lr),
        LABEL_WIDTH + CELL_SIDE * len(stability_map.g_lr) / 2,
    )
    centred, name = {"text_anchor": "middle"}, "axis name"
    parts = []
    for i, value in enumerate(stability_map.d_lr):
        y = CELL_SIDE * (len(stability_map.d_lr) - 0.5 - i) + 4
        parts.append(
            text_element(
                LABEL_WIDTH - 8, y, f"{value:g}", class_="axis", text_anchor="end"
            )
        )
    for j, value in enumerate(stability_map.g_lr):
        x = LABEL_WIDTH + CELL_SIDE * (j + 0.5)
        parts.append(text_element(x, base + 18, f"{value:g}", class_="axis", **centred))
    turned = {"transform": "rotate(-90)"} | centred
    g_name, d_name = "factor on G's learning rate", "factor on D's learning rate"
    parts.append(text_element(middle, base + 38, g_name, class_=name, **centred))
    parts.append(text_element(-base / 2, 12, d_name, class_=name, **turned))
    return parts


def draw_map_cell(x: float, y: float, side: float, won: int, runs: int) -> list[str]:
    """Return one square of a map."""
    if not runs:
        return [text_element(x + side / 2, y + side / 2 + 4, "–", text_anchor="middle")]
    rate = won / runs
    box = element(
        "rect",
        tooltip(f"{won} of {runs} runs"),
        x=x + 1.5,
        y=y + 1.5,
        rx=5,
        width=side - 3,
        height=side - 3,
        fill=rate_colour(rate),
    )
    words = text_element(
        x + side / 2,
        y + side / 2 + 5,
        f"{won}/{runs}",
        style=f"fill:{text_colour(rate)}",
        class_="cell",
        text_anchor="middle",
    )
    return [box, words]


def make_map_section(results: Results, stability_maps: list[StabilityMap]) -> str:
    """Return the section of the stability maps, or nothing without them."""
    if not stability_maps:
        return ""
    words = (
        "Each square counts the runs that succeeded when the learning rates of the "
        "discriminator (D) and the generator (G) were multiplied by these factors. "
        "A darker square has more successes. The area is the mean over all squares: "
        "a method with an area of 1 succeeds at every pair of learning rates. Its "
        "interval is the wider one of two: over squares, and over seeds."
    )
    blocks = []
    for task in results.tasks:
        mine = [m for m in stability_maps if m.task == task]
        mine.sort(key=lambda m: -m.area.value)
        panels = [draw_map(one, results.styles[one.method]) for one in mine]
        grid = element("div", *panels, class_="panels maps")
        head = element("h3", html.escape(task)) if mine else ""
        blocks.append(element("div", head, grid, data_task=task) if mine else "")
    return make_section("map", "Stability map", words, *blocks)


MAX_WIDE_TASKS = 8
"""Tasks above which the columns of a heat map are narrow."""


def make_heat_map(results: Results, entries: list[TaskSummary]) -> str:
    """Return success of each method on each task."""
    cells = {(e.task, e.method): e for e in entries}
    head = [element("th", "")] + [
        element("th", html.escape(task), data_task=task) for task in results.tasks
    ]
    rows = [element("tr", *head)]
    for method in results.methods:
        line = [
            element("th", label_method(method, results.styles[method]), scope="row")
        ]
        line += [
            make_heat_cell(cells.get((task, method)), task) for task in results.tasks
        ]
        rows.append(element("tr", *line, data_method=method))
    dense = " dense" if len(results.tasks) > MAX_WIDE_TASKS else ""
    table = element("table", *rows, class_=f"heat{dense}")
    return element("div", table, class_="scroll")


def make_heat_cell(entry: TaskSummary | None, task: str) -> str:
    """Return success of one method on one task."""
    if entry is None:
        return element("td", "–", data_task=task)
    value, low, high = entry.rate
    style = f"background:{rate_colour(value)};color:{text_colour(value)}"
    won = entry.outcomes["converged"]
    words = element("b", f"{won}/{len(entry.rows)}")
    exact = all("h" in row["axes"] for row in entry.rows)
    limits = "" if exact else element("small", f"{low:.2f}–{high:.2f}")
    return element("td", words, limits, style=style, data_task=task)


def make_outcome_bars(results: Results, entries: list[TaskSummary]) -> str:
    """Return how the runs of each method ended."""
    blocks = [make_outcome_legend(list_outcomes(entries))]
    for task in results.tasks:
        rows = [
            make_outcome_bar(e, results.styles[e.method])
            for e in entries
            if e.task == task
        ]
        head = element("h3", html.escape(task))
        blocks.append(element("div", head, *rows, data_task=task, class_="bars"))
    lines = [
        element("dt", html.escape(name)) + element("dd", html.escape(words))
        for name, words in explain_outcomes(results, entries).items()
    ]
    note = element("p", "A run has the first of these outcomes that fits it:")
    meaning = element("div", note, element("dl", *lines), class_="outcomes")
    return "".join([*blocks, meaning])


def make_outcome_bar(entry: TaskSummary, style: MethodStyle) -> str:
    """Return how the runs of one method on one task ended."""
    parts = []
    for name in ORDERED_OUTCOMES:
        if count := entry.outcomes[name]:
            words = f"{count} of {len(entry.rows)} {name.replace('_', ' ')}"
            css = f"flex:{count};background:{OUTCOME_COLOURS[name]}"
            dark = name in ("converged", "exploded", "nonfinite")
            ink = "light" if dark else "dark"
            attributes = {"title": words, "style": css, "class_": ink}
            parts.append(element("span", str(count), **attributes))
    name = element("span", label_method(entry.method, style), class_="name")
    bar = element("div", *parts, class_="bar-line")
    return element("div", name, bar, class_="bar-row", data_method=entry.method)
