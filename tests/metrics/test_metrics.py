"""Metrics: closed forms, known truths, independent NumPy, scipy and prdc forms."""

import math
import re

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, linalg, stats
from scipy.spatial.distance import cdist

from gan_jax import metrics
from gan_jax.metrics import blocks


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks, the last of them partial, also of small sets."""
    monkeypatch.setattr(blocks, "HOST_ENTRIES", 700)
    monkeypatch.setattr(blocks, "DEVICE_ENTRIES", 700)


def accelerate(monkeypatch):
    """From here on, the accelerator's float32 program, compiled for the CPU."""
    monkeypatch.setattr("gan_jax.metrics.inputs.accelerated", lambda *features: True)


def sets(n=150, m=130, width=8, seed=0):
    """Two overlapping, correlated Gaussian sets, off the origin."""
    rng = np.random.default_rng(seed)
    mix = np.eye(width) + rng.normal(size=(width, width)) / 4
    real = rng.normal(size=(n, width)) @ mix + 1
    return real, 1.1 * rng.normal(size=(m, width)) @ mix + 1.2


def circle(count=8):
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def grid():
    return np.stack(np.meshgrid(*[np.arange(-4, 5, 2.0)] * 2), axis=-1).reshape(-1, 2)


def mixture(centres, sigma, count, rng, p=None):
    which = rng.choice(len(centres), count, p=p)
    return centres[which] + sigma * rng.normal(size=(count, centres.shape[1]))


TWO_SETS = {
    "frechet_distance": metrics.frechet_distance,
    "kernel_distance": metrics.kernel_distance,
    "precision_recall": lambda x, y: metrics.precision_recall(x, y)["density"],
    "sliced_wasserstein": metrics.sliced_wasserstein,
    "rbf_mmd": metrics.rbf_mmd,
    "energy_distance": metrics.energy_distance,
    "nearest_distances": lambda x, y: float(metrics.nearest_distances(x, y).mean()),
    "diversity": metrics.diversity,
}


# Frechet distance.


def test_frechet_distance_equals_scipys_matrix_root():
    real, fake = sets(400, 300, 24)
    s, t = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    shift = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
    expected = shift + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    assert metrics.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-8)


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
    real, fake = sets(60, 70, 3)
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


def test_frechet_distance_warns_of_fewer_samples_than_features():
    real, fake = sets(10, 30, 20)
    with pytest.warns(UserWarning, match="10 samples of 20 features.*at least 20"):
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


# Neighbours.


def prdc_oracle(real, fake, k):
    """The definition, from explicit differences."""

    def radii(points):
        distances = cdist(points, points)
        np.fill_diagonal(distances, np.inf)
        return np.sort(distances, axis=1)[:, k - 1]

    distances, r, s = cdist(real, fake), radii(real), radii(fake)
    inside = distances < r[:, None]
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": (distances < s[None]).any(axis=1).mean(),
        "density": inside.sum() / (k * len(fake)),
        "coverage": (distances.min(axis=1) < r).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_equals_its_definition(k, small_blocks):
    real, fake = sets()
    expected = prdc_oracle(real, fake, k)
    assert all(0 < value < 1 for name, value in expected.items() if name != "density")
    found = metrics.precision_recall(real, fake, k)
    assert found == pytest.approx(expected, rel=1e-14)


def integer_sets():
    """Many equal points and equal distances, all of them exact."""
    real, fake = np.random.default_rng(0).integers(0, 4, size=(2, 120, 3))
    return real, fake + 1


def test_ties_are_not_inside(small_blocks):
    real, fake = integer_sets()
    assert metrics.precision_recall(real, fake) == pytest.approx(
        prdc_oracle(real, fake, 5), rel=1e-14
    )
    # From 0 to 4 in steps of 1: the nearest fake is as far as the nearest other real.
    line = np.arange(5)[:, None]
    apart = metrics.precision_recall(line, line + 5, k=1)
    assert apart == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


@pytest.mark.oracle("prdc")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("pair", [sets(), sets(700, 500, 64), integer_sets()])
def test_precision_recall_equals_the_prdc_package_exactly(pair, k):
    import prdc

    real, fake = (np.asarray(x, np.float64) for x in pair)
    expected = prdc.compute_prdc(real, fake, k)
    assert metrics.precision_recall(real, fake, k) == expected


