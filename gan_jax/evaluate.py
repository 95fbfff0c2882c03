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
from gan_jax.metrics import (
    energy_to_mixture,
    frechet_distance,
    inception_score,
    kernel_distance,
    kernel_distance_subsets,
    memorization_ratio,
    mode_report,
    precision_recall,
    sliced_wasserstein,
    stacked_modes,
)
from gan_jax.registry import choose
from gan_jax.types import Array

Numbers = dict[str, float]
Fingerprint = dict[str, Any]


class Comparison(NamedTuple):
    """What metrics are taken of.

    real, fake: features and probabilities. held_out: reals that no training saw, None
    if there are none. mixture: the density of toy data.
    """

    real: Side
    fake: Side
    held_out: Side | None
    mixture: Mixture | None


def fid(sides: Comparison) -> Numbers:
    """Frechet distance of the features (the FID, if they are Inception's)."""
    value = frechet_distance(sides.real.features, sides.fake.features)
    return {"frechet_distance": value}


def kid(sides: Comparison) -> Numbers:
    """Unbiased kernel distance: of all, and over 100 subsets with its standard error."""
    real, fake = sides.real.features, sides.fake.features
    size = min(1000, len(real), len(fake))
    mean, error = kernel_distance_subsets(real, fake, size=size)
    return {
        "kernel_distance": kernel_distance(real, fake),
        "kernel_distance_subsets": mean,
        "kernel_distance_standard_error": error,
    }


def prdc(sides: Comparison) -> Numbers:
    """Precision, recall, density and coverage, k = 5."""
    return precision_recall(sides.real.features, sides.fake.features)


def inception(sides: Comparison) -> Numbers:
    """Inception Score of the extractor's classes, 10 splits, with its deviation."""
    if sides.fake.probabilities is None or sides.fake.probabilities.ndim != 2:
        raise ValueError("metrics is: needs an extractor with classes: cnn, inception")
    mean, deviation = inception_score(sides.fake.probabilities)
    return {"inception_score": mean, "inception_score_deviation": deviation}


def modes(sides: Comparison) -> Numbers:
    """Modes covered: of a toy's mixture, of Stacked MNIST's 1,000, or classes."""
    fake, p = sides.fake.features, sides.fake.probabilities
    if sides.mixture is not None:
        centres, sigma, _ = sides.mixture
        if not 0 < sigma:
            raise ValueError("metrics modes: the data are points, with no width")
        return mode_report(fake, centres, sigma) | {
            "energy_distance": energy_to_mixture(fake, centres, sigma)
        }
    if p is None:
        raise ValueError("metrics modes: needs toy data, or the extractor cnn")
    if p.ndim == 3:
        return stacked_modes(p.argmax(axis=2), p.max(axis=2))
    counts = np.bincount(p.argmax(axis=1), minlength=p.shape[1])
    q = (counts + 1 / len(counts)) / (counts.sum() + 1)
    real = sides.real.probabilities
    assert real is not None
    shares = np.bincount(real.argmax(axis=1), minlength=p.shape[1]) + 1 / len(counts)
    return {
        "classes": int((counts > 0).sum()),
        "class_reverse_kl": float(np.sum(q * np.log(q / (shares / shares.sum())))),
    }


def swd(sides: Comparison) -> Numbers:
    """Sliced Wasserstein-1 distance, 128 directions."""
    value = sliced_wasserstein(sides.real.features, sides.fake.features)
    return {"sliced_wasserstein": value}


def memorization(sides: Comparison) -> Numbers:
    """Nearest training example: of fakes over that of held-out examples, in mean."""
    if sides.held_out is None:
        raise ValueError("metrics memorization: there are no held-out examples")
    three = (sides.real, sides.held_out, sides.fake)
    return {"memorization_ratio": memorization_ratio(*(s.features for s in three))}


METRICS: dict[str, Callable[[Comparison], Numbers]] = {
    "fid": fid,
    "kid": kid,
    "prdc": prdc,
    "is": inception,
    "modes": modes,
    "swd": swd,
    "memorization": memorization,
}


def suited(config: DatasetConfig, extractor: str) -> tuple[str, ...]:
    """The metrics taken where none are asked for."""
    if config.name in TOYS:
        return ("modes", "swd", "prdc")
    known = extractor == "cnn" and config.name != "stacked_mnist"
    return ("fid", "kid", "prdc", *(("is", "modes") if known else ("modes",)))


