"""Mode reports and the energy distance to a mixture of Gaussians.

The traced forms of `gan_jax.metrics.mode_report` and `energy_to_mixture`. For the
energy distance a centre is the sum of two float32 numbers, because its own rounding
would move the distance by more than its digits.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy import special

from gan_jax.metrics.mixtures import (
    Weights,
    centre_distances,
    expected_norm,
    normalize_weights,
    quality_radius,
    report_modes,
)
from gan_jax.traced_metrics.classes import count_classes
from gan_jax.traced_metrics.metric import Fakes, Fetched, Numbers, Sums, TracedMetric
from gan_jax.traced_metrics.pairs import distances, map_rows, sum_within
from gan_jax.traced_metrics.sums import Total, add_values, fold, join_parts, zero_total

Table = dict[str, jax.Array]
KNOTS_PER_UNIT = 32
"""The knots of the table of expected norms per sigma."""
TERMS = 5
"""The terms of the series of expected norms far from a centre."""
ROWS = 512
"""The points whose distances to all centres are held at a time."""


def split_float64(values: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Return two float32 arrays whose sum is the float64 one to 48 bits."""
    high = np.asarray(values, np.float32)
    low = np.asarray(np.asarray(values, np.float64) - high, np.float32)
    return jnp.asarray(high), jnp.asarray(low)


def gaps_to_centres(points: jax.Array, centres: jax.Array) -> list[jax.Array]:
    """Return `x_i - c_k`, an array `[N, K]` for each of the D coordinates."""
    return [points[:, None, d] - centres[None, :, d] for d in range(points.shape[1])]


def squares_to_centres(points: jax.Array, centres: jax.Array) -> jax.Array:
    """Return `|x_i - c_k|^2`, `[N, K]`, of differences."""
    gaps = gaps_to_centres(points, centres)
    return sum((gap * gap for gap in gaps), start=jnp.float32(0))


