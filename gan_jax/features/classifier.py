"""A small classifier of a labelled data set, trained once and kept in the cache.

Its last hidden layer gives features for distances, its probabilities count classes. A
number that rests on it is named by it: it is no FID.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
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
from gan_jax.data import DATASETS, TFDS_SETS, Dataset
from gan_jax.data.storage import cache_folder, cannot_write, keep_to_limit, mark_used
from gan_jax.terminal.progress import track
from gan_jax.types import Array

CLASSIFIED = ("digits", *TFDS_SETS)
"""The data sets that have a classifier."""
PRECISION = jax.lax.Precision.HIGHEST
"""Without it accelerators round what they multiply."""
SMALLEST = 8
"""Pixels a side, which are halved three times."""
VERSION = 1
"""Of the recipe below; other numbers, another classifier."""
BATCH, EPOCHS, LEARNING_RATE, SHIFT = 128, 6, 2e-3, 2
DIGITS_EPOCHS, DIGITS_TRAINED = 60, 1437
"""Digits have no test split: the last 360 of 1,797 scans are its test set."""


class Classifier(nn.Module):
    """Convolutions 3x3 of 32, 64, 128 channels (ReLU, 2x2 maximum), dense 128, dense K.

    `[B, H, W, C]` in [-1, 1] to features `[B, 128]` (after ReLU) and logits `[B, K]`.
    """

    classes: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        for width in (32, 64, 128):
            x = nn.relu(nn.Conv(width, (3, 3), precision=PRECISION)(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        flat = x.reshape(len(x), -1)
        features = nn.relu(nn.Dense(128, precision=PRECISION)(flat))
        return features, nn.Dense(self.classes, precision=PRECISION)(features)


class Trained(NamedTuple):
    """params: of `Classifier(classes)`. weights: their SHA-256. test_accuracy: share of
    the test examples that it names."""

    params: Any
    classes: int
    weights: str
    test_accuracy: float


def trained_classifier(config: DatasetConfig) -> Trained:
    """The classifier of a data set at its resolution; trained where it is not cached.

    Raises ValueError for a data set without one.
    """
    if config.name not in CLASSIFIED:
        raise ValueError(
            f"dataset.name {config.name!r}: has no classifier; there are ones of "
            f"{', '.join(CLASSIFIED)}; choose the extractor pixels or inception"
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
    return intact(place) or keep(place, *fit(*halves(plain)))


def halves(config: DatasetConfig) -> tuple[Dataset, np.ndarray, Dataset, np.ndarray]:
    """What it is trained on and tested on: a set and indices, twice."""
    load = DATASETS[config.name]
    train = load(config)
    if config.name == "digits":
        order = np.arange(len(train))
        return train, order[:DIGITS_TRAINED], train, order[DIGITS_TRAINED:]
    test = load(dataclasses.replace(config, split="test"))
    return train, np.arange(len(train)), test, np.arange(len(test))


def fit(
    train: Dataset, own: np.ndarray, test: Dataset, others: np.ndarray
) -> tuple[Any, int, float]:
    """Adam, cosine decay, images shifted by up to 2 pixels; params, classes, accuracy.

    A pure function of the data: weights, shifts and order come from fixed seeds.
    """
    classes = train.spec.label_count
    assert classes is not None
    net = Classifier(classes)
    epochs = DIGITS_EPOCHS if len(own) <= DIGITS_TRAINED else EPOCHS
    steps = epochs * (len(own) // BATCH)
    rate = optax.cosine_decay_schedule(LEARNING_RATE, steps)
    optimizer = optax.adam(rate)
    key = jax.random.key(0)
    params = net.init(key, jnp.zeros((1, *train.spec.shape)))
    state = params, optimizer.init(params)

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, image: Array, label: Array, key: Array) -> Any:
        params, memory = state
        grads = jax.grad(cross_entropy, argnums=1)(
            net, params, shifted(image, key), label
        )
        updates, memory = optimizer.update(grads, memory)
        return optax.apply_updates(params, updates), memory

    order = np.random.default_rng(0)
    rows = [order.permutation(own)[: steps // epochs * BATCH] for _ in range(epochs)]
    batches = np.concatenate(rows).reshape(steps, BATCH)
    for i, indices in enumerate(track(batches, "training the classifier")):
        image, label = train.get(indices)
        assert label is not None
        state = step(state, image, label, jax.random.fold_in(key, i))
    return state[0], classes, accuracy(net, state[0], test, others)


def judge(net: Classifier, params: Any, image: Array) -> tuple[Array, Array]:
    """Features `[B, 128]` and logits `[B, K]`."""
    return net.apply(params, image)  # pyright: ignore


def cross_entropy(net: Classifier, params: Any, image: Array, label: Array) -> Array:
    _, logits = judge(net, params, image)
    return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()


def shifted(image: Array, key: Array) -> Array:
    """Each image moved by up to SHIFT pixels (an eighth of its side) each way."""
    reach = min(SHIFT, image.shape[1] // 8)
    margin = (reach, reach)
    wide = jnp.pad(image, ((0, 0), margin, margin, (0, 0)), mode="edge")
    corners = jax.random.randint(key, (len(image), 2), 0, 2 * reach + 1)

    def cut(one: Array, corner: Array) -> Array:
        start = (corner[0], corner[1], 0)
        return jax.lax.dynamic_slice(one, start, image.shape[1:])

    return jax.vmap(cut)(wide, corners)


def accuracy(net: Classifier, params: Any, test: Dataset, rows: np.ndarray) -> float:
    """The share of examples whose most probable class is theirs."""

    @jax.jit
    def name(image: Array) -> Array:
        return judge(net, params, image)[1].argmax(axis=1)

    right = 0
    for start in range(0, len(rows), 500):
        image, label = test.get(rows[start : start + 500])
        assert label is not None
        right += int((np.asarray(name(image)) == np.asarray(label)).sum())
    return right / len(rows)


def hash_of(flat: dict[str, np.ndarray]) -> str:
    """SHA-256 of names, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(flat):
        digest.update(f"{name}{flat[name].shape}".encode())
        digest.update(np.ascontiguousarray(flat[name], np.float32).tobytes())
    return digest.hexdigest()


def keep(place: Path, params: Any, classes: int, test_accuracy: float) -> Trained:
    """Write a classifier beside its place in the cache, and rename it into it."""
    flat = {k: np.asarray(v) for k, v in flatten_dict(params, sep="/").items()}
    weights = hash_of(flat)
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
        if intact(place) is None:  # another process may have been first
            raise cannot_write(error) from None
    keep_to_limit(place)
    return Trained(params, classes, weights, test_accuracy)


def intact(place: Path) -> Trained | None:
    """A classifier in the cache, if it is there and whole."""
    try:
        facts = json.loads((place / "facts.json").read_text("utf-8"))
        weights = place / "weights.npz"
        with weights.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            flat = {name: stored[name] for name in stored.files}
        if hash_of(flat) != facts["weights"]:
            return None
        mark_used(place)
        params = jax.tree.map(jnp.asarray, unflatten_dict(flat, sep="/"))
        return Trained(
            params, facts["classes"], facts["weights"], facts["test_accuracy"]
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
