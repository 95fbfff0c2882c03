"""Additive noise, for images and points alike, and no augmentation at all."""

import jax

from gan_jax.augment.entry import Augmentation
from gan_jax.types import Array


def no_augmentation(images: Array, keys: Array) -> Array:
    """`x`: every example stays as it is."""
    return images


def instance_noise(images: Array, keys: Array, *, strength: float = 0.1) -> Array:
    """`x + strength e`, e ~ N(0, I), strength in the data's units.

    Sonderby et al. 2016, arXiv 1610.04490. The paper's noise is annealed to 0, which
    `augment.strength_end` 0 does here.
    """
    noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
    return images + strength * noise


AUGMENTS = {
    "none": Augmentation(no_augmentation),
    "instance_noise": Augmentation(instance_noise),
}
