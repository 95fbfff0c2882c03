"""The curves of a run: losses, gradient norms and logits against steps."""

from pathlib import Path
from typing import Any

from gan_jax.logs.figure_style import CURVES, legend_below, new_figure
from gan_jax.logs.files import write_atomically


def draw_curves(path: Path, runs: list[list[dict[str, Any]]]) -> None:
    """Draw losses, gradient norms and logits against steps, a line for each run."""
    figure, axes = new_figure(len(CURVES))
    for axis, (title, (names, styles)) in zip(axes.flat, CURVES.items(), strict=True):
        for name, (meaning, color) in zip(names, styles, strict=True):
            for index, rows in enumerate(runs):
                steps = [row["step"] for row in rows]
                values = [row[name] for row in rows]
                label = None if index else meaning
                alpha = max(0.15, len(runs) ** -0.5)
                axis.plot(steps, values, color, lw=0.9, alpha=alpha, label=label)
        axis.set(title=title, xlabel="step (generator updates)")
        axis.grid(alpha=0.3)
        legend_below(axis)
    norms, _ = CURVES["gradient norms"]
    if any(row[name] > 0 for rows in runs for row in rows for name in norms):
        axes.flat[1].set_yscale("log")
    write_atomically(path, figure.savefig)
