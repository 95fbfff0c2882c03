"""Prepares what samples are compared with, and computes their metrics."""

import dataclasses
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import choose
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import Dataset, Mixture, mixture_of
from gan_jax.evaluate.fingerprint import Fingerprint, make_fingerprint
from gan_jax.evaluate.metric import Comparison, Numbers, SampleMetric
from gan_jax.evaluate.metric_choice import choose_metrics
from gan_jax.evaluate.reference import (
    choose_count,
    held_out_dataset,
    other_features,
    real_features,
    set_features,
    split_name,
)
from gan_jax.features import (
    EXTRACTORS,
    Extractor,
    FeatureSet,
    default_extractor,
    extract_features,
)
from gan_jax.types import Array


class NamedSet(NamedTuple):
    """A set of examples that is no registered data set, and what it is called."""

    name: str
    data: Dataset

    @property
    def label(self) -> DatasetConfig:
        """The config of a data set of this name, which is not registered."""
        return DatasetConfig(self.name)


Sampler = Callable[[int, int], Array | np.ndarray]
"""`(first, count) -> samples [count, ...]`, from number `first` on."""

TRIED = 100
"""How many examples the metrics are tried on before anything is measured."""


class Evaluator(NamedTuple):
    """What samples are compared with, and how.

    n: the number of examples on each side.
    batch: how many samples are made at a time.
    extractor: makes the features.
    metrics: the metrics by name.
    real, held_out: features of examples, and of held-out ones (None: there are none).
    mixture: the density of a toy; None for other data.
    real_is_complete: whether `real` is the whole data set.
    fingerprint: what numbers must share to be comparable.
    notes: which metrics were left out, and why.
    read_others: reads n other examples of the same set, for a floor where nothing is
        held out; None where something is, or where the set has fewer than 2 n.
    """

    n: int
    batch: int
    extractor: Extractor
    metrics: dict[str, SampleMetric]
    real: FeatureSet
    held_out: FeatureSet | None
    mixture: Mixture | None
    real_is_complete: bool
    fingerprint: Fingerprint
    notes: tuple[str, ...] = ()
    read_others: Callable[[], FeatureSet] | None = None


def make_evaluator(
    config: Config,
    metrics: tuple[str, ...] | None = None,
    n: int | None = None,
    extractor: str | None = None,
    weights: str | None = None,
    *,
    split: str | None = None,
    other_set: NamedSet | None = None,
    tick: Callable[[int], None] = lambda count: None,
) -> Evaluator:
    """Choose, check and prepare what samples are compared with.

    config: names the data set that they are compared with.
    metrics: names of METRICS; None: those that suit the data and their number.
    n: the number of examples on each side; None: 2,500 of toys, else 10,000 or all.
    extractor: a name of EXTRACTORS, by default `default_extractor`.
    weights: the path of Inception's weight file.
    split: the part of the data compared with; None: what was trained on.
    other_set: a set of examples that is compared with in its place; the config's data
        set then chooses the features and the metrics alone.
    tick: called with the number of examples whenever some were read.
    Raises ValueError for names, counts, files and metrics that do not suit the data.
    """
    own = compared_dataset(config.dataset, split)
    data = find_dataset(Config(dataset=own)) if other_set is None else other_set.data
    other = held_out_dataset(config.dataset, own) if other_set is None else None
    size, label = data.spec.size, own if other_set is None else other_set.label
    n, name = choose_count(label, size, n), extractor or default_extractor(own)
    chosen, notes = choose_metrics(metrics, own, name, n, size)
    tool = choose(EXTRACTORS, name, "extractor")(own, weights)
    has_others = other is None and size >= 2 * n
    read_others = partial(other_features, tool, label, data, n, tick)
    evaluator = Evaluator(
        n=n,
        batch=min(tool.batch, config.batch_size),
        extractor=tool,
        metrics=chosen,
        real=set_features(tool, label, data, n, 0, tick),
        held_out=held_out_features(tool, other, n, tick),
        mixture=mixture_of(label),
        real_is_complete=n == size,
        fingerprint=make_fingerprint(tool, label, n, data.fingerprint),
        notes=notes,
        read_others=read_others if has_others else None,
    )
    return try_metrics(evaluator)


def held_out_features(
    extractor: Extractor,
    other: DatasetConfig | None,
    n: int,
    tick: Callable[[int], None],
) -> FeatureSet | None:
    """Return the features of n held-out examples; None if there are none."""
    if other is None:
        return None
    plain = dataclasses.replace(other, flip=False)
    return real_features(extractor, plain, n, 1, tick)[0]


def compared_dataset(config: DatasetConfig, split: str | None) -> DatasetConfig:
    """Return the data that samples are compared with: never mirrored, of one split.

    Raises ValueError for a split of data without splits.
    """
    if split is not None and split_name(config) == "all":
        raise ValueError(f"split {split!r}: {config.name} has no splits; leave it out")
    return dataclasses.replace(config, flip=False, split=split or config.split)


def try_metrics(evaluator: Evaluator) -> Evaluator:
    """Return the evaluator if its metrics can be computed of its data.

    They are tried on the first 100 real examples in place of samples, and raise
    ValueError for data that do not suit them.
    """
    some = take_examples(evaluator.real, min(evaluator.n, TRIED))
    held_out = evaluator.held_out and take_examples(evaluator.held_out, TRIED)
    tried = evaluator._replace(real=some, held_out=held_out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score_features(tried, some)
    return evaluator


def sample_features(evaluator: Evaluator, sample: Sampler) -> FeatureSet:
    """Return the features of n samples."""
    n, batch = evaluator.n, evaluator.batch
    parts = (sample(i, min(batch, n - i)) for i in range(0, n, batch))
    return extract_features(evaluator.extractor, parts)


def score_features(evaluator: Evaluator, fake: FeatureSet) -> Numbers:
    """Return the metrics of samples from their features."""
    comparison = Comparison(
        evaluator.real,
        fake,
        evaluator.held_out,
        evaluator.mixture,
        evaluator.real_is_complete,
    )
    return compute_metrics(evaluator.metrics.values(), comparison)


def compute_metrics(metrics: Iterable[SampleMetric], comparison: Comparison) -> Numbers:
    """Return the numbers of all metrics."""
    numbers: Numbers = {}
    for metric in metrics:
        numbers |= metric(comparison)
    return numbers


def take_examples(features: FeatureSet, count: int, start: int = 0) -> FeatureSet:
    """Return the features of `count` examples from `start` on."""
    part, p = slice(start, start + count), features.probabilities
    return FeatureSet(features.features[part], None if p is None else p[part])
