"""The program of a run: which GANs, on which devices, how many steps in a dispatch.

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
from gan_jax.data import Dataset
from gan_jax.data.core import ENDLESS
from gan_jax.gan import Gan, init_state
from gan_jax.parallel.dispatch_length import choose_steps_per_call
from gan_jax.parallel.ensemble import (
    init_states,
    is_faster_in_turn,
    place_in_turn,
    place_members,
)
from gan_jax.parallel.feed import BATCH_AXIS, make_feed
from gan_jax.parallel.memory_check import require_memory
from gan_jax.parallel.mesh import (
    DATA_AXIS,
    SEED_AXIS,
    Body,
    make_mesh,
    replicate,
    require_multiple,
)
from gan_jax.parallel.placements import PLACEMENTS
from gan_jax.step import train_step
from gan_jax.terminal.command_name import name_command
from gan_jax.types import Batch, Metrics, TrainState

Member = dict[str, Any]
"""What distinguishes one GAN of a run: its seed and its factors of the sweep."""
MOST_MEMBERS = 2**16
"""The most GANs that one run trains."""


class Program(NamedTuple):
    """What a run executes.

    members: one per GAN, or None for a single GAN, whose state and metrics have no axis
    of members. init: returns the state before the first step. advance: `(state, split)
    -> (state, metrics)` makes K steps; its metrics are `[K]` or `[S, K]`. splits:
    yields what `advance` takes for the steps between each two of some bounds.
    steps_per_call: the most steps K of a dispatch. about: the choices made, in words.
    """

    gan: Gan
    members: list[Member] | None
    init: Callable[[], TrainState]
    advance: Callable[[TrainState, Any], tuple[TrainState, Metrics]]
    splits: Callable[[np.ndarray], Iterator[Any]]
    steps_per_call: int
    about: list[str]


Parts = tuple[Callable[[], TrainState], Body, str]
"""A function of the first state, the placed body, and its placement in words."""


def make_program(config: Config, data: Dataset) -> Program:
    """Return what a run of this Config executes on this machine; read the data.

    Raises ValueError, naming the field, for devices and placements that are not there.
    """
    members = members_of(config)
    axis_name = PLACEMENTS[config.placement].axis_name
    gan = build(config, axis_name=axis_name, spec=data.spec)
    mesh = choose_mesh(config, members, gan)
    require_memory(config, gan, data, mesh, len(members or [None]))
    seeds = None if members is None else [member["seed"] for member in members]
    feed = make_feed(config, data, mesh, seeds)
    body = partial(run_several_steps, gan, feed.find_batch)
    if members is None:
        init, placed, how = place_one_gan(config, gan, body, mesh)
    else:
        init, placed, how = place_many_gans(members, gan, body, mesh, feed.streams)
    gans_per_device = len(members or [None]) / mesh.size
    steps_per_call, reason = choose_steps_per_call(
        config, gan, feed.streams, gans_per_device
    )
    return Program(
        gan,
        members,
        init,
        lambda state, split: placed(state, feed.shared, split),
        feed.splits,
        steps_per_call,
        [
            f"placement: {how} on {mesh.size} x {mesh.devices.flat[0].device_kind}",
            *describe_data(config.dataset.name, data, feed.streams),
            f"steps per call: {steps_per_call} ({reason})",
        ],
    )


def describe_data(name: str, data: Dataset, streams: bool) -> list[str]:
    """Say how many examples there are before flips, where, and what is ignored."""
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


def place_one_gan(config: Config, gan: Gan, body: Body, mesh: Mesh) -> Parts:
    """Place the step of one GAN, with its batch shared out over the mesh."""

    def init() -> TrainState:
        first = partial(init_state, gan, jax.random.key(config.seed))
        return jax.jit(first, out_shardings=NamedSharding(mesh, P()))()

    placed = PLACEMENTS[config.placement].place(body, mesh, BATCH_AXIS)
    return init, placed, config.placement


def place_many_gans(
    members: list[Member], gan: Gan, body: Body, mesh: Mesh, split: bool
) -> Parts:
    """Place the step of several GANs, which are shared out over the mesh.

    split: whether a dispatch takes a part of its own for each GAN.
    """

    def init() -> TrainState:
        keys = jnp.stack([jax.random.key(member["seed"]) for member in members])
        states = jax.jit(partial(init_states, gan))(keys)
        factors = {
            name: jnp.array([m.get(f"sweep.{name}", 1.0) for m in members])
            for name in states.scales
        }
        states = states.replace(scales=factors)
        # The layout is that of later states, or the second dispatch would be compiled
        # anew.
        return replicate(states, mesh) if mesh.size == 1 else states

    if mesh.size == 1 and is_faster_in_turn(gan):
        how = "in turn (with convolutions on CPU, vmap over weights is slower)"
        return init, place_in_turn(body, None, split), f"{len(members)} GANs {how}"
    placed = place_members(body, mesh if mesh.size > 1 else None, split)
    return init, placed, f"{len(members)} GANs by vmap"


def members_of(config: Config) -> list[Member] | None:
    """Return every seed with every combination of the sweep's factors.

    None: the run trains a single GAN. Raises ValueError for more than MOST_MEMBERS.
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


