"""Two-dimensional mixtures of Gaussians with known modes."""

import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored

SIZE = 100_000


def mixture(centres: np.ndarray, sigma: float) -> Dataset:
    """100,000 fixed points; point i is mode `i % K`, its label, plus sigma N(0, I)."""

    def read() -> Stored:
        label = np.arange(SIZE) % len(centres)
        noise = np.random.default_rng(0).standard_normal((SIZE, 2))
        points = centres[label] + sigma * noise
        return Stored(points.astype(np.float32), label.astype(np.int32))

    return Dataset(Spec((2,), len(centres), SIZE), read)


def ring(config: DatasetConfig) -> Dataset:
    """8 Gaussians on a circle of radius 1, at 2 pi i / 8, sigma 0.01 (PacGAN)."""
    angle = 2 * np.pi * np.arange(8) / 8
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return mixture(centres, config.sigma or 0.01)


def grid(config: DatasetConfig) -> Dataset:
    """25 Gaussians on a 5 x 5 grid over [-4, 4]^2, sigma 0.05 (PacGAN)."""
    side = np.linspace(-4, 4, 5)
    centres = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return mixture(centres, config.sigma or 0.05)