def test_coverage_of_identical_sets_is_one():
    real, _ = sets()
    found = metrics.precision_recall(real, real)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_swapping_the_sets_swaps_precision_and_recall():
    real, fake = sets()
    one, other = (metrics.precision_recall(*x) for x in [(real, fake), (fake, real)])
    assert one["precision"] == other["recall"] != one["recall"] == other["precision"]


def test_equal_distributions_have_density_one_and_the_known_coverage():
    """Coverage `1 - prod_l (N - l) / (N + M - l)`, l = 1..k, and density 1."""
    rng = np.random.default_rng(0)
    n, m, k, repeats = 60, 50, 5, 200
    found = [
        metrics.precision_recall(*np.split(rng.normal(size=(n + m, 2)), [n]), k)
        for _ in range(repeats)
    ]
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    for name, value in {"coverage": expected, "density": 1}.items():
        values = [each[name] for each in found]
        assert abs(np.mean(values) - value) < 4 * stats.sem(values)
        assert stats.sem(values) < 0.01


def test_nearest_distances_equal_the_smallest_of_all(small_blocks):
    real, fake = sets()
    expected = cdist(fake, real).min(axis=1)
    found = metrics.nearest_distances(fake, real)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_exact_copy_is_at_distance_zero():
    real = sets()[0] + 1e4
    np.testing.assert_array_equal(metrics.nearest_distances(real[::3], real), 0)


def test_memorization_ratio_is_of_mean_nearest_distances():
    train, test, fake = np.arange(4.0)[:, None], [[0.5], [3.25]], [[1.1], [5.0], [0]]
    ratio = metrics.memorization_ratio(train, np.array(test), np.array(fake))
    assert ratio == pytest.approx((0.1 + 2 + 0) / 3 / ((0.5 + 0.25) / 2))
    assert metrics.memorization_ratio(train, np.array(test), train) == 0
    assert math.isnan(metrics.memorization_ratio(train, train, np.array(fake)))


# Diversity.


def test_effective_number_is_the_vendi_score_of_order_two(small_blocks):
    points, _ = sets(80)
    kernel = np.exp(-cdist(points, points, "sqeuclidean") / (2 * 1.5**2))
    eigenvalues = np.linalg.eigvalsh(kernel / 80)
    found = metrics.effective_number(points, 1.5)
    assert found == pytest.approx(1 / np.sum(eigenvalues**2), rel=1e-10)


def test_effective_number_counts_distant_clusters():
    points = np.repeat(100 * circle(7), 30, axis=0)
    assert metrics.effective_number(points, 1.0) == pytest.approx(7)
    assert metrics.effective_number(points[:30], 1.0) == pytest.approx(1)
    assert metrics.effective_number(100 * circle(7), 1.0) == pytest.approx(7)


def test_diversity_of_half_the_modes_is_a_half():
    real = np.repeat(circle(8), 40, axis=0)
    assert metrics.diversity(real, real) == 1
    # h is a fifth of sqrt(2), the median; k^2 of neighbouring modes, sin(pi/8) 2 apart:
    near = math.exp(-((2 * math.sin(math.pi / 8)) ** 2) * 25 / 2)
    fake = np.repeat(circle(4), 80, axis=0)
    found = metrics.diversity(real, fake)
    assert found == pytest.approx(0.5 * (1 + 2 * near), rel=1e-6)


def test_diversity_is_at_equal_numbers_of_the_same_mixture_about_one():
    """Each ratio scatters by a few percent; their mean is 1 within its error."""
    rng = np.random.default_rng(0)
    ratios = [
        metrics.diversity(*mixture(circle(), 0.05, 600, rng).reshape(2, 300, 2))
        for _ in range(30)
    ]
    assert abs(np.mean(ratios) - 1) < 4 * stats.sem(ratios) < 0.05


def test_diversity_of_data_of_one_point_is_nan():
    real = np.full((20, 3), 0.1)
    assert math.isnan(metrics.diversity(real, sets(2, 20, 3)[1]))


# Classifiers.


def softmax(logits):
    e = np.exp(logits)
    return e / e.sum(axis=1)[:, None]


