"""Metrics in float32 and on accelerators, and what features they refuse."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from metric_sets import TWO_SETS, accelerate, prdc_oracle, sets, softmax

from gan_jax import metrics
from gan_jax.metrics import blocks


@pytest.mark.parametrize("name", TWO_SETS)
def test_float32_arrays_of_jax_give_the_same_on_the_host(name):
    """Where there is no accelerator, in float64: the inputs' rounding remains."""
    real, fake = (np.asarray(x, np.float32) for x in sets(60, 60))
    expected = TWO_SETS[name](np.float64(real), np.float64(fake))
    assert TWO_SETS[name](jnp.asarray(real), fake) == expected


@pytest.mark.parametrize("name", TWO_SETS)
def test_float32_on_the_accelerator_is_close(name, small_blocks, monkeypatch):
    real, fake = (np.asarray(x, np.float32) for x in sets(60, 60))
    expected = TWO_SETS[name](np.float64(real), np.float64(fake))
    accelerate(monkeypatch)
    found = TWO_SETS[name](jnp.asarray(real), fake)
    # Of differences of sums about 1, of which float32 keeps 6 digits.
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("offset", [0, 100])
def test_precision_recall_on_the_accelerator_is_right_to_2e_3(offset, monkeypatch):
    monkeypatch.setattr(blocks, "DEVICE_ENTRIES", 700 * 64)
    accelerate(monkeypatch)
    real, fake = (np.float32(x + offset) for x in sets(700, 500, 64))
    found = metrics.precision_recall(real, fake)
    assert found == pytest.approx(prdc_oracle(real, fake, 5), abs=2e-3)


def test_an_exact_copy_is_at_distance_zero_on_the_accelerator(monkeypatch):
    accelerate(monkeypatch)
    real = np.float32(sets()[0] + 100)
    np.testing.assert_array_equal(metrics.nearest_distances(real[::3], real), 0)


# Bad input.


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", TWO_SETS)
def test_features_that_are_not_finite_are_counted(name, value):
    real, fake = sets(40, 40)
    fake[[3, 7, 9], [0, 1, 1]] = value
    for bad in (fake, jnp.asarray(fake)):
        with pytest.raises(ValueError, match="NaN or infinity in 3 of 40 rows"):
            TWO_SETS[name](real, bad)


@pytest.mark.parametrize("name", TWO_SETS)
def test_features_of_other_shapes_are_refused(name):
    real, fake = sets(40, 40)
    with pytest.raises(ValueError, match="differ in width"):
        TWO_SETS[name](real, fake[:, 1:])
    with pytest.raises(ValueError, match=re.escape("[N, F]")):
        TWO_SETS[name](real, fake.reshape(40, 2, 4))


REFUSED = {
    "k 0; at least 1": lambda x, y: metrics.precision_recall(x, y, k=0),
    "real has 40 rows; at least 41": lambda x, y: metrics.precision_recall(x, y, k=40),
    "real has 1 rows": lambda x, y: metrics.kernel_distance(x[:1], y),
    "fake has 1 rows": lambda x, y: metrics.energy_distance(x, y[:1]),
    "size 50 of a subset; 2 to 40": lambda x, y: metrics.kernel_distance_subsets(
        x, y, size=50
    ),
    "subsets 1; a standard error": lambda x, y: metrics.kernel_distance_subsets(
        x, y, size=5, subsets=1
    ),
    "bandwidths": lambda x, y: metrics.rbf_mmd(x, y, bandwidths=[1.0, 0.0]),
    "at least one, all positive": lambda x, y: metrics.rbf_mmd(x * 0, y),
    "sliced_wasserstein of 40 real and 30 fake": lambda x, y: (
        metrics.sliced_wasserstein(x, y[:30])
    ),
    "directions 0": lambda x, y: metrics.sliced_wasserstein(x, y, directions=0),
    "diversity of 30 real and 40 fake": lambda x, y: metrics.diversity(x[:30], y),
    "bandwidth 0": lambda x, y: metrics.effective_number(x, 0.0),
    "40 of 40 rows of probabilities": lambda x, y: metrics.inception_score(x),
    "splits 41; 1 to 40": lambda x, y: metrics.inception_score(softmax(x), splits=41),
    "predictions have shape": lambda x, y: metrics.stacked_modes(x),
    "the digits 0 to 9": lambda x, y: metrics.stacked_modes(x[:, :3]),
    "confidences have shape": lambda x, y: metrics.stacked_modes(
        np.zeros((40, 3), int), np.ones(40)
    ),
    "sigma 0": lambda x, y: metrics.mode_report(x, y, 0.0),
    "sigma -1": lambda x, y: metrics.energy_to_mixture(x, y, -1),
    "differ in dimension": lambda x, y: metrics.mode_report(x, y[:, 1:], 1.0),
    "one positive weight": lambda x, y: metrics.mode_report(
        x, y, 1.0, weights=np.zeros(40)
    ),
    "moments differ in width": lambda x, y: metrics.frechet_of_moments(
        metrics.moments(x), metrics.moments(y[:, 1:])
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_named(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message](*sets(40, 40))


def test_chunks_of_different_widths_are_refused():
    real, fake = sets()
    with pytest.raises(ValueError, match="moments differ in width"):
        metrics.moments_of_chunks([real, fake[:, 1:]])
