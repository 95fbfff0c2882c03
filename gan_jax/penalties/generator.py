"""Penalties on the generator: on its Jacobian, its outputs and its weights."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.penalties.consistency import generate_pair
from gan_jax.penalties.examples import EPSILON, draw_each, split_each, sum_square
from gan_jax.penalties.info import returns_info
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array, Metrics


def no_generator_penalty(generator: Callable, z: Array, keys: Array) -> Array:
    """`0`: no term."""
    return jnp.zeros(len(z))


@at_highest_precision
def jacobian_difference(
    generator: Callable[[Array], Array], z: Array, keys: Array, *, sigma: float = 0.1
) -> Array:
    """`|J(z)^T v - J(z')^T v|_2^2`, z' = z + sigma e, e ~ N(0, I), v ~ N(0, I).

    J(z) is G's Jacobian at z. v is a random probe in data space that both terms share,
    so the expectation over v is `|J(z) - J(z')|_F^2`, without forming J. G must treat
    examples independently. The source is the founding configuration `dcgan64_gp`.
    """
    noise_keys, probe_keys = split_each(keys)
    shifted = z + sigma * draw_each(jax.random.normal, noise_keys, z)
    images, pull = jax.vjp(generator, z)
    _, pull_shifted = jax.vjp(generator, shifted)
    probe = draw_each(jax.random.normal, probe_keys, images)
    return sum_square(pull(probe)[0] - pull_shifted(probe)[0])


@at_highest_precision
def zcr_reward(
    generator: Callable[[Array], Array], z: Array, keys: Array, *, sigma: float = 0.05
) -> Array:
    """`-mean (G(z) - G(z + sigma e))^2` over the entries of a fake: G's part of zCR.

    It is the only negative term: it rewards G for changes with z. Zhao et al. 2020,
    arXiv 2002.04724, algorithm 2; sigma 0.05 and weight 0.5 are StudioGAN's.
    """
    one, other = generate_pair(generator, z, keys, sigma)
    return -sum_square(one - other) / math.prod(one.shape[1:])


def path_length_average(
    value: Array, metrics: Metrics, *, decay: float = 0.99
) -> Array:
    """`decay a + (1 - decay) path_length`, at the steps at which that is measured.

    Karras et al. 2019, arXiv 1912.04958, eq. 4.
    """
    length = metrics["path_length"]
    return jnp.where(length > 0, decay * value + (1 - decay) * length, value)


@returns_info
def path_length(
    generator: Callable[[Array], Array],
    z: Array,
    keys: Array,
    *,
    path_length_average: Array | float = 0.0,
) -> tuple[Array, Metrics]:
    """`(|J(z)^T y| - a)^2`, y ~ N(0, I) / sqrt(H W), a the average of |J^T y| so far.

    J is G's Jacobian at z. (StyleGAN2: at the mapped latents w, and a includes this
    step.) Points have H W = 1, and |.| has 1e-12 inside its root. Karras et al. 2019,
    arXiv 1912.04958, eq. 4.
    """
    images, pull = jax.vjp(generator, z)
    pixels = math.prod(images.shape[1:-1])
    probe = draw_each(jax.random.normal, keys, images) / math.sqrt(pixels)
    squares = sum_square(pull(probe)[0])
    value = (jnp.sqrt(squares + EPSILON) - path_length_average) ** 2
    return value, {"path_length": jnp.sqrt(squares)}


def orthogonal(
    generator: Callable[[Array], Array], z: Array, keys: Array, *, g_params: Any = ()
) -> Array:
    """`sum_W |W^T W o (1 - I)|_F^2` over G's kernels W as matrices `[-1, out]`.

    Every example has the same value. Brock et al. 2018, arXiv 1809.11096, eq. 3, weight
    1e-4 (the released code: half its gradient).
    """
    kernels = (leaf for leaf in jax.tree.leaves(g_params) if leaf.ndim > 1)
    matrices = [kernel.reshape(-1, kernel.shape[-1]) for kernel in kernels]
    overlaps = (m.T @ m * (1 - jnp.eye(m.shape[1], dtype=m.dtype)) for m in matrices)
    return jnp.full(len(z), sum(jnp.sum(overlap**2) for overlap in overlaps))


GENERATOR_PENALTIES = {
    "none": no_generator_penalty,
    "jacobian_difference": jacobian_difference,
    "zcr": zcr_reward,
    "path_length": path_length,
    "orthogonal": orthogonal,
}
STATISTICS = {"path_length_average": path_length_average}
