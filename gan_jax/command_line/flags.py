"""How commands read their flags: a wrong flag is one line and exit code 2."""

import difflib
import io
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext, redirect_stderr
from typing import Any, TypeVar

import tyro

from gan_jax.command_line.field_texts import CONFIG_KINDS, Kinds, make_help_registry
from gan_jax.command_line.flag_sources import flag_sources, hyphenate
from gan_jax.command_line.tyro_messages import IS_FLAG, explain_tyro_error
from gan_jax.command_line.user_errors import UNREAD, FlagError
from gan_jax.config import Config, SweepConfig
from gan_jax.methods.changes import change_fields
from gan_jax.terminal.command_name import name_commands_in
from gan_jax.terminal.console import drop_output

T = TypeVar("T")
HELP, HELP_ALL = {"-h", "--help"}, "--help-all"
BOTH_OPTIMIZERS = {"lr": "learning_rate", "lr_schedule": "schedule"}
"""Flags that set a field of both optimizers, and that field."""


def parse(
    kind: type[T],
    arguments: list[str],
    *,
    prog: str,
    description: str | None,
    short_help: Callable[[], str] | None = None,
    default: T | None = None,
    kinds: Kinds = CONFIG_KINDS,
) -> T:
    """Return the command's flags: those of `default`, changed by the arguments.

    `--help` prints short_help (None: tyro's help), `--help-all` prints tyro's help, and
    both end the command. kinds: the fields that take registered names. Raises FlagError
    for an unknown flag and for a value that cannot be read.
    """
    try:
        if short_help is not None and HELP & set(arguments):
            print(short_help(), flush=True)
            raise SystemExit(0)
        advice = f"{HELP_ALL if short_help else '--help'} shows every flag"
        words = ["--help" if word == HELP_ALL else word for word in arguments]
        if HELP & set(words):
            context = make_help_registry(kinds)
        else:
            refuse_unknown_flags(kind, words, advice)
            context = nullcontext()
        with context:
            return parse_with_tyro(kind, words, prog, description, default, advice)
    except BrokenPipeError:
        drop_output()
        raise SystemExit(UNREAD) from None


def parse_with_tyro(
    kind: type[T],
    words: list[str],
    prog: str,
    description: str | None,
    default: T | None,
    advice: str,
) -> T:
    """Return the flags as tyro reads them; advice ends the message of a FlagError."""
    printed = io.StringIO()
    try:
        with redirect_stderr(printed):
            return tyro.cli(
                kind,
                args=words,
                prog=prog,
                description=name_commands_in(description),
                default=tyro.MISSING_NONPROP if default is None else default,
            )
    except SystemExit as stop:
        if not stop.code:
            sys.stdout.flush()
            raise
    message = explain_tyro_error(kind, words, printed.getvalue())
    raise FlagError(f"{message}; {advice}")


def fields_by_flag(kind: type) -> dict[str, str]:
    """Return the field that each flag of a command sets.

    Flags that switch a field off are among them: `--dataset.no-labels` sets
    `dataset.labels`.
    """
    fields = {}
    for flag, source in flag_sources(kind).items():
        field = flag.removeprefix("--").replace("-", "_")
        fields[flag] = field
        if source.hint is bool:
            fields[re.sub(r"(--|\.)(?=[^.]*$)", r"\1no-", flag)] = field
    return fields


def extract_flags(arguments: Iterable[str]) -> list[str]:
    """Return the flags among the arguments, such as `--lr` of `--lr=1e-3`."""
    words = [word for word in arguments if IS_FLAG.match(word)]
    return [hyphenate(word.partition("=")[0]) for word in words]


def find_given_fields(kind: type, arguments: Iterable[str]) -> frozenset[str]:
    """Return the fields that the arguments set, such as `penalty.weight`.

    A field that is set to its default is among them.
    """
    fields = fields_by_flag(kind)
    flags = extract_flags(arguments)
    return frozenset(fields[flag] for flag in flags if flag in fields)


def refuse_unknown_flags(kind: type, arguments: Iterable[str], advice: str) -> None:
    """Raise FlagError, with the nearest names, for a flag that the command lacks."""
    known = fields_by_flag(kind)
    for flag in extract_flags(arguments):
        if flag not in known and not flag.startswith("--tyro-"):  # completion
            near = nearest_flags(flag, known)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise FlagError(f"{flag}: there is no such flag; {hint}{advice}")


def refuse_unread_flags(given: Collection[str], reasons: Mapping[str, str]) -> None:
    """Raise FlagError for a given flag that has no effect.

    given: the fields that were set. reasons: by field, why its flag has no effect, as
    the words that follow "has no effect".
    """
    for field, reason in reasons.items():
        if field in given:
            raise FlagError(
                f"--{hyphenate(field)} has no effect {reason}; leave it out, or change "
                "that"
            )


def nearest_flags(flag: str, known: Collection[str]) -> list[str]:
    """Return at most three flags that may be meant.

    They have the same last part, or they are spelt alike.
    """
    end = flag.rpartition(".")[2].removeprefix("--")
    of_both = [
        f"--{hyphenate(name)}"
        for name, field in BOTH_OPTIMIZERS.items()
        if hyphenate(field) == end
    ]
    same_end = [one for one in known if one.endswith((f".{end}", f"--{end}"))]
    names = [one.removeprefix("--") for one in known]
    alike = difflib.get_close_matches(flag.removeprefix("--"), names, cutoff=0.7)
    near = dict.fromkeys([*of_both, *same_end, *(f"--{one}" for one in alike)])
    return [one for one in near if one in known][:3]


def set_both_optimizers(
    config: Config, values: Mapping[str, Any], given: Collection[str] = ()
) -> Config:
    """Return the Config with values set for both optimizers.

    values: by the names of BOTH_OPTIMIZERS; None changes nothing. given: fields that a
    player's own flag has set, which stay.
    """
    fields = {
        f"{player}.{BOTH_OPTIMIZERS[name]}": value
        for name, value in values.items()
        for player in ("g_optimizer", "d_optimizer")
        if value is not None
    }
    return change_fields(config, {k: v for k, v in fields.items() if k not in given})


def split_lists(arguments: list[str]) -> list[str]:
    """Return the arguments with the items of `a,b` as words of their own.

    These are the values of `--sweep.penalty 0.1,1,10`, or of another field of the
    sweep, and of `--metrics.names a,b`. Raises ValueError for a sweep over a field that
    is no traced factor.
    """
    words, in_list = [], False
    for word in arguments:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            in_sweep = flag.startswith("--sweep.")
            if in_sweep:
                require_factor(flag.removeprefix("--sweep.").replace("-", "_"))
            in_list = in_sweep or flag == "--metrics.names"
            words += [flag, *value.split(",")] if in_list and equals else [word]
        else:
            words += word.split(",") if in_list else [word]
    return words


def require_factor(field: str) -> None:
    """Raise ValueError unless this field of a sweep is a traced factor."""
    factors = vars(SweepConfig())
    if field not in factors:
        raise ValueError(
            f"sweep.{field}: cannot vary within one program; traced factors "
            f"are {', '.join(factors)}; run once for each value"
        )
