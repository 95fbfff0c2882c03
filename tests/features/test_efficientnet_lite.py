"""EfficientNet-Lite against the same network in PyTorch; its inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lite_in_torch import NETWORKS, Reference, assert_close
from PIL import Image

from gan_jax.features.efficientnet_lite import (
    VARIANTS,
    EfficientNetLite,
    extract_lite,
    list_blocks,
    prepare_images,
)
from gan_jax.features.lite_weights import find_weights, load_lite

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)


def pillow_resize(images, size):
    """Pillow's bicubic filter of float images, a channel at a time."""
    planes = images.transpose(0, 3, 1, 2).reshape(-1, *images.shape[1:3])
    resized = [
        np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BICUBIC))
        for p in planes
    ]
    shape = (len(images), images.shape[3], size, size)
    return np.stack(resized).reshape(shape).transpose(0, 2, 3, 1)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("lite0", marks=pytest.mark.embedding("lite0")),
        pytest.param("lite2", marks=[pytest.mark.embedding("lite2"), pytest.mark.slow]),
    ],
)
def test_network_equals_pytorch_at_every_stage(name, monkeypatch):
    import torch

    variant, variables = VARIANTS[name], load_lite(name)
    images = np.asarray(prepare_images(jnp.asarray(IMAGES), variant.size))
    tensors = torch.load(find_weights(name), weights_only=True)
    reference = Reference(torch, tensors, NETWORKS[name])
    expected = reference(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))

    @jax.jit
    def run_stages(images):
        return EfficientNetLite(variant).apply(
            variables,
            images,
            capture_intermediates=lambda module, _: len(module.path) == 1,
            mutable="intermediates",
        )

    features, seen = run_stages(images)
    assert_close(features, expected.numpy())
    for stage, expected in reference.seen.items():
        actual = np.asarray(seen["intermediates"][stage]["__call__"][0])
        assert_close(actual.transpose(0, 3, 1, 2), expected.numpy())
    # A second pass through the network would show nothing more.
    given = []
    monkeypatch.setattr(
        EfficientNetLite,
        "apply",
        lambda _self, *inputs: given.extend(inputs) or features,
    )
    found, probabilities = extract_lite(name, variables, jnp.asarray(IMAGES))
    assert found is features and probabilities is None
    assert given[0] is variables
    np.testing.assert_array_equal(given[1], images)


def test_grey_images_become_three_equal_channels():
    grey = jnp.asarray(IMAGES[..., :1])
    found = prepare_images(grey, 224)
    assert found.shape == (2, 224, 224, 3)
    expected = prepare_images(jnp.repeat(grey, 3, axis=3), 224)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", VARIANTS)
def test_blocks_are_those_of_the_published_networks(name):
    """The width of a block's input is that of the last one's output."""
    found = [(b.kernel, b.stride, b.channels) for b in list_blocks(VARIANTS[name])]
    assert found == [(k, s, out) for k, s, _, _, out in NETWORKS[name]]


@pytest.mark.parametrize(("side", "size"), [(32, 224), (28, 260), (300, 224)])
def test_resize_equals_pillows_of_float_images(side, size):
    images = RNG.integers(0, 256, (2, side, side, 3)).astype(np.float32)
    found = np.asarray(prepare_images(jnp.asarray(images) / 127.5 - 1, size))
    expected = (pillow_resize(images, size).clip(0, 255) - 127) / 128
    # Positions are float32 here and float64 there: 300 x 2^-24 pixels, twice.
    assert np.abs(found - expected).max() <= 1e-4


def test_prepared_gives_back_the_eight_bits_of_images_of_the_right_size():
    pixels = np.arange(224 * 224).reshape(1, 224, 224, 1) % 256
    found = prepare_images(jnp.asarray(pixels, jnp.uint8) / 127.5 - 1, 224)
    expected = np.repeat((pixels - 127) / 128, 3, axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((2, 8, 8, 4), "float32"), ((8, 8, 3), "float32"), ((2, 8, 8, 3), "uint8")],
)
def test_images_of_another_kind_are_refused(shape, dtype):
    with pytest.raises(ValueError, match=rf"^images: {dtype}.*\[-1, 1\] with 1 or 3"):
        prepare_images(jnp.zeros(shape, dtype), 224)
