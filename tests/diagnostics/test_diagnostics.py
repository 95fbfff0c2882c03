"""Diagnostics: closed forms of small games, and independent NumPy references."""

from dataclasses import replace
from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.config import (
    Config,
    DatasetConfig,
    GeneratorPenaltyConfig,
    ModelConfig,
    PenaltyConfig,
)
from gan_jax.data import DATASETS
from gan_jax.diagnostics import (
    Players,
    adam_scales,
    alternating_jacobian,
    alternating_limit,
    alternating_product,
    alternating_values,
    balanced,
    curvature,
    dense_jacobian,
    flat,
    gan_game,
    imaginary_ratio,
    largest_real_part,
    params_of,
    path_angle,
    rotation_index,
    simultaneous_limit,
    spectrum,
    step_radius,
    to_float64,
    vector_game,
)
from gan_jax.diagnostics.spectrum import to_dense
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state
from gan_jax.layers import Style
from gan_jax.layers.norms import no_norm
from gan_jax.losses import LOSSES
from gan_jax.models.dense import DenseGenerator, MlpDiscriminator
from gan_jax.objectives import example_keys
from gan_jax.penalties import PENALTIES
from gan_jax.step import train_step
from gan_jax.types import Batch

B = 4


class Point(nn.Module):
    """G(z) = theta for every z."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        theta = self.param("theta", nn.initializers.zeros, (1,))
        return jnp.broadcast_to(theta[None], (len(z), 1))


class Slope(nn.Module):
    """D(x) = psi x."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        psi = self.param("psi", nn.initializers.zeros, (1,))
        return x[:, 0] * psi[0]


def constant(value):
    return lambda step: value


def dirac(loss, penalty="none", gamma=0.0, every=1):
    terms = (Term(PENALTIES[penalty], constant(gamma), every),)
    return Gan(
        Point(),
        Slope(),
        loss=LOSSES[loss],
        z_dim=1,
        data_shape=(1,),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        dynamics=alternating,
        penalties=terms if gamma else (),
    )


def at(gan, theta, psi):
    """The state of a Dirac-GAN at a point."""
    state = init_state(gan, jax.random.key(0))
    g = state.generator.replace(params={"theta": jnp.array([theta])})
    d = state.discriminator.replace(params={"psi": jnp.array([psi])})
    return state.replace(generator=g, discriminator=d)


def dirac_game(loss, penalty="none", gamma=0.0, theta=0.0, psi=0.0, **options):
    gan = dirac(loss, penalty, gamma, **options)
    keys = example_keys(gan, jax.random.key(1), B)
    return gan_game(gan, at(gan, theta, psi), Batch(jnp.zeros((B, 1))), keys)


def linear_game(matrix, generator_size=1):
    """v(w) = M w at w = 0."""
    matrix = jnp.asarray(matrix, jnp.float32)
    return vector_game(lambda w: matrix @ w, jnp.zeros(len(matrix)), generator_size)


def rotation_matrix(w):
    """The bilinear game theta' = -w psi, psi' = w theta."""
    return np.array([[0.0, -w], [w, 0.0]])


R1_LIKE = [("r1", 0.3), ("r2", 0.3), ("r1", 1.0), ("r2", 1.0)]
DIRAC = [
    ("minimax", "none", 0.0, 0.5),
    ("non_saturating", "none", 0.0, 0.5),
    ("relativistic", "none", 0.0, 0.5),
    ("wasserstein", "none", 0.0, 1.0),
    ("wasserstein", "r1", 0.3, 1.0),
    *[(loss, *p, 0.5) for loss in ("minimax", "non_saturating") for p in R1_LIKE],
]


