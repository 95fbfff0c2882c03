"""The page of a report, report.html: one file that opens offline."""

import html
from pathlib import Path
from string import Template

from gan_jax.benchmark.report.findings import Findings, summarize_findings
from gan_jax.benchmark.report.html.header import (
    make_filters,
    make_heat_map,
    make_outcome_bars,
    make_section,
)
from gan_jax.benchmark.report.html.line_charts import (
    draw_profile_chart,
    draw_waiting_charts,
    make_cost_charts,
)
from gan_jax.benchmark.report.html.map_section import (
    make_map_section,
    make_ranking_section,
)
from gan_jax.benchmark.report.html.samples import make_sample_section
from gan_jax.benchmark.report.html.sections import (
    make_answers_section,
    make_crashes_section,
    make_published_section,
    make_sortable_table,
)
from gan_jax.benchmark.report.html.svg import element
from gan_jax.benchmark.report.html.task_panels import (
    draw_seed_strips,
    draw_training_curves,
    make_metric_chooser,
)
from gan_jax.benchmark.report.results import Results, is_exact, shown_metrics
from gan_jax.benchmark.report.tables import (
    ENTRY_COLUMNS,
    OVERALL_COLUMNS,
    describe_shown_rates,
    describe_task,
    list_crashes,
)

PAGE_FOLDER = Path(__file__).parent / "page"
MANY_TASKS = 5
"""Tasks above which the page folds what it says about each."""


def render_page(findings: Findings) -> str:
    """Return the whole page, with its style and script inside."""
    template = Template((PAGE_FOLDER / "template.html").read_text("utf-8"))
    return template.substitute(
        title=html.escape(make_heading(findings.results)),
        style=(PAGE_FOLDER / "style.css").read_text("utf-8"),
        script=(PAGE_FOLDER / "script.js").read_text("utf-8"),
        intro=make_intro(findings),
        filters=make_filters(findings.results),
        sections="".join(make_sections(findings)),
        footer=make_footer(findings.results),
    )


def make_heading(results: Results) -> str:
    """Return the title of the page."""
    suite = results.plan["suite"]
    return f"How stably each method trains: {suite}"


def make_intro(findings: Findings) -> str:
    """Return the first sentences and the sizes of the comparison."""
    results = findings.results
    seeds = {row["seed"] for row in results.rows}
    sizes = {row["axes"].get("h") for row in results.rows}
    exact = is_exact(results)
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
    words = element("p", html.escape(summarize_findings(findings)), class_="intro")
    return words + element("dl", *items, class_="facts")


def make_sections(findings: Findings) -> list[str]:
    """Return all sections of the page in order."""
    results, styles = findings.results, findings.results.styles
    order = "A click on the head of a column sorts the table. "
    order += "The numbers in brackets are 95% intervals."
    about = [
        element(
            "p", html.escape(f"{task}: {describe_task(results, task)}"), data_task=task
        )
        for task in results.tasks
    ]
    notes = element("div", *about, class_="note") if len(about) <= MANY_TASKS else ""
    table = make_sortable_table(ENTRY_COLUMNS, findings.entries, "entries", styles)
    return [
        make_ranking_section(results, findings.ranking),
        make_map_section(results, findings.maps, findings.ranking),
        make_rates_section(findings),
        make_section("methods", "Results on each task", order, notes, table),
        *(make_task_section(findings, task) for task in results.tasks),
        make_scores_section(findings),
        make_crashes_section(list_crashes(results)),
        make_published_section(findings.published),
        make_answers_section(findings.answers),
    ]


