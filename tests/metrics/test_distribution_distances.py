"""Frechet, kernel, energy and sliced distances: closed forms, NumPy and scipy forms."""

import math

import numpy as np
import pytest
from metric_sets import sets
from scipy import linalg, stats
from scipy.spatial.distance import cdist

from gan_jax import metrics
from gan_jax.metrics.frechet import frechet_without_groups
from gan_jax.metrics.jackknife import GROUPS


def test_frechet_distance_equals_scipys_matrix_root():
    real, fake = sets(400, 300, 24)
    s, t = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    shift = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
    expected = shift + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    assert metrics.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-8)


@pytest.mark.filterwarnings("ignore:.*samples of")
@pytest.mark.parametrize("counts", [(30, 40), (30, 400), (400, 30), (64, 65)])
def test_frechet_distance_of_few_rows_is_that_of_their_moments(counts):
    real, fake = sets(*counts, 64)
    expected = metrics.frechet_of_moments(metrics.moments(real), metrics.moments(fake))
    found = metrics.frechet_distance(real, fake)
    assert found == pytest.approx(expected, rel=1e-9)
    numbers = [np.arange(n) * GROUPS // n for n in counts]
    without = frechet_without_groups(real, fake)
    for group, value in enumerate(without):
        one, other = real[numbers[0] != group], fake[numbers[1] != group]
        direct = metrics.frechet_of_moments(
            metrics.moments(one), metrics.moments(other)
        )
        assert value == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize("kept", [30, 20])
def test_frechet_distance_of_gaussians_has_its_closed_form(kept):
    """With commuting covariances `|m - m'|^2 + sum (s_i - s'_i)^2`, also singular ones.

    The root of an eigenvalue that is 0 but for rounding would be 1e-8.
    """
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(30, 30)))
    a, b = rng.uniform(1, 3, size=(2, 30))
    a[kept:], b[: 30 - kept] = 0, 0
    mean, other = rng.normal(size=(2, 30))
    gaussians = [
        metrics.Moments(m, rotation * s**2 @ rotation.T, 100)
        for m, s in [(mean, a), (other, b)]
    ]
    expected = np.sum((mean - other) ** 2) + np.sum((a - b) ** 2)
    value = metrics.frechet_of_moments(*gaussians)
    assert value == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_of_a_set_and_itself_is_zero():
    real, _ = sets()
    assert metrics.frechet_distance(real, real) == pytest.approx(0, abs=1e-12)


def test_frechet_distance_of_singular_covariances_is_that_within_their_span():
    """3 dimensions, put into 40 by a rotation: the distance stays."""
    rng = np.random.default_rng(0)
    real, fake = sets(80, 90, 3)
    rotation, _ = np.linalg.qr(rng.normal(size=(40, 40)))
    wide = [np.pad(x, ((0, 0), (0, 37))) @ rotation for x in (real, fake)]
    expected = metrics.frechet_distance(real, fake)
    assert metrics.frechet_distance(*wide) == pytest.approx(expected, rel=1e-10)


def test_frechet_distance_of_gaussians_on_different_subspaces_has_its_closed_form():
    """Covariances whose product is 0: nothing to subtract but the means."""
    s, t = np.diag([4.0, 1, 0, 0]), np.diag([0.0, 0, 9, 0])
    a = metrics.Moments(np.zeros(4), s, 10)
    b = metrics.Moments(np.ones(4), t, 10)
    assert metrics.frechet_of_moments(a, b) == pytest.approx(4 + 5 + 9, rel=1e-12)


def test_frechet_distance_between_two_points_is_their_squared_distance():
    real, fake = np.tile([1.0, 2], (5, 1)), np.tile([4.0, 6], (7, 1))
    assert metrics.frechet_distance(real, fake) == pytest.approx(25)


@pytest.mark.parametrize(
    ("count", "words"),
    [(39, "39 samples of 20 features: the Frechet"), (20, "20 samples.*is singular")],
)
def test_frechet_distance_warns_of_fewer_than_two_samples_per_feature(count, words):
    real, fake = sets(count, 40, 20)
    with pytest.warns(UserWarning, match=f"{words}.*at least 40"):
        metrics.frechet_distance(real, fake)


def test_frechet_distance_refuses_one_sample():
    real, fake = sets(1, 30, 3)
    with pytest.raises(ValueError, match="count 1.*at least 2"):
        metrics.frechet_distance(real, fake)


