"""Charts of what a run has come to, as PNG bytes."""

import math
from typing import Any

import numpy as np

from gan_jax.diagnostics.report.charts import canvas, png
from gan_jax.logs.figure_style import (
    DISCRIMINATOR,
    FAKE,
    GENERATOR,
    GREY,
    REAL,
    legend_below,
)
from gan_jax.logs.images import to_uint8


def samples(found: dict[str, Any]) -> bytes:
    """Real data on the left, samples on the right."""
    real, fake = found["samples"]["real"], found["samples"]["fake"]
    if real.ndim == 4:
        return images(real, fake)
    return numbers(real, fake) if real.shape[1] == 1 else points(real, fake)


def images(real: np.ndarray, fake: np.ndarray) -> bytes:
    figure, axes = canvas(2, height=3.0)
    for axis, title, kind in zip(
        axes, ("real", "generated"), (real, fake), strict=True
    ):
        axis.imshow(tiled(to_uint8(kind)), cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    return png(figure)


def tiled(tiles: np.ndarray) -> np.ndarray:
    """`[N, H, W, C]` as one near-square picture, a white line between two tiles."""
    count, height, width, channels = tiles.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows, height + 1, columns, width + 1, channels), 255, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        sheet[row, :height, column, :width] = tile
    whole = sheet.reshape(rows * (height + 1), columns * (width + 1), channels)
    return whole[..., 0] if channels == 1 else whole


def points(real: np.ndarray, fake: np.ndarray) -> bytes:
    """Both on the same axes; the real points are under the generated ones as well.

    Of points of more coordinates the first two are shown.
    """
    real, fake = real[:, :2], fake[:, :2]
    figure, axes = canvas(2, height=3.4)
    reach = 1.3 * np.abs(real).max()
    left, right = axes
    left.scatter(*real.T, s=5, color=REAL, alpha=0.5, lw=0)
    right.scatter(*real.T, s=5, color=GREY, alpha=0.3, lw=0, label="real")
    right.scatter(*fake.T, s=5, color=FAKE, alpha=0.5, lw=0, label="generated")
    outside = int((~(np.abs(fake) <= reach).all(axis=1)).sum())
    beyond = f"\n{outside:,} of them out of view" if outside else ""
    left.set_title(f"{len(real):,} real points", fontsize=10)
    right.set_title(f"{len(fake):,} generated points{beyond}", fontsize=10)
    for axis in axes:
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    left.set(xlabel="first coordinate", ylabel="second coordinate")
    right.set_xlabel("first coordinate")
    legend_below(right, markerscale=3, fontsize=9)
    return png(figure)


def numbers(real: np.ndarray, fake: np.ndarray) -> bytes:
    figure, (axis,) = canvas()
    finite = fake[np.isfinite(fake)]
    reach = 1.3 * np.abs(np.concatenate([real.ravel(), finite])).max(initial=1)
    bins = np.linspace(-reach, reach, 61).tolist()
    axis.hist(real[:, 0], bins, color=REAL, alpha=0.6, label="real")
    axis.hist(finite, bins, color=FAKE, alpha=0.6, label="generated")
    axis.set(xlabel="value", ylabel="number of examples")
    legend_below(axis)
    return png(figure)


def losses(found: dict[str, Any]) -> bytes:
    """Losses on the left, D's mean logits on the right, over steps."""
    figure, axes = canvas(2, height=3.1)
    own = found["losses"]
    drawn = (
        ("loss", {"d_loss": "D", "g_loss": "G"}, (DISCRIMINATOR, GENERATOR)),
        (
            "D's mean logit",
            {"real_logits": "real", "fake_logits": "generated"},
            (REAL, FAKE),
        ),
    )
    for axis, (title, names, colors) in zip(axes, drawn, strict=True):
        for (name, label), color in zip(names.items(), colors, strict=True):
            values = np.array(own[name], float)
            finite = np.where(np.isfinite(values), values, np.nan)
            axis.plot(own["steps"], finite, color=color, lw=1, label=label)
        axis.set(xlabel="step (generator updates)")
        axis.set_title(title, fontsize=10)
        legend_below(axis, fontsize=9)
    return png(figure)
