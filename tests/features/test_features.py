"""Extractors: the classifier of the project, and what all of them promise."""

import json
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config import DatasetConfig
from gan_jax.data import DATASETS, Spec, Stored
from gan_jax.data.core import Dataset
from gan_jax.features import EXTRACTORS, classifier, extract_features
from gan_jax.features.classifier import (
    Classifier,
    classify,
    convolve_small_images,
    hash_weights,
    measure_accuracy,
    shift_randomly,
    trained_classifier,
)

DIGITS = DatasetConfig("digits")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder, in which a digits classifier of 2 epochs comes to lie."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_JAX_CACHE", str(folder))
        patch.setattr(classifier, "SMALL_SET_EPOCHS", 2)
        yield folder


@pytest.fixture(scope="module")
def trained(cache):
    return trained_classifier(DIGITS)


def test_classifier_of_digits_reads_scans_it_has_not_seen(trained):
    """Chance is 0.1; two of its sixty epochs."""
    data = DATASETS["digits"](DIGITS)
    image, label = data.get(np.arange(1437, 1797))
    _, logits = classify(Classifier(10), trained.params, image)
    right = np.mean(np.asarray(logits).argmax(axis=1) == np.asarray(label))
    assert right == pytest.approx(trained.test_accuracy)
    assert right > 0.5


@pytest.mark.data("mnist")
@pytest.mark.exhaustive
def test_classifier_of_mnist_is_right_in_992_of_1000(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path))
    assert trained_classifier(DatasetConfig("mnist")).test_accuracy >= 0.992


def test_classifier_is_trained_once(trained, monkeypatch):
    monkeypatch.setattr(classifier, "train_classifier", None)
    again = trained_classifier(DIGITS)
    assert again.weights == trained.weights
    assert again.test_accuracy == trained.test_accuracy


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / "weights.npz").write_bytes(b"PK\x03\x04 no more"),
        lambda place: (place / "facts.json").write_text("{}"),
        lambda place: (place / "facts.json").unlink(),
        lambda place: swap_weights(place / "weights.npz"),
    ],
)
def test_damaged_classifier_is_trained_again(damage, trained, cache, monkeypatch):
    place = next(cache.glob("classifier-digits-*"))
    facts = (place / "facts.json").read_text()
    weights = (place / "weights.npz").read_bytes()
    damage(place)
    with monkeypatch.context() as patch:
        params = jax.tree.map(np.asarray, trained.params)
        accuracy = trained.test_accuracy
        patch.setattr(
            classifier, "train_classifier", lambda *given: (params, 10, accuracy)
        )
        assert trained_classifier(DIGITS).weights == trained.weights
    assert json.loads((place / "facts.json").read_text()) == json.loads(facts)
    (place / "weights.npz").write_bytes(weights)
    (place / "facts.json").write_text(facts)


def swap_weights(path):
    """A whole file, of other numbers."""
    with np.load(path) as stored:
        flat = {name: stored[name] + 1 for name in stored.files}
    np.savez(path, **flat)


def test_hash_tells_values_names_and_shapes_apart():
    base = {"a": np.zeros((2, 3), np.float32), "b": np.ones(2, np.float32)}
    other_value = base | {"b": np.array([1, 2], np.float32)}
    other_name = {"a": base["a"], "c": base["b"]}
    other_shape = base | {"a": np.zeros((3, 2), np.float32)}
    hashes = {hash_weights(x) for x in (base, other_value, other_name, other_shape)}
    assert len(hashes) == 4
    assert hash_weights(dict(reversed(base.items()))) == hash_weights(base)


def test_shifted_images_are_crops_of_the_images_with_their_edges_repeated():
    images = np.random.default_rng(0).normal(size=(20, 16, 16, 2)).astype(np.float32)
    moved = np.asarray(shift_randomly(jnp.asarray(images), jax.random.key(1)))
    seen = set()
    for image, result in zip(images, moved, strict=True):
        wide = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")
        crops = {
            (r, c): wide[r : r + 16, c : c + 16] for r in range(5) for c in range(5)
        }
        found = [place for place, crop in crops.items() if (crop == result).all()]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) > 10


