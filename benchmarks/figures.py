"""The report's figures for a paper, PNG and SVG, in the folder's figures/."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.findings import Findings
from benchmarks.maps import Map
from benchmarks.pictures import finite_values, matrix, middles
from benchmarks.rows import (
    floor_of,
    lower_is_better,
    shown_metrics,
    title,
    value_of,
)
from benchmarks.summary import COSTS, TAUS, Entry, middle, seen_in
from benchmarks.svg import (
    DASHES,
    OUTCOME_COLOURS,
    PALETTE,
    Scale,
    ink_on,
    scale_of,
    shade,
    short,
    tick_text,
    ticks,
)

STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8f94",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "svg.hashsalt": "gan_jax",
    "svg.fonttype": "none",
    "legend.frameon": False,
}
FLOOR = {"color": "#b4552d", "linewidth": 1, "linestyle": (0, (4, 3))}


def draw_all(found: Findings) -> list[Path]:
    """Write every figure that the rows allow; the files written."""
    import matplotlib

    folder = found.results.folder / "figures"
    folder.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        drawn = {"success": rates(found), "outcomes": outcomes(found)}
        if found.maps:
            drawn["stability_map"] = map_figure(found.maps)
        if found.overall:
            drawn["profiles"] = profiles(found)
        for task in found.results.tasks:
            if shown_metrics(found.results, task):
                drawn[f"seeds_{task}"] = seeds(found, task)
                drawn[f"curves_{task}"] = curves(found, task)
                drawn[f"cost_{task}"] = cost(found, task)
        return [path for name, one in drawn.items() for path in save(one, folder, name)]


def save(figure: Any, folder: Path, name: str) -> list[Path]:
    name = name.replace("/", "-").replace(":", "-")
    figure.savefig(folder / f"{name}.png", dpi=150)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    return [folder / f"{name}.png", folder / f"{name}.svg"]


def blank(wide: float, high: float, rows: int = 1, columns: int = 1, **options: Any):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, high), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def near_square(count: int, most: int = 4) -> tuple[int, int]:
    columns = min(count, most)
    return math.ceil(count / columns), columns


def of_task(found: Findings, task: str) -> list[Entry]:
    return [one for one in found.entries if one.task == task]


def map_figure(maps: list[Map]) -> Any:
    """A panel for each method: success over the learning rates of D and G."""
    rows, columns = near_square(len(maps))
    figure, axes = blank(2.5 * columns, 2.7 * rows, rows, columns)
    for axis, one in zip(axes.flat, maps, strict=False):
        for i, line in enumerate(one.rates):
            for j, (won, runs) in enumerate(line):
                rate = won / runs if runs else 0.0
                corner = (j - 0.47, i - 0.47)
                axis.add_patch(square(corner, shade(rate)))
                words = f"{won}/{runs}" if runs else "–"
                ink = {"color": ink_on(rate), "ha": "center", "va": "center"}
                axis.text(j, i, words, **ink)
        area = f"{one.area.value:.2f} [{one.area.low:.2f}, {one.area.high:.2f}]"
        axis.set_title(f"{one.method}, {one.task}\narea {area}")
        axis.set_xticks(range(len(one.g_lr)), [f"{v:g}" for v in one.g_lr])
        axis.set_yticks(range(len(one.d_lr)), [f"{v:g}" for v in one.d_lr])
        axis.set(
            xlabel="factor on G's learning rate", ylabel="factor on D's learning rate"
        )
        axis.set(xlim=(-0.5, len(one.g_lr) - 0.5), ylim=(-0.5, len(one.d_lr) - 0.5))
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    hide_rest(axes, len(maps))
    return figure


def square(corner: tuple[float, float], fill: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 0.94, 0.94, color=fill, linewidth=0)


def hide_rest(axes: np.ndarray, used: int) -> None:
    for axis in axes.flat[used:]:
        axis.set_visible(False)


def rates(found: Findings) -> Any:
    """Success with Wilson's interval, a panel for each task."""
    tasks, methods = found.results.tasks, found.results.methods
    high = 1 + 0.24 * len(methods)
    rows, columns = near_square(len(tasks))
    size = (1 + 2.6 * columns, high * rows, rows, columns)
    figure, axes = blank(*size, sharey=True)
    for axis, task in zip(axes.flat, tasks, strict=False):
        for one in of_task(found, task):
            y = methods.index(one.method)
            value, low, top = one.rate
            axis.plot([low, top], [y, y], color="#8fb0b0", linewidth=3)
            axis.plot(value, y, "o", color="#185c5c", markersize=5)
        axis.axvline(1, **FLOOR)
        axis.set(title=task, xlabel="success (Wilson 95%)", xlim=(-0.03, 1.03))
        axis.grid(axis="x", color="#eeebe3")
        axis.set_axisbelow(True)
    axes.flat[0].set_yticks(range(len(methods)), methods)
    axes.flat[0].set_ylim(len(methods) - 0.5, -0.5)
    hide_rest(axes, len(tasks))
    return figure


