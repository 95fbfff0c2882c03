"""Penalties on the critic's and the generator's derivatives, written with `jax.grad`.

Critic penalties map `(critic, real, fake, keys)` to `[B]`, unweighted. `critic` is D as
a function of its input alone and must treat examples independently (no batch norm in
D): only then are the rows of `grad sum_i D(x_i)` the per-example gradients. Norms run
over all axes but the batch's: n(x) = |grad_x D(x)|_2, not a mean over pixels.

Keyword-only arguments are the fields of the config's penalty group that a penalty
reads; `mean` is the batch mean, which spans devices inside a placed step. `keys [B]`
are one per example.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Critic, GeneratorPenalty, Penalty, Probe

EPSILON = 1e-12


def sum_square(x: Array) -> Array:
    """`[B, ...] -> [B]`: the squared Euclidean norm of each example."""
    return jnp.sum(x**2, axis=tuple(range(1, x.ndim)))


def per_example(draw: Callable, keys: Array, like: Array) -> Array:
    """`draw(key, shape, dtype)` for each example's key, shaped like `like [B, ...]`."""
    return jax.vmap(lambda key: draw(key, like.shape[1:], like.dtype))(keys)


def input_gradient_sq(critic: Critic, x: Array) -> Array:
    """`n(x)^2 = |grad_x D(x)|_2^2`, `[B, ...] -> [B]`, differentiable everywhere."""
    squares = sum_square(jax.grad(lambda x: critic(x).sum())(x))
    if isinstance(critic, Probe):
        critic.note(squares)
    return squares


def input_gradient_norm(critic: Critic, x: Array) -> Array:
    """`sqrt(n(x)^2 + 1e-12)`: without the constant a zero gradient gives NaN."""
    return jnp.sqrt(input_gradient_sq(critic, x) + EPSILON)


def interpolate(real: Array, fake: Array, keys: Array) -> Array:
    """`u x + (1 - u) G(z)`, one u ~ U[0, 1) per example."""
    u = jax.vmap(jax.random.uniform)(keys)
    u = u.reshape(u.shape + (1,) * (real.ndim - 1))
    return u * real + (1 - u) * fake


