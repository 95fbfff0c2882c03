"""Inception-v3 against the same network in PyTorch; its resize and its inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inception_in_torch import (
    IMAGES,
    STEM,
    UNITS,
    Reference,
    assert_close,
    assert_layers_equal,
    every_layer,
    publish,
    saved,
    tf1_resize,
    torch_inputs,
)

from gan_jax.features.inception import (
    InceptionV3,
    extract_inception,
    prepare_images,
    resize_bilinear,
)
from gan_jax.features.weights import load_inception, to_variables


@pytest.mark.oracle("torch")
def test_stem_equals_pytorch_layer_by_layer(tensors):
    import torch

    reference = Reference(torch, {n: torch.from_numpy(v) for n, v in tensors.items()})
    reference(torch_inputs(torch, IMAGES[:1]), stem_only=True)
    assert reference.seen.keys() == STEM.keys()

    @jax.jit  # Of what is not returned nothing is compiled.
    def stem(variables, images):
        seen = every_layer(variables, images)[1]["intermediates"]
        return {"intermediates": {name: seen[name] for name in STEM}}

    assert_layers_equal(stem(to_variables(tensors, "here"), IMAGES[:1]), reference)


@pytest.mark.oracle("torch")
@pytest.mark.slow
def test_network_equals_pytorch_layer_by_layer(tensors, tmp_path, monkeypatch):
    import torch

    path = tmp_path / "weights.pth"
    path.write_bytes(saved(torch, tensors, zipped=False))
    publish(monkeypatch, path.read_bytes())
    variables = load_inception(path)
    images = jnp.asarray(IMAGES)
    reference = Reference(torch, {n: torch.from_numpy(v) for n, v in tensors.items()})
    features, unbiased, logits = (
        v.numpy() for v in reference(torch_inputs(torch, IMAGES))
    )
    # Jitted, it is several times faster than op by op.
    output, seen = jax.jit(every_layer)(variables, images)
    assert_layers_equal(seen, reference)
    assert_close(output.features, features)
    assert_close(output.unbiased, unbiased)
    assert_close(output.logits, logits)
    exponentials = np.exp(unbiased - unbiased.max(axis=1, keepdims=True))
    # A second pass through the network would show nothing more.
    given = []
    monkeypatch.setattr(
        InceptionV3, "apply", lambda _self, *inputs: given.extend(inputs) or output
    )
    found = extract_inception(variables, images)
    assert given[0] is variables
    np.testing.assert_array_equal(given[1], prepare_images(images))
    assert_close(found[0], features)
    assert_close(found[1], exponentials / exponentials.sum(axis=1, keepdims=True))


def test_published_file_has_as_many_tensors():
    # Users of the file report 566 entries and 95,628,359 bytes.
    tensors = 6 * len(UNITS) + 2
    numbers = sum(i * o * h * w + 4 * o for i, o, h, w in UNITS.values())
    numbers += 1008 * 2049
    assert tensors == 566
    assert 0 < 95_628_359 - 4 * numbers - 8 * len(UNITS) < 200 * tensors


@pytest.mark.parametrize("shape", [(32, 32), (13, 46), (64, 80)])
def test_resize_equals_tensorflow_1(shape):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, *shape, 3)).astype(np.float32)
    expected = tf1_resize(images, 61)
    np.testing.assert_allclose(
        resize_bilinear(jnp.asarray(images), 61), expected, atol=1e-4
    )


def test_resize_takes_every_second_pixel_at_half_size_and_all_at_the_same():
    images = jnp.arange(2.0 * 8 * 8 * 3).reshape(2, 8, 8, 3)
    np.testing.assert_array_equal(resize_bilinear(images, 4), images[:, ::2, ::2])
    np.testing.assert_array_equal(resize_bilinear(images, 8), images)


def test_resize_has_no_half_pixel_centres():
    ramp = jnp.broadcast_to(jnp.arange(4.0)[None, :, None, None], (1, 4, 4, 1))
    expected = np.minimum(np.arange(8) / 2, 3)
    np.testing.assert_array_equal(resize_bilinear(ramp, 8)[0, :, 0, 0], expected)


def test_prepared_gives_back_the_eight_bits_of_stored_images():
    pixels = np.arange(299 * 299).reshape(1, 299, 299, 1) % 256
    images = jnp.asarray(pixels, jnp.uint8) / 127.5 - 1
    expected = np.repeat((pixels - 128) / 128, 3, axis=-1)
    np.testing.assert_array_equal(prepare_images(images), expected)


def test_values_outside_the_range_are_clipped():
    images = jnp.asarray([-3.0, 3.0]).reshape(2, 1, 1, 1)
    found = np.asarray(prepare_images(images))
    assert found[0].max() == found[0].min() == -1
    assert found[1].max() == found[1].min() == 127 / 128


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((2, 8, 8, 4), "float32"), ((8, 8, 3), "float32"), ((2, 8, 8, 3), "uint8")],
)
def test_images_of_another_kind_are_refused(shape, dtype):
    with pytest.raises(ValueError, match=rf"^images: {dtype}.*\[-1, 1\] with 1 or 3"):
        prepare_images(jnp.zeros(shape, dtype))
