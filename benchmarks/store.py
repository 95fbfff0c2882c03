"""rows.jsonl: a line for each GAN, added a whole cell at a time."""

import json
import os
from pathlib import Path

from benchmarks.outcome import ERROR
from benchmarks.plan import Json
from gan_jax.evaluate import require_one_fingerprint
from gan_jax.logs import telling, write_text

ROWS = "rows.jsonl"


def read_rows(out: Path) -> list[Json]:
    """The rows; a last line cut off by a kill is none.

    Raises ValueError for any other line that is broken.
    """
    path, rows = Path(out) / ROWS, []
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            if number < len(lines):
                raise ValueError(
                    f"{path}: line {number} is not JSON; delete it and run "
                    f"python -m benchmarks.compare --out {out} again"
                ) from None
    return rows


def as_lines(rows: list[Json]) -> str:
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)


def add_rows(out: Path, rows: list[Json]) -> None:
    """In one write, and onto the disk, before anything else happens."""
    with telling(out / ROWS), (out / ROWS).open("a") as file:
        file.write(as_lines(rows))
        file.flush()
        os.fsync(file.fileno())


def finished(plan: Json, rows: list[Json]) -> dict[str, list[Json]]:
    """The rows of each cell that has all of them, and none with an error.

    A cell that crashed is tried again: what was missing may be there by now.
    """
    found: dict[str, list[Json]] = {cell["id"]: [] for cell in plan["cells"]}
    for row in rows:
        if row["outcome"] != ERROR:
            found.setdefault(row["cell"], []).append(row)
    wanted = {cell["id"]: cell["members"] for cell in plan["cells"]}
    return {
        name: own for name, own in found.items() if len(own) == wanted.get(name, -1)
    }


def take_up(plan: Json, out: Path) -> dict[str, list[Json]]:
    """The rows of finished cells; the file is left with these alone."""
    rows = read_rows(out)
    whole = finished(plan, rows)
    kept = [row for own in whole.values() for row in own]
    if (out / ROWS).exists():
        write_text(out / ROWS, as_lines(kept))
    return whole


def require_comparable(rows: list[Json]) -> None:
    """A ValueError if rows of one task were measured in different ways."""
    groups: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        if row["fingerprint"] is not None:
            size = str(row["config"]["dataset.size"])
            groups.setdefault((row["task"], size), []).append(row)
    for (task, _), own in groups.items():
        try:
            require_one_fingerprint(own)
        except ValueError as error:
            raise ValueError(
                f"rows of {task}: mixed fingerprints, {error}, each in its own --out"
            ) from None
