"""Differentiable changes of everything D sees, real and fake alike.

Each maps `(images [B, ...], keys [B])` to `[B, ...]`; `strength` is the field of the
config's `augment` group.
"""

import jax

from gan_jax.augment.moves import flip, shift_flip
from gan_jax.augment.pipeline import bgc
from gan_jax.augment.policy import diff_augment
from gan_jax.types import Array, Augment


def none(images: Array, keys: Array) -> Array:
    """`x`."""
    return images


def instance_noise(images: Array, keys: Array, *, strength: float = 0.1) -> Array:
    """`x + strength e`, e ~ N(0, I), strength in the data's units.

    Sonderby et al. 2016, arXiv 1610.04490. Theirs is annealed to 0:
    `strength_end`.
    """
    noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
    return images + strength * noise


AUGMENTS: dict[str, Augment] = {
    "none": none,
    "instance_noise": instance_noise,
    "flip": flip,
    "shift_flip": shift_flip,
    "diff_augment": diff_augment,
    "bgc": bgc,
}

IMAGES_ONLY = {flip, shift_flip, diff_augment, bgc}
"""Changes that points have no sense for."""

PROBABILITIES = {flip, bgc}
"""Changes whose strength is a probability, at most 1."""
