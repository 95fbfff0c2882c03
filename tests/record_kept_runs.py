"""Record small runs whose newest checkpoint is of step 20, and their step 40.

`PYTHONPATH=CHECKOUT python tests/record_kept_runs.py COMMIT` writes ARCHIVE. A
checkout of the commit is what is imported. The archive holds, for each run,

    NAME/run/...            the folder as an error left it at step 25: configuration,
                            facts of the data, rows and the checkpoint of step 20
    NAME/state.npz          every array of the state after step 40, by its path
    NAME/metrics.json       all rows, without times and checksums
    made_with.json          the commit, the versions of JAX, XLA's flags and the CPU

XLA_FLAGS has to be what `conftest.py` sets, so that the tests compile the same code.

The commit itself resumed each folder from step 20 to step 40.
"""

import json
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import jax
import jaxlib
import numpy as np

from gan_jax import METHODS, Config, train
from gan_jax.config import (
    CheckpointConfig,
    DatasetConfig,
    DynamicsConfig,
    EmaConfig,
    LogConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)

ARCHIVE = Path(__file__).parent / "run_files/kept_runs/runs.zip"
CHECKPOINT, STOP, END = 20, 25, 40
SMALL = Config(
    steps=END,
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=4, z_dim=2),
    penalty=replace(METHODS["r1"].penalty, every=4),
    ema=EmaConfig(decay=0.9),
    log=LogConfig(every=5),
    metrics=MetricsConfig(every=0),
    checkpoint=CheckpointConfig(every=CHECKPOINT),
    steps_per_call=1,
)
SGD = OptimizerConfig("sgd", 0.01)
RUNS = {
    "lookahead": replace(SMALL, dynamics=DynamicsConfig("lookahead", k=3)),
    "optimistic": replace(SMALL, dynamics=DynamicsConfig("optimistic")),
    "lecam": replace(
        SMALL,
        model=replace(SMALL.model, g_norm="batch"),
        loss=METHODS["hinge"].loss,
        penalty=PenaltyConfig("lecam"),
        g_optimizer=SGD,
        d_optimizer=SGD,
    ),
}
"""The first two rules keep arrays of their own in the state, LeCam running averages.

Batch normalization goes with SGD: it cancels the biases before it, so their gradients
are rounding errors, which Adam would scale up to whole steps.
"""
KEPT = ("config.json", "data.json", "metrics.jsonl", "events.jsonl", "checkpoints")


def describe_compilation() -> dict[str, object]:
    """What decides the instructions that XLA compiles, and so the bits of a run."""
    path = Path("/proc/cpuinfo")
    words = set(path.read_text().split()) if path.exists() else set()
    wanted = ("avx", "fma", "amx", "sse", "neon", "sve")
    return {
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "xla_flags": sorted(os.environ.get("XLA_FLAGS", "").split()),
        "machine": platform.machine(),
        "cpu_features": sorted(word for word in words if word.startswith(wanted)),
    }


def flatten_state(state) -> dict[str, np.ndarray]:
    """The arrays of a state by their paths, the key as integers."""
    plain = state.replace(key=jax.random.key_data(state.key))
    leaves = jax.tree_util.tree_leaves_with_path(plain)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def read_metrics(run: Path) -> list[dict]:
    """The rows of a run, without times and checksums."""
    rows = map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines())
    timed = {"wall_seconds", "crc32"}
    return [{name: x for name, x in row.items() if name not in timed} for row in rows]


class Stopped(Exception):
    """The error that ends a run at step 25."""


def stop_run(row: dict) -> None:
    if row["step"] == STOP:
        raise Stopped


def record_run(config: Config, folder: Path) -> None:
    """Write a run as it was at step 25, and the state and rows of its end."""
    run = folder / "all"
    with suppress(Stopped):
        train(config, run, callback=stop_run, progress=False)
    folder.joinpath("run").mkdir()
    for name in KEPT:
        if (run / name).is_dir():
            newest = run / name / f"{CHECKPOINT:09d}"
            shutil.copytree(newest, folder / "run" / name / newest.name)
        elif (run / name).exists():
            shutil.copyfile(run / name, folder / "run" / name)
    state, _ = train(config, run, resume=True, progress=False)
    np.savez(folder / "state.npz", **flatten_state(state))
    (folder / "metrics.json").write_text(json.dumps(read_metrics(run)), "utf-8")
    shutil.rmtree(run)


def main(commit: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for name, config in RUNS.items():
            root.joinpath(name).mkdir()
            record_run(config, root / name)
        made_with = {"commit": commit, "compilation": describe_compilation()}
        root.joinpath("made_with.json").write_text(json.dumps(made_with), "utf-8")
        with zipfile.ZipFile(
            ARCHIVE, "w", zipfile.ZIP_DEFLATED, compresslevel=9
        ) as archive:
            for path in sorted(root.rglob("*")):
                archive.write(path, path.relative_to(root))


if __name__ == "__main__":
    main(sys.argv[1])
