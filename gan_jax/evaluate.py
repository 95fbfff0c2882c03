"""From samples to numbers that can be compared: features, metrics, fingerprint."""

import dataclasses
import json
import warnings
import zipfile
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.checks import dataset
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import TFDS_SETS, TOYS, Dataset, Mixture
from gan_jax.data.cache import cache_folder
from gan_jax.data.core import ENDLESS
from gan_jax.features import EXTRACTORS, Extractor, Side, natural, side
from gan_jax.logs import write_atomically
from gan_jax.measures import METRICS, Comparison, Numbers, suited
from gan_jax.registry import choose
from gan_jax.types import Array

Fingerprint = dict[str, Any]
Sampler = Callable[[int, int], Array | np.ndarray]
"""`(first, count)` to the samples from the first on."""

COMPARED_FROM = 2**30
"""First index of the endless points that are compared with; few runs come so far."""
DEFAULT_N, DEFAULT_TOY_N = 10_000, 2_500


def count_of(config: DatasetConfig, data: Dataset, n: int | None) -> int:
    """How many examples of each side: n, or 2,500 of a toy, or 10,000 if there are."""
    size = data.spec.size
    if n is None:
        return DEFAULT_TOY_N if config.name in TOYS else min(DEFAULT_N, size)
    if not 2 <= n <= size:
        raise ValueError(
            f"n {n}: must be 2 to {size}, the examples of {config.name!r} "
            f"({config.split or 'train'}); lower it, or choose another split"
        )
    return n


def chosen(data: Dataset, n: int, turn: int) -> np.ndarray:
    """The indices `[n]` of the examples compared with: a fixed permutation's first.

    turn: of an endless set, 1 for others than 0 gives. Its points are taken at random,
    as those in a row have equally many of each mode.
    """
    rng = np.random.default_rng(turn)
    if data.spec.size == ENDLESS:
        return rng.integers(COMPARED_FROM, ENDLESS, n).astype(np.int32)
    return rng.permutation(data.spec.size)[:n]


