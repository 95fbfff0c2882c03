"""The values that a method begins from, by the data set named in its flags."""

from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from io import StringIO

import tyro

from gan_jax.build import method
from gan_jax.checks import dataset
from gan_jax.config import Config, DatasetConfig
from gan_jax.defaults import changed_values, method_for
from gan_jax.methods import METHODS


@dataclass(frozen=True)
class DataFlags:
    dataset: DatasetConfig


def base_of(name: str, arguments: list[str]) -> Config:
    """The method's Config for the data set that the arguments name.

    It has the values that suit these data. Where the arguments are wrong or the data
    are not there, all values are the method's own: what reads them next tells the
    reason.
    """
    own = method(name)
    try:
        return method_for(name, named_data(own, arguments))
    except (ValueError, OSError, SystemExit):
        return own


def named_data(base: Config, arguments: list[str]) -> DatasetConfig:
    """The data set of a Config, as the arguments change it.

    Raises SystemExit where they are wrong.
    """
    words = [word for word in arguments if word not in ("-h", "--help")]
    with redirect_stderr(StringIO()):
        flags, _ = tyro.cli(
            DataFlags,
            default=DataFlags(base.dataset),
            args=words,
            return_unknown_args=True,
            add_help=False,
        )
    return flags.dataset


def with_named_data(base: Config, arguments: list[str]) -> Config:
    """The Config with the data set that the arguments name; as it is where they are
    wrong or the data are not there."""
    try:
        named = replace(base, dataset=named_data(base, arguments))
        dataset(named)
    except (ValueError, OSError, SystemExit):
        return base
    return named


def print_changed_values(word: str, config: Config) -> None:
    """Say which values suit the data rather than the source, if the command's first
    word is a method and there are such values."""
    line = changed_values(word, config) if word in METHODS else ""
    if line:
        print(line, flush=True)
