"""Running statistics: numbers in `state.aux` that follow the metrics of each step.

An entry of RUNNING is a function `(value, metrics) -> value`, from 0 before the first
step. Metrics are means over the global batch, so that placement does not matter, and
with several D steps they are those of the last. Its keyword-only arguments are fields
of the config group of what reads it, or `batch_size`: the reals that a step shows to D.

A penalty reads a statistic by having a keyword-only argument of its name. Both stand in
one file, which ends with its own `STATISTICS`.
"""

from collections.abc import Callable

from gan_jax import augment, penalties
from gan_jax.types import Array

RUNNING: dict[str, Callable[..., Array]] = penalties.STATISTICS | augment.STATISTICS
