"""The head of the page: filters, the stability map, success by task, outcomes."""

import html

from gan_jax.benchmark.report.html.marks import named, outcome_legend, swatch
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    element,
    ink_on,
    shade,
    text,
    tip,
)
from gan_jax.benchmark.report.looks import Look
from gan_jax.benchmark.report.outcome_legend import outcome_meanings
from gan_jax.benchmark.report.results import OUTCOMES, Results
from gan_jax.benchmark.report.stability_map import Map
from gan_jax.benchmark.report.summary import Entry, seen_in


def section(name: str, heading: str, words: str, *parts: str) -> str:
    head = element("h2", html.escape(heading))
    note = element("p", html.escape(words), class_="lead") if words else ""
    return element("section", head, note, *parts, id=name)


def chips(results: Results) -> str:
    """Buttons that show and hide tasks and methods, where there are several."""
    tasks = [chip("task", name, "") for name in results.tasks]
    methods = [chip("method", m, swatch(results.looks[m])) for m in results.methods]
    groups = []
    for name, buttons in {"Tasks": tasks, "Methods": methods}.items():
        if len(buttons) < 2:
            continue
        every = element("button", "all", type="button", class_="all")
        label = element("span", name, class_="group")
        groups.append(element("div", label, every, *buttons, class_="chips"))
    shown = element("nav", *groups, id="filters", aria_label="Filters")
    return shown if groups else ""


def chip(kind: str, name: str, mark: str) -> str:
    words = mark + html.escape(name)
    named = {f"data_chip_{kind}": name}
    return element("button", words, type="button", aria_pressed="true", **named)


SIDE, LEFT = 66, 46
"""Of a map in its view box: a cell's side, the room for D's learning rates."""


def map_panel(found: Map, look: Look) -> str:
    """Success at each pair of learning rates; darker is more."""
    width = LEFT + SIDE * len(found.g_lr) + 6
    height = SIDE * len(found.d_lr) + 50
    parts = []
    for i, row in enumerate(found.rates):
        y = SIDE * (len(found.d_lr) - 1 - i)
        for j, (won, runs) in enumerate(row):
            parts += map_cell(LEFT + SIDE * j, y, SIDE, won, runs)
    drawn = element(
        "svg",
        *parts,
        *map_axes(found),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"stability map of {found.method}",
    )
    limits = f" [{found.area.low:.2f}, {found.area.high:.2f}]"
    value = element("b", f"{found.area.value:.2f}")
    area = element("span", "area ", value, limits, class_="area")
    head = element("figcaption", element("b", named(found.method, look)), area)
    about = {"data_method": found.method, "data_task": found.task}
    return element("figure", head, drawn, class_="map", **about)


def map_axes(found: Map) -> list[str]:
    """The learning rates along both sides, and their names."""
    base, middle = SIDE * len(found.d_lr), LEFT + SIDE * len(found.g_lr) / 2
    centred, name = {"text_anchor": "middle"}, "axis name"
    parts = []
    for i, value in enumerate(found.d_lr):
        y = SIDE * (len(found.d_lr) - 0.5 - i) + 4
        parts.append(text(LEFT - 8, y, f"{value:g}", class_="axis", text_anchor="end"))
    for j, value in enumerate(found.g_lr):
        x = LEFT + SIDE * (j + 0.5)
        parts.append(text(x, base + 18, f"{value:g}", class_="axis", **centred))
    turned = {"transform": "rotate(-90)"} | centred
    g_name, d_name = "factor on G's learning rate", "factor on D's learning rate"
    parts.append(text(middle, base + 38, g_name, class_=name, **centred))
    parts.append(text(-base / 2, 12, d_name, class_=name, **turned))
    return parts


def map_cell(x: float, y: float, side: float, won: int, runs: int) -> list[str]:
    if not runs:
        return [text(x + side / 2, y + side / 2 + 4, "–", text_anchor="middle")]
    rate = won / runs
    box = element(
        "rect",
        tip(f"{won} of {runs} runs"),
        x=x + 1.5,
        y=y + 1.5,
        rx=5,
        width=side - 3,
        height=side - 3,
        fill=shade(rate),
    )
    words = text(
        x + side / 2,
        y + side / 2 + 5,
        f"{won}/{runs}",
        style=f"fill:{ink_on(rate)}",
        class_="cell",
        text_anchor="middle",
    )
    return [box, words]


def map_section(results: Results, found: list[Map]) -> str:
    if not found:
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
        mine = [m for m in found if m.task == task]
        mine.sort(key=lambda m: -m.area.value)
        panels = [map_panel(one, results.looks[one.method]) for one in mine]
        grid = element("div", *panels, class_="panels maps")
        head = element("h3", html.escape(task)) if mine else ""
        blocks.append(element("div", head, grid, data_task=task) if mine else "")
    return section("map", "Stability map", words, *blocks)


WIDE = 8
"""Tasks of a heat map over which its columns are narrow."""


def heat_map(results: Results, found: list[Entry]) -> str:
    """Success of each method on each task."""
    cells = {(e.task, e.method): e for e in found}
    head = [element("th", "")] + [
        element("th", html.escape(task), data_task=task) for task in results.tasks
    ]
    rows = [element("tr", *head)]
    for method in results.methods:
        line = [element("th", named(method, results.looks[method]), scope="row")]
        line += [heat_cell(cells.get((task, method)), task) for task in results.tasks]
        rows.append(element("tr", *line, data_method=method))
    dense = " dense" if len(results.tasks) > WIDE else ""
    table = element("table", *rows, class_=f"heat{dense}")
    return element("div", table, class_="scroll")


def heat_cell(found: Entry | None, task: str) -> str:
    if found is None:
        return element("td", "–", data_task=task)
    value, low, high = found.rate
    style = f"background:{shade(value)};color:{ink_on(value)}"
    won = found.outcomes["converged"]
    words = element("b", f"{won}/{len(found.rows)}")
    exact = all("h" in row["axes"] for row in found.rows)
    limits = "" if exact else element("small", f"{low:.2f}–{high:.2f}")
    return element("td", words, limits, style=style, data_task=task)


def outcome_bars(results: Results, found: list[Entry]) -> str:
    """How the runs of each method ended."""
    blocks = [outcome_legend(seen_in(found))]
    for task in results.tasks:
        rows = [bar_row(e, results.looks[e.method]) for e in found if e.task == task]
        head = element("h3", html.escape(task))
        blocks.append(element("div", head, *rows, data_task=task, class_="bars"))
    lines = [
        element("dt", html.escape(name)) + element("dd", html.escape(words))
        for name, words in outcome_meanings(results, found).items()
    ]
    note = element("p", "A run has the first of these outcomes that fits it:")
    meaning = element("div", note, element("dl", *lines), class_="outcomes")
    return "".join([*blocks, meaning])


def bar_row(found: Entry, look: Look) -> str:
    parts = []
    for name in OUTCOMES:
        if count := found.outcomes[name]:
            words = f"{count} of {len(found.rows)} {name.replace('_', ' ')}"
            style = f"flex:{count};background:{OUTCOME_COLOURS[name]}"
            dark = name in ("converged", "exploded", "nonfinite")
            ink = "light" if dark else "dark"
            told = {"title": words, "style": style, "class_": ink}
            parts.append(element("span", str(count), **told))
    name = element("span", named(found.method, look), class_="name")
    bar = element("div", *parts, class_="bar-line")
    return element("div", name, bar, class_="bar-row", data_method=found.method)
