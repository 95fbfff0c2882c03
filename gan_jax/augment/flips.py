"""Mirroring and shifting by whole pixels, images `[B, H, W, C]`."""

import jax
import jax.numpy as jnp

from gan_jax.augment.entry import Augmentation, require_images
from gan_jax.types import Array


def mirror_where(images: Array, flags: Array) -> Array:
    """Mirror images left to right where `flags [B]` is true."""
    return jnp.where(flags[:, None, None, None], images[:, :, ::-1], images)


def reflect(index: Array, size: int) -> Array:
    """Map any integer to 0 .. size - 1 by mirroring at the outer pixels' centres."""
    period = max(2 * (size - 1), 1)
    index = index % period
    return jnp.minimum(index, period - index)


def draw_shift(key: Array, limits: tuple[int, int]) -> Array:
    """Draw two integers, each uniform in -limit .. limit."""
    limit = jnp.asarray(limits)
    return jax.random.randint(key, (2,), -limit, limit + 1)


def take_pixels(image: Array, rows: Array, columns: Array) -> Array:
    """Return `image[rows[i], columns[j]]`, zero outside: `[H, W, C] -> [H', W', C]`."""
    sides = jnp.asarray(image.shape[:2])
    # A negative index would count from the end; one past the end is filled.
    rows, columns = (
        jnp.where(index < 0, size, index)
        for index, size in zip((rows, columns), sides, strict=True)
    )
    return image.at[rows[:, None], columns[None, :]].get(mode="fill", fill_value=0)


def flip(images: Array, keys: Array, *, strength: float = 0.5) -> Array:
    """`x[:, ::-1]`, x mirrored left to right, with probability `strength`, else `x`.

    Source: none.
    """
    require_images("flip", images)
    chosen = jax.vmap(lambda key: jax.random.bernoulli(key, strength))(keys)
    return mirror_where(images, chosen)


def shift_flip(images: Array, keys: Array) -> Array:
    """`y[i, j] = x[r(i + t_h), r(j + t_w)]`, x mirrored with probability 1/2.

    The shift t is uniform over the integers up to `floor(side / 8)` pixels either way,
    and r reflects without repeating the outer pixels. This is the transformation of
    consistency regularization, Zhang et al. 2019, arXiv 1910.12027. The paper says "a
    few pixels" and no code was released, so that range and padding are those of
    StudioGAN's code: 4 pixels at 32.
    """
    require_images("shift_flip", images)
    height, width = images.shape[1:3]

    def shift(image: Array, key: Array) -> Array:
        down, right = draw_shift(key, (height // 8, width // 8))
        rows = reflect(jnp.arange(height) + down, height)
        columns = reflect(jnp.arange(width) + right, width)
        return take_pixels(image, rows, columns)

    flip_keys, shift_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    flags = jax.vmap(jax.random.bernoulli)(flip_keys)
    return jax.vmap(shift)(mirror_where(images, flags), shift_keys)


AUGMENTS = {
    "flip": Augmentation(flip, images_only=True, strength_is_probability=True),
    "shift_flip": Augmentation(shift_flip, images_only=True),
}
