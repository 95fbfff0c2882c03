"""The rows of `benchmarks.speed` as Markdown."""

from typing import Any, NamedTuple

from benchmarks.speed.interleave import Timing
from gan_jax.benchmark.report.markdown import render_table


class SpeedRow(NamedTuple):
    """One contender of a comparison.

    ratio: its seconds over those of the contender `against`, within a round: median,
    least and most over the rounds. utilization: its FLOP/s over those of the matrix
    product beside it, the median.
    """

    part: str
    case: str
    variant: str
    contender: str
    batch: int
    timing: Timing
    ratio: tuple[float, float, float] | None
    against: str
    utilization: float | None


COLUMNS = {
    "case": "network, data and their sizes: CASES of benchmarks/speed/contenders.py",
    "penalty": "of D; spectral: D spectrally normalized (PyTorch iterates in each of "
    "D's three passes, as its users do, gan_jax once a step)",
    "contender": "gan_jax makes `calls` steps in a dispatch, as `train` does",
    "batch": "images, or points, in a step",
    "ms per step": "median [least, most] over the rounds",
    "ratio": "of the time to that of the contender named, within a round: median "
    "[least, most] over the rounds",
    "per second": "images, or points, of which a step was made",
    "GFLOP": "of a step: products and convolutions, two for each multiply-add "
    "(PyTorch's by its own formulas, without those of power iterations)",
    "utilization": "FLOP/s over those of the 2048 x 2048 product in the same round",
    "first call s": "with tracing and compiling, nothing cached",
    "calls": "steps in one dispatch",
    "MB planned": "arguments and temporaries of one step, as XLA plans them",
    "MB grown": "peak of the process (accelerator: of its memory) above what it held "
    "before the first step, compiling included",
}
"""The columns of the table, and what each says."""


def row_cells(row: SpeedRow) -> list[str]:
    """Return a row of the table."""
    t = row.timing
    names = row_labels(row)
    if t.fault:
        return [*names, t.fault, *[""] * (len(COLUMNS) - 5)]
    ratio = "{:.2f} [{:.2f}, {:.2f}]".format(*row.ratio) if row.ratio else ""
    return [
        *names,
        f"{1e3 * t.seconds:.4g} [{1e3 * t.least:.4g}, {1e3 * t.most:.4g}]",
        f"{ratio} of {row.against}" if ratio and row.contender != row.against else "",
        f"{row.batch / t.seconds:,.0f}",
        f"{t.flops / 1e9:.3g}",
        f"{row.utilization:.0%}" if row.utilization else "",
        f"{t.first:.1f}",
        str(t.unit),
        f"{t.planned / 1e6:,.0f}" if t.planned else "",
        "" if t.grown is None else f"{t.grown / 1e6:,.0f}",
    ]


def row_labels(row: SpeedRow) -> list[str]:
    """Return case, penalty, contender and batch; the plain step has no penalty."""
    variant = "none" if row.contender == "plain" else row.variant
    return [row.case, variant, row.contender, str(row.batch)]


def render_report(rows: list[SpeedRow], about: dict[str, Any]) -> str:
    """Return everything as Markdown."""
    setup = ", ".join(f"{name} {value}" for name, value in about.items())
    parts = dict.fromkeys(row.part for row in rows)
    tables = [
        f"## {part}\n\n"
        + render_table(
            tuple(COLUMNS), [row_cells(row) for row in rows if row.part == part]
        )
        for part in parts
    ]
    legend = "\n".join(f"- {name}: {words}" for name, words in COLUMNS.items())
    return "\n\n".join([f"# Speed\n\n{setup}.", *tables, legend]) + "\n"
