"""Stacked digits: three of them are the channels of one image, which has 1,000 modes.

The digits are MNIST's (`stacked_mnist`), or scikit-learn's (`stacked_digits`).
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored, hash_arrays, hash_texts, to_float
from gan_jax.data.digits import SIDE as SCAN_SIDE
from gan_jax.data.digits import digits
from gan_jax.data.entry import DatasetEntry, Parts
from gan_jax.data.tfds import tfds_set
from gan_jax.types import Array, Batch

SIZE = 128_000
SIDE = 28
BORDER = 2
"""The black pixels around the digits of images of 32 pixels."""
SPLIT = "train+test"
"""The part of MNIST that the digits are taken from where `dataset.split` is None."""


class Triples(NamedTuple):
    """The digits, and which three of them each stacked image shows, `chosen [N, 3]`."""

    digits: Stored
    chosen: np.ndarray | Array


def stack(stored: Triples, indices: Array) -> Batch:
    """Return images `[..., H, W, 3]` of the digits a, b, c and their labels.

    The label is `100 a + 10 b + c`.
    """
    chosen = jnp.asarray(stored.chosen)[indices]
    assert stored.digits.label is not None
    image = jnp.moveaxis(jnp.asarray(stored.digits.image)[chosen, ..., 0], -3, -1)
    digit = jnp.asarray(stored.digits.label)[chosen]
    return Batch(to_float(image), digit @ jnp.array([100, 10, 1]))


def stacked_labels(stored: Triples) -> np.ndarray:
    """Return the label of each stacked image, `[N]`, as in `stack`."""
    return np.asarray(stored.digits.label)[stored.chosen] @ np.array([100, 10, 1])


def stacked_mnist(config: DatasetConfig) -> Dataset:
    """128,000 fixed triples of MNIST digits as RGB images: 1,000 modes.

    Image i shows the digits `default_rng(dataset.seed).integers(n, size=(size, 3))[i]`
    of the n = 70,000 of train and test together. Images of 32 pixels are digits of 28
    in a border of 2 black pixels, as in the published code; other sides are resized.
    Metz et al. 2017, arXiv 1611.02163; Lin et al. 2018, arXiv 1712.04086.
    """
    side = config.resolution or SIDE
    padded = has_border(config)
    plain = dataclasses.replace(
        config,
        name="mnist",
        split=config.split or SPLIT,
        resolution=None if padded else config.resolution,
        rgb=False,
    )
    return triples_of(tfds_set("mnist", plain), config, side, BORDER if padded else 0)


def stacked_digits(config: DatasetConfig) -> Dataset:
    """128,000 fixed triples of scikit-learn's 8x8 scans as RGB images: 1,000 modes.

    Image i shows the scans `default_rng(dataset.seed).integers(n, size=(size, 3))[i]`
    of the n = 1,797. It is `stacked_mnist` with small digits, for a CPU.
    """
    return triples_of(digits(digit_config("digits", config)), config, SCAN_SIDE)


def triples_of(
    source: Dataset, config: DatasetConfig, side: int, border: int = 0
) -> Dataset:
    """Return the images of `side` pixels that show three digits of `source` each.

    border: the black pixels that are put around each digit.
    """
    size = config.size or SIZE

    def read() -> Triples:
        image, label = source.on_host
        if border:
            margin = (border, border)
            image = np.pad(image, ((0, 0), margin, margin, (0, 0)))
        rng = np.random.default_rng(config.seed)
        chosen = rng.integers(len(image), size=(size, 3), dtype=np.int32)
        return Triples(Stored(image, label), chosen)

    def hash_content(triples: Triples) -> str:
        return hash_texts(source.fingerprint, str(side), hash_arrays(triples.chosen))

    spec = Spec((side, side, 3), 1000, size)
    return Dataset(spec, read, stack, stacked_labels, hash_content=hash_content)


def has_border(config: DatasetConfig) -> bool:
    """Return whether the digits stand in a border instead of being resized."""
    return config.resolution == SIDE + 2 * BORDER


def other_triples(trained: DatasetConfig, compared: DatasetConfig) -> DatasetConfig:
    """Return other triples of the same digits."""
    return dataclasses.replace(compared, seed=compared.seed + 1)


def digit_config(name: str, config: DatasetConfig) -> DatasetConfig:
    """Return the config of the digits at their size in the stacked images."""
    side = None if has_border(config) else config.resolution
    return DatasetConfig(name, resolution=side)


def separate_digits(config: DatasetConfig, image: Array) -> Array:
    """Return the three digits of images `[B, H, W, 3] -> [B, 3, H', W', 1]`."""
    if has_border(config):
        image = image[:, BORDER:-BORDER, BORDER:-BORDER]
    return jnp.moveaxis(image, -1, 1)[..., None]


SETS: dict[str, DatasetEntry] = {
    "stacked_mnist": DatasetEntry(
        stacked_mnist,
        reads=("split", "resolution", "size", "seed"),
        split=SPLIT,
        held_out=other_triples,
        parts=Parts(partial(digit_config, "mnist"), separate_digits),
    ),
    "stacked_digits": DatasetEntry(
        stacked_digits,
        reads=("size", "seed"),
        held_out=other_triples,
        parts=Parts(partial(digit_config, "digits"), separate_digits),
    ),
}
