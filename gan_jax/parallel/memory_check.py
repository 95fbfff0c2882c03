"""A lower bound of the memory that a run needs, to refuse one that cannot fit.

Gradients, activations and the memory of other programs come on top of it.
"""

import math
import os
from functools import partial
from typing import Any

import jax
from jax.sharding import Mesh

from gan_jax.config import Config
from gan_jax.data import Dataset, gather
from gan_jax.gan import Gan, init_state


def require_memory(
    config: Config, gan: Gan, data: Dataset, mesh: Mesh, members: int
) -> None:
    """Raise ValueError, naming the fields, if a part of the run exceeds the memory.

    members: the number of GANs. Where the memory is unknown, nothing is refused.
    """
    shared_out = mesh.size if members > 1 and not on_host(mesh) else 1
    on_each = math.ceil(members / shared_out)
    state = state_bytes(gan) * on_each
    model, per_step = config.model, config.batch_size * config.d_steps
    per_call = config.steps_per_call
    steps = 1 if per_call == "auto" else min(int(per_call), config.steps)
    batches = 4 * per_step * (on_each * math.prod(data.spec.shape) + steps)
    batches //= mesh.size if members == 1 else 1
    side = format_field("dataset.resolution", config.dataset.resolution)
    width = format_field("model.width", model.width)
    parts = {
        f"{format_field('dataset.size', config.dataset.size)}, {side}: the data": (
            data_bytes(data)
        ),
        f"{width}, model.z_dim {model.z_dim}, {side}, seeds {config.seeds}: the states "
        f"of {members} GAN(s)": state,
        f"batch_size {config.batch_size}, d_steps {config.d_steps}, seeds "
        f"{config.seeds}, steps_per_call {per_call}: the batches of one dispatch": (
            batches
        ),
    }
    limit = memory_limit(mesh)
    if limit is None:
        return
    for what, needed in parts.items():
        if needed > limit:
            raise ValueError(
                f"{what} need {needed / 1e9:,.1f} GB at least, and there are "
                f"{limit / 1e9:,.1f} GB; lower one of these"
            )


def format_field(field: str, value: Any) -> str:
    """Return a field's name, with its value if it has one."""
    return field if value is None else f"{field} {value}"


def state_bytes(gan: Gan) -> int:
    """Return the bytes of a TrainState from its shapes alone."""
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))


def data_bytes(data: Dataset) -> int:
    """Return the bytes of images that are held as floats.

    They take their place twice while they are made.
    """
    in_full = data.gather is gather and not data.streams
    return 8 * math.prod(data.spec.shape) * data.spec.size if in_full else 0


def on_host(mesh: Mesh) -> bool:
    """Whether the devices are CPUs, which share the memory of the host."""
    return mesh.devices.flat[0].platform == "cpu"


def memory_limit(mesh: Mesh) -> int | None:
    """Return the bytes of a device of this process, or else those of this machine.

    None: neither is known, as on Windows, which has no `os.sysconf`.
    """
    stats = mesh.local_devices[0].memory_stats() or {}
    return stats.get("bytes_limit") or machine_memory()


def machine_memory() -> int | None:
    """Return the bytes of this machine's memory, or None where they are unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