def outcomes(found: Findings) -> Any:
    """How all runs of each method ended, a panel for each task."""
    tasks, methods = found.results.tasks, found.results.methods
    rows, columns = near_square(len(tasks))
    high = 1.4 + 0.24 * len(methods)
    figure, axes = blank(1 + 2.6 * columns, high * rows, rows, columns, sharey=True)
    seen = seen_in(found.entries)
    for axis, task in zip(axes.flat, tasks, strict=False):
        for one in of_task(found, task):
            left, y = 0.0, methods.index(one.method)
            for name in seen:
                share = one.outcomes[name] / len(one.rows)
                fill = OUTCOME_COLOURS[name]
                axis.barh(y, share, left=left, color=fill, height=0.75)
                left += share
        axis.set(title=task, xlabel="share of runs", xlim=(0, 1))
    axes.flat[0].set_yticks(range(len(methods)), methods)
    axes.flat[0].set_ylim(len(methods) - 0.5, -0.5)
    outcome_legend(figure, found.entries)
    hide_rest(axes, len(tasks))
    return figure


def outcome_legend(figure: Any, entries: list[Entry]) -> None:
    """What the colours mean, below the figure."""
    seen = seen_in(entries)
    marks = [square((0, 0), OUTCOME_COLOURS[name]) for name in seen]
    names = [name.replace("_", " ") for name in seen]
    figure.legend(marks, names, loc="outside lower center", ncols=min(len(seen), 5))


def seeds(found: Findings, task: str) -> Any:
    """Every seed at the end, its IQM's interval, the floor; x marks what failed."""
    mine, metric = of_task(found, task), shown_metrics(found.results, task)[0]
    figure, axes = blank(5.2, 1.3 + 0.28 * len(mine))
    axis, floor = axes.flat[0], floor_of(found.results, task, metric)
    values = [value_of(row, metric) for one in mine for row in one.rows]
    ends = [*values, *([] if floor is None else [floor])]
    edges = scale_of(ends, lower_is_better(metric))
    span = (edges.high / edges.low) ** 0.06 if edges.log else 0.06
    lane = (
        edges.high * span if edges.log else edges.high + span * (edges.high - edges.low)
    )
    for y, one in enumerate(mine):
        for index, row in enumerate(one.rows):
            value = value_of(row, metric)
            at = value if math.isfinite(value) else lane
            mark = "o" if math.isfinite(value) else "x"
            high = y - 0.12 * (index % 3)
            fill = OUTCOME_COLOURS[row["outcome"]]
            axis.plot(at, high, mark, color=fill, markersize=4)
        limits = [v if math.isfinite(v) else lane for v in one.finals[metric][1:]]
        axis.plot(limits, [y + 0.25] * 2, color="#23282d", linewidth=1.4)
    axis.set_yticks(range(len(mine)), [one.method for one in mine])
    axis.set_ylim(len(mine) - 0.5, -0.7)
    axis.set(title=f"{task}, every seed")
    axis.set_xlabel(f"{title(metric)} at the end{floor_words(floor)}")
    finish(axis, "x", edges, floor)
    outcome_legend(figure, mine)
    return figure


def floor_words(floor: float | None) -> str:
    return "" if floor is None else f" (dashed: floor {short(floor)})"