def choose_mesh(config: Config, members: list[Member] | None, gan: Gan) -> Mesh:
    """Return the mesh of the devices that take part, in the order of their hosts.

    Raises ValueError, naming the field, for devices and placements that are not there.
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
        refuse_placement_of_many(config.placement, hosts, len(members))
        count = count or count_devices_of_many(len(members), available, gan)
        require_multiple("seeds (times the sweep)", len(members), count)
        return make_mesh(devices[:count], SEED_AXIS)
    refuse_placement_of_one(config, hosts)
    count = count or (1 if config.placement == "jit" else available)
    require_even_batches(config, count)
    return make_mesh(devices[:count], DATA_AXIS)


def count_devices_of_many(members: int, available: int, gan: Gan) -> int:
    """Return the most devices that share out so many GANs evenly.

    It is one device if the GANs train in turn.
    """
    if is_faster_in_turn(gan):
        return 1
    return next(n for n in range(available, 0, -1) if members % n == 0)


def refuse_placement_of_one(config: Config, hosts: int) -> None:
    """Raise ValueError if the placement of a single GAN serves fewer devices."""
    if hosts > 1 and not PLACEMENTS[config.placement].hosts:
        raise ValueError(
            f"placement {config.placement!r}: serves one process, and there are "
            f"{hosts}; choose shard_map or gspmd"
        )
    count = config.devices
    if config.placement == "jit" and count not in (None, 1):
        raise ValueError(
            f"devices {count}: placement 'jit' trains one GAN on one device; "
            "choose placement pmap, shard_map or gspmd, or several --seeds"
        )


def require_even_batches(config: Config, count: int) -> None:
    """Raise ValueError if devices and microbatches do not divide the batch evenly."""
    require_multiple("batch_size", config.batch_size, count)
    if config.batch_size // count % config.microbatches:
        raise ValueError(
            f"microbatches {config.microbatches}: does not divide the "
            f"{config.batch_size // count} examples of a device"
        )


def refuse_placement_of_many(placement: str, hosts: int, members: int) -> None:
    """Raise ValueError for a placement or for hosts that many GANs cannot have."""
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


def run_several_steps(
    gan: Gan,
    find_batch: Callable[[TrainState, Any, Any], Batch],
    state: TrainState,
    shared: Any,
    split: Any,
) -> tuple[TrainState, Metrics]:
    """Make a step for each entry of the leading axis of `split`.

    find_batch: `(state, shared, entry) -> Batch`. Returns the last state, and metrics
    `[K]`.
    """

    def step(state: TrainState, part: Any) -> tuple[TrainState, Metrics]:
        return train_step(gan, state, find_batch(state, shared, part))

    if len(jax.tree.leaves(split)[0]) > 1:
        return lax.scan(step, state, split)
    state, metrics = step(state, jax.tree.map(lambda x: x[0], split))
    return state, jax.tree.map(lambda x: x[None], metrics)
