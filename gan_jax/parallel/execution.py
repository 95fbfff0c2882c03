"""From a Config to a program: which GANs, on which devices, how many steps a dispatch.

A run trains one GAN or, with `seeds` or a sweep, several at once: its members. Seed i
of a run of many is the run of `seed + i` alone.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.assembly.assemble import build
from gan_jax.config import Config
from gan_jax.data import Dataset, indices_of, source, supply
from gan_jax.data.core import ENDLESS
from gan_jax.gan import Gan, init_state
from gan_jax.parallel.ensemble import init_states
from gan_jax.parallel.memory_check import require_memory
from gan_jax.parallel.multihost import across_hosts
from gan_jax.parallel.placements import (
    DATA,
    PLACEMENTS,
    SEED,
    Body,
    better_in_turn,
    has_convolutions,
    placed_in_turn,
    placed_members,
    require_multiple,
    row,
    whole,
)
from gan_jax.step import train_step
from gan_jax.terminal.command_name import name_command
from gan_jax.types import Batch, Metrics, TrainState

Member = dict[str, Any]
"""What tells one GAN of a run from the others: its seed and its sweep factors."""
BATCH_AXIS = 2
"""Of what `advance` takes: `[K, d_steps, B, ...]`."""
LONGEST_CALL = 100
"""Steps in one dispatch, at most, where the choice is ours."""
MOST_MEMBERS = 2**16
"""GANs of one run."""


class Program(NamedTuple):
    """What a run executes.

    members: one per GAN; None: a single GAN, whose state and metrics have no such axis.
    init: the state before the first step.
    advance: `(state, split) -> (state, metrics)`, K steps; metrics `[K]` or `[S, K]`.
    splits: what `advance` takes, for the steps between each two of some bounds.
    steps_per_call: K, at most. about: the choices made, in words.
    """

    gan: Gan
    members: list[Member] | None
    init: Callable[[], TrainState]
    advance: Callable[[TrainState, Any], tuple[TrainState, Metrics]]
    splits: Callable[[np.ndarray], Iterator[Any]]
    steps_per_call: int
    about: list[str]


Parts = tuple[Callable[[], TrainState], Body, str]
"""The first state, the placed body, and how that was placed in words."""


def program(config: Config, data: Dataset) -> Program:
    """What a run of this Config executes on this machine; reads the data.

    Raises ValueError, naming the field, for devices and placements there are not.
    """
    members = members_of(config)
    axis_name = PLACEMENTS[config.placement].axis_name
    gan = build(config, axis_name=axis_name, spec=data.spec)
    mesh = device_row(config, members, gan)
    require_memory(config, gan, data, mesh, len(members or [None]))
    examples = source(data, config.dataset.device_limit)
    body = partial(several_steps, gan, examples.gather)
    order = partial(indices_of, data, config.batch_size, config.d_steps)
    read, shared = examples.read, whole(examples.shared, mesh)
    if members is None:
        init, placed, how = single(config, gan, body, mesh)
        if jax.process_count() > 1:
            read = across_hosts(mesh, BATCH_AXIS, read)
    else:
        init, placed, how = many(members, gan, body, mesh)
    steps_per_call, reason = dispatch(config, gan, examples.streams)

    def indices(steps: range) -> np.ndarray:
        if members is None:
            return order([config.seed], steps)[0]
        return order([member["seed"] for member in members], steps)

    return Program(
        gan,
        members,
        init,
        lambda state, split: placed(state, shared, split),
        partial(supply, examples._replace(read=read), indices),
        steps_per_call,
        [
            f"placement: {how} on {mesh.size} x {mesh.devices.flat[0].device_kind}",
            *about_data(config.dataset.name, data, examples.streams),
            f"steps per call: {steps_per_call} ({reason})",
        ],
    )


def about_data(name: str, data: Dataset, streams: bool) -> list[str]:
    """How much there is, before flips, and where; how much is ignored and why."""
    classes, size = data.spec.label_count, data.spec.size
    count = "endless examples" if size == ENDLESS else f"{size:,} examples"
    place = "streamed from disk" if streams else "on the device"
    lines = [
        f"data: {name}, {count}{f' in {classes} classes' if classes else ''}, "
        f"{data.nbytes / 1e9:.3f} GB, {place}",
        *([data.note] if data.note else []),
    ]
    if data.ignored:
        counts = [f"{len(names):,} {reason}" for reason, names in data.ignored.items()]
        command = name_command("data")
        lines.append(f"ignored ({command} shows names): {', '.join(counts)}")
    return lines


def single(config: Config, gan: Gan, body: Body, mesh: Mesh) -> Parts:
    """One GAN, its batch over the mesh."""

    def init() -> TrainState:
        first = partial(init_state, gan, jax.random.key(config.seed))
        return jax.jit(first, out_shardings=NamedSharding(mesh, P()))()

    placed = PLACEMENTS[config.placement].place(body, mesh, BATCH_AXIS)
    return init, placed, config.placement


def many(members: list[Member], gan: Gan, body: Body, mesh: Mesh) -> Parts:
    """Several GANs in one program, shared out over the mesh."""

    def init() -> TrainState:
        keys = jnp.stack([jax.random.key(member["seed"]) for member in members])
        states = jax.jit(partial(init_states, gan))(keys)
        factors = {
            name: jnp.array([m.get(f"sweep.{name}", 1.0) for m in members])
            for name in states.scales
        }
        states = states.replace(scales=factors)
        # Laid out as dispatches leave it, or the second one would be compiled anew.
        return whole(states, mesh) if mesh.size == 1 else states

    if mesh.size == 1 and better_in_turn(gan):
        how = "in turn (with convolutions on CPU, vmap over weights is slower)"
        return init, placed_in_turn(body, None, True), f"{len(members)} GANs {how}"
    placed = placed_members(body, mesh if mesh.size > 1 else None, True)
    return init, placed, f"{len(members)} GANs by vmap"


def members_of(config: Config) -> list[Member] | None:
    """Every seed with every combination of the sweep's factors; None: a single GAN.

    Raises ValueError for more than MOST_MEMBERS.
    """
    factors = {name: values for name, values in vars(config.sweep).items() if values}
    if config.seeds == 1 and not factors:
        return None
    count = config.seeds * math.prod(map(len, factors.values()))
    if count > MOST_MEMBERS:
        raise ValueError(
            f"seeds {config.seeds} (times the sweep): {count} GANs, and one run trains "
            f"at most {MOST_MEMBERS}; lower seeds, or shorten sweep"
        )
    names = [f"sweep.{name}" for name in factors]
    return [
        {"seed": config.seed + seed, **dict(zip(names, point, strict=True))}
        for point in itertools.product(*factors.values())
        for seed in range(config.seeds)
    ]


def device_row(config: Config, members: list[Member] | None, gan: Gan) -> Mesh:
    """The devices that take part, in the order of their hosts.

    Where `devices` is None: one for placement jit, else all; for several GANs as many
    as share them out evenly, or one if they train in turn.
    """
    devices = sorted(
        jax.devices(), key=lambda device: (device.process_index, device.id)
    )
    available, hosts = len(devices), jax.process_count()
    count = config.devices
    if count is not None and (count > available or (hosts > 1 and count < available)):
        raise ValueError(
            f"devices {count}: there are {available} in {hosts} process(es); leave it "
            "out, or choose one that is there (of several processes all take part)"
        )
    if members is not None:
        refuse_split(config.placement, hosts, len(members))
        if count is None:
            even = (n for n in range(available, 0, -1) if len(members) % n == 0)
            count = 1 if better_in_turn(gan) else next(even)
        require_multiple("seeds (times the sweep)", len(members), count)
        return row(devices[:count], SEED)
    if hosts > 1 and not PLACEMENTS[config.placement].hosts:
        raise ValueError(
            f"placement {config.placement!r}: serves one process, and there are "
            f"{hosts}; choose shard_map or gspmd"
        )
    if config.placement == "jit" and count not in (None, 1):
        raise ValueError(
            f"devices {count}: placement 'jit' trains one GAN on one device; choose "
            "placement pmap, shard_map or gspmd, or several --seeds"
        )
    count = count or (1 if config.placement == "jit" else available)
    require_multiple("batch_size", config.batch_size, count)
    if config.batch_size // count % config.microbatches:
        raise ValueError(
            f"microbatches {config.microbatches}: does not divide the "
            f"{config.batch_size // count} examples of a device"
        )
    return row(devices[:count], DATA)


def refuse_split(placement: str, hosts: int, members: int) -> None:
    if placement != "jit":
        raise ValueError(
            f"placement {placement!r}: splits the batch of one GAN, and there are "
            f"{members}; leave it out (--devices spreads GANs over devices)"
        )
    if hosts > 1:
        raise ValueError(
            f"seeds: {members} GANs train in one process, and there are {hosts}; start "
            "one process, or one for each part of the seeds"
        )


def dispatch(config: Config, gan: Gan, streams: bool) -> tuple[int, str]:
    """Steps in one dispatch, and why so many."""
    if config.steps_per_call != "auto":
        return config.steps_per_call, "as asked"
    if streams:
        return 1, "its rows are read from disk"
    if jax.default_backend() == "cpu" and has_convolutions(gan):
        return 1, "XLA runs convolutions in a loop slowly on CPU"
    return min(config.log.every, LONGEST_CALL), "one scan"


def several_steps(
    gan: Gan,
    gather: Callable[[Any, Any], Batch],
    state: TrainState,
    shared: Any,
    split: Any,
) -> tuple[TrainState, Metrics]:
    """Gather and step for each entry of `split`'s leading axis; metrics `[K]`."""

    def step(state: TrainState, part: Any) -> tuple[TrainState, Metrics]:
        return train_step(gan, state, gather(shared, part))

    if len(jax.tree.leaves(split)[0]) > 1:
        return lax.scan(step, state, split)
    state, metrics = step(state, jax.tree.map(lambda x: x[0], split))
    return state, jax.tree.map(lambda x: x[None], metrics)
