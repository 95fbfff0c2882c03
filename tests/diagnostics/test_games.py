"""Games with closed forms: the Dirac-GAN and the bilinear game, by the real library.

Distances are those of the notebook published with Mescheder et al. 2018, arXiv
1801.04406: from (theta, psi) = (1, -1), SGD 0.2, G first. Contraction factors are
closed forms of the linear game `theta' = -w psi, psi' = w theta`.
"""

from dataclasses import replace
from functools import cache, partial
from itertools import product
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.assembly.unused_fields import refuse_unused_fields
from gan_jax.config import (
    AugmentConfig,
    Config,
    DatasetConfig,
    DynamicsConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.data import DATASETS
from gan_jax.diagnostics.phase import (
    descent_direction,
    jacobian_at_solution,
    spectral_radius,
    step_matrix,
    trajectory,
    verdict,
)
from gan_jax.gan import init_state

RATE = 0.2
GAME = Config(
    batch_size=1,
    g_first=True,
    dataset=DatasetConfig("dirac"),
    model=ModelConfig("dirac", z_dim=1),
    loss=LossConfig("minimax"),
    g_optimizer=OptimizerConfig("sgd", learning_rate=RATE),
    d_optimizer=OptimizerConfig("sgd", learning_rate=RATE),
)
SIMULTANEOUS = DynamicsConfig("simultaneous")


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def start_game(config):
    """The Gan, its first state and a batch of its data, in float64."""
    gan = build(config)
    data = DATASETS[config.dataset.name](config.dataset)
    batch = data.get(np.zeros((config.d_steps, config.batch_size), int))
    batch = batch._replace(image=batch.image.astype(jnp.float64))
    return gan, init_state(gan, jax.random.key(0)), batch


@cache
def distances(config, steps):
    """The distances to the solution before and after each step."""
    gan, state, batch = start_game(config)
    walk = jax.jit(partial(trajectory, gan, steps=steps))
    return np.linalg.norm(walk(state, batch), axis=1)


def contraction(config, period=1):
    """The spectral radius of `period` steps' matrix."""
    gan, state, batch = start_game(config)
    matrix = jax.jit(partial(step_matrix, gan, period=period))(state, batch)
    return spectral_radius(matrix)


def eigenvalues(config):
    """The eigenvalues of the field's Jacobian at the solution."""
    gan, state, batch = start_game(config)
    matrix = np.asarray(jax.jit(partial(jacobian_at_solution, gan))(state, batch))
    # Those of a real 2 x 2 matrix; eigvals would halve the digits of a double one.
    half = np.trace(matrix) / 2
    root = np.emath.sqrt(half**2 - np.linalg.det(matrix))
    return np.array([half - root, half + root])


def players(optimizer, **d_only):
    return {"g_optimizer": optimizer, "d_optimizer": replace(optimizer, **d_only)}


def momentum(beta):
    return OptimizerConfig("momentum", learning_rate=RATE, momentum=beta)


def with_penalty(name, weight, loss="minimax"):
    return replace(
        GAME, loss=LossConfig(loss), penalty=PenaltyConfig(name, weight=weight)
    )


NS = replace(GAME, loss=LossConfig("non_saturating"))
WGAN = replace(GAME, loss=LossConfig("wasserstein"))
CLIPPED = replace(WGAN, **players(GAME.g_optimizer, clip_params=1.0))
WGAN_GP = with_penalty("wgan_gp", 0.35, "wasserstein")
R1, CRITICAL_R1 = with_penalty("r1", 0.3), with_penalty("r1", 1.0)
NS_R1 = with_penalty("r1", 0.3, "non_saturating")

# Each game, then simultaneous | alternating with 1 | with 5 D steps; 500 steps.
PUBLISHED = [
    ("minimax", GAME, 500, "3.09695", "1.42102", "1.84527"),
    ("non_saturating", NS, 500, "0.640207", "0.283923", "0.138877"),
    ("wgan_clipped", CLIPPED, 500, "1.00215", "1.02412", "0.916885"),
    ("wgan_gp", WGAN_GP, 500, "1.80179", "1.22107", "0.716301"),
    ("r1", R1, 500, "2.64266e-6", "2.30091e-7", "9.25e-34"),
    ("r1_critical", CRITICAL_R1, 500, "9.53e-22", "7.48e-17", "5.14e-12"),
    ("non_saturating_r1", NS_R1, 500, "2.21196e-6", "1.49942e-7", "3.98e-34"),
    ("minimax", GAME, 5000, "4.2402", "1.4196", "1.99168"),
    ("non_saturating", NS, 5000, "0.623798", "0.087984", "0.0410322"),
]
ORDERS = [(SIMULTANEOUS, 1), (DynamicsConfig(), 1), (DynamicsConfig(), 5)]


def published():
    for name, game, steps, *figures in PUBLISHED:
        for figure, (rule, d_steps) in zip(figures, ORDERS, strict=True):
            first = rule.name == "alternating"
            config = replace(game, dynamics=rule, d_steps=d_steps, g_first=first)
            title = f"{name}-{rule.name}-{d_steps}-{steps}"
            yield pytest.param(config, steps, figure, id=title)


def assert_to_its_last_digit(value, figure):
    """Within half a unit of the last digit printed."""
    mantissa, _, exponent = figure.partition("e")
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - decimals)
    assert abs(value - float(figure)) <= 0.5001 * unit


