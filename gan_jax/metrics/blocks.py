"""Reduces all pairs of two sets, a block of rows at a time, in bounded memory.

A block is `[B, M]`: B queries against all M references. A reduction maps it to one
value, or a tuple of values, per query: `(block, *extras) -> [B]`. Squared distances are
computed as `|x|^2 - 2 x.y + |y|^2` and clipped at 0. They are exact for integers in
float64; otherwise their error is about eps |x|^2.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.metrics.inputs import Features

HOST_ENTRIES = 2**21
"""The entries of a block on the host: 16 MiB in float64, about what caches hold."""

DEVICE_ENTRIES = 2**26
"""The entries of a block on an accelerator: 256 MiB in float32."""

Reduction = Callable[..., Any]


def host_products(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the products `x.y` of all pairs, `[B, M]`."""
    return queries @ references.T


def host_squares(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the squared distances of all pairs, `[B, M]`."""
    # In place: these passes over memory cost more than the product itself.
    block = queries @ references.T
    block *= -2
    block += np.einsum("if,if->i", queries, queries)[:, None]
    block += np.einsum("if,if->i", references, references)[None]
    return np.maximum(block, 0, out=block)


def device_products(queries: Features, references: Features) -> jax.Array:
    """Return the products `x.y` of all pairs, `[B, M]`, at full precision."""
    return jnp.matmul(queries, references.T, precision=lax.Precision.HIGHEST)


def device_squares(queries: Features, references: Features) -> jax.Array:
    """Return the squared distances of all pairs, `[B, M]`."""
    norms = (queries**2).sum(1)[:, None] + (references**2).sum(1)[None]
    return jnp.maximum(norms - 2 * device_products(queries, references), 0)


def rows_per_block(entries: int, queries: Features, references: Features) -> int:
    """Return how many queries make a block of so many entries."""
    return min(len(queries), max(1, entries // len(references)))


def reduce_on_host(
    pair: Callable,
    reduction: Reduction,
    queries: Any,
    references: Any,
    own: float | None,
    extras: tuple,
) -> Any:
    """Reduce one block after the other, and join the queries' results."""
    rows = rows_per_block(HOST_ENTRIES, queries, references)
    results = []
    for start in range(0, len(queries), rows):
        block = pair(queries[start : start + rows], references)
        if own is not None:
            index = np.arange(len(block))
            block[index, start + index] = own
        results.append(reduction(block, *extras))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *results)


@partial(jax.jit, static_argnames=("pair", "reduction", "own", "rows"))
def reduce_on_device(
    pair: Callable,
    reduction: Reduction,
    queries: Features,
    references: Features,
    own: float | None,
    extras: tuple,
    rows: int,
) -> Any:
    """Reduce all blocks in one program; the last block is padded."""
    count, width = queries.shape
    blocks = -(-count // rows)
    padded = jnp.pad(queries, ((0, blocks * rows - count), (0, 0)))

    def reduce_block(numbered: tuple[jax.Array, jax.Array]) -> Any:
        start, some = numbered
        block = pair(some, references)
        if own is not None:
            index = start + jnp.arange(rows)
            itself = index[:, None] == jnp.arange(len(references))[None]
            block = jnp.where(itself, own, block)
        return reduction(block, *extras)

    starts = rows * jnp.arange(blocks)
    results = lax.map(reduce_block, (starts, padded.reshape(blocks, rows, width)))
    return jax.tree.map(lambda x: x.reshape(-1)[:count], results)


def reduce_products(
    reduction: Reduction,
    queries: Features,
    references: Features,
    *extras: Any,
    own: float | None = None,
) -> Any:
    """Reduce the products `x.y` of all pairs, to `[N]` per result.

    own: the value in place of each query's pair with itself, if both sets are the same;
    None if they are not.
    """
    if isinstance(queries, jax.Array):
        rows = rows_per_block(DEVICE_ENTRIES, queries, references)
        return reduce_on_device(
            device_products, reduction, queries, references, own, extras, rows
        )
    return reduce_on_host(host_products, reduction, queries, references, own, extras)


def reduce_squares(
    reduction: Reduction,
    queries: Features,
    references: Features,
    *extras: Any,
    own: float | None = None,
) -> Any:
    """Reduce the squares `|x - y|^2` of all pairs, to `[N]` per result.

    own: the value in place of each query's pair with itself, if both sets are the same;
    None if they are not.
    """
    if isinstance(queries, jax.Array):
        # Distances ignore a shift, and float32 loses less near 0.
        centre = references.mean(axis=0, keepdims=True)
        queries, references = queries - centre, references - centre
        rows = rows_per_block(DEVICE_ENTRIES, queries, references)
        return reduce_on_device(
            device_squares, reduction, queries, references, own, extras, rows
        )
    return reduce_on_host(host_squares, reduction, queries, references, own, extras)


def sum_float64(per_query: Features) -> float:
    """Return the sum over queries, in float64."""
    return float(np.asarray(per_query, np.float64).sum())
