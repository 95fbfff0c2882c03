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
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import tyro
from rich.console import Console

from benchmarks import contenders
from benchmarks.contenders import CASES, VARIANTS, config_of
from benchmarks.speed_figures import draw
from benchmarks.speed_table import Row, cells, report
from benchmarks.turns import Make, Timing, timed
from gan_jax.penalties import PENALTIES
from gan_jax.record import versions

Part = Literal["models", "penalties", "growth"]
RATE, OURS = "matrix product", "gan_jax"
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
    """makes: by contender. against: the one that shares are of."""

    part: str
    case: str
    variant: str
    batch: int
    makes: dict[str, Make]
    against: str


def models(flags: Flags) -> Iterator[Comparison]:
    for case in flags.cases:
        for variant in flags.variants:
            config = config_of(case, variant, flags.batch)
            makes: dict[str, Make] = {OURS: (contenders.ours, (config,))}
            for rival in flags.rivals if has_torch() else ():
                make = contenders.theirs, (config, rival == "compile")
                makes[f"PyTorch {rival}"] = make
            yield Comparison(
                "models", case, variant, config.batch_size, makes, "PyTorch eager"
            )


def penalties(flags: Flags) -> Iterator[Comparison]:
    plain: Make = contenders.ours, (config_of("dcgan32", "none"),)
    for name in PENALTIES:
        if name == "none":
            continue
        config = contenders.with_penalty(name)
        makes: dict[str, Make] = {"plain": plain, OURS: (contenders.ours, (config,))}
        yield Comparison(
            "penalties", "dcgan32", name, config.batch_size, makes, "plain"
        )


def growth(flags: Flags) -> Iterator[Comparison]:
    """All batches in one comparison, all sides in another."""
    batches = {str(b): config_of("dcgan32", "r1", b) for b in BATCHES}
    base = config_of("dcgan32", "r1")
    sides = {
        str(side): dataclasses.replace(base, dataset=contenders.digits(side))
        for side in SIDES
    }
    for what, configs in {"batch": batches, "pixels": sides}.items():
        makes: dict[str, Make] = {
            name: (contenders.ours, (config,)) for name, config in configs.items()
        }
        yield Comparison("growth", "dcgan32", what, 0, makes, "16")


PARTS: dict[str, Callable[[Flags], Iterator[Comparison]]] = {
    "models": models,
    "penalties": penalties,
    "growth": growth,
}


def has_torch() -> bool:
    return find_spec("torch") is not None


def compared(
    one: Comparison, flags: Flags, tell: Callable[[str], None]
) -> Iterator[Row]:
    """The rows of a comparison, timed now."""
    makes = one.makes | {RATE: (contenders.products, ())}
    found = timed(makes, flags.rounds, flags.seconds, tell)
    product, rival = found[RATE], found.get(one.against, Timing(fault="absent"))
    for name in one.makes:
        own = found[name]
        rate = paired(product, own)
        yield Row(
            one.part,
            one.case,
            one.variant,
            name,
            one.batch,
            own,
            paired(own, rival),
            one.against,
            rate and own.flops / product.flops * rate,
        )


def paired(one: Timing, other: Timing) -> float | None:
    """The median over rounds of the ratio of seconds; None if one has none."""
    if not (one.rounds and other.rounds):
        return None
    pairs = zip(one.rounds, other.rounds, strict=True)
    return statistics.median(a / b for a, b in pairs)


def about(flags: Flags) -> dict[str, Any]:
    device = jax.devices()[0].device_kind
    torch = {"torch": version("torch")} if has_torch() else {}
    return {
        "device": f"{jax.device_count()} x {device}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **versions(),
        "jaxlib": version("jaxlib"),
        **torch,
        "rounds": flags.rounds,
        "seconds a turn": flags.seconds,
    }


def write(flags: Flags, rows: list[Row]) -> None:
    """The results so far."""
    found = [row._asdict() | {"timing": row.timing._asdict()} for row in rows]
    text = json.dumps({"about": about(flags), "rows": found}, indent=1)
    (flags.out / "speed.json").write_text(text)
    (flags.out / "speed.md").write_text(report(rows, about(flags)))
    for part in dict.fromkeys(row.part for row in rows):
        draw(part, [row for row in rows if row.part == part], flags.out)


def refuse_unknown(flags: Flags) -> None:
    """A ValueError for names there are not, before anything is timed."""
    for field, known in (("cases", CASES), ("variants", VARIANTS)):
        for name in getattr(flags, field):
            if name not in known:
                raise ValueError(f"{field} {name!r}: must be of {', '.join(known)}")
    if flags.rounds < 1:
        raise ValueError(f"rounds {flags.rounds}: must be at least 1")


def main(arguments: list[str]) -> int:
    flags = tyro.cli(
        Flags, args=arguments, prog="python -m benchmarks.speed", description=__doc__
    )
    try:
        refuse_unknown(flags)
        flags.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console, rows = Console(), []
    todo = [one for part in flags.parts for one in PARTS[part](flags)]
    try:
        for index, one in enumerate(todo):
            name = f"{index + 1} of {len(todo)}: {one.part} {one.case} {one.variant}"
            with console.status(name) as status:
                tell = lambda line, name=name: status.update(f"{name}, {line}")  # noqa: E731
                new = list(compared(one, flags, tell))
            rows += new
            for row in new:
                console.print("  ".join(cell for cell in cells(row) if cell))
            write(flags, rows)
    except KeyboardInterrupt:
        print("stopped; what was timed is written", file=sys.stderr)
        return 130
    print(f"table  {flags.out}/speed.md  numbers  {flags.out}/speed.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
