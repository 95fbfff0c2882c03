"""Measurements of what a run has come to: its samples, their quality, its losses."""

import dataclasses
from typing import Any

import jax
import numpy as np

from gan_jax.data import label_shares
from gan_jax.diagnostics.report.diagnosed_run import DiagnosedRun, column
from gan_jax.evaluate.reference import comparison_indices
from gan_jax.evaluate.sample_quality import mode_count
from gan_jax.logs.sample_plots import make_sampler
from gan_jax.run.monitor import make_sample_monitor
from gan_jax.types import Row

POINTS, IMAGES = 1000, 36
"""The number of examples of each kind that the page shows."""
MOST_ROWS = 500
"""The largest number of rows of a log that a chart of losses shows."""
LOGGED = ("d_loss", "g_loss", "real_logits", "fake_logits")
"""The columns of the log in the chart of losses."""


def measure_samples(run: DiagnosedRun) -> dict[str, Any]:
    """Return real examples and fakes of the final state, `[N, ...]` each.

    The fakes are those of the run's own pictures: they are made by the averaged
    generator from the same latents.
    """
    is_points = len(run.gan.data_shape) == 1
    count = min(POINTS if is_points else IMAGES, len(run.data))
    shares = label_shares(run.data) if is_points else None
    fakes = np.asarray(make_sampler(run.gan, count, shares)(run.state))
    real = run.data.get(comparison_indices(run.data, count, 0)).image
    return {"count": count, "real": np.asarray(jax.device_get(real)), "fake": fakes}


def measure_quality(run: DiagnosedRun) -> dict[str, Any]:
    """Return the diversity and the quality of samples, as a run logs them."""
    metrics = dataclasses.replace(run.config.metrics, names=())
    config = dataclasses.replace(run.config, metrics=metrics)
    measure = make_sample_monitor(config, run.gan, run.data, None, None)
    (numbers,) = measure(run.state).read()
    return numbers | {"mode_count": mode_count(config.dataset)}


def measure_losses(run: DiagnosedRun) -> dict[str, Any]:
    """Return both players' losses and D's mean logits, by step."""
    if not run.rows:
        raise ValueError("the run has logged nothing")
    rows = spread_rows(run.rows, MOST_ROWS)
    series = {name: column(rows, name).tolist() for name in LOGGED}
    return {"steps": [row["step"] for row in rows], **series}


def spread_rows(rows: list[Row], most: int) -> list[Row]:
    """Return at most `most` rows, spread evenly from the first to the last."""
    places = np.linspace(0, len(rows) - 1, most).round().astype(int)
    return [rows[place] for place in np.unique(places)]
