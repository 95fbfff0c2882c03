"""How commands read their flags: a flag that is unknown is one line and exit code 2."""

import difflib
import io
import re
from collections.abc import Iterable
from contextlib import redirect_stderr
from typing import Any, TypeVar

import tyro
from rich.text import Text

from experiments.edge import FlagError, typed_flags
from gan_jax.config import SweepConfig

T = TypeVar("T")
SEE_HELP = "--help shows the flags"
IS_FLAG = re.compile(r"--[a-zA-Z]")
OF_BOTH = {"--lr": "learning-rate", "--lr-schedule": "schedule"}
"""Flags that set a field of both optimizers, by the end of that field's own flags."""


def parse(
    kind: type[T],
    arguments: list[str],
    *,
    prog: str,
    description: str | None,
    **more: T,
) -> T:
    """The command's flags from its arguments; more: the `default` that they change.

    Raises FlagError for what the command does not know or cannot read.
    """
    refuse_unknown(kind, arguments)
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            return tyro.cli(
                kind, args=arguments, prog=prog, description=description, **more
            )
    except SystemExit as stop:
        if not stop.code:
            raise
    raise FlagError(f"{first_paragraph(told.getvalue())}; {SEE_HELP}")


def first_paragraph(box: str) -> str:
    """What tyro says above the first line that it draws across its box."""
    lines = [line.strip("│─╭╮╰╯ ") for line in Text.from_ansi(box).plain.splitlines()]
    _, *rest = lines or [""]
    return " ".join(rest[: rest.index("")] if "" in rest else rest).rstrip(".")


def given_flags(arguments: Iterable[str]) -> list[str]:
    """The flags among the arguments as tyro names them: `--batch_size=8` is
    `--batch-size`, and `--no-labels` stays as it is."""
    words = [word for word in arguments if IS_FLAG.match(word)]
    return [word.partition("=")[0].replace("_", "-") for word in words]


def known_flags(kind: type) -> set[str]:
    """The flags of a command, and those that switch one off: `--dataset.no-labels`."""
    typed = typed_flags(kind)
    switches = [flag for flag, hint in typed.items() if hint is bool]
    return {*typed, *(re.sub(r"(--|\.)(?=[^.]*$)", r"\1no-", s) for s in switches)}


def refuse_unknown(kind: type, arguments: list[str]) -> None:
    """A FlagError with the nearest names for a flag that the command does not have."""
    known = known_flags(kind) | {"--help"}
    for flag in given_flags(arguments):
        if flag not in known:
            near = nearest(flag, known)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise FlagError(f"{flag}: there is no such flag; {hint}{SEE_HELP}")


def nearest(flag: str, known: Iterable[str]) -> list[str]:
    """At most three flags that may be meant: of the same last word, or spelt alike."""
    last = flag.rpartition(".")[2].removeprefix("--")
    known = sorted(known)
    both = [one for one, end in OF_BOTH.items() if end == last and one in known]
    same = [one for one in known if one.endswith((f".{last}", f"--{last}"))]
    alike = difflib.get_close_matches(flag, known, n=3, cutoff=0.7)
    return list(dict.fromkeys([*both, *same, *alike]))[:3]


def listed(arguments: list[str]) -> list[str]:
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
