"""Kill a run again and again: `python -m benchmarks.kills --kills 200`.

A run is sent SIGKILL at random moments (four of five while it steps and saves, else
while it starts) and resumed each time. In the end its parameters and its metrics have
to be those of a run that was never interrupted, bit for bit. Exit codes: 0 they are, 1
they are not.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import tyro

from gan_jax import METHODS, Config, train
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    ModelConfig,
)
from gan_jax.config.serialization import to_json
from gan_jax.types import TrainState

CONFIG = Config(
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4, g_norm="batch"),
    penalty=replace(METHODS["r1"].penalty, every=4),
    log=LogConfig(every=7),
    metrics=MetricsConfig(every=70),
    checkpoint=CheckpointConfig(every=21),
)


def read_metrics(run: Path) -> list[dict]:
    """Return the metrics of a run without wall time and the checksum over it."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    timed = {"wall_seconds", "crc32"}
    return [{k: v for k, v in row.items() if k not in timed} for row in found]


def same_bits(state: TrainState, other: TrainState) -> bool:
    """Return whether two states are equal bit for bit."""
    pairs = zip(
        *(
            jax.tree.leaves(
                s.replace(key=jax.random.key_data(s.key))  # pyright: ignore
            )
            for s in (state, other)
        ),
        strict=True,
    )
    return all(np.array_equal(ours, theirs, equal_nan=True) for ours, theirs in pairs)


def wait_for_row(run: Path, process: subprocess.Popen, seconds: float = 300) -> None:
    """Wait until the run logs a row or ends; raise RuntimeError after `seconds`."""
    begin, log = time.time(), run / "metrics.jsonl"
    while process.poll() is None and not (log.exists() and log.stat().st_mtime > begin):
        if time.time() > begin + seconds:
            raise RuntimeError(f"the run logs nothing within {seconds:g} s")
        time.sleep(0.02)


def start_and_kill(run: Path, config: Path, chance: random.Random) -> None:
    """Start or resume the run, and kill it at a random moment."""
    command = [sys.executable, "-m", "experiments.train", "--config", str(config)]
    process = subprocess.Popen(
        [*command, "--out", str(run), "--resume"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": ""},
    )
    try:
        if chance.random() < 0.8:
            wait_for_row(run, process)
            time.sleep(chance.uniform(0, 0.15))
        else:
            time.sleep(chance.uniform(0, 4))
    finally:
        process.kill()
        text, _ = process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the run ended by itself ({process.returncode}): {text}")


def survives(kills: int, steps: int, folder: Path, seed: int = 0) -> bool:
    """Return whether a run killed often equals one never killed, bit for bit."""
    config = replace(CONFIG, steps=steps)
    path, run, chance = folder / "config.json", folder / "run", random.Random(seed)
    path.write_text(to_json(config), "utf-8")
    expected, _ = train(config, folder / "whole", progress=False)
    for count in range(1, kills + 1):
        start_and_kill(run, path, chance)
        print(f"\rkilled {count} of {kills}", end="", flush=True)
    print()
    state, _ = train(config, run, resume=True, progress=False)
    return same_bits(state, expected) and read_metrics(run) == read_metrics(
        folder / "whole"
    )


def main(kills: int = 200, steps: int = 30_000, seed: int = 0) -> int:
    """Kill a run again and again, and compare it with one that was not killed.

    kills: how many. steps: of the run, enough that it does not end by itself. seed: of
    the moments.
    """
    with tempfile.TemporaryDirectory() as folder:
        same = survives(kills, steps, Path(folder), seed)
    print(f"{kills} kills: {'the same bits' if same else 'NOT the same bits'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(catch_user_errors(lambda: tyro.cli(main, description=__doc__)))
