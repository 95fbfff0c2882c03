"""Samples of a trained generator, and the labels of conditional samples."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from gan_jax.gan import Gan, net_variables
from gan_jax.objectives import draw_latents
from gan_jax.precision import use_precision
from gan_jax.types import Array, TrainState

LABEL_STREAM = 2**32 - 1
"""This number is folded into the root key to make the key of the labels. No example has
this index."""


def sample(
    gan: Gan,
    state: TrainState,
    key: Array,
    n: int,
    *,
    ema: bool = True,
    label: Array | None = None,
    first: Array | int = 0,
    shares: ArrayLike | None = None,
) -> Array:
    """Draw n samples `[n, ...]` from the averaged or the raw generator.

    Sample i depends on key, label, shares and i alone, so a larger n keeps the first
    samples as they are.

    Args:
        gan: The networks and the rules of the game.
        state: The state whose generator is sampled.
        key: A typed random key.
        n: How many samples to draw.
        ema: Whether to use the averaged generator.
        label: Classes of a conditional GAN, `[n]` or one for all. None: classes are
            drawn with `shares`. Without shares, the classes 0, 1, 2, ... take turns.
        first: The index of the first sample.
        shares: The frequency of each class, `[label_count]`; see `draw_labels`.

    Returns:
        The samples, `[n, *gan.data_shape]`.
    """
    index = first + jnp.arange(n)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
    if gan.label_count is not None:
        in_turn = index % gan.label_count
        own = in_turn if shares is None else draw_labels(key, index, shares)
        label = own if label is None else jnp.broadcast_to(label, n)
    return generate(gan, state, draw_latents(gan, keys), label, ema=ema)


def generate(
    gan: Gan, state: TrainState, z: Array, label: Array | None, *, ema: bool = True
) -> Array:
    """Generate `[n, ...]` from latents `[n, z_dim]` and labels `[n]` (or None).

    Batch normalization uses stored statistics, and the averaged generator uses their
    average. So a sample does not depend on the other samples.
    """
    variables = state.ema if ema else net_variables(state.generator)
    with use_precision(gan.precision):
        return gan.generator.apply(variables, z, label, train=False)  # pyright: ignore


def draw_labels(key: Array, index: Array, shares: ArrayLike) -> Array:
    """Draw a label for each sample index, `[n]`.

    Class c has the probability `shares[c]`.

    Label i depends on the key and `index[i]` alone; a class whose share is 0 is never
    drawn. A generator that is compared with data has to be asked for each class as
    often as the data have it: with equal shares even a perfect generator differs from
    data whose classes are not equally large. `gan_jax.data.label_shares` gives the
    shares. The shares must be concrete numbers, not traced ones.
    """
    keys = jax.vmap(jax.random.fold_in, (None, 0))(
        jax.random.fold_in(key, LABEL_STREAM), index
    )
    points = jax.vmap(jax.random.uniform)(keys)
    # NumPy sums in order and in float64. With XLA's float32 sum, a class with share 0
    # could be drawn.
    edges = np.cumsum(np.asarray(shares, np.float64))
    edges = jnp.asarray(edges / edges[-1], jnp.float32)
    return jnp.searchsorted(edges, points, side="right")
