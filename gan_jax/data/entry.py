"""Everything about a registered data set, in one object."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data.core import Dataset
from gan_jax.data.mixture import Mixture
from gan_jax.types import Array


class TrainTest(NamedTuple):
    """The examples that a classifier is trained on, and those that it is tested on.

    Each kind is a data set and the indices `[N]` of its examples.
    """

    train: Dataset
    train_indices: np.ndarray
    test: Dataset
    test_indices: np.ndarray


class Parts(NamedTuple):
    """How an example is made of P examples of another data set.

    config: `DatasetConfig -> DatasetConfig` of that other data set.
    separate: `(DatasetConfig, images [B, H, W, C]) -> parts [B, P, H', W', C']`.
    """

    config: Callable[[DatasetConfig], DatasetConfig]
    separate: Callable[[DatasetConfig, Array], Array]


def no_held_out_config(trained: DatasetConfig, compared: DatasetConfig) -> None:
    """Return None: no example is held out."""
    return None


@dataclass(frozen=True)
class DatasetEntry:
    """Everything about a registered data set, in one place.

    An entry is called as its `make` is. It needs no more than `make`; a plain function
    in DATASETS or PREFIXES is an entry that reads the fields that READS lists.

    make: `DatasetConfig -> Dataset`. An entry of PREFIXES takes the rest of the name
        first: `("PATH", DatasetConfig) -> Dataset` for `folder:PATH`.
    reads: The fields of the config's `dataset` group that it reads, beside `name` and
        `labels`.
    split: The part of the data that it reads where `dataset.split` is None. It counts
        only if `reads` has "split".
    mixture: `DatasetConfig -> Mixture`: the exact density of a toy; None for data whose
        density is not known.
    held_out: `(trained, compared) -> DatasetConfig` of examples that are not among the
        compared ones, and that training on `trained` saw no more than them; None if
        there are none.
    unseen: `DatasetConfig -> DatasetConfig` of examples that training on these data has
        not seen; None: `held_out` of the same data.
    train_test: `DatasetConfig -> TrainTest` for the classifier of this data set; None:
        it has no classifier of its own.
    parts: How each example is made of examples of a data set that has a classifier.
    metrics: The names of the metrics that are taken by default; None: the extractor
        chooses them.
    doc: What the data are, where the docstring of `make` does not say it.
    """

    make: Callable[..., Dataset]
    reads: tuple[str, ...] = ()
    split: str = "train"
    mixture: Callable[[DatasetConfig], Mixture] | None = None
    held_out: Callable[[DatasetConfig, DatasetConfig], DatasetConfig | None] = (
        no_held_out_config
    )
    unseen: Callable[[DatasetConfig], DatasetConfig | None] | None = None
    train_test: Callable[[DatasetConfig], TrainTest] | None = None
    parts: Parts | None = None
    metrics: tuple[str, ...] | None = None
    doc: str | None = None

    def __call__(self, *arguments: Any) -> Dataset:
        return self.make(*arguments)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.doc or self.make.__doc__)