def finish(axis: Any, which: str, edges: Scale, floor: float | None) -> None:
    """A logarithmic axis where it is one, with the page's ticks, and the floor."""
    if edges.log:
        axis.set(**{f"{which}scale": "log"})
        own = axis.xaxis if which == "x" else axis.yaxis
        at = ticks(edges)
        own.set_ticks(at, [tick_text(value) for value in at])
        own.set_ticks([], minor=True)
    if floor is not None:
        line = axis.axvline if which == "x" else axis.axhline
        line(floor, **FLOOR)


def curves(found: Findings, task: str) -> Any:
    """A panel for each method: seeds thin, the IQM and its interval."""
    mine, metric = of_task(found, task), shown_metrics(found.results, task)[0]
    rows, columns = near_square(len(mine))
    size = (2.4 * columns, max(1.9 * rows, 2.6), rows, columns)
    figure, axes = blank(*size, sharex=True, sharey=True)
    floor = floor_of(found.results, task, metric)
    lines = {one.method: matrix(one.rows, metric) for one in mine}
    edges = scale_of(finite_values(lines.values(), floor), lower_is_better(metric))
    for axis, one in zip(axes.flat, mine, strict=False):
        steps, values = lines[one.method]
        shown = np.where(np.isfinite(values), values, np.nan)
        center, low, high = middles(values)
        axis.plot(steps, shown.T, color="#9aaaae", linewidth=0.5, alpha=0.6)
        top = np.nanmax(shown, initial=0.0) if np.isfinite(shown).any() else 1.0
        capped = np.where(np.isfinite(high), high, top)
        axis.fill_between(steps, low, capped, color="#185c5c", alpha=0.15, lw=0)
        axis.plot(steps, center, color="#185c5c", linewidth=1.6)
        axis.set_title(one.method)
        finish(axis, "y", edges, floor)
        axis.set_ylim(edges.low, edges.high)
    figure.supxlabel(f"step{floor_words(floor)}", fontsize=9)
    figure.supylabel(f"{task}: {title(metric)}", fontsize=9)
    hide_rest(axes, len(mine))
    return figure


def cost(found: Findings, task: str) -> Any:
    """The IQM over gradient evaluations and over wall time."""
    mine, metric = of_task(found, task), shown_metrics(found.results, task)[0]
    figure, axes = blank(8.4, 3.2, 1, 2, sharey=True)
    curves = {one.method: matrix(one.rows, metric) for one in mine}
    middle_lines = {m: (x, middles(values)[0]) for m, (x, values) in curves.items()}
    floor = floor_of(found.results, task, metric)
    seen = finite_values(middle_lines.values(), floor)
    edges = scale_of(seen, lower_is_better(metric))
    for axis, (kind, price) in zip(axes.flat, COSTS.items(), strict=True):
        ends = []
        for one in mine:
            steps, y = middle_lines[one.method]
            x = steps * middle([price(row) for row in one.rows])
            axis.plot(x, np.where(np.isfinite(y), y, np.nan), **look(found, one.method))
            ends += [x.max()] if len(x) and x.max() > 0 else []
        axis.axvline(
            min(ends, default=0.0), color="#646b73", linewidth=0.8, linestyle=":"
        )
        axis.set_xlabel(f"{kind}{floor_words(floor)}")
        finish(axis, "y", edges, floor)
    axes.flat[0].set(ylabel=f"{task}: {title(metric)}", ylim=(edges.low, edges.high))
    axes.flat[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7.5)
    return figure


def look(found: Findings, method: str) -> dict[str, Any]:
    index = found.results.methods.index(method)
    dashes = DASHES[index // len(PALETTE) % len(DASHES)]
    style = (0, tuple(map(float, dashes.split()))) if dashes else "solid"
    fill = PALETTE[index % len(PALETTE)]
    return {"label": method, "color": fill, "linestyle": style, "linewidth": 1.5}


def profiles(found: Findings) -> Any:
    """The share of runs above each score, with its interval."""
    figure, axes = blank(5.4, 3.2)
    axis = axes.flat[0]
    for one in found.overall:
        style = look(found, one.method)
        share, low, high = one.profile
        axis.fill_between(TAUS, low, high, color=style["color"], alpha=0.1, lw=0)
        axis.plot(TAUS, share, **style)
    axis.set(xlabel="score (0 noise or diverged, 1 the floor)", ylabel="share above")
    axis.axvline(1, **FLOOR)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7.5)
    return figure
