"""The rows of `benchmarks.speed`, as Markdown."""

from typing import Any, NamedTuple

from benchmarks.markdown import table
from benchmarks.turns import Timing


class Row(NamedTuple):
    """One contender of a comparison. share: seconds over those of the `against` one,
    the median over rounds. utilization: FLOP/s over those of the matrix product beside
    it."""

    part: str
    case: str
    variant: str
    contender: str
    batch: int
    timing: Timing
    share: float | None
    against: str
    utilization: float | None


HEADS = (
    "case",
    "penalty",
    "contender",
    "batch",
    "ms per step [least, most]",
    "of",
    "ratio",
    "images/s",
    "GFLOP",
    "utilization",
    "first step s",
    "peak MB",
)


def cells(row: Row) -> list[str]:
    """A row of the table."""
    t = row.timing
    names = [row.case, row.variant, row.contender, str(row.batch or "")]
    if t.fault:
        return [*names, t.fault, *[""] * (len(HEADS) - 5)]
    batch = row.batch or (int(row.contender) if row.variant == "batch" else 64)
    return [
        *names,
        f"{1e3 * t.seconds:.4g} [{1e3 * t.least:.4g}, {1e3 * t.most:.4g}]",
        row.against if row.share else "",
        f"{row.share:.2f}" if row.share else "",
        f"{batch / t.seconds:,.0f}",
        f"{t.flops / 1e9:.3g}",
        f"{row.utilization:.0%}" if row.utilization else "",
        f"{t.first:.1f}",
        f"{t.bytes / 1e6:,.0f}",
    ]


def report(rows: list[Row], about: dict[str, Any]) -> str:
    """Everything as Markdown."""
    told = ", ".join(f"{name} {value}" for name, value in about.items())
    parts = dict.fromkeys(row.part for row in rows)
    tables = [
        f"## {part}\n\n"
        + table(HEADS, [cells(row) for row in rows if row.part == part])
        for part in parts
    ]
    return "\n\n".join([f"# Speed\n\n{told}.", *tables]) + "\n"
