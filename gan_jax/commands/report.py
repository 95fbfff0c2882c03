"""The report of a benchmark: `python -m benchmarks.report results/x`.

Writes report.md (tables for a paper), report.html (one page that opens offline) and
figures/ (PNG and SVG) into the folder, from its plan.json and rows.jsonl alone; samples
of the median and the worst seed are drawn once from the cells' checkpoints, where they
are still there, and kept in samples/.
"""

import html
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template
from typing import Annotated

import tyro

from gan_jax.benchmark.report import results as rows
from gan_jax.benchmark.report.figures.all_figures import draw_figures
from gan_jax.benchmark.report.findings import (
    Findings,
    collect_findings,
    summarize_findings,
)
from gan_jax.benchmark.report.html import header as overview
from gan_jax.benchmark.report.html import lines, sections
from gan_jax.benchmark.report.html import task_panels as pictures
from gan_jax.benchmark.report.html.samples import draw_samples, make_sample_section
from gan_jax.benchmark.report.html.svg import element
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.results import Results
from gan_jax.benchmark.report.tables import (
    ENTRY_COLUMNS,
    OVERALL_COLUMNS,
    describe_task,
    list_crashes,
)
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import exit_code, expand_home, with_own_flags
from gan_jax.logs.metric_log import write_text
from gan_jax.terminal.output import working

PAGE_FOLDER = Path(lines.__file__).parent / "page"
MANY_TASKS = 5
"""Tasks over which a page folds what is told of each."""


@dataclass(frozen=True)
class Flags:
    folder: Annotated[Path, tyro.conf.Positional]
    """A folder that benchmarks.compare has written."""
    baseline: str | None = None
    """What all methods are compared with; by default ns_gan, or the first method."""


def write_report(folder: Path, baseline: str | None = None) -> list[Path]:
    """Write the report of a folder; the files written. ValueError as `rows.read`."""
    results = rows.read_results(folder, baseline)
    draw_samples(results)
    found = collect_findings(results)
    texts = {"report.md": render_markdown(found), "report.html": render_page(found)}
    for name, words in texts.items():
        write_text(results.folder / name, words)
    return [*(results.folder / name for name in texts), *draw_figures(found)]


def render_page(found: Findings) -> str:
    """The whole page, with its style and script inside."""
    template = Template((PAGE_FOLDER / "template.html").read_text("utf-8"))
    return template.substitute(
        title=html.escape(make_heading(found.results)),
        style=(PAGE_FOLDER / "style.css").read_text("utf-8"),
        script=(PAGE_FOLDER / "script.js").read_text("utf-8"),
        intro=make_intro(found),
        filters=overview.make_filters(found.results),
        sections="".join(make_sections(found)),
        footer=make_footer(found.results),
    )


def make_heading(results: Results) -> str:
    suite = results.plan["suite"]
    return f"How stably each method trains: {suite}"


def make_intro(found: Findings) -> str:
    results = found.results
    seeds = {row["seed"] for row in results.rows}
    sizes = {row["axes"].get("h") for row in results.rows}
    exact = rows.is_exact(results)
    facts: dict[str, int | str] = {
        "runs": len(results.rows),
        "methods": len(results.methods),
        "tasks": len(results.tasks),
        "step sizes" if exact else "seeds": len(sizes if exact else seeds),
    }
    if len(results.methods) > 1:
        facts["baseline"] = results.baseline
    items = [
        element("div", element("dt", name), element("dd", html.escape(str(value))))
        for name, value in facts.items()
    ]
    words = element("p", html.escape(summarize_findings(found)), class_="intro")
    return words + element("dl", *items, class_="facts")


def make_sections(found: Findings) -> list[str]:
    results, looks = found.results, found.results.looks
    order = "A click on the head of a column sorts the table. "
    order += "The numbers in brackets are 95% intervals."
    told = [
        element(
            "p", html.escape(f"{task}: {describe_task(results, task)}"), data_task=task
        )
        for task in results.tasks
    ]
    notes = element("div", *told, class_="note") if len(told) <= MANY_TASKS else ""
    table = sections.make_sortable_table(ENTRY_COLUMNS, found.entries, "entries", looks)
    return [
        overview.make_map_section(results, found.maps),
        make_rates_section(found),
        overview.make_section("methods", "Results on each task", order, notes, table),
        *(make_task_section(found, task) for task in results.tasks),
        make_scores_section(found),
        sections.make_crashes_section(list_crashes(results)),
        sections.make_published_section(found.published),
        sections.make_answers_section(found.answers),
    ]


