"""A figure for each part of `benchmarks.speed`, PNG."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.table import SpeedRow
from gan_jax.benchmark.report.figures.canvas import FLOOR, STYLE, make_figure
from gan_jax.benchmark.report.method_styles import PALETTE


def draw_part(part: str, rows: list[SpeedRow], folder: Path) -> None:
    """Write `PART.png` of the rows that have a time; nothing if none has."""
    import matplotlib

    shown = [row for row in rows if not row.timing.fault]
    with matplotlib.rc_context(STYLE):
        if shown:
            FIGURES[part](shown).savefig(folder / f"{part}.png", dpi=150)


def draw_ratios(rows: list[SpeedRow]) -> Any:
    """Return seconds a step over PyTorch's, with the range over rounds."""
    pairs = list(dict.fromkeys((row.case, row.variant) for row in rows))
    against = rows[0].against
    names = dict.fromkeys(r.contender for r in rows if r.contender != against)
    figure, axes = make_figure(7.5, 0.8 + 0.28 * len(pairs))
    axis = axes[0, 0]
    for index, name in enumerate(names):
        own = [row for row in rows if row.contender == name and row.ratio]
        at = [pairs.index((row.case, row.variant)) for row in own]
        ratios = np.array([row.ratio for row in own]).reshape(-1, 3)
        colour = {"color": PALETTE[index]}
        axis.hlines(at, ratios[:, 1], ratios[:, 2], alpha=0.5, **colour)
        axis.plot(ratios[:, 0], at, "o", label=name, markersize=5, **colour)
    axis.axvline(1.0, label=against, **FLOOR)
    axis.set_xlim(left=0)
    axis.set_xlabel(
        f"time of a step over that of {against} (left is faster): median, least and "
        "most over rounds"
    )
    axis.set_yticks(range(len(pairs)), [f"{case}, {kind}" for case, kind in pairs])
    axis.invert_yaxis()
    axis.legend(loc="best")
    return figure


def draw_costs(rows: list[SpeedRow]) -> Any:
    """Return seconds a step with each penalty over those of the plain step."""
    known = {row.variant: row.ratio for row in rows if row.contender != row.against}
    own = sorted((ratio, name) for name, ratio in known.items() if ratio)
    figure, axes = make_figure(6.5, 0.8 + 0.26 * len(own))
    axis, at = axes[0, 0], range(len(own))
    axis.barh(at, [ratio[0] for ratio, _ in own], color=PALETTE[0])
    axis.set_yticks(at, [name for _, name in own])
    axis.axvline(1.0, **FLOOR)
    axis.set_xlabel("time of a step over the plain GAN's (dcgan32, 1 D step)")
    return figure


def draw_growth(rows: list[SpeedRow]) -> Any:
    """Return time and memory of R1's step, over batch and over pixels."""
    kinds = ("batch", "pixels")
    shown = [k for k in kinds if any(k in row.contender for row in rows)]
    figure, axes = make_figure(7.5, 4.6, 2, len(shown))
    for column, kind in enumerate(shown):
        own = [row for row in rows if kind in row.contender]
        size = np.array([int(row.contender.replace(kind, "")) for row in own])
        x = size if kind == "batch" else size**2
        time, memory = axes[:, column]
        seconds = np.array([row.timing.seconds for row in own])
        time.loglog(x, seconds, "o-", color=PALETTE[0])
        work = np.array([row.timing.flops for row in own])
        time.loglog(x, seconds[-1] * work / work[-1], **FLOOR)
        time.set_ylabel("seconds a step")
        time.set_title(f"over {kind} (dashed: as the FLOPs)")
        time.set_xticks(x, [f"{n}" if kind == "batch" else f"{n}²" for n in size])
        time.minorticks_off()
        held = [(row.timing.planned or 0) / 1e6 for row in own]
        memory.plot(x, held, "o-", color=PALETTE[0])
        memory.set_ylim(bottom=0)
        memory.set_ylabel("MB planned for a step")
        memory.set_xlabel("images" if kind == "batch" else "pixels of an image")
    return figure


FIGURES: dict[str, Callable[[list[SpeedRow]], Any]] = {
    "models": draw_ratios,
    "penalties": draw_costs,
    "growth": draw_growth,
}
