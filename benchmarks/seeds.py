"""Microseconds per step and per seed: `python -m benchmarks.seeds [ring|digits]`.

The ring MLP (batch 256, width 128) and a DCGAN on digits (batch 64, width 64), both
with R1: one step a call, many steps a call (scan), many seeds (vmap, or in turn), and
the same in PyTorch eager if torch is installed. All contenders are timed in turn, in
several rounds of one process; the median and the range over rounds are printed.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jax.sharding import Mesh

from benchmarks.speed.contenders import torch_contender
from gan_jax import (
    METHODS,
    Batch,
    Config,
    TrainState,
    build,
    init_state,
    init_states,
    train_step,
    train_steps,
)
from gan_jax.assembly.datasets import find_dataset
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import DatasetConfig, ModelConfig, PenaltyConfig
from gan_jax.parallel.ensemble import is_faster_in_turn, place_in_turn, place_members
from gan_jax.parallel.mesh import SEED_AXIS, Body, make_mesh
from gan_jax.parallel.multihost import use_cores_as_devices
from gan_jax.parallel.placements import place_jit

RING = replace(
    METHODS["r1"],
    batch_size=256,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=128),
)
DIGITS = replace(
    METHODS["r1"],
    batch_size=64,
    dataset=DatasetConfig("digits"),
    model=ModelConfig("dcgan", width=64),
)


@dataclass(frozen=True)
class Flags:
    what: Annotated[Literal["ring", "digits", "both"], tyro.conf.Positional] = "both"
    """The GANs to time."""
    seeds: tuple[int, ...] = (1, 4, 16, 64)
    """Numbers of seeds at once."""
    steps: int = 50
    """Steps in one scan, and in one timing of the plain loop."""
    rounds: int = 5
    """Timings of each contender."""
    penalty: bool = True
    """R1; without it the plain non-saturating GAN."""


class SeedContender(NamedTuple):
    """A way to make steps of several seeds.

    run: makes `steps` steps of each of `seeds` GANs, and waits for them.
    """

    name: str
    seeds: int
    steps: int
    run: Callable[[], Any]


def make_seed_contender(
    name: str, placed: Body, state: TrainState, batch: Batch, steps: int, calls: int = 1
) -> SeedContender:
    """Return a contender that calls a placed body of `steps` steps `calls` times.

    Each run goes on from the state at which the one before stopped.
    """
    held = [state]

    def run() -> None:
        metrics = {}
        for _ in range(calls):
            held[0], metrics = placed(held[0], (), batch)
        jax.block_until_ready(metrics)

    seeds = state.key.size
    return SeedContender(name, seeds, steps * calls, run)


def make_our_contenders(config: Config, flags: Flags) -> list[SeedContender]:
    """Return gan_jax's contenders.

    They take one batch for all steps and seeds, so that the step alone is timed.
    """
    gan = build(config)
    batch = find_dataset(config).get(np.arange(config.batch_size)[None])
    state = jax.jit(partial(init_state, gan))(jax.random.key(0))
    slow_loops = is_faster_in_turn(
        gan
    )  # convolutions on CPU: few steps, then, in a scan
    steps = 2 if slow_loops else flags.steps

    def make_one_step(state: TrainState, shared: Any, batch: Batch) -> Any:
        return train_step(gan, state, batch)

    def make_many_steps(state: TrainState, shared: Any, batch: Batch) -> Any:
        repeated = jax.tree.map(lambda x: jnp.stack([x] * steps), batch)
        return train_steps(gan, state, repeated)

    copy = partial(jax.tree.map, jnp.copy)
    plain, scan = place_jit(make_one_step), place_jit(make_many_steps)
    contenders = [
        make_seed_contender("plain loop", plain, copy(state), batch, 1, flags.steps),
        make_seed_contender("scan", scan, copy(state), batch, steps),
    ]
    for count in flags.seeds:
        keys = jax.vmap(jax.random.key)(jnp.arange(count))
        states = jax.jit(partial(init_states, gan))(keys)
        mesh = make_even_mesh(count)
        how = f"vmap on {mesh.size} device(s)"
        body, name = (
            (make_one_step, how) if slow_loops else (make_many_steps, f"scan + {how}")
        )
        if slow_loops:
            turn, states_too = place_in_turn(make_one_step, None, False), copy(states)
            contenders.append(
                make_seed_contender("in turn", turn, states_too, batch, 1)
            )
        placed = place_members(body, mesh, False)
        each = 1 if slow_loops else steps
        contenders.append(make_seed_contender(name, placed, states, batch, each))
    return contenders


def make_even_mesh(count: int) -> Mesh:
    """Return the most devices that share out `count` GANs evenly."""
    devices = jax.devices()
    most = next(n for n in range(len(devices), 0, -1) if count % n == 0)
    return make_mesh(devices[:most], SEED_AXIS)


def make_torch_contenders(config: Config, flags: Flags) -> list[SeedContender]:
    """Return PyTorch eager, if it is installed."""
    if find_spec("torch") is None:
        print("torch is not installed: no comparison (pip install -e '.[oracle]')")
        return []
    run_units = torch_contender(config).run_units
    return [
        SeedContender("PyTorch eager", 1, flags.steps, partial(run_units, flags.steps))
    ]


def print_timings(config: Config, flags: Flags) -> None:
    """Time all contenders in turn, round after round, and print a table."""
    everyone = make_torch_contenders(config, flags) + make_our_contenders(config, flags)
    first = [time_call(one) for one in everyone]
    rounds = [[time_call(one) for one in everyone] for _ in range(flags.rounds)]
    print(f"{'':26}{'seeds':>6}{'us per step':>13}{'us per seed-step':>18}", end="")
    print(f"{'least':>9}{'most':>9}{'of PyTorch':>12}{'first call s':>14}")
    baseline = None
    for index, one in enumerate(everyone):
        times = [1e6 * seconds[index] / one.steps for seconds in rounds]
        middle = statistics.median(times)
        if one.name == "PyTorch eager":
            baseline = middle
        share = f"{middle / one.seeds / baseline:.2f}x" if baseline else "-"
        print(
            f"{one.name:26}{one.seeds:6}{middle:13.0f}{middle / one.seeds:18.0f}"
            f"{min(times) / one.seeds:9.0f}{max(times) / one.seeds:9.0f}"
            f"{share:>12}{first[index]:14.1f}"
        )


def time_call(one: SeedContender) -> float:
    """Return the seconds of one run of a contender."""
    started = time.perf_counter()
    one.run()
    return time.perf_counter() - started


def main(arguments: list[str]) -> None:
    """Time the contenders on each GAN that the flags ask for."""
    flags = tyro.cli(
        Flags, args=arguments, prog="python -m benchmarks.seeds", description=__doc__
    )
    use_cores_as_devices()
    device = jax.devices()[0].device_kind
    for name, config in {"ring": RING, "digits": DIGITS}.items():
        if flags.what not in (name, "both"):
            continue
        if not flags.penalty:
            config = replace(config, penalty=PenaltyConfig())
        model = f"{config.model.name}, width {config.model.width}"
        print(
            f"\n{name}: {model}, batch {config.batch_size}, "
            f"{config.penalty.name}, {jax.device_count()} x {device}"
        )
        print_timings(config, flags)


if __name__ == "__main__":
    sys.exit(catch_user_errors(lambda: main(sys.argv[1:])))
