"""Charts of what a run has come to, as PNG bytes: its samples and its losses."""

import numpy as np

from gan_jax.diagnostics.report.charts import make_canvas, to_png
from gan_jax.diagnostics.report.diagnosed_run import Diagnosis
from gan_jax.logs.figure_style import (
    DISCRIMINATOR,
    FAKE,
    GENERATOR,
    GREY,
    REAL,
    legend_below,
)
from gan_jax.logs.grids import tile_pixels
from gan_jax.logs.images import to_uint8


def draw_samples(diagnosis: Diagnosis) -> bytes:
    """Draw real data on the left and generated samples on the right."""
    real, fake = diagnosis["samples"]["real"], diagnosis["samples"]["fake"]
    if real.ndim == 4:
        return draw_images(real, fake)
    return (
        draw_histograms(real, fake) if real.shape[1] == 1 else draw_points(real, fake)
    )


def draw_images(real: np.ndarray, fake: np.ndarray) -> bytes:
    """Draw images `[N, H, W, C]` in [-1, 1] as two grids."""
    figure, axes = make_canvas(2, height=3.0)
    for axis, title, images in zip(
        axes, ("real", "generated"), (real, fake), strict=True
    ):
        axis.imshow(tile_pixels(to_uint8(images)), cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    return to_png(figure)


def draw_points(real: np.ndarray, fake: np.ndarray) -> bytes:
    """Draw points `[N, D]` on two equal axes, the real ones also under the generated.

    Of points of more than two coordinates the first two are drawn.
    """
    real, fake = real[:, :2], fake[:, :2]
    figure, axes = make_canvas(2, height=3.4)
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
    return to_png(figure)


def draw_histograms(real: np.ndarray, fake: np.ndarray) -> bytes:
    """Draw numbers `[N, 1]` as two histograms over each other."""
    figure, (axis,) = make_canvas()
    finite = fake[np.isfinite(fake)]
    reach = 1.3 * np.abs(np.concatenate([real.ravel(), finite])).max(initial=1)
    bins = np.linspace(-reach, reach, 61).tolist()
    axis.hist(real[:, 0], bins, color=REAL, alpha=0.6, label="real")
    axis.hist(finite, bins, color=FAKE, alpha=0.6, label="generated")
    axis.set(xlabel="value", ylabel="number of examples")
    legend_below(axis)
    return to_png(figure)


def draw_losses(diagnosis: Diagnosis) -> bytes:
    """Draw losses on the left and D's mean logits on the right, over steps."""
    figure, axes = make_canvas(2, height=3.1)
    series = diagnosis["losses"]
    panels = (
        ("loss", {"d_loss": "D", "g_loss": "G"}, (DISCRIMINATOR, GENERATOR)),
        (
            "D's mean logit",
            {"real_logits": "real", "fake_logits": "generated"},
            (REAL, FAKE),
        ),
    )
    for axis, (title, names, colors) in zip(axes, panels, strict=True):
        for (name, label), color in zip(names.items(), colors, strict=True):
            values = np.array(series[name], float)
            finite = np.where(np.isfinite(values), values, np.nan)
            axis.plot(series["steps"], finite, color=color, lw=1, label=label)
        axis.set(xlabel="step (generator updates)")
        axis.set_title(title, fontsize=10)
        legend_below(axis, fontsize=9)
    return to_png(figure)
