"""Penalties on the derivatives of the critic with respect to its input."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.penalties.examples import EPSILON, draw_each, split_each, sum_square
from gan_jax.penalties.info import returns_info
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array, Critic, Metrics, Pullbacks

Pullback = Callable[[Array], Array]
ValueAndInfo = tuple[Array, Metrics]


def keep_gradient(gradient: Array) -> Array:
    return gradient


NO_PULLBACKS = Pullbacks(keep_gradient, keep_gradient)
"""The pullbacks of images that D sees unchanged."""


def input_gradient_sq(
    critic: Critic, x: Array, pullback: Pullback = keep_gradient
) -> Array:
    """Return `n(x)^2 = |grad_x D(x)|_2^2`, `[B]`, which is differentiable everywhere.

    pullback: A map that the gradient passes through before its norm is taken.
    """
    return sum_square(pullback(jax.grad(lambda x: critic(x).sum())(x)))


def input_gradient_norm(critic: Critic, x: Array) -> Array:
    """Return `sqrt(n(x)^2 + 1e-12)`; without the constant a zero gradient gives NaN."""
    return jnp.sqrt(input_gradient_sq(critic, x) + EPSILON)


def gradient_info(*squares: Array) -> Metrics:
    """Return what a gradient penalty measured: D's gradient norms at its examples."""
    return {"critic_grad_norm": jnp.sqrt(jnp.stack(squares))}


def interpolate(real: Array, fake: Array, keys: Array) -> Array:
    """Return `u x + (1 - u) G(z)`, one u ~ U[0, 1) per example."""
    u = jax.vmap(jax.random.uniform)(keys)
    u = u.reshape(u.shape + (1,) * (real.ndim - 1))
    return u * real + (1 - u) * fake


def no_penalty(critic: Critic, real: Array, fake: Array, keys: Array) -> Array:
    """`0`: no term."""
    return jnp.zeros(len(real))


@returns_info
def wgan_gp(critic: Critic, real: Array, fake: Array, keys: Array) -> ValueAndInfo:
    """`(n(x^) - 1)^2` at x^ between reals and fakes (`interpolate`).

    Its weight is lambda. Gulrajani et al. 2017, arXiv 1704.00028. n has 1e-12 inside
    its root. With an augmentation, x^ lies between images as D sees them, the two sides
    whose distance D measures. The same holds for `wgan_lp`, `gp_zero` and `dragan`.
    (StudioGAN's code leaves the augmentation out of them.)
    """
    squares = input_gradient_sq(critic, interpolate(real, fake, keys))
    return (jnp.sqrt(squares + EPSILON) - 1) ** 2, gradient_info(squares)


@returns_info
def wgan_lp(critic: Critic, real: Array, fake: Array, keys: Array) -> ValueAndInfo:
    """`max(0, n(x^) - 1)^2` at x^ of `wgan_gp`: the one-sided form.

    Petzka et al. 2017, arXiv 1709.08894.
    """
    squares = input_gradient_sq(critic, interpolate(real, fake, keys))
    return jax.nn.relu(jnp.sqrt(squares + EPSILON) - 1) ** 2, gradient_info(squares)


@returns_info
def gp_zero(critic: Critic, real: Array, fake: Array, keys: Array) -> ValueAndInfo:
    """`n(x^)^2` at x^ of `wgan_gp`: zero-centred, without a 1/2.

    Thanh-Tung et al. 2019, arXiv 1902.03984.
    """
    squares = input_gradient_sq(critic, interpolate(real, fake, keys))
    return squares, gradient_info(squares)


@returns_info
def r1(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    pullbacks: Pullbacks = NO_PULLBACKS,
) -> ValueAndInfo:
    """`n(x)^2 / 2` at the reals; its weight is gamma.

    Mescheder et al. 2018, arXiv 1801.04406, eq. 9. The authors' code omits the 1/2: its
    reg_param 10 is gamma 20 here. With an augmentation T, x is the image before it:
    `|grad_x D(T(x))|^2 / 2`, as in StyleGAN2-ADA and R3GAN, with T drawn as for the
    loss. The same holds for `r2`, `r1_r2` and `roth`. Without pullbacks
    (`penalty.through_augment` false), x is what D sees.
    """
    squares = input_gradient_sq(critic, real, pullbacks.real)
    return squares / 2, gradient_info(squares)


