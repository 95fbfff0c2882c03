"""Diagnostics: closed forms of small games, and independent NumPy references."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_games import B, dirac_game, dirac_gan, linear_game, place, rotation_matrix

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
    balanced,
    curvature,
    dense_jacobian,
    flat,
    gan_game,
    params_of,
    path_angle,
    rotation_index,
    spectrum,
    to_float64,
    vector_game,
)
from gan_jax.gan import init_state
from gan_jax.objectives import example_keys
from gan_jax.step import train_step
from gan_jax.types import Batch

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
    gan = dirac_gan("minimax", "r1", 0.3, every=4)
    state = place(gan, 0.0, 0.0).replace(step=jnp.int32(3))
    keys = example_keys(gan, jax.random.key(1), B)
    undue = gan_game(gan, state, Batch(jnp.zeros((B, 1))), keys)
    for game in (lazy, undue):
        np.testing.assert_allclose(
            dense_jacobian(game), [[0, 0.5], [-0.5, -0.3]], atol=1e-6
        )


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


def test_scales_of_adam_and_rmsprop_multiply_the_rows_of_the_jacobian():
    adam, rmsprop = optax.adam(0.1), optax.rmsprop(0.1, decay=0.9)
    gan = replace(
        dirac_gan("minimax", "r1", 0.3), g_optimizer=adam, d_optimizer=rmsprop
    )
    state = place(gan, 1.3, -0.7)
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
    state = init_state(dirac_gan("minimax"), jax.random.key(0))
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
    gan = replace(dirac_gan("minimax"), axis_name="data")
    state = init_state(gan, jax.random.key(0))
    return gan_game(gan, state, Batch(jnp.zeros((B, 1))), jnp.zeros(B))


def game_with_few_scales():
    gan = dirac_gan("minimax")
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
