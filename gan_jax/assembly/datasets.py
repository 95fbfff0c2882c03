"""Finds the data set that a Config names."""

import math
import os

from gan_jax.assembly.registry import choose
from gan_jax.config import Config
from gan_jax.data import DATASETS, PREFIXES, Dataset


def find_dataset(config: Config) -> Dataset:
    """Return the data set that a Config names, without reading its examples.

    Raises ValueError for a data set that is unknown or not there.
    """
    prefix, colon, rest = config.dataset.name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](rest, config.dataset)
    if config.dataset.name not in DATASETS:
        refuse_bare_path(config.dataset.name)
    return choose(DATASETS, config.dataset.name, "dataset.name")(config.dataset)


def refuse_bare_path(name: str) -> None:
    """Raise a ValueError for a path in the place of a data set's name."""
    if os.path.isdir(os.path.expanduser(name)):
        raise ValueError(
            f"dataset.name {name!r:.200}: is a folder; write {'folder:' + name!r:.200}"
        )
    if name.startswith(("~", ".")) or "/" in name or "\\" in name:
        raise ValueError(
            f"dataset.name {name!r:.200}: is no data set, and there is no such folder; "
            "for a folder of pictures write folder:PATH"
        )


def require_enough_examples(config: Config, data: Dataset) -> None:
    """Raise a ValueError if a step takes more examples than the data set has."""
    per_step = config.batch_size * config.d_steps
    if per_step > len(data):
        unit = math.lcm(config.microbatches, config.model.pack)
        most = len(data) // config.d_steps // unit * unit
        remedy = f"set --batch-size {most}" if most else "lower d_steps"
        raise ValueError(
            f"batch_size {config.batch_size} x d_steps {config.d_steps} = {per_step} "
            f"exceeds the {len(data)} examples of {config.dataset.name!r}; {remedy}"
        )