@pytest.mark.parametrize("loss, penalty, gamma, slope", DIRAC)
def test_dirac_eigenvalues_are_those_of_the_paper(loss, penalty, gamma, slope):
    """`-gamma / 2 +- sqrt(gamma^2 / 4 - f'(0)^2)`; Mescheder et al. 2018, 1801.04406.

    At gamma = 1 the pair is double and defective: an error e of the matrix moves it by
    sqrt(e); here every entry is exact in float32.
    """
    found = spectrum(dirac_game(loss, penalty, gamma))
    root = np.sqrt(complex(gamma**2 / 4 - slope**2))
    expected = np.array([-gamma / 2 + root, -gamma / 2 - root])
    assert found.exact and found.products == 2
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_dirac_field_is_the_closed_form_away_from_the_solution():
    """`L_D = log 2 + softplus(b) + gamma psi^2 / 2`, `L_G = -softplus(b)`, b = psi
    theta, so `v = (psi s, -theta s - gamma psi)`, s = sigmoid(b)."""
    theta, psi, gamma = 1.3, -0.7, 0.4
    game = dirac_game("minimax", "r1", gamma, theta, psi)
    s = 1 / (1 + np.exp(-theta * psi))
    expected = [psi * s, -theta * s - gamma * psi]
    np.testing.assert_allclose(game.field(game.point), expected, rtol=1e-5)
    ds = s * (1 - s)
    mixed = s + theta * psi * ds
    jacobian = [[psi**2 * ds, mixed], [-mixed, -(theta**2) * ds - gamma]]
    np.testing.assert_allclose(dense_jacobian(game), jacobian, rtol=1e-5)
    columns = [game.vjp(game.point, u) for u in jnp.eye(2)]
    np.testing.assert_allclose(np.stack(columns), jacobian, rtol=1e-5)


def test_lazy_penalty_counts_at_its_mean_whatever_the_step():
    lazy = dirac_game("minimax", "r1", 0.3, every=4)
    gan = dirac("minimax", "r1", 0.3, every=4)
    state = at(gan, 0.0, 0.0).replace(step=jnp.int32(3))
    keys = example_keys(gan, jax.random.key(1), B)
    undue = gan_game(gan, state, Batch(jnp.zeros((B, 1))), keys)
    for game in (lazy, undue):
        np.testing.assert_allclose(
            dense_jacobian(game), [[0, 0.5], [-0.5, -0.3]], atol=1e-6
        )


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


@pytest.mark.parametrize("player, kind", [("generator", 1), ("discriminator", -1)])
def test_curvature_names_minimum_maximum_saddle_and_flat(player, kind):
    """v = M w with `M_pp = -H`: H = diag(a, b), both players'; exact and Lanczos."""
    cases = {
        (3.0, 1.0): "minimum",
        (3.0, 0.0): "minimum",
        (-3.0, -1.0): "maximum",
        (3.0, -1.0): "saddle",
        (0.0, 0.0): "flat",
    }
    own = [0, 1] if player == "generator" else [2, 3]
    for (a, b), expected in cases.items():
        matrix = np.full((4, 4), kind, float)
        matrix[np.ix_(own, own)] = -np.diag([a, b])
        found = curvature(linear_game(matrix, 2), player)
        assert (found.smallest, found.largest) == (min(a, b), max(a, b))
        assert found.verdict == expected


def smooth_gan():
    """A GAN on points of about 500 parameters, smooth, with R1."""
    init = nn.initializers.lecun_normal()
    style = Style(no_norm, jnp.tanh, init)
    return Gan(
        DenseGenerator((2,), (12, 12), style, lambda x: x),
        MlpDiscriminator(12, style),
        loss=LOSSES["non_saturating"],
        z_dim=4,
        data_shape=(2,),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        dynamics=alternating,
        penalties=(Term(PENALTIES["r1"], constant(0.5)),),
    )


@cache
def smooth_game():
    """Its game in float64; read it under `enable_x64`."""
    gan = smooth_gan()
    with jax.enable_x64(True):
        state = to_float64(init_state(gan, jax.random.key(3)))
        batch = Batch(jnp.asarray(np.random.default_rng(0).standard_normal((32, 2))))
        return gan_game(gan, state, batch, example_keys(gan, jax.random.key(4), 32))


@cache
def smooth_jacobian():
    with jax.enable_x64(True):
        return dense_jacobian(smooth_game())


def finite_differences(game, step=1e-5):
    """J by central differences of the field, in float64."""
    point = np.asarray(game.point)
    columns = [
        np.asarray(game.field(point + step * unit) - game.field(point - step * unit))
        for unit in np.eye(len(point))
    ]
    return np.stack(columns, axis=1) / (2 * step)


