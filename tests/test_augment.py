"""Augmentations: exact effects, per-example randomness and its statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augment import AUGMENTS

COUNT = 4000


def example_keys(count):
    return jax.random.split(jax.random.key(0), count)


def images(count, shape=(2, 3, 2)):
    values = np.random.default_rng(0).normal(size=(count, *shape))
    return jnp.asarray(values, jnp.float32)


def test_every_augmentation_is_tested():
    assert set(AUGMENTS) == {"none", "instance_noise", "flip"}


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
    whole = AUGMENTS[name](x, keys)
    assert whole.shape == x.shape and whole.dtype == x.dtype
    np.testing.assert_array_equal(AUGMENTS[name](x[order], keys[order]), whole[order])
    np.testing.assert_array_equal(AUGMENTS[name](x[3:4], keys[3:4]), whole[3:4])


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


def test_flip_refuses_points():
    with pytest.raises(ValueError, match="augment.name 'flip' needs images"):
        AUGMENTS["flip"](jnp.ones((4, 2)), example_keys(4))


@pytest.mark.parametrize("name", AUGMENTS)
def test_augmentation_passes_gradients_to_its_images(name):
    x, keys = images(8), example_keys(8)
    _, pull = jax.vjp(lambda x: AUGMENTS[name](x, keys), x)
    (gradient,) = pull(jnp.ones_like(x))
    np.testing.assert_array_equal(gradient, jnp.ones_like(x))
