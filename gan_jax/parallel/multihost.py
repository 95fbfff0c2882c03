"""One run on several processes: how they join, fail together, and share data."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.parallel.compiler import has_shapes, shape_of
from gan_jax.types import Array

T = TypeVar("T")
HEARTBEAT_SECONDS = 20
"""A process that is silent for so long counts as dead, and the others end."""


def join_processes(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Join the other processes of the run, if there are any.

    coordinator: `host:port` of process 0. Without any of the arguments, Slurm, Open
    MPI, TPU pods and (with the package `kubernetes`) indexed Kubernetes jobs are
    recognized. Call it before any other use of JAX. Raises ValueError if the others
    cannot be joined.
    """
    require_complete_address(coordinator, num_processes, process_id)
    announced = coordinator is not None or announces_processes(os.environ)
    if not announced and find_spec("libtpu") is None:
        return
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_id,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        if announced:
            raise ValueError(
                f"coordinator {coordinator}: the other processes cannot be joined "
                f"({error}); give coordinator, num_processes and process_id"
            ) from None


def require_complete_address(
    coordinator: str | None, num_processes: int | None, process_id: int | None
) -> None:
    """Raise ValueError unless all three are given and fit, or none is given."""
    given = {
        "coordinator": coordinator,
        "num_processes": num_processes,
        "process_id": process_id,
    }
    missing = [name for name, value in given.items() if value is None]
    if 0 < len(missing) < len(given):
        raise ValueError(
            f"{missing[0]}: is missing; give coordinator, num_processes and process_id "
            "together, or none of them"
        )
    if num_processes is not None and process_id is not None:
        if not 0 <= process_id < num_processes:
            raise ValueError(
                f"process_id {process_id}: must be 0 to {num_processes - 1}, one less "
                "than num_processes"
            )


def announces_processes(environment: Mapping[str, str]) -> bool:
    """Whether the environment names more than one process, in a way that JAX reads."""

    def is_several(name: str) -> bool:
        count = environment.get(name, "")
        return count.isdigit() and int(count) > 1

    indexed_job = {"KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX"}
    return (
        is_several("SLURM_STEP_NUM_TASKS")
        or (
            is_several("OMPI_COMM_WORLD_SIZE")
            and "OMPI_MCA_orte_hnp_uri" in environment
        )
        or "JAX_COORDINATOR_ADDRESS" in environment
        or "," in environment.get("TPU_WORKER_HOSTNAMES", "")
        or (indexed_job <= environment.keys() and find_spec("kubernetes") is not None)
    )


def use_cores_as_devices() -> None:
    """Make each core of a CPU a JAX device.

    GANs, or parts of a batch, then run side by side. Nothing changes where JAX has its
    number of devices from elsewhere, or once a device was used.
    """
    known = jax.config.jax_num_cpu_devices >= 0  # pyright: ignore
    if known or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    with suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", cores)


def fail_together(action: Callable[[], T]) -> T:
    """Return the action's result; if it fails in one process, all of them stop."""
    if jax.process_count() == 1:
        return action()
    problem, result = None, None
    try:
        result = action()
    except Exception as error:
        problem = error
    failed = multihost_utils.process_allgather(np.array(problem is not None))
    if problem is not None:
        raise problem
    if failed.any():
        raise ValueError(
            f"process {failed.argmax()} refused the run; its message says why"
        )
    return result  # pyright: ignore


def require_same_everywhere(**values: int) -> None:
    """Raise ValueError in all processes if a value is not the same in all."""
    if jax.process_count() == 1:
        return
    for name, value in values.items():
        every = multihost_utils.process_allgather(np.array(value))
        if len(set(every.tolist())) > 1:
            raise ValueError(
                f"out: processes see different folders ({name}: {every.tolist()}); "
                "--out must lie on a disk that they share"
            )


def to_local_arrays(tree: Any) -> Any:
    """Return a replicated tree as arrays of this process alone.

    The tree of a single process stays as it is.
    """
    return tree if jax.process_count() == 1 else jax.device_get(tree)


def is_true_anywhere(flag: bool) -> bool:
    """Whether the flag is set in any of the processes."""
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.process_allgather(np.array(flag)).any())


def read_own_share(
    mesh: Mesh, batch_axis: int, read: Callable[[np.ndarray], Any]
) -> Callable[[np.ndarray], Any]:
    """Return a function that reads a batch that the processes share out.

    It takes the indices of the whole batch. Each process reads its own slice alone, by
    `read`, and the arrays it returns are those of the whole batch, laid out on the
    mesh.
    """
    sharding = NamedSharding(mesh, P(*[None] * batch_axis, mesh.axis_names))

    def read_part(indices: np.ndarray) -> Any:
        places = sharding.addressable_devices_indices_map(indices.shape).values()
        slices = [place[batch_axis] for place in places if place is not None]
        own = range(min(s.start for s in slices), max(s.stop for s in slices))

        def join_parts(part: np.ndarray) -> Array:
            shape = indices.shape + part.shape[indices.ndim :]
            return jax.make_array_from_process_local_data(sharding, part, shape)

        return jax.tree.map(join_parts, read(indices.take(own, axis=batch_axis)))

    return read_part


def put_on_mesh(tree: Any, layout: Any) -> Any:
    """Return the tree laid out on its mesh.

    layout: the sharding of each part of the tree. A leaf that already has it stays
    where it is. In place of arrays the tree may have shapes (`compiler.has_shapes`),
    which are given the sharding.
    """
    if has_shapes(tree):
        return jax.tree.map(
            lambda sharding, part: jax.tree.map(partial(shape_of, sharding), part),
            layout,
            tree,
        )
    if jax.process_count() == 1:
        return jax.device_put(tree, layout)

    def send(sharding: NamedSharding, leaf: Any) -> Array:
        if isinstance(leaf, jax.Array) and leaf.sharding == sharding:
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(send(sharding, jax.random.key_data(leaf)))
        host = np.asarray(leaf)
        return jax.make_array_from_callback(host.shape, sharding, lambda i: host[i])

    return jax.tree.map(
        lambda sharding, part: jax.tree.map(partial(send, sharding), part), layout, tree
    )
