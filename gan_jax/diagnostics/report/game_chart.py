"""The chart of the game's eigenvalues over the disc of stable steps, as PNG bytes."""

from typing import Any

import numpy as np

from gan_jax.diagnostics.report.charts import GREEN, make_canvas, to_png
from gan_jax.diagnostics.report.diagnosed_run import Diagnosis
from gan_jax.logs.figure_style import DISCRIMINATOR, GREY

EIGENVALUE_MARKERS = {
    "leading": ("o", 20, "#4a4e57", "fastest of all"),
    "growing": ("^", 60, DISCRIMINATOR, "fastest growth"),
    "turning": ("s", 110, "#e0a458", "fastest rotation"),
}
"""Marker, size, color and name of each kind of eigenvalue.

The markers are hollow and each is larger than the one before, since an eigenvalue may
be of several kinds."""
DISC = np.array([[-2.3, -1.4], [0.5, 1.4]])
"""The lower left and the upper right corner of a view of the disc alone."""
NEAR = np.array([[-3.5, -2.25], [1.0, 2.25]])
"""The corners of the largest view of the disc beside a view of all eigenvalues."""
WIDEST = 8.0
"""The side of a view in which the disc of diameter 2 is still easy to see."""


def draw_game(diagnosis: Diagnosis) -> bytes:
    """Draw eigenvalues times the learning rate over the disc |1 + h l| < 1.

    The disc is always round. Where the eigenvalues lie too far out to be seen with it,
    there are two views: of the disc, and of all eigenvalues.
    """
    values = {k: np.array(own) for k, own in diagnosis["game"]["eigenvalues"].items()}
    whole = np.concatenate(list(values.values()))
    around = square_around(np.concatenate([DISC, whole]))
    if np.ptp(around[:, 0]) <= WIDEST:
        figure, (axis,) = make_canvas(height=4.4)
        views = {axis: around}
    else:
        figure, (left, right) = make_canvas(2, height=3.5)
        near = whole[((whole >= NEAR[0]) & (whole <= NEAR[1])).all(axis=1)]
        views = {left: square_around(np.concatenate([DISC, near])), right: around}
        left.set_title(f"near the disc: {len(near)} of {len(whole)}", fontsize=10)
        right.set_title(f"all {len(whole)}", fontsize=10)
    for axis, corners in views.items():
        draw_eigenvalues(axis, values, corners)
    handles, labels = next(iter(views)).get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9
    )
    return to_png(figure)


def square_around(points: np.ndarray) -> np.ndarray:
    """Return the corners of the square around points `[N, 2]`, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, 0.54 * (high - low).max()
    return np.stack([middle - half, middle + half])


def draw_eigenvalues(
    axis: Any, values: dict[str, np.ndarray], corners: np.ndarray
) -> None:
    """Draw the disc and the eigenvalues of each kind that lie between the corners."""
    from matplotlib.patches import Circle
    from matplotlib.ticker import MaxNLocator

    name = "stable: the step shrinks"
    disc = Circle((-1, 0), 1, facecolor=GREEN, alpha=0.15, lw=0, label=name)
    axis.add_patch(disc)
    edge = Circle((-1, 0), 1, fill=False, edgecolor=GREEN, lw=0.8)
    axis.add_patch(edge)
    for kind, own in values.items():
        marker, size, color, label = EIGENVALUE_MARKERS[kind]
        axis.scatter(
            *own.T, s=size, marker=marker, facecolors="none", edgecolors=color,
            label=label,
        )  # fmt: skip
    axis.axvline(0, color=GREY, lw=0.8)
    (left, low), (right, high) = corners
    axis.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    axis.set(xlabel="growth per step", ylabel="rotation per step")
    for own_axis in (axis.xaxis, axis.yaxis):
        own_axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
