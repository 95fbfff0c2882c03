"""The running statistic by which the strength of an augmentation follows D."""

import jax.numpy as jnp

from gan_jax.types import Array, Metrics


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
    2006.06676, section 3. Deviations: each step is judged by its own batch (paper:
    every fourth step by the mean of its last four batches), and p is at most 1.
    """
    sign = jnp.sign(2 * metrics["real_accuracy"] - 1 - target)
    return jnp.clip(value + sign * batch_size / (1000 * adapt_kimg), 0.0, 1.0)


STATISTICS = {"adaptive_strength": adaptive_strength}
