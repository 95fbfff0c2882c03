"""Augmentations: exact effects, per-example randomness and its statistics."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from gan_jax.augment import AUGMENTS, ada_pipeline, diffaugment

COUNT = 4000


def example_keys(count):
    return jax.random.split(jax.random.key(0), count)


def images(count, shape=(2, 3, 2)):
    values = np.random.default_rng(0).normal(size=(count, *shape))
    return jnp.asarray(values, jnp.float32)


def test_every_augmentation_is_tested():
    assert set(AUGMENTS) == {
        "none",
        "instance_noise",
        "flip",
        "shift_flip",
        "diff_augment",
        "bgc",
    }


def test_none_returns_its_images():
    x = images(5)
    np.testing.assert_array_equal(AUGMENTS["none"](x, example_keys(5)), x)


@pytest.mark.parametrize("strength", [0.1, 0.5])
@pytest.mark.parametrize("shape", [(2,), (2, 3, 2)])
def test_instance_noise_has_mean_zero_and_deviation_strength(shape, strength):
    x = images(COUNT, shape)
    noisy = AUGMENTS["instance_noise"](x, example_keys(COUNT), strength=strength)
    noise = np.asarray(noisy - x, np.float64) / strength
    # Five deviations of the mean and of the (nearly normal) sample deviation.
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.std() - 1) < 5 / np.sqrt(2 * noise.size)
    neighbours = np.mean(noise[1:] * noise[:-1])
    assert abs(neighbours) < 5 / np.sqrt(noise[1:].size)


def test_instance_noise_defaults_to_a_tenth():
    x, keys = images(5), example_keys(5)
    noise = AUGMENTS["instance_noise"]
    np.testing.assert_array_equal(noise(x, keys), noise(x, keys, strength=0.1))


@pytest.mark.parametrize("name", AUGMENTS)
def test_augmentation_belongs_to_the_example_and_its_key(name):
    x, keys = images(16), example_keys(16)
    order = np.random.default_rng(1).permutation(16)
    augment = jax.jit(AUGMENTS[name])
    whole = augment(x, keys)
    assert whole.shape == x.shape and whole.dtype == x.dtype
    np.testing.assert_array_equal(augment(x[order], keys[order]), whole[order])
    np.testing.assert_array_equal(augment(x[3:4], keys[3:4]), whole[3:4])


@pytest.mark.parametrize("strength", [0.0, 0.2, 0.5, 1.0])
def test_flip_mirrors_left_to_right_with_probability_strength(strength):
    x = images(COUNT)
    flipped = np.asarray(AUGMENTS["flip"](x, example_keys(COUNT), strength=strength))
    x = np.asarray(x)
    mirrored = (flipped == np.flip(x, axis=2)).all(axis=(1, 2, 3))
    untouched = (flipped == x).all(axis=(1, 2, 3))
    assert (mirrored ^ untouched).all()
    deviation = np.sqrt(strength * (1 - strength) / COUNT)
    assert abs(mirrored.mean() - strength) <= 5 * deviation


def test_flip_defaults_to_one_half():
    x, keys = images(16), example_keys(16)
    flip = AUGMENTS["flip"]
    np.testing.assert_array_equal(flip(x, keys), flip(x, keys, strength=0.5))


@pytest.mark.parametrize("name", ["flip", "shift_flip", "diff_augment", "bgc"])
def test_image_augmentations_refuse_points(name):
    assert AUGMENTS[name].images_only
    with pytest.raises(ValueError, match=f"augment.name '{name}' needs images"):
        AUGMENTS[name](jnp.ones((4, 2)), example_keys(4))


@pytest.mark.parametrize("name", AUGMENTS)
def test_gradients_are_those_of_an_affine_map(name):
    """Each is affine in the images, so a difference is exactly `J v`."""
    x, keys = images(8, (9, 8, 3)), example_keys(8)
    options = {"strength": 1.0} if name == "bgc" else {}
    augment = jax.jit(lambda x: AUGMENTS[name](x, keys, **options))
    v, w = (jnp.asarray(np.random.default_rng(i).normal(size=x.shape)) for i in (1, 2))
    pull = jax.jit(jax.grad(lambda x: jnp.sum(w * augment(x))))
    gradient = pull(x)
    forward = np.sum(np.asarray(w, np.float64) * (augment(x + v) - augment(x)))
    backward = np.sum(np.asarray(v, np.float64) * gradient)
    # A sum of some 2000 products of size 1, each with a rounding of 1e-6.
    assert abs(forward - backward) < 2e-3
    assert np.linalg.norm(gradient) > 1


def binomial_bound(p, count):
    """Five deviations of the share of successes."""
    return 5 * np.sqrt(p * (1 - p) / count)


def assert_shares(values, expected):
    """The share of each value among the draws, and no other value."""
    values = np.asarray(values)
    assert set(np.unique(values)) == set(expected)
    for value, p in expected.items():
        share = np.mean(values == value)
        assert abs(share - p) <= binomial_bound(p, len(values)), value


def assert_uniform(values, low, high):
    """Range, mean and variance of draws from U[low, high)."""
    values = (np.asarray(values, np.float64).ravel() - low) / (high - low)
    assert 0 <= values.min() and values.max() <= 1
    assert abs(values.mean() - 1 / 2) < 5 / np.sqrt(12 * values.size)
    # Of (u - 1/2)^2 the mean is 1/12 and the variance 1/180.
    spread = ((values - 1 / 2) ** 2).mean()
    assert abs(spread - 1 / 12) < 5 / np.sqrt(180 * values.size)


def assert_standard_normal(values):
    values = np.asarray(values, np.float64).ravel()
    assert abs(values.mean()) < 5 / np.sqrt(values.size)
    assert abs((values**2).mean() - 1) < 5 * np.sqrt(2 / values.size)


def drawn(draw, count):
    """What `draw` draws for each example's key, on the host."""
    return jax.device_get(jax.jit(jax.vmap(draw))(example_keys(count)))


