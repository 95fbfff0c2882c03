"""Data sets by name: `DATASETS[name](config.dataset)`."""

from collections.abc import Callable

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored, batch_indices, gather
from gan_jax.data.digits import digits
from gan_jax.data.toys import grid, ring

DATASETS: dict[str, Callable[[DatasetConfig], Dataset]] = {
    "ring": ring,
    "grid": grid,
    "digits": digits,
}

__all__ = ["DATASETS", "Dataset", "Spec", "Stored", "batch_indices", "gather"]
