"""What all commands share: bad input is one line and exit code 2, paths may begin with
`~`, and a message names only flags that the command has."""

import dataclasses
import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import (
    Annotated,
    Any,
    NamedTuple,
    NoReturn,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import jax
import tyro

from gan_jax.command_line.early_signals import WORDS
from gan_jax.command_line.interruption import exit_code_of, interrupt_on_signals
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import flat
from gan_jax.terminal.output import accept_all_text, drop_output

T = TypeVar("T")
FLAG = r"(?<![\w-])--[a-z](?:[a-z0-9.-]*[a-z0-9])?"
COMMAND_OR_FLAG = re.compile(rf"(?:python -m|gan-jax) [^;,`]*|{FLAG}")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
"""How a file of images may end (Pillow writes it)."""
FIGURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".pdf", ".svg")
"""How a file of a figure may end (Matplotlib writes it)."""
DATA_FIELDS = [field.name for field in dataclasses.fields(DatasetConfig)]
DATA_FIELD = re.compile(rf"(?<![\w./-])dataset\.({'|'.join(DATA_FIELDS)})\b")


class FlagError(ValueError):
    """A flag that is wrong as it was typed; its message names it so."""


INTERRUPTED, UNREAD, TERMINATED = 130, 141, 143
"""What a shell reports of a process that Ctrl-C ended, whose output nothing reads any
more, that SIGTERM ended."""
ADVICE = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some space, or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What to do about an error of the operating system, by its number."""


def catch_user_errors(
    action: Callable[[], int | None], said: Callable[[str], str] = str
) -> int:
    """What the action returns (None: 0); 2, with one line that says why, if its input
    was bad; 130 after Ctrl-C, 143 after SIGTERM; 141 if nothing reads its output any
    more.

    said: what is printed of a message.
    """
    accept_all_text()
    told: list[str] = []
    try:
        with interrupt_on_signals() as told:
            code = action() or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        drop_output()
        return UNREAD
    except (ValueError, OSError) as error:
        print(error_line(error, said), file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        code = exit_code_of(error)
        if not told:
            print(WORDS[signal.Signals(code - 128)], file=sys.stderr)
        return code


def error_line(error: Exception, said: Callable[[str], str]) -> str:
    """What is printed of an error; said rewrites flags that another command has."""
    told = str(error) if isinstance(error, FlagError) else said(describe_error(error))
    return f"error: {told}"


def describe_error(error: Exception) -> str:
    """The line of an error; an operating system's with its path and what to do."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    advice = ADVICE.get(error.errno or 0, "check the path and its permissions")
    place = "" if error.filename is None else f"{error.filename}: "
    return f"{place}{error.strerror}; {advice}"


def exit_process(code: int) -> NoReturn:
    """End the process; after Ctrl-C without waiting for what its threads compile.

    XLA may crash where it is taken down in the middle of its work.
    """
    alone = not jax.distributed.is_initialized()
    if alone and code in (INTERRUPTED, TERMINATED):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def expand_home(flags: T, *names: str) -> T:
    """The flags, with the home folder for `~` at the beginning of these paths."""
    given = {name: getattr(flags, name) for name in names}
    expanded = {k: expand_tilde(v) for k, v in given.items() if v is not None}
    return dataclasses.replace(flags, **expanded)  # pyright: ignore


def expand_tilde(path: Any) -> Any:
    """A path, or several, with the home folder for `~`."""
    if isinstance(path, tuple):
        return tuple(map(expand_tilde, path))
    return type(path)(os.path.expanduser(path))


def require_picture(field: str, path: Path, suffixes: Sequence[str]) -> None:
    """A ValueError unless a picture can be written there, before it is drawn."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(
            f"{field} {path}: must be the name of a picture, which ends in "
            f"{', '.join(suffixes)}"
        )
    if path.is_dir():
        raise ValueError(f"{field} {path}: is a folder; give the name of a picture")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{field} {path}: its folder does not exist; make it")


class FlagSource(NamedTuple):
    """Where a flag comes from: the field of a dataclass, and its type."""

    kind: type
    field: str
    hint: Any


def flag_sources(kind: type, prefix: str = "--") -> dict[str, FlagSource]:
    """The flags that tyro makes of a command's dataclass: `--grid`, `--dataset.name`.

    The fields of an annotated group stand without its name.
    """
    found: dict[str, FlagSource] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        inner, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        flag = f"{prefix}{hyphenate(name)}"
        if dataclasses.is_dataclass(inner):
            group = prefix if notes else f"{flag}."
            found |= flag_sources(inner, group)  # pyright: ignore
        elif tyro.conf.Positional not in notes:
            found[flag] = FlagSource(kind, name, inner)
    return found


def hyphenate(name: str) -> str:
    return name.replace("_", "-")


def flag_names(kind: type) -> frozenset[str]:
    """The names of a command's flags, without those that switch one off."""
    return frozenset(flag_sources(kind))


def make_flag_rewriter(
    kind: type, words: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """A function that rewrites a message of the library for a command.

    The library names flags of experiments.train. Where the command has another flag or
    another way for it, `words` says which. A flag of the data set may stand there
    without its group. Of any other the field of the Config is named: no flag of this
    command sets it. Commands that a message quotes are left alone.
    """

    def rewrite(message: str) -> str:
        if "--" not in message and "dataset." not in message:
            return message
        known = flag_names(kind)
        name = partial(rename_flag, known, words or {})
        message = COMMAND_OR_FLAG.sub(lambda found: name(found.group()), message)
        on_top = {f"--{name.replace('_', '-')}" for name in DATA_FIELDS} <= known
        return DATA_FIELD.sub(r"\1", message) if on_top else message

    return rewrite


def rename_flag(known: frozenset[str], words: Mapping[str, str], flag: str) -> str:
    """A flag of experiments.train as a command names it."""
    short = f"--{flag.removeprefix('--dataset.')}"
    field = flag.removeprefix("--").replace("-", "_")
    if flag in words:
        return words[flag]
    if flag in known or not flag.startswith("--"):
        return flag
    if flag.startswith("--dataset.") and short in known:
        return short
    return field if field in flat(Config()) else flag
