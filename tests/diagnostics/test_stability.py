"""Limits of learning rates: closed forms of small games, and brute force."""

import jax.numpy as jnp
import numpy as np
import pytest
from small_games import dirac_game, linear_game, rotation_matrix

from gan_jax.diagnostics import (
    alternating_jacobian,
    alternating_limit,
    alternating_product,
    alternating_values,
    imaginary_ratio,
    largest_real_part,
    simultaneous_limit,
    spectrum,
    step_radius,
)
from gan_jax.diagnostics.spectrum import to_dense


@pytest.mark.parametrize("rate, gamma", [(0.2, 0.3), (0.5, 0.3), (0.2, 0.1)])
@pytest.mark.parametrize("g_first", [False, True])
def test_dirac_alternating_radius_is_its_closed_form(rate, gamma, g_first):
    """`sqrt(1 - h gamma)`: the determinant of the step, of a complex pair."""
    game = dirac_game("minimax", "r1", gamma)
    values = alternating_values(game, rate, g_first=g_first)
    radius = step_radius(values, rate)
    np.testing.assert_allclose(radius, np.sqrt(1 - rate * gamma), rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_dirac_alternating_limit_is_its_closed_form(gamma):
    """The step's trace is `2 - h gamma - h^2 w^2`, its determinant `1 - h gamma`; a
    root leaves through -1 where `h^2 w^2 + 2 h gamma = 4`, w = 1/2."""
    game = dirac_game("minimax", "r1", gamma)
    limit = alternating_limit(game, tolerance=1e-5)
    expected = (-gamma + np.sqrt(gamma**2 + 4 * 0.25)) / 0.25
    np.testing.assert_allclose(limit, expected, rtol=1e-4)


@pytest.mark.parametrize("w", [0.5, 1.0])
def test_bilinear_radii_are_their_closed_forms(w):
    """`sqrt(1 + h^2 w^2)` simultaneous and 1 alternating: no rate contracts."""
    game, rate = linear_game(rotation_matrix(w)), 0.2
    simultaneous = spectrum(game).values
    expected = np.sqrt(1 + (rate * w) ** 2)
    np.testing.assert_allclose(step_radius(simultaneous, rate), expected, rtol=1e-6)
    turning = alternating_values(game, rate)
    np.testing.assert_allclose(step_radius(turning, rate), 1, rtol=1e-6)
    assert imaginary_ratio(simultaneous) == np.inf
    assert simultaneous_limit(simultaneous) == 0
    assert alternating_limit(game) == 0


def damped(seed, size=6):
    """A linear game around a solution that attracts both kinds of play."""
    random = np.random.default_rng(seed)
    skew = random.standard_normal((size, size))
    root = random.standard_normal((size, size))
    return (skew - skew.T) - root @ root.T / size - 0.2 * np.eye(size)


def grows(step, steps=3000):
    """Whether iterates of a fixed point grow in the end, by their logarithms."""
    point, growth = np.random.default_rng(9).standard_normal(len(step)), []
    for _ in range(steps):
        point = step @ point
        size = np.linalg.norm(point)
        growth.append(np.log(size))
        point /= size
    return np.sum(growth[steps // 2 :]) > 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_contraction_ends_at_the_largest_stable_rates_of_linear_games(seed):
    """Brute force: thousands of steps a little below and a little above the rates."""
    matrix, g_size = damped(seed), 2
    game, eye = linear_game(matrix, g_size), np.eye(6)
    limit = simultaneous_limit(spectrum(game).values)
    assert not grows(eye + 0.99 * limit * matrix)
    assert grows(eye + 1.01 * limit * matrix)
    g, d = np.diag([1.0] * 2 + [0.0] * 4), np.diag([0.0] * 2 + [1.0] * 4)
    for g_first in (False, True):
        limit = alternating_limit(game, g_first=g_first, tolerance=1e-3)
        first, second = (g, d) if g_first else (d, g)
        for h, unstable in ((0.99 * limit, False), (1.01 * limit, True)):
            step = (eye + h * second @ matrix) @ (eye + h * first @ matrix)
            assert grows(step) == unstable


def test_matrix_free_alternating_limit_equals_the_dense_one():
    """A rotation with friction in 40 dimensions, of two players with 20 each."""
    speeds = np.linspace(0.5, 3, 20)
    turn, none = np.diag(speeds), np.zeros((20, 20))
    matrix = np.block([[none, -turn], [turn, none]]) - np.diag([0.0] * 20 + [1.0] * 20)
    game = linear_game(matrix, 20)
    dense = alternating_limit(game, tolerance=1e-3)
    found = alternating_limit(game, tolerance=1e-3, exact=0, count=6)
    np.testing.assert_allclose(found, dense, rtol=5e-3)
    # The fastest pair leaves through -1 first: h^2 w^2 + 2 h c = 4, friction c = 1.
    expected = (-1 + np.sqrt(1 + 4 * 9)) / 9
    np.testing.assert_allclose(dense, expected, rtol=5e-3)


def test_alternating_product_equals_two_half_steps_in_turn():
    matrix, h = damped(3), 0.3
    game = linear_game(matrix, 2)
    g, d = np.diag([1.0] * 2 + [0.0] * 4), np.diag([0.0] * 2 + [1.0] * 4)
    for first, second, g_first in ((d, g, False), (g, d, True)):
        step = (np.eye(6) + h * second @ matrix) @ (np.eye(6) + h * first @ matrix)
        expected = (step - np.eye(6)) / h
        by_hand = alternating_jacobian(matrix, 2, h, g_first=g_first)
        np.testing.assert_allclose(by_hand, expected, atol=1e-12)
        product = alternating_product(game, h, g_first=g_first)
        found = to_dense(product, 6, jnp.float32)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_summaries_of_eigenvalues_leave_out_those_of_idle_parameters():
    values = np.array([-1 + 2j, -1 - 2j, -0.5, 1e-9, 0])
    assert largest_real_part(values) == 1e-9
    assert imaginary_ratio(values) == 2
    assert simultaneous_limit(values) == pytest.approx(0.4)  # 2 / (1 + 4)
    assert step_radius(values, 0.4) == pytest.approx(1)
    assert simultaneous_limit(np.array([-1.0, 0.5])) == 0
    assert simultaneous_limit(np.zeros(3)) == np.inf