def test_inception_score_equals_the_mean_divergence():
    p = softmax(np.random.default_rng(0).normal(size=(104, 7)))
    expected = [
        math.exp(np.mean([stats.entropy(row, part.mean(axis=0)) for row in part]))
        for part in [p[:34], p[34:69], p[69:]]
    ]
    mean, std = metrics.inception_score(p, splits=1)
    whole = np.mean([stats.entropy(row, p.mean(axis=0)) for row in p])
    assert mean == pytest.approx(math.exp(whole), rel=1e-12) and std == 0
    mean, std = metrics.inception_score(p, splits=3)
    assert mean == pytest.approx(np.mean(expected), rel=1e-12)
    assert std == pytest.approx(np.std(expected), rel=1e-10)


def test_inception_score_is_the_number_of_sure_even_classes_and_one_for_guesses():
    sure = np.eye(6)[np.arange(60) % 6]
    assert metrics.inception_score(sure) == pytest.approx((6, 0))
    assert metrics.inception_score(np.full((60, 6), 1 / 6)) == pytest.approx((1, 0))
    ordered = np.eye(6)[np.repeat(np.arange(6), 10)]
    assert metrics.inception_score(ordered, splits=6) == pytest.approx((1, 0))


def test_stacked_modes_count_what_was_predicted_often_and_surely():
    rows = [[0, 0, 0]] * 3 + [[9, 9, 9]] * 2 + [[1, 2, 3]] * 4 + [[4, 5, 6]] * 3
    sure = np.full((12, 3), 0.9)  # Jointly .729.
    sure[5:7] = 0.7  # Jointly .343: two of 123's four fall out.
    sure[9:] = [1.0, 1.0, 0.5]  # Just sure enough.
    report = metrics.stacked_modes(np.array(rows), sure)
    p = np.array([3, 2, 4, 3]) / 12
    assert report["modes"] == 4 and report["confident_modes"] == 2
    assert report["kl"] == pytest.approx(np.sum(p * np.log(1000 * p)))
    assert set(metrics.stacked_modes(np.array(rows))) == {"modes", "kl"}


def test_stacked_modes_of_every_class_have_no_divergence():
    every = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=1)
    report = metrics.stacked_modes(np.concatenate([every, every]))
    assert report["modes"] == 1000 and report["kl"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [26_000, 50_000])
def test_stacked_kl_of_uniform_classes_is_at_its_floor(count):
    """2 N KL is chi-square with 999 degrees, up to (K^2 - 1) / 6N of its mean."""
    digits = np.random.default_rng(0).integers(0, 10, size=(count, 3))
    scaled = 2 * count * metrics.stacked_modes(digits)["kl"]
    correction = (1000**2 - 1) / (6 * count)
    assert abs(scaled - 999 - correction) < 4 * math.sqrt(2 * 999)


# Toys.


@pytest.mark.parametrize(
    "centres, sigma, floor", [(circle(), 0.01, 0.0014), (grid(), 0.05, 0.0048)]
)
def test_a_perfect_sampler_is_at_the_documented_floor(centres, sigma, floor):
    """HQ 1 - e^-4.5; 2 N KL is chi-square with K - 1 degrees to first order."""
    count, repeats, modes = 2500, 100, len(centres)
    rng = np.random.default_rng(0)
    reports = [
        metrics.mode_report(mixture(centres, sigma, count, rng), centres, sigma)
        for _ in range(repeats)
    ]
    assert {(r["modes"], r["robust_modes"]) for r in reports} == {(modes, modes)}
    share = 1 - math.exp(-4.5)
    deviation = math.sqrt(share * (1 - share) / (count * repeats))
    assert abs(np.mean([r["high_quality"] for r in reports]) - share) < 4 * deviation
    assert floor == pytest.approx((modes - 1) / (2 * count))
    deviation = math.sqrt(2 * (modes - 1) / repeats) / (2 * count)
    for name in ("reverse_kl", "forward_kl"):
        # The next order is about K^2 / 12 N^2 and smaller than a tenth of deviation.
        assert abs(np.mean([r[name] for r in reports]) - floor) < 4.2 * deviation


