"""A plan: the cells of a suite, the thresholds that judge them, and what they cost."""

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from gan_jax.assembly.assemble import build
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import choose
from gan_jax.benchmark.outcome import Thresholds, resolve_goal
from gan_jax.benchmark.suites import (
    Suite,
    Task,
    find_suite,
    make_config,
    require_own_seeds,
)
from gan_jax.benchmark.suites.spec import Changes, sweep_factors
from gan_jax.config import Config
from gan_jax.config.serialization import from_json
from gan_jax.data.batch_order import ORDER_VERSION
from gan_jax.logs.files import write_json
from gan_jax.parallel.execution import members_of
from gan_jax.terminal.command_name import name_command

Json = dict[str, Any]
UNHASHED_FIELDS = ("command", "note", "thresholds", "floors", "noise", "hash")
"""Fields of a plan that do not enter its hash: they are measured or are only notes, and
may differ between machines."""
PLAN_HINT = (
    "put back the file that was there, or delete it and give the command that made it "
    "again"
)
"""What a user can do about a broken plan.json."""


@dataclass(frozen=True)
class PlanRequest:
    """The part of a suite that a user asks for.

    methods: names, ("all",), or () for the suite's own. tasks: names, or () for all.
    seeds, steps: None stands for the suite's. plugin: the loaded plugins that every
    Config records.
    """

    suite: str
    methods: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    seeds: int | None = None
    steps: int | None = None
    plugin: tuple[str, ...] = ()


def make_plan(request: PlanRequest, command: str = "") -> Json:
    """Return the plan of a request, without the floors of its tasks.

    Floors have to be measured and are added by `add_floors`. Raises ValueError for an
    unknown name, for a named method that cannot be built on one of the tasks, and
    for a data set that is missing.
    """
    suite = find_suite(request.suite)
    names = request.tasks or tuple(suite.tasks)
    tasks = {name: choose(suite.tasks, name, "tasks") for name in names}
    for name, value in (("seeds", request.seeds), ("steps", request.steps)):
        if value is not None and value < 1:
            raise ValueError(f"{name} {value}: must be 1 or more")
    for task in tasks.values():
        find_dataset(Config(dataset=task.dataset))  # prepared, before methods are tried
    methods = select_methods(suite, request.methods)
    steps = request.steps or suite.steps
    seeds = 1 if suite.rates else request.seeds or suite.seeds
    require_own_seeds(suite, seeds)
    named = request.methods not in ((), ("all",))
    catalogue = {
        name: dataclasses.replace(suite.catalogue[name], plugin=request.plugin)
        for name in methods
    }
    suite = dataclasses.replace(suite, catalogue=catalogue)
    cells = list(make_cells(suite, tasks, methods, steps, seeds, named))
    cells = list(
        split_into_rounds(cells, suite.first_seed, seeds, suite.round_seeds or seeds)
    )
    used = {cell["method"] for cell in cells}
    plan = {
        "suite": request.suite,
        "order": ORDER_VERSION,
        "command": command,
        "tasks": list(tasks),
        "methods": [name for name in methods if name in used],
        "seeds": seeds,
        "steps": steps,
        "axes": {name: list(values) for name, values in suite.axes.items()}
        | sweep_factors(suite.sweep)
        | ({"h": list(suite.rates)} if suite.rates else {}),
        "cells": cells,
    }
    return plan | {"hash": plan_hash(plan)}


def plan_hash(plan: Json) -> str:
    """Return the SHA-256 of what the plan asks for, written as canonical JSON."""
    hashed = {k: v for k, v in plan.items() if k not in UNHASHED_FIELDS}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def select_methods(suite: Suite, wanted: tuple[str, ...]) -> list[str]:
    """Return the names of the wanted methods of a suite.

    Raises ValueError for an unknown name, with the nearest known one.
    """
    if wanted == ("all",) or not (wanted or suite.methods):
        return list(suite.catalogue)
    for name in wanted:
        choose(suite.catalogue, name, "methods")
    return list(dict.fromkeys(wanted or suite.methods))


def make_cells(
    suite: Suite,
    tasks: dict[str, Task],
    methods: list[str],
    steps: int,
    seeds: int,
    named: bool,
) -> Iterator[Json]:
    """Yield a cell for every task, method and point of the axes that can be built.

    named: whether the user named the methods one by one. Then a method that cannot be
    built is a ValueError; otherwise it is skipped.
    """
    for (name, task), method in product(tasks.items(), methods):
        for point in axis_points(suite):
            changes = merge_changes(
                suite.axes[axis][value] for axis, value in point.items()
            )
            config = make_config(suite, task, method, changes, steps, seeds)
            fault = find_build_error(config)
            if fault and named:
                raise ValueError(f"methods {method!r} on {name}: {fault}")
            if fault:
                continue
            yield {
                "id": "--".join(
                    [name, method, *(f"{k}={v}" for k, v in point.items())]
                ),
                "task": name,
                "method": method,
                "axes": point,
                "config": dataclasses.asdict(config),
                "members": len(suite.rates or members_of(config) or [None]),
            }


