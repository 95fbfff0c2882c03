"""DiffAugment: changes of colour, translation and cutout."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.augment.entry import Augmentation, require_images
from gan_jax.augment.flips import draw_shift, take_pixels
from gan_jax.types import Array


class Change(NamedTuple):
    """The random numbers of one image `[H, W, C]`.

    brightness, saturation, contrast: Scalars.
    shift: Rows and columns `[2]`, in pixels.
    hole: The row and the column `[2]` of the middle of the square that is cut out.
    """

    brightness: Array
    saturation: Array
    contrast: Array
    shift: Array
    hole: Array


def share_of_side(side: int, share: float) -> int:
    """Return `floor(share * side + 1/2)` pixels."""
    return int(share * side + 0.5)


def draw_change(key: Array, height: int, width: int) -> Change:
    """Draw the change of one image.

    `brightness ~ U[-1/2, 1/2)`, `saturation ~ U[0, 2)`, `contrast ~ U[1/2, 3/2)`. The
    shift is uniform over the integers up to 1/8 of each side, and the hole's middle is
    uniform over the pixels.
    """
    key_tone, key_shift, key_hole = jax.random.split(key, 3)
    tone = jax.random.uniform(key_tone, (3,))
    # An even square's middle may lie just past the last pixel.
    last = [side + 1 - share_of_side(side, 0.5) % 2 for side in (height, width)]
    return Change(
        brightness=tone[0] - 0.5,
        saturation=tone[1] * 2,
        contrast=tone[2] + 0.5,
        shift=draw_shift(
            key_shift, (share_of_side(height, 1 / 8), share_of_side(width, 1 / 8))
        ),
        hole=jax.random.randint(key_hole, (2,), 0, jnp.asarray(last)),
    )


def change_colour(image: Array, change: Change) -> Array:
    """Apply brightness b, saturation s and contrast c, in this order.

    `x + b`, then `(x - m) s + m` with m the mean over channels, then `(x - m) c + m`
    with m the mean of the image.
    """
    image = image + change.brightness
    mean = image.mean(axis=-1, keepdims=True)
    image = (image - mean) * change.saturation + mean
    mean = image.mean()
    return (image - mean) * change.contrast + mean


def shift(image: Array, change: Change) -> Array:
    """Return `y[i, j] = x[i + t_h, j + t_w]`, zero outside."""
    height, width, _ = image.shape
    down, right = change.shift
    return take_pixels(image, jnp.arange(height) + down, jnp.arange(width) + right)


def cut_out(image: Array, change: Change) -> Array:
    """Set a square to zero, half the image's side wide.

    These are the rows `h - s/2 .. h - s/2 + s - 1` and such columns, with s half the
    side and s/2 rounded down.
    """
    inside = []
    for side, middle in zip(image.shape[:2], change.hole, strict=True):
        size = share_of_side(side, 0.5)
        offset = jnp.arange(side) - (middle - size // 2)
        inside.append((offset >= 0) & (offset < size))
    rows, columns = inside
    return jnp.where((rows[:, None] & columns[None, :])[..., None], 0.0, image)


def apply_change(image: Array, change: Change) -> Array:
    return cut_out(shift(change_colour(image, change), change), change)


def diff_augment(images: Array, keys: Array) -> Array:
    """`cut_out(shift(change_colour(x)))`: all three for every image `[B, H, W, C]`.

    The colour changes in brightness, saturation and contrast. The shift is by up to 1/8
    of the side, and zeros come in. The square that is set to zero has half the side.
    Zhao et al. 2020, arXiv 2006.10738, policy "color,translation,cutout" of the
    released code, whose images also lie in [-1, 1]: zero is mid-grey. Results may leave
    [-1, 1].
    """
    require_images("diff_augment", images)
    height, width = images.shape[1:3]
    return jax.vmap(
        lambda image, key: apply_change(image, draw_change(key, height, width))
    )(images, keys)


AUGMENTS = {"diff_augment": Augmentation(diff_augment, images_only=True)}