def test_moments_are_the_unbiased_ones_in_float64_without_x64():
    real = sets(9000, 2)[0] + 1e6
    found = metrics.moments(real)
    assert found.count == 9000 and found.covariance.dtype == np.float64
    np.testing.assert_allclose(found.mean, real.mean(axis=0), rtol=1e-14)
    # Entries near 0 inherit the rounding of 1e6, 1e-10, over sqrt(9000).
    np.testing.assert_allclose(
        found.covariance, np.cov(real, rowvar=False), rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("sizes", [[150], [1, 149], [2, 50, 98], [1] * 150])
def test_moments_do_not_depend_on_the_chunks(sizes):
    real, _ = sets()
    chunks = np.split(real, np.cumsum(sizes)[:-1])
    found = metrics.moments_of_chunks(iter(chunks))
    assert found.count == 150
    np.testing.assert_allclose(found.mean, real.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        found.covariance, np.cov(real, rowvar=False), rtol=1e-12, atol=1e-14
    )


def test_moments_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one chunk"):
        metrics.moments_of_chunks([])


# Distances between distributions.


def kid_oracle(real, fake):
    """Sums over all pairs, one by one."""

    def k(x, y):
        return (np.dot(x, y) / len(x) + 1) ** 3

    def within(points):
        n = len(points)
        pairs = [k(points[i], points[j]) for i in range(n) for j in range(n) if i != j]
        return sum(pairs) / (n * (n - 1))

    across = [k(x, y) for x in real for y in fake]
    return within(real) + within(fake) - 2 * np.mean(across)


def test_kernel_distance_equals_the_sum_over_pairs(small_blocks):
    real, fake = sets(50, 40)
    expected = kid_oracle(real, fake)
    assert metrics.kernel_distance(real, fake) == pytest.approx(expected, rel=1e-10)


def test_kernel_distance_is_centred_on_zero_for_equal_distributions():
    rng = np.random.default_rng(0)
    values = [metrics.kernel_distance(*rng.normal(size=(2, 60, 4))) for _ in range(200)]
    error = np.std(values, ddof=1) / np.sqrt(200)
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0 < max(values)
    # With the pairs i = j it were off by E[k(x, x) - k(x, y)] / 30, more than 2 / 30.
    assert 4 * error < 2 / 30


def test_subset_kernel_distance_is_that_of_its_subsets():
    real, fake = sets(30, 25)
    mean, error = metrics.kernel_distance_subsets(
        real, fake, subsets=7, size=10, seed=3
    )
    rng = np.random.default_rng(3)
    values = []
    for _ in range(7):
        x = real[rng.choice(30, 10, replace=False)]
        y = fake[rng.choice(25, 10, replace=False)]
        values.append(kid_oracle(x, y))
    assert mean == pytest.approx(np.mean(values), rel=1e-10)
    assert error == pytest.approx(stats.sem(values), rel=1e-10)


def test_subsets_of_everything_are_all_the_full_kernel_distance():
    real, fake = sets(30, 30)
    mean, error = metrics.kernel_distance_subsets(real, fake, subsets=5, size=30)
    expected = metrics.kernel_distance(real, fake)
    assert mean == pytest.approx(expected) and error < 1e-12


def mean_of_other_pairs(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)].mean()


@pytest.mark.parametrize("bandwidths", [None, [0.5], (1.0, 3.0)])
def test_rbf_mmd_equals_its_definition(bandwidths, small_blocks):
    real, fake = sets(50, 40)
    median = np.median(cdist(real, real)[np.triu_indices(50, 1)])
    chosen = bandwidths or [factor * median for factor in (0.25, 0.5, 1, 2, 4)]

    def k(x, y):
        squares = cdist(x, y, "sqeuclidean")
        return np.mean([np.exp(-squares / (2 * h**2)) for h in chosen], axis=0)

    expected = mean_of_other_pairs(k(real, real)) + mean_of_other_pairs(k(fake, fake))
    expected -= 2 * k(real, fake).mean()
    value = metrics.rbf_mmd(real, fake, bandwidths=bandwidths)
    assert value == pytest.approx(expected, rel=1e-10)


def test_rbf_mmd_of_gaussians_has_its_closed_form():
    """`E k = sqrt(h^2 / (h^2 + 2)) exp(-m^2 / 2(h^2 + 2))` between N(0, 1), N(m, 1)."""
    rng = np.random.default_rng(0)
    h, m = 1.5, 1.0
    values = [
        metrics.rbf_mmd(
            rng.normal(size=(200, 1)), m + rng.normal(size=(200, 1)), bandwidths=[h]
        )
        for _ in range(50)
    ]
    scale = math.sqrt(h**2 / (h**2 + 2))
    expected = 2 * scale * (1 - math.exp(-(m**2) / (2 * (h**2 + 2))))
    assert abs(np.mean(values) - expected) < 4 * stats.sem(values)
    assert stats.sem(values) < expected / 20


def test_median_distance_is_over_all_pairs_and_fixed_where_sampled():
    real, _ = sets(101)
    expected = np.median(cdist(real, real)[np.triu_indices(101, 1)])
    assert metrics.median_distance(real) == pytest.approx(expected, rel=1e-12)
    # On a grid of 50 points on a line the distances repeat in the data's order; the
    # median distance of 0..49 by pairs with replacement is 49 (1 - 1/sqrt(2)) = 14.4.
    line = np.tile(np.arange(50.0), 60)[:, None]
    assert metrics.median_distance(line) == metrics.median_distance(line)
    assert metrics.median_distance(line) in (13, 14, 15)


def test_energy_distance_equals_its_definition(small_blocks):
    real, fake = sets(50, 40)
    expected = 2 * cdist(real, fake).mean()
    expected -= mean_of_other_pairs(cdist(real, real))
    expected -= mean_of_other_pairs(cdist(fake, fake))
    assert metrics.energy_distance(real, fake) == pytest.approx(expected, rel=1e-10)


def test_energy_distance_of_two_points_is_twice_their_distance():
    real, fake = np.tile([1.0, 2], (5, 1)), np.tile([4.0, 6], (7, 1))
    assert metrics.energy_distance(real, fake) == pytest.approx(10, rel=1e-6)


def test_sliced_wasserstein_equals_scipys_along_its_directions():
    real, fake = sets(60, 60, 3)
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(4, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    expected = np.mean(
        [stats.wasserstein_distance(real @ u, fake @ u) for u in directions]
    )
    value = metrics.sliced_wasserstein(real, fake, directions=4, seed=5)
    assert value == pytest.approx(expected, rel=1e-12)


def test_sliced_wasserstein_of_a_shift_is_its_mean_projection():
    """`E|u.v| = |v| 2 / pi` for uniform u in the plane, of variance 1/2 - 4/pi^2."""
    real, _ = sets(40, 2, 2)
    value = metrics.sliced_wasserstein(real, real + [3.0, 4], directions=4000)
    spread = 5 * math.sqrt((0.5 - 4 / math.pi**2) / 4000)
    assert abs(value - 10 / math.pi) < 4 * spread
