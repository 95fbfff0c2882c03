"""How the steps of a run get their batches: from the device, or read by the host.

Where the data lie on the device, a step finds its examples by itself, from the key and
the step count of its state (`gan_jax.data.batch_order`). Nothing is sent to it: a
dispatch takes the numbers of the places in a batch, which are sent once.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.config import Config
from gan_jax.data import Dataset, make_batch_source, step_indices, stream_batches
from gan_jax.data.batch_order import make_slots, state_indices
from gan_jax.parallel.multihost import put_on_mesh, read_own_share
from gan_jax.types import Batch, TrainState

BATCH_AXIS = 2
"""The place of the batch axis in what a dispatch takes: `[K, d_steps, B, ...]`."""


class Feed(NamedTuple):
    """How batches reach the steps of a dispatch.

    shared: the data that every device is to hold. selection: how a step finds its
    batch. splits: yields what dispatches take between each two of some step counts.
    """

    shared: Any
    selection: "Selection"
    splits: Callable[[np.ndarray], Iterator[Any]]


class Selection(NamedTuple):
    """How a step finds its batch, inside the program.

    gather: `(data on the device, indices or rows) -> Batch`. examples: how many there
    are to choose from. per_step: how many a step takes. streams: whether the host reads
    the examples; then each of several GANs has a part of its own, along a further
    leading axis of what a dispatch takes.
    """

    gather: Callable[[Any, Any], Batch]
    examples: int
    per_step: int
    streams: bool

    def find_batch(self, state: TrainState, stored: Any, part: Any) -> Batch:
        """Return the batch of the step that follows a state.

        part: an entry of the leading axis of what a dispatch takes.
        """
        if self.streams:
            return self.gather(stored, part)
        found = state_indices(self.examples, self.per_step, state.key, state.step, part)
        return self.gather(stored, found)


def make_feed(
    config: Config, data: Dataset, mesh: Mesh, seeds: list[int] | None
) -> Feed:
    """Return the feed of a run; read the data.

    seeds: those of several GANs; None for a single one, whose batch the mesh shares
    out.
    """
    source = make_batch_source(data, config.dataset.device_limit)
    per_step = config.d_steps * config.batch_size
    selection = Selection(source.gather, len(data), per_step, source.streams)
    if not source.streams:
        return Feed(source.shared, selection, repeat_slots(config, mesh, seeds))

    def order(steps: range) -> np.ndarray:
        own = [config.seed] if seeds is None else seeds
        found = step_indices(data, config.batch_size, config.d_steps, own, steps)
        return found[0] if seeds is None else found

    read = source.read
    if seeds is None and jax.process_count() > 1:
        read = read_own_share(mesh, BATCH_AXIS, read)
    splits = partial(stream_batches, source._replace(read=read), order)
    return Feed(source.shared, selection, splits)


def repeat_slots(
    config: Config, mesh: Mesh, seeds: list[int] | None
) -> Callable[[np.ndarray], Iterator[Any]]:
    """Return a function that yields the slots `[K, d_steps, B]` of each dispatch.

    They are laid out on the mesh once for each number of steps K.
    """
    axes = P() if seeds is not None else P(*[None] * BATCH_AXIS, mesh.axis_names)

    @cache
    def lay_out(steps: int) -> Any:
        slots = make_slots(config.batch_size, config.d_steps)
        return put_on_mesh(np.tile(slots, (steps, 1, 1)), NamedSharding(mesh, axes))

    return lambda bounds: map(lay_out, np.diff(bounds).tolist())