def one_by_one(draws):
    """A NamedTuple `[B, ...]` as one for each example."""
    return [type(draws)(*example) for example in zip(*draws, strict=True)]


def test_shift_flip_is_one_of_all_mirrored_and_shifted_crops_equally_often():
    """Of 16 x 8 pixels: 2 x 5 x 3 ways, cut from NumPy's reflection."""
    x = images(COUNT, (16, 8, 1))
    shifted = np.asarray(AUGMENTS["shift_flip"](x, example_keys(COUNT)))
    matches = []
    for mirrored in (x, np.flip(x, axis=2)):
        padded = np.pad(mirrored, ((0, 0), (2, 2), (1, 1), (0, 0)), mode="reflect")
        for down in range(5):
            for right in range(3):
                crop = padded[:, down : down + 16, right : right + 8]
                matches.append((crop == shifted).all(axis=(1, 2, 3)))
    matches = np.stack(matches)
    np.testing.assert_array_equal(matches.sum(axis=0), np.ones(COUNT))
    shares = matches.mean(axis=1)
    assert np.abs(shares - 1 / 30).max() <= binomial_bound(1 / 30, COUNT)


# DiffAugment.


def plain_diff_augment(x, change):
    """The published formulas, pixel by pixel, for one image."""
    height, width, _ = x.shape
    x = x + change.brightness
    mean = x.mean(axis=2, keepdims=True)
    x = (x - mean) * change.saturation + mean
    x = (x - x.mean()) * change.contrast + x.mean()
    moved = np.zeros_like(x)
    for i in range(height):
        for j in range(width):
            row, column = i + change.shift[0], j + change.shift[1]
            if 0 <= row < height and 0 <= column < width:
                moved[i, j] = x[row, column]
    sizes = [int(side * 0.5 + 0.5) for side in (height, width)]
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            row = change.hole[0] - sizes[0] // 2 + i
            column = change.hole[1] - sizes[1] // 2 + j
            moved[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)] = 0
    return moved


