"""Each traced metric against the float64 function that it is a form of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from gan_jax import metrics, traced_metrics
from gan_jax.metrics.mixtures import expected_norm
from gan_jax.traced_metrics import Fakes
from gan_jax.traced_metrics.mixtures import expected_excess, expected_excess_table
from gan_jax.traced_metrics.pairs import distances, sum_within
from gan_jax.traced_metrics.sums import Total, fold, join_parts, sum_with_error

COUNT = 333
"""Not a multiple of a tile, of a group of rows, or of a block."""
SIGMA = 0.05
CENTRES = np.array([[np.cos(a), np.sin(a)] for a in 2 * np.pi * np.arange(5) / 5])


def draw_ring(seed, *, modes=5, count=COUNT, shift=0.0):
    rng = np.random.default_rng(seed)
    points = CENTRES[rng.integers(0, modes, count)] + SIGMA * rng.normal(
        size=(count, 2)
    )
    return (points + shift).astype(np.float32)


def draw_wide(seed, *, shift=0.0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(COUNT, 20)) + shift).astype(np.float32)


def repeat_some(points):
    return np.concatenate([points[:50], points[:50], points[100:]])


PAIRS = {
    "ring": (draw_ring(0), draw_ring(1)),
    "one mode missing": (draw_ring(0), draw_ring(1, modes=4)),
    "duplicates": (draw_ring(0), repeat_some(draw_ring(1))),
    "far from the origin": (draw_ring(0, shift=50.0), draw_ring(1, shift=50.0)),
    "wide": (draw_wide(0), draw_wide(1, shift=0.3)),
}


def subsets_of(real, fake):
    value, error = metrics.kernel_distance_subsets(real, fake, subsets=5, size=70)
    return {"kernel_distance_subsets": value, "kernel_distance_standard_error": error}


def only(name, function):
    return lambda *sides: {name: function(*sides)}


# The traced metric, and the same numbers in float64; both of real and fake features.
FORMS = {
    "sliced_wasserstein": (
        traced_metrics.prepare_sliced_wasserstein,
        only("sliced_wasserstein", metrics.sliced_wasserstein),
    ),
    "rbf_mmd": (
        traced_metrics.prepare_rbf_mmd,
        only("rbf_mmd", metrics.rbf_mmd),
    ),
    "kernel_distance": (
        traced_metrics.prepare_kernel_distance,
        only("kernel_distance", metrics.kernel_distance),
    ),
    "kernel_distance_subsets": (
        lambda real: traced_metrics.prepare_kernel_distance_subsets(
            real, COUNT, subsets=5, size=70
        ),
        subsets_of,
    ),
    "diversity": (
        traced_metrics.prepare_diversity,
        only("diversity", metrics.diversity),
    ),
    "nearest_distance": (
        traced_metrics.prepare_nearest_distance,
        only(
            "nearest_distance",
            lambda real, fake: metrics.nearest_distances(fake, real).mean(),
        ),
    ),
    "memorization_ratio": (
        lambda real: traced_metrics.prepare_memorization_ratio(real, real[:40] + 0.01),
        only(
            "memorization_ratio",
            lambda real, fake: metrics.memorization_ratio(real, real[:40] + 0.01, fake),
        ),
    ),
    "precision_recall": (
        traced_metrics.prepare_precision_recall,
        metrics.precision_recall,
    ),
    "frechet_distance": (
        traced_metrics.prepare_frechet_distance,
        only("frechet_distance", metrics.frechet_distance),
    ),
}


def mean_cubic_kernel(points):
    """The kernel's own size: float32 rounds its values, and no shift makes it small."""
    products = points.astype(np.float64) @ points.T
    return ((products / points.shape[1] + 1) ** 3).mean()


def measure(metric, fake, probabilities=None):
    fakes = Fakes(jnp.asarray(fake), probabilities)
    sums = jax.jit(metric.measure)(metric.constants, fakes)
    return metric.finish(jax.device_get(sums), len(fake))


@pytest.mark.parametrize("sets", PAIRS)
@pytest.mark.parametrize("name", FORMS)
def test_traced_metric_equals_the_float64_one(name, sets):
    prepare, reference = FORMS[name]
    real, fake = PAIRS[sets]
    found, expected = measure(prepare(real), fake), reference(real, fake)
    slack = 1e-8 * mean_cubic_kernel(real) if "kernel" in name else 2e-7
    assert found == pytest.approx(expected, rel=1e-4, abs=slack)


