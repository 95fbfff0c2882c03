"""Mirroring and shifting by whole pixels, images `[B, H, W, C]`."""

import jax
import jax.numpy as jnp

from gan_jax.types import Array


def require_images(name: str, images: Array) -> None:
    if images.ndim != 4:
        raise ValueError(
            f"augment.name {name!r} needs images [B, H, W, C], got {images.shape}; "
            "for points use none or instance_noise"
        )


def mirrored(images: Array, flags: Array) -> Array:
    """Left to right where `flags [B]` is true."""
    return jnp.where(flags[:, None, None, None], images[:, :, ::-1], images)


def reflected(index: Array, size: int) -> Array:
    """Any integer as one of 0 .. size - 1, mirrored at the outer pixels' centres."""
    period = max(2 * (size - 1), 1)
    index = index % period
    return jnp.minimum(index, period - index)


def shifts(key: Array, limits: tuple[int, int]) -> Array:
    """Two integers, each uniform in -limit .. limit."""
    limit = jnp.asarray(limits)
    return jax.random.randint(key, (2,), -limit, limit + 1)


def picked(image: Array, rows: Array, columns: Array) -> Array:
    """`image[rows[i], columns[j]]`, zero outside: `[H, W, C] -> [H', W', C]`."""
    side = jnp.asarray(image.shape[:2])
    # A negative index would count from the end; one past the end is filled.
    rows, columns = (
        jnp.where(index < 0, size, index)
        for index, size in zip((rows, columns), side, strict=True)
    )
    return image.at[rows[:, None], columns[None, :]].get(mode="fill", fill_value=0)


def flip(images: Array, keys: Array, *, strength: float = 0.5) -> Array:
    """Mirror images `[B, H, W, C]` left to right with probability `strength`."""
    require_images("flip", images)
    chosen = jax.vmap(lambda key: jax.random.bernoulli(key, strength))(keys)
    return mirrored(images, chosen)


def shift_flip(images: Array, keys: Array) -> Array:
    """Mirror with probability 1/2, then shift by up to `floor(side / 8)` pixels.

    `y[i, j] = x[r(i + t_h), r(j + t_w)]`, t uniform over the integers, r reflection
    without repeating the outer pixels. The transformation of consistency
    regularization, Zhang et al. 2019, arXiv 1910.12027 ("a few pixels"; no code was
    released): range and padding are those of StudioGAN's code, 4 pixels at 32.
    """
    require_images("shift_flip", images)
    height, width = images.shape[1:3]

    def shifted(image: Array, key: Array) -> Array:
        down, right = shifts(key, (height // 8, width // 8))
        rows = reflected(jnp.arange(height) + down, height)
        columns = reflected(jnp.arange(width) + right, width)
        return picked(image, rows, columns)

    flip_keys, shift_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    flags = jax.vmap(jax.random.bernoulli)(flip_keys)
    return jax.vmap(shifted)(mirrored(images, flags), shift_keys)
