"""Stage *speed*: a step of gan_jax against the same step in PyTorch at its best.

PyTorch has TF32 or bfloat16 autocast, channels last and cudnn.benchmark. It runs
eagerly, with both networks compiled, and with the whole step compiled. The contenders
are those of `benchmarks.speed`, each in a process of its own.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from benchmarks.accelerator.stage import Json, Piece, Settings, Stage
from benchmarks.speed import contenders
from benchmarks.speed.contenders import case_config
from benchmarks.speed.interleave import ContenderMaker, Timing, time_in_turn
from benchmarks.speed.measure import OURS, RATE, has_torch, paired_ratio, utilization
from gan_jax.benchmark.report.markdown import render_table

PRODUCT_SIDE, TINY_SIDE = 8192, 256
"""The side of the square matrices whose product is the rate of the device."""
RIVALS = {
    "PyTorch eager": "eager",
    "PyTorch, networks compiled": "networks",
    "PyTorch, step compiled": "step",
}


class Comparison(NamedTuple):
    """A step that is timed; precision: of gan_jax's Config."""

    case: str
    variant: str
    batch: int
    precision: str

    def name(self) -> str:
        """Return the name of its piece."""
        return f"{self.case} {self.variant} batch {self.batch} {self.precision}"


GAMES = (
    ("dcgan64", "none"),
    ("dcgan64", "r1"),
    ("resnet32", "wgan_gp"),
    ("dcgan32", "wgan_gp"),
    ("ring", "r1"),
)
COMPARISONS = [
    Comparison(case, variant, batch, precision)
    for batch in (256, 64)
    for precision in ("float32", "bf16")
    for case, variant in GAMES
    if (case, precision) != ("ring", "bf16")
]
TINY = [Comparison("ring", "none", 16, "float32")]


def find_pieces(settings: Settings) -> list[Piece]:
    """Return a piece for each comparison."""
    comparisons = TINY if settings.tiny else COMPARISONS
    return [Piece(one.name(), partial(compare, one, settings)) for one in comparisons]


def compare(one: Comparison, settings: Settings) -> Json:
    """Time gan_jax, PyTorch's ways and a matrix product in turn."""
    config = case_config(one.case, one.variant, one.batch)
    config = replace(config, precision=one.precision)
    makes: dict[str, ContenderMaker] = {OURS: (contenders.our_contender, (config,))}
    if has_torch():
        rivals = dict(list(RIVALS.items())[:1]) if settings.tiny else RIVALS
        makes |= {
            name: (contenders.torch_contender, (config, compiled, True))
            for name, compiled in rivals.items()
        }
    side = TINY_SIDE if settings.tiny else PRODUCT_SIDE
    makes[RATE] = contenders.product_contender, (side, one.precision)
    rounds, seconds = (1, 0.0) if settings.tiny else (7, 0.5)
    found = time_in_turn(makes, rounds, seconds)
    faults = {RATE: found[RATE].fault, OURS: found[OURS].fault}
    return {
        "contenders": {name: timing._asdict() for name, timing in found.items()},
        "passed": not any(faults.values()),
    } | ({"why": f"{faults}"} if any(faults.values()) else {})


def render(found: dict[str, Json]) -> str:
    """Return a table of all contenders."""
    heads = (
        "step",
        "contender",
        "ms per step",
        "of PyTorch's best",
        "of the product's rate",
        "MB planned",
        "MB at the peak",
        "first call s",
    )
    rows = [
        [piece, *cells]
        for piece, result in found.items()
        for cells in describe_contenders(result["contenders"])
    ]
    legend = (
        "PyTorch has TF32 (or bfloat16 autocast), channels last and cudnn.benchmark. "
        "Times are medians over rounds; ratios are medians [least, most] of those "
        "within a round. The product is of square matrices in the step's precision "
        f"({PRODUCT_SIDE} rows)."
    )
    return f"{legend}\n\n{render_table(heads, rows)}"


def describe_contenders(timings: dict[str, Json]) -> list[list[str]]:
    """Return the cells of the contenders of a comparison, but for the product."""
    known = {name: read_timing(found) for name, found in timings.items()}
    product = known.pop(RATE)
    rivals = [t for name, t in known.items() if name != OURS and t.rounds]
    best = min(rivals, key=lambda timing: timing.seconds, default=None)
    return [[name, *timing_cells(t, best, product)] for name, t in known.items()]


def read_timing(found: Json) -> Timing:
    """Return a Timing as JSON holds it."""
    return Timing(**{**found, "rounds": tuple(found["rounds"])})


def timing_cells(timing: Timing, best: Timing | None, product: Timing) -> list[str]:
    """Return time, ratio, share of the product's rate, memory and first call."""
    if timing.fault:
        return [timing.fault, *[""] * 5]
    ratio = best and paired_ratio(timing, best)
    share = utilization(timing, product)
    return [
        f"{1e3 * timing.seconds:.4g}",
        "{:.2f} [{:.2f}, {:.2f}]".format(*ratio) if ratio else "",
        f"{share:.0%}" if share else "",
        f"{timing.planned / 1e6:,.0f}" if timing.planned else "",
        f"{timing.peak / 1e6:,.0f}" if timing.peak else "",
        f"{timing.first:.1f}",
    ]


STAGE = Stage(
    "A step against the same step in PyTorch at its best, with memory and first calls.",
    4.0,
    find_pieces,
    render,
)