@pytest.mark.parametrize("name", FORMS)
def test_traced_metric_mapped_over_gans_equals_one_at_a_time(name):
    prepare, _ = FORMS[name]
    metric = prepare(draw_ring(0))
    fakes = jnp.stack([draw_ring(1), draw_ring(2, modes=3)])
    many = jax.jit(jax.vmap(lambda x: metric.measure(metric.constants, Fakes(x))))(
        fakes
    )
    for turn, fake in enumerate(np.asarray(fakes)):
        own = metric.finish({k: np.asarray(v)[turn] for k, v in many.items()}, COUNT)
        assert own == pytest.approx(measure(metric, fake), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("weights", [None, [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("modes", [5, 2])
def test_mode_report_equals_the_float64_one_exactly(modes, weights):
    fake = draw_ring(3, modes=modes)
    metric = traced_metrics.prepare_mode_report(CENTRES, SIGMA, weights=weights)
    expected = metrics.mode_report(fake, CENTRES, SIGMA, weights=weights)
    assert measure(metric, fake) == expected


@pytest.mark.parametrize("weights", [None, [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_energy_to_mixture_equals_the_float64_one(shift, weights):
    fake = draw_ring(3, count=3000) + np.float32(shift)
    metric = traced_metrics.prepare_energy_to_mixture(CENTRES, SIGMA, weights=weights)
    expected = metrics.energy_to_mixture(fake, CENTRES, SIGMA, weights=weights)
    found = measure(metric, fake)["energy_distance"]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("dimension", [1, 2, 3, 10, 50])
def test_table_of_expected_norms_equals_the_closed_form(dimension):
    u = np.concatenate([np.linspace(0, 5, 400), np.geomspace(5, 400, 400)])
    table = expected_excess_table(dimension)
    found = expected_excess(jnp.asarray(u, jnp.float32), table)
    expected = expected_norm(u, 1.0, dimension) - u
    # float32 rounds u, so that the excess, whose slope is at most 1, moves by u eps.
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=3e-7 + 4e-10 * u.max())


def test_sum_of_all_distances_keeps_what_float32_would_round_away():
    points = draw_ring(0, count=3000)
    found = join_parts(np.asarray(sum_within(distances, jnp.asarray(points))))
    expected = pdist(points.astype(np.float64)).sum()
    assert found == pytest.approx(expected, rel=2e-9)


def test_fold_returns_the_exact_sum_of_numbers_that_float32_absorbs():
    values = jnp.asarray([2.0**26] + [1.0] * 999 + [-(2.0**26)], jnp.float32)
    total = join_parts(np.asarray(fold(Total(values, jnp.zeros_like(values)))))
    assert total == 999


def test_distance_of_copies_of_the_examples_is_exactly_0():
    for real in (draw_ring(0, shift=50.0), draw_wide(0, shift=50.0)):
        metric = traced_metrics.prepare_nearest_distance(real)
        assert measure(metric, real)["nearest_distance"] == 0


def draw_probabilities(seed, shape, concentration=0.2):
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet(np.full(shape[-1], concentration), shape[:-1])
    return drawn.astype(np.float32)


def test_inception_score_equals_the_float64_one():
    p = draw_probabilities(0, (COUNT, 7))
    metric = traced_metrics.prepare_inception_score()
    found = measure(metric, np.zeros((COUNT, 1), np.float32), jnp.asarray(p))
    mean, deviation = metrics.inception_score(p)
    assert found["inception_score"] == pytest.approx(mean, rel=1e-6)
    assert found["inception_score_deviation"] == pytest.approx(deviation, rel=1e-5)


def test_stacked_modes_equal_the_float64_ones_exactly():
    # Every class is drawn three times, so that it is confident where it is sure.
    p = np.tile(draw_probabilities(1, (COUNT // 3, 3, 10), 0.05), (3, 1, 1))
    metric = traced_metrics.prepare_stacked_modes()
    found = measure(metric, np.zeros((COUNT, 1), np.float32), jnp.asarray(p))
    assert found == metrics.stacked_modes(p.argmax(axis=2), p.max(axis=2))
    assert 0 < found["confident_modes"] < found["modes"]


def test_a_sum_beyond_float32_is_infinite_and_not_nan():
    values = np.float32([[3e38, 3e38, 1.0]])
    assert join_parts(np.asarray(sum_with_error(jnp.asarray(values)))) == np.inf
