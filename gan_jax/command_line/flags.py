"""How commands read their flags: a flag that is unknown is one line and exit code 2."""

import difflib
import io
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import redirect_stderr
from itertools import dropwhile, takewhile
from typing import Annotated, Any, TypeVar, get_args, get_origin

import tyro
from rich.text import Text

from gan_jax.command_line.flag_sources import flag_sources, hyphenate
from gan_jax.command_line.user_errors import UNREAD, FlagError
from gan_jax.config import Config, SweepConfig
from gan_jax.methods.changes import changed
from gan_jax.terminal.output import drop_output

T = TypeVar("T")
IS_FLAG = re.compile(r"--[a-zA-Z]")
ENDS_LINE = re.compile(r"[^\S \n]|[\x1c-\x1e]")
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
) -> T:
    """The command's flags from its arguments, which change those of `default`.

    `--help` prints short_help (None: tyro's help) and ends the command, `--help-all`
    prints tyro's help. Raises FlagError for what the command does not know or cannot
    read.
    """
    try:
        if short_help is not None and HELP & set(arguments):
            print(short_help(), flush=True)
            raise SystemExit(0)
        advice = f"{HELP_ALL if short_help else '--help'} shows every flag"
        return parsed(kind, arguments, prog, description, default, advice)
    except BrokenPipeError:
        drop_output()
        raise SystemExit(UNREAD) from None


def parsed(
    kind: type[T],
    arguments: list[str],
    prog: str,
    description: str | None,
    default: T | None,
    advice: str,
) -> T:
    """As `parse`, with tyro's help alone; advice ends what is said of a wrong flag."""
    words = ["--help" if word == HELP_ALL else word for word in arguments]
    if not HELP & set(words):
        refuse_unknown(kind, words, advice)
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            return tyro.cli(
                kind,
                args=words,
                prog=prog,
                description=description,
                default=tyro.MISSING_NONPROP if default is None else default,
            )
    except SystemExit as stop:
        if not stop.code:
            sys.stdout.flush()
            raise
    said = extract_message(told.getvalue())
    raise FlagError(f"{describe_wrong_number(kind, words, said) or said}; {advice}")


def describe_wrong_number(kind: type, words: list[str], said: str) -> str | None:
    """What is wrong with a value that has to be a number, by what tyro said of its
    flag; None if its flag takes other values too."""
    flag = said.partition(":")[0]
    source = flag_sources(kind).get(flag)
    wanted = None if source is None else describe_numbers(source.hint)
    if wanted is None:
        return None
    place = next(i for i, word in enumerate(words) if hyphenate(word).startswith(flag))
    _, equals, value = words[place].partition("=")
    values = takewhile(lambda word: not IS_FLAG.match(word), words[place + 1 :])
    return f"{flag}: must be {wanted}, got {value if equals else ' '.join(values)!r}"


def describe_numbers(hint: Any) -> str | None:
    """The numbers that a type allows; None if it allows anything else."""
    kinds = set(leaves(hint))
    none = " or None" if type(None) in kinds else ""
    several = tuple in (get_origin(one) for one in (hint, *get_args(hint)))
    match kinds - {type(None), ...}:
        case found if found == {int}:
            return ("whole numbers" if several else "a whole number") + none
        case found if found and found <= {int, float}:
            return ("numbers" if several else "a number") + none
    return None


def leaves(hint: Any) -> Iterator[Any]:
    """The types that a type is made of, without annotations."""
    inner = get_args(hint)
    if get_origin(hint) is Annotated:
        inner = inner[:1]
    if not inner:
        yield hint
    for one in inner:
        yield from leaves(one)


def extract_message(box: str) -> str:
    """What tyro says below its title and above the next line that it draws.

    It draws with other characters where the terminal's encoding has no boxes. A word of
    the command may hold any letter: what would end a line is escaped.
    """
    plain = Text.from_ansi(ENDS_LINE.sub(lambda odd: ascii(odd[0])[1:-1], box)).plain
    _, *lines = [line.strip("│ ") for line in plain.split("\n")]
    texts = [line for line in lines if line]
    below = dropwhile(is_rule, texts)
    text = " ".join(takewhile(lambda line: not is_rule(line), below))
    return text.removeprefix("Error parsing ").rstrip(".")


