"""What a run needs at least, so that one that cannot fit is refused at its start.

A lower bound: gradients and activations come on top, and what other programs hold.
"""

import math
import os
from functools import partial
from typing import Any

import jax
from jax.sharding import Mesh

from gan_jax.config import Config
from gan_jax.data import Dataset, gather
from gan_jax.data.core import ENDLESS
from gan_jax.gan import Gan, init_state


def require_memory(
    config: Config, gan: Gan, data: Dataset, mesh: Mesh, members: int
) -> None:
    """A ValueError, naming the fields, if a part of the run is larger than the memory.

    members: how many GANs. Where the memory is unknown, nothing is refused.
    """
    shared_out = mesh.size if members > 1 and not on_host(mesh) else 1
    state = state_bytes(gan) * math.ceil(members / shared_out)
    model, per_step = config.model, config.batch_size * config.d_steps
    asked = config.steps_per_call
    steps = 1 if asked == "auto" else min(int(asked), config.steps)
    split = mesh.size if members == 1 else 1
    batches = per_step * (4 * math.prod(data.spec.shape) + 4 * steps * config.seeds)
    batches //= split
    side = format_field("dataset.resolution", config.dataset.resolution)
    width = format_field("model.width", model.width)
    parts = {
        f"{format_field('dataset.size', config.dataset.size)}, {side}: the data": (
            data_bytes(data)
        ),
        f"{width}, model.z_dim {model.z_dim}, {side}, seeds {config.seeds}: the states "
        f"of {members} GAN(s)": state,
        f"batch_size {config.batch_size}, d_steps {config.d_steps}, steps_per_call "
        f"{config.steps_per_call}: the batches of one dispatch": batches,
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
    """A field with its value, if it was given one."""
    return field if value is None else f"{field} {value}"


def state_bytes(gan: Gan) -> int:
    """Bytes of parameters, averages and the optimizers' memory; computes nothing."""
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))


def data_bytes(data: Dataset) -> int:
    """Bytes of an epoch's order, and of images held as floats (twice while made)."""
    if data.spec.size == ENDLESS:
        return 0
    whole = data.gather is gather and not data.streams
    example = 2 * 4 * math.prod(data.spec.shape) if whole else 0
    return 8 * len(data) + example * data.spec.size


def on_host(mesh: Mesh) -> bool:
    return mesh.devices.flat[0].platform == "cpu"


def memory_limit(mesh: Mesh) -> int | None:
    """Bytes of a device of this process, where it tells; else of this machine.

    None where the system does not tell (Windows has no `os.sysconf`).
    """
    stats = mesh.local_devices[0].memory_stats() or {}
    return stats.get("bytes_limit") or machine_memory()


def machine_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