def make_rates_section(found: Findings) -> str:
    """How often each method succeeded, and how its runs ended."""
    results, entries = found.results, found.entries
    heat = overview.make_heat_map(results, entries)
    bars = overview.make_outcome_bars(results, entries)
    limits = (
        "" if rows.is_exact(results) else ", with Wilson's 95% interval of the rate"
    )
    words = f"How many runs succeeded{limits}, and how all runs ended."
    sides = element("div", element("div", heat), element("div", bars), class_="columns")
    if len(results.tasks) > MANY_TASKS:
        sides = heat + make_folded("How the runs of each method ended", bars)
    return overview.make_section("rates", "Success and outcomes", words, sides)


def make_task_section(found: Findings, task: str) -> str:
    """Every seed, curves, costs and samples of a task."""
    parts = make_task_parts(found, task)
    if len(found.results.tasks) > MANY_TASKS:
        parts = [make_folded("Every run, curves, costs", *parts)]
    return element("section", element("h2", html.escape(task)), *parts, data_task=task)


def make_task_parts(found: Findings, task: str) -> list[str]:
    results = found.results
    mine = [one for one in found.entries if one.task == task]
    metrics = rows.shown_metrics(results, task)
    parts = [element("p", html.escape(describe_task(results, task)), class_="note")]
    if not metrics:
        words = "No run was evaluated, so there are no numbers and no curves to show."
        return [*parts, element("p", words)]
    parts += [
        pictures.make_metric_chooser(task, metrics),
        element("h3", "Every run at the end"),
        pictures.draw_seed_strips(results, task, mine),
        element("h3", "Over training"),
        pictures.draw_training_curves(results, task, mine),
        element("h3", "Cost against quality"),
        lines.make_cost_charts(results, task, mine),
    ]
    if not rows.is_exact(results):
        head = element("h3", "Samples of the median and of the worst run")
        parts += [head, make_sample_section(results, task, mine)]
    return parts


def make_folded(words: str, *parts: str) -> str:
    """Shown by a click: what is too long for a page of many tasks."""
    summary = element("summary", html.escape(words))
    return element("details", summary, *parts, class_="folded")


def make_scores_section(found: Findings) -> str:
    if not found.overall:
        return ""
    results = found.results
    words = (
        "A score puts the metric of a task on one scale: 0 is noise, or a run that "
        "diverged; 1 is the floor, what real data score against real data."
    )
    head = "Scores"
    if len(results.tasks) > 1:
        head = "Scores over all tasks"
        words += " Only methods that ran on every task are listed."
    table = sections.make_sortable_table(
        OVERALL_COLUMNS, found.overall, "overall", results.looks
    )
    charts, never = lines.draw_waiting_charts(results, found.entries)
    drawn = [lines.draw_profile_chart(results, found.overall), *charts]
    grid = element("div", *drawn, class_="panels two")
    return overview.make_section("scores", head, words, table, grid, never)


def make_footer(results: Results) -> str:
    row = results.rows[0]
    devices = sorted({str(r["device"]) for r in results.rows})
    commits = sorted({str(r["commit"])[:12] for r in results.rows})
    versions = ", ".join(f"{k} {v}" for k, v in row["versions"].items())
    command = element("code", html.escape(results.plan["command"]))
    told = f"Device: {', '.join(devices)}; commit: {', '.join(commits)}; {versions}; "
    told += f"plan {results.plan['hash']:.12}."
    how = (
        "All intervals are 95% intervals. Those of rates are Wilson's, of differences "
        "Newcombe's, of times Kaplan and Meier's; those of scores are by a bootstrap "
        "over runs within tasks (rliable, arXiv 2108.13264)."
    )
    note = html.escape(results.plan.get("note", ""))
    parts = filter(None, (command, note, html.escape(told), html.escape(how)))
    return "".join(element("p", part) for part in parts)


def start(arguments: list[str]) -> None:
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.report", description=__doc__
    )
    flags = expand_home(flags, "folder")
    try:
        with working("drawing the report"):
            paths = list(write_report(flags.folder, flags.baseline))
        print("\n".join(map(str, paths)))
    except OSError as error:
        path, why = error.filename or flags.folder, error.strerror or error
        raise OSError(
            f"{path}: cannot be used ({why}); mend that, or move it away"
        ) from None


def main(arguments: list[str]) -> int:
    return exit_code(partial(start, arguments), with_own_flags(Flags))
