"""The same pure step, placed."""

from collections.abc import Callable
from functools import partial

import jax

from gan_jax.gan import Gan
from gan_jax.train import train_step
from gan_jax.types import Batch, Metrics, TrainState

Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def jit_step(gan: Gan) -> Step:
    """`train_step` compiled for one device. The state is donated: use the returned one."""
    return jax.jit(partial(train_step, gan), donate_argnums=0)
