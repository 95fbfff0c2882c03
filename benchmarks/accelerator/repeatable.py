"""Stage *repeatable*: whether runs repeat and resume bit for bit, and what it costs.

Each run, and each part of a resumed one, is a process of its own, with a cache of its
own for compiled programs. So each compiles anew, as a run does that resumes on another
day, and XLA's autotuning chooses kernels again.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accelerator.cases import flatten, make_call, player_parameters
from benchmarks.accelerator.right import ROOT
from benchmarks.accelerator.stage import Json, Piece, Settings, Stage
from benchmarks.speed.contenders import digits_dataset
from benchmarks.speed.interleave import alternate
from gan_jax import METHODS, Config
from gan_jax.benchmark.report.markdown import render_table
from gan_jax.config import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    ModelConfig,
)
from gan_jax.config.serialization import to_json
from gan_jax.run_files.load_run import load_run

STEPS, TINY_STEPS = 400, 4
COST_LIMIT = 1.3
"""The most that a step of a run that repeats may take of another step's time."""


def make_config(tiny: bool, deterministic: bool) -> Config:
    """Return a run of R1 on the scanned digits; tiny: on the ring."""
    return replace(
        METHODS["r1"],
        steps=TINY_STEPS if tiny else STEPS,
        batch_size=16 if tiny else 64,
        steps_per_call=1 if tiny else "auto",
        deterministic=deterministic,
        dataset=DatasetConfig("ring") if tiny else digits_dataset(32),
        model=ModelConfig("mlp" if tiny else "dcgan", width=8 if tiny else 64),
        metrics=MetricsConfig(0),
        log=LogConfig(every=2 if tiny else 20),
    )


def find_pieces(settings: Settings) -> list[Piece]:
    """Return the pieces: with deterministic operations, without, and their cost.

    tiny: no runs without, as these are the same programs on a CPU.
    """
    tiny = settings.tiny
    runs = [
        Piece(name, partial(compare_runs, make_config(tiny, deterministic)))
        for name, deterministic in (("deterministic", True), ("default", False))
    ]
    return [*runs[: 1 if tiny else 2], Piece("cost", partial(measure_cost, tiny))]


def compare_runs(config: Config) -> Json:
    """Train twice, and a third time in two parts; compare the parameters.

    Deterministic runs have to be equal bit for bit to pass.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = (run_whole(config, folder / part) for part in ("a", "b"))
        resumed = run_in_parts(config, folder / "c")
    again, later = (describe_gap(first, other) for other in (second, resumed))
    equal = again["equal"] and later["equal"]
    return {
        "steps": config.steps,
        "again": again,
        "resumed": later,
        "passed": equal or not config.deterministic,
    }


def run_whole(config: Config, folder: Path) -> Any:
    """Train, and return the parameters of both players."""
    train_alone(config, folder)
    return player_parameters(load_run(folder)[1])


def run_in_parts(config: Config, folder: Path) -> Any:
    """Train to half of the steps, then resume to the end; return the parameters."""
    checkpoint = CheckpointConfig(every=config.steps)
    half = replace(config, steps=config.steps // 2, checkpoint=checkpoint)
    train_alone(half, folder)
    train_alone(replace(half, steps=config.steps), folder, "--resume")
    return player_parameters(load_run(folder)[1])


def train_alone(config: Config, folder: Path, *flags: str) -> None:
    """Train in a process whose caches are empty.

    Raises RuntimeError with the process's last words if it does not complete the run.
    """
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "config.json"
        file.write_text(to_json(config), "utf-8")
        words = ["train", "--config", str(file), "--out", str(folder), *flags]
        caches = dict.fromkeys(("GAN_JAX_CACHE", "JAX_COMPILATION_CACHE_DIR"), name)
        found = subprocess.run(
            [sys.executable, "-m", "gan_jax", *words],
            cwd=ROOT,
            env=os.environ | caches,
            capture_output=True,
            text=True,
        )
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["no output"])[-1]
        raise RuntimeError(f"train: exit code {found.returncode}: {last}")


def describe_gap(one: Any, other: Any) -> Json:
    """Return whether two trees are equal bit for bit, and how far they are apart."""
    ours, theirs = flatten(one), flatten(other)
    return {
        "equal": bool((ours == theirs).all()),
        "most": float(np.abs(ours - theirs).max()),
        "relative": float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)),
    }


def measure_cost(tiny: bool) -> Json:
    """Return by how much deterministic operations lengthen a step.

    Steps with and without them take turns; the ratio is the median over rounds.
    """
    rounds = 2 if tiny else 11
    calls = {
        name: make_call(make_config(tiny, deterministic), 2 if tiny else 200)
        for name, deterministic in (("deterministic", True), ("default", False))
    }
    seconds = alternate(calls, rounds)
    pairs = zip(seconds["deterministic"], seconds["default"], strict=True)
    ratios = [ours / theirs for ours, theirs in pairs]
    middle = statistics.median(ratios)
    return {
        "ratio": middle,
        "least": min(ratios),
        "most": max(ratios),
        "rounds": rounds,
        "passed": tiny or middle <= COST_LIMIT,
    }


def render(found: dict[str, Json]) -> str:
    """Return how far the runs part, and the cost."""
    rows = [
        [piece, part, *describe_row(result[part])]
        for piece, result in found.items()
        for part in ("again", "resumed")
        if part in result
    ]
    heads = ("operations", "second run", "equal bit for bit", "most", "relative")
    table = render_table(heads, rows)
    cost = found.get("cost")
    if cost is None:
        return table
    return (
        f"{table}\n\nA step with deterministic operations takes {cost['ratio']:.2f} "
        f"[{cost['least']:.2f}, {cost['most']:.2f}] of the time of one without "
        f"(median, least, most of {cost['rounds']} pairs)."
    )


def describe_row(gap: Json) -> list[str]:
    """Return the cells of a comparison of two runs."""
    words = "yes" if gap["equal"] else "no"
    return [words, f"{gap['most']:.2g}", f"{gap['relative']:.2g}"]


STAGE = Stage(
    "Whether a second run and a resumed run are equal to the first bit for bit with "
    "deterministic operations, and what these cost.",
    2.0,
    find_pieces,
    render,
    "With deterministic operations a second run and a resumed run are equal to the "
    "first bit for bit.",
)
