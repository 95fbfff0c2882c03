"""What all figures share: the players' colors, and legends that cover no data."""

from typing import Any

GENERATOR, DISCRIMINATOR, GREY = "#2a6f97", "#c8553d", "#8a8f98"
BELOW = 3.8
"""Font sizes between the axes and the legend: room for tick labels and axis label."""


def new_figure(columns: int, rows: int = 1) -> tuple[Any, Any]:
    """A figure, and its axes `[rows, columns]`."""
    from matplotlib.figure import Figure

    size = 5 * columns, 4 * rows
    figure = Figure(figsize=size, layout="constrained", dpi=100)
    return figure, figure.subplots(rows, columns, squeeze=False)


def legend_below(axis: Any, columns: int = 2, **options: Any) -> None:
    """Put the legend of `axis` outside of it, under the label of its x axis."""
    axis.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=BELOW,
        ncols=columns,
        frameon=False,
        **options,
    )
