"""The rows of a run on disk: a line of JSON each, which ends with its checksum.

    {"step": 20, "wall_seconds": 1.5, "d_loss": 1.38, ..., "crc32": 3735928559}

`crc32` is the CRC-32 of the line without it: of `{"step": 20, ..., "d_loss": 1.38}`.
Files of earlier versions have no checksums; their rows are judged by their form alone.
"""

import json
import math
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.types import Row

SEALED = re.compile(rb'(\{.*), "crc32": ([0-9]{1,10})\}', re.DOTALL)
NUMBERS = (
    "step",
    "wall_seconds",
    "d_loss",
    "g_loss",
    "d_grad_norm",
    "g_grad_norm",
    "real_logits",
    "fake_logits",
)
"""What every row of metrics.jsonl has; null where it was not finite."""
LARGEST = 2**63
"""Integers in a row are smaller: a larger one is no number that a run writes."""


class RowFile(NamedTuple):
    """What a file of rows holds.

    rows: the intact ones, by their lines. damage: of each other line its number, from
    1, and what is wrong with it.
    """

    rows: dict[bytes, Row]
    damage: list[tuple[int, str]]


def encoded(row: Row) -> str:
    """The line of a row, without its end; numbers that are not finite become null."""
    text = json.dumps({name: plain(value) for name, value in row.items()})
    return f'{text[:-1]}, "crc32": {zlib.crc32(text.encode())}}}'


def plain(value: Any) -> Any:
    bad = isinstance(value, float) and not math.isfinite(value)
    return None if bad else value


def read(path: Path, sealed: bool = False) -> RowFile:
    """The rows of a file; none if there is no file. What is null is NaN in a row.

    sealed: refuse rows without a checksum, as if another row of the file had one.
    """
    content = path.read_bytes() if path.exists() else b""
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    sealed = sealed or any(SEALED.fullmatch(line) for line in lines)
    fits = FORMS.get(path.name, lambda row: True)
    found = RowFile({}, [])
    for number, line in enumerate(lines, 1):
        try:
            found.rows[line] = decoded(line, sealed, fits)
        except ValueError as error:
            found.damage.append((number, str(error)))
    return found


def decoded(line: bytes, sealed: bool, fits: Callable[[Row], bool]) -> Row:
    """The row of a line. Raises ValueError, which says what is wrong with it."""
    parts = SEALED.fullmatch(line)
    if sealed and parts is None:
        raise ValueError("it does not end with a checksum")
    body = line if parts is None else parts[1] + b"}"
    if parts is not None and zlib.crc32(body) != int(parts[2]):
        raise ValueError("its checksum differs")
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(row, dict) or not fits(row):
        raise ValueError("it is not a row of this file")
    return {name: math.nan if value is None else value for name, value in row.items()}


def is_metrics(row: Row) -> bool:
    """Whether a row has what the steps of a run have, all of it numbers."""
    return (
        row.keys() >= {*NUMBERS, "finite"}
        and isinstance(row["finite"], bool)
        and is_count(row["step"])
        and is_number(row["wall_seconds"])
        and math.isfinite(row["wall_seconds"])
        and all(value is None or is_number(value) for value in row.values())
    )


def is_event(row: Row) -> bool:
    """Whether a row tells of a sign of trouble, or of a restored checkpoint."""
    fault = row.get("fault")
    restored = (
        is_count(row.get("restored"))
        and isinstance(fault, dict)
        and is_count(fault.get("step"))
        and isinstance(fault.get("term"), str)
    )
    return is_count(row.get("step")) and (isinstance(row.get("sign"), str) or restored)


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < LARGEST)


FORMS: dict[str, Callable[[Row], bool]] = {
    "metrics.jsonl": is_metrics,
    "events.jsonl": is_event,
}
"""What the rows of a file have to be, by its name; of other files, any object."""
