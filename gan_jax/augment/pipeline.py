"""The pipeline of adaptive augmentation: pixel blitting, geometry, colour."""

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import random
from jax.typing import ArrayLike

from gan_jax.augment.moves import reflected, require_images
from gan_jax.types import Array

product = partial(jnp.matmul, precision="highest")


class Geometry(NamedTuple):
    """What is drawn for one image's place: the identity is 0 0 0 1 0 1 0 0.

    mirror: 0 or 1. quarters: of a turn, 0 to 3. shift `[2]`: right and down, whole
    pixels. scale, stretch: factors. before, after: angles in radians, of the rotations
    around the stretch. drift `[2]`: right and down, pixels.
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
    """What is drawn for one image's colours: the identity is 0 1 0 0 1."""

    brightness: Array
    contrast: Array
    luma_flip: Array
    hue: Array
    saturation: Array


def sometimes(key: Array, p: ArrayLike, value: Array, otherwise: float) -> Array:
    """`value` with probability p."""
    return jnp.where(random.uniform(key) < p, value, otherwise)


def draw_geometry(key: Array, p: ArrayLike, height: int, width: int) -> Geometry:
    """Each with probability p: mirror U{0, 1}, quarters U{0..3}, shift
    round(U(-1/8, 1/8) side); scale and stretch 2^(0.2 N), drift 0.125 N side. Angles
    U(-pi, pi), each with 1 - sqrt(1 - p): one of the two with p."""
    values, gates = random.split(key, (2, 8))
    sides = jnp.asarray([width, height], jnp.float32)
    turn = 1 - jnp.sqrt(jnp.clip(1 - jnp.asarray(p), 0, 1))
    uniform, normal, integer = random.uniform, random.normal, random.randint
    angles = [uniform(values[i], minval=-jnp.pi, maxval=jnp.pi) for i in (4, 6)]
    shift = jnp.round(uniform(values[2], (2,), minval=-0.125, maxval=0.125) * sides)
    return Geometry(
        mirror=sometimes(gates[0], p, integer(values[0], (), 0, 2), 0),
        quarters=sometimes(gates[1], p, integer(values[1], (), 0, 4), 0),
        shift=sometimes(gates[2], p, shift, 0),
        scale=sometimes(gates[3], p, 2 ** (0.2 * normal(values[3])), 1),
        before=sometimes(gates[4], turn, angles[0], 0),
        stretch=sometimes(gates[5], p, 2 ** (0.2 * normal(values[5])), 1),
        after=sometimes(gates[6], turn, angles[1], 0),
        drift=sometimes(gates[7], p, 0.125 * normal(values[7], (2,)) * sides, 0),
    )


def draw_colour(key: Array, p: ArrayLike) -> Colour:
    """Each with probability p: brightness 0.2 N, contrast 2^(0.5 N), luma flip U{0, 1},
    hue U(-pi, pi), saturation 2^N."""
    values, gates = random.split(key, (2, 5))
    normal = [random.normal(values[i]) for i in (0, 1, 4)]
    luma_flip = random.randint(values[2], (), 0, 2)
    hue = random.uniform(values[3], minval=-jnp.pi, maxval=jnp.pi)
    return Colour(
        brightness=sometimes(gates[0], p, 0.2 * normal[0], 0),
        contrast=sometimes(gates[1], p, 2 ** (0.5 * normal[1]), 1),
        luma_flip=sometimes(gates[2], p, luma_flip, 0),
        hue=sometimes(gates[3], p, hue, 0),
        saturation=sometimes(gates[4], p, 2 ** normal[2], 1),
    )


def matrix(*rows: Any) -> Array:
    """`[3, 3]`, of the first two rows of a map of (column, row, 1)."""
    return jnp.asarray([*rows, [0.0, 0.0, 1.0]], jnp.float32)


def scaling(horizontal: Any, vertical: Any) -> Array:
    return matrix([horizontal, 0.0, 0.0], [0.0, vertical, 0.0])


def rotation(cosine: Array, sine: Array) -> Array:
    return matrix([cosine, -sine, 0.0], [sine, cosine, 0.0])


def translation(shift: Array) -> Array:
    return matrix([1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]])


def where_from(geometry: Geometry) -> Array:
    """`[3, 3]`: the place in the image that each pixel is taken from, both measured
    from the middle: the inverse of mirror, quarters, shift, scale, rotation, stretch,
    rotation and drift, done in this order."""
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


def resampled(image: Array, inverse: Array) -> Array:
    """Pixel p of the result is the image at `inverse p`, both from the middle;
    bilinear, `[H, W, C]`, mirrored beyond the outer pixels."""
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
            x = reflected(corner[0] + right, width)
            y = reflected(corner[1] + down, height)
            weight = jnp.abs(1 - right - share[0]) * jnp.abs(1 - down - share[1])
            total += weight[:, None] * flat[y * width + x]
    return total.reshape(image.shape)


def recoloured(image: Array, colour: Colour) -> Array:
    """With luma m the mean of the channels of `(x + b) c`, and d the rest: `-m` for m
    if flipped, d turned by the hue around the grey axis (three channels only) and
    multiplied by the saturation. Without a change, x to the last bit."""
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
    """Mirror, quarter turns, whole shifts; scale, rotation, stretch, drift; brightness,
    contrast, luma flip, hue, saturation: each image by its own draws.

    Images `[B, H, W, C]`. strength: p, the probability of each kind, in [0, 1]; may be
    traced; 0 returns the images. Geometry is one affine map. Karras et al. 2020, arXiv
    2006.06676, pipe "bgc" and its distributions; p starts at 0 and is adapted there, no
    fixed value is published for it: 0.2 here. Deviations: bilinear without the paper's
    wavelet-filtered upsampling, which sharpens less and aliases when shrinking; images
    continue as their mirror images without end (released code: by one side at most,
    then zeros); any number of channels, hue for three only.
    """
    require_images("bgc", images)
    height, width = images.shape[1:3]

    def changed(image: Array, key: Array) -> Array:
        key_geometry, key_colour = random.split(key)
        geometry = draw_geometry(key_geometry, strength, height, width)
        image = resampled(image, where_from(geometry))
        return recoloured(image, draw_colour(key_colour, strength))

    return jax.vmap(changed)(images, keys)
