"""The examples that samples are compared with, and their features."""

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import Dataset, dataset_entry, mixture_of
from gan_jax.data.core import ENDLESS
from gan_jax.data.storage import (
    cache_folder,
    cache_write_error,
    enforce_limit,
    mark_used,
)
from gan_jax.features import Extractor, FeatureSet, extract_features
from gan_jax.logs.files import write_atomically
from gan_jax.types import Batch

COMPARED_FROM = 2**30
"""The first index of the endless points that samples are compared with."""
DEFAULT_N, DEFAULT_TOY_N = 10_000, 2_500


def choose_count(config: DatasetConfig, size: int, n: int | None) -> int:
    """Return how many examples of each side are compared.

    size: how many examples there are. n: the number asked for; None: 2,500 of a toy,
    else 10,000 or all that there are.
    Raises ValueError for fewer than 2 and for more than there are.
    """
    if size < 2:
        raise ValueError(
            f"{config.name!r}: holds {size} example, and a comparison "
            "needs 2 at least; give more"
        )
    if n is None:
        toy = mixture_of(config) is not None
        return DEFAULT_TOY_N if toy else min(DEFAULT_N, size)
    if not 2 <= n <= size:
        raise ValueError(
            f"n {n}: must be 2 to {size}, the examples of {config.name!r} "
            f"({split_name(config)})"
        )
    return n


def split_name(config: DatasetConfig) -> str:
    """Return the part of the data that a config reads; "all" for data without parts."""
    entry = dataset_entry(config.name)
    return (config.split or entry.split) if "split" in entry.reads else "all"


def comparison_indices(data: Dataset, n: int, turn: int) -> np.ndarray:
    """Return the indices `[n]` of the examples that samples are compared with.

    They are the first n of a fixed permutation. turn: the seed of the permutation; two
    turns of an endless set give different examples.
    """
    rng = np.random.default_rng(turn)
    if data.spec.size == ENDLESS:
        return rng.integers(COMPARED_FROM, ENDLESS, n).astype(np.int32)
    return rng.permutation(data.spec.size)[:n]


def comparison_batches(data: Dataset, n: int, size: int, turn: int) -> list[Batch]:
    """Return about n of the examples compared with, in batches of `size`.

    There are as many whole batches as n holds, and at least one. A set that is smaller
    than a batch makes one batch. No batch is cut short, because the layers by which
    examples see each other depend on its size.
    """
    size = min(size, data.spec.size)
    count = max(min(n, data.spec.size) // size, 1)
    parts = comparison_indices(data, count * size, turn).reshape(count, size)
    return [jax.tree.map(jnp.asarray, data.get(part)) for part in parts]


def real_features(
    extractor: Extractor,
    config: DatasetConfig,
    n: int | None,
    turn: int,
    tick: Callable[[int], None] = lambda count: None,
) -> tuple[FeatureSet, str]:
    """Return the features of n examples (None: of all) and their set's fingerprint."""
    data = find_dataset(Config(dataset=config))
    return set_features(extractor, config, data, n, turn, tick), data.fingerprint


def set_features(
    extractor: Extractor,
    config: DatasetConfig,
    data: Dataset,
    n: int | None,
    turn: int,
    tick: Callable[[int], None] = lambda count: None,
    *,
    start: int = 0,
) -> FeatureSet:
    """Return the features of n examples of a set (None: of all).

    config: that of the set. start: how many examples of the turn come before them.
    Features that a network makes are kept in the cache. They
    are found again by the SHA-256 of all that the set holds, so those of a set that has
    changed are never used.
    """
    n = data.spec.size if n is None else min(n, data.spec.size)
    indices = comparison_indices(data, start + n, turn)[start:]
    key = json.dumps(
        [extractor.name, extractor.weights, extractor.resize, n, turn]
        + [data.fingerprint, *sorted(dataclasses.asdict(config).items())]
        + ([start] if start else [])
    )
    place = cache_folder() / f"features-{zlib.crc32(key.encode()):08x}.npz"
    if extractor.weights and (found := read_features(place, key)) is not None:
        tick(n)
        return found
    rows = np.array_split(indices, -(-n // extractor.batch))
    made = extract_features(extractor, (data.get(part).image for part in rows), tick)
    if extractor.weights:
        write_features(place, key, made)
    return made


def other_features(
    extractor: Extractor,
    config: DatasetConfig,
    data: Dataset,
    n: int,
    tick: Callable[[int], None],
) -> FeatureSet:
    """Return the features of n examples other than the n that are compared with.

    They are the next ones of the same permutation; an endless set has another turn.
    """
    if data.spec.size == ENDLESS:
        return set_features(extractor, config, data, n, 1, tick)
    return set_features(extractor, config, data, n, 0, tick, start=n)


def read_features(place: Path, key: str) -> FeatureSet | None:
    """Return the features of this key in the cache, or None if they are not there."""
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            mark_used(place)
            p = stored["probabilities"] if "probabilities" in stored else None
            return FeatureSet(stored["features"], p)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def write_features(place: Path, key: str, made: FeatureSet) -> None:
    """Write features into the cache, with their key and the time (UTC).

    The key says what they are of: the extractor, the set and the hash of its content.
    Raises OSError where the cache cannot be written.
    """
    arrays = {k: v for k, v in made._asdict().items() if v is not None}
    arrays["key"] = np.array(key)
    arrays["time"] = np.array(datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, lambda part: np.savez(part, **arrays))  # pyright: ignore
    except OSError as error:
        raise cache_write_error(error) from None
    enforce_limit(place)


def held_out_dataset(
    trained: DatasetConfig, compared: DatasetConfig
) -> DatasetConfig | None:
    """Return examples other than those compared with; None if there are none.

    Training on `trained` saw no more of them than of the compared ones. They are the
    test split of a TFDS set that was trained on train, fresh points of a toy, and other
    triples of the same digits of Stacked MNIST.
    """
    return dataset_entry(compared.name).held_out(trained, compared)


def unseen_dataset(config: DatasetConfig) -> DatasetConfig | None:
    """Return examples that training on these data has not seen; None if there are none.

    They are endless points of a toy, else those of `held_out_dataset`.
    """
    unseen = dataset_entry(config.name).unseen
    return held_out_dataset(config, config) if unseen is None else unseen(config)
