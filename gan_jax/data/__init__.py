"""Data sets by name: `DATASETS[name](config.dataset)`, `tfds:NAME`, `folder:PATH`."""

import dataclasses
import os
from collections.abc import Callable
from functools import partial

from gan_jax.config import Config, DatasetConfig
from gan_jax.data.core import Dataset, Spec, Stored, batch_indices, gather
from gan_jax.data.digits import digits
from gan_jax.data.folder import folder_set
from gan_jax.data.shares import label_shares
from gan_jax.data.stacked_mnist import stacked_mnist
from gan_jax.data.supply import Source, indices_of, source, supply
from gan_jax.data.tfds import tfds_set
from gan_jax.data.toys import TOYS, Mixture, log_density, toy

PREFIXES: dict[str, Callable[[str, DatasetConfig], Dataset]] = {
    "tfds": tfds_set,
    "folder": folder_set,
}

TFDS_SETS = ("mnist", "fashion_mnist", "cifar10", "cifar100", "svhn_cropped")

DATASETS: dict[str, Callable[[DatasetConfig], Dataset]] = {
    **{name: partial(toy, mixture) for name, mixture in TOYS.items()},
    "digits": digits,
    **{name: partial(tfds_set, name) for name in TFDS_SETS},
    "stacked_mnist": stacked_mnist,
}


def with_absolute_path(config: Config) -> Config:
    """The Config with the folder of pictures it may name as an absolute path, so that
    it names the same folder from everywhere."""
    prefix, colon, path = config.dataset.name.partition(":")
    if not colon or prefix != "folder" or not path:
        return config
    name = f"folder:{os.path.abspath(os.path.expanduser(path))}"
    return dataclasses.replace(
        config, dataset=dataclasses.replace(config.dataset, name=name)
    )


IMAGES = ("split", "resolution", "rgb", "flip", "device_limit")
READS: dict[str, tuple[str, ...]] = {
    **{name: ("sigma", "size") for name in TOYS},
    "random_mixture": ("sigma", "size", "seed"),
    "digits": ("resolution", "rgb", "flip"),
    **dict.fromkeys((*TFDS_SETS, "tfds"), IMAGES),
    "folder": ("resolution", "flip", "skip_bad", "device_limit"),
    "stacked_mnist": ("split", "resolution", "size", "seed"),
}
"""The fields of the dataset group that each set reads, beside name and labels; a set
without an entry reads no others."""


def fields_of(name: str) -> tuple[str, ...]:
    """READS of a data set, by the whole name that a Config holds."""
    return READS.get(name.partition(":")[0], ())


__all__ = [
    "DATASETS",
    "PREFIXES",
    "READS",
    "TFDS_SETS",
    "TOYS",
    "Dataset",
    "Mixture",
    "Source",
    "Spec",
    "Stored",
    "batch_indices",
    "fields_of",
    "gather",
    "indices_of",
    "label_shares",
    "log_density",
    "source",
    "supply",
    "with_absolute_path",
]
