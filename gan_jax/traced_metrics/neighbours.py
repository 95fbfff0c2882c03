"""Metrics of nearest neighbours: precision and recall, density, coverage, distances.

The traced forms of `gan_jax.metrics.nearest_neighbours`. Counts are exact, but for
pairs whose distance is within float32 rounding of a radius.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.metrics import nearest_distances
from gan_jax.traced_metrics.distances import centre_examples
from gan_jax.traced_metrics.metric import Fakes, Fetched, Numbers, Sums, TracedMetric
from gan_jax.traced_metrics.pairs import FEW_FEATURES, map_rows, squared_distances
from gan_jax.traced_metrics.sums import join_parts, sum_with_error

REFERENCES = 16
"""The points that all others are compared with at a time."""


def neighbour_radii(points: jax.Array, k: int) -> jax.Array:
    """Return the squared distance of each point to its k-th nearest other, `[N]`.

    The k least distances of all points are kept in order, `[k, N]`, while one point
    after the other is compared with all. These are minima and maxima of vectors, which
    take a tenth of the time of XLA's `top_k` on CPU.
    """
    count, everyone = len(points), jnp.arange(len(points))
    blocks = -(-count // REFERENCES)
    padded = jnp.pad(points, ((0, blocks * REFERENCES - count), (0, 0)))

    def insert_block(turn: jax.Array, least: tuple[jax.Array, ...]):
        index = turn * REFERENCES + jnp.arange(REFERENCES)[:, None]
        some = lax.dynamic_slice_in_dim(padded, turn * REFERENCES, REFERENCES)
        left_out = (index == everyone[None]) | (index >= count)
        squares = jnp.where(left_out, math.inf, squared_distances(some, points))
        for values in squares:
            kept = []
            for old in least:
                kept.append(jnp.minimum(old, values))
                values = jnp.maximum(old, values)
            least = tuple(kept)
        return least

    start = tuple(jnp.full(count, math.inf, jnp.float32) for _ in range(k))
    return lax.fori_loop(0, blocks, insert_block, start)[-1]


def prepare_precision_recall(real: np.ndarray, k: int = 5) -> TracedMetric:
    """Prepare `gan_jax.metrics.precision_recall` against these examples; see there."""
    centred, centre = centre_examples(real)
    points = jnp.asarray(centred, jnp.float32)
    radii = jax.jit(neighbour_radii, static_argnums=1)(points, k)

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        real, radii, centre = constants
        fake = fakes.features - centre
        fake_radii = neighbour_radii(fake, k)

        def count_balls(rows: jax.Array) -> jax.Array:
            return (squared_distances(rows, real) < radii[None]).sum(axis=1)

        def find_ball_and_nearest(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
            squares = squared_distances(rows, fake)
            return (squares < fake_radii[None]).any(axis=1), squares.min(axis=1)

        balls = map_rows(count_balls, fake, len(real))
        recalled, nearest = map_rows(find_ball_and_nearest, real, len(fake))
        return {
            "precise": (balls > 0).sum(),
            "balls": sum_with_error(balls.astype(jnp.float32)),
            "recalled": recalled.sum(),
            "covered": (nearest < radii).sum(),
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        return {
            "precision": int(sums["precise"]) / count,
            "recall": int(sums["recalled"]) / len(real),
            "density": float(join_parts(sums["balls"])) / (k * count),
            "coverage": int(sums["covered"]) / len(real),
        }

    return TracedMetric((points, radii, centre), measure, finish)


def distances_to_nearest(queries: jax.Array, references: jax.Array) -> jax.Array:
    """Return `min_j |x_i - y_j|`, `[N]`; that of an exact copy is exactly 0."""

    def find_nearest(rows: jax.Array) -> jax.Array:
        squares = squared_distances(rows, references)
        if rows.shape[1] <= FEW_FEATURES:
            return jnp.sqrt(squares.min(axis=1))
        others = references[squares.argmin(axis=1)]
        return jnp.sqrt(((rows - others) ** 2).sum(axis=1))

    return map_rows(find_nearest, queries, len(references))


def prepare_nearest_distance(real: np.ndarray) -> TracedMetric:
    """Prepare the mean over fakes of `gan_jax.metrics.nearest_distances` to examples.

    Few features are not centred: the distance of an exact copy is exactly 0.
    """
    centred, centre = centre_examples(real)
    if real.shape[1] <= FEW_FEATURES:
        centred, centre = real, jnp.zeros_like(centre)
    constants = jnp.asarray(centred, jnp.float32), centre

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        real, centre = constants
        return {
            "nearest": sum_with_error(
                distances_to_nearest(fakes.features - centre, real)
            )
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        return {"nearest_distance": float(join_parts(sums["nearest"])) / count}

    return TracedMetric(constants, measure, finish)


def prepare_memorization_ratio(train: np.ndarray, test: np.ndarray) -> TracedMetric:
    """Prepare `gan_jax.metrics.memorization_ratio` from both data; see there."""
    unseen = float(nearest_distances(test, train).mean())
    nearest = prepare_nearest_distance(train)

    def finish(sums: Fetched, count: int) -> Numbers:
        if unseen == 0:
            return {"memorization_ratio": math.nan}
        found = nearest.finish(sums, count)["nearest_distance"]
        return {"memorization_ratio": found / unseen}

    return TracedMetric(nearest.constants, nearest.measure, finish)
