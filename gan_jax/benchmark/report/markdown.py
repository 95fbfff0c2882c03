"""The text of report.md: the tables of the report for a paper."""

from collections.abc import Iterable, Sequence

from gan_jax.benchmark.report.findings import (
    Findings,
    describe_unanswered,
    select_answered,
    summarize_findings,
)
from gan_jax.benchmark.report.outcome_legend import explain_outcomes
from gan_jax.benchmark.report.published import PUBLISHED_HEADS, published_cells
from gan_jax.benchmark.report.results import Results
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes
from gan_jax.benchmark.report.tables import (
    ENTRY_COLUMNS,
    OVERALL_COLUMNS,
    Column,
    describe_task,
    list_crashes,
    select_informative,
)
from gan_jax.benchmark.report.wording import (
    count_noun,
    format_figure,
    format_interval,
    make_sentence,
    spoken_name,
)


def render_markdown(findings: Findings) -> str:
    """Return the whole report in Markdown."""
    results = findings.results
    parts = [
        f"# Stability benchmark: {results.plan['suite']}",
        f"`{results.plan['command']}`",
        *([results.plan["note"]] if "note" in results.plan else []),
        " ".join(
            [summarize_findings(findings), *describe_baseline(results), INTERVAL_NOTE]
        ),
    ]
    if findings.maps:
        parts += ["## Stability map", render_areas(findings)]
    if findings.overall:
        head = "## Scores over all tasks" if len(results.tasks) > 1 else "## Scores"
        parts += [head, render_columns(OVERALL_COLUMNS, findings.overall)]
    for task in results.tasks:
        mine = [one for one in findings.entries if one.task == task]
        parts += [f"## {task}", describe_task(results, task)]
        parts += [render_columns(ENTRY_COLUMNS[1:], mine), render_outcomes(mine)]
    if crashed := list_crashes(results):
        parts += ["## Crashed cells", "\n".join(f"- {line}" for line in crashed)]
    parts += render_published(findings) + render_questions(findings)
    if ends := explain_outcomes(results, findings.entries):
        words = "A run has the first of these outcomes that fits it:"
        parts += ["## How runs end", words, render_list(ends)]
    known = select_informative(OVERALL_COLUMNS, findings.overall)
    known += select_informative(ENTRY_COLUMNS[1:], findings.entries)
    parts += [
        "## What the columns mean",
        render_list({c.name: c.explain for c in known}),
    ]
    return "\n\n".join(parts) + "\n"


INTERVAL_NOTE = "Numbers in brackets are 95% intervals."


def describe_baseline(results: Results) -> list[str]:
    """Return a sentence that names the baseline; none for a single method."""
    several = len(results.methods) > 1
    return [f"The baseline is {spoken_name(results.baseline)}."] if several else []


def render_published(findings: Findings) -> list[str]:
    """Return the section of published numbers that have ours beside them."""
    beside = [one for one in findings.published if one.ours is not None]
    if not beside:
        return []
    lines = [published_cells(one) for one in beside]
    parts = ["## Published numbers", render_table(PUBLISHED_HEADS, lines)]
    if more := len(findings.published) - len(beside):
        parts.append(
            f"The page has {count_noun(more, 'published number')} more, of methods "
            "that did not run here."
        )
    return parts


def render_table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    every = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(map(escape_cell, line))} |" for line in every)


def escape_cell(words: str) -> str:
    """Return words that cannot break a cell of a table."""
    return words.replace("|", "\\|").replace("\n", " ")


def render_columns(columns: tuple[Column, ...], found: list) -> str:
    """Return a table with a row for each of `summaries`."""
    columns = select_informative(columns, found)
    lines = [[column.cell(one)[0] for column in columns] for one in found]
    return render_table([column.name for column in columns], lines)


def render_outcomes(entries: list[TaskSummary]) -> str:
    """Return a table of how the runs of each method ended."""
    seen = list_outcomes(entries)
    heads = ["method", *(name.replace("_", " ") for name in seen)]
    lines = [[one.method, *(str(one.outcomes[n]) for n in seen)] for one in entries]
    return "How the runs ended:\n\n" + render_table(heads, lines)


def render_areas(findings: Findings) -> str:
    """Return a table of the area under each map and of success at each pair."""
    lines = []
    for one in findings.maps:
        cells = [
            f"D x{d:g}, G x{g:g}: {won}/{runs}"
            for d, line in zip(one.d_lr, one.rates, strict=True)
            for g, (won, runs) in zip(one.g_lr, line, strict=True)
        ]
        lines.append(
            [one.task, one.method, format_interval(one.area, 2), "; ".join(cells)]
        )
    return render_table(("task", "method", "area", "success"), lines)


def render_questions(findings: Findings) -> list[str]:
    """Return the section of the questions that these runs answer, or nothing."""
    known = select_answered(findings.answers)
    if not known:
        return []
    heads = ("", "question", "answer", "figure", "the literature")
    lines = [
        (
            one.name,
            one.question,
            make_sentence(one.answer),
            format_figure(one.figure, one.runs) if one.figure else "–",
            one.source,
        )
        for one in known
    ]
    parts = ["## Questions asked before the runs", render_table(heads, lines)]
    return [*parts, *filter(None, [describe_unanswered(findings.answers)])]


def render_list(known: dict[str, str]) -> str:
    """Return a list of names with what they mean."""
    return "\n".join(f"- **{name}**: {words}" for name, words in known.items())
