"""The same pure step, placed."""

from collections.abc import Callable
from functools import partial

import jax

from gan_jax.gan import Gan
from gan_jax.train import train_step
from gan_jax.types import Batch, Metrics, TrainState

Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def jit_step(gan: Gan) -> Step:
    """`train_step` compiled for one device; the state given to it is donated."""
    return jax.jit(partial(train_step, gan), donate_argnums=0)
