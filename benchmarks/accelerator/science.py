"""Stage *science*: comparisons and runs that need an accelerator.

Each is a command of `gan-jax` with a time limit. What it reaches is kept in its folder
under `science/`, and the same command goes on from there.
"""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.accelerator.stage import (
    Json,
    OutOfTime,
    Piece,
    Settings,
    Skipped,
    Stage,
    is_done,
    read_results,
)
from gan_jax import Config
from gan_jax.assembly.datasets import find_dataset
from gan_jax.benchmark.outcome import strip_sample_counts
from gan_jax.benchmark.report.markdown import render_table
from gan_jax.benchmark.results_io import ROWS_FILE
from gan_jax.config import DatasetConfig
from gan_jax.config.serialization import from_file
from gan_jax.run.signals import stop_request

STOP_SECONDS = 30.0
"""Seconds that a command has to save its state after SIGTERM."""
DISTANCE = "frechet_distance"
"""The metric that a row of a run holds as, for example, `frechet_distance@10000`."""
POLL_SECONDS = 0.2
"""Seconds until a request to stop is noticed."""


class Experiment(NamedTuple):
    """A command of gan-jax.

    data: the data set that has to be there. share: of the stage's time, relative to
    the experiments that are left.
    """

    name: str
    command: str
    data: str
    share: float


CIFAR = (
    "train sn_gan --dataset.name cifar10 --model.name resnet --model.width 128 "
    "--model.z-dim 128 --model.g-norm batch --model.g-init xavier "
    "--model.d-init xavier --precision bf16 --steps 1000000 --ema.decay 0.999 "
    "--metrics.names fid --metrics.every 2000 --metrics.n 10000 "
    "--checkpoint.every 1m --resume"
)
STACKED = (
    "compare --suite stacked_mnist --tasks stacked_resize "
    "--methods r1,r1_r2,rpgan_r1,r3gan --seeds 16"
)
MAPS = "compare --suite map --methods all --seeds 8"
EXPERIMENTS = (
    Experiment("stability map", MAPS, "ring", 0.3),
    Experiment("alpha", "compare --suite alpha --seeds 64", "ring", 0.25),
    Experiment("stacked MNIST 2 x 2", STACKED, "stacked_mnist", 0.25),
    Experiment("CIFAR-10", CIFAR, "cifar10", 0.2),
)
DIRAC = "compare --suite dirac --tasks alternating --methods non_saturating"
TINY = (Experiment("dirac", DIRAC, "ring", 1.0),)


def find_pieces(settings: Settings) -> list[Piece]:
    """Return a piece for each experiment. The time of the stage begins now."""
    experiments = TINY if settings.tiny else EXPERIMENTS
    ends, waiting = time.monotonic() + settings.seconds, list(experiments)
    return [
        Piece(one.name, partial(run_in_share, one, waiting, settings.out, ends))
        for one in experiments
    ]


def run_in_share(
    one: Experiment, waiting: list[Experiment], out: Path, ends: float
) -> Json:
    """Run an experiment in its share of the time that the stage still has.

    waiting: the experiments that were not begun yet, from which this one is taken.
    Those whose data are missing get no time.
    """
    results = read_results(out, "science")
    waiting.remove(one)
    later = [two for two in waiting if not is_done(results.get(two.name))]
    left = [one, *(two for two in later if has_data(two.data))]
    return run_experiment(one, out, share_time(one, left, ends - time.monotonic()))


def share_time(one: Experiment, left: list[Experiment], seconds: float) -> float:
    """Return an experiment's part of the seconds for those left, one of which it is."""
    return seconds * one.share / sum(two.share for two in left)


def run_experiment(one: Experiment, results: Path, seconds: float) -> Json:
    """Run a command until it ends or its time is over, and return what it reached.

    A command that runs out of time is told to stop by SIGTERM, and saves its state. So
    it is if this process is told to stop. The time to save is part of the seconds.
    """
    require_data(one.data)
    out = results / "science" / one.name.replace(" ", "_")
    out.parent.mkdir(parents=True, exist_ok=True)
    words = [*one.command.split(), "--out", str(out)]
    with out.with_suffix(".log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gan_jax", *words], stdout=log, stderr=log
        )
        try:
            code = wait_or_stop(process, max(1.0, seconds - STOP_SECONDS))
        except BaseException as reason:
            stop_process(process)
            if not isinstance(reason, subprocess.TimeoutExpired):
                raise
            raise OutOfTime(f"time is over, {describe_folder(out)}") from None
    return {
        "command": f"gan-jax {' '.join(words)}",
        "exit_code": code,
        "reached": describe_folder(out),
        "passed": code == 0,
        **({"why": f"exit code {code}, see {log.name}"} if code else {}),
    }


def require_data(name: str) -> None:
    """Raise Skipped if a data set is not prepared, with what prepares it."""
    try:
        find_dataset(Config(dataset=DatasetConfig(name)))
    except (ValueError, OSError) as error:
        raise Skipped(str(error)) from None


def has_data(name: str) -> bool:
    """Whether a data set is prepared."""
    try:
        require_data(name)
    except Skipped:
        return False
    return True


def wait_or_stop(process: subprocess.Popen, seconds: float) -> int:
    """Wait for a process to end, and return its exit code.

    Raises TimeoutExpired if it runs longer, and KeyboardInterrupt with the name of the
    signal when Ctrl-C or SIGTERM asks this process to stop, also if the other process
    has ended by then.
    """
    ends = time.monotonic() + seconds
    with stop_request() as requests:
        while not requests:
            left = ends - time.monotonic()
            try:
                code = process.wait(min(POLL_SECONDS, max(0.0, left)))
            except subprocess.TimeoutExpired:
                if left <= 0.0:
                    raise
                continue
            if not requests:
                return code
    raise KeyboardInterrupt(requests[0])


def stop_process(process: subprocess.Popen) -> None:
    """Ask a process to save and end, and end it if it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def describe_folder(out: Path) -> str:
    """Say what the folder of a comparison or a run holds."""
    rows = read_rows(out / ROWS_FILE)
    if rows:
        cells = {row["cell"] for row in rows}
        converged = sum(row["outcome"] == "converged" for row in rows)
        counts = {"cells": len(cells), "GANs": len(rows), "converged": converged}
        return ", ".join(f"{k} {n}" for k, n in counts.items()) + f", in {out}"
    logged = read_rows(out / "metrics.jsonl")
    if not logged:
        return f"nothing yet in {out}"
    config, step = from_file(out / "config.json"), logged[-1]["step"]
    images = step * config.batch_size * config.d_steps
    rows = map(strip_sample_counts, logged)
    found = [(r[DISTANCE], r["step"]) for r in rows if r.get(DISTANCE) is not None]
    fid = "FID {:.4g} at step {}".format(*found[-1]) if found else "no FID yet"
    return f"step {step}, {images:,} images seen, {fid}, in {out}"


def read_rows(file: Path) -> list[Json]:
    """Return the whole lines of a file of JSON objects; none if there is no file."""
    if not file.exists():
        return []
    text = file.read_text("utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def render(found: dict[str, Json]) -> str:
    """Return a table of the commands and what they reached."""
    rows = [
        [piece, f"`{result['command']}`", result["reached"]]
        for piece, result in found.items()
        if "command" in result
    ]
    return render_table(("experiment", "command", "reached"), rows)


STAGE = Stage(
    "Comparisons and runs that need an accelerator, each with a time limit.",
    10.0,
    find_pieces,
    render,
)
