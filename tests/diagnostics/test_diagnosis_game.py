"""The game of a run with two parameters against matrices built by hand in NumPy.

Dirac-GAN, minimax with R1: `v = (s psi, -s theta - gamma psi)`, s = sigmoid(theta psi).
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import (
    Config,
    DatasetConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.diagnostics import vector_game
from gan_jax.diagnostics.report.diagnosed_run import DiagnosedRun, has_decayed
from gan_jax.diagnostics.report.measure_game import (
    measure_alternating,
    measure_game,
    measure_path,
    summarize_eigenvalues,
)
from gan_jax.evaluate.gan_metrics import gan_metric_inputs, rotation
from gan_jax.gan import init_state
from gan_jax.step import train_step
from gan_jax.types import Batch

STEPS, EPS, GAMMA, SLOWER = 8, 1e-3, 0.2, 0.5
G = OptimizerConfig("adam", 0.02, b1=0.5, b2=0.9, eps=EPS, schedule="linear")
D = OptimizerConfig("adam", 0.05, b1=0.0, b2=0.8, eps=EPS)
RATES = np.array([0.02, 0.05 * SLOWER])
"""The highest rates of the schedules."""
LAST = np.array([0.02 * (1 - (STEPS - 1) / STEPS), 0.05 * SLOWER])
"""The rates of the last step made."""
RUN = Config(
    steps=STEPS,
    batch_size=2,
    g_first=True,
    dataset=DatasetConfig("dirac"),
    model=ModelConfig("dirac", z_dim=1),
    loss=LossConfig("minimax"),
    penalty=PenaltyConfig("r1", 1.0, weight_end=GAMMA, schedule="linear"),
    g_optimizer=G,
    d_optimizer=D,
)


@pytest.fixture(scope="module")
def case():
    """The GAN of `sweep.d_lr 0.5` after its last step."""
    gan, data = build(RUN), find_dataset(RUN)
    start = state = init_state(gan, jax.random.key(0))
    state = replace(state, scales=state.scales | {"d_lr": jnp.float32(SLOWER)})
    step = jax.jit(train_step, static_argnums=0)
    for _ in range(STEPS):
        state, _ = step(gan, state, Batch(jnp.zeros((1, 2, 1))))
    return DiagnosedRun(gan, RUN, state, start, {}, [], [], data)


def place(state):
    theta, psi = state.generator.params["theta"], state.discriminator.params["psi"]
    return np.array([theta[0], psi[0]], float)


def velocity(w):
    s = 1 / (1 + np.exp(-w[0] * w[1]))
    return np.array([s * w[1], -s * w[0] - GAMMA * w[1]])


def jacobian(w):
    theta, psi = w
    s = 1 / (1 + np.exp(-theta * psi))
    bend, across = s * (1 - s), s + s * (1 - s) * theta * psi
    return np.array([[bend * psi**2, across], [-across, -bend * theta**2 - GAMMA]])


def adam(state):
    """`1 / (sqrt(v^) + eps)` of both parameters."""
    nets = state.generator, state.discriminator
    v = [float(jax.tree.leaves(optax.tree.get(n.opt_state, "nu"))[0][0]) for n in nets]
    corrected = np.array(v) / (1 - np.array([G.b2, D.b2]) ** STEPS)
    return 1 / (np.sqrt(corrected) + EPS)


def turning(matrix, seed):
    """|A u| / |S u|, over the instrument's own four u."""
    keys = jax.random.split(jax.random.key(seed), 4)
    each = [np.asarray(jax.random.normal(key, (2,)), float) for key in keys]
    forward, back = ([m @ u for u in each] for m in (matrix, matrix.T))
    norm = np.linalg.norm
    return np.mean(
        [norm(f - b) / norm(f + b) for f, b in zip(forward, back, strict=True)]
    )


def test_game_of_a_run_of_unequal_players_is_its_dense_matrix(case):
    scales, moves = RATES * adam(case.state), jacobian(place(case.state))
    game = measure_game(case, count=2)
    values = np.linalg.eigvals(np.diag(scales) @ moves)
    found = [complex(*v) for v in game["eigenvalues"]["leading"]]
    np.testing.assert_allclose(
        np.sort_complex(found), np.sort_complex(values), rtol=1e-4
    )
    assert (game["rate"], game["d_rate"]) == pytest.approx(tuple(RATES))
    assert (game["last_rate"], game["last_d_rate"]) == pytest.approx(tuple(LAST))
    assert game["reach"] == 2  # D's, with b1 0; G's is 6.
    g_turn, d_turn = (np.eye(2) + np.diag(scales * own) @ moves for own in np.eye(2))
    radius = np.abs(np.linalg.eigvals(d_turn @ g_turn)).max()
    assert game["alternating_radius"] == pytest.approx(radius, rel=1e-4)
    root = np.sqrt(scales)
    balanced = root[:, None] * moves * root
    assert game["rotation_index"] == pytest.approx(turning(balanced, 0), rel=1e-4)
    assert game["plain_rotation_index"] == pytest.approx(turning(moves, 0), rel=1e-4)
    root = np.sqrt(LAST * adam(case.state))  # in training, of the step's own rates
    probed = rotation(gan_metric_inputs(RUN), case.state)["rotation_index"]
    at_last = root[:, None] * moves * root
    assert probed == pytest.approx(turning(at_last, 1), rel=1e-4)


def test_nobody_is_chased_by_a_player_whose_rate_is_0(case):
    for name in ("g_lr", "d_lr"):
        still = case.state.scales | {name: jnp.zeros(())}
        state = replace(case.state, scales=still)
        assert rotation(gan_metric_inputs(RUN), state) == {"rotation_index": 0}


def test_path_is_through_the_field_of_the_final_state(case):
    """A state at which R1 weighs 0.2; at the start it weighs 1."""
    found = measure_path(case)
    start, end = place(case.start), place(case.state)
    seen = [velocity(start + a * (end - start)) for a in found["positions"]]
    np.testing.assert_allclose(found["norm"], np.linalg.norm(seen, axis=1), rtol=1e-4)
    assert (found["from"], found["to"]) == (0, STEPS)


def test_a_run_has_decayed_with_either_player(case):
    long, late = replace(case.config, steps=1000), jnp.int32(1000)
    assert not has_decayed(case)
    assert has_decayed(case._replace(config=long, state=replace(case.state, step=late)))


def test_a_sweep_of_small_rates_has_not_decayed(case):
    scales = case.state.scales | {"d_lr": jnp.float32(1e-3)}
    assert not has_decayed(case._replace(state=replace(case.state, scales=scales)))


def test_steps_in_turn_are_judged_of_one_d_step_alone(case):
    game = vector_game(lambda w: -w, jnp.ones(2), 1)
    assert measure_alternating(case, game, 0.1)["alternating_radius"] == pytest.approx(
        0.9
    )
    twice = replace(case.config, d_steps=2)
    assert measure_alternating(case._replace(config=twice), game, 0.1) == {}


def test_what_is_told_of_eigenvalues_is_of_the_two_that_lead():
    found = summarize_eigenvalues(
        {"leading": np.array([-3, -2 + 1j, -2 - 1j, 1 + 1j])}, 0.1
    )
    assert found["leading_imaginary_ratio"] == 0.5
    assert found["leading_magnitude"] == pytest.approx(0.3)
    assert found["overshoot"] == pytest.approx(0.3)
    for value in (1.0, 1j):
        still = summarize_eigenvalues({"leading": np.array([value])}, 0.1)["overshoot"]
        assert still == 0 and not np.signbit(still)
