"""Adversarial losses: pure functions of logits, one value per example.

Notation: a = D(x) real logits, b = D(G(z)) fake logits (both `[B]`, higher = more
real), s(t) = softplus(t) = log(1 + e^t). Each function returns `[B]`, is minimized, and
is neither weighted nor reduced. `-log sigmoid(t) = s(-t)`, so all logarithms stay
finite with finite gradients.

Keyword-only arguments are the fields of the config's `loss` group that a loss reads;
`mean` is the batch mean, which spans devices inside a placed step.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Loss

Mean = Callable[[Array], Array]
softplus = jax.nn.softplus


def cross_entropy_d(
    real: Array, fake: Array, *, real_target: float = 1.0, fake_weight: float = 1.0
) -> Array:
    """`t s(-a) + (1 - t) s(a) + w s(b)`: D's binary cross-entropy.

    Goodfellow et al. 2014, arXiv 1406.2661. t is real_target, and w is fake_weight. A t
    of 0.9 is the one-sided label smoothing of Salimans et al. 2016, arXiv 1606.03498.
    """
    on_real = real_target * softplus(-real) + (1 - real_target) * softplus(real)
    return on_real + fake_weight * softplus(fake)


def minimax_g(real: Array, fake: Array) -> Array:
    """`-s(b) = log(1 - sigmoid(b))`: it saturates.

    G's gradient has a factor sigmoid(b). Goodfellow et al. 2014, arXiv 1406.2661, eq.
    1.
    """
    return -softplus(fake)


def non_saturating_g(real: Array, fake: Array) -> Array:
    """`s(-b) = -log sigmoid(b)`: it does not saturate where D is sure of its fakes.

    Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """
    return softplus(-fake)


def lsgan_d(
    real: Array, fake: Array, *, real_target: float = 1.0, fake_weight: float = 1.0
) -> Array:
    """`(a - t)^2 / 2 + w b^2 / 2` on raw logits, with the 1/2 of the paper.

    The targets are 0 for fakes, t = 1 for reals, and 1 for G. Mao et al. 2016, arXiv
    1611.04076, eq. 9.
    """
    return (real - real_target) ** 2 / 2 + fake_weight * fake**2 / 2


def lsgan_g(real: Array, fake: Array) -> Array:
    """`(b - 1)^2 / 2` on raw logits. Mao et al. 2016, arXiv 1611.04076, eq. 9."""
    return (fake - 1) ** 2 / 2


def wasserstein_d(real: Array, fake: Array) -> Array:
    """`b - a`, for a Lipschitz critic. Arjovsky et al. 2017, arXiv 1701.07875."""
    return fake - real


def wasserstein_g(real: Array, fake: Array) -> Array:
    """`-b`. Arjovsky et al. 2017, arXiv 1701.07875."""
    return -fake


def hinge_d(real: Array, fake: Array, *, fake_weight: float = 1.0) -> Array:
    """`max(0, 1 - a) + w max(0, 1 + b)`: a margin of 1; G's loss is `-b`.

    Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957.
    """
    return jax.nn.relu(1 - real) + fake_weight * jax.nn.relu(1 + fake)


def relativistic_d(real: Array, fake: Array) -> Array:
    """`s(-(a - b))`: reals and fakes are paired by their index (RpGAN).

    Jolicoeur-Martineau 2018, arXiv 1807.00734, section 4.2 (there RSGAN).
    """
    return softplus(fake - real)


def relativistic_g(real: Array, fake: Array) -> Array:
    """`s(-(b - a))`: the roles of `relativistic_d` exchanged.

    Jolicoeur-Martineau 2018, arXiv 1807.00734, section 4.2.
    """
    return softplus(real - fake)


def relativistic_average_d(real: Array, fake: Array, *, mean: Mean = jnp.mean) -> Array:
    """`[s(-(a - mean b)) + s(b - mean a)] / 2`: RaGAN in its logistic form.

    The 1/2 is the official code's; the paper's eq. 8 has none. The means are part of
    the graph and span the global batch. Jolicoeur-Martineau 2018, arXiv 1807.00734.
    """
    return (softplus(mean(fake) - real) + softplus(fake - mean(real))) / 2


def relativistic_average_g(real: Array, fake: Array, *, mean: Mean = jnp.mean) -> Array:
    """`[s(a - mean b) + s(-(b - mean a))] / 2`: the roles of RaGAN exchanged.

    Jolicoeur-Martineau 2018, arXiv 1807.00734.
    """
    return (softplus(real - mean(fake)) + softplus(mean(real) - fake)) / 2


def correct_in_pairs(real: Array, fake: Array) -> tuple[Array, Array]:
    """Return twice `a_i > b_i`: which of the pairs (real i, fake i) D orders rightly.

    The relativistic loss compares these pairs. Reals and fakes of one index are
    independent, so the mean estimates P(a > b), the area under the ROC curve, without
    bias: 1/2 for a D that knows nothing, 1 for one that separates all. It needs no
    threshold, no sorting and no mean over devices. It also judges a critic of
    Wasserstein's loss, which compares no pairs itself.
    """
    ordered = real > fake
    return ordered, ordered


def correct_against_means(
    real: Array, fake: Array, *, mean: Mean = jnp.mean
) -> tuple[Array, Array]:
    """Return `a_i > mean b` and `b_i < mean a`, which RaGAN's loss compares."""
    return real > mean(fake), fake < mean(real)


LOG_SMALLEST_P = math.log(1e-7)


