"""Brings batches to the step: gathered on the device, or streamed from the host."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data.batch_order import batch_indices
from gan_jax.data.core import Dataset, read_rows, rows_to_batch
from gan_jax.types import Batch

READ_AHEAD = 8
"""How many reads two threads do ahead of the step."""


class BatchSource(NamedTuple):
    """How a data set reaches the step: `gather(shared, read(indices [...])) -> Batch`.

    shared: the data that lie on the device.
    read: runs on the host, before each dispatch.
    gather: runs inside jit.
    streams: whether `read` takes time and returns examples instead of indices.
    """

    shared: Any
    read: Callable[[np.ndarray], Any]
    gather: Callable[[Any, Any], Batch]
    streams: bool


def make_batch_source(data: Dataset, device_limit: float) -> BatchSource:
    """Return how a data set reaches the step.

    A set of at most `device_limit` gigabytes lies on the device as it is stored (images
    in uint8). A larger one stays on the host, and only the examples of each batch are
    sent. The batches are the same, bit for bit.
    """
    if data.streams and data.nbytes > device_limit * 1e9:
        return BatchSource(
            (), partial(read_rows, data.on_host), rows_to_batch, streams=True
        )
    return BatchSource(
        data.on_host, lambda indices: indices, data.gather, streams=False
    )


def step_indices(
    data: Dataset, batch_size: int, d_steps: int, seeds: list[int], steps: range
) -> np.ndarray:
    """Return the indices `[S, K, d_steps, B]` of K steps, in each seed's own order."""
    own = {
        seed: [
            batch_indices(len(data), batch_size, d_steps, seed, step) for step in steps
        ]
        for seed in set(seeds)
    }
    return np.stack([own[seed] for seed in seeds])


def stream_batches(
    source: BatchSource, order: Callable[[range], np.ndarray], bounds: np.ndarray
) -> Iterator[Any]:
    """Yield `source.read(order(steps))` for the steps between each two of `bounds`.

    grain reads examples ahead if the source streams.
    """

    def read(index: int) -> Any:
        return source.read(order(range(*bounds[index : index + 2].tolist())))

    count = len(bounds) - 1
    if not source.streams:
        return map(read, range(count))
    import grain

    ahead = grain.ReadOptions(num_threads=2, prefetch_buffer_size=READ_AHEAD)
    return iter(grain.MapDataset.range(count).map(read).to_iter_dataset(ahead))
