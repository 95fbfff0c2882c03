"""Mixtures of equal Gaussians, whose density is known exactly."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array


class Mixture(NamedTuple):
    """`p(x) = 1/K sum_k N(x; centre_k, sigma^2 I)`; sigma 0 is a sum of points.

    centres: `[K, D]`. mode_of: `[K]`, the mode that each centre belongs to, because all
    centres of a curve are one mode. Modes are numbered from 0.
    """

    centres: np.ndarray
    sigma: float
    mode_of: np.ndarray


def log_density(mixture: Mixture, points: Array) -> Array:
    """Return `log p(x)` in nats, points `[..., D] -> [...]`; sigma must be positive."""
    centres = jnp.asarray(mixture.centres, points.dtype)
    count, dimension = centres.shape
    centres = centres.reshape((1,) * (points.ndim - 1) + (count, dimension))
    squares = ((points[..., None, :] - centres) ** 2).sum(-1)
    scale = 2 * jnp.log(mixture.sigma) + jnp.log(2 * jnp.pi)
    logits = -squares / (2 * mixture.sigma**2) - dimension * scale / 2
    return jax.nn.logsumexp(logits, axis=-1) - jnp.log(len(mixture.centres))


def distinct_centres(mixture: Mixture) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the centres without repetition, in order, and how often each occurs.

    The counts `[K]` are None if every centre occurs once.
    """
    _, first, counts = np.unique(
        mixture.centres, axis=0, return_index=True, return_counts=True
    )
    if counts.max() == 1:
        return mixture.centres, None
    order = np.argsort(first)
    return mixture.centres[first[order]], counts[order]


def has_modes(mixture: Mixture) -> bool:
    """Return whether every centre is a mode of its own; those of a curve are one."""
    return len(set(mixture.mode_of.tolist())) == len(distinct_centres(mixture)[0])