def none(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`0`."""
    return jnp.zeros(len(real))


def wgan_gp(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`(n(x^) - 1)^2`, x^ = `interpolate`; its weight is lambda.

    Gulrajani et al. 2017, arXiv 1704.00028. n has 1e-12 inside its root.
    """
    return (input_gradient_norm(critic, interpolate(real, fake, keys)) - 1) ** 2


def wgan_lp(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`max(0, n(x^) - 1)^2`, x^ = `interpolate`: the one-sided form.

    Petzka et al. 2017, arXiv 1709.08894.
    """
    norm = input_gradient_norm(critic, interpolate(real, fake, keys))
    return jax.nn.relu(norm - 1) ** 2


def gp_zero(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`n(x^)^2`, x^ = `interpolate`: zero-centred, no 1/2.

    Thanh-Tung et al. 2019, arXiv 1902.03984.
    """
    return input_gradient_sq(critic, interpolate(real, fake, keys))


def r1(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`n(x)^2 / 2` at the reals; its weight is gamma.

    Mescheder et al. 2018, arXiv 1801.04406, eq. 9. The authors' code omits the 1/2: its
    reg_param 10 is gamma 20 here.
    """
    return input_gradient_sq(critic, real) / 2


def r2(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`n(G(z))^2 / 2` at the fakes; weight gamma. Mescheder et al. 2018, eq. 10."""
    return input_gradient_sq(critic, fake) / 2


def r1_r2(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`[n(x)^2 + n(G(z))^2] / 2`. With RpGAN: Huang et al. 2025, arXiv 2501.05441."""
    return r1(critic, real, fake, keys) + r2(critic, real, fake, keys)


def finite_difference(critic: Critic, x: Array, keys: Array, sigma: float) -> Array:
    """`(D(x) - D(x + sigma e))^2`, e ~ N(0, I); about sigma^2 (grad D . e)^2."""
    noise = per_example(jax.random.normal, keys, x)
    return (critic(x) - critic(x + sigma * noise)) ** 2


def ar1(
    critic: Critic, real: Array, fake: Array, keys: Array, *, sigma: float = 0.01
) -> Array:
    """`(D(x) - D(x + sigma e))^2` at the reals: R1 without a double backward pass.

    To first order, weight lambda acts as R1's gamma = 2 lambda sigma^2. float32 only:
    the difference cancels in lower precision. Lin et al. 2025, arXiv 2501.08316.
    """
    return finite_difference(critic, real, keys, sigma)


def ar1_ar2(
    critic: Critic, real: Array, fake: Array, keys: Array, *, sigma: float = 0.01
) -> Array:
    """`ar1` at the reals plus the same at the fakes; same source."""
    real_keys, fake_keys = split_each(keys)
    on_real = finite_difference(critic, real, real_keys, sigma)
    return on_real + finite_difference(critic, fake, fake_keys, sigma)


def roth(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`[(1 - sigmoid(D(x)))^2 n(x)^2 + sigmoid(D(G(z)))^2 n(G(z))^2] / 2`.

    The Jensen-Shannon regularizer of Roth et al. 2017, arXiv 1705.09367, eq. 25.
    """
    on_real = jax.nn.sigmoid(-critic(real)) ** 2 * input_gradient_sq(critic, real)
    on_fake = jax.nn.sigmoid(critic(fake)) ** 2 * input_gradient_sq(critic, fake)
    return (on_real + on_fake) / 2


def dragan(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    sigma: float = 0.5,
    mean: Callable[[Array], Array] = jnp.mean,
) -> Array:
    """`(n(x + u sigma std e) - 1)^2`, u ~ U[0, 1) per example, e ~ U[0, 1) per entry.

    std is the population deviation over all entries of the global batch. This is the
    authors' released code (noise of one sign, scaled by a second uniform variable), not
    the Gaussian noise of the paper's text. Kodali et al. 2017, arXiv 1705.07215.
    """
    u_keys, noise_keys = split_each(keys)
    centre = mean(real)
    std = jnp.sqrt(mean((real - centre) ** 2))
    noise = sigma * std * per_example(jax.random.uniform, noise_keys, real)
    return (
        input_gradient_norm(critic, interpolate(real + noise, real, u_keys)) - 1
    ) ** 2


def split_each(keys: Array) -> Array:
    """`[B] -> [2, B]`: two independent keys for each example."""
    return jax.vmap(jax.random.split, out_axes=1)(keys)


def no_generator_penalty(generator: Callable, z: Array, keys: Array) -> Array:
    """`0`."""
    return jnp.zeros(len(z))


def jacobian_difference(
    generator: Callable[[Array], Array], z: Array, keys: Array, *, sigma: float = 0.1
) -> Array:
    """`|J(z)^T v - J(z')^T v|_2^2`, z' = z + sigma e, e ~ N(0, I), v ~ N(0, I).

    J(z) is G's Jacobian at z; v is a random probe in data space, shared by both terms,
    so the expectation over v is `|J(z) - J(z')|_F^2`, without forming J. G must treat
    examples independently. From the founding configuration `dcgan64_gp`.
    """
    noise_keys, probe_keys = split_each(keys)
    shifted = z + sigma * per_example(jax.random.normal, noise_keys, z)
    images, pull = jax.vjp(generator, z)
    _, pull_shifted = jax.vjp(generator, shifted)
    probe = per_example(jax.random.normal, probe_keys, images)
    return sum_square(pull(probe)[0] - pull_shifted(probe)[0])


PENALTIES: dict[str, Penalty] = {
    "none": none,
    "wgan_gp": wgan_gp,
    "wgan_lp": wgan_lp,
    "gp_zero": gp_zero,
    "r1": r1,
    "r2": r2,
    "r1_r2": r1_r2,
    "ar1": ar1,
    "ar1_ar2": ar1_ar2,
    "roth": roth,
    "dragan": dragan,
}

GENERATOR_PENALTIES: dict[str, GeneratorPenalty] = {
    "none": no_generator_penalty,
    "jacobian_difference": jacobian_difference,
}
