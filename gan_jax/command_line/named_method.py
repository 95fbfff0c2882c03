"""The Config that a method begins from, by the data set that its flags name."""

from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from io import StringIO

import tyro

from gan_jax.assembly.assemble import find_method
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.method_defaults import describe_changed_values, method_for
from gan_jax.config import Config, DatasetConfig, PenaltyConfig
from gan_jax.methods import METHODS


@dataclass(frozen=True)
class DataAndPenalty:
    """What the values that suit a method depend on."""

    dataset: DatasetConfig
    penalty: PenaltyConfig


def find_base_config(name: str, arguments: list[str]) -> Config:
    """Return the method's Config for the data set and the penalty in the arguments.

    Its values suit them. Where the arguments are wrong or the data are missing, all
    values are the method's own, and what reads the arguments next tells the reason.
    """
    own = find_method(name)
    try:
        chosen = read_data_and_penalty(own, arguments)
        return method_for(name, chosen.dataset, chosen.penalty.name)
    except (ValueError, OSError, SystemExit):
        return own


def read_data_and_penalty(base: Config, arguments: list[str]) -> DataAndPenalty:
    """Return the data set and the penalty of a Config, as the arguments change them.

    Raises SystemExit for wrong arguments.
    """
    words = [word for word in arguments if word not in ("-h", "--help")]
    with redirect_stderr(StringIO()):
        flags, _ = tyro.cli(
            DataAndPenalty,
            default=DataAndPenalty(base.dataset, base.penalty),
            args=words,
            return_unknown_args=True,
            add_help=False,
        )
    return flags


def set_named_data(base: Config, arguments: list[str]) -> Config:
    """Return the Config with the data set that the arguments name.

    Where the arguments are wrong or the data are missing, the Config stays as it is.
    """
    try:
        chosen = read_data_and_penalty(base, arguments)
        config = replace(base, dataset=chosen.dataset)
        find_dataset(config)
    except (ValueError, OSError, SystemExit):
        return base
    return config


def print_changed_values(word: str, config: Config) -> None:
    """Print which values of a method suit the data rather than follow the source.

    word: the command's first word; nothing is printed unless it is a method.
    """
    line = describe_changed_values(word, config) if word in METHODS else ""
    if line:
        print(line, flush=True)
