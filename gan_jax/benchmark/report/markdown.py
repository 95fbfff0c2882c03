"""The text of report.md: the tables of the report for a paper."""

from collections.abc import Iterable, Sequence

from gan_jax.benchmark.report.findings import (
    Findings,
    describe_unanswered,
    select_answered,
    summarize_findings,
)
from gan_jax.benchmark.report.maps.map_wording import describe_maps
from gan_jax.benchmark.report.maps.ranking_columns import (
    GOAL_BY_STEP_WORDS,
    goal_columns,
    ranking_columns,
)
from gan_jax.benchmark.report.maps.stability_map import StabilityMap, has_success
from gan_jax.benchmark.report.outcome_legend import explain_outcomes
from gan_jax.benchmark.report.published import PUBLISHED_HEADS, published_cells
from gan_jax.benchmark.report.results import Results
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes
from gan_jax.benchmark.report.tables import (
    ENTRY_COLUMNS,
    OVERALL_COLUMNS,
    Column,
    describe_shown_rates,
    describe_task,
    list_crashes,
    select_informative,
)
from gan_jax.benchmark.report.wording import (
    count_noun,
    format_figure,
    format_interval,
    format_rate,
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
    parts += render_ranking(findings) + render_maps(findings)
    parts += filter(None, [describe_shown_rates(results)])
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
    return "\n\n".join(parts + explain_columns(findings)) + "\n"


def explain_columns(findings: Findings) -> list[str]:
    """Return what the columns mean, table by table: some have a name in common."""
    tables: list[tuple[str, tuple[Column, ...], list]] = []
    if ranking := findings.ranking:
        of_ranking = ranking_columns(ranking)
        tables.append(("In the ranking:", of_ranking, ranking.methods))
    if findings.overall:
        tables.append(("In the scores:", OVERALL_COLUMNS, findings.overall))
    tables.append(("In the table of a task:", ENTRY_COLUMNS[1:], findings.entries))
    parts = ["## What the columns mean"]
    for head, columns, found in tables:
        shown = select_informative(columns, found)
        parts += [head, render_list({c.name: c.explain for c in shown})]
    return parts


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


def render_ranking(findings: Findings) -> list[str]:
    """Return the section of the ranking by area; nothing if all areas are 0."""
    ranking = findings.ranking
    if ranking is None or ranking.methods[0].area.value == 0:
        return []
    parts = ["## Ranking", render_columns(ranking_columns(ranking), ranking.methods)]
    if by_step := goal_columns(ranking):
        parts += [GOAL_BY_STEP_WORDS, render_columns(by_step, ranking.methods)]
    return parts


def render_maps(findings: Findings) -> list[str]:
    """Return the section of the stability maps, or nothing without them."""
    if not findings.maps:
        return []
    parts = ["## Stability maps", describe_maps(findings.maps)]
    for task in findings.results.tasks:
        mine = [one for one in findings.maps if one.task == task]
        if mine and not has_success(mine):
            parts.append(f"{task}: no method succeeded at any pair of learning rates.")
        elif mine:
            parts += [render_task_maps(task, mine)]
    return parts


def render_task_maps(task: str, maps: list[StabilityMap]) -> str:
    """Return a table of success at each pair of rates; a column for each rate of D."""
    g_rates = ", ".join(map(format_rate, maps[0].g_rates))
    sizes = {runs for one in maps for line in one.counts for _, runs in line}
    of = f", of {count_noun(sizes.pop(), 'run')} each" if len(sizes) == 1 else ""
    axis = maps[0].axis_name("G")
    words = f"{task}: successes{of}, at {axis} {g_rates} in this order."
    heads = [f"{maps[0].axis_name('D')} {format_rate(d)}" for d in maps[0].d_rates]
    lines = []
    for one in maps:
        cells = [
            " ".join(str(won) if of else f"{won}/{runs}" for won, runs in line)
            for line in one.counts
        ]
        lines.append([one.method, format_interval(one.area, 2), *cells])
    return f"{words}\n\n{render_table(('method', 'area', *heads), lines)}"


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
