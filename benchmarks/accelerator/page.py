"""The page of all results of `benchmarks.accelerator`, in Markdown."""

from collections import Counter
from typing import Any

from benchmarks.accelerator.registry import STAGES
from benchmarks.accelerator.stage import PASSED, Json


def render_page(about: dict[str, Any], results: dict[str, dict[str, Json]]) -> str:
    """Return the page: the device, then each stage that has results."""
    setup = ", ".join(f"{name} {value}" for name, value in about.items())
    parts = [f"# {about['device']}", f"{setup}.", "`python -m benchmarks.accelerator`"]
    for name, found in results.items():
        if found:
            parts += render_stage(name, found)
    return "\n\n".join(parts) + "\n"


def render_stage(name: str, found: dict[str, Json]) -> list[str]:
    """Return the paragraphs of a stage: counts, what did not pass, and its tables."""
    counts = Counter(piece["status"] for piece in found.values())
    words = ", ".join(f"{n} {status}" for status, n in counts.items())
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
    table = STAGES[name].render(measured) if measured else ""
    return [
        f"## {name}",
        f"{STAGES[name].about} {words}.",
        *filter(None, ["\n".join(lines), table]),
    ]