def split_into_rounds(
    cells: list[Json], first_seed: int, seeds: int, size: int
) -> Iterator[Json]:
    """Yield the cells of each round of seeds, one round after the other.

    The seeds are `first_seed`, `first_seed + 1` and so on. A round has all cells, each
    with `size` of the seeds (the last round with those that are left). So a comparison
    that ends early has fewer seeds, but no fewer methods. The cells of a single round
    keep their names.
    """
    end = first_seed + seeds
    for first in range(first_seed, end, size):
        count = min(size, end - first)
        suffix = "" if size >= seeds else f"--seeds={first}-{first + count - 1}"
        for cell in cells:
            yield cell | {
                "id": cell["id"] + suffix,
                "config": cell["config"] | {"seed": first, "seeds": count},
                "members": cell["members"] * count // seeds,
            }


def select_share(cells: list[Json], part: str) -> list[Json]:
    """Return the cells of a part like `2/3`: every third one, from the second on.

    Raises ValueError for a part that is no such share.
    """
    which, slash, count = part.partition("/")
    if not (slash and which.isdecimal() and count.isdecimal()) or not (
        1 <= int(which) <= int(count)
    ):
        raise ValueError(f"part {part!r}: must be like 2/3, the second of three shares")
    return cells[int(which) - 1 :: int(count)]


def axis_points(suite: Suite) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values of the suite's axes."""
    for values in product(*suite.axes.values()):
        yield dict(zip(suite.axes, values, strict=True))


def merge_changes(changes: Iterable[Changes]) -> Changes:
    """Return all changes as one."""
    return {name: value for part in changes for name, value in part.items()}


def find_build_error(config: Config) -> str | None:
    """Return why such a GAN cannot be built, or None if it can."""
    try:
        build(config)
    except ValueError as error:
        return str(error)
    return None


def cell_config(cell: Json) -> Config:
    """Return the Config of a cell of a plan."""
    return from_json(json.dumps(cell["config"]), f"cell {cell['id']}")


def plan_plugins(plan: Json) -> tuple[str, ...]:
    """Return the plugins that a plan records: all its cells record the same ones."""
    return cell_config(plan["cells"][0]).plugin if plan["cells"] else ()


def make_thresholds(suite: Suite, names: Iterable[str], floors: Json) -> Json:
    """Return what each task is judged by, in numbers."""
    found = {}
    for name in names:
        goal = suite.tasks[name].goal
        if goal is None:
            found[name] = {"rule": "gan_jax.diagnostics.phase.verdict"}
            continue
        found[name] = dataclasses.asdict(resolve_goal(goal, floors[name]))
        found[name] |= dataclasses.asdict(Thresholds())
    return found


def add_floors(plan: Json, floors: dict[str, Json]) -> Json:
    """Return the plan with the floors of its tasks and the thresholds they lead to."""
    suite = find_suite(plan["suite"])
    thresholds = make_thresholds(suite, plan["tasks"], floors)
    return plan | {"floors": floors, "thresholds": thresholds}


def store_plan(plan: Json, out: Path) -> Json:
    """Write plan.json, or return the equal plan that the folder has already.

    Raises ValueError if the folder holds results of another plan.
    """
    path = out / "plan.json"
    if not path.exists():
        write_json(path, plan)
        return plan
    found = read_plan(out)
    if found.get("order", 1) != plan["order"]:
        raise ValueError(
            f"out {out}: holds results by another version of gan_jax, whose runs "
            "took their examples in another order; choose another --out"
        )
    if found["hash"] != plan["hash"]:
        raise ValueError(
            f"out {out}: holds results of another plan ({describe_plan(found)}; "
            f"this one: {describe_plan(plan)}); choose another --out, or give the "
            "command that made it: "
            f"{found['command']}"
        )
    return found


def read_plan(out: str | Path) -> Json:
    """Return the plan of a results folder, or raise a ValueError if there is none."""
    path = Path(out) / "plan.json"
    if not path.is_file():
        raise ValueError(f"{out}: {explain_missing_plan(path.parent)}")
    try:
        plan = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON ({error}); {PLAN_HINT}") from None
    if not isinstance(plan, dict) or plan.get("hash") != plan_hash(plan):
        raise ValueError(f"{path}: was changed by hand (its hash differs); {PLAN_HINT}")
    return plan


def explain_missing_plan(folder: Path) -> str:
    """Return why a folder has no plan and what can be done about it."""
    if folder.is_file():
        return f"is a file; give the folder that {name_command('compare')} has written"
    why = "holds no results (no plan.json)" if folder.is_dir() else "no such folder"
    place = shlex.quote(str(folder))
    return f"{why}; run {name_command('compare')} --suite NAME --out {place}"


def describe_plan(plan: Json) -> str:
    """Return the sizes of a plan in words."""
    return (
        f"{plan['suite']}, {len(plan['tasks'])} tasks, {len(plan['methods'])} methods, "
        f"{plan['seeds']} seeds, {plan['steps']} steps"
    )
