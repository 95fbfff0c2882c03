"""What a run has come to: samples beside real data, and its losses."""

from typing import Any

import jax
import numpy as np

from gan_jax.data import label_shares
from gan_jax.diagnostics.report.case import Case, numbers_of
from gan_jax.evaluate.reference import comparison_indices
from gan_jax.logs.sample_plots import sampler

POINTS, IMAGES = 1000, 36
"""Examples of each kind that are shown."""
MOST_ROWS = 500
"""Rows of a log that a chart shows, at most."""
COURSES = ("d_loss", "g_loss", "real_logits", "fake_logits")


def measured_samples(case: Case) -> dict[str, Any]:
    """Real examples and fakes of the final state, `[N, ...]` each.

    The fakes are those of the run's own pictures: of the averaged generator, with the
    same latents.
    """
    points = len(case.gan.data_shape) == 1
    count = min(POINTS if points else IMAGES, len(case.data))
    shares = label_shares(case.data) if points else None
    fakes = np.asarray(sampler(case.gan, count, shares)(case.state))
    real = case.data.get(comparison_indices(case.data, count, 0)).image
    return {"count": count, "real": np.asarray(jax.device_get(real)), "fake": fakes}


def measured_losses(case: Case) -> dict[str, Any]:
    """Both players' losses and D's mean logits, by step."""
    if not case.rows:
        raise ValueError("the run has logged nothing")
    some = np.unique(np.linspace(0, len(case.rows) - 1, MOST_ROWS).round().astype(int))
    rows = [case.rows[i] for i in some]
    series = {name: numbers_of(rows, name).tolist() for name in COURSES}
    return {"steps": [row["step"] for row in rows], **series}