@pytest.mark.slow
def test_dense_jacobian_equals_finite_differences_of_the_field():
    matrix = smooth_jacobian()
    assert 400 < len(matrix) < 600 and smooth_game().point.dtype == jnp.float64
    with jax.enable_x64(True):
        expected = finite_differences(smooth_game())
    np.testing.assert_allclose(matrix, expected, atol=1e-7)


@pytest.mark.parametrize("which", ["LM", "LR", "SR", "LI"])
def test_matrix_free_spectrum_equals_the_dense_one(which):
    matrix = smooth_jacobian()
    with jax.enable_x64(True):
        found = spectrum(smooth_game(), count=6, which=which, exact=0)
    values = np.linalg.eigvals(matrix)
    key = {"LM": np.abs, "LR": np.real, "SR": lambda v: -v.real}
    keys = key.get(which, lambda v: np.abs(v.imag))
    expected = np.sort(keys(values))[::-1][:6]
    np.testing.assert_allclose(keys(found.values)[:6], expected, atol=1e-4)
    assert_among(values, found.values)
    assert not found.exact and found.products < len(matrix)


def assert_among(values, found):
    nearest = np.abs(values[None] - found[:, None]).min(axis=1)
    np.testing.assert_allclose(nearest, 0, atol=1e-4)


def test_float32_spectrum_is_the_float64_one_to_a_thousandth():
    whole = np.linalg.eigvals(smooth_jacobian())
    expected = sorted(whole, key=lambda value: (-abs(value).round(9), -value.imag))[:4]
    rounded = jnp.asarray(smooth_jacobian(), jnp.float32)
    game = vector_game(lambda w: rounded @ w, jnp.zeros(len(rounded)), 1)
    found = spectrum(game, count=4, exact=0).values
    np.testing.assert_allclose(found, expected, atol=1e-3 * abs(expected[0]))


@pytest.mark.slow
def test_matrix_free_alternating_spectrum_equals_the_dense_one():
    game, rate = smooth_game(), 0.5
    with jax.enable_x64(True):
        found = alternating_values(game, rate, exact=0, count=4)
    matrix = alternating_jacobian(smooth_jacobian(), game.generator_size, rate)
    whole = np.linalg.eigvals(matrix)
    assert_among(whole, found)
    for key in (np.abs, np.real):
        np.testing.assert_allclose(key(found).max(), key(whole).max(), atol=1e-4)
    radius = np.abs(np.linalg.eigvals(np.eye(len(matrix)) + rate * matrix)).max()
    np.testing.assert_allclose(step_radius(found, rate), radius, atol=1e-4)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_block_is_minus_the_players_hessian(player):
    game = smooth_game()
    size = game.generator_size
    own = slice(0, size) if player == "generator" else slice(size, None)
    block = smooth_jacobian()[own, own]
    np.testing.assert_allclose(block, block.T, atol=1e-10)
    expected = np.linalg.eigvalsh(-block)[[0, -1]]
    with jax.enable_x64(True):
        found = curvature(game, player, exact=0)
    np.testing.assert_allclose(found[:2], expected, atol=1e-6)
    assert found.verdict == "saddle"


def test_scales_of_adam_and_rmsprop_multiply_the_rows_of_the_jacobian():
    adam, rmsprop = optax.adam(0.1), optax.rmsprop(0.1, decay=0.9)
    gan = replace(dirac("minimax", "r1", 0.3), g_optimizer=adam, d_optimizer=rmsprop)
    state = at(gan, 1.3, -0.7)
    g, d = state.generator, state.discriminator
    _, memory = adam.update({"theta": jnp.array([3.0])}, adam.init(g.params))
    g = g.replace(opt_state=memory)
    _, memory = rmsprop.update({"psi": jnp.array([2.0])}, rmsprop.init(d.params))
    d = d.replace(opt_state=memory)
    # Adam's v^ = 3^2 after one gradient of 3; RMSprop's v = (1 - 0.9) 2^2.
    scales = Players(adam_scales(g, eps=1.0), adam_scales(d))
    p = np.array([1 / (3 + 1), 1 / np.sqrt(0.4)])
    np.testing.assert_allclose(flat(scales), p, rtol=1e-4)
    keys = example_keys(gan, jax.random.key(1), B)
    make = partial(gan_game, gan, state, Batch(jnp.zeros((B, 1))), keys)
    plain, scaled = make(), make(scales=scales)
    expected = p[:, None] * dense_jacobian(plain)
    np.testing.assert_allclose(dense_jacobian(scaled), expected, rtol=1e-4)
    rows = [scaled.vjp(scaled.point, u) for u in jnp.eye(2)]
    np.testing.assert_allclose(np.stack(rows), expected, rtol=1e-4)
    with pytest.raises(ValueError, match="has scales"):
        curvature(scaled, "generator")


