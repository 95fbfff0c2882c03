"""The flags of a command, read from its dataclass, and messages put into them."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import tyro

from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import flat

FLAG = r"(?<![\w-])--[a-z](?:[a-z0-9.-]*[a-z0-9])?"
COMMAND_OR_FLAG = re.compile(rf"(?:python -m|gan-jax) [^;,`]*|{FLAG}")
DATA_FIELDS = [field.name for field in dataclasses.fields(DatasetConfig)]
DATA_FIELD = re.compile(rf"(?<![\w./-])dataset\.({'|'.join(DATA_FIELDS)})\b")


class FlagSource(NamedTuple):
    """The field of a dataclass that a flag sets, and the field's type."""

    kind: type
    field: str
    hint: Any


def flag_sources(kind: type, prefix: str = "--") -> dict[str, FlagSource]:
    """Return the flags that tyro makes of a command's dataclass.

    They are named as `--steps` and `--dataset.name`. The fields of an annotated group
    have flags without the group's name.
    """
    sources: dict[str, FlagSource] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        inner, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        flag = f"{prefix}{hyphenate(name)}"
        if dataclasses.is_dataclass(inner):
            group = prefix if notes else f"{flag}."
            sources |= flag_sources(inner, group)  # pyright: ignore
        elif tyro.conf.Positional not in notes:
            sources[flag] = FlagSource(kind, name, inner)
    return sources


def hyphenate(name: str) -> str:
    return name.replace("_", "-")


def flag_names(kind: type) -> frozenset[str]:
    """Return the names of a command's flags, without those that switch one off."""
    return frozenset(flag_sources(kind))


def make_flag_rewriter(
    kind: type, words: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """Return a function that puts a message of the library into a command's own flags.

    The library names the flags of `gan-jax train`.

    - `words` says what the command has in the place of a flag.
    - A flag of the data set may stand without its group.
    - Of any other flag that the command lacks, the field of the Config is named.
    - A command that a message quotes keeps its flags.
    """

    def rewrite(message: str) -> str:
        if "--" not in message and "dataset." not in message:
            return message
        known = flag_names(kind)
        rename = partial(rename_flag, known, words or {})
        message = COMMAND_OR_FLAG.sub(lambda found: rename(found.group()), message)
        without_group = {f"--{hyphenate(name)}" for name in DATA_FIELDS} <= known
        return DATA_FIELD.sub(r"\1", message) if without_group else message

    return rewrite


def rename_flag(known: frozenset[str], words: Mapping[str, str], flag: str) -> str:
    """Return a flag of `gan-jax train` as a command with these flags names it."""
    short = f"--{flag.removeprefix('--dataset.')}"
    field = flag.removeprefix("--").replace("-", "_")
    if flag in words:
        return words[flag]
    if flag in known or not flag.startswith("--"):
        return flag
    if flag.startswith("--dataset.") and short in known:
        return short
    return field if field in flat(Config()) else flag
