"""The sections of the page that are words and tables."""

import html

from gan_jax.benchmark.report.findings import answered, unanswered
from gan_jax.benchmark.report.html.header import section
from gan_jax.benchmark.report.html.marks import named
from gan_jax.benchmark.report.html.svg import element
from gan_jax.benchmark.report.hypotheses import Answer
from gan_jax.benchmark.report.looks import Look
from gan_jax.benchmark.report.published import Compared
from gan_jax.benchmark.report.summary import Entry, Overall
from gan_jax.benchmark.report.tables import (
    PUBLISHED_HEADS,
    Column,
    interval_words,
    published_texts,
    telling,
)
from gan_jax.benchmark.report.wording import sentence


def sortable(
    columns: tuple[Column, ...], found: list, name: str, looks: dict[str, Look]
) -> str:
    """A table whose heads sort it; each head says in a sentence what it is."""
    columns = telling(columns, found)
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
    rows = [table_row(columns, one, looks) for one in found]
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
        "details", element("summary", "What the columns mean"), element("dl", *lines)
    )
    return element("div", table, class_="scroll", tabindex=0) + meaning


def table_row(
    columns: tuple[Column, ...], one: Entry | Overall, looks: dict[str, Look]
) -> str:
    cells = []
    for column in columns:
        words, key = column.cell(one)
        lines = html.escape(words).replace(" [", "<small>[", 1)
        lines += "</small>" if "<small>" in lines else ""
        if column.name == "method":
            head = named(one.method, looks[one.method])
            cells.append(element("th", head, scope="row", data_key=key))
        else:
            cells.append(element("td", lines, data_key=key))
    task = getattr(one, "task", None)
    return element("tr", *cells, data_task=task, data_method=one.method)


def published_section(found: list[Compared]) -> str:
    beside = [one for one in found if one.ours is not None]
    alone = [one for one in found if one.ours is None]
    if not beside:
        return ""
    words = (
        "Numbers from the literature beside those of this report. Two numbers agree "
        "if their difference lies within both intervals. Where the protocol (steps, "
        "networks, samples) was another one, a difference is no contradiction."
    )
    folded = ""
    if alone:
        words_more = f"{len(alone)} more, of methods that did not run here"
        summary = element("summary", words_more)
        folded = element("details", summary, published_table(alone))
    shown = published_table(beside)
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
        "These runs crashed. They count as the worst in every table, though a crash "
        "says nothing about a method. The same command tries them again."
    )
    items = [element("li", html.escape(line)) for line in lines]
    return section("crashes", "Crashed cells", words, element("ul", *items))


def answers_section(found: list[Answer]) -> str:
    known = answered(found)
    if not known:
        return ""
    words = "These questions were asked before the runs were made. " + unanswered(found)
    items = []
    for one in known:
        figure = ""
        if one.figure is not None:
            figure = element("p", interval_words(one.figure, one.runs), class_="figure")
        items.append(
            element(
                "li",
                element("b", one.name),
                element("p", html.escape(one.question), class_="question"),
                element("p", html.escape(sentence(one.answer))),
                figure,
                element("p", html.escape(one.source), class_="note"),
                class_="" if one.figure else "open",
            )
        )
    return section(
        "questions", "Questions", words, element("ol", *items, class_="questions")
    )
