"""Sets of points, and metrics of two sets, that tests of metrics share."""

import numpy as np
from scipy.spatial.distance import cdist

from gan_jax import metrics
from gan_jax.metrics import inputs


def accelerate(monkeypatch):
    """From here on, the accelerator's float32 program, compiled for the CPU."""
    monkeypatch.setattr(inputs, "suits_accelerator", lambda *features: True)


def sets(n=150, m=130, width=8, seed=0):
    """Two overlapping, correlated Gaussian sets, off the origin."""
    rng = np.random.default_rng(seed)
    mix = np.eye(width) + rng.normal(size=(width, width)) / 4
    real = rng.normal(size=(n, width)) @ mix + 1
    return real, 1.1 * rng.normal(size=(m, width)) @ mix + 1.2


def circle(count=8):
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def grid():
    return np.stack(np.meshgrid(*[np.arange(-4, 5, 2.0)] * 2), axis=-1).reshape(-1, 2)


def mixture(centres, sigma, count, rng, p=None):
    which = rng.choice(len(centres), count, p=p)
    return centres[which] + sigma * rng.normal(size=(count, centres.shape[1]))


def prdc_oracle(real, fake, k):
    """The definition, from explicit differences."""

    def radii(points):
        distances = cdist(points, points)
        np.fill_diagonal(distances, np.inf)
        return np.sort(distances, axis=1)[:, k - 1]

    distances, r, s = cdist(real, fake), radii(real), radii(fake)
    inside = distances < r[:, None]
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": (distances < s[None]).any(axis=1).mean(),
        "density": inside.sum() / (k * len(fake)),
        "coverage": (distances.min(axis=1) < r).mean(),
    }


def softmax(logits):
    e = np.exp(logits)
    return e / e.sum(axis=1)[:, None]


TWO_SETS = {
    "frechet_distance": metrics.frechet_distance,
    "kernel_distance": metrics.kernel_distance,
    "precision_recall": lambda x, y: metrics.precision_recall(x, y)["density"],
    "sliced_wasserstein": metrics.sliced_wasserstein,
    "rbf_mmd": metrics.rbf_mmd,
    "energy_distance": metrics.energy_distance,
    "nearest_distances": lambda x, y: float(metrics.nearest_distances(x, y).mean()),
    "diversity": metrics.diversity,
}
