"""The pipeline of adaptive augmentation: pixel blitting, geometry, colour."""

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import random
from jax.typing import ArrayLike

from gan_jax.augment.entry import Augmentation, require_images
from gan_jax.augment.flips import reflect
from gan_jax.types import Array

product = partial(jnp.matmul, precision="highest")


class ImageGeometry(NamedTuple):
    """The random geometry of one image. The identity is 0 0 0 1 0 1 0 0.

    mirror: 0 or 1.
    quarters: Quarter turns, 0 to 3.
    shift: Whole pixels `[2]`, right and down.
    scale, stretch: Factors.
    before, after: Angles in radians, of the rotations before and after the stretch.
    drift: Pixels `[2]`, right and down.
    """

    mirror: Array
    quarters: Array
    shift: Array
    scale: Array
    before: Array
    stretch: Array
    after: Array
    drift: Array


class Colour(NamedTuple):
    """The random colour changes of one image. The identity is 0 1 0 0 1."""

    brightness: Array
    contrast: Array
    luma_flip: Array
    hue: Array
    saturation: Array


def apply_with_probability(
    key: Array, p: ArrayLike, value: Array, otherwise: float
) -> Array:
    """Return `value` with probability p, else `otherwise`."""
    return jnp.where(random.uniform(key) < p, value, otherwise)


def draw_geometry(key: Array, p: ArrayLike, height: int, width: int) -> ImageGeometry:
    """Draw the geometry of one image, each kind of change with probability p.

    mirror ~ U{0, 1}, quarters ~ U{0..3}, shift ~ round(U(-1/8, 1/8) side); scale and
    stretch ~ 2^(0.2 N), drift ~ 0.125 N side. Both angles ~ U(-pi, pi), each with
    probability 1 - sqrt(1 - p), so that at least one is drawn with probability p.
    """
    values, gates = random.split(key, (2, 8))
    sides = jnp.asarray([width, height], jnp.float32)
    turn = 1 - jnp.sqrt(jnp.clip(1 - jnp.asarray(p), 0, 1))
    uniform, normal, integer = random.uniform, random.normal, random.randint
    angles = [uniform(values[i], minval=-jnp.pi, maxval=jnp.pi) for i in (4, 6)]
    shift = jnp.round(uniform(values[2], (2,), minval=-0.125, maxval=0.125) * sides)
    return ImageGeometry(
        mirror=apply_with_probability(gates[0], p, integer(values[0], (), 0, 2), 0),
        quarters=apply_with_probability(gates[1], p, integer(values[1], (), 0, 4), 0),
        shift=apply_with_probability(gates[2], p, shift, 0),
        scale=apply_with_probability(gates[3], p, 2 ** (0.2 * normal(values[3])), 1),
        before=apply_with_probability(gates[4], turn, angles[0], 0),
        stretch=apply_with_probability(gates[5], p, 2 ** (0.2 * normal(values[5])), 1),
        after=apply_with_probability(gates[6], turn, angles[1], 0),
        drift=apply_with_probability(
            gates[7], p, 0.125 * normal(values[7], (2,)) * sides, 0
        ),
    )


def draw_colour(key: Array, p: ArrayLike) -> Colour:
    """Draw the colour changes of one image, each kind with probability p.

    brightness ~ 0.2 N, contrast ~ 2^(0.5 N), luma_flip ~ U{0, 1}, hue ~ U(-pi, pi),
    saturation ~ 2^N.
    """
    values, gates = random.split(key, (2, 5))
    normal = [random.normal(values[i]) for i in (0, 1, 4)]
    luma_flip = random.randint(values[2], (), 0, 2)
    hue = random.uniform(values[3], minval=-jnp.pi, maxval=jnp.pi)
    return Colour(
        brightness=apply_with_probability(gates[0], p, 0.2 * normal[0], 0),
        contrast=apply_with_probability(gates[1], p, 2 ** (0.5 * normal[1]), 1),
        luma_flip=apply_with_probability(gates[2], p, luma_flip, 0),
        hue=apply_with_probability(gates[3], p, hue, 0),
        saturation=apply_with_probability(gates[4], p, 2 ** normal[2], 1),
    )


def affine_matrix(*rows: Any) -> Array:
    """Return a map of (column, row, 1), `[3, 3]`, from its first two rows."""
    return jnp.asarray([*rows, [0.0, 0.0, 1.0]], jnp.float32)


def scaling(horizontal: Any, vertical: Any) -> Array:
    return affine_matrix([horizontal, 0.0, 0.0], [0.0, vertical, 0.0])


def rotation(cosine: Array, sine: Array) -> Array:
    return affine_matrix([cosine, -sine, 0.0], [sine, cosine, 0.0])


