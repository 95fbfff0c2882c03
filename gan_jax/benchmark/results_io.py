"""Reading and writing of rows.jsonl: one line for each GAN, a whole cell at a time."""

import gzip
import json
import os
import zlib
from pathlib import Path

from gan_jax.benchmark.outcome import ERROR
from gan_jax.benchmark.plan import Json, read_plan
from gan_jax.evaluate.fingerprint import require_one_fingerprint
from gan_jax.logs.files import explain_write_errors, write_text
from gan_jax.terminal.command_name import name_command

RERUN_HINT = "mend that, then go on with the same command"
"""What a user can do if rows.jsonl cannot be written."""

ROWS_FILE = "rows.jsonl"
PACKED_ROWS_FILE = "rows.jsonl.gz"
"""The rows compressed by gzip, as results are kept; read where ROWS_FILE is missing."""
ROW_FIELDS = {
    "plan", "task", "method", "cell", "seed", "axes", "config", "error", "verdict",
    "outcome", "success", "success_step", "series", "final", "best", "fingerprint",
    "gradient_evaluations", "wall_seconds", "step_seconds", "device", "versions",
    "commit",
}  # fmt: skip
"""The fields that readers expect in every row."""


def read_result_rows(out: Path) -> list[Json]:
    """Return the rows of a results folder, from its ROWS_FILE or PACKED_ROWS_FILE.

    A last line that a kill cut off is left out. Raises ValueError for any other broken
    line.
    """
    rows, path = [], find_rows_file(Path(out))
    if path is None:
        return rows
    lines = read_lines(path)
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            if number == len(lines):
                break
            raise broken_row_error(path, f"line {number} is not JSON") from None
        if not isinstance(row, dict):
            raise broken_row_error(path, f"line {number} is no row of results")
        if missing := ROW_FIELDS - row.keys():
            names = ", ".join(sorted(missing))
            raise broken_row_error(
                path, f"line {number} is no row of results (without {names})"
            )
        rows.append(row)
    return rows


def find_rows_file(out: Path) -> Path | None:
    """Return the file of a results folder that holds its rows; None without one."""
    names = ROWS_FILE, PACKED_ROWS_FILE
    return next((out / name for name in names if (out / name).exists()), None)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text, which gzip compressed if its name ends in `.gz`.

    Raises ValueError for a compressed file that is damaged.
    """
    if path.suffix != ".gz":
        return path.read_text("utf-8").splitlines()
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, zlib.error):
        raise damaged_file_error(path) from None


def damaged_file_error(path: Path) -> ValueError:
    """Return the error for a compressed file that is damaged."""
    return ValueError(f"{path}: is damaged; take it from where it came from again")


def broken_row_error(path: Path, why: str) -> ValueError:
    """Return the error for a broken line, with the command that goes on."""
    if path.name == PACKED_ROWS_FILE:
        return damaged_file_error(path)
    command = read_plan(path.parent)["command"]
    return ValueError(f"{path}: {why:.200}; delete the line and go on with: {command}")


def to_json_lines(rows: list[Json]) -> str:
    """Return the rows as lines of JSON."""
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)


def append_result_rows(out: Path, rows: list[Json]) -> None:
    """Append the rows in one write, and wait until they are on the disk."""
    with (
        explain_write_errors(out / ROWS_FILE, RERUN_HINT),
        (out / ROWS_FILE).open("a", encoding="utf-8") as file,
    ):
        file.write(to_json_lines(rows))
        file.flush()
        os.fsync(file.fileno())


def select_finished_cells(plan: Json, rows: list[Json]) -> dict[str, list[Json]]:
    """Return the rows of each cell that has all of its rows and none with an error.

    A cell that crashed is not finished: it is tried again, as what it missed may be
    there by now.
    """
    found: dict[str, list[Json]] = {cell["id"]: [] for cell in plan["cells"]}
    for row in rows:
        if row["outcome"] != ERROR:
            found.setdefault(row["cell"], []).append(row)
    wanted = {cell["id"]: cell["members"] for cell in plan["cells"]}
    return {
        name: own for name, own in found.items() if len(own) == wanted.get(name, -1)
    }


def require_rows_of_plan(folder: Path, plan: Json, rows: list[Json]) -> None:
    """Raise a ValueError for rows of another plan, or for two rows of one run."""
    seen = set()
    for row in rows:
        if row["plan"] != plan["hash"]:
            raise ValueError(
                f"{folder}: rows.jsonl has a row of plan {row['plan']:.8}, plan.json "
                f"is {plan['hash']:.8}; give each plan a folder of its own"
            )
        key = (row["task"], row["method"], json.dumps(row["axes"]), row["seed"])
        if key in seen:
            raise ValueError(
                f"{folder}: rows.jsonl has two rows of task {row['task']}, method "
                f"{row['method']}, seed {row['seed']}; join folders with "
                f"{name_command('merge')}"
            )
        seen.add(key)


def resume_results(plan: Json, out: Path) -> dict[str, list[Json]]:
    """Return the rows of the finished cells, and leave only these, in ROWS_FILE.

    Raises ValueError for rows of another plan; the file is then left as it is.
    """
    rows = read_result_rows(out)
    require_rows_of_plan(out, plan, rows)
    whole = select_finished_cells(plan, rows)
    kept = [row for own in whole.values() for row in own]
    if find_rows_file(out):
        write_text(out / ROWS_FILE, to_json_lines(kept))
        (out / PACKED_ROWS_FILE).unlink(missing_ok=True)
    return whole


def require_comparable(rows: list[Json]) -> None:
    """Raise a ValueError if rows of one task were evaluated in different ways."""
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
