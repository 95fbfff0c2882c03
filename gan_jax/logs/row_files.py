"""The rows of a run on disk: each is a line of JSON that ends with its checksum.

    {"step": 20, "wall_seconds": 1.5, "d_loss": 1.38, ..., "crc32": 3735928559}

`crc32` is the CRC-32 of the line without it: of `{"step": 20, ..., "d_loss": 1.38}`.
Files of earlier versions have no checksums. Their rows are checked by their form alone.
"""

import json
import math
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.logs.files import RESUME_ADVICE, explain_write_errors, write_text
from gan_jax.types import Row

CHECKSUMMED = re.compile(rb'(\{.*), "crc32": ([0-9]{1,10})\}', re.DOTALL)
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
"""The numbers of every row of metrics.jsonl; null where they were not finite."""
LARGEST = 2**63
"""The bound of the integers that a run writes to a row."""


class RowFile(NamedTuple):
    """The content of a file of rows.

    rows: the intact rows by their lines. damage: the number of each other line, counted
    from 1, and what is wrong with it.
    """

    rows: dict[bytes, Row]
    damage: list[tuple[int, str]]


def encode_row(row: Row) -> str:
    """Return the line of a row without its end; what is not finite becomes null."""
    text = json.dumps({name: finite_or_none(value) for name, value in row.items()})
    return f'{text[:-1]}, "crc32": {zlib.crc32(text.encode())}}}'


def finite_or_none(value: Any) -> Any:
    """Return a value, or None for a number that is not finite."""
    bad = isinstance(value, float) and not math.isfinite(value)
    return None if bad else value


def read_row_file(path: Path, with_checksums: bool = False) -> RowFile:
    """Read the rows of a file, of which a null is NaN; without a file there are none.

    with_checksums: whether rows without a checksum are damaged. They are in any case if
    another row of the file has one.
    """
    content = path.read_bytes() if path.exists() else b""
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    with_checksums |= any(CHECKSUMMED.fullmatch(line) for line in lines)
    is_row = ROW_CHECKS.get(path.name, lambda row: True)
    found = RowFile({}, [])
    for number, line in enumerate(lines, 1):
        try:
            found.rows[line] = decode_row(line, with_checksums, is_row)
        except ValueError as error:
            found.damage.append((number, str(error)))
    return found


def decode_row(line: bytes, with_checksums: bool, is_row: Callable[[Row], bool]) -> Row:
    """Return the row of a line; raise ValueError that says what is wrong with it."""
    parts = CHECKSUMMED.fullmatch(line)
    if with_checksums and parts is None:
        raise ValueError("it does not end with a checksum")
    body = line if parts is None else parts[1] + b"}"
    if parts is not None and zlib.crc32(body) != int(parts[2]):
        raise ValueError("its checksum differs")
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(row, dict) or not is_row(row):
        raise ValueError("it is not a row of this file")
    return {name: math.nan if value is None else value for name, value in row.items()}


def is_metrics_row(row: Row) -> bool:
    """Whether a row has the numbers of a run's steps, and only numbers."""
    return (
        row.keys() >= {*NUMBERS, "finite"}
        and isinstance(row["finite"], bool)
        and is_count(row["step"])
        and is_number(row["wall_seconds"])
        and math.isfinite(row["wall_seconds"])
        and all(value is None or is_number(value) for value in row.values())
    )


def is_event_row(row: Row) -> bool:
    """Whether a row reports a sign of trouble, or a restored checkpoint."""
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


ROW_CHECKS: dict[str, Callable[[Row], bool]] = {
    "metrics.jsonl": is_metrics_row,
    "events.jsonl": is_event_row,
}
"""The check of a row by the name of its file; in other files any object is a row."""


def encode_rows(rows: list[dict[str, Any]]) -> str:
    """Return a JSON line with a checksum for each row."""
    return "".join(f"{encode_row(row)}\n" for row in rows)


def append_rows(
    path: Path, rows: list[dict[str, Any]], advice: str = RESUME_ADVICE
) -> None:
    """Add rows to a file; a last line that is cut off stays a line of its own."""
    with explain_write_errors(path, advice), path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        broken = file.read() not in (b"", b"\n")
        file.write(b"\n" * broken + encode_rows(rows).encode())


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a file of rows."""
    write_text(path, encode_rows(rows))


def read_rows(path: Path) -> list[Row]:
    """Return the intact rows of a file; a null, which was not finite, is NaN."""
    return list(read_row_file(path).rows.values())