@pytest.mark.parametrize("config, steps, figure", [*published()])
def test_dirac_gan_ends_where_the_published_notebook_does(config, steps, figure):
    assert_to_its_last_digit(distances(config, steps)[-1], figure)


@pytest.mark.parametrize("game", [CLIPPED, WGAN_GP], ids=["clipped", "penalized"])
@pytest.mark.parametrize("rule", ["simultaneous", "alternating"])
def test_dirac_wgan_keeps_its_distance(game, rule):
    config = replace(game, dynamics=DynamicsConfig(rule), g_first=rule == "alternating")
    assert distances(config, 500)[250:].min() > 0.5


HALF, ONE = 0.5, 1.0  # -grad L_G = f'(0) psi with f'(0) = 1/2, or psi itself.
SPECTRA = {  # loss: f'(0)
    "minimax": HALF,
    "non_saturating": HALF,
    "relativistic": HALF,
    "wasserstein": ONE,
    "hinge": ONE,
}


@pytest.mark.parametrize(
    "loss, penalty",
    [*product(SPECTRA, ("none", "r1")), ("minimax", "r2"), ("hinge", "r2")],
)
def test_dirac_spectrum_is_the_closed_form(loss, penalty):
    """`-gamma/2 +- sqrt(gamma^2/4 - f'(0)^2)`, gamma 0 without a penalty."""
    for gamma in (0.0,) if penalty == "none" else (0.3, 2 * SPECTRA[loss]):
        root = np.emath.sqrt(gamma**2 / 4 - SPECTRA[loss] ** 2)
        found = eigenvalues(with_penalty(penalty, gamma, loss))
        expected = [-gamma / 2 - root, -gamma / 2 + root]
        # Rounding of a matrix moves a double eigenvalue by the root of it.
        np.testing.assert_allclose(found, expected, atol=1e-7)


def test_dirac_spectrum_with_instance_noise():
    """`f'' s^2 +- sqrt(f''^2 s^4 - f'^2)`, f' = 1/2, f'' = -1/4, noise s.

    With the noise's mean squares on reals and fakes, a and b, the Jacobian at 0 is
    [[0, 1/2], [-1/2, -(a + b) / 4]] exactly; a + b is 2 s^2 on average.
    """
    noise, batch = 0.7, 20_000
    config = replace(
        GAME, batch_size=batch, augment=AugmentConfig("instance_noise", strength=noise)
    )
    mean = -0.25 * noise**2
    root = np.emath.sqrt(mean**2 - 0.25)
    found = eigenvalues(config)
    # The trace is -(a + b) / 4, whose deviation is noise^2 / (2 sqrt(batch)).
    deviation = noise**2 / 2 / np.sqrt(batch)
    np.testing.assert_allclose(found.real, mean, atol=5 * deviation / 2)
    np.testing.assert_allclose(found, [mean - root, mean + root], atol=0.01)


