"""The values that a method begins from, by the data set named in its flags."""

from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from io import StringIO

import tyro

from gan_jax.assembly.assemble import method
from gan_jax.assembly.compatibility import dataset
from gan_jax.assembly.method_defaults import changed_values, method_for
from gan_jax.config import Config, DatasetConfig, PenaltyConfig
from gan_jax.methods import METHODS


@dataclass(frozen=True)
class Chosen:
    """What the values of a method depend on."""

    dataset: DatasetConfig
    penalty: PenaltyConfig


def find_base_config(name: str, arguments: list[str]) -> Config:
    """The method's Config for the data set and the penalty that the arguments name.

    It has the values that suit them. Where the arguments are wrong or the data
    are not there, all values are the method's own: what reads them next tells the
    reason.
    """
    own = method(name)
    try:
        chosen = named(own, arguments)
        return method_for(name, chosen.dataset, chosen.penalty.name)
    except (ValueError, OSError, SystemExit):
        return own


def named(base: Config, arguments: list[str]) -> Chosen:
    """The data set and the penalty of a Config, as the arguments change them.

    Raises SystemExit where they are wrong.
    """
    words = [word for word in arguments if word not in ("-h", "--help")]
    with redirect_stderr(StringIO()):
        flags, _ = tyro.cli(
            Chosen,
            default=Chosen(base.dataset, base.penalty),
            args=words,
            return_unknown_args=True,
            add_help=False,
        )
    return flags


def set_named_data(base: Config, arguments: list[str]) -> Config:
    """The Config with the data set that the arguments name; as it is where they are
    wrong or the data are not there."""
    try:
        config = replace(base, dataset=named(base, arguments).dataset)
        dataset(config)
    except (ValueError, OSError, SystemExit):
        return base
    return config


def print_changed_values(word: str, config: Config) -> None:
    """Say which values suit the data rather than the source, if the command's first
    word is a method and there are such values."""
    line = changed_values(word, config) if word in METHODS else ""
    if line:
        print(line, flush=True)