def alpha_loss(logit: Array, alpha: float) -> Array:
    """Return `A (1 - p^(1/A))` with p = sigmoid(logit), A = alpha / (alpha - 1).

    alpha = 1 is `-log p`. p is kept above 1e-7, as in the authors' code, because for
    alpha < 1 the loss grows like p^(1 - 1/alpha); below 1e-7 the gradient is 0. An
    alpha below 0.16 overflows float32 before that. Sypherd et al. 2019, arXiv
    1906.02314.
    """
    log_p = jnp.maximum(jax.nn.log_sigmoid(logit), LOG_SMALLEST_P)
    rate = (alpha - 1) / alpha
    return -jnp.expm1(rate * log_p) / rate if rate else -log_p


def alpha_d(
    real: Array, fake: Array, *, alpha_d: float = 1.0, fake_weight: float = 1.0
) -> Array:
    """`l(a) + w l(-b)`, `l(x) = A (1 - sigmoid(x)^(1/A))`, A = alpha_d / (alpha_d - 1).

    Welfert et al. 2023, arXiv 2302.14320 and 2310.18291; Kurri et al. 2022.
    l is `alpha_loss`.
    """
    return alpha_loss(real, alpha_d) + fake_weight * alpha_loss(-fake, alpha_d)


def alpha_g(real: Array, fake: Array, *, alpha_g: float = 1.0) -> Array:
    """`-l(-b)` with alpha_g: the saturating form, which is `minimax_g` at alpha_g 1.

    Welfert et al. 2023, arXiv 2302.14320 and 2310.18291; Kurri et al. 2022.
    l is that of `alpha_d`.
    """
    return -alpha_loss(-fake, alpha_g)


def alpha_non_saturating_g(real: Array, fake: Array, *, alpha_g: float = 1.0) -> Array:
    """`l(b)` with alpha_g: the form that does not saturate.

    Welfert et al. 2023, arXiv 2302.14320 and 2310.18291; Kurri et al. 2022.
    l is that of `alpha_d`.
    """
    return alpha_loss(fake, alpha_g)


def hybrid_d(
    real: Array, fake: Array, *, real_target: float = 1.0, fake_weight: float = 1.0
) -> Array:
    """`(t - sigmoid(a))^2 + w s(b)`: squared error on reals, cross-entropy on fakes.

    The source is the founding configuration `mlp_leaky`. There is no 1/2.
    """
    missing = jax.nn.sigmoid(-real) + (real_target - 1)
    return missing**2 + fake_weight * softplus(fake)


def hybrid_g(real: Array, fake: Array) -> Array:
    """`1 - sigmoid(b)`: one minus the probability that D gives a fake.

    The source is the founding configuration `mlp_leaky`.
    """
    return jax.nn.sigmoid(-fake)


def top_k(
    real: Array,
    fake: Array,
    *,
    generator: Callable[[Array, Array], Array],
    share: Array | float = 0.5,
    gather: Callable[[Array], Array] = lambda x: x,
) -> Array:
    """Return `l_i B / k` for the k = max(1, round(share B)) highest b_i, else 0.

    l is G's loss of another pair, so that the mean over the batch is the mean of l over
    those k. B and k are those of the global batch, which `gather` gives. All ties at
    the k-th count. Sinha et al. 2020, arXiv 2002.06224. Deviation: share follows a
    schedule over the run (paper: it falls by 1 % an epoch to 0.5).
    """
    scores = jnp.sort(gather(fake), descending=True)
    count = jnp.maximum(1, jnp.round(share * len(scores))).astype(int)
    threshold = scores[count - 1]
    weight = len(scores) / jnp.sum(scores >= threshold)
    return jnp.where(fake >= threshold, weight, 0.0) * generator(real, fake)


def is_zero_sum(loss: Loss) -> bool:
    """Return whether G's loss is minus D's, up to a function of the real logits.

    It compares the derivatives by the fake logits, at nine pairs of logits. It computes
    at once, inside a jitted function too, where the numbers that the losses read must
    not be traced.
    """

    def sum_losses(fake: Array, real: Array) -> Array:
        return jnp.sum(loss.generator(real, fake) + loss.discriminator(real, fake))

    with jax.ensure_compile_time_eval():
        real, fake = jnp.linspace(-2.0, 2.0, 9), jnp.linspace(1.0, -1.5, 9)
        return bool(jnp.abs(jax.grad(sum_losses)(fake, real)).max() <= 1e-5)


def is_saturating(generator_loss: Callable[[Array, Array], Array]) -> bool:
    """Return whether G learns nothing from a fake that D is sure of.

    The derivative of its loss by the fake logit is then below 0.001 at -10.
    """
    real, fake = jnp.zeros(1), jnp.full(1, -10.0)
    slope = jax.grad(lambda fake: jnp.sum(generator_loss(real, fake)))(fake)
    return bool(jnp.abs(slope).max() < 1e-3)


LOSSES: dict[str, Loss] = {
    "minimax": Loss(cross_entropy_d, minimax_g, zero_sum=True),
    "non_saturating": Loss(cross_entropy_d, non_saturating_g),
    "lsgan": Loss(lsgan_d, lsgan_g, boundary=0.5),
    "wasserstein": Loss(
        wasserstein_d, wasserstein_g, zero_sum=True, correct=correct_in_pairs
    ),
    "hinge": Loss(hinge_d, wasserstein_g),
    "relativistic": Loss(relativistic_d, relativistic_g, correct=correct_in_pairs),
    "relativistic_average": Loss(
        relativistic_average_d, relativistic_average_g, correct=correct_against_means
    ),
    "alpha": Loss(alpha_d, alpha_g, zero_sum=True),
    "alpha_non_saturating": Loss(alpha_d, alpha_non_saturating_g),
    "hybrid": Loss(hybrid_d, hybrid_g),
}
"""The pairs of losses.

`zero_sum` holds for the defaults of the options; `build` finds out for other values. A
loss that does not change when both logits move by one constant has a `correct` of its
own, because the sign of a logit means nothing there.
"""
