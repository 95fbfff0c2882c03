"""The style of all figures: their colors, and legends that cover no data."""

from typing import Any

GENERATOR, DISCRIMINATOR, GREY = "#2a6f97", "#c8553d", "#8a8f98"
REAL, FAKE = "#4a4e57", "crimson"
BELOW = 3.8
"""The room for labels between the axes and the legend, in font sizes."""

PLAYERS = ("discriminator (D)", DISCRIMINATOR), ("generator (G)", GENERATOR)
EXAMPLES = ("real examples", REAL), ("generated examples", FAKE)
CURVES = {
    "losses (without penalties)": (("d_loss", "g_loss"), PLAYERS),
    "gradient norms": (("d_grad_norm", "g_grad_norm"), PLAYERS),
    "D's mean logit (higher: more real)": (("real_logits", "fake_logits"), EXAMPLES),
}
"""The panels by title: the columns of the log, and their labels and colors."""


def new_figure(columns: int, rows: int = 1) -> tuple[Any, Any]:
    """Return a new figure and its axes `[rows, columns]`."""
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