def translation(shift: Array) -> Array:
    return affine_matrix([1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]])


def source_map(geometry: ImageGeometry) -> Array:
    """Return the map `[3, 3]` from a pixel to the place that it is taken from.

    Both are measured from the middle of the image. It is the inverse of mirror,
    quarters, shift, scale, rotation, stretch, rotation and drift, in this order.
    """
    g = geometry
    # Exact, so that a quarter turn moves whole pixels.
    quarter = rotation(
        jnp.asarray([1.0, 0.0, -1.0, 0.0])[g.quarters],
        jnp.asarray([0.0, 1.0, 0.0, -1.0])[g.quarters],
    )
    inverses = (
        scaling(1 - 2 * g.mirror, 1.0),
        quarter,
        translation(-g.shift),
        scaling(1 / g.scale, 1 / g.scale),
        rotation(jnp.cos(g.before), jnp.sin(g.before)),
        scaling(1 / g.stretch, g.stretch),
        rotation(jnp.cos(g.after), jnp.sin(g.after)),
        translation(-g.drift),
    )
    return reduce(product, inverses)


def resample(image: Array, inverse: Array) -> Array:
    """Return the image `[H, W, C]` whose pixel p is the image at `inverse p`.

    Both places are measured from the middle. Interpolation is bilinear, and beyond its
    outer pixels the image continues as its mirror image.
    """
    height, width, channels = image.shape
    middle = jnp.asarray([(width - 1) / 2, (height - 1) / 2])
    row, column = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    places = jnp.stack([column.ravel(), row.ravel()]) - middle[:, None]
    sources = product(inverse[:2, :2], places) + (inverse[:2, 2] + middle)[:, None]
    corner = jnp.floor(sources)
    share = sources - corner
    corner = corner.astype(jnp.int32)
    flat = image.reshape(height * width, channels)
    total = jnp.zeros_like(flat)
    for right in (0, 1):
        for down in (0, 1):
            x = reflect(corner[0] + right, width)
            y = reflect(corner[1] + down, height)
            weight = jnp.abs(1 - right - share[0]) * jnp.abs(1 - down - share[1])
            total += weight[:, None] * flat[y * width + x]
    return total.reshape(image.shape)


def recolour(image: Array, colour: Colour) -> Array:
    """Return `(x + b) c` with its luma flipped, its hue turned, its saturation scaled.

    The luma m is the mean over the channels, and d is the rest. If flipped, `-m` takes
    the place of m. d is turned by the hue around the grey axis (three channels only)
    and multiplied by the saturation. Without a change x stays as it is to the last bit.
    """
    image = (image + colour.brightness) * colour.contrast
    luma = image.mean(axis=-1, keepdims=True)
    rest = image - luma
    image = image - 2 * colour.luma_flip * luma
    if image.shape[-1] != 3:
        return image + (colour.saturation - 1) * rest
    # The cross product of the unit grey axis with the rest.
    aside = (jnp.roll(rest, 1, axis=-1) - jnp.roll(rest, -1, axis=-1)) / jnp.sqrt(3.0)
    turned = jnp.cos(colour.hue) * rest + jnp.sin(colour.hue) * aside
    return image + (colour.saturation * turned - rest)


def bgc(images: Array, keys: Array, *, strength: ArrayLike = 0.2) -> Array:
    """`recolour(resample(x))`: geometry and colour, each image by its own draws.

    The geometry is one affine map: mirror, quarter turns, whole shifts, scale,
    rotation, stretch and drift. The colour changes in brightness, contrast, luma, hue
    and saturation. Images are `[B, H, W, C]`. strength is p in [0, 1], the probability
    of each kind of change. It may be traced, and 0 returns the images. Karras et al.
    2020, arXiv 2006.06676, pipe "bgc" and its distributions. There p starts at 0 and is
    adapted; no fixed value is published, and it is 0.2 here.

    Deviations: interpolation is bilinear without the paper's wavelet-filtered
    upsampling, which sharpens less and aliases when shrinking. Images continue as their
    mirror images without end (released code: by one side at most, then zeros). Images
    have any number of channels, and the hue changes for three only.
    """
    require_images("bgc", images)
    height, width = images.shape[1:3]

    def augment_image(image: Array, key: Array) -> Array:
        key_geometry, key_colour = random.split(key)
        geometry = draw_geometry(key_geometry, strength, height, width)
        image = resample(image, source_map(geometry))
        return recolour(image, draw_colour(key_colour, strength))

    return jax.vmap(augment_image)(images, keys)


AUGMENTS = {"bgc": Augmentation(bgc, images_only=True, strength_is_probability=True)}
