"""The data's side of a comparison: which examples, and their features."""

import dataclasses
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import TFDS_SETS, TOYS, Dataset, fields_of
from gan_jax.data.core import ENDLESS
from gan_jax.data.storage import cache_folder, cannot_write, keep_to_limit, mark_used
from gan_jax.features import Extractor, Side, side
from gan_jax.logs.files import write_atomically
from gan_jax.types import Batch

COMPARED_FROM = 2**30
"""First index of the endless points that are compared with."""
DEFAULT_N, DEFAULT_TOY_N = 10_000, 2_500


def count_of(config: DatasetConfig, data: Dataset, n: int | None) -> int:
    """How many examples of each side: n, or 2,500 of a toy, or 10,000 if there are."""
    size = data.spec.size
    if size < 2:
        raise ValueError(
            f"dataset.name {config.name!r}: holds {size} example, and a comparison "
            "needs 2 at least; give more"
        )
    if n is None:
        return DEFAULT_TOY_N if config.name in TOYS else min(DEFAULT_N, size)
    if not 2 <= n <= size:
        raise ValueError(
            f"n {n}: must be 2 to {size}, the examples of {config.name!r} "
            f"({split_of(config)}); lower it, or choose another split"
        )
    return n


def split_of(config: DatasetConfig) -> str:
    if "split" not in fields_of(config.name):
        return "all"
    default = "train+test" if config.name == "stacked_mnist" else "train"
    return config.split or default


def chosen(data: Dataset, n: int, turn: int) -> np.ndarray:
    """The indices `[n]` of the examples compared with: a fixed permutation's first.

    turn: of an endless set, 1 for others than 0 gives.
    """
    rng = np.random.default_rng(turn)
    if data.spec.size == ENDLESS:
        return rng.integers(COMPARED_FROM, ENDLESS, n).astype(np.int32)
    return rng.permutation(data.spec.size)[:n]


def in_batches(data: Dataset, n: int, size: int, turn: int) -> list[Batch]:
    """About n of the examples compared with: as many batches of this size as n holds.

    At least one; and a set that is smaller than a batch makes one. No batch is cut
    short, as layers by which examples see each other judge by its size.
    """
    size = min(size, data.spec.size)
    count = max(min(n, data.spec.size) // size, 1)
    parts = chosen(data, count * size, turn).reshape(count, size)
    return [jax.tree.map(jnp.asarray, data.get(part)) for part in parts]


def real_side(
    extractor: Extractor,
    config: DatasetConfig,
    n: int | None,
    turn: int,
    tick: Callable[[int], None] = lambda count: None,
) -> tuple[Side, str]:
    """The features of n examples (None: of all) and the fingerprint of their set.

    They are kept in the cache where a network makes them.
    """
    data = find_dataset(Config(dataset=config))
    n = data.spec.size if n is None else min(n, data.spec.size)
    indices = chosen(data, n, turn)
    content = data.fingerprint
    key = json.dumps(
        [extractor.name, extractor.weights, extractor.resize, n, turn, content]
        + sorted(dataclasses.asdict(config).items())
    )
    place = cache_folder() / f"features-{zlib.crc32(key.encode()):08x}.npz"
    if extractor.weights and (found := cached_side(place, key)) is not None:
        return found, content
    rows = np.array_split(indices, -(-n // extractor.batch))
    made = side(extractor, (data.get(part).image for part in rows), tick)
    if extractor.weights:
        keep_side(place, key, made)
    return made, content


def cached_side(place: Path, key: str) -> Side | None:
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            mark_used(place)
            p = stored["probabilities"] if "probabilities" in stored else None
            return Side(stored["features"], p)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def keep_side(place: Path, key: str, made: Side) -> None:
    arrays = {k: v for k, v in made._asdict().items() if v is not None}
    arrays["key"] = np.array(key)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, lambda part: np.savez(part, **arrays))  # pyright: ignore
    except OSError as error:
        raise cannot_write(error) from None
    keep_to_limit(place)


def held_out(trained: DatasetConfig, compared: DatasetConfig) -> DatasetConfig | None:
    """Examples other than those compared with, which training saw no more than them.

    TFDS sets trained on train: the test split. Toys: fresh points. Stacked MNIST: other
    triples, of the same digits. None if there are none.
    """
    if compared.name in TOYS:
        return compared if compared.size is None else None
    if compared.name == "stacked_mnist":
        return dataclasses.replace(compared, seed=compared.seed + 1)
    splits = (trained.split or "train", compared.split or "train")
    plain = all(re.fullmatch(r"train(\[[^]]*\])?", split) for split in splits)
    if compared.name in TFDS_SETS and plain:
        return dataclasses.replace(compared, split="test")
    return None


def unseen(config: DatasetConfig) -> DatasetConfig | None:
    """Reals that a D trained on such data has not met; None if there are none.

    Of toys endless points, else those of `held_out`.
    """
    if config.name in TOYS:
        return dataclasses.replace(config, size=None)
    return held_out(config, config)