def test_scales_of_plain_gradient_descent_are_1():
    state = init_state(dirac("minimax"), jax.random.key(0))
    assert adam_scales(state.generator) == {"theta": 1.0}


def test_balanced_game_has_the_scaled_eigenvalues_and_keeps_a_potential_free_of_turns():
    """`P^1/2 J P^1/2`: similar to `P J`, and symmetric where J is."""
    random = np.random.default_rng(1)
    root = random.standard_normal((5, 5))
    p = random.uniform(0.1, 10, 5).astype(np.float32)
    scales = Players(jnp.asarray(p[:2]), jnp.asarray(p[2:]))
    game = balanced(linear_game(root, 2), scales)
    expected = np.sqrt(p)[:, None] * root * np.sqrt(p)
    np.testing.assert_allclose(dense_jacobian(game), expected, atol=1e-4)
    rows = [game.vjp(game.point, u) for u in jnp.eye(5)]
    np.testing.assert_allclose(np.stack(rows), expected, atol=1e-4)
    values = np.linalg.eigvals(p[:, None] * root)
    found = np.linalg.eigvals(dense_jacobian(game))
    np.testing.assert_allclose(np.poly(found), np.poly(values), rtol=1e-3, atol=1e-2)
    potential = balanced(linear_game(root + root.T, 2), scales)
    assert rotation_index(potential, jax.random.key(0)) < 1e-5
    with pytest.raises(ValueError, match="has scales"):
        balanced(game, scales)


def test_spectrum_and_curvature_of_a_game_at_rest_are_0():
    game = vector_game(lambda w: 0 * w, jnp.zeros(30), 15)
    assert not spectrum(game, count=3, exact=0).values.any()
    assert curvature(game, "generator", exact=0).verdict == "flat"


def test_games_that_are_not_finite_are_refused():
    game = vector_game(lambda w: jnp.nan * w, jnp.zeros(30), 15)
    with pytest.raises(ValueError, match="not finite"):
        spectrum(game, count=3, exact=0)


def test_rotation_index_is_infinite_for_rotations_and_0_for_potentials():
    random = np.random.default_rng(0)
    matrix = random.standard_normal((5, 5)).astype(np.float32)
    index = partial(rotation_index, key=jax.random.key(0))
    assert index(linear_game(matrix - matrix.T)) == np.inf
    assert index(linear_game(matrix + matrix.T)) == 0
    # A = a R and S = -s I, R orthogonal: the ratio is a / s for every u.
    mixed = 3 * rotation_matrix(1.0) - 2 * np.eye(2)
    np.testing.assert_allclose(index(linear_game(mixed)), 1.5, rtol=1e-5)


def test_dirac_rotation_index_is_infinite_without_a_penalty():
    key = jax.random.key(0)
    assert rotation_index(dirac_game("wasserstein"), key) == np.inf
    assert 0 < rotation_index(dirac_game("wasserstein", "r1", 1.0), key) < np.inf


def test_path_angle_of_linear_fields_has_its_closed_form():
    """v = M (w - w*): `v(w_a) = (1 - a) M (w - w*)`; the way is `-(w - w*)`."""
    start, end = jnp.array([1.0, 2.0]), jnp.array([3.0, -1.0])
    cases = {
        "attracts": (-np.eye(2), 1.0),
        "repels": (np.eye(2), -1.0),
        "turns": (rotation_matrix(1.0), 0.0),
        "spirals": (rotation_matrix(1.0) - np.eye(2), np.sqrt(0.5)),
    }
    for matrix, before in cases.values():
        m = jnp.asarray(matrix, jnp.float32)
        game = vector_game(lambda w, m=m: m @ (w - end), start, 1)
        found = path_angle(game, end, count=5)
        np.testing.assert_allclose(found.positions, [0.6, 0.8, 1, 1.2, 1.4])
        expected = before * np.array([1, 1, 0, -1, -1])
        np.testing.assert_allclose(found.cosine, expected, atol=1e-5)
        size = np.linalg.norm(matrix @ np.asarray(start - end))
        slope = np.abs(1 - found.positions) * size
        np.testing.assert_allclose(found.norm, slope, atol=1e-5)


