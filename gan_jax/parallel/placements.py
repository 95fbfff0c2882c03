"""The same pure step, placed: one device, several devices or hosts, several seeds.

A body is `(state, shared, split) -> (state, metrics)`: `shared` is data that every
device needs whole, `split` has the batch axis that devices share out. A placement
compiles a body for a row of devices; the state is donated (but by `placed_in_turn`).
State and metrics go in and come out as one logical copy, so all placements look alike.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.gan import Gan, init_state
from gan_jax.parallel.compiler import compiled
from gan_jax.parallel.ensemble import member, per_member
from gan_jax.parallel.multihost import put
from gan_jax.step import train_step
from gan_jax.types import Array, Batch, Metrics, TrainState

Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Body = Callable[[TrainState, Any, Any], tuple[TrainState, Metrics]]
DATA, SEED = "data", "seed"
"""Names of the device axes: over the batch, over many GANs."""


def jit_step(gan: Gan) -> Step:
    """`train_step` compiled for one device; the state given to it is donated."""
    require_no_axis(gan)
    return on_batches(placed_jit(plain(gan)))


def pmap_step(gan: Gan, devices: Sequence[Any] | None = None) -> Step:
    """`train_step` under `pmap` over local devices (None: all), means over
    `gan.axis_name`.

    Takes a global batch `[d_steps, B, ...]` and splits it here; ValueError if the
    devices do not divide B. The state is replicated on the way in and donated.
    """
    mesh = row(devices or jax.local_devices(), axis_of(gan))
    return on_batches(placed_pmap(plain(gan), mesh, 1))


def shard_map_step(gan: Gan, mesh: Mesh) -> Step:
    """`train_step` under `shard_map` over the axis `gan.axis_name` of a mesh, which may
    span hosts. Batch and state as for `pmap_step`.
    """
    if axis_of(gan) not in mesh.axis_names:
        raise ValueError(
            f"mesh: its axes are {mesh.axis_names}, but the Gan was built with "
            f"axis_name {gan.axis_name!r}; name them alike"
        )
    return on_batches(placed_shard_map(plain(gan), mesh, 1, axis_of(gan)))


def gspmd_step(gan: Gan, mesh: Mesh) -> Step:
    """`train_step` under `jit` with the batch sharded over the whole mesh, which may
    span hosts: the compiler finds the means. Batch and state as for `pmap_step`.
    """
    require_no_axis(gan)
    return on_batches(placed_gspmd(plain(gan), mesh, 1))


def seeds_step(gan: Gan, mesh: Mesh | None = None) -> Step:
    """`train_step` of S GANs in one program; their states as from `init_states`.

    The batch is `[S, d_steps, B, ...]`, or `[d_steps, B, ...]` for all; metrics are
    `[S]`. mesh: its axis "seed" shares out the GANs; ValueError if it does not divide
    S. The step count is one for all, so a lazy penalty remains a branch. Where `vmap`
    is slow and there is no mesh, the GANs train in turn (`better_in_turn`).
    """
    require_no_axis(gan)
    if mesh is not None and SEED not in mesh.axis_names:
        raise ValueError(f"mesh: its axes are {mesh.axis_names}; name one {SEED!r}")
    place = placed_in_turn if mesh is None and better_in_turn(gan) else placed_members
    own, common = (place(plain(gan), mesh, split) for split in (True, False))

    def step(states: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        if states.step.ndim:  # stacked, as from a plain vmap of init_state
            states = states.replace(step=states.step[0])  # pyright: ignore
        has_own = batch.image.ndim > 2 + len(gan.data_shape)
        require_stacked(states, batch if has_own else None)
        return (own if has_own else common)(states, (), batch)

    return step


def require_stacked(states: TrainState, batch: Batch | None) -> None:
    if states.key.ndim != 1:
        raise ValueError("state: must be stacked over GANs, as from init_states")
    if batch is not None and len(batch.image) != len(states.key):
        raise ValueError(
            f"batch: is for {len(batch.image)} GANs, and there are {len(states.key)}"
        )


def plain(gan: Gan) -> Body:
    """`train_step` as a body without shared data."""
    return lambda state, shared, batch: train_step(gan, state, batch)


def on_batches(placed: Body) -> Step:
    return lambda state, batch: placed(state, (), batch)


def axis_of(gan: Gan) -> str:
    if gan.axis_name is None:
        raise ValueError(
            f"axis_name None: this placement needs build(config, axis_name={DATA!r})"
        )
    return gan.axis_name


def require_no_axis(gan: Gan) -> None:
    if gan.axis_name is not None:
        raise ValueError(
            f"axis_name {gan.axis_name!r}: this placement needs build(config) without"
        )


def require_multiple(field: str, size: int, count: int) -> None:
    if size % count:
        raise ValueError(
            f"{field} {size}: cannot be split evenly over {count} devices; choose a "
            f"multiple of {count}, or fewer devices"
        )


def row(devices: Sequence[Any], axis_name: str) -> Mesh:
    """A mesh of one axis."""
    return Mesh(np.array(devices), (axis_name,))


def placed_jit(body: Body, mesh: Mesh | None = None, batch_axis: int = 0) -> Body:
    return compiled(body, donate_argnums=0)


def placed_pmap(body: Body, mesh: Mesh, batch_axis: int) -> Body:
    mapped = jax.pmap(
        body,
        mesh.axis_names[0],
        in_axes=(None, None, batch_axis),  # pyright: ignore
        out_axes=None,  # pyright: ignore
        devices=list(mesh.devices.flat),
        donate_argnums=0,
    )

    def share_out(x: Array) -> Array:
        before, size, after = np.split(x.shape, [batch_axis, batch_axis + 1])
        require_multiple("batch_size", int(size[0]), mesh.size)
        return x.reshape(*before, mesh.size, -1, *after)

    def step(state: TrainState, shared: Any, split: Any) -> tuple[TrainState, Metrics]:
        state, shared = jax.device_put((state, shared), NamedSharding(mesh, P()))
        return mapped(state, shared, jax.tree.map(share_out, split))

    return step


def placed_shard_map(
    body: Body, mesh: Mesh, batch_axis: int, axis_name: str = DATA
) -> Body:
    # check_vma=False: replicated parameters then have local gradients, as under pmap.
    # With it they come summed over devices, and the step's mean would be N times off.
    mesh, spec = automatic(mesh), P(*[None] * batch_axis, axis_name)
    mapped = jax.shard_map(
        body, mesh=mesh, in_specs=(P(), P(), spec), out_specs=P(), check_vma=False
    )
    require = partial(require_split, batch_axis, mesh.shape[axis_name])
    return sent(compiled(mapped, donate_argnums=0), mesh, P(), spec, require)


def placed_gspmd(body: Body, mesh: Mesh, batch_axis: int) -> Body:
    mesh, spec = automatic(mesh), P(*[None] * batch_axis, mesh.axis_names)
    step = compiled(body, donate_argnums=0, out_shardings=NamedSharding(mesh, P()))
    require = partial(require_split, batch_axis, mesh.size)
    return sent(step, mesh, P(), spec, require)


def require_split(batch_axis: int, count: int, state: TrainState, split: Any) -> None:
    size = jax.tree.leaves(split)[0].shape[batch_axis]
    require_multiple("batch_size", size, count)


def whole(tree: Any, mesh: Mesh) -> Any:
    """Arrays of the host, a copy on each device."""
    return put(tree, NamedSharding(mesh, P()))


def automatic(mesh: Mesh) -> Mesh:
    """The same mesh with Auto axes: those of `jax.make_mesh` may be Explicit."""
    return Mesh(mesh.devices, mesh.axis_names)


def sent(
    step: Body,
    mesh: Mesh,
    state_spec: Any,
    split_spec: P,
    require: Callable[[TrainState, Any], None],
) -> Body:
    """The step, its arguments laid out on the mesh first (later states lie there)."""
    layout = jax.tree.map(
        partial(NamedSharding, mesh),
        (state_spec, P(), split_spec),
        is_leaf=lambda x: isinstance(x, P),
    )

    def laid_out(state: TrainState, shared: Any, split: Any) -> Any:
        require(state, split)
        return step(*put((state, shared, split), layout))

    return laid_out


def better_in_turn(gan: Gan) -> bool:
    """Whether many GANs train faster in turn than under vmap: on CPU, XLA runs
    convolutions with many kernels (grouped ones) 4 to 5 times slower.
    """
    return jax.default_backend() == "cpu" and has_convolutions(gan)


def has_convolutions(gan: Gan) -> bool:
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    params = (state.generator.params, state.discriminator.params)
    return any(leaf.ndim == 4 for leaf in jax.tree.leaves(params))


def placed_members(body: Body, mesh: Mesh | None, split: bool) -> Body:
    """vmap over stacked states, and over a leading axis of `split` if that is set."""
    axes = per_member(None, 0), None, 0 if split else None
    many = jax.vmap(body, in_axes=axes, out_axes=(per_member(None, 0), 0))
    if mesh is None:
        return compiled(many, donate_argnums=0)
    mesh, each = automatic(mesh), P(SEED)
    state_spec, split_spec = per_member(P(), each), each if split else P()
    specs = state_spec, P(), split_spec
    mapped = jax.shard_map(
        many, mesh=mesh, in_specs=specs, out_specs=(state_spec, each), check_vma=False
    )
    step = compiled(mapped, donate_argnums=0)

    def require(states: TrainState, split: Any) -> None:
        require_multiple("seeds", len(states.key), mesh.shape[SEED])

    return sent(step, mesh, state_spec, split_spec, require)


def placed_in_turn(body: Body, mesh: Mesh | None, split: bool) -> Body:
    """One compiled body, called for each of the stacked states, which are not donated;
    there is no mesh."""

    @compiled
    def one(states: TrainState, index: int, shared: Any, part: Any) -> Any:
        own = jax.tree.map(lambda x: x[index], part) if split else part
        return body(member(states, index), shared, own)

    @jax.jit
    def together(outcomes: list[tuple[TrainState, Metrics]]) -> Any:
        states, metrics = jax.tree.map(lambda *x: jnp.stack(x), *outcomes)
        return states.replace(step=states.step[0]), metrics  # pyright: ignore

    def step(states: TrainState, shared: Any, part: Any) -> Any:
        part, count = jax.device_put(part), len(states.key)
        return together([one(states, i, shared, part) for i in range(count)])

    return step


class Placement(NamedTuple):
    """place: `(body, mesh of one axis, batch axis) -> placed body`. axis_name: what the
    Gan has to be built with. hosts: whether the mesh may span processes.
    """

    place: Callable[[Body, Mesh, int], Body]
    axis_name: str | None
    hosts: bool


PLACEMENTS = {
    "jit": Placement(placed_jit, None, hosts=False),
    "pmap": Placement(placed_pmap, DATA, hosts=False),
    "shard_map": Placement(placed_shard_map, DATA, hosts=True),
    "gspmd": Placement(placed_gspmd, None, hosts=True),
}
