"""The figures of a report for a paper, PNG and SVG, in the folder figures/."""

from pathlib import Path
from typing import Any

from gan_jax.benchmark.report.figures.canvas import (
    FLOOR,
    STYLE,
    add_method_labels,
    add_outcome_legend,
    grid_shape,
    hide_unused_axes,
    line_style,
    make_figure,
    marker_style,
    task_entries,
)
from gan_jax.benchmark.report.figures.map_figure import draw_maps, draw_stability_maps
from gan_jax.benchmark.report.figures.task_figures import (
    draw_cost,
    draw_curves,
    draw_seeds,
)
from gan_jax.benchmark.report.findings import Findings
from gan_jax.benchmark.report.html.svg import OUTCOME_COLOURS
from gan_jax.benchmark.report.maps.stability_map import has_success, pool_tasks
from gan_jax.benchmark.report.results import is_exact, shown_metrics
from gan_jax.benchmark.report.summary import PROFILE_TAUS, list_outcomes


def draw_figures(findings: Findings) -> list[Path]:
    """Write every figure that the rows allow, and return the paths of the files."""
    import matplotlib

    folder = findings.results.folder / "figures"
    folder.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        drawn = {"outcomes": draw_outcomes(findings)}
        if any(one.outcomes["converged"] for one in findings.entries):
            drawn["success"] = draw_rates(findings)
        if has_success(findings.maps):
            drawn["stability_map"] = draw_stability_maps(findings)
            if pooled := pool_tasks(findings.maps, findings.ranking):
                drawn["ranked_maps"] = draw_maps(findings, pooled)
        if findings.overall:
            drawn["profiles"] = draw_profiles(findings)
        for task in findings.results.tasks:
            drawn |= draw_task_figures(findings, task)
        return [
            path
            for name, one in drawn.items()
            for path in save_figure(one, folder, name)
        ]


def draw_task_figures(findings: Findings, task: str) -> dict[str, Any]:
    """Return the figures of a task that have something to show."""
    if not shown_metrics(findings.results, task):
        return {}
    drawn = {
        f"{name}_{task}": draw(findings, task)
        for name, draw in {
            "seeds": draw_seeds,
            "curves": draw_curves,
            "cost": draw_cost,
        }.items()
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def save_figure(figure: Any, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and as SVG, and return both paths."""
    name = name.replace("/", "-").replace(":", "-")
    figure.savefig(folder / f"{name}.png", dpi=150)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    return [folder / f"{name}.png", folder / f"{name}.svg"]


def draw_rates(findings: Findings) -> Any:
    """Return success with Wilson's interval, a panel for each task.

    Exact games have no interval.
    """
    exact = is_exact(findings.results)
    label = "share of step sizes that converge" if exact else "success, 95% interval"
    tasks, methods = findings.results.tasks, findings.results.methods
    high = 1 + 0.24 * len(methods)
    rows, columns = grid_shape(len(tasks))
    size = (1 + 2.6 * columns, high * rows, rows, columns)
    figure, axes = make_figure(*size, sharey=True)
    for axis, task in zip(axes.flat, tasks, strict=False):
        for one in task_entries(findings, task):
            y = methods.index(one.method)
            value, low, top = one.rate
            style = marker_style(findings, one.method)
            if not exact:
                axis.plot([low, top], [y, y], color=style["color"], linewidth=2)
            axis.plot(value, y, **style)
        axis.set(title=task, xlabel=label, xlim=(-0.03, 1.03))
        axis.grid(axis="x", color="#eeebe3")
        axis.set_axisbelow(True)
    axes.flat[0].set_yticks(range(len(methods)), methods)
    axes.flat[0].set_ylim(len(methods) - 0.5, -0.5)
    hide_unused_axes(axes, len(tasks))
    return figure


def draw_outcomes(findings: Findings) -> Any:
    """Return how all runs of each method ended, a panel for each task."""
    tasks, methods = findings.results.tasks, findings.results.methods
    rows, columns = grid_shape(len(tasks))
    high = 1.4 + 0.24 * len(methods)
    figure, axes = make_figure(
        1 + 2.6 * columns, high * rows, rows, columns, sharey=True
    )
    seen = list_outcomes(findings.entries)
    for axis, task in zip(axes.flat, tasks, strict=False):
        for one in task_entries(findings, task):
            left, y = 0.0, methods.index(one.method)
            for name in seen:
                share = one.outcomes[name] / len(one.rows)
                fill = OUTCOME_COLOURS[name]
                axis.barh(y, share, left=left, color=fill, height=0.75)
                left += share
        axis.set(title=task, xlabel="share of runs", xlim=(0, 1))
    add_method_labels(axes.flat[0], findings, methods, -0.05)
    axes.flat[0].set_ylim(len(methods) - 0.5, -0.5)
    add_outcome_legend(figure, findings.entries)
    hide_unused_axes(axes, len(tasks))
    return figure


def draw_profiles(findings: Findings) -> Any:
    """Return the share of runs above each score, with its interval."""
    figure, axes = make_figure(5.4, 3.2)
    axis = axes.flat[0]
    for one in findings.overall:
        style = line_style(findings, one.method)
        share, low, high = one.profile
        axis.fill_between(
            PROFILE_TAUS, low, high, color=style["color"], alpha=0.1, lw=0
        )
        axis.plot(PROFILE_TAUS, share, markevery=0.15, **style)
    axis.set(
        xlabel="score (0: noise or diverged, 1, dashed: the floor)",
        ylabel="share of runs above the score",
    )
    axis.axvline(1, **FLOOR)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7.5)
    return figure
