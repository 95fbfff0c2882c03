"""The table of `gan-jax evaluate`: numbers, intervals, floors and ceilings."""

import math
from typing import Any

from gan_jax.evaluate.metric_registry import better_side, bound_name
from gan_jax.terminal.text_tables import print_table


def print_numbers(row: dict[str, Any]) -> None:
    """Print a table of the numbers, which way is better, and their floor or ceiling."""
    mark, floor, samples = row["fingerprint"], row["floor"], row["metrics"]
    has_floor = len(floor) > 1
    heads = ["metric", "better"]
    heads += [] if samples is None else ["samples (95 %)"]
    heads += ["real data"] if has_floor else []
    lines = [heads]
    for name in floor if samples is None else samples:
        if name != "n":
            cells = [name, better_side(name)]
            cells += [] if samples is None else [format_value(row, name)]
            cells += [format_bound(floor, name)] if has_floor else []
            lines.append(cells)
    tool = f"{mark['extractor']} {mark['weights'][:8]}".strip()
    print(f"{mark['dataset']} ({mark['split']}), extractor {tool}: {mark['about']}")
    print(f"SHA-256 of all that {mark['dataset']} holds: {mark['content']}")
    if samples is not None:
        print(f"samples (n = {mark['n_fake']}) against as many examples")
    if has_floor:
        print(f"real data (n = {floor['n']}) against as many other examples")
    print_table(lines)
    for warning in row["warnings"]:
        print(f"warning: {warning}")


def format_bound(floor: dict[str, float], name: str) -> str:
    """Return the floor or the ceiling of a number, or "" if it has none."""
    return f"{bound_name(name)} {floor[name]:.5g}".strip() if name in floor else ""


def format_value(row: dict[str, Any], name: str) -> str:
    """Return a number of the samples, and half the length of its interval, if any."""
    value, interval = row["metrics"][name], row["intervals"].get(name)
    if interval is None:
        return f"{value:.5g}"
    half = (interval[1] - interval[0]) / 2
    if not 0 < half < math.inf:
        return f"{value:.5g} +- {half:.2g}"
    places = max(1 - math.floor(math.log10(half)), 0)
    return f"{value:.{places}f} +- {half:.{places}f}"
