"""Programs that runs share: traced and compiled once for all that differ in numbers.

The numbers that `gan_jax.assembly.numbers` lists, the seeds and the data are arguments
of the program. Everything else of it is its `Structure`.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
from jax import lax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.assembly.assemble import assemble
from gan_jax.assembly.choices import Choices
from gan_jax.assembly.numbers import with_numbers
from gan_jax.data import Spec
from gan_jax.gan import Gan, init_state
from gan_jax.parallel.compiler import deterministic_options
from gan_jax.parallel.ensemble import init_states, place_in_turn, place_members
from gan_jax.parallel.feed import BATCH_AXIS, Selection
from gan_jax.parallel.mesh import Body
from gan_jax.parallel.placements import PLACEMENTS
from gan_jax.step import train_step
from gan_jax.types import Metrics, TrainState

Numbers = dict[str, Any]
"""The numbers of a Config that the program takes, by their dotted field names."""
MOST_PROGRAMS = 4
"""The programs of a process that are kept for later runs."""


class Structure(NamedTuple):
    """What is compiled into a program. Runs of equal structures share it.

    choices: as `without_numbers` returns them. spec: the facts of the data. many:
    whether it trains several GANs. in_turn: whether these train one after another.
    """

    choices: Choices
    spec: Spec
    selection: Selection
    mesh: Mesh
    many: bool
    in_turn: bool


class SharedProgram(NamedTuple):
    """The compiled functions of a structure.

    init: `(numbers, seeds) -> state`, with one seed, or `[S]` seeds of several GANs.
    advance: the placed body `(state, (numbers, data), split) -> (state, metrics)`.
    """

    init: jax.stages.Wrapped
    advance: Body


@lru_cache(MOST_PROGRAMS)
def find_program(structure: Structure) -> SharedProgram:
    """Return the program of a structure, which its first call compiles.

    The program of an equal structure is returned again, unless others were asked for
    since. `find_program.cache_clear()` forgets them all.
    """
    config = structure.choices.config
    placement = PLACEMENTS[config.placement]
    options = deterministic_options(config.deterministic)

    def make_gan(numbers: Numbers) -> Gan:
        choices = structure.choices
        config = with_numbers(choices.config, numbers)
        choices = choices._replace(config=config)
        return assemble(choices, structure.spec, placement.axis_name)

    body = partial(run_several_steps, make_gan, structure.selection)
    mesh, alone = structure.mesh, structure.mesh.size == 1
    if not structure.many:
        layout = NamedSharding(mesh, P())
        make_one = partial(init_one, make_gan)
        init = jax.jit(make_one, out_shardings=layout, compiler_options=options)
        placed = placement.place(body, mesh, BATCH_AXIS, config.deterministic)
        return SharedProgram(init, placed)
    init = jax.jit(partial(init_many, make_gan), compiler_options=options)
    place = place_in_turn if structure.in_turn else place_members
    streams = structure.selection.streams
    placed = place(body, None if alone else mesh, streams, config.deterministic)
    return SharedProgram(init, placed)


def init_one(
    make_gan: Callable[[Numbers], Gan], numbers: Numbers, seed: jax.Array
) -> TrainState:
    """Return the first state of the GAN of a seed."""
    return init_state(make_gan(numbers), jax.random.key(seed))


def init_many(
    make_gan: Callable[[Numbers], Gan], numbers: Numbers, seeds: jax.Array
) -> TrainState:
    """Return the stacked first states of the GANs of some seeds `[S]`."""
    return init_states(make_gan(numbers), jax.vmap(jax.random.key)(seeds))


def run_several_steps(
    make_gan: Callable[[Numbers], Gan],
    selection: Selection,
    state: TrainState,
    shared: tuple[Numbers, Any],
    split: Any,
) -> tuple[TrainState, Metrics]:
    """Make a step for each entry of the leading axis of `split`.

    shared: the numbers of the Config, and the data on the device. Returns the last
    state, and metrics `[K]`.
    """
    numbers, stored = shared
    gan = make_gan(numbers)

    def step(state: TrainState, part: Any) -> tuple[TrainState, Metrics]:
        return train_step(gan, state, selection.find_batch(state, stored, part))

    if len(jax.tree.leaves(split)[0]) > 1:
        return lax.scan(step, state, split)
    state, metrics = step(state, jax.tree.map(lambda x: x[0], split))
    return state, jax.tree.map(lambda x: x[None], metrics)
