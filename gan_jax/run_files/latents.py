"""Latents for pictures: truncated ones, and ways from one latent to another."""

import jax
import jax.numpy as jnp

from gan_jax.gan import Gan
from gan_jax.types import Array


def draw_truncated_latents(gan: Gan, keys: Array, bound: float) -> Array:
    """Draw z ~ N(0, I), given that each value lies within the bound.

    keys: `[n]`; the latents are `[n, Z]`. This is the truncation trick, which gives
    less diverse and better samples (Brock et al. 2019, 1809.11096).
    """

    def draw(key: Array) -> Array:
        return jax.random.truncated_normal(key, -bound, bound, (gan.z_dim,))

    return jax.vmap(draw)(keys)


def interpolate_latents(begin: Array, end: Array, steps: int) -> Array:
    """Return the ways from latents `[n, Z]` to others in equal angles.

    `(sin((1 - t) w) a + sin(t w) b) / sin w`, where w is the angle between a and b and
    t goes from 0 to 1 in so many steps. The result is `[n * steps, Z]`. Latents on the
    way have the norm of normal ones (White 2016, 1609.04468).
    """
    size = jnp.linalg.norm(begin, axis=1) * jnp.linalg.norm(end, axis=1)
    cosine = jnp.clip((begin * end).sum(axis=1) / size, -1 + 1e-6, 1 - 1e-6)
    angle = jnp.arccos(cosine)[:, None]
    t = jnp.linspace(0, 1, steps)[None]
    left, right = jnp.sin((1 - t) * angle), jnp.sin(t * angle)
    both = left[..., None] * begin[:, None] + right[..., None] * end[:, None]
    return (both / jnp.sin(angle)[..., None]).reshape(-1, begin.shape[1])
