"""Seconds that an evaluation of many GANs takes: `python -m benchmarks.evaluation`.

The GANs are those of the ring in the suite `toy` (MLP of width 128, 2 latents), with
the weights they begin with. What is timed is all that a training run measures of them
at a step: diversity and quality of 256 samples, and the metrics `modes` and `swd` of n
samples. The first evaluation compiles.
"""

import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial

import jax

from gan_jax import Config, build, init_states
from gan_jax.assembly.datasets import find_dataset
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import DatasetConfig, MetricsConfig, ModelConfig
from gan_jax.run.monitor import make_sample_monitor, requested_evaluator


@dataclass(frozen=True)
class Flags:
    seeds: int = 64
    """GANs that are measured together."""
    n: tuple[int, ...] = (2500, 25_000)
    """Numbers of samples of each GAN."""
    rounds: int = 5
    """Evaluations that are timed after the first one."""


def time_evaluations(seeds: int, n: int, rounds: int) -> tuple[float, list[float]]:
    """Return the seconds of the first evaluation, and of each further one."""
    config = Config(
        batch_size=256,
        dataset=DatasetConfig("ring"),
        model=ModelConfig("mlp", width=128, z_dim=2, activation="leaky_relu"),
        metrics=MetricsConfig(500, ("modes", "swd"), n),
    )
    gan, data = build(config), find_dataset(config)
    keys = jax.random.split(jax.random.key(0), seeds)
    states = jax.jit(partial(init_states, gan))(keys)
    evaluator, members = requested_evaluator(config), [{}] * seeds
    measure = make_sample_monitor(config, gan, data, members, evaluator)
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        rows = measure(states).read()
        seconds.append(time.perf_counter() - started)
        assert all(f"sliced_wasserstein@{n}" in row for row in rows)
    return seconds[0], seconds[1:]


def start(arguments: list[str]) -> None:
    """Time the evaluations and print a line for each number of samples."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.evaluation", description=__doc__
    )
    device = jax.devices()[0].device_kind
    for n in flags.n:
        first, others = time_evaluations(flags.seeds, n, flags.rounds)
        print(
            f"{flags.seeds} GANs, n {n:,}, {device}: first {first:.2f} s, then "
            f"{statistics.median(others):.2f} s ({min(others):.2f} to "
            f"{max(others):.2f}, {flags.rounds} rounds)",
            flush=True,
        )


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
