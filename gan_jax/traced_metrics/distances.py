"""Distances between distributions: sliced Wasserstein, energy and kernel distances.

The traced forms of `gan_jax.metrics.kernels`. What only the examples decide (their
sorted projections, the mean of a kernel over their pairs) is computed once. The fakes'
features are centred on the examples' mean, which no distance notices, so that
float32 loses less.
"""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.diversity import effective_number
from gan_jax.metrics.kernels import (
    choose_bandwidths,
    draw_directions,
    median_distance,
)
from gan_jax.traced_metrics.metric import Fakes, Fetched, Numbers, Sums, TracedMetric
from gan_jax.traced_metrics.pairs import (
    Pair,
    products,
    squared_distances,
    sum_between,
    sum_within,
)
from gan_jax.traced_metrics.sums import join_parts, sum_with_error


def centre_examples(real: np.ndarray) -> tuple[np.ndarray, jax.Array]:
    """Return the examples minus their mean, float64, and the mean `[1, F]`, float32.

    The float32 mean is what is taken away, so that both sides are shifted alike.
    """
    real = np.asarray(real, np.float64)
    centre = real.mean(axis=0, keepdims=True).astype(np.float32)
    return real - centre, jnp.asarray(centre)


def prepare_sliced_wasserstein(
    real: np.ndarray, *, directions: int = 128, seed: int = 0
) -> TracedMetric:
    """Prepare `gan_jax.metrics.sliced_wasserstein` against these examples; see there.

    There must be as many fakes as examples.
    """
    centred, centre = centre_examples(real)
    axes = draw_directions(directions, real.shape[1], seed)
    ordered = np.sort(axes @ centred.T, axis=1)
    constants = tuple(jnp.asarray(x, jnp.float32) for x in (axes, ordered, centre))

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        axes, ordered, centre = constants
        projected = products(axes, fakes.features - centre)
        gaps = jnp.abs(jnp.sort(projected, axis=1) - ordered)
        return {"gaps": sum_with_error(gaps.sum(axis=0))}

    def finish(sums: Fetched, count: int) -> Numbers:
        total = float(join_parts(sums["gaps"]))
        return {"sliced_wasserstein": total / (count * directions)}

    return TracedMetric(constants, measure, finish)


def u_statistic_parts(
    kernel: Pair, real: jax.Array, fake: jax.Array
) -> dict[str, jax.Array]:
    """Return the sums of a kernel within the fakes and between both sets."""
    return {
        "within": sum_within(kernel, fake),
        "between": sum_between(kernel, real, fake),
    }


def finish_u_statistic(
    sums: Fetched, real_mean: float, real_count: int, count: int
) -> float:
    """Return `E k(x, x') + E k(y, y') - 2 E k(x, y)` from `u_statistic_parts`.

    real_mean: E k(x, x') over the pairs of different examples.
    """
    within = 2 * float(join_parts(sums["within"])) / (count * (count - 1))
    between = float(join_parts(sums["between"])) / (real_count * count)
    return real_mean + within - 2 * between


def mean_within(kernel: Pair, points: jax.Array) -> float:
    """Return the mean of a symmetric kernel over the pairs of different points."""
    total = join_parts(np.asarray(jax.jit(partial(sum_within, kernel))(points)))
    return 2 * float(total) / (len(points) * (len(points) - 1))


def gaussian_kernel(rates: Sequence[float]) -> Pair:
    """Return the kernel `mean_r exp(-rate_r |x - y|^2)` of all pairs."""

    def kernel(x: jax.Array, y: jax.Array) -> jax.Array:
        squares = squared_distances(x, y)
        values = (jnp.exp(squares * -rate) for rate in rates)
        return sum(values, start=jnp.float32(0)) / len(rates)

    return kernel


def prepare_rbf_mmd(
    real: np.ndarray, *, bandwidths: Sequence[float] | None = None
) -> TracedMetric:
    """Prepare `gan_jax.metrics.rbf_mmd` from these examples; see there."""
    widths = choose_bandwidths(real, bandwidths)
    rates = [float(1 / (2 * h**2)) for h in widths]
    centred, centre = centre_examples(real)
    constants = jnp.asarray(centred, jnp.float32), centre
    kernel = gaussian_kernel(rates)
    mean = mean_within(kernel, constants[0])

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        real, centre = constants
        return u_statistic_parts(kernel, real, fakes.features - centre)

    def finish(sums: Fetched, count: int) -> Numbers:
        return {"rbf_mmd": finish_u_statistic(sums, mean, len(real), count)}

    return TracedMetric(constants, measure, finish)


def prepare_effective_number(bandwidth: float) -> TracedMetric:
    """Prepare `gan_jax.metrics.effective_number` at a bandwidth; see there."""
    kernel = gaussian_kernel([float(1 / bandwidth**2)])

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        points = fakes.features
        return {
            "within": sum_within(kernel, points - points.mean(axis=0, keepdims=True))
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        within = 2 * float(join_parts(sums["within"]))
        return {"effective_number": count**2 / (count + within)}

    return TracedMetric((), measure, finish)


def prepare_diversity(real: np.ndarray) -> TracedMetric:
    """Prepare `gan_jax.metrics.diversity` against these examples; see there."""
    bandwidth = median_distance(real) / 5
    if bandwidth == 0:
        return TracedMetric(
            (), lambda _, fakes: {}, lambda sums, count: {"diversity": math.nan}
        )
    effective = prepare_effective_number(bandwidth)
    own = effective_number(np.asarray(real, np.float64), bandwidth)

    def finish(sums: Fetched, count: int) -> Numbers:
        return {"diversity": effective.finish(sums, count)["effective_number"] / own}

    return TracedMetric((), effective.measure, finish)
