"""gan_jax: GANs that train stably in JAX."""

from gan_jax.build import build
from gan_jax.config import Config
from gan_jax.dynamics import alternating, simultaneous
from gan_jax.gan import Gan, Term, init_state
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.optimizers import scale_by_traced
from gan_jax.parallel import jit_step
from gan_jax.penalties import PENALTIES
from gan_jax.run import load_generator, train
from gan_jax.train import sample, train_step, train_steps
from gan_jax.types import Batch, Loss, TrainState

__all__ = [
    "LOSSES",
    "METHODS",
    "PENALTIES",
    "Batch",
    "Config",
    "Gan",
    "Loss",
    "Term",
    "TrainState",
    "alternating",
    "build",
    "init_state",
    "jit_step",
    "load_generator",
    "sample",
    "scale_by_traced",
    "simultaneous",
    "train",
    "train_step",
    "train_steps",
]
