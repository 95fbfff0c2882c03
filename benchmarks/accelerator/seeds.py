"""Stage *seeds*: many GANs in one program, the host's share, and CUDA graphs."""

import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax

from benchmarks.accelerator.cases import make_call
from benchmarks.accelerator.stage import Json, Piece, Settings, Skipped, Stage
from benchmarks.speed import contenders
from benchmarks.speed.contenders import case_config
from benchmarks.speed.interleave import ContenderMaker, time_in_turn
from benchmarks.speed.measure import paired_ratio
from gan_jax import Config, train
from gan_jax.benchmark.report.markdown import render_table
from gan_jax.config import MetricsConfig

COUNTS, TINY_COUNTS = (1, 16, 64, 256, 512, 2048), (1, 2)
STEPS = 2000
LOOP_FLAG = "--xla_gpu_enable_command_buffer=+WHILE"
"""The XLA flag that lets a CUDA graph hold a whole loop, not only its body."""


def find_pieces(settings: Settings) -> list[Piece]:
    """Return a piece for each number of GANs, and one for loops in CUDA graphs."""
    tiny = settings.tiny
    counts = TINY_COUNTS if tiny else COUNTS
    return [
        *(Piece(f"{n} GANs", partial(measure_run, ring(n, tiny))) for n in counts),
        Piece("loop in a CUDA graph", partial(compare_graphs, tiny)),
    ]


def ring(seeds: int, tiny: bool) -> Config:
    """Return a run of R1 on the ring, which measures no samples."""
    config = case_config("ring", "r1", 8 if tiny else None)
    config = replace(config, seeds=seeds, steps=STEPS, metrics=MetricsConfig(0))
    return replace(config, steps=20, steps_per_call=5) if tiny else config


def measure_run(config: Config) -> Json:
    """Time the steps of a whole run, and the bare dispatches of the same program.

    The bare dispatches take their median of three times.
    """
    with tempfile.TemporaryDirectory() as folder:
        _, summary = train(config, Path(folder) / "run", progress=False)
    make_steps = make_call(config, config.steps)
    make_steps()
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        make_steps()
        taken.append(time.perf_counter() - started)
    bare = statistics.median(taken) / config.steps
    return {
        "seeds": config.seeds,
        "steps": config.steps,
        "steps_per_second": summary["steps_per_second"],
        "first_row_seconds": summary["first_row_seconds"],
        "bare_seconds_per_step": bare,
        "seed_steps_per_second": config.seeds / bare,
    }


def compare_graphs(tiny: bool) -> Json:
    """Time a step of the ring as XLA captures it, and with loops in CUDA graphs."""
    if jax.default_backend() != "gpu":
        raise Skipped("needs an NVIDIA GPU")
    config = case_config("ring", "r1")
    makes: dict[str, ContenderMaker] = {
        name: (contenders.flagged_contender, (flags, config))
        for name, flags in (("default", ""), ("loop", LOOP_FLAG))
    }
    rounds, seconds = (1, 0.0) if tiny else (7, 0.5)
    found = time_in_turn(makes, rounds, seconds)
    faults = [timing.fault for timing in found.values() if timing.fault]
    if faults:
        return {"passed": False, "why": faults[0]}
    return {
        "graphs": {name: timing.seconds for name, timing in found.items()},
        "ratio": paired_ratio(found["loop"], found["default"]),
    }


def render(found: dict[str, Json]) -> str:
    """Return a table of the runs, and the times of both ways of CUDA graphs."""
    heads = ("GANs", "steps", "seed-steps/s", "ms per dispatched step", "host's share")
    rows = [
        [
            str(result["seeds"]),
            str(result["steps"]),
            f"{result['seed_steps_per_second']:,.0f}",
            f"{1e3 * result['bare_seconds_per_step']:.3g}",
            f"{host_share(result):.0%}",
        ]
        for result in found.values()
        if "seeds" in result
    ]
    table = render_table(heads, rows)
    words = (
        "Steps of the ring with R1 (batch 256, MLP of width 128). The host's share is "
        "that of a run's time for a step, from its first row to its last, which the "
        "bare dispatches do not take."
    )
    graphs = found.get("loop in a CUDA graph")
    if graphs is None or "ratio" not in graphs:
        return f"{words}\n\n{table}"
    ratio = "{:.2f} [{:.2f}, {:.2f}]".format(*graphs["ratio"])
    return f"{words}\n\n{table}\n\nWith `{LOOP_FLAG}` a step takes {ratio} of the time."


def host_share(result: Json) -> float:
    """Return the part of a run's time for a step that the dispatch does not take."""
    return max(0.0, 1 - result["bare_seconds_per_step"] * result["steps_per_second"])


STAGE = Stage(
    "Many GANs of the ring in one program, and how much of a run is the host's.",
    2.0,
    find_pieces,
    render,
)