@pytest.mark.parametrize("shape", [(8, 8, 1), (13, 10, 3)])
def test_diff_augment_equals_its_published_formulas(shape):
    x, keys = images(16, shape), example_keys(16)
    changes = drawn(lambda key: diffaugment.draw_change(key, *shape[:2]), 16)
    expected = [
        plain_diff_augment(np.asarray(image, np.float64), change)
        for image, change in zip(x, one_by_one(changes), strict=True)
    ]
    actual = jax.jit(AUGMENTS["diff_augment"])(x, keys)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_diff_augment_draws_its_published_distributions():
    """Of 32 x 20 pixels: shifts up to 4 and 3, an even and an even square."""
    change = drawn(lambda key: diffaugment.draw_change(key, 32, 20), COUNT)
    assert_uniform(change.brightness, -0.5, 0.5)
    assert_uniform(change.saturation, 0, 2)
    assert_uniform(change.contrast, 0.5, 1.5)
    for axis, (limit, last) in enumerate([(4, 32), (3, 20)]):
        shift = {value: 1 / (2 * limit + 1) for value in range(-limit, limit + 1)}
        assert_shares(change.shift[:, axis], shift)
        hole = {value: 1 / (last + 1) for value in range(last + 1)}
        assert_shares(change.hole[:, axis], hole)


def test_middle_of_an_odd_square_lies_inside_the_image():
    rows = drawn(lambda key: diffaugment.draw_change(key, 10, 10), COUNT).hole[:, 0]
    assert_shares(rows, {value: 1 / 10 for value in range(10)})


# The pipeline of adaptive augmentation.


def turn(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def shift_of(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


def plain_geometry(x, g):
    """The operations one after the other as float64 matrices; SciPy's interpolation.

    The released code turns by minus the drawn angles.
    """
    height, width, channels = x.shape
    forward = np.eye(3)
    for step in (
        np.diag([1 - 2.0 * g.mirror, 1, 1]),
        turn(-np.pi / 2 * g.quarters),
        shift_of(*g.shift),
        np.diag([g.scale, g.scale, 1]),
        turn(-g.before),
        np.diag([g.stretch, 1 / g.stretch, 1]),
        turn(-g.after),
        shift_of(*g.drift),
    ):
        forward = step @ forward
    row, column = np.mgrid[:height, :width]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    places = np.stack([column.ravel() - middle[0], row.ravel() - middle[1]])
    places = np.vstack([places, np.ones(height * width)])
    source = (np.linalg.inv(forward) @ places)[:2] + middle[:, None]
    planes = [
        ndimage.map_coordinates(x[..., k], source[::-1], order=1, mode="mirror")
        for k in range(channels)
    ]
    return np.stack(planes, axis=-1).reshape(x.shape)


def plain_colour(x, c):
    """The released code's matrices of (red, green, blue, 1); grey: their mean."""
    v = np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    luma = np.outer(v, v)
    linear = c.contrast * np.eye(3)
    linear = (np.eye(3) - 2 * luma * c.luma_flip) @ linear
    if x.shape[-1] == 3:
        axis = np.cos(c.hue) * np.eye(3) + np.sin(c.hue) * cross
        linear = (axis + (1 - np.cos(c.hue)) * luma) @ linear
        linear = (luma + (np.eye(3) - luma) * c.saturation) @ linear
    offset = linear @ np.full(3, c.brightness)
    if x.shape[-1] == 1:
        return x * linear.mean(axis=0).sum() + offset.mean()
    return x @ linear.T + offset


@pytest.mark.parametrize("shape", [(16, 16, 1), (9, 14, 3)])
def test_bgc_geometry_equals_matrices_and_scipy_interpolation(shape):
    x = images(24, shape)
    draws = drawn(lambda key: ada_pipeline.draw_geometry(key, 1.0, *shape[:2]), 24)

    @jax.jit
    @jax.vmap
    def resampled(image, geometry):
        return ada_pipeline.resample(image, ada_pipeline.source_map(geometry))

    expected = [
        plain_geometry(np.asarray(image, np.float64), g)
        for image, g in zip(x, one_by_one(draws), strict=True)
    ]
    # Coordinates of size 30 have a rounding of 4e-6, slopes are at most 6.
    np.testing.assert_allclose(resampled(x, draws), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_bgc_colour_equals_the_published_matrices(channels):
    x = images(24, (3, 4, channels))
    draws = drawn(lambda key: ada_pipeline.draw_colour(key, 1.0), 24)
    expected = [
        plain_colour(np.asarray(image, np.float64), c)
        for image, c in zip(x, one_by_one(draws), strict=True)
    ]
    actual = jax.jit(jax.vmap(ada_pipeline.recolour))(x, draws)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 14, 3)])
