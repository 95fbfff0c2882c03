"""Many GANs as one state: stacked, and apart again."""

from functools import partial
from typing import Any

import jax

from gan_jax.gan import Gan, init_state
from gan_jax.types import Array, TrainState


def init_states(gan: Gan, keys: Array) -> TrainState:
    """The first states of S GANs, stacked, from keys `[S]`; with one step count."""
    states = jax.vmap(partial(init_state, gan))(keys)
    return states.replace(step=states.step[0])  # pyright: ignore


def per_member(common: Any, each: Any) -> TrainState:
    """What vmap and shard_map need to know of stacked states: the step is common."""
    return TrainState(common, each, each, each, each, each, each)


def member(states: TrainState, index: int | Array) -> TrainState:
    """One GAN's state out of many."""
    own = jax.tree.map(lambda x: x[index], states.replace(step=()))  # pyright: ignore
    return own.replace(step=states.step)


def members_apart(states: TrainState, count: int) -> list[TrainState]:
    """The states of the first `count` GANs, each by itself, in this host's memory.

    Fetched as a whole: to index arrays that are spread over devices is a collective,
    and on CPU XLA ends the process when one device keeps the others waiting for 40 s.
    """
    fetched = jax.device_get(states)
    return [member(fetched, index) for index in range(count)]
