"""Running statistics: numbers in `state.aux` that follow a step's metrics.

Each function is `(value, metrics) -> value`, from 0 before the first step; metrics are
means over the global batch, so placement does not matter. With several D steps they are
of the last. A registered loss, penalty or augmentation reads one by having a
keyword-only argument of its name.
"""

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax.types import Array, Metrics


def real_logit_average(value: Array, metrics: Metrics, *, decay: float = 0.99) -> Array:
    """`decay r + (1 - decay) mean D(x)`."""
    return decay * value + (1 - decay) * metrics["real_logits"]


def fake_logit_average(value: Array, metrics: Metrics, *, decay: float = 0.99) -> Array:
    """`decay r + (1 - decay) mean D(G(z))`."""
    return decay * value + (1 - decay) * metrics["fake_logits"]


def path_length_average(
    value: Array, metrics: Metrics, *, decay: float = 0.99
) -> Array:
    """`decay a + (1 - decay) path_length`, at the steps at which that is taken."""
    length = metrics["path_length"]
    return jnp.where(length > 0, decay * value + (1 - decay) * length, value)


def adaptive_strength(
    value: Array,
    metrics: Metrics,
    *,
    target: float = 0.6,
    adapt_kimg: float = 500.0,
    batch_size: int = 64,
) -> Array:
    """`clip(p + sign(r - target) B / (1000 adapt_kimg), 0, 1)`, r = E sign D(x).

    r is `2 real_accuracy - 1`, so D's boundary has to be 0. Karras et al. 2020, arXiv
    2006.06676, section 3. Deviations: each step by its own batch (paper: every 4 steps
    by the mean of their batches), and at most 1.
    """
    sign = jnp.sign(2 * metrics["real_accuracy"] - 1 - target)
    return jnp.clip(value + sign * batch_size / (1000 * adapt_kimg), 0.0, 1.0)


RUNNING: dict[str, Callable[..., Array]] = {
    "real_logit_average": real_logit_average,
    "fake_logit_average": fake_logit_average,
    "path_length_average": path_length_average,
    "adaptive_strength": adaptive_strength,
}
