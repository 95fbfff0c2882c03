"""What a stage of `benchmarks.accelerator` is, and the files of its results.

A stage is a list of pieces. Each piece is a check or a measurement of its own, whose
result is written as soon as it exists. So a stage that was stopped goes on with the
pieces that have no result.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.benchmark.run_cell import find_commit
from gan_jax.logs.files import write_json

Json = dict[str, Any]

COMMIT_FILE = Path(__file__).parents[2] / "commit.txt"
"""Holds the commit of the code in a folder that `pack` has filled."""
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
PARTIAL = "partial"
"""The status of a piece that reached its time limit and can go on."""
BEGUN = "begun"
"""The status of a piece that runs, or in which the program was ended."""
FINAL = (PASSED, SKIPPED)
"""The statuses with which the program succeeds."""


class Skipped(Exception):
    """Says why a piece cannot run here, and what would let it run."""


class OutOfTime(Exception):
    """Says what a piece has reached at its time limit; it goes on when run again."""


class Settings(NamedTuple):
    """What the pieces of a stage are told.

    tiny: whether the smallest networks and few cases are wanted, which take seconds on
    a CPU. seconds: the time that the stage may take. out: the folder of the results.
    """

    tiny: bool
    seconds: float
    out: Path


class Piece(NamedTuple):
    """A check or a measurement.

    run: returns the results, a JSON object; a field `passed` that is False says that a
    check failed.
    """

    name: str
    run: Callable[[], Json]


class Stage(NamedTuple):
    """A list of pieces, and how their results are shown.

    about: one sentence that says what is found out, and claims no result. share: its
    part of the time, relative to the other stages. pieces: what is to be done. render:
    the finished results by name of piece, as Markdown. claim: what has been shown once
    every piece has passed; it takes the place of `about` on the page.
    """

    about: str
    share: float
    pieces: Callable[[Settings], list[Piece]]
    render: Callable[[dict[str, Json]], str]
    claim: str = ""


def results_file(out: Path, stage: str) -> Path:
    """Return the file of a stage's results."""
    return out / f"{stage}.json"


def read_results(out: Path, stage: str) -> dict[str, Json]:
    """Return the results of a stage by name of piece; none if there is no file.

    Raises ValueError for a file that is no such table.
    """
    file = results_file(out, stage)
    found = read_table(file)
    for name, result in found.items():
        if not isinstance(result, dict) or "status" not in result:
            raise ValueError(f"{file}: {name!r} has no status; delete the file")
    return found


def read_table(file: Path) -> Json:
    """Return the JSON object in a file; an empty one if there is no file.

    Raises ValueError for a file that holds something else.
    """
    if not file.exists():
        return {}
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: is damaged ({error}); delete it") from None
    if not isinstance(found, dict):
        raise ValueError(f"{file}: holds no JSON object; delete it")
    return found


def write_results(out: Path, stage: str, results: dict[str, Json]) -> None:
    """Write the results of a stage, whole or not at all."""
    write_json(results_file(out, stage), results)


def run_stage(stage: Stage, name: str, settings: Settings) -> Iterator[tuple[str, str]]:
    """Run what has no good result yet; yield the name and the status of each piece.

    Pieces that were never tried come first. No piece begins after the stage's time.
    """
    settings.out.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + settings.seconds
    results = read_results(settings.out, name)
    pieces = stage.pieces(settings)
    todo = [piece for piece in pieces if not is_done(results.get(piece.name))]
    for piece in sorted(todo, key=lambda piece: piece.name in results):
        if time.monotonic() >= ends:
            return
        results[piece.name] = {"status": BEGUN}
        write_results(settings.out, name, results)
        results[piece.name] = run_piece(piece) | describe_origin()
        write_results(settings.out, name, results)
        yield piece.name, results[piece.name]["status"]


def describe_origin() -> Json:
    """Return what a result was made with: commit, XLA's flags and the time in UTC."""
    packed = COMMIT_FILE.exists()
    return {
        "commit": COMMIT_FILE.read_text("utf-8").strip() if packed else find_commit(),
        "xla_flags": os.environ.get("XLA_FLAGS", "").strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def is_done(result: Json | None) -> bool:
    """Whether a piece needs not run again. A piece that was skipped is tried again."""
    return result is not None and result["status"] == PASSED


def is_finished(stage: Stage, name: str, settings: Settings) -> bool:
    """Whether every piece of a stage has passed, or cannot run here."""
    results = read_results(settings.out, name)
    names = [piece.name for piece in stage.pieces(settings)]
    return all(results.get(name, {}).get("status") in FINAL for name in names)


def run_piece(piece: Piece) -> Json:
    """Run a piece, and return its status, its seconds and its results."""
    started = time.monotonic()
    try:
        found = piece.run()
        status = PASSED if found.get("passed", True) else FAILED
    except Skipped as reason:
        status, found = SKIPPED, {"why": str(reason)}
    except OutOfTime as reached:
        status, found = PARTIAL, {"why": str(reached)}
    except Exception as error:  # Whatever a piece raises, the next one runs.
        words = " ".join(str(error).split())
        status, found = FAILED, {"why": f"{type(error).__name__}: {words:.300}"}
    return {"status": status, "seconds": time.monotonic() - started, **found}
