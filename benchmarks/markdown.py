"""report.md: the same tables for a paper, in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.findings import Findings, gist
from benchmarks.meanings import outcome_meanings
from benchmarks.summary import Entry, seen_in
from benchmarks.tables import (
    ENTRY_COLUMNS,
    OVERALL_COLUMNS,
    PUBLISHED_HEADS,
    Column,
    about,
    crashes,
    interval_words,
    published_texts,
    ranged,
)


def markdown(found: Findings) -> str:
    results = found.results
    parts = [
        f"# Stability benchmark: {results.plan['suite']}",
        f"`{results.plan['command']}`",
        *([results.plan["note"]] if "note" in results.plan else []),
        f"{gist(found)} Baseline: {results.baseline}. Intervals are of 95%.",
    ]
    if found.maps:
        parts += ["## Stability map", area_table(found)]
    parts += ["## Over all tasks", columns_table(OVERALL_COLUMNS, found.overall)]
    for task in results.tasks:
        mine = [one for one in found.entries if one.task == task]
        parts += [f"## {task}", about(results, task) + "."]
        parts += [columns_table(ENTRY_COLUMNS[1:], mine), outcome_table(mine)]
    if crashed := crashes(results):
        parts += ["## Crashed cells", "\n".join(f"- {line}" for line in crashed)]
    if found.published:
        lines = [published_texts(one) for one in found.published]
        parts += ["## Published numbers", table(PUBLISHED_HEADS, lines)]
    parts += ["## Questions asked before the runs", questions(found)]
    ends = outcome_meanings(results, found.entries)
    parts += ["## How runs end", "The first of these that matches:", listed(ends)]
    known = {c.name: c.explain for c in OVERALL_COLUMNS + ENTRY_COLUMNS}
    parts += ["## What the columns say", listed(known)]
    return "\n\n".join(parts) + "\n"


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    every = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(map(safe, line))} |" for line in every)


def safe(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def columns_table(columns: tuple[Column, ...], found: list) -> str:
    lines = [[column.cell(one)[0] for column in columns] for one in found]
    return table([column.name for column in columns], lines)


def outcome_table(found: list[Entry]) -> str:
    seen = seen_in(found)
    heads = ["method", *(name.replace("_", " ") for name in seen)]
    lines = [[one.method, *(str(one.outcomes[n]) for n in seen)] for one in found]
    return "How the runs ended:\n\n" + table(heads, lines)


def area_table(found: Findings) -> str:
    """The area under each map, and success at every pair of learning rates."""
    lines = []
    for one in found.maps:
        cells = [
            f"D x{d:g}, G x{g:g}: {won}/{runs}"
            for d, line in zip(one.d_lr, one.rates, strict=True)
            for g, (won, runs) in zip(one.g_lr, line, strict=True)
        ]
        lines.append([one.task, one.method, ranged(one.area, 2), "; ".join(cells)])
    return table(("task", "method", "area", "success"), lines)


def questions(found: Findings) -> str:
    heads = ("", "question", "answer", "figure", "the literature")
    lines = [
        (
            one.name,
            one.question,
            one.answer,
            interval_words(one.figure, one.runs) if one.figure else "–",
            one.source,
        )
        for one in found.answers
    ]
    return table(heads, lines)


def listed(known: dict[str, str]) -> str:
    return "\n".join(f"- **{name}**: {words}" for name, words in known.items())
