"""scikit-learn's handwritten digits, which come with the package."""

import jax
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored

COUNT, SIDE = 1797, 8


def digits(config: DatasetConfig) -> Dataset:
    """1,797 real 8x8 scans of handwritten digits (UCI, by way of scikit-learn)."""
    side = config.resolution or SIDE
    channels = 3 if config.rgb else 1

    def read() -> Stored:
        from sklearn.datasets import load_digits

        pixels, label = load_digits(return_X_y=True)
        image = (pixels / 8 - 1).reshape(COUNT, SIDE, SIDE, 1).astype(np.float32)
        image = resized(image, side) if side != SIDE else image
        return Stored(image.repeat(channels, axis=-1), np.asarray(label, np.int32))

    names = tuple(map(str, range(10)))
    spec = Spec((side, side, channels), 10, COUNT, names)
    return Dataset(spec, read, flip=config.flip)


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """float32 `[N, H, W, C] -> [N, side, side, C]`, bilinear, antialiased."""
    shape = (len(images), side, side, images.shape[-1])
    return np.asarray(jax.image.resize(images, shape, "linear", antialias=True))
