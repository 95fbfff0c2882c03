"""report.md: the same tables for a paper, in Markdown."""

from collections.abc import Iterable, Sequence

from gan_jax.benchmark.report.findings import Findings, answered, gist, unanswered
from gan_jax.benchmark.report.outcome_legend import outcome_meanings
from gan_jax.benchmark.report.results import Results
from gan_jax.benchmark.report.summary import Entry, seen_in
from gan_jax.benchmark.report.tables import (
    ENTRY_COLUMNS,
    OVERALL_COLUMNS,
    PUBLISHED_HEADS,
    Column,
    about,
    crashes,
    interval_words,
    published_texts,
    ranged,
    telling,
)
from gan_jax.benchmark.report.wording import counted, sentence, spoken


def markdown(found: Findings) -> str:
    results = found.results
    parts = [
        f"# Stability benchmark: {results.plan['suite']}",
        f"`{results.plan['command']}`",
        *([results.plan["note"]] if "note" in results.plan else []),
        " ".join([gist(found), *compared_with(results), INTERVALS]),
    ]
    if found.maps:
        parts += ["## Stability map", area_table(found)]
    if found.overall:
        head = "## Scores over all tasks" if len(results.tasks) > 1 else "## Scores"
        parts += [head, columns_table(OVERALL_COLUMNS, found.overall)]
    for task in results.tasks:
        mine = [one for one in found.entries if one.task == task]
        parts += [f"## {task}", about(results, task)]
        parts += [columns_table(ENTRY_COLUMNS[1:], mine), outcome_table(mine)]
    if crashed := crashes(results):
        parts += ["## Crashed cells", "\n".join(f"- {line}" for line in crashed)]
    parts += published(found) + questions(found)
    if ends := outcome_meanings(results, found.entries):
        words = "A run has the first of these outcomes that fits it:"
        parts += ["## How runs end", words, listed(ends)]
    known = telling(OVERALL_COLUMNS, found.overall)
    known += telling(ENTRY_COLUMNS[1:], found.entries)
    parts += ["## What the columns mean", listed({c.name: c.explain for c in known})]
    return "\n\n".join(parts) + "\n"


INTERVALS = "Numbers in brackets are 95% intervals."


def compared_with(results: Results) -> list[str]:
    several = len(results.methods) > 1
    return [f"The baseline is {spoken(results.baseline)}."] if several else []


def published(found: Findings) -> list[str]:
    """The published numbers that stand beside ours; nothing where none do."""
    beside = [one for one in found.published if one.ours is not None]
    if not beside:
        return []
    lines = [published_texts(one) for one in beside]
    parts = ["## Published numbers", table(PUBLISHED_HEADS, lines)]
    if more := len(found.published) - len(beside):
        parts.append(
            f"The page has {counted(more, 'published number')} more, of methods that "
            "did not run here."
        )
    return parts


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    every = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(map(safe, line))} |" for line in every)


def safe(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def columns_table(columns: tuple[Column, ...], found: list) -> str:
    columns = telling(columns, found)
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


def questions(found: Findings) -> list[str]:
    known = answered(found.answers)
    if not known:
        return []
    heads = ("", "question", "answer", "figure", "the literature")
    lines = [
        (
            one.name,
            one.question,
            sentence(one.answer),
            interval_words(one.figure, one.runs) if one.figure else "–",
            one.source,
        )
        for one in known
    ]
    parts = ["## Questions asked before the runs", table(heads, lines)]
    return [*parts, *filter(None, [unanswered(found.answers)])]


def listed(known: dict[str, str]) -> str:
    return "\n".join(f"- **{name}**: {words}" for name, words in known.items())