@pytest.mark.parametrize(
    "fault, call",
    [
        ("axis_name 'data'", lambda: game_with_axis()),
        ("1 numbers for 2", lambda: game_with_few_scales()),
        ("player 'critic'", lambda: curvature(linear_game(np.eye(2)), "critic")),
        ("which 'XX'", lambda: spectrum(linear_game(np.eye(2)), which="XX")),
        ("count 2", lambda: spectrum(linear_game(np.eye(3)), count=2, exact=0)),
        ("end", lambda: path_angle(linear_game(np.eye(2)), jnp.zeros(2))),
        ("float64 is off", lambda: to_float64(jnp.zeros(2))),
    ],
)
def test_bad_input_gets_one_clear_line(fault, call):
    with pytest.raises(ValueError, match=fault):
        call()


def game_with_axis():
    gan = replace(dirac("minimax"), axis_name="data")
    state = init_state(gan, jax.random.key(0))
    return gan_game(gan, state, Batch(jnp.zeros((B, 1))), jnp.zeros(B))


def game_with_few_scales():
    gan = dirac("minimax")
    state = init_state(gan, jax.random.key(0))
    keys = example_keys(gan, jax.random.key(0), B)
    scales = params_of(state)._replace(discriminator={})
    return gan_game(gan, state, Batch(jnp.zeros((B, 1))), keys, scales=scales)


POINTS = Config(
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=4, z_dim=2, activation="silu"),
)
PICTURES = replace(
    POINTS,
    dataset=DatasetConfig("digits", labels=True),
    model=ModelConfig("dcgan", width=2, z_dim=2, activation="silu"),
)


def modelled(config, **model):
    return replace(config, model=replace(config.model, **model))


BUILT = {
    "batch norm in G": modelled(POINTS, g_norm="batch"),
    "spectral norm": modelled(POINTS, d_spectral=True, g_spectral=True),
    "lecam": replace(POINTS, penalty=PenaltyConfig("lecam", 0.3)),
    "path length": replace(
        POINTS, generator_penalty=GeneratorPenaltyConfig("path_length", 2.0, every=4)
    ),
    "packing": modelled(POINTS, pack=2),
    "labels": PICTURES,
}


def built_game(config):
    """The game of a built Gan after 2 steps, in float64, in which v has its digits."""
    gan, data = build(config), DATASETS[config.dataset.name](config.dataset)
    step = jax.jit(partial(train_step, gan))
    state = init_state(gan, jax.random.key(0))
    for i in range(2):
        picks = np.arange(8 * i, 8 * i + 8)[None]
        batch = jax.tree.map(jnp.asarray, data.get(picks))
        state, _ = step(state, batch)
    batch = jax.tree.map(lambda x: x[0], batch)
    return gan, state, batch


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT)
def test_products_of_a_built_gan_equal_differences_of_its_field(name):
    """`J u` by central differences, `u.J w = J^T u.w`; the field is minus the gradient
    of the losses with a lazy penalty at its mean weight."""
    gan, state, batch = built_game(BUILT[name])
    with jax.enable_x64(True):
        state, batch = to_float64(state), to_float64(batch)
        keys = example_keys(gan, jax.random.key(1), len(batch.image))
        game = gan_game(gan, state, batch, keys)
        size = game.point.size
        random = np.random.default_rng(0)
        u, w = (jnp.asarray(random.standard_normal(size)) for _ in range(2))
        h = 1e-6
        ahead, back = (game.field(game.point + s * h * u) for s in (1, -1))
        product = game.jvp(game.point, u)
        expected = (ahead - back) / (2 * h)
        scale = float(jnp.abs(expected).max())
        if name != "spectral norm":  # Its vectors are constants of derivatives.
            np.testing.assert_allclose(product, expected, atol=1e-5 * scale)
        pulled = game.vjp(game.point, w)
        np.testing.assert_allclose(pulled @ u, w @ product, rtol=1e-8)
        assert scale > 0 and np.isfinite(product).all()
