"""Intervals of distances, and the extrapolated Frechet distance, against known laws."""

import warnings

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.evaluate.metric import Comparison
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.features import FeatureSet
from gan_jax.metrics.frechet import fast_frechet
from gan_jax.metrics.jackknife import GROUPS, jackknife_error, number_groups


def gaussians(shift, scale, count, width, seed):
    """Samples of N(0, 1) and of N((shift, 0, ...), scale^2)."""
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(2, count, width))
    fake *= scale
    fake[:, 0] += shift
    return real, fake


def known_distance(shift, scale, width):
    """`|m - m'|^2 + tr (S^1/2 - S'^1/2)^2`, as the covariances commute."""
    return shift**2 + width * (1 - scale) ** 2


def test_error_of_a_mean_is_that_of_its_groups():
    """A difference of means of groups that are exactly known: a closed form."""
    real, fake = gaussians(0, 1, 200, 1, 0)
    without = metrics.leave_groups_out(
        lambda x, y: float(y.mean() - x.mean()), real, fake
    )
    groups = (fake - real).reshape(GROUPS, 20).mean(axis=1)
    expected = groups.std(ddof=1) / np.sqrt(GROUPS)
    assert jackknife_error(without) == pytest.approx(expected, rel=1e-10)
    low, high = metrics.confidence_interval(3.0, without)
    assert (low + high) / 2 == pytest.approx(3)
    assert (high - low) / 2 == pytest.approx(2.262157 * expected, rel=1e-6)  # t_9


def test_distances_without_groups_are_those_of_the_rest():
    real, fake = gaussians(0.5, 1.3, 95, 4, 1)
    fake = fake[:83]
    forms = [
        (metrics.frechet_distance, metrics.frechet_without_groups),
        (metrics.kernel_distance, metrics.kernel_distance_without_groups),
    ]
    for distance, without_groups in forms:
        expected = metrics.leave_groups_out(distance, real, fake)
        assert without_groups(real, fake) == pytest.approx(expected, rel=1e-9)
    assert np.bincount(number_groups(83)).min() >= 8


def test_fast_frechet_distance_is_the_distance_also_of_singular_covariances():
    for count, tolerance in ((200, 1e-9), (12, 1e-6)):
        sides = gaussians(1, 2, count, 20, 2)
        moments = [metrics.moments(x) for x in sides]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            expected = metrics.frechet_of_moments(*moments)
        assert fast_frechet(*moments) == pytest.approx(expected, rel=tolerance)


REPEATS = 200
CASES = [(1.0, 1.0, 3, 300), (0.0, 1.3, 3, 300), (0.5, 1.2, 8, 400)]


@pytest.mark.parametrize(("shift", "scale", "width", "count"), CASES)
def test_interval_covers_the_mean_distance_of_its_size(shift, scale, width, count):
    """95 % of 200 sets, to 4 deviations of the binomial (1.5 % each).

    Where the extrapolated distance is the middle, the known distance is covered.
    """
    true, values, covered_true, reaches = known_distance(shift, scale, width), [], 0, []
    for seed in range(REPEATS):
        sides = gaussians(shift, scale, count, width, seed)
        values.append(metrics.frechet_distance(*sides))
        low, high = metrics.confidence_interval(
            values[-1], metrics.frechet_without_groups(*sides)
        )
        reaches.append((high - low) / 2)
        middle = metrics.frechet_extrapolated(*sides)
        covered_true += abs(middle - true) <= reaches[-1]
    covered = np.mean(np.abs(values - np.mean(values)) <= reaches)
    assert covered == pytest.approx(0.95, abs=0.06)
    assert covered_true / REPEATS == pytest.approx(0.95, abs=0.06)


@pytest.mark.parametrize(
    ("width", "count", "has"), [(8, 8, False), (8, 63, False), (8, 64, True)]
)
def test_extrapolated_distance_has_an_interval_where_its_law_holds(width, count, has):
    """From 8 samples per feature on; where it has none, it warns."""
    sides = gaussians(1, 1, count, width, 0)
    fake = FeatureSet(sides[1], None)
    real = FeatureSet(np.concatenate(sides), None)
    groups = METRICS["frechet_extrapolated"].without_groups
    found = groups(Comparison(real, fake, None, None))
    assert list(found) == ["frechet_extrapolated"] * has
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metrics.frechet_extrapolated(*sides)
    assert bool(caught) != has


