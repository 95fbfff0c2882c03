"""A figure for each part of `benchmarks.speed`, PNG."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.canvas import FLOOR, STYLE, blank
from benchmarks.speed_table import Row
from benchmarks.svg import PALETTE


def draw(part: str, rows: list[Row], folder: Path) -> None:
    """Write `PART.png` of the rows that have a time; none of none."""
    import matplotlib

    shown = [row for row in rows if not row.timing.fault]
    with matplotlib.rc_context(STYLE):
        if shown:
            FIGURES[part](shown).savefig(folder / f"{part}.png", dpi=150)


def against_others(rows: list[Row]) -> Any:
    """Seconds a step over PyTorch eager's (or milliseconds, where that is absent)."""
    pairs = list(dict.fromkeys((row.case, row.variant) for row in rows))
    names = list(dict.fromkeys(row.contender for row in rows))
    shared = all(row.share for row in rows)
    figure, axes = blank(7.5, 0.8 + 0.28 * len(pairs))
    axis = axes[0, 0]
    for index, name in enumerate(names):
        own = [row for row in rows if row.contender == name]
        at = [pairs.index((row.case, row.variant)) for row in own]
        x = [row.share if shared else 1e3 * row.timing.seconds for row in own]
        axis.plot(x, at, "o", color=PALETTE[index], label=name, markersize=5)
    if shared:
        axis.axvline(1.0, **FLOOR)
        axis.set_xlim(left=0)
    else:
        axis.set_xscale("log")
    words = "time of a step over PyTorch eager's" if shared else "ms a step"
    axis.set_xlabel(f"{words} (left is faster)")
    axis.set_yticks(range(len(pairs)), [f"{case}, {kind}" for case, kind in pairs])
    axis.invert_yaxis()
    axis.legend(loc="best")
    return figure


def costs(rows: list[Row]) -> Any:
    """Seconds a step with each penalty over those of the plain step."""
    own = sorted(
        (row for row in rows if row.contender != row.against),
        key=lambda row: row.share or 0.0,
    )
    figure, axes = blank(6.5, 0.8 + 0.26 * len(own))
    axis = axes[0, 0]
    axis.barh(range(len(own)), [row.share or 0.0 for row in own], color=PALETTE[0])
    axis.set_yticks(range(len(own)), [row.variant for row in own])
    axis.axvline(1.0, **FLOOR)
    axis.set_xlabel("time of a step over the plain GAN's (dcgan32, 1 D step)")
    return figure


def growing(rows: list[Row]) -> Any:
    """Time and memory per image, over batch and over pixels."""
    kinds = list(dict.fromkeys(row.variant for row in rows))
    figure, axes = blank(7.5, 4.6, 2, len(kinds))
    for column, kind in enumerate(kinds):
        own = [row for row in rows if row.variant == kind]
        size = np.array([int(row.contender) for row in own])
        images = size if kind == "batch" else np.full(len(own), 64)
        x = size if kind == "batch" else size**2
        time, memory = axes[:, column]
        seconds = np.array([row.timing.seconds for row in own])
        time.loglog(x, seconds, "o-", color=PALETTE[0])
        line = seconds[-1] * x / x[-1]
        time.loglog(x, line, **FLOOR)
        time.set_ylabel("seconds a step")
        time.set_title(f"over {kind} (dashed: linear)")
        held = np.array([row.timing.bytes for row in own]) / images / 1e6
        memory.semilogx(x, held, "o-", color=PALETTE[0])
        memory.set_ylim(bottom=0)
        memory.set_ylabel("MB an image")
        memory.set_xlabel("batch" if kind == "batch" else "pixels of an image")
        for axis in (time, memory):
            axis.set_xticks(x, [f"{n}" if kind == "batch" else f"{n}²" for n in size])
            axis.minorticks_off()
    return figure


FIGURES: dict[str, Callable[[list[Row]], Any]] = {
    "models": against_others,
    "penalties": costs,
    "growth": growing,
}
