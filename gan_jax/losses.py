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

    t = real_target (1; 0.9 is the one-sided label smoothing of Salimans et al. 2016,
    arXiv 1606.03498), w = fake_weight. Goodfellow et al. 2014, arXiv 1406.2661.
    """
    on_real = real_target * softplus(-real) + (1 - real_target) * softplus(real)
    return on_real + fake_weight * softplus(fake)


def minimax_g(real: Array, fake: Array) -> Array:
    """`-s(b) = log(1 - sigmoid(b))`: saturating; G's gradient is scaled by sigmoid(b).

    Goodfellow et al. 2014, arXiv 1406.2661, eq. 1.
    """
    return -softplus(fake)


def non_saturating_g(real: Array, fake: Array) -> Array:
    """`s(-b) = -log sigmoid(b)`. Goodfellow et al. 2014, arXiv 1406.2661, section 3."""
    return softplus(-fake)


def lsgan_d(
    real: Array, fake: Array, *, real_target: float = 1.0, fake_weight: float = 1.0
) -> Array:
    """`(a - t)^2 / 2 + w b^2 / 2` on raw logits, with the 1/2 of the paper.

    Targets (fake 0, real t = 1, G's 1): Mao et al. 2016, arXiv 1611.04076, eq. 9.
    """
    return (real - real_target) ** 2 / 2 + fake_weight * fake**2 / 2


def lsgan_g(real: Array, fake: Array) -> Array:
    """`(b - 1)^2 / 2` on raw logits. Mao et al. 2016, arXiv 1611.04076, eq. 9."""
    return (fake - 1) ** 2 / 2


def wasserstein_d(real: Array, fake: Array) -> Array:
    """`b - a`. Arjovsky et al. 2017, arXiv 1701.07875. Needs a Lipschitz critic."""
    return fake - real


def wasserstein_g(real: Array, fake: Array) -> Array:
    """`-b`. Arjovsky et al. 2017, arXiv 1701.07875."""
    return -fake


def hinge_d(real: Array, fake: Array, *, fake_weight: float = 1.0) -> Array:
    """`max(0, 1 - a) + w max(0, 1 + b)`; G's loss is `-b`.

    Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957.
    """
    return jax.nn.relu(1 - real) + fake_weight * jax.nn.relu(1 + fake)


def relativistic_d(real: Array, fake: Array) -> Array:
    """`s(-(a - b))`, reals and fakes paired by index (RpGAN).

    Jolicoeur-Martineau 2018, arXiv 1807.00734, section 4.2 (there RSGAN).
    """
    return softplus(fake - real)


def relativistic_g(real: Array, fake: Array) -> Array:
    """`s(-(b - a))`: `relativistic_d` with the roles exchanged."""
    return softplus(real - fake)


def relativistic_average_d(real: Array, fake: Array, *, mean: Mean = jnp.mean) -> Array:
    """`[s(-(a - mean b)) + s(b - mean a)] / 2` (RaGAN, logistic form).

    The 1/2 is the official code's; the paper's eq. 8 has none. The means are part of
    the graph and span the global batch. Jolicoeur-Martineau 2018, arXiv 1807.00734.
    """
    return (softplus(mean(fake) - real) + softplus(fake - mean(real))) / 2


def relativistic_average_g(real: Array, fake: Array, *, mean: Mean = jnp.mean) -> Array:
    """`[s(a - mean b) + s(-(b - mean a))] / 2`: the roles of RaGAN exchanged."""
    return (softplus(real - mean(fake)) + softplus(mean(real) - fake)) / 2


def correct_in_pairs(real: Array, fake: Array) -> tuple[Array, Array]:
    """`a_i > b_i`, for both: which of the pairs (real i, fake i) D orders rightly.

    The relativistic loss compares these pairs. Reals and fakes of one index are
    independent, so the mean estimates P(a > b), the area under the ROC curve, without
    bias: 1/2 for a D that knows nothing, 1 for one that separates all. It judges a
    critic of Wasserstein's loss as well, which has pairs of no kind of its own, and
    needs no threshold, no sorting and no mean over devices.
    """
    ordered = real > fake
    return ordered, ordered


def correct_against_means(
    real: Array, fake: Array, *, mean: Mean = jnp.mean
) -> tuple[Array, Array]:
    """`a_i > mean b` and `b_i < mean a`: the comparisons that RaGAN's loss makes."""
    return real > mean(fake), fake < mean(real)


LOG_SMALLEST = math.log(1e-7)


def alpha_loss(logit: Array, alpha: float) -> Array:
    """`A (1 - p^(1/A))` with p = sigmoid(logit), A = alpha / (alpha - 1).

    alpha = 1 is `-log p`. p is kept above 1e-7, as in the authors' code, because for
    alpha < 1 the loss grows like p^(1 - 1/alpha); below it the gradient is 0. alpha
    below 0.16 overflows float32 before that.
    Sypherd et al. 2019, arXiv 1906.02314.
    """
    log_p = jnp.maximum(jax.nn.log_sigmoid(logit), LOG_SMALLEST)
    rate = (alpha - 1) / alpha
    return -jnp.expm1(rate * log_p) / rate if rate else -log_p


def alpha_d(
    real: Array, fake: Array, *, alpha_d: float = 1.0, fake_weight: float = 1.0
) -> Array:
    """`l(a) + w l(-b)`, l = `alpha_loss` with alpha_d.

    Kurri et al. 2022 and Welfert et al. 2023, arXiv 2302.14320 and 2310.18291.
    """
    return alpha_loss(real, alpha_d) + fake_weight * alpha_loss(-fake, alpha_d)


def alpha_g(real: Array, fake: Array, *, alpha_g: float = 1.0) -> Array:
    """`-l(-b)`, l = `alpha_loss` with alpha_g: the saturating form (1 is minimax)."""
    return -alpha_loss(-fake, alpha_g)


def alpha_non_saturating_g(real: Array, fake: Array, *, alpha_g: float = 1.0) -> Array:
    """`l(b)`, l = `alpha_loss` with alpha_g: the non-saturating form."""
    return alpha_loss(fake, alpha_g)


def hybrid_d(
    real: Array, fake: Array, *, real_target: float = 1.0, fake_weight: float = 1.0
) -> Array:
    """`(t - sigmoid(a))^2 + w s(b)`: squared error on reals, cross-entropy on fakes.

    The objective of the founding configuration `mlp_leaky`; no 1/2.
    """
    missing = jax.nn.sigmoid(-real) + (real_target - 1)
    return missing**2 + fake_weight * softplus(fake)


def hybrid_g(real: Array, fake: Array) -> Array:
    """`1 - sigmoid(b)`: one minus D's credibility of the fake."""
    return jax.nn.sigmoid(-fake)


def top_k(
    real: Array,
    fake: Array,
    *,
    generator: Callable[[Array, Array], Array],
    share: Array | float = 0.5,
    gather: Callable[[Array], Array] = lambda x: x,
) -> Array:
    """`l_i B / k` for the k = max(1, round(share B)) highest b_i, 0 for the others.

    l is G's loss of another pair, so the mean over the batch is l's over those k; B and
    k are of the global batch, which `gather` gives. Ties at the k-th all count. Sinha
    et al. 2020, arXiv 2002.06224: share falls by 1 % an epoch to 0.5; here by a
    schedule over the run.
    """
    scores = jnp.sort(gather(fake), descending=True)
    count = jnp.maximum(1, jnp.round(share * len(scores))).astype(int)
    threshold = scores[count - 1]
    weight = len(scores) / jnp.sum(scores >= threshold)
    return jnp.where(fake >= threshold, weight, 0.0) * generator(real, fake)


def is_zero_sum(loss: Loss) -> bool:
    """Whether G's loss is minus D's, up to a function of the real logits.

    Compared are the derivatives by the fake logits, at nine pairs of logits.
    """
    real, fake = jnp.linspace(-2.0, 2.0, 9), jnp.linspace(1.0, -1.5, 9)

    def total(fake: Array) -> Array:
        return jnp.sum(loss.generator(real, fake) + loss.discriminator(real, fake))

    return bool(jnp.abs(jax.grad(total)(fake)).max() <= 1e-5)


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
"""`zero_sum` is of the options' defaults; `build` finds it for those of a Config.

A loss that does not change when both logits move by one constant has a `correct` of its
own: the sign of a logit means nothing there."""