@returns_info
def r2(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    pullbacks: Pullbacks = NO_PULLBACKS,
) -> ValueAndInfo:
    """`n(G(z))^2 / 2` at the fakes; its weight is gamma.

    Mescheder et al. 2018, arXiv 1801.04406, eq. 10.
    """
    squares = input_gradient_sq(critic, fake, pullbacks.fake)
    return squares / 2, gradient_info(squares)


@returns_info
def r1_r2(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    pullbacks: Pullbacks = NO_PULLBACKS,
) -> ValueAndInfo:
    """`[n(x)^2 + n(G(z))^2] / 2`: R1 and R2, whose common weight is gamma.

    Huang et al. 2025, arXiv 2501.05441, with the relativistic loss of R3GAN.
    """
    on_real = input_gradient_sq(critic, real, pullbacks.real)
    on_fake = input_gradient_sq(critic, fake, pullbacks.fake)
    return on_real / 2 + on_fake / 2, gradient_info(on_real, on_fake)


@at_highest_precision
def finite_difference(critic: Critic, x: Array, keys: Array, sigma: float) -> Array:
    """Return `(D(x) - D(x + sigma e))^2`, e ~ N(0, I), about sigma^2 (grad D . e)^2."""
    noise = draw_each(jax.random.normal, keys, x)
    return (critic(x) - critic(x + sigma * noise)) ** 2


def ar1(
    critic: Critic, real: Array, fake: Array, keys: Array, *, sigma: float = 0.01
) -> Array:
    """`(D(x) - D(x + sigma e))^2` at the reals: R1 without a double backward pass.

    To first order, weight lambda acts as R1's gamma = 2 lambda sigma^2. D computes it
    in true float32 whatever the run's precision, because the difference cancels in a
    lower one. x is D's input, after the augmentation, of which the paper has none. Lin
    et al. 2025, arXiv 2501.08316.
    """
    return finite_difference(critic, real, keys, sigma)


def ar1_ar2(
    critic: Critic, real: Array, fake: Array, keys: Array, *, sigma: float = 0.01
) -> Array:
    """`(D(x) - D(x + sigma e))^2 + (D(G(z)) - D(G(z) + sigma e))^2`: aR1 and aR2.

    Lin et al. 2025, arXiv 2501.08316. See `ar1`.
    """
    real_keys, fake_keys = split_each(keys)
    on_real = finite_difference(critic, real, real_keys, sigma)
    return on_real + finite_difference(critic, fake, fake_keys, sigma)


@returns_info
def roth(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    pullbacks: Pullbacks = NO_PULLBACKS,
) -> ValueAndInfo:
    """`[(1 - sigmoid(D(x)))^2 n(x)^2 + sigmoid(D(G(z)))^2 n(G(z))^2] / 2`.

    It is the Jensen-Shannon regularizer of Roth et al. 2017, arXiv 1705.09367, eq. 25.
    """
    squares = (
        input_gradient_sq(critic, real, pullbacks.real),
        input_gradient_sq(critic, fake, pullbacks.fake),
    )
    on_real = jax.nn.sigmoid(-critic(real)) ** 2 * squares[0]
    on_fake = jax.nn.sigmoid(critic(fake)) ** 2 * squares[1]
    return (on_real + on_fake) / 2, gradient_info(*squares)


@returns_info
def dragan(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    sigma: float = 0.5,
    mean: Callable[[Array], Array] = jnp.mean,
) -> ValueAndInfo:
    """`(n(x + u sigma std e) - 1)^2`, u ~ U[0, 1) per example, e ~ U[0, 1) per entry.

    std is the population deviation over all entries of the global batch. The noise is
    that of the authors' released code, of one sign and scaled by a second uniform
    variable, not the Gaussian noise of the paper's text. Kodali et al. 2017, arXiv
    1705.07215.
    """
    u_keys, noise_keys = split_each(keys)
    centre = mean(real)
    std = jnp.sqrt(mean((real - centre) ** 2))
    noise = sigma * std * draw_each(jax.random.uniform, noise_keys, real)
    squares = input_gradient_sq(critic, interpolate(real + noise, real, u_keys))
    return (jnp.sqrt(squares + EPSILON) - 1) ** 2, gradient_info(squares)


PENALTIES = {
    "none": no_penalty,
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
