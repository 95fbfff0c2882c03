"""How fast a step is: `python -m benchmarks.speed [models] [penalties] [growth]`.

models: gan_jax against the same step in PyTorch, eager and by torch.compile, for each
case and penalty. penalties: each critic penalty of PENALTIES against the plain step, on
dcgan32. growth: the time of a step in batch and in pixels. All contenders of a
comparison are timed in turn, each in a process of its own, beside a matrix product of
2048 x 2048 (float32) whose rate the steps are held against. Writes speed.json, speed.md
and a figure for each part into --out.
"""

import dataclasses
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import tyro

from benchmarks.speed import contenders
from benchmarks.speed.contenders import CASES, VARIANTS, case_config
from benchmarks.speed.figures import draw_part
from benchmarks.speed.interleave import ContenderMaker, Timing, time_in_turn
from benchmarks.speed.table import SpeedRow, render_report, row_cells
from gan_jax import Config
from gan_jax.command_line.flags import find_given_fields, parse, refuse_unread_flags
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.penalties import PENALTIES
from gan_jax.run_files.summary import framework_versions

Part = Literal["models", "penalties", "growth"]
RATE, OURS, COMPILED = "matrix product", "gan_jax", "PyTorch compile"
BATCHES = (16, 32, 64, 128, 256, 512)
SIDES = (16, 32, 64)


@dataclass(frozen=True)
class Flags:
    parts: Annotated[tuple[Part, ...], tyro.conf.Positional] = (
        "models",
        "penalties",
        "growth",
    )
    """What to time."""
    cases: tuple[str, ...] = tuple(CASES)
    """models: which GANs."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """models: which of none, r1, wgan_gp, spectral."""
    batch: int | None = None
    """models: another batch size for all."""
    rivals: tuple[Literal["eager", "compile"], ...] = ("eager", "compile")
    """models: PyTorch's ways (skipped where torch is not installed)."""
    rounds: int = 9
    """Turns of each contender."""
    seconds: float = 1.0
    """Length of a turn, about; at least one step."""
    out: Path = Path("speed")
    """Folder of the results."""


class Comparison(NamedTuple):
    """Contenders that are timed together.

    makes: how each contender is made. batches: of each. against: the contender that
    ratios are of.
    """

    part: str
    case: str
    variant: str
    makes: dict[str, ContenderMaker]
    batches: dict[str, int]
    against: str


def compare_models(flags: Flags) -> Iterator[Comparison]:
    """Yield gan_jax against PyTorch, for each case and penalty."""
    rivals = [f"PyTorch {rival}" for rival in flags.rivals if has_torch()]
    for case in flags.cases:
        for variant in flags.variants:
            config = case_config(case, variant, flags.batch)
            makes: dict[str, ContenderMaker] = {
                OURS: (contenders.our_contender, (config,))
            }
            for rival in rivals:
                compiled = "networks" if rival == COMPILED else ""
                makes[rival] = contenders.torch_contender, (config, compiled)
            sizes = dict.fromkeys(makes, config.batch_size)
            against = (*rivals, OURS)[0]
            yield Comparison("models", case, variant, makes, sizes, against)


def compare_penalties(flags: Flags) -> Iterator[Comparison]:
    """Yield each critic penalty against the plain step."""
    plain = case_config("dcgan32", "none")
    for name in sorted(PENALTIES.keys() - {"none"}):
        config = contenders.penalty_config(name)
        makes = {"plain": plain, OURS: config}
        yield make_comparison("penalties", name, makes, "plain")


def compare_growth(flags: Flags) -> Iterator[Comparison]:
    """Yield R1 at all batches in one comparison, and at all sides in another."""
    base = case_config("dcgan32", "r1")
    batches = {f"batch {b}": case_config("dcgan32", "r1", b) for b in BATCHES}
    sides = {
        f"{side} pixels": dataclasses.replace(
            base, dataset=contenders.digits_dataset(side)
        )
        for side in SIDES
    }
    for configs in (batches, sides):
        yield make_comparison("growth", "r1", configs, next(iter(configs)))


def make_comparison(
    part: str, variant: str, configs: dict[str, Config], against: str
) -> Comparison:
    """Return a comparison of gan_jax with itself, on `dcgan32`."""
    makes: dict[str, ContenderMaker] = {
        n: (contenders.our_contender, (c,)) for n, c in configs.items()
    }
    sizes = {name: config.batch_size for name, config in configs.items()}
    return Comparison(part, "dcgan32", variant, makes, sizes, against)


