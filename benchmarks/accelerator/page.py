"""The page of all results of `benchmarks.accelerator`, in Markdown."""

from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.accelerator.registry import STAGES
from benchmarks.accelerator.stage import (
    FAILED,
    PARTIAL,
    PASSED,
    SKIPPED,
    Json,
    Settings,
)

WORDS = {
    FAILED: "failed",
    PARTIAL: "ran out of time",
    SKIPPED: "cannot run here",
}
"""What the page says of pieces that have a result and did not pass."""


def render_page(
    about: dict[str, Any], results: dict[str, dict[str, Json]], command: str
) -> str:
    """Return the page: the device and the command, then each stage with results."""
    setup = ", ".join(f"{name} {value}" for name, value in about.items())
    parts = [f"# {about['device']}", f"{setup}.", f"`{command}`"]
    for name, found in results.items():
        if found:
            parts += render_stage(name, found, piece_names(name, about))
    return "\n\n".join(parts) + "\n"


def piece_names(stage: str, about: dict[str, Any]) -> list[str]:
    """Return the names of all pieces of a stage, with and without a result."""
    settings = Settings(about.get("tiny", False), 0.0, Path())
    return [piece.name for piece in STAGES[stage].pieces(settings)]


def count_pieces(found: dict[str, Json], names: list[str]) -> str:
    """Say how many of all pieces passed, and what became of the others.

    A piece that runs, or in which the program ended, has no result.
    """
    total = len(found.keys() | set(names))
    counts = Counter(result["status"] for result in found.values())
    missing = total - sum(counts[status] for status in (PASSED, *WORDS))
    words = [f"{counts[status]} {words}" for status, words in WORDS.items()]
    present = [text for text in words if not text.startswith("0 ")]
    rest = [f"{missing} without a result"] if missing else []
    return ", ".join([f"{counts[PASSED]} of {total} passed", *present, *rest])


def list_origins(found: dict[str, Json]) -> list[str]:
    """Return a line for each commit and flags of XLA that results were made with."""
    days: dict[tuple[str, str], set[str]] = {}
    for result in found.values():
        if "date" in result:
            origin = result["commit"] or "unknown", result["xla_flags"]
            days.setdefault(origin, set()).add(result["date"][:10])
    return [
        f"Measured on {', '.join(sorted(dates))} with commit {commit} and "
        + (f"`XLA_FLAGS={flags}`." if flags else "no `XLA_FLAGS`.")
        for (commit, flags), dates in days.items()
    ]


def has_passed(found: dict[str, Json], names: list[str]) -> bool:
    """Whether every piece of a stage has passed; none may be skipped."""
    results = [found.get(name, {}) for name in found.keys() | set(names)]
    return all(result.get("status") == PASSED for result in results)


def render_stage(name: str, found: dict[str, Json], names: list[str]) -> list[str]:
    """Return the paragraphs of a stage: counts, what did not pass, and its tables.

    names: of all pieces. What the stage is to show is claimed only if all have passed.
    """
    stage = STAGES[name]
    shown = stage.claim if has_passed(found, names) else ""
    lines = [
        f"- {piece}: {result['status']}"
        + (f": {result['why']}" if "why" in result else "")
        for piece, result in found.items()
        if result["status"] != PASSED
    ]
    measured = {
        piece: result
        for piece, result in found.items()
        if result["status"] == PASSED or "passed" in result
    }
    table = stage.render(measured) if measured else ""
    return [
        f"## {name}",
        f"{count_pieces(found, names)}. {shown or stage.about}",
        *list_origins(found),
        *filter(None, ["\n".join(lines), table]),
    ]