def test_accuracy_counts_every_row_once():
    """By a net that answers the first pixel's value."""

    class Answer:
        def apply(self, params, image):
            return image, jax.nn.one_hot(image[:, 0, 0, 0].astype(int), 10)

    label = np.arange(1203) % 7
    image = np.zeros((1203, 2, 2, 1), np.float32)
    image[:, 0, 0, 0] = np.where(np.arange(1203) % 3 == 0, (label + 1) % 10, label)
    data = Dataset(Spec((2, 2, 1), 10, 1203), lambda: Stored(image, label))
    assert measure_accuracy(Answer(), {}, data, np.arange(1203)) == pytest.approx(2 / 3)


def test_data_without_a_classifier_are_told_what_there_is(cache):
    with pytest.raises(ValueError, match="'ring'.*no classifier.*mnist.*pixels"):
        trained_classifier(DatasetConfig("ring"))


def test_images_too_small_for_the_classifier_are_refused(cache):
    with pytest.raises(ValueError, match="dataset.resolution 4: .* needs 8"):
        trained_classifier(DatasetConfig("digits", resolution=4))


def test_pixels_are_the_examples_themselves():
    images = np.random.default_rng(0).normal(size=(7, 4, 4, 3)).astype(np.float32)
    found = extract_features(
        EXTRACTORS["pixels"](DIGITS, None), [images[:5], images[5:]]
    )
    np.testing.assert_array_equal(found.features, images.reshape(7, -1))
    assert found.probabilities is None


def test_features_do_not_depend_on_the_batch(trained):
    images = DATASETS["digits"](DIGITS).get(np.arange(30)).image
    cnn = EXTRACTORS["cnn"](DIGITS, None)
    whole = extract_features(cnn, [images])
    parts = extract_features(cnn, [images[:1], images[1:20], images[20:]])
    np.testing.assert_allclose(parts.features, whole.features, atol=1e-4)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-5)
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("side", [8, 9, 28])
def test_tiny_images_are_convolved_alike_by_a_product(side):
    """Of 8 pixels a side, 2 are left before the last convolution; of 28, 7."""
    image = jax.random.normal(jax.random.key(1), (5, side, side, 1))
    params = Classifier(10).init(jax.random.key(0), image)
    plain = classify(Classifier(10), params, image)
    ours = classify(Classifier(10, convolve_small_images), params, image)
    chex.assert_trees_all_close(ours, plain, rtol=1e-5, atol=1e-5)
    net = Classifier(10, convolve_small_images)
    text = str(jax.make_jaxpr(partial(classify, net))(params, image))
    assert text.count("conv_general_dilated[") == (3 if side == 28 else 2)


@pytest.mark.parametrize(("side_length", "border"), [(28, 0), (32, 2)])
def test_stacked_mnist_is_read_channel_by_channel(side_length, border, monkeypatch):
    net = Classifier(10)
    params = net.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
    found = classifier.Trained(params, 10, "abc", 0.9)
    asked = []
    monkeypatch.setattr(
        "gan_jax.features.extractors.trained_classifier",
        lambda config: asked.append(config) or found,
    )
    plain = np.random.default_rng(0).normal(size=(4, 28, 28, 3)).astype(np.float32)
    margin = (border, border)
    wide = np.pad(plain, ((0, 0), margin, margin, (0, 0)))
    config = DatasetConfig("stacked_mnist", resolution=32 if border else None)
    features, p = EXTRACTORS["cnn"](config, None).extract(jnp.asarray(wide))
    assert asked == [DatasetConfig("mnist")]
    for channel in range(3):
        one, logits = classify(
            net, params, jnp.asarray(plain[..., channel : channel + 1])
        )
        mine = features[:, 128 * channel : 128 * (channel + 1)]
        np.testing.assert_allclose(mine, one, atol=1e-4)
        np.testing.assert_allclose(p[:, channel], jax.nn.softmax(logits), atol=1e-5)
