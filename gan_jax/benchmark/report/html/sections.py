"""The sections of the page that are words and tables."""

import html

from gan_jax.benchmark.report.findings import describe_unanswered, select_answered
from gan_jax.benchmark.report.html.header import make_section
from gan_jax.benchmark.report.html.markers import label_method
from gan_jax.benchmark.report.html.svg import element
from gan_jax.benchmark.report.method_styles import MethodStyle
from gan_jax.benchmark.report.published import (
    PUBLISHED_HEADS,
    PublishedComparison,
    published_cells,
)
from gan_jax.benchmark.report.questions.hypotheses import Answer
from gan_jax.benchmark.report.summary import OverallSummary, TaskSummary
from gan_jax.benchmark.report.tables import Column, select_informative
from gan_jax.benchmark.report.wording import format_figure, make_sentence


def make_sortable_table(
    columns: tuple[Column, ...], found: list, name: str, styles: dict[str, MethodStyle]
) -> str:
    """Return a table that its heads sort; each head says what its column shows."""
    columns = select_informative(columns, found)
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
    rows = [make_table_row(columns, one, styles) for one in found]
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


def make_table_row(
    columns: tuple[Column, ...],
    summary: TaskSummary | OverallSummary,
    styles: dict[str, MethodStyle],
) -> str:
    """Return the row of one summary."""
    cells = []
    for column in columns:
        words, key = column.cell(summary)
        lines = html.escape(words).replace(" [", "<small>[", 1)
        lines += "</small>" if "<small>" in lines else ""
        if column.name == "method":
            head = label_method(summary.method, styles[summary.method])
            cells.append(element("th", head, scope="row", data_key=key))
        else:
            cells.append(element("td", lines, data_key=key))
    task = getattr(summary, "task", None)
    return element("tr", *cells, data_task=task, data_method=summary.method)


def make_published_section(comparisons: list[PublishedComparison]) -> str:
    """Return the section of published numbers beside ours, or nothing without any."""
    beside = [one for one in comparisons if one.ours is not None]
    alone = [one for one in comparisons if one.ours is None]
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
        folded = element("details", summary, make_published_table(alone))
    shown = make_published_table(beside)
    return make_section("published", "Published numbers", words, shown, folded)


def make_published_table(comparisons: list[PublishedComparison]) -> str:
    """Return a table of published numbers."""
    head = element("tr", *(element("th", name) for name in PUBLISHED_HEADS))
    rows = [make_published_row(one) for one in comparisons]
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("div", table, class_="scroll", tabindex=0)


def make_published_row(comparison: PublishedComparison) -> str:
    """Return the row of one published number."""
    cells = [element("td", html.escape(words)) for words in published_cells(comparison)]
    return element("tr", *cells, data_task=comparison.published.task)


def make_crashes_section(lines: list[str]) -> str:
    """Return the section of crashed cells, or nothing without any."""
    if not lines:
        return ""
    words = (
        "These runs crashed. They count as the worst in every table, though a crash "
        "says nothing about a method. The same command tries them again."
    )
    items = [element("li", html.escape(line)) for line in lines]
    return make_section("crashes", "Crashed cells", words, element("ul", *items))


def make_answers_section(answers: list[Answer]) -> str:
    """Return the section of the questions that these runs answer, or nothing."""
    known = select_answered(answers)
    if not known:
        return ""
    words = (
        "These questions were asked before the runs were made. "
        + describe_unanswered(answers)
    )
    items = []
    for one in known:
        figure = ""
        if one.figure is not None:
            figure = element("p", format_figure(one.figure, one.runs), class_="figure")
        items.append(
            element(
                "li",
                element("b", one.name),
                element("p", html.escape(one.question), class_="question"),
                element("p", html.escape(make_sentence(one.answer))),
                figure,
                element("p", html.escape(one.source), class_="note"),
                class_="" if one.figure else "open",
            )
        )
    return make_section(
        "questions", "Questions", words, element("ol", *items, class_="questions")
    )
