"""Placements of the same pure step: one device, several devices or hosts, many GANs.

A body is `(state, shared, split) -> (state, metrics)`. `shared` is data that every
device needs whole, and `split` has the batch axis that devices share out. A placement
compiles a body for a mesh of one axis. It donates the state, but for `place_in_turn`.
State and metrics go in and come out as one logical copy, so all placements look alike.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.gan import Gan
from gan_jax.parallel.compiler import compile_step
from gan_jax.parallel.ensemble import is_faster_in_turn, place_in_turn, place_members
from gan_jax.parallel.mesh import (
    DATA_AXIS,
    SEED_AXIS,
    Body,
    Step,
    make_mesh,
    place_on_mesh,
    require_multiple,
    with_auto_axes,
)
from gan_jax.step import train_step
from gan_jax.types import Array, Batch, Metrics, TrainState


def jit_step(gan: Gan, *, deterministic: bool = False) -> Step:
    """Compile `train_step` for one device.

    Args:
        gan: The networks and the rules of the game, from `build(config)`.
        deterministic: Whether the step repeats bit for bit on GPUs, at some cost.

    Returns:
        A function `(state, batch) -> (state, metrics)`, as `train_step` is. The state
        that is given to it is donated: its arrays cannot be used afterwards.

    Raises:
        ValueError: The GAN was built with an `axis_name`.
    """
    require_no_axis(gan)
    return body_to_step(place_jit(make_body(gan), deterministic=deterministic))


def pmap_step(gan: Gan, devices: Sequence[Any] | None = None) -> Step:
    """Compile `train_step` under `pmap` over local devices.

    Means over the batch are means over `gan.axis_name`.

    Args:
        gan: The networks and the rules of the game, from `build(config,
            axis_name="data")`; any name will do.
        devices: The devices that share out the batch; None: all local ones.

    Returns:
        A function `(state, batch) -> (state, metrics)`. It takes a global batch
        `[d_steps, B, ...]` and splits it. The state is replicated on the way in, and
        donated. The function raises ValueError if the devices do not divide B.

    Raises:
        ValueError: The GAN was built without an `axis_name`.
    """
    mesh = make_mesh(devices or jax.local_devices(), require_axis(gan))
    return body_to_step(place_pmap(make_body(gan), mesh, 1))


def shard_map_step(gan: Gan, mesh: Mesh, *, deterministic: bool = False) -> Step:
    """Compile `train_step` under `shard_map` over one axis of a mesh.

    Means over the batch are means over `gan.axis_name`.

    Args:
        gan: The networks and the rules of the game, from `build(config,
            axis_name="data")`; any name will do that the mesh has.
        mesh: The devices; they may span hosts. Its axis `gan.axis_name` shares out the
            batch.
        deterministic: Whether the step repeats bit for bit on GPUs, at some cost.

    Returns:
        A function `(state, batch) -> (state, metrics)`, of batch and state as that of
        `pmap_step`.

    Raises:
        ValueError: The GAN was built without an `axis_name`, or with one that the mesh
            has no axis for.
    """
    if require_axis(gan) not in mesh.axis_names:
        raise ValueError(
            f"mesh: its axes are {mesh.axis_names}, but the Gan was built with "
            f"axis_name {gan.axis_name!r}; name them alike"
        )
    body, axis_name = make_body(gan), require_axis(gan)
    return body_to_step(place_shard_map(body, mesh, 1, deterministic, axis_name))


def gspmd_step(gan: Gan, mesh: Mesh, *, deterministic: bool = False) -> Step:
    """Compile `train_step` under `jit`, with the batch sharded over a whole mesh.

    The compiler finds the means over the batch.

    Args:
        gan: The networks and the rules of the game, from `build(config)`.
        mesh: The devices; they may span hosts. All its axes share out the batch.
        deterministic: Whether the step repeats bit for bit on GPUs, at some cost.

    Returns:
        A function `(state, batch) -> (state, metrics)`, of batch and state as that of
        `pmap_step`.

    Raises:
        ValueError: The GAN was built with an `axis_name`.
    """
    require_no_axis(gan)
    return body_to_step(place_gspmd(make_body(gan), mesh, 1, deterministic))


def seeds_step(
    gan: Gan, mesh: Mesh | None = None, *, deterministic: bool = False
) -> Step:
    """Compile `train_step` for many GANs in one program.

    The step count is one for all, so a lazy penalty remains a branch. Where `vmap` is
    slow and there is no mesh, the GANs train in turn (`is_faster_in_turn`).

    Args:
        gan: The networks and the rules of the game, from `build(config)`.
        mesh: The devices; its axis "seed" shares out the GANs. None: one device.
        deterministic: Whether the step repeats bit for bit on GPUs, at some cost.

    Returns:
        A function `(states, batch) -> (states, metrics)`. The states are those of S
        GANs, from `init_states`. The batch is `[S, d_steps, B, ...]`, or
        `[d_steps, B, ...]` for all GANs. Metrics are `[S]`. The function raises
        ValueError for states that are not stacked, for a batch of another number of
        GANs, and if the mesh does not divide S.

    Raises:
        ValueError: The GAN was built with an `axis_name`, or the mesh has no axis
            "seed".
    """
    require_no_axis(gan)
    if mesh is not None and SEED_AXIS not in mesh.axis_names:
        raise ValueError(
            f"mesh: its axes are {mesh.axis_names}; name one {SEED_AXIS!r}"
        )
    place = place_in_turn if mesh is None and is_faster_in_turn(gan) else place_members
    body = make_body(gan)
    own, common = (place(body, mesh, split, deterministic) for split in (True, False))

    def step(states: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        if states.step.ndim:  # stacked, as from a plain vmap of init_state
            states = states.replace(step=states.step[0])  # pyright: ignore
        has_own = batch.image.ndim > 2 + len(gan.data_shape)
        require_stacked(states, batch if has_own else None)
        return (own if has_own else common)(states, (), batch)

    return step


def require_stacked(states: TrainState, batch: Batch | None) -> None:
    """Raise ValueError unless the states are stacked, and the batch has as many parts.

    batch: None if all GANs have the same one.
    """
    if states.key.ndim != 1:
        raise ValueError("state: must be stacked over GANs, as from init_states")
    if batch is not None and len(batch.image) != len(states.key):
        raise ValueError(
            f"batch: is for {len(batch.image)} GANs, and there are {len(states.key)}"
        )


def make_body(gan: Gan) -> Body:
    """Return `train_step` as a body without shared data."""
    return lambda state, shared, batch: train_step(gan, state, batch)


def body_to_step(placed: Body) -> Step:
    """Return a placed body without shared data as a step."""
    return lambda state, batch: placed(state, (), batch)


def require_axis(gan: Gan) -> str:
    """Return the name of the GAN's device axis; raise ValueError if it has none."""
    if gan.axis_name is None:
        raise ValueError(
            "axis_name None: this placement needs "
            f"build(config, axis_name={DATA_AXIS!r})"
        )
    return gan.axis_name


