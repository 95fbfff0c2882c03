"""Spectral normalization of kernels by power iteration."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.precision import at_highest_precision

Array = jax.Array
SPECTRAL = "spectral"
"""The name of the collection of model states that holds the singular vectors."""
WARMUP_ITERATIONS = 15


def normalize(x: Array) -> Array:
    """Return `x / max(|x|_2, 1e-12)`, as in PyTorch."""
    return x / jnp.maximum(jnp.linalg.norm(x), 1e-12)


def power_iteration(matrix: Array, u: Array) -> tuple[Array, Array]:
    """Take one step towards the leading singular vectors of `matrix [m, n]`.

    From `u [n]` comes `v = normalize(M u) [m]`, then `u = normalize(M^T v) [n]`. The
    result is `(u, v)`, and the leading singular value is `v . M u`.
    """
    v = normalize(matrix @ u)
    return normalize(v @ matrix), v


@at_highest_precision
def spectral_normalize(module: nn.Module, kernel: Array) -> Array:
    """Return `W / sigma(W)`, W the kernel as a matrix `[-1, out]`, sigma = v^T W u.

    u and v live in the collection "spectral" and are constants to differentiation. One
    power iteration runs whenever that collection is mutable; otherwise the stored
    vectors serve, so that all passes of a step can share one sigma. They start with 15
    iterations. Miyato et al. 2018, arXiv 1802.05957: sigma is the norm of the reshaped
    kernel, which does not bound the norm of the convolution.

    All products are true float32: an error of sigma scales the whole kernel, and
    products of a matrix and a vector cost next to nothing.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    frozen = lax.stop_gradient(matrix)

    def initial_vectors() -> tuple[Array, Array]:
        start = jax.random.normal(module.make_rng("params"), (matrix.shape[1],))
        u, v = power_iteration(frozen, normalize(start))
        return lax.fori_loop(
            1, WARMUP_ITERATIONS, lambda _, uv: power_iteration(frozen, uv[0]), (u, v)
        )

    vectors = module.variable(SPECTRAL, "uv", initial_vectors)
    if module.is_mutable_collection(SPECTRAL) and not module.is_initializing():
        vectors.value = power_iteration(frozen, vectors.value[0])
    u, v = vectors.value
    return kernel / (v @ (matrix @ u))
