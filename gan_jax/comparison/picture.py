"""The picture of a comparison: curves over each other, samples beside each other."""

import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.comparison.entries import ComparedEntry
from gan_jax.logs.files import write_atomically
from gan_jax.logs.grids import tile_pixels
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
"""The numbers of samples that are drawn of each run."""
MOST_SAMPLES = 24
"""The largest number of runs whose samples are drawn."""
REAL = "#9a9a9a"


class Samples(NamedTuple):
    """What a generator makes, or why it cannot be shown.

    title: which GAN it is, and at which step. fake: the samples. real: examples of
    points `[N, 2]` to draw beneath; None for images. fault: why there are no samples.
    """

    title: str
    fake: np.ndarray | None
    real: np.ndarray | None
    fault: str = ""


def write_picture(
    path: Path,
    entries: Sequence[ComparedEntry],
    tell: Callable[[str], None] = lambda name: None,
) -> None:
    """Write the picture to a file.

    tell: called with the name of each run whose samples are about to be made.
    """
    from matplotlib.figure import Figure

    groups = [CurveGroup(entry.name, entry.rows) for entry in entries]
    logged = [group for group in groups if any(group.rows)]
    shades = distinct_colors(len(entries))
    samples = []
    for entry in entries[:MOST_SAMPLES]:
        tell(entry.name)
        samples.append(load_samples(entry))
    heights = (
        2.9 * (count_panel_rows(logged) if logged else 0),
        sample_height(len(samples)),
    )
    legend = 0.25 * len(groups)
    figure = Figure(
        figsize=(4 * COLUMNS, sum(heights) + 1 + legend), layout="constrained", dpi=100
    )
    if not logged:
        draw_sample_panels(figure, samples, shades, len(entries))
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
        draw_sample_panels(below, samples, shades, len(entries))
    write_atomically(path, figure.savefig)


def sample_height(count: int) -> float:
    """Return the height in inches of the panels of samples."""
    return 0.6 + 4.2 * math.ceil(count / COLUMNS)


def load_samples(entry: ComparedEntry) -> Samples:
    """Return samples of the averaged generator of an entry's first GAN.

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
    """Return examples of the data `[N, D]`, or None if the data are not there."""
    try:
        data = find_dataset(config)
    except ValueError:
        return None
    count = min(POINTS, len(data))
    return np.asarray(data.get(np.arange(count)).image)


def draw_sample_panels(
    figure: Any, samples: Sequence[Samples], shades: Sequence[Any], count: int
) -> None:
    """Draw a panel of samples for each run; count: the number of all runs."""
    rows = math.ceil(len(samples) / COLUMNS)
    axes = figure.subplots(rows, COLUMNS, squeeze=False)
    left_out = (
        f", {count - len(samples)} runs are left out" if count > len(samples) else ""
    )
    figure.suptitle(
        "Samples of the averaged generators, from the same latents where these have "
        f"one size{left_out}",
        fontsize=11,
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, own, shade in zip(axes.flat, samples, shades, strict=False):
        axis.set_title("\n".join(textwrap.wrap(own.title, 50)), color=shade, fontsize=9)
        if own.fake is None:
            text = "\n".join(textwrap.wrap(f"no samples: {own.fault}", 40))
            axis.text(
                0.5, 0.5, text, ha="center", va="center", fontsize=9, color="dimgray"
            )
        else:
            draw_samples(axis, own.fake, own.real, shade)


def draw_samples(
    axis: Any, fake: np.ndarray, real: np.ndarray | None, shade: Any
) -> None:
    """Draw images as a grid, points over the data's points, numbers as histograms."""
    if fake.ndim == 4:
        axis.imshow(tile_pixels(to_uint8(fake)), cmap="gray", vmin=0, vmax=255)
        return
    axis.axis("on")
    axis.tick_params(labelsize=8)
    reference = real if real is not None else fake
    reach = 1.3 * max(np.abs(np.nan_to_num(reference)).max(), 1e-6)
    for points, color in ((real, REAL), (fake, shade)):
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
