"""Penalties on the values of the critic: LeCam's, and consistency under changes."""

from collections.abc import Callable

import jax

from gan_jax.penalties.examples import draw_each, split_each
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array, Critic, Metrics


def real_logit_average(value: Array, metrics: Metrics, *, decay: float = 0.99) -> Array:
    """`decay r + (1 - decay) mean D(x)`. Tseng et al. 2021, arXiv 2104.03310."""
    return decay * value + (1 - decay) * metrics["real_logits"]


def fake_logit_average(value: Array, metrics: Metrics, *, decay: float = 0.99) -> Array:
    """`decay r + (1 - decay) mean D(G(z))`. Tseng et al. 2021, arXiv 2104.03310."""
    return decay * value + (1 - decay) * metrics["fake_logits"]


def lecam(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    real_logit_average: Array | float = 0.0,
    fake_logit_average: Array | float = 0.0,
) -> Array:
    """`max(0, D(x) - a_fake)^2 + max(0, a_real - D(G(z)))^2`: LeCam regularization.

    a_real and a_fake are running averages of the mean logits. Tseng et al. 2021, arXiv
    2104.03310, eq. 4, with the max(0, .) of the authors' code. Deviation: the averages
    begin at 0 and reach up to the last step, so that D is drawn to 0 in the first
    1 / (1 - decay) steps. (The authors' include this step, and begin after a warm-up or
    are corrected for bias.)
    """
    on_real = jax.nn.relu(critic(real) - fake_logit_average) ** 2
    return on_real + jax.nn.relu(real_logit_average - critic(fake)) ** 2


def keep_examples(x: Array, keys: Array) -> Array:
    return x


def cr(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    transform: Callable[[Array, Array], Array] = keep_examples,
) -> Array:
    """`(D(x) - D(T x))^2` at the reals: consistency regularization, T a random change.

    T is `transform`, an augmentation. Zhang et al. 2019, arXiv 1910.12027, eq. 3.
    """
    return (critic(real) - critic(transform(real, keys))) ** 2


def bcr(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    transform: Callable[[Array, Array], Array] = keep_examples,
) -> Array:
    """`(D(x) - D(T x))^2 + (D(G(z)) - D(T G(z)))^2`: balanced consistency.

    Both terms have the same weight. Zhao et al. 2020, arXiv 2002.04724, algorithm 1.
    """
    real_keys, fake_keys = split_each(keys)
    on_real = cr(critic, real, fake, real_keys, transform=transform)
    return on_real + cr(critic, fake, real, fake_keys, transform=transform)


def generate_pair(
    generator: Callable[[Array], Array], z: Array, keys: Array, sigma: float
) -> tuple[Array, Array]:
    """Return `G(z)` and `G(z + sigma e)`, e ~ N(0, I)."""
    noise = draw_each(jax.random.normal, keys, z)
    return generator(z), generator(z + sigma * noise)


def refuse_missing_generator(z: Array) -> Array:
    raise ValueError("generator: zcr compares fakes of near latents; give it G")


@at_highest_precision
def zcr(
    critic: Critic,
    real: Array,
    fake: Array,
    keys: Array,
    *,
    generator: Callable[[Array], Array] = refuse_missing_generator,
    z_dim: int = 64,
    sigma: float = 0.05,
) -> Array:
    """`(D(G(z)) - D(G(z + sigma e)))^2`, z, e ~ N(0, I): D's part of zCR.

    The penalty draws z itself, and its fakes are not augmented. Zhao et al. 2020, arXiv
    2002.04724, algorithm 2; sigma 0.05 and weight 20 are StudioGAN's.
    """
    z_keys, noise_keys = split_each(keys)
    z = jax.vmap(lambda key: jax.random.normal(key, (z_dim,), real.dtype))(z_keys)
    one, other = generate_pair(generator, z, noise_keys, sigma)
    return (critic(one) - critic(other)) ** 2


PENALTIES = {"lecam": lecam, "cr": cr, "bcr": bcr, "zcr": zcr}
STATISTICS = {
    "real_logit_average": real_logit_average,
    "fake_logit_average": fake_logit_average,
}