@pytest.mark.parametrize("p", [0.0, 0.7])
def test_bgc_of_a_traced_probability_is_that_of_a_constant(shape, p):
    x, keys = images(8, shape), example_keys(8)
    traced = jax.jit(lambda x, p: AUGMENTS["bgc"](x, keys, strength=p))(x, p)
    constant = jax.jit(partial(AUGMENTS["bgc"], strength=p))(x, keys)
    if p == 0:
        np.testing.assert_array_equal(constant, x)
    tolerance = 0 if p == 0 else 1e-4
    np.testing.assert_allclose(traced, constant, rtol=0, atol=tolerance)


@pytest.mark.parametrize("p", [0.3, 1.0])
def test_bgc_draws_its_published_distributions(p):
    g = drawn(lambda key: ada_pipeline.draw_geometry(key, p, 32, 64), COUNT)
    c = drawn(lambda key: ada_pipeline.draw_colour(key, p), COUNT)
    assert_shares(g.mirror, {0: 1 - p / 2, 1: p / 2})
    assert_shares(g.quarters, {0: 1 - 3 * p / 4, **dict.fromkeys((1, 2, 3), p / 4)})
    assert_shares(c.luma_flip, {0: 1 - p / 2, 1: p / 2})
    turned = (g.before != 0) | (g.after != 0)
    assert_shares(turned, {value: q for value, q in ((True, p), (False, 1 - p)) if q})
    normals = {
        "scale": (g.scale, lambda s: np.log2(s) / 0.2, 1),
        "stretch": (g.stretch, lambda s: np.log2(s) / 0.2, 1),
        "drift": (g.drift[:, 0], lambda t: t / (0.125 * 64), 0),
        "drift down": (g.drift[:, 1], lambda t: t / (0.125 * 32), 0),
        "brightness": (c.brightness, lambda b: b / 0.2, 0),
        "contrast": (c.contrast, lambda s: np.log2(s) / 0.5, 1),
        "saturation": (c.saturation, np.log2, 1),
    }
    for name, (values, standardized, still) in normals.items():
        chosen = values != still
        assert abs(chosen.mean() - p) <= binomial_bound(p, COUNT), name
        assert_standard_normal(standardized(values[chosen]))
    for angles in (g.before, g.after, c.hue):
        assert_uniform(angles[angles != 0], -np.pi, np.pi)
    if p == 1:  # round(8 u) and round(4 u), u ~ U(-1, 1): the outer ones half as often
        for values, limit in ((g.shift[:, 0], 8), (g.shift[:, 1], 4)):
            inner = dict.fromkeys(range(1 - limit, limit), 1 / (2 * limit))
            outer = dict.fromkeys((-limit, limit), 1 / (4 * limit))
            assert_shares(values, inner | outer)


def test_bgc_moves_whole_pixels_exactly():
    """Mirrored, then turned by a quarter, then shifted: against NumPy."""
    x = images(1, (8, 8, 2))[0]
    still = ada_pipeline.ImageGeometry(
        *map(jnp.asarray, (0, 0, [0, 0], 1, 0, 1, 0, [0, 0]))
    )

    @jax.jit
    def resampled(geometry):
        return ada_pipeline.resample(x, ada_pipeline.source_map(geometry))

    def moved(**changes):
        return resampled(
            still._replace(**{k: jnp.asarray(v) for k, v in changes.items()})
        )

    np.testing.assert_array_equal(moved(), x)
    np.testing.assert_array_equal(moved(mirror=1), x[:, ::-1])
    for quarters in range(4):
        np.testing.assert_array_equal(moved(quarters=quarters), np.rot90(x, quarters))
    padded = np.pad(x, ((3, 3), (3, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(moved(shift=[2, -3]), padded[6:14, 1:9])
    turned = np.rot90(x[:, ::-1])
    np.testing.assert_array_equal(moved(mirror=1, quarters=1), turned)