def make_rates_section(findings: Findings) -> str:
    """Return how often each method succeeded and how its runs ended."""
    results, entries = findings.results, findings.entries
    bars = make_outcome_bars(results, entries)
    rates = describe_shown_rates(results)
    if not any(one.outcomes["converged"] for one in entries):
        words = f"No run succeeded. {rates}".strip()
        return make_section("rates", "How the runs ended", words, bars)
    heat = make_heat_map(results, entries)
    limits = "" if is_exact(results) else ", with Wilson's 95% interval of the rate"
    words = f"How many runs succeeded{limits}, and how all runs ended. {rates}".strip()
    sides = element("div", element("div", heat), element("div", bars), class_="columns")
    if len(results.tasks) > MANY_TASKS:
        sides = heat + make_folded("How the runs of each method ended", bars)
    return make_section("rates", "Success and outcomes", words, sides)


def make_task_section(findings: Findings, task: str) -> str:
    """Return every seed, curves, costs and samples of a task."""
    parts = make_task_parts(findings, task)
    if len(findings.results.tasks) > MANY_TASKS:
        parts = [make_folded("Every run, curves, costs", *parts)]
    return element("section", element("h2", html.escape(task)), *parts, data_task=task)


def make_task_parts(findings: Findings, task: str) -> list[str]:
    """Return the parts of a task's section."""
    results = findings.results
    mine = [one for one in findings.entries if one.task == task]
    metrics = shown_metrics(results, task)
    parts = [element("p", html.escape(describe_task(results, task)), class_="note")]
    if not metrics:
        words = "No run was evaluated, so there are no numbers and no curves to show."
        return [*parts, element("p", words)]
    parts += [
        make_metric_chooser(task, metrics),
        element("h3", "Every run at the end"),
        draw_seed_strips(results, task, mine),
        element("h3", "Over training"),
        draw_training_curves(results, task, mine),
        element("h3", "Cost against quality"),
        make_cost_charts(results, task, mine),
    ]
    if not is_exact(results):
        head = element("h3", "Samples of the median and of the worst run")
        parts += [head, make_sample_section(results, task, mine)]
    return parts


def make_folded(words: str, *parts: str) -> str:
    """Return parts that a click opens: they are too long for a page of many tasks."""
    summary = element("summary", html.escape(words))
    return element("details", summary, *parts, class_="folded")


def make_scores_section(findings: Findings) -> str:
    """Return the scores of each method over all tasks, or nothing without them."""
    if not findings.overall:
        return ""
    results = findings.results
    words = (
        "A score puts the metric of a task on one scale: 0 is noise, or a run that "
        "diverged; 1 is the floor, what real data score against real data."
    )
    head = "Scores"
    if len(results.tasks) > 1:
        head = "Scores over all tasks"
        words += " Only methods that ran on every task are listed."
    table = make_sortable_table(
        OVERALL_COLUMNS, findings.overall, "overall", results.styles
    )
    charts, never = draw_waiting_charts(results, findings.entries)
    drawn = [draw_profile_chart(results, findings.overall), *charts]
    grid = element("div", *drawn, class_="panels two")
    return make_section("scores", head, words, table, grid, never)


def make_footer(results: Results) -> str:
    """Return the command, devices and versions of the runs, and kinds of intervals."""
    row = results.rows[0]
    devices = sorted({str(r["device"]) for r in results.rows})
    commits = sorted({str(r["commit"])[:12] for r in results.rows})
    versions = ", ".join(f"{k} {v}" for k, v in row["versions"].items())
    command = element("code", html.escape(results.plan["command"]))
    facts = f"Device: {', '.join(devices)}; commit: {', '.join(commits)}; {versions}; "
    facts += f"plan {results.plan['hash']:.12}."
    how = (
        "All intervals are 95% intervals. Those of rates are Wilson's, of differences "
        "of rates Newcombe's, of areas under maps Student's over seeds, of times "
        "Kaplan and Meier's; those of scores are by a bootstrap over runs within tasks "
        "(rliable, arXiv 2108.13264)."
    )
    note = html.escape(results.plan.get("note", ""))
    parts = filter(None, (command, note, html.escape(facts), html.escape(how)))
    return "".join(element("p", part) for part in parts)
