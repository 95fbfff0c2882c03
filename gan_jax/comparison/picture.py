"""The picture of a comparison: curves over each other, samples beside each other."""

import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.comparison.entries import Entry
from gan_jax.logs.files import write_atomically
from gan_jax.logs.images import to_uint8
from gan_jax.logs.sample_plots import make_sampler
from gan_jax.run_files.load_run import load_run
from gan_jax.run_files.sweep_charts import (
    COLUMNS,
    CurveGroup,
    count_panel_rows,
    distinct_colors,
    draw_panels,
)
from gan_jax.run_files.sweeps import describe_member

POINTS = 1000
IMAGES = 25
MOST_SAMPLES = 24
"""Runs whose samples are drawn, at most."""
REAL = "#9a9a9a"


class Samples(NamedTuple):
    """What a generator makes; or why it cannot be shown.

    real: examples of points `[N, 2]`, to draw beneath; None of images. title: of which
    GAN at which step.
    """

    title: str
    fake: np.ndarray | None
    real: np.ndarray | None
    fault: str = ""


def write_picture(
    path: Path,
    entries: Sequence[Entry],
    tell: Callable[[str], None] = lambda name: None,
) -> None:
    """Write the picture; tell: called with the name of each run that is opened."""
    from matplotlib.figure import Figure

    groups = [CurveGroup(entry.name, entry.rows) for entry in entries]
    logged = [group for group in groups if any(group.rows)]
    shades = distinct_colors(len(entries))
    made = []
    for entry in entries[:MOST_SAMPLES]:
        tell(entry.name)
        made.append(load_samples(entry))
    heights = (
        2.9 * (count_panel_rows(logged) if logged else 0),
        sample_height(len(made)),
    )
    legend = 0.25 * len(groups)
    figure = Figure(
        figsize=(4 * COLUMNS, sum(heights) + 1 + legend), layout="constrained", dpi=100
    )
    if not logged:
        draw_samples(figure, made, shades, len(entries))
    else:
        ratios = heights[0] + legend, heights[1]
        parts = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios)
        above, below = parts.flat
        above.suptitle(
            "Curves of the log, long ones smoothed; pale: the logged values, or of "
            "several GANs their range",
            fontsize=11,
        )
        draw_panels(above, groups, shades)
        draw_samples(below, made, shades, len(entries))
    write_atomically(path, figure.savefig)


def sample_height(count: int) -> float:
    return 0.6 + 4.2 * math.ceil(count / COLUMNS)


def load_samples(entry: Entry) -> Samples:
    """Samples of the averaged generator of an entry's first GAN.

    Every run is given the same latents, if its latents have the same size.
    """
    run, index = entry.run, entry.indices[0]
    title = entry.name
    if len(entry.indices) > 1:
        title += f", first of {len(entry.indices)} GANs"
    if run.members != [{}]:
        title += f" ({describe_member(run.config, run.members[index])})"
    try:
        gan, state, config = load_run(run.folder, index=index)
        points = len(gan.data_shape) == 1
        fake = np.asarray(make_sampler(gan, POINTS if points else IMAGES)(state))
    except (ValueError, OSError) as error:
        return Samples(title, None, None, str(error))
    title += f", step {int(state.step):,}"
    return Samples(title, fake, real_points(config) if points else None)


def real_points(config: Any) -> np.ndarray | None:
    """Examples of the data, if they are there."""
    try:
        data = find_dataset(config)
    except ValueError:
        return None
    count = min(POINTS, len(data))
    return np.asarray(data.get(np.arange(count)).image)


def draw_samples(
    figure: Any, made: Sequence[Samples], shades: Sequence[Any], count: int
) -> None:
    rows = math.ceil(len(made) / COLUMNS)
    axes = figure.subplots(rows, COLUMNS, squeeze=False)
    left_out = f", {count - len(made)} runs are left out" if count > len(made) else ""
    figure.suptitle(
        "Samples of the averaged generators, from the same latents where these have "
        f"one size{left_out}",
        fontsize=11,
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, one, shade in zip(axes.flat, made, shades, strict=False):
        axis.set_title("\n".join(textwrap.wrap(one.title, 50)), color=shade, fontsize=9)
        if one.fake is None:
            text = "\n".join(textwrap.wrap(f"no samples: {one.fault}", 40))
            axis.text(
                0.5, 0.5, text, ha="center", va="center", fontsize=9, color="dimgray"
            )
        else:
            show(axis, one.fake, one.real, shade)


def show(axis: Any, fake: np.ndarray, real: np.ndarray | None, shade: Any) -> None:
    """Images as a grid; points over the data's, numbers as histograms."""
    if fake.ndim == 4:
        axis.imshow(tiled(fake), cmap="gray", vmin=0, vmax=255)
        return
    axis.axis("on")
    axis.tick_params(labelsize=8)
    sides = [(real, REAL, "real"), (fake, shade, "fake")]
    known = real if real is not None else fake
    reach = 1.3 * max(np.abs(np.nan_to_num(known)).max(), 1e-6)
    for points, color, _ in sides:
        if points is None:
            continue
        if points.shape[1] == 1:
            bins = np.linspace(-reach, reach, 61).tolist()
            axis.hist(points[:, 0], bins, color=color, alpha=0.6)
        else:
            axis.scatter(*points.T[:2], s=6, color=color, alpha=0.6, linewidths=0)
    axis.set_xlim(-reach, reach)
    if fake.shape[1] > 1:
        axis.set(ylim=(-reach, reach), aspect="equal")
        outside = int((~(np.abs(fake[:, :2]) <= reach).all(axis=1)).sum())
        axis.set_xlabel(
            f"grey: data; {outside} of {len(fake)} fakes outside", fontsize=8
        )


def tiled(images: np.ndarray) -> np.ndarray:
    """Images `[25, H, W, C]` in [-1, 1] as one picture, with white lines between."""
    pixels = np.pad(
        to_uint8(images),
        ((0, 0), (0, 1), (0, 1), (0, 0)),
        constant_values=255,
    )
    side = math.isqrt(len(images))
    count, height, width, channels = pixels.shape
    grid = pixels.reshape(side, count // side, height, width, channels)
    grid = grid.swapaxes(1, 2).reshape(side * height, -1, channels)[:-1, :-1]
    return grid[..., 0] if channels == 1 else grid