def test_a_dropped_mode_is_seen():
    centres, rng = circle(), np.random.default_rng(0)
    points = mixture(centres, 0.01, 2000, rng, p=[0, *[1 / 7] * 7])
    report = metrics.mode_report(points, centres, 0.01)
    assert report["modes"] == report["robust_modes"] == 7


def test_mode_report_is_derived_from_its_counts():
    """Three modes on a line; sigma 1, so within 2 of one is of high quality."""
    centres = np.array([[0.0], [10], [20]])
    points = np.array([0, 1, 1.99, 2, -3, 9, 14, 18.5])[:, None]
    report = metrics.mode_report(points, centres, 1.0, within=2)
    p = (np.array([5, 2, 1]) + 1 / 3) / 9
    assert report["modes"] == 3 and report["high_quality"] == 5 / 8
    assert report["reverse_kl"] == pytest.approx(np.sum(p * np.log(3 * p)))
    assert report["forward_kl"] == pytest.approx(-np.mean(np.log(3 * p)))
    # A quarter of a fair share is 2/3 of a point, or of weights' 1/4, 3/2, 1/4.
    assert report["robust_modes"] == 3
    weights = np.array([1, 6, 1])
    weighted = metrics.mode_report(points, centres, 1.0, within=2, weights=2 * weights)
    assert weighted["robust_modes"] == 2
    assert weighted["reverse_kl"] == pytest.approx(np.sum(p * np.log(8 * p / weights)))
    few = metrics.mode_report(
        np.repeat(points, [1, 1, 1, 1, 1, 1, 1, 20], axis=0), centres, 1.0, within=2
    )
    # 27 points: a quarter of a fair share is 2.25.
    assert few["modes"] == 3 and few["robust_modes"] == 2


def test_no_points_near_a_mode_is_no_mode_and_no_perfect_divergence():
    report = metrics.mode_report(np.full((50, 2), 3.0), circle(), 0.01)
    assert report["modes"] == report["robust_modes"] == report["high_quality"] == 0
    assert report["reverse_kl"] > 1


@pytest.mark.parametrize("dimension", [1, 3, 20])
def test_high_quality_share_in_other_dimensions_is_the_chi_squares(dimension):
    rng, count = np.random.default_rng(0), 20_000
    centres = 100 * np.eye(dimension)
    report = metrics.mode_report(mixture(centres, 0.5, count, rng), centres, 0.5)
    share = stats.chi2.cdf(9, dimension)
    deviation = math.sqrt(share * (1 - share) / count)
    assert abs(report["high_quality"] - share) < 4 * deviation


@pytest.mark.parametrize("v", [0.0, 0.7, 30.0])
def test_expected_norm_is_the_integral_over_the_normal(v):
    def integrand(t):
        return abs(v + 2 * t) * stats.norm.pdf(t)

    kink = [-v / 2] if v < 10 else None
    expected, _ = integrate.quad(integrand, -9, 9, points=kink)
    found = metrics.mixtures.expected_norm(np.array(v), 2.0, 1)
    assert found == pytest.approx(expected, rel=1e-7)
    # Rice's distribution is that of two dimensions.
    found = metrics.mixtures.expected_norm(np.array(v), 2.0, 2)
    assert found == pytest.approx(stats.rice(v / 2, scale=2).mean(), rel=1e-7)


def test_energy_to_mixture_is_the_limit_of_the_energy_distance():
    centres, rng = circle(5), np.random.default_rng(0)
    weights = np.array([1, 1, 2, 3, 3])
    points = mixture(centres, 0.2, 100, rng)
    exact = metrics.energy_to_mixture(points, centres, 0.2, weights=weights)
    sampled = [
        metrics.energy_distance(mixture(centres, 0.2, 500, rng, p=weights / 10), points)
        for _ in range(60)
    ]
    assert abs(np.mean(sampled) - exact) < 4 * stats.sem(sampled)
    assert stats.sem(sampled) < exact / 10


def test_energy_to_points_is_exact():
    """To half on 0 and half on 2: cross 1, the points' own 1.5, the mixture's 1."""
    points = np.array([[0.0], [1.5]])
    centres = np.array([[0.0], [2.0]])
    value = metrics.energy_to_mixture(points, centres, 0.0)
    assert value == pytest.approx(2 * np.mean([0, 2, 1.5, 0.5]) - 1.5 - 1)


# The accelerator's program and other types.


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
