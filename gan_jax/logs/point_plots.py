"""Pictures of real and generated points."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.logs.figure_style import legend_below, new_figure
from gan_jax.logs.files import write_atomically

Height = Callable[[np.ndarray], np.ndarray]
"""A function of points `[N, F]` to numbers `[N]`, such as D's logit or a density."""
LOGIT = "D's logit (higher: more real)"


def draw_point_panels(
    path: Path,
    panel: Callable[..., None],
    real: np.ndarray,
    fakes: list[np.ndarray],
    heights: list[Height],
    meaning: str = LOGIT,
    names: Sequence[str] = (),
) -> None:
    """Write a picture with a panel for each of several sets of fakes.

    panel: `draw_scatter` or `draw_histogram`. real: the same real points in each.
    heights: a function for each set. meaning: the label of its values. names: the
    titles of the panels.
    """
    columns = math.ceil(math.sqrt(len(fakes)))
    rows = math.ceil(len(fakes) / columns)
    figure, axes = new_figure(columns, rows)
    figure.set_size_inches(6.5 * columns, 6 * rows)
    if len(fakes) > 1:
        figure.set_dpi(max(20, 100 // columns))
    for axis, fake, height in zip(axes.flat, fakes, heights, strict=False):
        panel(figure, axis, real, fake, height, meaning)
    for axis, name in zip(axes.flat, names, strict=False):
        axis.set_title(name)
    for axis in axes.flat[len(fakes) :]:
        axis.axis("off")
    write_atomically(path, figure.savefig)


def draw_scatter(
    figure: Any,
    axis: Any,
    real: np.ndarray,
    fake: np.ndarray,
    height: Height,
    meaning: str,
) -> None:
    """Draw real and generated points `[N, 2]` over the level sets of `height`.

    Of points with more coordinates the first two are shown, without level sets.
    """
    reach = 1.3 * np.abs(real if len(real) else fake).max()
    ticks = np.linspace(-reach, reach, 121, dtype=np.float32)
    x, y = np.meshgrid(ticks, ticks)
    level = (
        height if real.shape[1] == 2 else lambda points: np.full(len(points), np.nan)
    )
    heights = level(np.stack([x, y], axis=-1).reshape(-1, 2)).reshape(x.shape)
    if np.isfinite(heights).all():
        filled = axis.contourf(x, y, heights, levels=24, cmap="PuOr", alpha=0.7)
        figure.colorbar(filled, ax=axis, label=meaning)
    if len(real):
        axis.scatter(*real.T[:2], s=9, color="black", alpha=0.5, label="real", lw=0)
    if len(fake):
        axis.scatter(
            *fake.T[:2], s=9, color="crimson", alpha=0.6, label="generated", lw=0
        )
    outside = int((~(np.abs(fake[:, :2]) <= reach).all(axis=1)).sum())
    beyond = f", {outside:,} of them outside the picture" if outside else ""
    both = f"{len(real):,} real and " if len(real) else ""
    count = fake.shape[1]
    which = f"\nthe first 2 of {count} coordinates" if count > 2 else ""
    axis.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
        title=f"{both}{len(fake):,} generated points{beyond}{which}",
    )
    legend_below(axis, markerscale=2)


def draw_histogram(
    figure: Any,
    axis: Any,
    real: np.ndarray,
    fake: np.ndarray,
    height: Height,
    meaning: str,
) -> None:
    """Draw histograms of real and generated numbers `[N, 1]`, and `height` on top."""
    reach = 1.3 * np.abs(np.concatenate([real, np.nan_to_num(fake)])).max(initial=1)
    bins = np.linspace(-reach, reach, 61).tolist()
    if len(real):
        axis.hist(real[:, 0], bins, color="black", alpha=0.6, label="real")
    if len(fake):
        axis.hist(fake[:, 0], bins, color="crimson", alpha=0.6, label="generated")
    axis.set(xlabel="x", ylabel="examples")
    x = np.linspace(-reach, reach, 201, dtype=np.float32)
    curve = axis.twinx()
    curve.plot(x, height(x[:, None]), "tab:blue")
    curve.set_ylabel(meaning, color="tab:blue")
    legend_below(axis)
