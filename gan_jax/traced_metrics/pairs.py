"""Sums and reductions over all pairs of two sets, in tiles that caches hold.

Distances of few features are taken of differences, so that they are exact near 0 and
far from the origin. Those of many features are `|x|^2 - 2 x.y + |y|^2`, clipped at 0;
give them centred, because their error is about 6e-8 (|x|^2 + |y|^2).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.traced_metrics.sums import Total, add_values, fold, zero_total

FEW_FEATURES = 8
"""The most features whose distances are taken of differences."""
TILE = 1024
"""The most rows of a tile: the reduction of 1,024 by 1,024 pairs stays in caches."""
GROUP = 32
"""The rows that are summed plainly, before their sum is added to sums that keep errors.

XLA's code for 32 rows is 10 times as fast on CPU as that for a whole tile.
"""
BLOCK_ENTRIES = 2**19
"""The pairs of a block of rows that is reduced at a time: 2 MiB in float32."""

Pair = Callable[[jax.Array, jax.Array], jax.Array]
"""`([A, F], [B, F]) -> [A, B]`: a function of all pairs."""


def squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return `|x_i - y_j|^2`, `[A, B]`."""
    if x.shape[1] <= FEW_FEATURES:
        gaps = (x[:, None, f] - y[None, :, f] for f in range(x.shape[1]))
        return sum((gap * gap for gap in gaps), start=jnp.float32(0))
    norms = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None]
    return jnp.maximum(norms - 2 * products(x, y), 0)


def distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return `|x_i - y_j|`, `[A, B]`."""
    return jnp.sqrt(squared_distances(x, y))


def products(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the products `x_i.y_j`, `[A, B]`, at full precision."""
    width = x.shape[1]
    if width > FEW_FEATURES:
        return jnp.matmul(x, y.T, precision=lax.Precision.HIGHEST)
    terms = (x[:, None, f] * y[None, :, f] for f in range(width))
    return sum(terms, start=jnp.float32(0))


def split_tiles(points: jax.Array) -> jax.Array:
    """Return the points in tiles of whole groups, the last one padded: `[T, B, F]`."""
    count, width = points.shape
    tiles = -(-count // TILE)
    size = -(-count // (tiles * GROUP)) * GROUP
    padded = jnp.pad(points, ((0, tiles * size - count), (0, 0)))
    return padded.reshape(tiles, size, width)


def sum_tiles(
    kernel: Pair,
    x_tiles: jax.Array,
    y_tiles: jax.Array,
    pairs: np.ndarray,
    is_counted: Callable[[jax.Array, jax.Array], jax.Array],
) -> Total:
    """Return the sums of a kernel over pairs of tiles, one for each row of a tile of y.

    pairs: `[P, 2]`, the numbers of the tiles of x and of y. is_counted: a function of
    the indices `[A, 1]` in x and `[1, B]` in y, to whether the pair counts.
    """
    y_size, numbers = y_tiles.shape[1], jnp.asarray(pairs)
    groups = x_tiles.shape[1] // GROUP
    x_groups = x_tiles.reshape(-1, GROUP, x_tiles.shape[2])

    def add_group(x_turn: jax.Array, y_turn: jax.Array, total: Total) -> Total:
        x_index = x_turn * GROUP + jnp.arange(GROUP)[:, None]
        y_index = y_turn * y_size + jnp.arange(y_size)[None]
        values = kernel(x_groups[x_turn], y_tiles[y_turn])
        # A column is summed over rows, which XLA vectorizes; a row is not.
        values = jnp.where(is_counted(x_index, y_index), values, 0)
        return add_values(total, values.sum(axis=0))

    def add_tile(turn: jax.Array, total: Total) -> Total:
        x_turn, y_turn = numbers[turn, 0], numbers[turn, 1]

        def add(group: jax.Array, total: Total) -> Total:
            return add_group(x_turn * groups + group, y_turn, total)

        return lax.fori_loop(0, groups, add, total)

    return lax.fori_loop(0, len(pairs), add_tile, zero_total((y_size,)))


def sum_within(kernel: Pair, points: jax.Array) -> jax.Array:
    """Return `sum_{i < j} kernel(x_i, x_j)` of a symmetric kernel, `[2]`: high, low."""
    count, tiles = len(points), split_tiles(points)
    apart = np.stack(np.triu_indices(len(tiles), 1), axis=1)
    alone = np.stack([np.arange(len(tiles))] * 2, axis=1)
    total = sum_tiles(kernel, tiles, tiles, alone, lambda i, j: (i < j) & (j < count))
    if len(apart):
        # The first of two tiles comes before the last one, so all of its rows count.
        more = sum_tiles(kernel, tiles, tiles, apart, lambda i, j: j < count)
        total = jax.tree.map(lambda *parts: jnp.concatenate(parts), total, more)
    return fold(total)


def sum_between(kernel: Pair, x: jax.Array, y: jax.Array) -> jax.Array:
    """Return `sum_ij kernel(x_i, y_j)`, `[2]`: high and low."""
    x_tiles, y_tiles = split_tiles(x), split_tiles(y)
    grid = np.indices((len(x_tiles), len(y_tiles))).reshape(2, -1).T
    return fold(
        sum_tiles(
            kernel, x_tiles, y_tiles, grid, lambda i, j: (i < len(x)) & (j < len(y))
        )
    )


def map_rows(function: Callable[..., Any], rows: Any, references: int) -> Any:
    """Return a function of rows, taken a block at a time: `[N, ...]` per result.

    function: `(block, ...) -> [B, ...]` per result. rows: a tree of `[N, ...]`.
    references: with how many others each row is paired; it sets the size of a block.
    """
    count = len(jax.tree.leaves(rows)[0])
    most = min(count, max(1, BLOCK_ENTRIES // references))
    blocks = -(-count // most)
    size = -(-count // blocks)

    def split(x: jax.Array) -> jax.Array:
        padded = jnp.pad(x, ((0, blocks * size - count), *[(0, 0)] * (x.ndim - 1)))
        return padded.reshape(blocks, size, *x.shape[1:])

    made = lax.map(function, jax.tree.map(split, rows))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], made)
