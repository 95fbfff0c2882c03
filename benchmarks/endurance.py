"""The costs of a long run beside its steps: `python -m benchmarks.endurance`.

Trains a ring GAN for 20,000 steps, logging and saving, and prints how much resident
memory grew after the first 2,000 steps; then times runs with a checkpoint every 2,000
steps against runs with none but the first and the last, in turn, and prints what each
checkpoint adds.
"""

import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import tyro

from gan_jax import METHODS, train
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import CheckpointConfig, Config, DatasetConfig, MetricsConfig

RING = dataclasses.replace(
    METHODS["r1"], dataset=DatasetConfig("ring"), metrics=MetricsConfig(0)
)
SAVED, UNSAVED = CheckpointConfig(every=2000), CheckpointConfig(every=10**9)


def resident_bytes() -> int:
    """Return the resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure_growth(steps: int, folder: Path) -> dict[str, float]:
    """Return the megabytes held after 2,000 steps and at the end."""
    sizes: dict[int, int] = {}

    def note(row: dict) -> None:
        if row["step"] % 1000 == 0:
            sizes[row["step"]] = resident_bytes()

    config = dataclasses.replace(RING, steps=steps, checkpoint=SAVED)
    train(config, folder, callback=note, progress=False)
    early, late = sizes[2000] / 1e6, max(v for k, v in sizes.items() if k > 2000) / 1e6
    return {"after_2000": early, "largest_later": late, "growth": late - early}


def time_run(config: Config, folder: Path) -> float:
    """Return the wall time of the steps after the first dispatch."""
    _, summary = train(config, folder, overwrite=True, progress=False)
    return summary["wall_seconds"] - summary["first_row_seconds"]


def main(steps: int = 20_000, repeats: int = 3) -> int:
    """Measure memory and checkpoints, and print both.

    steps: of each run. repeats: pairs of timed runs.
    """
    with tempfile.TemporaryDirectory() as name:
        memory = measure_growth(steps, Path(name) / "memory")
        pairs = [
            [
                time_run(
                    dataclasses.replace(RING, steps=steps, checkpoint=kind),
                    Path(name) / "timed",
                )
                for kind in (UNSAVED, SAVED)
            ]
            for _ in range(repeats)
        ]
    shares = [saved / unsaved - 1 for unsaved, saved in pairs]
    print(
        json.dumps(
            {
                "resident_megabytes": memory,
                "seconds_without_and_with": pairs,
                "checkpoint_share_median": float(np.median(shares)),
                "checkpoint_share_range": [min(shares), max(shares)],
            },
            indent=2,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(catch_user_errors(lambda: tyro.cli(main, description=__doc__)))
