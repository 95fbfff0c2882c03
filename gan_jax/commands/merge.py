"""Join the results of several machines: `python -m benchmarks.merge A B --out C`.

All must be of one plan (shares of it: `benchmarks.compare --part 1/2`), measured in one
way and judged by the same thresholds. A GAN that several have must have come out alike.
The runs themselves (cells/, and so samples) stay where they are.
"""

import math
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from gan_jax.benchmark.outcome import ERROR
from gan_jax.benchmark.plan import Json, describe_plan, read_plan
from gan_jax.benchmark.results_io import (
    ROWS_FILE,
    read_rows,
    require_comparable,
    require_rows_of_plan,
    to_json_lines,
)
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import exit_code, expand_home, with_own_flags
from gan_jax.logs.metric_log import write_json, write_text
from gan_jax.run_files.folder import held

AGREEING_FIELDS = (
    "config",
    "outcome",
    "success",
    "success_step",
    "verdict",
    "final",
    "best",
)
"""What rows of the same GAN share; time, device and versions may differ."""
TOLERANCE = 1e-6
"""Relative, of numbers: machines round differently."""
FLOOR_TOLERANCE = 1e-3
"""The same of thresholds, which are multiples of measured floors. Rounding moves those
by 1e-8 (other vector units), other draws of the points by several percent."""


@dataclass(frozen=True)
class Flags:
    results: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of benchmarks.compare."""
    out: Path
    """A new folder for all of them."""


def row_identity(row: Json) -> tuple[str, int, str]:
    """Which GAN of the plan it is."""
    return row["cell"], row["seed"], str(sorted(row["axes"].items()))


def is_alike(one: Any, other: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two JSON values are equal, numbers up to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        same = one.keys() == other.keys()
        return same and all(is_alike(one[k], other[k], tolerance) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(is_alike(*p, tolerance) for p in pairs)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=TOLERANCE)
    return one == other


def merge_rows(groups: list[list[Json]]) -> list[Json]:
    """The rows of all; of a GAN that several have the first that did not crash.

    Raises ValueError for two rows of one GAN that disagree.
    """
    found: dict[tuple[str, int, str], Json] = {}
    for row in (row for group in groups for row in group):
        key = row_identity(row)
        known = found.get(key)
        if known is None or known["outcome"] == ERROR:
            found[key] = row
        elif row["outcome"] != ERROR:
            require_agreement(known, row)
    return list(found.values())


def require_agreement(one: Json, other: Json) -> None:
    for name in AGREEING_FIELDS:
        if not is_alike(one[name], other[name]):
            raise ValueError(
                f"{one['cell']}, seed {one['seed']}: two rows disagree in {name} "
                f"({one[name]!r:.80} and {other[name]!r:.80}); keep one of them"
            )


def require_one_plan(folders: tuple[Path, ...], plans: list[Json]) -> None:
    """A ValueError for folders of several plans, or judged by several thresholds."""
    first = plans[0]
    for folder, plan in zip(folders, plans, strict=True):
        if plan["hash"] != first["hash"]:
            raise ValueError(
                f"{folder}: is of another plan ({describe_plan(plan)}) than {folders[0]} "
                f"({describe_plan(first)}); merge results of one plan"
            )
        ours, theirs = (p.get("thresholds") for p in (first, plan))
        if not is_alike(ours, theirs, FLOOR_TOLERANCE):
            raise ValueError(
                f"{folder}: its runs were judged by other thresholds than those of "
                f"{folders[0]} (plan.json); run one of the two again with this code"
            )


def restore_command(command: str, out: Path) -> str:
    """The command of a share as that of the whole plan, with this folder."""
    words = iter(shlex.split(command))
    kept = []
    for word in words:
        name, given, _ = word.partition("=")
        if name not in ("--part", "--out"):
            kept.append(word)
        elif not given:
            next(words, None)
    return shlex.join([*kept, "--out", str(out)])


def merge_results(flags: Flags) -> None:
    if len(flags.results) < 2:
        raise ValueError("results: at least two folders are needed; give them by name")
    plans = [read_plan(folder) for folder in flags.results]
    require_one_plan(flags.results, plans)
    groups = [read_rows(folder) for folder in flags.results]
    for folder, plan, own in zip(flags.results, plans, groups, strict=True):
        require_rows_of_plan(folder, plan, own)
    rows = merge_rows(groups)
    require_comparable(rows)
    if flags.out.exists() and any(flags.out.iterdir()):
        raise ValueError(f"out {flags.out}: is not empty; choose another --out")
    with held(flags.out):
        command = restore_command(plans[0]["command"], flags.out)
        write_json(flags.out / "plan.json", plans[0] | {"command": command})
        write_text(flags.out / ROWS_FILE, to_json_lines(rows))
    wanted = sum(cell["members"] for cell in plans[0]["cells"])
    print(f"{len(rows)} of {wanted} GANs in {flags.out / ROWS_FILE}")


def start(arguments: list[str]) -> None:
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.merge", description=__doc__
    )
    merge_results(expand_home(flags, "results", "out"))


def main(arguments: list[str]) -> int:
    return exit_code(partial(start, arguments), with_own_flags(Flags))
