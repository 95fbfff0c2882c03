"""DiffAugment: colour, translation and cutout."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.augment.moves import picked, require_images, shifts
from gan_jax.types import Array


class Change(NamedTuple):
    """What is drawn for one image `[H, W, C]`.

    shift, hole `[2]`: rows and columns, in pixels; hole is the square's middle.
    """

    brightness: Array
    saturation: Array
    contrast: Array
    shift: Array
    hole: Array


def part(side: int, share: float) -> int:
    """`floor(share * side + 1/2)`."""
    return int(share * side + 0.5)


def draw(key: Array, height: int, width: int) -> Change:
    """brightness ~ U[-1/2, 1/2), saturation ~ U[0, 2), contrast ~ U[1/2, 3/2)."""
    key_tone, key_shift, key_hole = jax.random.split(key, 3)
    tone = jax.random.uniform(key_tone, (3,))
    # An even square's middle may lie just past the last pixel.
    last = [side + 1 - part(side, 0.5) % 2 for side in (height, width)]
    return Change(
        brightness=tone[0] - 0.5,
        saturation=tone[1] * 2,
        contrast=tone[2] + 0.5,
        shift=shifts(key_shift, (part(height, 1 / 8), part(width, 1 / 8))),
        hole=jax.random.randint(key_hole, (2,), 0, jnp.asarray(last)),
    )


def toned(image: Array, change: Change) -> Array:
    """`x + b`, then `(x - m) s + m` with m the mean over channels, then `(x - m) c + m`
    with m the image's mean."""
    image = image + change.brightness
    mean = image.mean(axis=-1, keepdims=True)
    image = (image - mean) * change.saturation + mean
    mean = image.mean()
    return (image - mean) * change.contrast + mean


def moved(image: Array, change: Change) -> Array:
    """`y[i, j] = x[i + t_h, j + t_w]`, zero outside."""
    height, width, _ = image.shape
    down, right = change.shift
    return picked(image, jnp.arange(height) + down, jnp.arange(width) + right)


def holed(image: Array, change: Change) -> Array:
    """Zero in the rows `h - s/2 .. h - s/2 + s - 1` and such columns, s half the side,
    s/2 rounded down."""
    inside = []
    for side, middle in zip(image.shape[:2], change.hole, strict=True):
        size = part(side, 0.5)
        offset = jnp.arange(side) - (middle - size // 2)
        inside.append((offset >= 0) & (offset < size))
    rows, columns = inside
    return jnp.where((rows[:, None] & columns[None, :])[..., None], 0.0, image)


def changed(image: Array, change: Change) -> Array:
    return holed(moved(toned(image, change), change), change)


def diff_augment(images: Array, keys: Array) -> Array:
    """Brightness, saturation, contrast; a shift by up to 1/8 of the side, zeros coming
    in; a zero square of half the side: all three, always, images `[B, H, W, C]`.

    Zhao et al. 2020, arXiv 2006.10738, policy "color,translation,cutout" of the
    released code, whose images also lie in [-1, 1]: zero is mid-grey. Results may leave
    [-1, 1].
    """
    require_images("diff_augment", images)
    height, width = images.shape[1:3]
    return jax.vmap(lambda image, key: changed(image, draw(key, height, width)))(
        images, keys
    )
