"""The kernel distance (KID) of fakes, over all pairs and over random subsets.

The traced forms of `gan_jax.metrics.kernel_distance` and `kernel_distance_subsets`.
The features are not centred: the kernel `(x.y / F + 1)^3` notices a shift.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.metrics.kernels import draw_subsets
from gan_jax.traced_metrics.distances import (
    finish_u_statistic,
    mean_within,
    u_statistic_parts,
)
from gan_jax.traced_metrics.metric import Fakes, Fetched, Numbers, Sums, TracedMetric
from gan_jax.traced_metrics.pairs import products, sum_within
from gan_jax.traced_metrics.sums import join_parts


def cubic_kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return `(x_i.y_j / F + 1)^3`, `[A, B]`."""
    value = products(x, y) / x.shape[1] + 1
    return value * value * value


def prepare_kernel_distance(real: np.ndarray) -> TracedMetric:
    """Prepare `gan_jax.metrics.kernel_distance` from these examples; see there."""
    constants = jnp.asarray(real, jnp.float32)
    mean = mean_within(cubic_kernel, constants)

    def measure(real: jax.Array, fakes: Fakes) -> Sums:
        return u_statistic_parts(cubic_kernel, real, fakes.features)

    def finish(sums: Fetched, count: int) -> Numbers:
        return {"kernel_distance": finish_u_statistic(sums, mean, len(real), count)}

    return TracedMetric(constants, measure, finish)


def mean_within_subsets(points: jax.Array, rows: jax.Array) -> np.ndarray:
    """Return the mean kernel over the pairs of each subset, `[S]`; rows `[S, size]`."""
    size = rows.shape[1]

    @jax.jit
    def sum_subsets(points: jax.Array, rows: jax.Array) -> jax.Array:
        return lax.map(lambda chosen: sum_within(cubic_kernel, points[chosen]), rows)

    sums = np.asarray(sum_subsets(points, rows))
    return 2 * join_parts(sums) / (size * (size - 1))


def prepare_kernel_distance_subsets(
    real: np.ndarray,
    fake_count: int,
    *,
    subsets: int = 100,
    size: int = 1000,
    seed: int = 0,
) -> TracedMetric:
    """Prepare `gan_jax.metrics.kernel_distance_subsets`; see there.

    The subsets are the same: NumPy draws them at the seed.
    """
    drawn = draw_subsets(len(real), fake_count, subsets, size, seed)
    real_rows, fake_rows = (np.stack(rows) for rows in zip(*drawn, strict=True))
    narrow = jnp.asarray(real, jnp.float32)
    constants = narrow, jnp.asarray(real_rows), jnp.asarray(fake_rows)

    means = mean_within_subsets(narrow, constants[1])

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        real, *rows = constants

        def measure_subset(rows: tuple[jax.Array, jax.Array]) -> Sums:
            chosen = real[rows[0]], fakes.features[rows[1]]
            return u_statistic_parts(cubic_kernel, *chosen)

        return lax.map(measure_subset, tuple(rows))

    def finish(sums: Fetched, count: int) -> Numbers:
        values = [
            finish_u_statistic({k: v[i] for k, v in sums.items()}, mean, size, size)
            for i, mean in enumerate(means)
        ]
        return {
            "kernel_distance_subsets": float(np.mean(values)),
            "kernel_distance_standard_error": float(
                np.std(values, ddof=1) / np.sqrt(subsets)
            ),
        }

    return TracedMetric(constants, measure, finish)
