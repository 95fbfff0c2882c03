"""What tyro prints of a wrong flag, put into one line."""

import re
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from typing import Annotated, Any, get_args, get_origin

from rich.text import Text

from gan_jax.command_line.flag_sources import flag_sources, hyphenate

IS_FLAG = re.compile(r"--[a-zA-Z]")
ENDS_LINE = re.compile(r"[^\S \n]|[\x1c-\x1e]")
FRAME, FRAME_LINE = "│ ", set("─-╭╮╰╯")
"""What tyro draws on the sides of a message, and the characters of a line around it."""


def explain_tyro_error(kind: type, words: list[str], box: str) -> str:
    """Return in one line what is wrong with the words of a command.

    kind: the command's dataclass. box: what tyro has printed about the words.
    """
    message = extract_message(box)
    return describe_wrong_number(kind, words, message) or message


def extract_message(box: str) -> str:
    """Return what tyro says below its title and above the next line that it draws.

    tyro draws with other characters where the terminal's encoding has no boxes. A word
    of the command may hold any letter, so what would end a line is escaped.
    """
    plain = Text.from_ansi(ENDS_LINE.sub(lambda odd: ascii(odd[0])[1:-1], box)).plain
    _, *lines = [line.strip(FRAME) for line in plain.split("\n")]
    texts = [line for line in lines if line]
    below = dropwhile(is_frame_line, texts)
    text = " ".join(takewhile(lambda line: not is_frame_line(line), below))
    return text.removeprefix("Error parsing ").rstrip(".")


def is_frame_line(line: str) -> bool:
    return set(line) <= FRAME_LINE


def describe_wrong_number(kind: type, words: list[str], message: str) -> str | None:
    """Return what is wrong with a value that has to be a number.

    message: what tyro says, beginning with the flag. None if the flag takes other
    values too.
    """
    flag = message.partition(":")[0]
    source = flag_sources(kind).get(flag)
    wanted = None if source is None else describe_numbers(source.hint)
    if wanted is None:
        return None
    place = next(i for i, word in enumerate(words) if hyphenate(word).startswith(flag))
    _, equals, value = words[place].partition("=")
    values = takewhile(lambda word: not IS_FLAG.match(word), words[place + 1 :])
    return f"{flag}: must be {wanted}, got {value if equals else ' '.join(values)!r}"


def describe_numbers(hint: Any) -> str | None:
    """Return which numbers a type allows, or None if it allows anything else."""
    kinds = set(leaf_types(hint))
    none = " or None" if type(None) in kinds else ""
    several = tuple in (get_origin(one) for one in (hint, *get_args(hint)))
    match kinds - {type(None), ...}:
        case found if found == {int}:
            return ("whole numbers" if several else "a whole number") + none
        case found if found and found <= {int, float}:
            return ("numbers" if several else "a number") + none
    return None


def leaf_types(hint: Any) -> Iterator[Any]:
    """Yield the types that a type is made of, without annotations."""
    inner = get_args(hint)
    if get_origin(hint) is Annotated:
        inner = inner[:1]
    if not inner:
        yield hint
    for one in inner:
        yield from leaf_types(one)
