"""Examples to features: `EXTRACTORS[name](config.dataset, path) -> Extractor`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.storage import cache_folder
from gan_jax.features.classifier import (
    CLASSIFIED,
    Classifier,
    judge,
    trained_classifier,
)
from gan_jax.features.inception import extract
from gan_jax.features.weights import SHA256, inception_weights_path, load_inception
from gan_jax.types import Array


class Extractor(NamedTuple):
    """What a number rests on.

    weights: SHA-256 of the network's; empty for none. resize: what is done to the size
    of images. about: more, for people. batch: how many examples it is given at a time.
    extract: examples `[B, ...]` to features `[B, F]` and class probabilities `[B, K]`
    (Stacked MNIST: `[B, 3, 10]`, a digit for each channel; None without a classifier).
    """

    name: str
    weights: str
    resize: str
    about: str
    batch: int
    extract: Callable[[Array], tuple[Array, Array | None]]


class Side(NamedTuple):
    """Features `[N, F]` float32 and probabilities of one side of a comparison."""

    features: np.ndarray
    probabilities: np.ndarray | None


def pixels(config: DatasetConfig, path: str | None) -> Extractor:
    """The examples themselves, flattened: pixels in [-1, 1], or coordinates."""

    def flat(x: Array) -> tuple[Array, None]:
        return x.reshape(len(x), -1), None

    return Extractor("pixels", "", "none", "the examples as they are", 1000, flat)


def cnn(config: DatasetConfig, path: str | None) -> Extractor:
    """The project's classifier of this data set, trained on first use.

    Stacked MNIST: MNIST's, on each channel.
    """
    stacked = config.name == "stacked_mnist"
    side = None if config.resolution == 32 else config.resolution  # 28 in a border
    own = DatasetConfig("mnist", resolution=side) if stacked else config
    found = trained_classifier(own)
    net = Classifier(found.classes)

    def look(x: Array) -> tuple[Array, Array]:
        features, logits = judge(net, found.params, x)
        return features, jax.nn.softmax(logits)

    def look_at_each(x: Array) -> tuple[Array, Array]:
        x = x[:, 2:-2, 2:-2] if config.resolution == 32 else x
        channels = jnp.moveaxis(x, -1, 1)[..., None]
        features, p = look(channels.reshape(-1, *channels.shape[2:]))
        return features.reshape(len(x), -1), p.reshape(len(x), 3, -1)

    about = f"classifier of {own.name}, {found.test_accuracy:.2%} right on its test set"
    way = look_at_each if stacked else look
    return Extractor("cnn", found.weights, "none", about, 500, jax.jit(way))


def inception(config: DatasetConfig, path: str | None) -> Extractor:
    """Inception-v3 of the FID community; path: its weight file, None: the cache's."""
    variables = load_inception(path or inception_weights_path(cache_folder()))
    way = jax.jit(partial(extract, variables))
    about = "Inception-v3 (TensorFlow, 2015-12-05)"
    return Extractor(
        "inception", SHA256, "TensorFlow 1 bilinear to 299", about, 50, way
    )


def natural(config: DatasetConfig) -> str:
    """The extractor of a data set where none is chosen."""
    has_classifier = config.name in (*CLASSIFIED, "stacked_mnist")
    return "cnn" if has_classifier else "pixels"


def side(
    extractor: Extractor,
    batches: Iterable[Array | np.ndarray],
    tick: Callable[[int], None] = lambda count: None,
) -> Side:
    """What the extractor makes of examples that come in batches, on the host.

    tick: called with each batch's size when it is done.
    """
    found = []
    for batch in batches:
        found.append(jax.device_get(extractor.extract(jnp.asarray(batch))))
        tick(len(batch))
    features = np.concatenate([f for f, _ in found])
    given = [p for _, p in found if p is not None]
    return Side(features, np.concatenate(given) if given else None)


EXTRACTORS: dict[str, Callable[[DatasetConfig, str | None], Extractor]] = {
    "pixels": pixels,
    "cnn": cnn,
    "inception": inception,
}
