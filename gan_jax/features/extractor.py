"""What an extractor of features is, and what it makes of examples."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data import DatasetEntry
from gan_jax.types import Array


class Extractor(NamedTuple):
    """A function of examples to features, with what identifies its numbers.

    weights: SHA-256 of the network's weights; empty if there is no network.
    resize: how the size of images is changed.
    about: a description for people.
    batch: how many examples it is given at a time.
    extract: examples `[B, ...]` to features `[B, F]` and class probabilities `[B, K]`.
        The probabilities of examples made of P parts are `[B, P, K]`; they are None
        without a classifier.
    """

    name: str
    weights: str
    resize: str
    about: str
    batch: int
    extract: Callable[[Array], tuple[Array, Array | None]]


class FeatureSet(NamedTuple):
    """Features `[N, F]` float32 of examples, and their class probabilities or None."""

    features: np.ndarray
    probabilities: np.ndarray | None


def classifier_metrics(data: DatasetEntry) -> tuple[str, ...]:
    """Return the metrics that suit features and class probabilities.

    Examples made of parts have a distribution for each part, of which there is no
    Inception Score.
    """
    scored = () if data.parts is not None else ("is",)
    return ("fid", "kid", "prdc", *scored, "modes")


@dataclass(frozen=True)
class ExtractorEntry:
    """Everything about a registered extractor; it is called as its `make` is.

    make: `(DatasetConfig, path of the weights or None) -> Extractor`.
    metrics: `DatasetEntry -> names` of the metrics that are taken by default.
    """

    make: Callable[[DatasetConfig, str | None], Extractor]
    metrics: Callable[[DatasetEntry], tuple[str, ...]] = classifier_metrics

    def __call__(self, *arguments: Any) -> Extractor:
        return self.make(*arguments)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.make.__doc__)


def as_extractor_entry(entry: Any) -> ExtractorEntry:
    """Return an entry of EXTRACTORS, which may be a plain function, with its facts."""
    return entry if isinstance(entry, ExtractorEntry) else ExtractorEntry(entry)


def extract_features(
    extractor: Extractor,
    batches: Iterable[Array | np.ndarray],
    tick: Callable[[int], None] = lambda count: None,
) -> FeatureSet:
    """Return the features of examples that come in batches, on the host.

    tick: called with each batch's size when it is done.
    """
    extracted = []
    for batch in batches:
        extracted.append(jax.device_get(extractor.extract(jnp.asarray(batch))))
        tick(len(batch))
    features = np.concatenate([f for f, _ in extracted])
    given = [p for _, p in extracted if p is not None]
    return FeatureSet(features, np.concatenate(given) if given else None)
