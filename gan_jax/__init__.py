"""gan_jax: GANs that train stably in JAX."""

# First, so that Ctrl-C is answered while the other modules are imported.
from gan_jax.command_line import early_signals  # noqa: F401  isort: skip

from gan_jax.assembly.assemble import build
from gan_jax.assembly.method_defaults import method_for
from gan_jax.config import Config
from gan_jax.dynamics import DYNAMICS, alternating, simultaneous
from gan_jax.gan import Gan, Live, Memory, StateDependent, Term, init_state
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.optimizers import scale_by_traced
from gan_jax.parallel.ensemble import init_states
from gan_jax.parallel.placements import (
    gspmd_step,
    jit_step,
    pmap_step,
    seeds_step,
    shard_map_step,
)
from gan_jax.penalties import PENALTIES
from gan_jax.plugins.load import load_plugin
from gan_jax.run.train_run import train
from gan_jax.run_files.load_run import load_generator
from gan_jax.sampling import sample
from gan_jax.step import train_step, train_steps
from gan_jax.types import Batch, Loss, TrainState
from gan_jax.version import __version__

__all__ = [
    "DYNAMICS",
    "LOSSES",
    "METHODS",
    "PENALTIES",
    "Batch",
    "Config",
    "Gan",
    "Live",
    "Loss",
    "Memory",
    "StateDependent",
    "Term",
    "TrainState",
    "__version__",
    "alternating",
    "build",
    "gspmd_step",
    "init_state",
    "init_states",
    "jit_step",
    "load_generator",
    "method_for",
    "load_plugin",
    "pmap_step",
    "sample",
    "scale_by_traced",
    "seeds_step",
    "shard_map_step",
    "simultaneous",
    "train",
    "train_step",
    "train_steps",
]
