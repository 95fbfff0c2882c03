"""scikit-learn's handwritten digits, which come with the package."""

import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored, resized

COUNT, SIDE = 1797, 8


def digits(config: DatasetConfig) -> Dataset:
    """1,797 real 8x8 scans of handwritten digits (UCI, by way of scikit-learn)."""
    side = config.resolution or SIDE

    def read() -> Stored:
        from sklearn.datasets import load_digits

        pixels, label = load_digits(return_X_y=True)
        image = (pixels / 8 - 1).reshape(COUNT, SIDE, SIDE, 1).astype(np.float32)
        image = image if side == SIDE else resized(image, side)
        return Stored(image, label.astype(np.int32))

    return Dataset(Spec((side, side, 1), 10, COUNT), read, flip=config.flip)