def is_rule(line: str) -> bool:
    return set(line) <= set("─-╭╮╰╯")


def known_flags(kind: type) -> dict[str, str]:
    """The flags of a command, and those that switch one off, by the field that they
    set: `--dataset.no-labels` sets `dataset.labels`."""
    known = {}
    for flag, source in flag_sources(kind).items():
        field = flag.removeprefix("--").replace("-", "_")
        known[flag] = field
        if source.hint is bool:
            known[re.sub(r"(--|\.)(?=[^.]*$)", r"\1no-", flag)] = field
    return known


def extract_flags(arguments: Iterable[str]) -> list[str]:
    """The flags among the arguments as tyro names them: `--batch_size=8` is
    `--batch-size`."""
    words = [word for word in arguments if IS_FLAG.match(word)]
    return [hyphenate(word.partition("=")[0]) for word in words]


def find_given_fields(kind: type, arguments: Iterable[str]) -> frozenset[str]:
    """The fields that the arguments set, whatever to: `penalty.weight`, `resume`."""
    known = known_flags(kind)
    return frozenset(known[flag] for flag in extract_flags(arguments) if flag in known)


def refuse_unknown(kind: type, arguments: Iterable[str], advice: str) -> None:
    """A FlagError with the nearest names for a flag that the command does not have."""
    known = known_flags(kind)
    for flag in extract_flags(arguments):
        if flag not in known and not flag.startswith("--tyro-"):  # completion
            near = nearest(flag, known)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise FlagError(f"{flag}: there is no such flag; {hint}{advice}")


def refuse_unread_flags(given: Collection[str], reasons: Mapping[str, str]) -> None:
    """A FlagError for a flag that was given and has no effect.

    reasons: by the flag's field why it has none, after "has no effect".
    """
    for field, reason in reasons.items():
        if field in given:
            raise FlagError(
                f"--{hyphenate(field)} has no effect {reason}; leave it out, or change "
                "that"
            )


def nearest(flag: str, known: Collection[str]) -> list[str]:
    """At most three flags that may be meant: with the same end, or spelt alike."""
    end = flag.rpartition(".")[2].removeprefix("--")
    both = [
        f"--{hyphenate(name)}"
        for name, of in BOTH_OPTIMIZERS.items()
        if hyphenate(of) == end
    ]
    same = [one for one in known if one.endswith((f".{end}", f"--{end}"))]
    names = [one.removeprefix("--") for one in known]
    alike = difflib.get_close_matches(flag.removeprefix("--"), names, cutoff=0.7)
    found = dict.fromkeys([*both, *same, *(f"--{one}" for one in alike)])
    return [one for one in found if one in known][:3]


def set_both_optimizers(
    config: Config, values: Mapping[str, Any], given: Collection[str] = ()
) -> Config:
    """The Config with a value of both optimizers for each name of BOTH_OPTIMIZERS.

    Values that are None change nothing, and a player's own flag that was given wins.
    """
    fields = {
        f"{player}.{BOTH_OPTIMIZERS[name]}": value
        for name, value in values.items()
        for player in ("g_optimizer", "d_optimizer")
        if value is not None
    }
    return changed(config, {k: v for k, v in fields.items() if k not in given})


def split_lists(arguments: list[str]) -> list[str]:
    """`--sweep.penalty 0.1,1,10` and `--metrics.names a,b` with words of their own.

    Raises ValueError for a sweep over a field that is no traced factor.
    """
    words, several = [], False
    for word in arguments:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            sweeping = flag.startswith("--sweep.")
            field = flag.removeprefix("--sweep.").replace("-", "_")
            if sweeping and field not in vars(SweepConfig()):
                raise ValueError(
                    f"sweep.{field}: cannot vary within one program; traced factors "
                    f"are {', '.join(vars(SweepConfig()))}; run once for each value"
                )
            several = sweeping or flag == "--metrics.names"
            words += [flag, *value.split(",")] if several and equals else [word]
        else:
            words += word.split(",") if several else [word]
    return words
