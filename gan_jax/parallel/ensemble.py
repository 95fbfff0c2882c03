"""Many GANs: their states stacked into one, taken apart, and trained together."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from gan_jax.gan import Gan, init_state
from gan_jax.parallel.compiler import compile_step, has_shapes
from gan_jax.parallel.mesh import (
    SEED_AXIS,
    Body,
    place_on_mesh,
    require_multiple,
    with_auto_axes,
)
from gan_jax.types import Array, Metrics, TrainState

MEMBERS_AT_ONCE = {"cpu": 2}
"""How many GANs a device trains at a time, by its backend; all where it is not named.
The arrays of many GANs do not fit into the caches of a CPU."""


def init_states(gan: Gan, keys: Array) -> TrainState:
    """Return the first states of many GANs, stacked.

    Args:
        gan: The networks and the rules of the game, from `build`.
        keys: Typed keys `[S]`, such as `jax.random.split(jax.random.key(0), S)`. Each
            gives the state that `init_state` makes of it.

    Returns:
        One TrainState whose arrays have a leading axis of S, but for the step count,
        which is one for all GANs. `seeds_step` trains it.
    """
    states = jax.vmap(partial(init_state, gan))(keys)
    return states.replace(step=states.step[0])  # pyright: ignore


def per_member(common: Any, each: Any) -> TrainState:
    """Return a TrainState of specifications of stacked states, for vmap and shard_map.

    The step count is common to all GANs, and each has everything else of its own.
    """
    return TrainState(common, each, each, each, each, each, each)


def member_state(states: TrainState, index: int | Array) -> TrainState:
    """Return the state of one GAN out of stacked states."""
    own = jax.tree.map(lambda x: x[index], states.replace(step=()))  # pyright: ignore
    return own.replace(step=states.step)


def split_members(states: TrainState, count: int) -> list[TrainState]:
    """Return the states of the first `count` GANs, each by itself, on this host.

    The states are fetched together: to index arrays that are spread over devices is a
    collective, and on CPU XLA ends the process when one device keeps the others waiting
    for 40 s.
    """
    fetched = jax.device_get(states)
    return [member_state(fetched, index) for index in range(count)]


def is_faster_in_turn(gan: Gan) -> bool:
    """Whether many GANs train faster in turn than under vmap.

    On CPU, XLA runs convolutions with many kernels (grouped ones) 4 to 5 times slower.
    """
    return jax.default_backend() == "cpu" and has_convolutions(gan)


def has_convolutions(gan: Gan) -> bool:
    """Whether a network of the GAN has a kernel of four dimensions."""
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    params = (state.generator.params, state.discriminator.params)
    return any(leaf.ndim == 4 for leaf in jax.tree.leaves(params))


def place_members(
    body: Body, mesh: Mesh | None, split: bool, deterministic: bool = False
) -> Body:
    """Compile a body for stacked states, shared out over a mesh.

    mesh: None for a single device. split: whether each GAN has its own batch, along a
    leading axis of the body's `split`; otherwise all have the same one.
    """
    many = partial(map_members, body, split)
    if mesh is None:
        return compile_step(many, deterministic, donate_argnums=0)
    mesh, each = with_auto_axes(mesh), P(SEED_AXIS)
    state_spec, split_spec = per_member(P(), each), each if split else P()
    specs = state_spec, P(), split_spec
    mapped = jax.shard_map(
        many, mesh=mesh, in_specs=specs, out_specs=(state_spec, each), check_vma=False
    )
    step = compile_step(mapped, deterministic, donate_argnums=0)

    def require(states: TrainState, split: Any) -> None:
        require_multiple("seeds", len(states.key), mesh.shape[SEED_AXIS])

    return place_on_mesh(step, mesh, state_spec, split_spec, require)


def map_members(
    body: Body, split: bool, states: TrainState, shared: Any, part: Any
) -> tuple[TrainState, Metrics]:
    """Call a body for each of the stacked states on a device, under vmap.

    Where MEMBERS_AT_ONCE says so, a few GANs at a time make all their steps. The step
    count stays common to all, so that a lazy penalty remains a branch.
    """
    count = states.step

    def step_member(own: tuple[TrainState, Any]) -> Any:
        state, own_part = own
        state = state.replace(step=count)  # pyright: ignore
        state, metrics = body(state, shared, own_part if split else part)
        return state.replace(step=()), state.step, metrics  # pyright: ignore

    members = states.replace(step=()), part if split else ()  # pyright: ignore
    at_once = MEMBERS_AT_ONCE.get(jax.default_backend())
    if at_once is None or len(states.key) <= at_once:
        axes = 0, None, 0
        states, count, metrics = jax.vmap(step_member, out_axes=axes)(members)
    else:
        states, counts, metrics = lax.map(step_member, members, batch_size=at_once)
        count = counts[0]
    return states.replace(step=count), metrics  # pyright: ignore


def place_in_turn(
    body: Body, mesh: Mesh | None, split: bool, deterministic: bool = False
) -> Body:
    """Compile a body for one GAN, and call it for each of the stacked states.

    The states are not donated. mesh: None, as there is a single device. split: as in
    `place_members`.
    """

    @partial(compile_step, deterministic=deterministic)
    def step_member(states: TrainState, index: int, shared: Any, part: Any) -> Any:
        own = jax.tree.map(lambda x: x[index], part) if split else part
        return body(member_state(states, index), shared, own)

    @compile_step
    def stack_outcomes(outcomes: list[tuple[TrainState, Metrics]]) -> Any:
        states, metrics = jax.tree.map(lambda *x: jnp.stack(x), *outcomes)
        return states.replace(step=states.step[0]), metrics  # pyright: ignore

    def step(states: TrainState, shared: Any, part: Any) -> Any:
        count = states.key.shape[0]
        part = part if has_shapes(part) else jax.device_put(part)
        return stack_outcomes(
            [step_member(states, i, shared, part) for i in range(count)]
        )

    return step
