"""The sections of the page that are words and tables."""

import html

from benchmarks.hypotheses import Answer
from benchmarks.overview import section
from benchmarks.published import Compared
from benchmarks.svg import element
from benchmarks.tables import (
    PUBLISHED_HEADS,
    Column,
    interval_words,
    published_texts,
)


def sortable(columns: tuple[Column, ...], found: list, name: str) -> str:
    """A table whose heads sort it; each head says in a sentence what it is."""
    heads = [
        element(
            "th",
            element("button", html.escape(c.name), type="button"),
            title=c.explain,
            scope="col",
            aria_sort="none",
        )
        for c in columns
    ]
    rows = [table_row(columns, one) for one in found]
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        class_="sortable",
        id=name,
    )
    lines = [
        element("dt", html.escape(c.name)) + element("dd", html.escape(c.explain))
        for c in columns
    ]
    meaning = element(
        "details", element("summary", "What the columns say"), element("dl", *lines)
    )
    return element("div", table, class_="scroll", tabindex=0) + meaning


def table_row(columns: tuple[Column, ...], one: object) -> str:
    cells = []
    for column in columns:
        words, key = column.cell(one)
        lines = html.escape(words).replace(" [", "<small>[", 1)
        lines += "</small>" if "<small>" in lines else ""
        tag = "th" if column.name == "method" else "td"
        cells.append(element(tag, lines, data_key=key))
    task = getattr(one, "task", None)
    return element("tr", *cells, data_task=task, data_method=getattr(one, "method", ""))


def published_section(found: list[Compared]) -> str:
    if not found:
        return ""
    words = (
        "Numbers of the literature beside ours. They agree if the difference is within "
        "both intervals. Under another protocol (steps, networks, samples) a "
        "difference is no contradiction."
    )
    beside = [one for one in found if one.ours is not None]
    alone = [one for one in found if one.ours is None]
    folded = ""
    if alone:
        summary = element("summary", f"{len(alone)} more, of methods not in these rows")
        folded = element("details", summary, published_table(alone))
    shown = published_table(beside) if beside else ""
    return section("published", "Published numbers", words, shown, folded)


def published_table(found: list[Compared]) -> str:
    head = element("tr", *(element("th", name) for name in PUBLISHED_HEADS))
    rows = [published_row(one) for one in found]
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("div", table, class_="scroll", tabindex=0)


def published_row(one: Compared) -> str:
    cells = [element("td", html.escape(words)) for words in published_texts(one)]
    return element("tr", *cells, data_task=one.published.task)


def crashes_section(lines: list[str]) -> str:
    if not lines:
        return ""
    words = (
        "Runs that count as the worst here, but say nothing of their method: the same "
        "command runs them again."
    )
    items = [element("li", html.escape(line)) for line in lines]
    return section("crashes", "Crashed cells", words, element("ul", *items))


def answers_section(found: list[Answer]) -> str:
    words = "Asked before the runs, each with what the literature says."
    items = []
    for one in found:
        figure = ""
        if one.figure is not None:
            figure = element("p", interval_words(one.figure, one.runs), class_="figure")
        items.append(
            element(
                "li",
                element("b", one.name),
                element("p", html.escape(one.question), class_="question"),
                element("p", html.escape(one.answer)),
                figure,
                element("p", html.escape(one.source), class_="note"),
                class_="" if one.figure else "open",
            )
        )
    return section(
        "questions", "Eight questions", words, element("ol", *items, class_="questions")
    )
