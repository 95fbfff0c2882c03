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
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.assembly.assemble import assemble, check_choices
from gan_jax.assembly.numbers import find_numbers, without_numbers
from gan_jax.config import Config
from gan_jax.data import Dataset
from gan_jax.data.core import ENDLESS
from gan_jax.gan import Gan
from gan_jax.parallel.compiler import shape_of
from gan_jax.parallel.dispatch_length import choose_steps_per_call
from gan_jax.parallel.ensemble import is_faster_in_turn
from gan_jax.parallel.feed import Feed, make_feed
from gan_jax.parallel.memory_check import require_memory
from gan_jax.parallel.mesh import replicate
from gan_jax.parallel.mesh_choice import choose_mesh
from gan_jax.parallel.placements import PLACEMENTS
from gan_jax.parallel.shared_program import SharedProgram, Structure, find_program
from gan_jax.terminal.command_name import name_command
from gan_jax.types import Metrics, TrainState

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


def make_program(config: Config, data: Dataset) -> Program:
    """Return what a run of this Config executes on this machine; read the data.

    Runs that differ in numbers only share the compiled functions
    (`gan_jax.parallel.shared_program`).

    Raises ValueError, naming the field, for devices and placements that are not there.
    """
    plan = plan_program(config, data)
    mesh, structure = plan.structure.mesh, plan.structure
    program = find_program(structure)
    shared = replicate((plan.numbers, plan.feed.shared), mesh)
    return Program(
        plan.gan,
        plan.members,
        partial(make_first_state, plan, program),
        lambda state, split: program.advance(state, shared, split),
        plan.feed.splits,
        plan.steps_per_call,
        [
            f"placement: {describe_placement(plan)} on {mesh.size} x "
            f"{mesh.devices.flat[0].device_kind}",
            *describe_data(config.dataset.name, data, structure.selection.streams),
            f"steps per call: {plan.steps_per_call} ({plan.reason})",
        ],
    )


class ProgramPlan(NamedTuple):
    """A run as this machine is to execute it; nothing of it lies on a device yet.

    structure: what is compiled. numbers, seeds: further arguments of the program;
    `seeds` is `[S]` for several GANs. steps_per_call, reason: the most steps in a
    dispatch, and why so many.
    """

    gan: Gan
    members: list[Member] | None
    structure: Structure
    numbers: dict[str, np.float32]
    seeds: np.ndarray
    feed: Feed
    steps_per_call: int
    reason: str


def plan_program(config: Config, data: Dataset) -> ProgramPlan:
    """Return how this machine is to execute a run; read the data.

    Raises ValueError as `make_program` does.
    """
    members = members_of(config)
    axis_name = PLACEMENTS[config.placement].axis_name
    choices, spec = check_choices(config, data.spec)
    gan = assemble(choices, spec, axis_name)
    many = members is not None
    mesh = choose_mesh(config, len(members) if many else None, gan)
    require_memory(config, gan, data, mesh, len(members or [None]))
    seeds = None if members is None else [member["seed"] for member in members]
    feed = make_feed(config, data, mesh, seeds)
    structure = Structure(
        without_numbers(choices),
        spec,
        feed.selection,
        mesh,
        many,
        many and mesh.size == 1 and is_faster_in_turn(gan),
    )
    numbers = {k: np.float32(v) for k, v in find_numbers(choices).items()}
    all_seeds = np.array(seeds if many else config.seed, np.uint32)
    gans_per_device = len(members or [None]) / mesh.size
    call = choose_steps_per_call(config, gan, feed.selection.streams, gans_per_device)
    return ProgramPlan(gan, members, structure, numbers, all_seeds, feed, *call)


def make_first_state(plan: ProgramPlan, program: SharedProgram) -> TrainState:
    """Return the state before the first step, with each member's factors in it."""
    state = program.init(plan.numbers, plan.seeds)
    if plan.members is None:
        return state
    factors = {
        name: jnp.array([m.get(f"sweep.{name}", 1.0) for m in plan.members])
        for name in state.scales
    }
    state = state.replace(scales=factors)  # pyright: ignore
    # The layout is that of later states, or the second dispatch would be compiled
    # anew.
    mesh = plan.structure.mesh
    return replicate(state, mesh) if mesh.size == 1 else state


def compile_program(plan: ProgramPlan, steps: int) -> Iterator[None]:
    """Compile the first state of a run, then a dispatch of some steps; yield twice.

    Nothing is executed, and nothing of the run lies on a device. A run of the same
    structure finds both compiled. A placement by pmap raises TypeError for the
    dispatch: its program is compiled by its call alone.
    """
    program, mesh = find_program(plan.structure), plan.structure.mesh
    program.init.lower(plan.numbers, plan.seeds).compile()
    yield
    state = jax.eval_shape(partial(make_first_state, plan, program))
    shared = jax.eval_shape(lambda: (plan.numbers, plan.feed.shared))
    on_mesh = partial(shape_of, NamedSharding(mesh, P()))
    (split,) = plan.feed.splits(np.array([0, steps]))
    program.advance(
        jax.tree.map(on_mesh, state),
        jax.tree.map(on_mesh, shared),
        jax.tree.map(lambda x: shape_of(getattr(x, "sharding", None), x), split),
    )
    yield


def describe_placement(plan: ProgramPlan) -> str:
    """Say how the GANs are placed."""
    if plan.members is None:
        return plan.structure.choices.config.placement
    how = "by vmap"
    if plan.structure.in_turn:
        how = "in turn (with convolutions on CPU, vmap over weights is slower)"
    return f"{len(plan.members)} GANs {how}"


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
