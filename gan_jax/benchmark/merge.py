"""Merging of result folders that several machines have written."""

import math
import shlex
from pathlib import Path
from typing import Any

from gan_jax.benchmark.outcome import ERROR
from gan_jax.benchmark.plan import Json, describe_plan, read_plan
from gan_jax.benchmark.results_io import (
    ROWS_FILE,
    read_result_rows,
    require_comparable,
    require_rows_of_plan,
    to_json_lines,
)
from gan_jax.logs.files import write_json, write_text
from gan_jax.run_files.folder import lock_folder

AGREEING_FIELDS = (
    "config",
    "outcome",
    "success",
    "success_step",
    "verdict",
    "final",
    "best",
)
"""Fields in which rows of one GAN must agree; time, device and versions may differ."""
TOLERANCE = 1e-6
"""Relative tolerance of numbers: machines round differently."""
FLOOR_TOLERANCE = 1e-3
"""Relative tolerance of thresholds, which are multiples of measured floors. Rounding
with other vector units moves them by 1e-8, other draws of the points by several
percent."""


def row_identity(row: Json) -> tuple[str, int, str]:
    """Return which GAN of the plan a row belongs to."""
    return row["cell"], row["seed"], str(sorted(row["axes"].items()))


def is_alike(one: Any, other: Any, tolerance: float = TOLERANCE) -> bool:
    """Return whether two JSON values are equal, their numbers up to a tolerance."""
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
    """Return one row for each GAN: the first that did not crash, if there is one.

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
    """Raise a ValueError if two rows of one GAN disagree."""
    for name in AGREEING_FIELDS:
        if not is_alike(one[name], other[name]):
            raise ValueError(
                f"{one['cell']}, seed {one['seed']}: two rows disagree in {name} "
                f"({one[name]!r:.80} and {other[name]!r:.80}); keep one of them"
            )


def require_one_plan(folders: tuple[Path, ...], plans: list[Json]) -> None:
    """Raise a ValueError if folders differ in their plans or in their thresholds."""
    first = plans[0]
    for folder, plan in zip(folders, plans, strict=True):
        if plan["hash"] != first["hash"]:
            raise ValueError(
                f"{folder}: is of another plan ({describe_plan(plan)}) than "
                f"{folders[0]} ({describe_plan(first)}); merge results of one plan"
            )
        ours, theirs = (p.get("thresholds") for p in (first, plan))
        if not is_alike(ours, theirs, FLOOR_TOLERANCE):
            raise ValueError(
                f"{folder}: its runs were judged by other thresholds than those of "
                f"{folders[0]} (plan.json); run one of the two again with this code"
            )


def restore_command(command: str, out: Path) -> str:
    """Return the command of the whole plan in a new folder, from that of a share."""
    words = iter(shlex.split(command))
    kept = []
    for word in words:
        name, given, _ = word.partition("=")
        if name not in ("--part", "--out"):
            kept.append(word)
        elif not given:
            next(words, None)
    return shlex.join([*kept, "--out", str(out)])


def merge_results(folders: tuple[Path, ...], out: Path) -> tuple[int, int]:
    """Merge result folders into the folder `out`.

    Returns how many GANs have a row, and how many GANs the plan has. Raises ValueError
    if the folders do not belong together, or if `out` is not empty.
    """
    if len(folders) < 2:
        raise ValueError("results: at least two folders are needed; give them by name")
    plans = [read_plan(folder) for folder in folders]
    require_one_plan(folders, plans)
    groups = [read_result_rows(folder) for folder in folders]
    for folder, plan, rows in zip(folders, plans, groups, strict=True):
        require_rows_of_plan(folder, plan, rows)
    merged = merge_rows(groups)
    require_comparable(merged)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"out {out}: is not empty; choose another --out")
    with lock_folder(out):
        command = restore_command(plans[0]["command"], out)
        write_json(out / "plan.json", plans[0] | {"command": command})
        write_text(out / ROWS_FILE, to_json_lines(merged))
    return len(merged), sum(cell["members"] for cell in plans[0]["cells"])
