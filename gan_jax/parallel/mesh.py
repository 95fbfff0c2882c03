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
DATA_AXIS, SEED_AXIS = "data", "seed"
"""Names of the device axes: over the batch, over many GANs."""


def require_multiple(field: str, size: int, count: int) -> None:
    if size % count:
        raise ValueError(
            f"{field} {size}: cannot be split evenly over {count} devices; choose a "
            f"multiple of {count}, or fewer devices"
        )


def make_mesh(devices: Sequence[Any], axis_name: str) -> Mesh:
    """A mesh of one axis."""
    return Mesh(np.array(devices), (axis_name,))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Arrays of the host, a copy on each device."""
    return put_on_mesh(tree, NamedSharding(mesh, P()))


def with_auto_axes(mesh: Mesh) -> Mesh:
    """The same mesh with Auto axes: those of `jax.make_mesh` may be Explicit."""
    return Mesh(mesh.devices, mesh.axis_names)


def place_on_mesh(
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
        return step(*put_on_mesh((state, shared, split), layout))

    return laid_out