def test_dirac_lsgan_is_degenerate():
    """Without a bias D(0) = 0, not the 1/2 that both targets ask for."""
    np.testing.assert_array_equal(
        eigenvalues(replace(GAME, loss=LossConfig("lsgan"))), 0
    )


def linear(w):
    """The game whose field at 0 is `(w psi, -w theta)`."""
    return {0.5: GAME, 1.0: WGAN}[w]


def largest_root(*coefficients):
    """The largest absolute root of a polynomial."""
    return np.abs(np.roots(coefficients)).max()


def heavy_ball(c, beta, alternating):
    """The factor of `x_(t+1) = (1 + beta) x_t - beta x_(t-1) + h v`.

    In z = theta + i psi a simultaneous step's v is -i w z. Alternating, eliminating psi
    gives `(m^2 - (1 + beta) m + beta)^2 + c^2 m^3 = 0`.
    """
    if not alternating:
        return largest_root(1, -(1 + beta - 1j * c), beta)
    quadratic = np.poly1d([1, -(1 + beta), beta])
    return largest_root(*(quadratic**2 + np.poly1d([c**2, 0, 0, 0])).coeffs)


def rule(name, **fields):
    """A rule of play: its options, `period`, and fields of the Config."""
    period = fields.pop("period", 1)
    names = ("gamma", "k", "alpha", "base")
    options = {k: fields.pop(k) for k in names if k in fields}
    return SimpleNamespace(
        dynamics=DynamicsConfig(name, **options), fields=fields, period=period
    )


def lookahead_factor(alternating):
    """The factor of lookahead, k = 5, alpha = 1/2: `|(1 + mu^5) / 2|`.

    mu is the eigenvalue of a step.
    Simultaneous: 1 + ic. Alternating: of modulus 1 and trace 2 - c^2.
    """

    def factor(c):
        cosine = 1 - c**2 / 2
        mu = cosine + 1j * np.sqrt(1 - cosine**2) if alternating else 1 + 1j * c
        return abs((1 + mu**5) / 2)

    return factor


def consensus_factor(c):
    """The factor of consensus: gamma = 1 takes `h w^2 = c^2 / h` from the diagonal."""
    return np.hypot(1 - c**2 / RATE, c)


G_FIRST, D_FIRST = {"g_first": True}, {"g_first": False}
NEGATIVE, POSITIVE = players(momentum(-0.5)), players(momentum(0.5))
SIM = partial(rule, "simultaneous", **D_FIRST)
ALT = partial(rule, "alternating")
JOINT = partial(rule, **D_FIRST)

# The rule, then its factor at w = 0.5 and at w = 1 as printed, and its closed form.
RULES = {
    "simultaneous": (SIM(), "1.004988", "1.019804", lambda c: np.sqrt(1 + c**2)),
    "alternating_g_first": (ALT(**G_FIRST), "1", "1", lambda c: 1),
    "alternating_d_first": (ALT(**D_FIRST), "1", "1", lambda c: 1),
    "negative_momentum_simultaneous": (
        SIM(**NEGATIVE),
        "1.000743",
        "1.003000",
        lambda c: heavy_ball(c, -0.5, False),
    ),
    "negative_momentum_alternating": (
        ALT(**G_FIRST, **NEGATIVE),
        "0.998518",
        "0.994063",
        lambda c: heavy_ball(c, -0.5, True),
    ),
    "positive_momentum_simultaneous": (
        SIM(**POSITIVE),
        "1.0457",
        "1.1248",
        lambda c: heavy_ball(c, 0.5, False),
    ),
    "positive_momentum_alternating": (
        ALT(**D_FIRST, **POSITIVE),
        "1.0323",
        "1.0918",
        lambda c: heavy_ball(c, 0.5, True),
    ),
    "extragradient": (
        JOINT("extragradient"),
        "0.995038",
        "0.980612",
        lambda c: np.sqrt(1 - c**2 + c**4),
    ),
    "optimistic": (
        JOINT("optimistic"),
        "0.994936",
        "0.978906",
        lambda c: np.sqrt((1 + np.sqrt(1 - 4 * c**2)) / 2),
    ),
    "consensus": (
        JOINT("consensus", gamma=1.0),
        "0.955249",
        "0.824621",
        consensus_factor,
    ),
    "sga": (JOINT("sga"), "0.955249", "0.824621", consensus_factor),
    "competitive": (
        JOINT("competitive"),
        "0.995037",
        "0.980581",
        lambda c: 1 / np.sqrt(1 + c**2),
    ),
    "unrolled_1": (
        JOINT("unrolled", k=1),
        "0.994987",
        "0.979796",
        lambda c: np.sqrt(1 - c**2),
    ),
    "unrolled_5": (
        JOINT("unrolled"),
        "0.953939",
        "0.800000",
        lambda c: np.sqrt(1 - 9 * c**2),
    ),
    "lookahead_simultaneous": (
        JOINT("lookahead", base="simultaneous", period=5),
        "0.981327",
        "0.926371",
        lookahead_factor(alternating=False),
    ),
    "lookahead_alternating": (
        rule("lookahead", period=5, **G_FIRST),
        "0.968887",
        "0.877181",
        lookahead_factor(alternating=True),
    ),
}