# The two sides of a comparison.

HELD_OUT_FROM = 2**30
"""First index of the endless points that are compared with; training begins elsewhere
(a run would have to draw 10^9 points to come here)."""
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


def chosen(data: Dataset, n: int, turn: int = 0) -> np.ndarray:
    """The indices `[n]` of the examples compared with: a fixed permutation's first.

    turn: of an endless set, 1 for others than 0 gives.
    """
    if data.spec.size == ENDLESS:
        return (HELD_OUT_FROM + turn * n + np.arange(n)).astype(np.int32)
    return np.random.default_rng(0).permutation(data.spec.size)[:n]


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
        with np.load(place, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            p = stored["probabilities"] if "probabilities" in stored else None
            return Side(stored["features"], p)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def keep_side(place: Path, key: str, made: Side) -> None:
    arrays = {k: v for k, v in made._asdict().items() if v is not None}
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, lambda part: np.savez(part, key=np.array(key), **arrays))


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


# Samples to numbers.


def evaluate(
    config: Config,
    sample: Callable[[int, int], Array] | None,
    *,
    metrics: tuple[str, ...] | None = None,
    n: int | None = None,
    extractor: str | None = None,
    weights: str | None = None,
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare samples with the data they should be like.

    sample: `(first, count)` to the samples from the first on; None: only the floor.
    metrics: names of METRICS; None: those that suit the data. n: examples of each side;
    None: 2,500 of toys, else 10,000 or all. extractor: of EXTRACTORS; None: cnn where
    the data have a classifier, else pixels. weights: Inception's file. about: what else
    tells how the samples were made.

    Returns `metrics`, the `floor` (the same of real against held-out real examples, with
    its own n), `warnings` and the `fingerprint`: numbers with different ones are not
    comparable. Raises ValueError for names, counts and files that cannot be.
    """
    data_config = dataclasses.replace(config.dataset, flip=False)
    data = dataset(dataclasses.replace(config, dataset=data_config))
    n = count_of(data_config, data, n)
    name = extractor or natural(data_config)
    names = metrics or suited(data_config, name)
    chosen_metrics = {m: choose(METRICS, m, "metrics") for m in names}
    tool = choose(EXTRACTORS, name, "extractor")(data_config, weights)
    mixture = TOYS[data_config.name](data_config) if data_config.name in TOYS else None
    real = real_side(tool, data_config, data, n)
    others = other_side(tool, config, n)
    found: dict[str, Any] = {
        "metrics": None,
        "floor": None,
        "warnings": [],
        "fingerprint": fingerprint(tool, config, n, about or {}),
    }
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        if sample is not None:
            starts = range(0, n, tool.batch)
            fake = side(tool, (sample(i, min(tool.batch, n - i)) for i in starts))
            sides = Comparison(real, fake, others, mixture)
            found["metrics"] = numbers(chosen_metrics, sides)
        if others is not None:
            least = min(n, len(others.features))
            sides = Comparison(first(real, least), first(others, least), None, mixture)
            chosen_metrics.pop("memorization", None)
            found["floor"] = numbers(chosen_metrics, sides) | {"n": least}
    found["warnings"] = sorted({str(one.message) for one in told})
    return found


def numbers(
    metrics: dict[str, Callable[[Comparison], Numbers]], sides: Comparison
) -> Numbers:
    found: Numbers = {}
    for compute in metrics.values():
        found |= compute(sides)
    return found


def first(one: Side, count: int) -> Side:
    p = one.probabilities
    return Side(one.features[:count], None if p is None else p[:count])


def other_side(tool: Extractor, config: Config, n: int) -> Side | None:
    """Held-out reals, n or as many as there are."""
    own = dataclasses.replace(config.dataset, flip=False)
    other = held_out(own)
    if other is None:
        return None
    data = dataset(dataclasses.replace(config, dataset=other))
    return real_side(tool, other, data, min(n, data.spec.size), turn=1)


def fingerprint(
    tool: Extractor, config: Config, n: int, about: dict[str, Any]
) -> Fingerprint:
    """All that two numbers must share to be compared."""
    data = config.dataset
    return {
        "extractor": tool.name,
        "weights": tool.weights,
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
    """The fingerprint that all results of `evaluate` share; a ValueError if they do not.

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
