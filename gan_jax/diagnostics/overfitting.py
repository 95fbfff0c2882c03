"""Instruments that show whether D knows the training examples by heart."""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.gan import Gan, pack_examples
from gan_jax.objectives import as_function
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array, TrainState


class LogitGap(NamedTuple):
    """D's logits of training reals against held-out reals.

    training, held_out: means. gap: training - held_out. deviations: the gap over the
    pooled standard deviation of the logits. sign: `r_t = E sign(D(x) - boundary)` on
    training reals.
    """

    training: float
    held_out: float
    gap: float
    deviations: float
    sign: float


@partial(jax.jit, static_argnums=0)
@at_highest_precision
def real_logits(
    gan: Gan, state: TrainState, images: Array, label: Array | None = None
) -> Array:
    """Return D's logits `[B]` of examples `[B, ...]`, one for each pack of examples.

    The examples are not augmented, and D has frozen statistics.
    """
    d = state.discriminator
    critic = as_function(gan.discriminator, d.params, d.model_state, label)
    return critic(pack_examples(gan.pack, images))


def logit_gap(
    training: Array | np.ndarray, held_out: Array | np.ndarray, *, boundary: float = 0.0
) -> LogitGap:
    """Return the gap between logits `[N]` of training and `[M]` of held-out reals.

    The gap is about 0 while D judges new data as it judges its own. A gap that grows
    while quality falls is overfitting: less D, more data or augmentation help. r_t near
    1 is what adaptive augmentation acts on (target 0.6; Karras et al. 2020, arXiv
    2006.06676). boundary: `gan.loss.boundary`. The pooled variance has ddof 1, and 0 /
    0 is 0. Raises ValueError for fewer than two logits of either.
    """
    a, b = (np.asarray(x, np.float64).ravel() for x in (training, held_out))
    if min(len(a), len(b)) < 2:
        raise ValueError(f"logits: {len(a)} and {len(b)}; give at least 2 of each")
    gap = a.mean() - b.mean()
    squares = ((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()
    deviation = np.sqrt(squares / (len(a) + len(b) - 2))
    scaled = gap / deviation if deviation else (np.sign(gap) * np.inf if gap else 0.0)
    sign = np.sign(a - boundary).mean()
    return LogitGap(*map(float, (a.mean(), b.mean(), gap, scaled, sign)))