@pytest.mark.parametrize("w, column", [(0.5, 1), (1.0, 2)])
@pytest.mark.parametrize("name", RULES)
def test_contraction_of_a_rule_is_its_closed_form(name, w, column):
    played, *figures, closed_form = RULES[name]
    config = replace(linear(w), dynamics=played.dynamics, **played.fields)
    factor = contraction(config, played.period)
    np.testing.assert_allclose(factor, closed_form(RATE * w), atol=1e-6)
    assert_to_its_last_digit(factor, figures[column - 1])


CONSENSUS = replace(
    GAME, dynamics=DynamicsConfig("consensus", gamma=1.0), g_first=False
)


def test_dirac_gan_under_consensus_ends_where_its_jacobian_says():
    """Published: 2.58e-10."""
    assert_to_its_last_digit(distances(CONSENSUS, 500)[-1], "2.58e-10")


def test_dirac_spectrum_under_consensus_is_pulled_to_the_left():
    """`-gamma f'^2 +- i f'`, f' = 1/2: of the moves, (step - 1) / h."""
    gan, state, batch = start_game(CONSENSUS)
    step = np.asarray(jax.jit(partial(step_matrix, gan))(state, batch))
    found = np.sort_complex(np.linalg.eigvals((step - np.eye(2)) / RATE))
    np.testing.assert_allclose(found, [-0.25 - 0.5j, -0.25 + 0.5j], atol=1e-5)


@pytest.mark.parametrize("rule", ["simultaneous", "alternating"])
def test_contraction_with_r1_is_its_closed_form(rule):
    """gamma = 0.3: simultaneous |1 + h lambda|, alternating sqrt(1 - h gamma)."""
    printed = {
        "simultaneous": ["0.974679", "0.989949"],
        "alternating": ["0.969536", "0.969536"],
    }
    for w, figure in zip((0.5, 1.0), printed[rule], strict=True):
        config = replace(
            linear(w),
            penalty=R1.penalty,
            dynamics=DynamicsConfig(rule),
            g_first=rule == "alternating",
        )
        value = -0.15 + np.emath.sqrt(0.15**2 - w**2)
        closed = {"simultaneous": abs(1 + RATE * value), "alternating": 0.94**0.5}
        factor = contraction(config)
        np.testing.assert_allclose(factor, closed[rule], atol=1e-6)
        assert_to_its_last_digit(factor, figure)


@pytest.mark.parametrize("name", ["simultaneous", "alternating_g_first"])
def test_bilinear_game_in_a_plane_contracts_as_on_a_line(name):
    played, *_, closed_form = RULES[name]
    config = replace(
        WGAN,
        dataset=DatasetConfig("bilinear"),
        dynamics=played.dynamics,
        **played.fields,
    )
    np.testing.assert_allclose(contraction(config), closed_form(RATE), atol=1e-6)


