"""The head of the page: filters, success by task, outcomes."""

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
)
from gan_jax.benchmark.report.method_styles import MethodStyle
from gan_jax.benchmark.report.outcome_legend import explain_outcomes
from gan_jax.benchmark.report.results import ORDERED_OUTCOMES, Results
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes


def make_section(name: str, heading: str, words: str, *parts: str) -> str:
    """Return a section with a heading and a sentence on what it shows."""
    head = element("h2", html.escape(heading))
    note = element("p", html.escape(words), class_="lead") if words else ""
    return element("section", head, note, *parts, id=name)


MANY_METHODS = 8
"""Methods from which on the page has a box to search them."""


SEARCH_BOX = (
    '<input type="search" id="search" placeholder="find methods" autocomplete="off" '
    'aria-label="Find methods" title="words of method names, such as r1 wgan; a method '
    'with any of them is shown">'
)


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
        many = name == "Methods" and len(buttons) >= MANY_METHODS
        search = SEARCH_BOX if many else ""
        groups.append(element("div", label, search, every, *buttons, class_="chips"))
    shown = element("nav", *groups, id="filters", aria_label="Filters")
    return shown if groups else ""


def make_filter_button(kind: str, name: str, mark: str) -> str:
    """Return the button of a task or a method; mark: what is drawn before its name."""
    words = mark + html.escape(name)
    named = {f"data_chip_{kind}": name}
    return element("button", words, type="button", aria_pressed="true", **named)


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
