"""Differentiable changes of everything D sees, real and fake alike.

Each maps `(images [B, ...], keys [B])` to `[B, ...]`; `strength` is the field of the
config's `augment` group.
"""

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Augment


def none(images: Array, keys: Array) -> Array:
    """`x`."""
    return images


def instance_noise(images: Array, keys: Array, *, strength: float = 0.1) -> Array:
    """`x + strength e`, e ~ N(0, I), strength in the data's units.

    Sonderby et al. 2016, arXiv 1610.04490. Deviation: constant, not annealed.
    """
    noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
    return images + strength * noise


def flip(images: Array, keys: Array, *, strength: float = 0.5) -> Array:
    """Mirror images `[B, H, W, C]` left to right with probability `strength`."""
    if images.ndim != 4:
        raise ValueError(f"augment.name 'flip' needs images, got {images.shape}")
    mirrored = jax.vmap(lambda key: jax.random.bernoulli(key, strength))(keys)
    return jnp.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


AUGMENTS: dict[str, Augment] = {
    "none": none,
    "instance_noise": instance_noise,
    "flip": flip,
}
