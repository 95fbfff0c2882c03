"""Data sets by name: `DATASETS[name](config.dataset)`, `tfds:NAME`, `folder:PATH`.

To add a data set, write `DatasetConfig -> Dataset` and a line in the SETS of its file,
or `DATASETS["mine"] = DatasetEntry(mine, reads=("size",))` in a file of your own.
"""

import dataclasses
import os
from collections.abc import Callable

from gan_jax.config import Config, DatasetConfig
from gan_jax.data import digits, folder, stacked_images, tfds, toys
from gan_jax.data.batch_order import batch_indices
from gan_jax.data.batch_source import (
    BatchSource,
    make_batch_source,
    step_indices,
    stream_batches,
)
from gan_jax.data.core import Dataset, Spec, Stored, gather
from gan_jax.data.entry import DatasetEntry, TrainTest
from gan_jax.data.mixture import Mixture, distinct_centres, has_modes, log_density
from gan_jax.data.shares import label_shares
from gan_jax.data.toys import TOYS

DATASETS: dict[str, DatasetEntry | Callable[[DatasetConfig], Dataset]] = {
    **toys.SETS,
    **digits.SETS,
    **tfds.SETS,
    **stacked_images.SETS,
}
PREFIXES: dict[str, DatasetEntry | Callable[[str, DatasetConfig], Dataset]] = {
    **tfds.PREFIXES,
    **folder.PREFIXES,
}
"""Families of data sets: the part of a name before its colon."""
READS: dict[str, tuple[str, ...]] = {}
"""The fields that a plain function in DATASETS or PREFIXES reads, by its name, beside
`name` and `labels`; a DatasetEntry says this itself."""


def dataset_entry(name: str) -> DatasetEntry:
    """Return everything about a data set, by the whole name that a Config holds.

    An unknown name has an entry that reads no fields and makes no data.
    """
    prefix, colon, _ = name.partition(":")
    family = bool(colon) and prefix in PREFIXES
    key = prefix if family else name
    entry = (PREFIXES if family else DATASETS).get(key, make_nothing)
    if isinstance(entry, DatasetEntry):
        return entry
    return DatasetEntry(entry, READS.get(key, ()), mixture=TOYS.get(key))


def make_nothing(config: DatasetConfig) -> Dataset:
    """Raise a KeyError: there is no data set of this name."""
    raise KeyError(config.name)


def dataset_fields(name: str) -> tuple[str, ...]:
    """Return the fields that a data set reads, by the whole name in a Config."""
    return dataset_entry(name).reads


def mixture_of(config: DatasetConfig) -> Mixture | None:
    """Return the exact density of a toy; None for other data."""
    mixture = dataset_entry(config.name).mixture
    return None if mixture is None else mixture(config)


def with_absolute_path(config: Config) -> Config:
    """Return the Config with the path of a `folder:PATH` made absolute.

    So it names the same folder whatever directory a program runs in.
    """
    prefix, colon, path = config.dataset.name.partition(":")
    if not colon or prefix != "folder" or not path:
        return config
    name = f"folder:{os.path.abspath(os.path.expanduser(path))}"
    return dataclasses.replace(
        config, dataset=dataclasses.replace(config.dataset, name=name)
    )


__all__ = [
    "DATASETS",
    "PREFIXES",
    "READS",
    "TOYS",
    "Dataset",
    "DatasetEntry",
    "Mixture",
    "BatchSource",
    "Spec",
    "Stored",
    "TrainTest",
    "batch_indices",
    "dataset_entry",
    "dataset_fields",
    "distinct_centres",
    "gather",
    "has_modes",
    "step_indices",
    "label_shares",
    "log_density",
    "mixture_of",
    "make_batch_source",
    "stream_batches",
    "with_absolute_path",
]
