"""Features of the data in the cache: found again by all that their set holds."""

from datetime import UTC, datetime

import jax
import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import Dataset, Spec, Stored
from gan_jax.evaluate.evaluator import make_evaluator
from gan_jax.evaluate.reference import read_features, set_features
from gan_jax.features import EXTRACTORS, Extractor

DIGITS = Config(dataset=DatasetConfig("digits"))


def test_features_of_the_data_are_computed_once(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path))
    calls = []

    def looking(config, path):
        def extract(x):
            calls.append(len(x))
            return x.reshape(len(x), -1)[:, :5], jax.nn.softmax(x[:, 0, :, 0])

        return Extractor("looking", "abc", "none", "", 60, extract)

    monkeypatch.setitem(EXTRACTORS, "looking", looking)
    first = make_evaluator(DIGITS, ("fid",), n=100, extractor="looking")
    assert calls == [50, 50]
    again = make_evaluator(DIGITS, ("fid",), n=100, extractor="looking")
    assert calls == [50, 50]
    for ours, theirs in zip(first.real, again.real, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    (place,) = tmp_path.glob("features-*.npz")
    with np.load(place) as stored:
        made = datetime.fromisoformat(str(stored["time"]))
        assert abs((datetime.now(UTC) - made).total_seconds()) < 3600
        assert find_dataset(DIGITS).fingerprint in str(stored["key"])
        assert "digits" in str(stored["key"])
    place.write_bytes(place.read_bytes()[:-9])
    third = make_evaluator(DIGITS, ("fid",), n=100, extractor="looking")
    assert calls == [50, 50, 50, 50]
    np.testing.assert_array_equal(third.real.features, first.real.features)
    assert read_features(place, "another key") is None


def test_any_changed_example_makes_new_features(tmp_path, monkeypatch):
    """One value of one of 1,000 images, wherever it is; equal data find their own."""
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (1000, 4, 4, 1), np.uint8)
    made = []

    def extract(x):
        made.append(len(x))
        return x.reshape(len(x), -1), None

    tool = Extractor("own", "abc", "none", "", 1000, extract)

    def features_of(pixels):
        spec = Spec((4, 4, 1), None, 1000)
        data = Dataset(spec, lambda: Stored(pixels, None), streams=True)
        return set_features(tool, DatasetConfig("mine"), data, 200, 0)

    features_of(images)
    features_of(images.copy())
    assert made == [200]
    for turn, changed in enumerate(np.random.default_rng(1).integers(1000, size=5)):
        other = images.copy()
        other[changed, 1, 2, 0] ^= 1
        features_of(other)
        assert len(made) == 2 + turn
