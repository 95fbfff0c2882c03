"""Device meshes, and arrays laid out on them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.parallel.multihost import put_on_mesh
from gan_jax.types import Batch, Metrics, TrainState

Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Body = Callable[[TrainState, Any, Any], tuple[TrainState, Metrics]]
"""`(state, shared, split) -> (state, metrics)`; see `placements`."""
DATA_AXIS, SEED_AXIS = "data", "seed"
"""The names of the device axes: over the batch, and over many GANs."""


def require_multiple(field: str, size: int, count: int) -> None:
    """Raise ValueError, naming the field, if its size does not split evenly."""
    if size % count:
        raise ValueError(
            f"{field} {size}: cannot be split evenly over {count} devices; choose a "
            f"multiple of {count}, or fewer devices"
        )


def make_mesh(devices: Sequence[Any], axis_name: str) -> Mesh:
    """Return a mesh of these devices with a single axis."""
    return Mesh(np.array(devices), (axis_name,))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Copy a tree of arrays to each device of a mesh."""
    return put_on_mesh(tree, NamedSharding(mesh, P()))


def with_auto_axes(mesh: Mesh) -> Mesh:
    """Return the mesh with Auto axes, as those of `jax.make_mesh` may be Explicit."""
    return Mesh(mesh.devices, mesh.axis_names)


def place_on_mesh(
    step: Body,
    mesh: Mesh,
    state_spec: Any,
    split_spec: P,
    require: Callable[[TrainState, Any], None],
) -> Body:
    """Return the step with its arguments laid out on the mesh first.

    require: raises an error for a state or a split that the mesh cannot take.
    """
    layout = jax.tree.map(
        partial(NamedSharding, mesh),
        (state_spec, P(), split_spec),
        is_leaf=lambda x: isinstance(x, P),
    )

    def place_and_step(state: TrainState, shared: Any, split: Any) -> Any:
        require(state, split)
        return step(*put_on_mesh((state, shared, split), layout))

    return place_and_step
