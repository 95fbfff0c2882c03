"""The handwritten digits that come with scikit-learn."""

import jax
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored
from gan_jax.data.entry import DatasetEntry, TrainTest

COUNT, SIDE = 1797, 8
TRAINED_COUNT = 1437
"""How many of the scans a classifier is trained on; the other 360 are its test set."""


def digits(config: DatasetConfig) -> Dataset:
    """1,797 real 8x8 scans of handwritten digits.

    They come from the UCI repository, by way of scikit-learn.
    """
    side = config.resolution or SIDE
    channels = 3 if config.rgb else 1

    def read() -> Stored:
        from sklearn.datasets import load_digits

        pixels, label = load_digits(return_X_y=True)
        image = (pixels / 8 - 1).reshape(COUNT, SIDE, SIDE, 1).astype(np.float32)
        image = resize_images(image, side) if side != SIDE else image
        return Stored(image.repeat(channels, axis=-1), np.asarray(label, np.int32))

    names = tuple(map(str, range(10)))
    spec = Spec((side, side, channels), 10, COUNT, names)
    return Dataset(spec, read, flip=config.flip)


def resize_images(images: np.ndarray, side: int) -> np.ndarray:
    """Resize float32 `[N, H, W, C] -> [N, side, side, C]`, bilinear, antialiased."""
    shape = (len(images), side, side, images.shape[-1])
    return np.asarray(jax.image.resize(images, shape, "linear", antialias=True))


def train_test(config: DatasetConfig) -> TrainTest:
    """Return the first 1,437 scans to train on and the last 360 to test on."""
    data = digits(config)
    order = np.arange(len(data))
    return TrainTest(data, order[:TRAINED_COUNT], data, order[TRAINED_COUNT:])


SETS: dict[str, DatasetEntry] = {
    "digits": DatasetEntry(
        digits, reads=("resolution", "rgb", "flip"), train_test=train_test
    ),
}
