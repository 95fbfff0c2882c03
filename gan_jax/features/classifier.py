"""A small classifier of a labelled data set, trained once and kept in the cache.

Its last hidden layer gives features for distances, and its probabilities count classes.
A Frechet distance of these features is no FID, so every number records its extractor.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from gan_jax.config import DatasetConfig
from gan_jax.data import DATASETS, Dataset, TrainTest, dataset_entry
from gan_jax.data.storage import (
    cache_folder,
    cache_write_error,
    enforce_limit,
    mark_used,
)
from gan_jax.layers.lowering import ConvolutionSizes, matmul_convolve
from gan_jax.terminal.progress import track
from gan_jax.types import Array

PRECISION = jax.lax.Precision.HIGHEST
"""At a lower precision accelerators round the factors of products."""
SMALLEST = 8
"""The fewest pixels a side: the pools halve them three times."""
VERSION = 1
"""The version of the training recipe below; raise it when the recipe changes."""
BATCH, EPOCHS, LEARNING_RATE, SHIFT = 128, 6, 2e-3, 2
SMALL_SET, SMALL_SET_EPOCHS = 1437, 60
"""Up to so many examples, the training takes so many epochs instead of 6."""


def convolve_small_images(
    image: Array, kernel: Array, *others: Any, **options: Any
) -> Array:
    """Convolve as `jax.lax.conv_general_dilated` does; small images by a product.

    image: `[B, H, W, in]`, kernel: `[3, 3, in, out]`, result: `[B, H, W, out]`, with
    stride 1 and a border of zeros, as `Classifier` asks for. Images that are smaller
    than the kernel are cut into patches and multiplied, because XLA's convolution is
    slow there: on 2 CPU cores it takes 49 ms for 500 images of 2x2 pixels (64 channels
    to 128), the product 4 ms. From 3x3 pixels on the product is no faster.
    """
    size, sides = image.shape[1:3], kernel.shape[:2]
    if min(size) >= min(sides):
        return jax.lax.conv_general_dilated(image, kernel, *others, **options)
    with jax.default_matmul_precision("highest"):
        sizes = ConvolutionSizes(1, (1, 1), size, sides, size)
        return matmul_convolve(image, kernel, sizes)


class Classifier(nn.Module):
    """Three 3x3 convolutions of 32, 64 and 128 channels, and dense layers of 128 and K.

    Each convolution is followed by ReLU and a 2x2 maximum pool. Images `[B, H, W, C]`
    in [-1, 1] become features `[B, 128]` (after ReLU) and logits `[B, K]`. convolve:
    how the convolutions are computed; the training keeps XLA's, so that its weights
    stay those that earlier results name.
    """

    classes: int
    convolve: Callable[..., Array] = jax.lax.conv_general_dilated

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        for width in (32, 64, 128):
            layer = nn.Conv(
                width, (3, 3), precision=PRECISION, conv_general_dilated=self.convolve
            )
            x = nn.relu(layer(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        flat = x.reshape(len(x), -1)
        features = nn.relu(nn.Dense(128, precision=PRECISION)(flat))
        return features, nn.Dense(self.classes, precision=PRECISION)(features)


class Trained(NamedTuple):
    """A trained classifier.

    params: the parameters of `Classifier(classes)`. weights: their SHA-256.
    test_accuracy: the share of the test examples whose class it finds.
    """

    params: Any
    classes: int
    weights: str
    test_accuracy: float


def trained_classifier(config: DatasetConfig) -> Trained:
    """Return the classifier of a data set at its resolution.

    It is trained if it is not in the cache. Raises ValueError for a data set without a
    classifier, and for images of fewer than 8 pixels a side.
    """
    train_test = dataset_entry(config.name).train_test
    if train_test is None:
        classified = (k for k in DATASETS if dataset_entry(k).train_test is not None)
        raise ValueError(
            f"{config.name!r}: has no classifier ({', '.join(classified)} have one); "
            "choose the extractor lite0, inception or pixels"
        )
    plain = DatasetConfig(
        name=config.name, resolution=config.resolution, rgb=config.rgb
    )
    if (side := DATASETS[config.name](plain).spec.shape[0]) < SMALLEST:
        raise ValueError(
            f"dataset.resolution {side}: the classifier needs {SMALLEST} at least; "
            "choose the extractor pixels"
        )
    key = {"version": VERSION, **dataclasses.asdict(plain)}
    text = json.dumps(key, sort_keys=True)
    place = cache_folder() / f"classifier-{config.name}-{zlib.crc32(text.encode()):08x}"
    cached = read_classifier(place)
    return cached or write_classifier(place, *train_classifier(train_test(plain)))


def train_classifier(data: TrainTest) -> tuple[Any, int, float]:
    """Train a classifier; return its parameters, number of classes and test accuracy.

    It is trained by Adam with a cosine decay, on images shifted by up to 2 pixels. The
    result is a pure function of the data: the weights, the shifts and the order of the
    examples come from fixed seeds.
    """
    train, own = data.train, data.train_indices
    classes = train.spec.label_count
    assert classes is not None
    net = Classifier(classes)
    epochs = SMALL_SET_EPOCHS if len(own) <= SMALL_SET else EPOCHS
    steps = epochs * (len(own) // BATCH)
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))
    key = jax.random.key(0)
    params = net.init(key, jnp.zeros((1, *train.spec.shape)))
    state = params, optimizer.init(params)
    step = make_step(net, optimizer)
    order = np.random.default_rng(0)
    rows = [order.permutation(own)[: steps // epochs * BATCH] for _ in range(epochs)]
    batches = np.concatenate(rows).reshape(steps, BATCH)
    for i, indices in enumerate(track(batches, "training the classifier")):
        image, label = train.get(indices)
        assert label is not None
        state = step(state, image, label, jax.random.fold_in(key, i))
    accuracy = measure_accuracy(net, state[0], data.test, data.test_indices)
    return state[0], classes, accuracy


def make_step(
    net: Classifier, optimizer: optax.GradientTransformation
) -> Callable[..., Any]:
    """Return the compiled step `(state, image, label, key) -> state` of training."""

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, image: Array, label: Array, key: Array) -> Any:
        params, memory = state
        grads = jax.grad(cross_entropy, argnums=1)(
            net, params, shift_randomly(image, key), label
        )
        updates, memory = optimizer.update(grads, memory)
        return optax.apply_updates(params, updates), memory

    return step


def classify(net: Classifier, params: Any, image: Array) -> tuple[Array, Array]:
    """Return the features `[B, 128]` and the logits `[B, K]` of images."""
    return net.apply(params, image)  # pyright: ignore


def cross_entropy(net: Classifier, params: Any, image: Array, label: Array) -> Array:
    """Return the mean cross-entropy of a batch."""
    _, logits = classify(net, params, image)
    return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()


def shift_randomly(image: Array, key: Array) -> Array:
    """Move each image by up to 2 pixels (at most an eighth of its side) each way."""
    reach = min(SHIFT, image.shape[1] // 8)
    margin = (reach, reach)
    wide = jnp.pad(image, ((0, 0), margin, margin, (0, 0)), mode="edge")
    corners = jax.random.randint(key, (len(image), 2), 0, 2 * reach + 1)

    def crop(one: Array, corner: Array) -> Array:
        start = (corner[0], corner[1], 0)
        return jax.lax.dynamic_slice(one, start, image.shape[1:])

    return jax.vmap(crop)(wide, corners)


def measure_accuracy(
    net: Classifier, params: Any, test: Dataset, indices: np.ndarray
) -> float:
    """Return the share of the examples whose most probable class is their label."""

    @jax.jit
    def find_class(image: Array) -> Array:
        return classify(net, params, image)[1].argmax(axis=1)

    right = 0
    for start in range(0, len(indices), 500):
        image, label = test.get(indices[start : start + 500])
        assert label is not None
        right += int((np.asarray(find_class(image)) == np.asarray(label)).sum())
    return right / len(indices)


def hash_weights(flat: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 of names, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(flat):
        digest.update(f"{name}{flat[name].shape}".encode())
        digest.update(np.ascontiguousarray(flat[name], np.float32).tobytes())
    return digest.hexdigest()


def write_classifier(
    place: Path, params: Any, classes: int, test_accuracy: float
) -> Trained:
    """Write a classifier beside its place in the cache, and rename it into place."""
    flat = {k: np.asarray(v) for k, v in flatten_dict(params, sep="/").items()}
    weights = hash_weights(flat)
    facts = {"classes": classes, "test_accuracy": test_accuracy, "weights": weights}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=place.parent))
        try:
            np.savez(part / "weights.npz", **flat)  # pyright: ignore
            (part / "facts.json").write_text(json.dumps(facts, indent=1), "utf-8")
            if place.exists():
                shutil.rmtree(place)
            os.replace(part, place)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        if read_classifier(place) is None:  # another process may have been first
            raise cache_write_error(error) from None
    enforce_limit(place)
    return Trained(params, classes, weights, test_accuracy)


def read_classifier(place: Path) -> Trained | None:
    """Return the classifier in the cache, or None if it is missing or damaged."""
    try:
        facts = json.loads((place / "facts.json").read_text("utf-8"))
        weights = place / "weights.npz"
        with weights.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            flat = {name: stored[name] for name in stored.files}
        if hash_weights(flat) != facts["weights"]:
            return None
        mark_used(place)
        params = jax.tree.map(jnp.asarray, unflatten_dict(flat, sep="/"))
        return Trained(
            params, facts["classes"], facts["weights"], facts["test_accuracy"]
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
