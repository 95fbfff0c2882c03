"""Batches to the step: gathered on the device, or streamed from the host."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from gan_jax.data.core import Dataset, batch_indices, picked

AHEAD = 8
"""Batches read ahead of the consumer, by two threads."""


def supply(
    data: Dataset,
    batch_size: int,
    d_steps: int,
    seed: int,
    steps: range,
    *,
    device_limit: float,
) -> Iterator[tuple[Any, np.ndarray]]:
    """For each step what `data.gather` takes: `(stored, indices [d_steps, B])`.

    A set of at most `device_limit` gigabytes lies on the device as it was read (uint8
    for images); a larger one stays on disk, and rows are read ahead by grain. The
    batches are the same, bit for bit, in the order of `batch_indices`.
    """
    order = partial(batch_indices, len(data), batch_size, d_steps, seed)
    if not streamed(data, device_limit):
        return ((data.on_device, order(step)) for step in steps)
    import grain

    def read(step: int) -> tuple[Any, np.ndarray]:
        return picked(data.on_host, order(step))

    ahead = grain.ReadOptions(num_threads=2, prefetch_buffer_size=AHEAD)
    batches = grain.MapDataset.range(steps.start, steps.stop).map(read)
    return (jax.device_put(batch) for batch in batches.to_iter_dataset(ahead))


def streamed(data: Dataset, device_limit: float) -> bool:
    """Whether the set exceeds `device_limit` gigabytes, and so streams."""
    return data.streams and data.nbytes > device_limit * 1e9