PARTS: dict[str, Callable[[Flags], Iterator[Comparison]]] = {
    "models": compare_models,
    "penalties": compare_penalties,
    "growth": compare_growth,
}


def has_torch() -> bool:
    """Return whether PyTorch is installed."""
    return find_spec("torch") is not None


def time_comparison(one: Comparison, flags: Flags) -> Iterator[SpeedRow]:
    """Yield the rows of a comparison, timed now."""
    makes = one.makes | {RATE: (contenders.product_contender, ())}
    found = time_in_turn(makes, flags.rounds, flags.seconds)
    product, rival = found[RATE], found[one.against]
    for name in one.makes:
        own = found[name]
        yield SpeedRow(
            one.part,
            one.case,
            one.variant,
            name,
            one.batches[name],
            own,
            paired_ratio(own, rival),
            one.against,
            utilization(own, product),
        )


def paired_ratio(one: Timing, other: Timing) -> tuple[float, float, float] | None:
    """Return the ratio of seconds within a round: median, least and most over rounds.

    It is None if one of the two has no times.
    """
    if not (one.rounds and other.rounds):
        return None
    ratios = [a / b for a, b in zip(one.rounds, other.rounds, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def utilization(timing: Timing, product: Timing) -> float | None:
    """Return the rate of a step's operations over that of a matrix product.

    It is the median over rounds, and None if one of the two has no times.
    """
    ratio = paired_ratio(product, timing)
    return timing.flops / product.flops * ratio[0] if ratio else None


def describe_setup(flags: Flags) -> dict[str, Any]:
    """Return device, versions and lengths of the measurement."""
    device = jax.devices()[0].device_kind
    torch = {"torch": version("torch")} if has_torch() else {}
    return {
        "device": f"{jax.device_count()} x {device}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **framework_versions(),
        "jaxlib": version("jaxlib"),
        **torch,
        "rounds": flags.rounds,
        "seconds a turn": flags.seconds,
    }


def write_results(flags: Flags, rows: list[SpeedRow]) -> None:
    """Write the results so far."""
    found = [row._asdict() | {"timing": row.timing._asdict()} for row in rows]
    text = json.dumps({"about": describe_setup(flags), "rows": found}, indent=1)
    (flags.out / "speed.json").write_text(text, "utf-8")
    (flags.out / "speed.md").write_text(
        render_report(rows, describe_setup(flags)), "utf-8"
    )
    for part in dict.fromkeys(row.part for row in rows):
        draw_part(part, [row for row in rows if row.part == part], flags.out)


def refuse_unknown(flags: Flags) -> None:
    """Raise a ValueError for unknown names before anything is timed."""
    for field, known in (("cases", CASES), ("variants", VARIANTS)):
        for name in getattr(flags, field):
            if name not in known:
                raise ValueError(f"{field} {name!r}: must be of {', '.join(known)}")
    if flags.rounds < 1:
        raise ValueError(f"rounds {flags.rounds}: must be at least 1")


def start(arguments: list[str]) -> int:
    """Time all comparisons, and write the results after each."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.speed", description=__doc__
    )
    flags = expand_home(flags, "out")
    if "models" not in flags.parts:
        of_models = ("cases", "variants", "batch", "rivals")
        reasons: dict[str, str] = dict.fromkeys(of_models, "without the part 'models'")
        refuse_unread_flags(find_given_fields(Flags, arguments), reasons)
    refuse_unknown(flags)
    flags.out.mkdir(parents=True, exist_ok=True)
    rows = []
    todo = [one for part in flags.parts for one in PARTS[part](flags)]
    try:
        for index, one in enumerate(todo):
            name = f"{index + 1} of {len(todo)}: {one.part} {one.case} {one.variant}"
            print(name, flush=True)
            new = list(time_comparison(one, flags))
            rows += new
            for row in new:
                print("  ".join(cell for cell in row_cells(row) if cell), flush=True)
            write_results(flags, rows)
    except KeyboardInterrupt:
        print("stopped; comparisons that ended are written", file=sys.stderr)
        raise
    print(f"table  {flags.out}/speed.md  numbers  {flags.out}/speed.json")
    return 0


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments))
