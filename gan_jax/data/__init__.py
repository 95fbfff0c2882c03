"""Data sets by name: `DATASETS[name](config.dataset)`, `tfds:NAME`, `folder:PATH`."""

from collections.abc import Callable
from functools import partial

from gan_jax.config import DatasetConfig
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

IMAGES = ("split", "resolution", "rgb", "flip", "device_limit")
READS: dict[str, tuple[str, ...]] = {
    **{name: ("sigma", "size") for name in TOYS},
    "random_mixture": ("sigma", "size", "seed"),
    "digits": ("resolution", "rgb", "flip"),
    **dict.fromkeys((*TFDS_SETS, "tfds"), IMAGES),
    "folder": ("resolution", "flip", "skip_bad", "device_limit"),
    "stacked_mnist": ("split", "resolution", "size", "seed"),
}
"""The fields of the dataset group that each set reads, beside name and labels."""

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
    "gather",
    "indices_of",
    "label_shares",
    "log_density",
    "source",
    "supply",
]