def test_bilinear_field_is_psi_and_minus_theta():
    gan, state, batch = start_game(replace(WGAN, dataset=DatasetConfig("bilinear")))
    w = jnp.array([2.0, 3.0, 5.0, 7.0])
    np.testing.assert_allclose(descent_direction(gan, state, batch, w), [5, 7, -2, -3])


@pytest.mark.parametrize(
    "b1, name, figure",
    [
        (0.9, "adam", "8.8"),
        (0.5, "adam", "0.16"),
        (0.0, "adam", "0.09"),
        (0.0, "optimistic_adam", "0.024"),
    ],
)
def test_bilinear_game_ends_nearer_with_less_momentum_of_adam(b1, name, figure):
    """The game has 20,000 simultaneous steps of 1e-2, b2 = 0.9, from (1, -1)."""
    adam = OptimizerConfig(name, learning_rate=1e-2, b1=b1, b2=0.9)
    config = replace(WGAN, dynamics=SIMULTANEOUS, g_first=False, **players(adam))
    assert_to_its_last_digit(distances(config, 20_000)[-1], figure)


@pytest.mark.parametrize("data, dimension", [("dirac", 1), ("bilinear", 2)])
def test_dirac_pair_starts_at_its_scale_with_one_number_a_coordinate(data, dimension):
    model = replace(GAME.model, init_scale=3.0)
    _, state, batch = start_game(
        replace(GAME, dataset=DatasetConfig(data), model=model)
    )
    np.testing.assert_array_equal(batch.image, np.zeros((1, 1, dimension)))
    np.testing.assert_array_equal(state.generator.params["theta"], [3.0] * dimension)
    np.testing.assert_array_equal(state.discriminator.params["psi"], [-3.0] * dimension)


@pytest.mark.parametrize(
    "group, field, value, words",
    [
        ("model", "g_norm", "layer", "model.g_norm"),
        ("model", "d_norm", "batch", "model.d_norm"),
        ("model", "g_spectral", True, "model.g_spectral"),
        ("model", "d_spectral", True, "model.d_spectral"),
        ("model", "activation", "relu", "model.activation"),
        ("dataset", "labels", True, "dataset.labels"),
        ("dataset", "name", "digits", "model.name 'dirac'.*a single point"),
    ],
)
def test_dirac_pair_refuses_what_it_has_no_layers_for(group, field, value, words):
    config = replace(GAME, **{group: replace(getattr(GAME, group), **{field: value})})
    with pytest.raises(ValueError, match=words):
        build(config)


@pytest.mark.parametrize(
    "field, value", [("width", 8), ("z_dim", 2), ("g_init", "xavier")]
)
def test_dirac_pair_refuses_a_field_it_does_not_read(field, value):
    config = replace(GAME, model=replace(GAME.model, **{field: value}))
    with pytest.raises(ValueError, match=f"model.{field} .* has no effect"):
        refuse_unused_fields(GAME, config)


@pytest.mark.parametrize(
    "rate, floor, factor, word",
    [
        (1.001, 0.0, 1.001, "diverges"),
        (1.0, 0.0, 1.0, "cycles"),
        (0.999, 0.0, 0.999, "converges"),
        (0.999, 0.0, 1.0, "converges"),  # More slowly than any power.
        (0.999, 0.0, 1.01, "cycles"),  # It shrinks to a cycle: the solution repels.
        (0.9, 0.05, 0.9, "converges"),  # It shrinks no more, but to the noise's floor.
        (10.0, 0.0, 10.0, "diverges"),  # Beyond the largest float.
    ],
)
def test_verdict_tells_a_spiral_from_a_circle(rate, floor, factor, word):
    with np.errstate(over="ignore"):
        distance = np.maximum(np.float64(rate) ** np.arange(501), floor)
    assert verdict(distance, factor) == word


def test_dirac_gan_of_the_non_saturating_loss_ends_on_a_cycle():
    """Simultaneous steps: 0.640 after 500, 0.624 after 5,000 (the published ends)."""
    config = replace(NS, dynamics=SIMULTANEOUS, g_first=False)
    assert verdict(distances(config, 500), contraction(config)) == "cycles"