def real_side(
    extractor: Extractor, config: DatasetConfig, data: Dataset, n: int, turn: int = 0
) -> Side:
    """The features of n examples, kept in the cache where a network makes them."""
    key = json.dumps(
        [extractor.name, extractor.weights, extractor.resize, n, turn]
        + sorted(dataclasses.asdict(config).items())
    )
    place = cache_folder() / f"features-{zlib.crc32(key.encode()):08x}.npz"
    if extractor.weights and (found := cached_side(place, key)) is not None:
        return found
    rows = np.array_split(chosen(data, n, turn), -(-n // extractor.batch))
    made = side(extractor, (data.get(indices).image for indices in rows))
    if extractor.weights:
        keep_side(place, key, made)
    return made


def cached_side(place: Path, key: str) -> Side | None:
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            p = stored["probabilities"] if "probabilities" in stored else None
            return Side(stored["features"], p)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def keep_side(place: Path, key: str, made: Side) -> None:
    arrays = {k: v for k, v in made._asdict().items() if v is not None}
    place.parent.mkdir(parents=True, exist_ok=True)
    arrays["key"] = np.array(key)
    write_atomically(place, lambda part: np.savez(part, **arrays))  # pyright: ignore


def held_out(config: DatasetConfig) -> DatasetConfig | None:
    """Data like these that no training on them has seen; None if there are none."""
    if config.name in TOYS:
        return config if config.size is None else None
    if config.name == "stacked_mnist":  # other triples of the same digits
        return dataclasses.replace(config, seed=config.seed + 1)
    trained = config.split is None or config.split.partition("[")[0] == "train"
    if trained and config.name in TFDS_SETS:
        return dataclasses.replace(config, split="test")
    return None


class Yardstick(NamedTuple):
    """What samples are compared with, and how.

    config: flips left out. n: examples of each side. real, others: features of examples
    and of held-out ones (None: there are none). mixture: the density of a toy.
    """

    config: Config
    n: int
    tool: Extractor
    metrics: dict[str, Callable[[Comparison], Numbers]]
    real: Side
    others: Side | None
    mixture: Mixture | None


def yardstick(
    config: Config,
    metrics: tuple[str, ...] | None = None,
    n: int | None = None,
    extractor: str | None = None,
    weights: str | None = None,
) -> Yardstick:
    """Choose, check and prepare what samples of a Config's data are compared with.

    metrics: names of METRICS; None: those that suit the data. n: examples of each side;
    None: 2,500 of toys, else 10,000 or all. extractor: of EXTRACTORS; None: cnn where
    the data have a classifier, else pixels. weights: Inception's file. Raises
    ValueError for names, counts and files that cannot be.
    """
    own = dataclasses.replace(config.dataset, flip=False)
    config = dataclasses.replace(config, dataset=own)
    data = dataset(config)
    n = count_of(own, data, n)
    name = extractor or natural(own)
    chosen_metrics = {
        metric: choose(METRICS, metric, "metrics")
        for metric in metrics or suited(own, name)
    }
    tool = choose(EXTRACTORS, name, "extractor")(own, weights)
    real, others = real_side(tool, own, data, n), None
    if (other := held_out(own)) is not None:
        data = dataset(dataclasses.replace(config, dataset=other))
        others = real_side(tool, other, data, min(n, data.spec.size), turn=1)
    mixture = TOYS[own.name](own) if own.name in TOYS else None
    return Yardstick(config, n, tool, chosen_metrics, real, others, mixture)


def compare(measure: Yardstick, sample: Sampler) -> Numbers:
    """The metrics of n samples."""
    n, batch = measure.n, measure.tool.batch
    parts = (sample(i, min(batch, n - i)) for i in range(0, n, batch))
    fake = side(measure.tool, parts)
    return numbers(measure.metrics, Comparison(measure.real, fake, *measure[-2:]))


def floor(measure: Yardstick) -> Numbers:
    """The metrics of held-out reals, what a perfect generator would reach, and their n.

    Where there are none, of one half of the reals against the other.
    """
    real, others = measure.real, measure.others
    if others is None:
        half = measure.n // 2
        others = first(real, half, half)
    n = len(others.features)
    sides = Comparison(first(real, n), others, None, measure.mixture)
    metrics = {k: v for k, v in measure.metrics.items() if k != "memorization"}
    return numbers(metrics, sides) | {"n": n}


def evaluate(
    measure: Yardstick, sample: Sampler | None, about: dict[str, Any]
) -> dict[str, Any]:
    """Compare samples with the data they should be like.

    sample: None to measure the floor alone. about: how the samples were made (EMA or
    not, seed). Returns `metrics`, the `floor`, `warnings`, and the `fingerprint`: only
    numbers with one fingerprint are comparable.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        found = None if sample is None else compare(measure, sample)
        least = floor(measure)
    return {
        "metrics": found,
        "floor": least,
        "warnings": sorted({str(one.message) for one in told}),
        "fingerprint": fingerprint(measure.tool, measure.config, measure.n, about),
    }


def numbers(
    metrics: dict[str, Callable[[Comparison], Numbers]], sides: Comparison
) -> Numbers:
    found: Numbers = {}
    for compute in metrics.values():
        found |= compute(sides)
    return found


def first(one: Side, count: int, start: int = 0) -> Side:
    part, p = slice(start, start + count), one.probabilities
    return Side(one.features[part], None if p is None else p[part])


def fingerprint(
    tool: Extractor, config: Config, n: int, about: dict[str, Any]
) -> Fingerprint:
    """All that two numbers must share to be compared."""
    data = config.dataset
    return {
        "extractor": tool.name,
        "weights": tool.weights,
        "about": tool.about,
        "resize": tool.resize,
        "dtype": "float32",
        "n_real": n,
        "n_fake": n,
        "dataset": data.name,
        "split": data.split or "train",
        "resolution": data.resolution,
        "rgb": data.rgb,
        **about,
        "versions": {name: version(name) for name in ("gan_jax", "jax", "numpy")},
    }


def require_one_fingerprint(rows: list[dict[str, Any]]) -> Fingerprint:
    """The fingerprint that results of `evaluate` share, or a ValueError.

    What goes into one column of a table must be comparable.
    """
    one, *others = (row["fingerprint"] for row in rows)
    for other in others:
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                raise ValueError(
                    f"{name}: {one.get(name)!r} and {other.get(name)!r} are not "
                    "comparable; evaluate all of them alike"
                )
    return one
