"""Stage *right*: whether a step on the device is the step on the CPU.

Every registered loss, penalty, model, rule of play, augmentation, optimizer, norm,
activation, output and minibatch layer makes one step on both, in true float32, from one
state and one batch. Then the tests of the project run on the device, where they are.
"""

import os
import re
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.accelerator.cases import (
    Kind,
    case_config,
    find_cases,
    flatten,
    make_start,
    player_parameters,
)
from benchmarks.accelerator.stage import Json, Piece, Settings, Skipped, Stage
from gan_jax import build, train_step
from gan_jax.benchmark.report.markdown import render_table

PARAMETER_LIMIT, UPDATE_LIMIT = 1e-4, 1e-3
"""The largest relative differences of parameters and of updates of a step by SGD."""
ROOT = Path(__file__).parents[2]
TESTS = (
    "test_losses.py",
    "test_objectives.py",
    "test_optimizers.py",
    "test_running_statistics.py",
    "test_schedules.py",
    "test_step.py",
    "test_sampling.py",
    "augment",
    "dynamics",
    "layers",
    "metrics",
    "models",
    "penalties",
)
"""Tests of single functions. They ask for no number of devices, start no processes, and
compare with tolerances that true float32 keeps."""
NEEDED = ("pytest", "chex")


def find_pieces(settings: Settings) -> list[Piece]:
    """Return a piece for each registered name, and one for each file of tests."""
    tiny = settings.tiny
    steps = [
        Piece(f"{kind}: {name}", partial(compare_step, entry, name, tiny))
        for kind, entry, name in find_cases(tiny)
    ]
    files = TESTS[:1] if tiny else TESTS
    limit = settings.seconds / 4
    return steps + [
        Piece(f"tests/{name}", partial(run_tests, name, limit)) for name in files
    ]


def compare_step(kind: Kind, name: str, tiny: bool) -> Json:
    """Make one step on the CPU and on the device, and compare."""
    config = case_config(kind, name, tiny)
    cpu, device = jax.devices("cpu")[0], jax.devices()[0]
    start, batch = make_start(config, cpu)
    step = jax.jit(partial(train_step, build(config)))

    def parameters_after(place: Any) -> dict[str, Any]:
        return player_parameters(step(*jax.device_put((start, batch), place))[0])

    return judge_difference(
        player_parameters(start),
        parameters_after(cpu),
        parameters_after(device),
        kind.follows_gradient,
    )


def judge_difference(start: Any, cpu: Any, device: Any, follows_gradient: bool) -> Json:
    """Return the relative differences of both players' parameters and updates.

    follows_gradient: whether the difference of updates counts for `passed`.
    """
    found: Json = {"parameters": 0.0, "updates": 0.0}
    for player in start:
        ours, theirs = (flatten(x[player]) for x in (device, cpu))
        moved = theirs - flatten(start[player])
        gap = float(np.linalg.norm(ours - theirs))
        sizes = {"parameters": theirs, "updates": moved}
        for name, size in sizes.items():
            norm = float(np.linalg.norm(size))
            found[name] = max(found[name], gap / norm if norm else gap)
    right = found["parameters"] <= PARAMETER_LIMIT
    right &= found["updates"] <= UPDATE_LIMIT or not follows_gradient
    return found | {"passed": bool(right)}


def run_tests(name: str, seconds: float) -> Json:
    """Run the tests of a file or a folder on this device, and name those that fail."""
    file = ROOT / "tests" / name
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing or not file.exists():
        raise Skipped(
            f"needs {' and '.join(missing) or file}: run from a checkout or a pack, "
            f"with {', '.join(NEEDED)} installed"
        )
    environment = {
        **os.environ,
        # Unset, the tests would take the CPU. Empty, it leaves the choice to JAX.
        "JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", ""),
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
    }
    options = "-q -rfE --tb=line -p no:benchmark -p no:cacheprovider"
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split(), str(file)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=max(60.0, seconds),
    )
    return read_test_report(found.stdout, found.returncode)


def read_test_report(text: str, code: int) -> Json:
    """Return the counts in pytest's last line, and the names of what failed."""
    lines = text.strip().splitlines() or ["no output"]
    counts = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z]+)", lines[-1])}
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
    why = {} if code in (0, 1) else {"why": lines[-1][:300]}
    return {"counts": counts, "failed": failed, "passed": code == 0, **why}


def render(found: dict[str, Json]) -> str:
    """Return the largest differences of each kind, and the counts of the tests."""
    kinds: dict[str, list[Json]] = {}
    for piece, result in found.items():
        if "updates" in result:
            kinds.setdefault(piece.partition(":")[0], []).append(result)
    steps = render_table(
        ("kind", "names", "parameters differ by", "updates differ by"),
        [
            [
                kind,
                str(len(results)),
                f"{max(result['parameters'] for result in results):.1e}",
                f"{max(result['updates'] for result in results):.1e}",
            ]
            for kind, results in kinds.items()
        ],
    )
    tests = render_table(
        ("tests", "passed", "failed", "names of those that failed"),
        [
            [
                piece,
                str(result["counts"].get("passed", 0)),
                str(len(result["failed"])),
                ", ".join(result["failed"]),
            ]
            for piece, result in found.items()
            if "counts" in result
        ],
    )
    words = (
        "Largest relative differences of one step on the device from the CPU's, in "
        f"true float32 (limits: {PARAMETER_LIMIT:g} of the parameters, "
        f"{UPDATE_LIMIT:g} of the updates by SGD):"
    )
    has_tests = any("counts" in result for result in found.values())
    return "\n\n".join([*([words, steps] if kinds else []), *[tests] * has_tests])


STAGE = Stage(
    "Whether every registered name makes the same step as on the CPU, and whether the "
    "tests pass.",
    3.0,
    find_pieces,
    render,
    "Every registered name makes the same step as on the CPU, and the tests pass.",
)
