"""Stacked MNIST: three digits as the channels of one image, 1,000 modes."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored, hash_arrays, hash_texts, to_float
from gan_jax.data.tfds import tfds_set
from gan_jax.types import Array, Batch

SIZE = 128_000
SIDE = 28


class Triples(NamedTuple):
    """The digits, and for each stacked image which three it shows, `[N, 3]`."""

    digits: Stored
    chosen: np.ndarray | Array


def stack(stored: Triples, indices: Array) -> Batch:
    """`[..., H, W, 3]` and the label `100 a + 10 b + c` of the digits a, b, c."""
    chosen = jnp.asarray(stored.chosen)[indices]
    assert stored.digits.label is not None
    image = jnp.moveaxis(jnp.asarray(stored.digits.image)[chosen, ..., 0], -3, -1)
    digit = jnp.asarray(stored.digits.label)[chosen]
    return Batch(to_float(image), digit @ jnp.array([100, 10, 1]))


def labels(stored: Triples) -> np.ndarray:
    """The label of each stacked image, `[N]`, as in `stack`."""
    return np.asarray(stored.digits.label)[stored.chosen] @ np.array([100, 10, 1])


def stacked_mnist(config: DatasetConfig) -> Dataset:
    """128,000 fixed triples of MNIST digits as RGB: 1,000 modes (PacGAN, VEEGAN).

    Image i shows the digits `default_rng(dataset.seed).integers(n, size=(size, 3))[i]`
    of the n = 70,000 of train and test together. 32 pixels: 28 in a border of 2 black
    ones, as in the published code; other sides are resized.
    """
    side = config.resolution or SIDE
    padded = side == 32
    plain = dataclasses.replace(
        config,
        name="mnist",
        split=config.split or "train+test",
        resolution=None if padded else config.resolution,
        rgb=False,
    )
    mnist = tfds_set("mnist", plain)
    size = config.size or SIZE

    def read() -> Triples:
        image, label = mnist.on_host
        if padded:
            image = np.pad(image, ((0, 0), (2, 2), (2, 2), (0, 0)))
        rng = np.random.default_rng(config.seed)
        chosen = rng.integers(len(image), size=(size, 3), dtype=np.int32)
        return Triples(Stored(image, label), chosen)

    def hash_content(triples: Triples) -> str:
        return hash_texts(mnist.fingerprint, str(side), hash_arrays(triples.chosen))

    spec = Spec((side, side, 3), 1000, size)
    return Dataset(spec, read, stack, labels, hash_content=hash_content)