def require_no_axis(gan: Gan) -> None:
    """Raise ValueError if the GAN was built with a device axis."""
    if gan.axis_name is not None:
        raise ValueError(
            f"axis_name {gan.axis_name!r}: this placement needs build(config) without"
        )


def place_jit(
    body: Body,
    mesh: Mesh | None = None,
    batch_axis: int = 0,
    deterministic: bool = False,
) -> Body:
    """Compile a body for one device."""
    return compile_step(body, deterministic, donate_argnums=0)


def place_pmap(
    body: Body, mesh: Mesh, batch_axis: int, deterministic: bool = False
) -> Body:
    """Compile a body under `pmap`; its Gan has the axis of the mesh."""
    assert not deterministic, "pmap takes no compiler options, so build refuses it"
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


def place_shard_map(
    body: Body,
    mesh: Mesh,
    batch_axis: int,
    deterministic: bool = False,
    axis_name: str = DATA_AXIS,
) -> Body:
    """Compile a body under `shard_map`; its Gan has the axis `axis_name`."""
    # Without check_vma, replicated parameters have local gradients, as under pmap. With
    # it the gradients are summed over devices, and the step's mean is N times off.
    mesh, spec = with_auto_axes(mesh), P(*[None] * batch_axis, axis_name)
    mapped = jax.shard_map(
        body, mesh=mesh, in_specs=(P(), P(), spec), out_specs=P(), check_vma=False
    )
    require = partial(require_split, batch_axis, mesh.shape[axis_name])
    step = compile_step(mapped, deterministic, donate_argnums=0)
    return place_on_mesh(step, mesh, P(), spec, require)


def place_gspmd(
    body: Body, mesh: Mesh, batch_axis: int, deterministic: bool = False
) -> Body:
    """Compile a body under `jit`, with the batch sharded over the whole mesh."""
    mesh, spec = with_auto_axes(mesh), P(*[None] * batch_axis, mesh.axis_names)
    layout = NamedSharding(mesh, P())
    step = compile_step(body, deterministic, donate_argnums=0, out_shardings=layout)
    require = partial(require_split, batch_axis, mesh.size)
    return place_on_mesh(step, mesh, P(), spec, require)


def require_split(batch_axis: int, count: int, state: TrainState, split: Any) -> None:
    """Raise ValueError if so many devices do not divide the batch."""
    size = jax.tree.leaves(split)[0].shape[batch_axis]
    require_multiple("batch_size", size, count)


class Placement(NamedTuple):
    """One way to place the step of a single GAN on devices.

    place: a function `(body, mesh of one axis, batch axis, deterministic) -> placed
    body`. axis_name: the name that the Gan has to be built with. hosts: whether the
    mesh may span processes.
    """

    place: Callable[[Body, Mesh, int, bool], Body]
    axis_name: str | None
    hosts: bool


PLACEMENTS = {
    "jit": Placement(place_jit, None, hosts=False),
    "pmap": Placement(place_pmap, DATA_AXIS, hosts=False),
    "shard_map": Placement(place_shard_map, DATA_AXIS, hosts=True),
    "gspmd": Placement(place_gspmd, None, hosts=True),
}