def norms_to_centres(
    points: jax.Array, centres: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Return `|x_i - h_k|`, `[N, K]`, and how much more `|x_i - h_k - l_k|` is.

    centres: `[K, D]` each, the high part h and the low part l. The correction is of
    first order, `-l.(x - h) / |x - h|`; added to the norm it would be rounded away.
    """
    high, low = centres
    gaps = gaps_to_centres(points, high)
    norms = jnp.sqrt(sum((gap * gap for gap in gaps), start=jnp.float32(0)))
    along = (gap * low[None, :, d] for d, gap in enumerate(gaps))
    shift = -sum(along, start=jnp.float32(0)) / jnp.where(norms > 0, norms, 1)
    return norms, shift


def prepare_mode_report(
    centers: np.ndarray,
    sigma: float,
    *,
    weights: Weights | None = None,
    within: float | None = None,
) -> TracedMetric:
    """Prepare `gan_jax.metrics.mode_report` for a mixture; see there.

    The counts are exact, but for points within float32 rounding of a border.
    """
    fair, modes = normalize_weights(weights, len(centers)), len(centers)
    if within is None:
        within = quality_radius(centers.shape[-1])
    radius = np.float32((within * sigma) ** 2)

    def locate(centres: jax.Array, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        squares = squares_to_centres(rows, centres)
        return squares.argmin(axis=1), squares.min(axis=1) < radius

    def measure(centres: jax.Array, fakes: Fakes) -> Sums:
        rows = fakes.features
        nearest, good = map_rows(partial(locate, centres), rows, modes)
        return {
            "hits": count_classes(nearest, modes),
            "good_hits": count_classes(nearest, modes, good),
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        return report_modes(sums["hits"], sums["good_hits"], fair)

    return TracedMetric(jnp.asarray(centers, jnp.float32), measure, finish)


def expected_excess_table(dimension: int) -> Table:
    """Return the table of `g(u) = E|u e_1 + e| - u`, e ~ N(0, I) of the dimension.

    It holds the coefficients of cubic Hermite polynomials between knots 1/32 apart, up
    to u = max(32, 8 sqrt(D)), and those of the series in `1 / u^2` beyond:
    `E|u e_1 + e| = u sum_k (-1/2)_k ((1 - D)/2)_k / k! (2 / u^2)^k`. Of both, the
    error is below 1e-8 in two dimensions.
    """
    half, step = dimension / 2, 1 / KNOTS_PER_UNIT
    reach = math.ceil(max(32, 8 * math.sqrt(dimension)))
    knots = np.arange(reach * KNOTS_PER_UNIT + 1) * step
    scale = math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) * math.sqrt(2)
    value = expected_norm(knots, 1.0, dimension) - knots
    growth = special.hyp1f1(0.5, half + 1, -(knots**2) / 2)
    slope = (scale * knots / (2 * half) * growth - 1) * step
    rise = value[1:] - value[:-1]
    cubic = [
        value[:-1],
        slope[:-1],
        3 * rise - 2 * slope[:-1] - slope[1:],
        slope[:-1] + slope[1:] - 2 * rise,
    ]
    orders = np.arange(1, TERMS + 1)
    series = special.poch(-0.5, orders) * special.poch((1 - dimension) / 2, orders)
    series = series * 2.0**orders / special.factorial(orders)
    return {
        "cubic": jnp.asarray(np.stack(cubic), jnp.float32),
        "series": jnp.asarray(series, jnp.float32),
    }


def expected_excess(u: jax.Array, table: Table) -> jax.Array:
    """Return `g(u)` of `expected_excess_table`, for u of any shape."""
    cubic, series = table["cubic"], table["series"]
    last = cubic.shape[1] - 1
    place = u * KNOTS_PER_UNIT
    interval = jnp.clip(place.astype(jnp.int32), 0, last)
    t = place - interval
    a, b, c, d = (row[interval] for row in cubic)
    near = a + t * (b + t * (c + t * d))
    safe = jnp.maximum(u, 1.0)
    inverse = 1 / (safe * safe)
    far = jnp.zeros_like(u)
    for order in reversed(range(TERMS)):
        far = inverse * (series[order] + far)
    return jnp.where(place < last + 1, near, far * safe)


def prepare_energy_to_mixture(
    centers: np.ndarray, sigma: float, *, weights: Weights | None = None
) -> TracedMetric:
    """Prepare `gan_jax.metrics.energy_to_mixture` for a mixture; see there.

    sigma must be positive. The expectations over the density come from a table
    (`expected_excess_table`), those over pairs of fakes from all pairs.
    """
    fair = normalize_weights(weights, len(centers))
    dimension = centers.shape[1]
    apart = centre_distances(centers, centers)
    spread = expected_norm(apart, math.sqrt(2) * sigma, dimension)
    within = float(fair @ spread @ fair)
    constants = split_float64(centers), expected_excess_table(dimension)

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        points, (centres, table) = fakes.features, constants
        return {
            "to_centres": sum_to_centres(points, centres, table, sigma),
            "own": sum_within(distances, points),
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        cross = fair @ join_parts(sums["to_centres"]) / count
        own = 2 * float(join_parts(sums["own"])) / (count * (count - 1))
        return {"energy_distance": float(2 * cross - own - within)}

    return TracedMetric(constants, measure, finish)


def sum_to_centres(
    points: jax.Array,
    centres: tuple[jax.Array, jax.Array],
    table: Table,
    sigma: float,
) -> jax.Array:
    """Return `sum_i E|x_i - c_k - sigma e|` per centre, in four parts: `[K, 4]`."""
    count, modes = len(points), len(centres[0])
    blocks = -(-count // ROWS)
    size = -(-count // blocks)
    rows = jnp.pad(points, ((0, blocks * size - count), (0, 0)))
    rows = rows.reshape(blocks, size, -1)

    def add_block(turn: jax.Array, totals: list[Total]) -> list[Total]:
        norms, shift = norms_to_centres(rows[turn], centres)
        excess = shift + sigma * expected_excess(norms / sigma, table)
        counted = (turn * size + jnp.arange(size) < count)[:, None]
        return [
            add_values(total, jnp.where(counted, values, 0).T)
            for total, values in zip(totals, (norms, excess), strict=True)
        ]

    start = [zero_total((modes, size)), zero_total((modes, size))]
    norms, excess = lax.fori_loop(0, blocks, add_block, start)
    return jnp.concatenate([fold(norms), fold(excess)], axis=-1)
