"""The Frechet distance of fakes, whose moments the device computes.

The traced form of `gan_jax.metrics.frechet_distance`: the mean and the scatter of the
features are computed in float32 with kept errors, and the host finishes in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.metrics.frechet import Moments, frechet_of_moments, moments
from gan_jax.traced_metrics.metric import Fakes, Fetched, Numbers, Sums, TracedMetric
from gan_jax.traced_metrics.sums import Total, add_values, join_parts, zero_total

ROWS = 512
"""The rows whose outer products float32 adds before the errors are kept."""


def shifted_moments(features: jax.Array, centre: jax.Array) -> Sums:
    """Return the sums of `x - c` and of its outer products about the rounded mean.

    features: `[N, F]`. centre: `[F]`, near the mean. The sums are `[F, 2]`, and
    `[F, F, 2]` about the float32 mean m of `x - c`, high and low.
    """
    count, width = features.shape
    blocks = -(-count // ROWS)
    size = -(-count // blocks)
    valid = (jnp.arange(blocks * size) < count).reshape(blocks, size, 1)
    rows = jnp.pad(features - centre[None], ((0, blocks * size - count), (0, 0)))
    rows = rows.reshape(blocks, size, width)

    def add_mean(turn: jax.Array, total: Total) -> Total:
        return add_values(total, rows[turn].sum(axis=0))

    sums = lax.fori_loop(0, blocks, add_mean, zero_total((width,)))
    mean = (sums.high + sums.low) / count

    def add_scatter(turn: jax.Array, total: Total) -> Total:
        rest = jnp.where(valid[turn], rows[turn] - mean[None], 0)
        product = jnp.matmul(rest.T, rest, precision=lax.Precision.HIGHEST)
        return add_values(total, product)

    scatter = lax.fori_loop(0, blocks, add_scatter, zero_total((width, width)))
    return {
        "sums": jnp.stack(sums, axis=-1),
        "mean": mean,
        "scatter": jnp.stack(scatter, axis=-1),
    }


def prepare_moments(centre: np.ndarray) -> tuple:
    """Return how moments are measured and finished, of features near the centre `[F]`.

    They are `measure(centre, fakes) -> sums` and `finish(sums, count) -> Moments`.
    """
    shift = np.asarray(centre, np.float32).astype(np.float64)

    def measure(centre: jax.Array, fakes: Fakes) -> Sums:
        return shifted_moments(fakes.features, centre)

    def finish(sums: Fetched, count: int) -> Moments:
        mean = join_parts(sums["sums"]) / count
        rest = mean - sums["mean"]
        scatter = join_parts(sums["scatter"]) - count * np.outer(rest, rest)
        return Moments(shift + mean, scatter / max(count - 1, 1), count)

    return measure, finish


def prepare_frechet_distance(real: np.ndarray) -> TracedMetric:
    """Prepare `gan_jax.metrics.frechet_distance` from these examples; see there."""
    own = moments(np.asarray(real))
    measure, finish_moments = prepare_moments(own.mean)

    def finish(sums: Fetched, count: int) -> Numbers:
        return {
            "frechet_distance": frechet_of_moments(own, finish_moments(sums, count))
        }

    return TracedMetric(jnp.asarray(own.mean, jnp.float32), measure, finish)
