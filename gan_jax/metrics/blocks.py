"""All pairs of two sets, a block of rows at a time: memory stays bounded.

A block is `[B, M]`: B queries against all M references. A reduction maps it to one
value, or a tuple of values, per query: `(block, *extras) -> [B]`. Squared distances are
`|x|^2 - 2 x.y + |y|^2`, clipped at 0: exact for integers in float64; otherwise they
carry an error of about eps |x|^2.
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
"""Of a block: 16 MiB in float64, about what the caches hold."""

DEVICE_ENTRIES = 2**26
"""Of a block: 256 MiB in float32."""

Reduction = Callable[..., Any]


def host_products(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    return queries @ references.T


def host_squares(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    # In place: these passes over memory cost more than the product itself.
    block = queries @ references.T
    block *= -2
    block += np.einsum("if,if->i", queries, queries)[:, None]
    block += np.einsum("if,if->i", references, references)[None]
    return np.maximum(block, 0, out=block)


def device_products(queries: Features, references: Features) -> jax.Array:
    return jnp.matmul(queries, references.T, precision=lax.Precision.HIGHEST)


def device_squares(queries: Features, references: Features) -> jax.Array:
    norms = (queries**2).sum(1)[:, None] + (references**2).sum(1)[None]
    return jnp.maximum(norms - 2 * device_products(queries, references), 0)


def block_rows(entries: int, queries: Features, references: Features) -> int:
    """How many queries' rows hold so many entries."""
    return min(len(queries), max(1, entries // len(references)))


def reduce_on_host(
    pair: Callable,
    reduction: Reduction,
    queries: Any,
    references: Any,
    own: float | None,
    extras: tuple,
) -> Any:
    """One block after the other, the queries' results joined."""
    rows = block_rows(HOST_ENTRIES, queries, references)
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
    """The same as one program; the last block is padded."""
    count, width = queries.shape
    blocks = -(-count // rows)
    padded = jnp.pad(queries, ((0, blocks * rows - count), (0, 0)))

    def reduced(numbered: tuple[jax.Array, jax.Array]) -> Any:
        start, some = numbered
        block = pair(some, references)
        if own is not None:
            index = start + jnp.arange(rows)
            itself = index[:, None] == jnp.arange(len(references))[None]
            block = jnp.where(itself, own, block)
        return reduction(block, *extras)

    starts = rows * jnp.arange(blocks)
    results = lax.map(reduced, (starts, padded.reshape(blocks, rows, width)))
    return jax.tree.map(lambda x: x.reshape(-1)[:count], results)


def over_products(
    reduction: Reduction,
    queries: Features,
    references: Features,
    *extras: Any,
    own: float | None = None,
) -> Any:
    """The reduction of the blocks of `x.y`, `[N]` per result.

    own: within one set, what stands in the place of each query's pair with itself.
    """
    if isinstance(queries, jax.Array):
        rows = block_rows(DEVICE_ENTRIES, queries, references)
        return reduce_on_device(
            device_products, reduction, queries, references, own, extras, rows
        )
    return reduce_on_host(host_products, reduction, queries, references, own, extras)


def over_squares(
    reduction: Reduction,
    queries: Features,
    references: Features,
    *extras: Any,
    own: float | None = None,
) -> Any:
    """The reduction of the blocks of `|x - y|^2`, `[N]` per result; own as above."""
    if isinstance(queries, jax.Array):
        # Distances ignore a shift, and float32 loses less near 0.
        centre = references.mean(axis=0, keepdims=True)
        queries, references = queries - centre, references - centre
        rows = block_rows(DEVICE_ENTRIES, queries, references)
        return reduce_on_device(
            device_squares, reduction, queries, references, own, extras, rows
        )
    return reduce_on_host(host_squares, reduction, queries, references, own, extras)


def total(per_query: Features) -> float:
    """The sum over queries, in float64."""
    return float(np.asarray(per_query, np.float64).sum())