@pytest.mark.parametrize(("shift", "scale", "width"), [(1, 1, 4), (0.5, 1.2, 8)])
def test_interval_of_the_extrapolated_distance_covers_the_true_one(shift, scale, width):
    """With 8 samples per feature; 200 sets, to 4 deviations of the binomial."""
    true, covered = known_distance(shift, scale, width), 0
    for seed in range(REPEATS):
        sides = gaussians(shift, scale, 8 * width, width, seed)
        low, high = metrics.confidence_interval(
            metrics.frechet_extrapolated(*sides),
            metrics.frechet_without_groups(*sides),
        )
        covered += low <= true <= high
    assert covered / REPEATS == pytest.approx(0.95, abs=0.06)


def test_interval_of_equal_distributions_is_on_the_safe_side():
    """Their first order vanishes: the error is too large, by about 2^1/2."""
    values, errors = [], []
    for seed in range(100):
        sides = gaussians(0, 1, 200, 20, seed)
        values.append(metrics.frechet_distance(*sides))
        errors.append(jackknife_error(metrics.frechet_without_groups(*sides)))
    assert 1 < np.mean(errors) / np.std(values, ddof=1) < 1.6


def test_interval_of_a_kernel_distance_covers_its_mean():
    """Its mean is the squared MMD at every n; here of 4,000 samples of each side."""
    true = metrics.kernel_distance(*gaussians(1, 1, 4000, 2, 999))
    covered = 0
    for seed in range(100):
        sides = gaussians(1, 1, 200, 2, seed)
        low, high = metrics.confidence_interval(
            metrics.kernel_distance(*sides),
            metrics.kernel_distance_without_groups(*sides),
        )
        covered += low <= true <= high
    assert 86 <= covered  # 4 deviations of the binomial under 95


def test_bootstrap_with_replacement_doubles_the_bias_of_the_frechet_distance():
    """Why groups are left out instead: its percentiles miss even the value."""
    real, fake = gaussians(0, 1, 200, 20, 0)
    value = metrics.frechet_distance(real, fake)
    rng = np.random.default_rng(0)
    drawn = [
        metrics.frechet_distance(
            real[rng.integers(200, size=200)], fake[rng.integers(200, size=200)]
        )
        for _ in range(100)
    ]
    assert np.percentile(drawn, 2.5) > value
    assert np.mean(drawn) == pytest.approx(2 * value, rel=0.2)


def test_extrapolated_distance_is_exact_for_a_law_of_one_over_n(monkeypatch):
    """FID_N = 3 + 60 / N with N = n / k is a line in k: the intercept is 3."""
    from gan_jax.metrics import frechet

    monkeypatch.setattr(frechet, "fast_frechet", lambda a, b: 3 + 60 / a.count)
    real, fake = gaussians(0, 1, 240, 2, 0)
    assert metrics.frechet_extrapolated(real, fake) == pytest.approx(3, rel=1e-9)


def test_extrapolation_takes_the_bias_away():
    """20 features, 200 samples: the bias of D_n is 1.2; the rest is noise."""
    plain, extrapolated = [], []
    for seed in range(50):
        sides = gaussians(0, 1, 200, 20, seed)
        plain.append(metrics.frechet_distance(*sides))
        extrapolated.append(metrics.frechet_extrapolated(*sides))
    assert np.mean(plain) > 1
    error = np.std(extrapolated, ddof=1) / np.sqrt(50)
    assert abs(np.mean(extrapolated)) < 0.05 * np.mean(plain) + 3 * error


def test_extrapolation_refuses_too_few_and_warns_of_few():
    real, fake = gaussians(0, 1, 40, 6, 0)
    with pytest.raises(ValueError, match="real has 7 rows; at least 8"):
        metrics.frechet_extrapolated(real[:7], fake[:7])
    with pytest.warns(UserWarning, match="parts of 10 samples of 6 features.*take 48"):
        metrics.frechet_extrapolated(real, fake)
