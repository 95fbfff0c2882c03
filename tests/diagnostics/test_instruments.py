"""Instruments of a state and of series: closed forms and NumPy references."""

from dataclasses import replace
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import Point, Slope
from small_games import place

from gan_jax.config import OptimizerConfig
from gan_jax.diagnostics import (
    Players,
    critic_gradient_norms,
    dead_units,
    detour,
    duality_gap,
    ema_gap,
    gradient_flow,
    gradient_quantiles,
    gradient_snr,
    late_spread,
    logit_gap,
    real_logits,
    singular_values,
    snapshots,
    update_cosines,
)
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state
from gan_jax.layers import Style
from gan_jax.layers.activations import leaky_relu
from gan_jax.layers.norms import no_norm
from gan_jax.losses import LOSSES
from gan_jax.models.dense import DenseGenerator, MlpDiscriminator
from gan_jax.objectives import example_keys
from gan_jax.optimizers import OPTIMIZERS, chain
from gan_jax.penalties import PENALTIES
from gan_jax.types import Batch

B, RATE = 4, 0.1


SCALED = chain(OptimizerConfig("sgd"), OPTIMIZERS["sgd"](RATE))
"""SGD by the learning rate times that of `state.scales`, as in every built Gan."""


def linear_gan(loss="wasserstein", gamma=0.0):
    """WGAN on a point mass: M = psi x - psi theta, with R1 of weight gamma."""
    terms = (Term(PENALTIES["r1"], lambda step: gamma),)
    return Gan(
        Point(),
        Slope(),
        loss=LOSSES[loss],
        z_dim=1,
        data_shape=(1,),
        g_optimizer=optax.sgd(RATE),
        d_optimizer=optax.sgd(RATE),
        dynamics=alternating,
        penalties=terms if gamma else (),
    )


def keys_of(gan, count=B):
    return example_keys(gan, jax.random.key(1), count)


THETA, PSI = 1.5, -0.8


@pytest.mark.parametrize("own", [True, False])
def test_bilinear_duality_gap_is_its_closed_form(own):
    """`M = -psi theta`; k steps add `-k h theta` to psi and `k h psi` to theta, so the
    gap is `k h (theta^2 + psi^2)`."""
    gan, k, rate = linear_gan(), 3, RATE if own else 0.4
    batches, test = Batch(jnp.zeros((k, B, 1))), Batch(jnp.zeros((2, B, 1)))
    chains = None if own else Players(optax.sgd(rate), optax.sgd(rate))
    found = duality_gap(
        gan,
        place(gan, THETA, PSI),
        batches,
        test,
        jax.random.key(0),
        optimizers=chains,
    )
    np.testing.assert_allclose(found.value, -PSI * THETA, rtol=1e-5)
    np.testing.assert_allclose(found.gap, k * rate * (THETA**2 + PSI**2), rtol=1e-5)
    np.testing.assert_allclose(found.worst, found.value + k * rate * THETA**2, 1e-5)
    np.testing.assert_allclose(found.best, found.value - k * rate * PSI**2, 1e-5)


def test_each_response_of_a_duality_gap_is_at_its_player_s_scaled_rate():
    """`worst = M + k h_D theta^2`, `best = M - k h_G psi^2`."""
    gan, k = replace(linear_gan(), g_optimizer=SCALED, d_optimizer=SCALED), 3
    state = place(gan, THETA, PSI)
    scales = {"g_lr": jnp.float32(0.5), "d_lr": jnp.float32(2.0)}
    state = state.replace(scales=state.scales | scales)
    batches, test = Batch(jnp.zeros((k, B, 1))), Batch(jnp.zeros((1, B, 1)))
    found = duality_gap(gan, state, batches, test, jax.random.key(0))
    climbed, descended = k * 2 * RATE * THETA**2, k * RATE / 2 * PSI**2
    np.testing.assert_allclose(found.worst - found.value, climbed, rtol=1e-5)
    np.testing.assert_allclose(found.value - found.best, descended, rtol=1e-5)


def test_duality_gap_of_a_regularized_critic_is_its_closed_form():
    """With R1 D ascends `-psi theta - gamma psi^2 / 2`, a contraction to `-theta /
    gamma` by `1 - h gamma` a step; M is taken without the penalty."""
    gamma, k = 2.0, 5
    gan = linear_gan(gamma=gamma)
    batches, test = Batch(jnp.zeros((k, B, 1))), Batch(jnp.zeros((1, B, 1)))
    state = place(gan, THETA, PSI)
    found = duality_gap(gan, state, batches, test, jax.random.key(0))
    goal = -THETA / gamma
    psi = goal + (1 - RATE * gamma) ** k * (PSI - goal)
    np.testing.assert_allclose(found.worst, -psi * THETA, rtol=1e-5)
    np.testing.assert_allclose(found.gap, found.worst - found.best, rtol=1e-5)


def test_duality_gap_is_0_at_the_solution_and_taken_on_the_test_data():
    gan, key = linear_gan(), jax.random.key(0)
    batches = Batch(jnp.zeros((2, B, 1)))
    solution = duality_gap(
        gan, place(gan, 0.0, 0.0), batches, Batch(jnp.zeros((1, B, 1))), key
    )
    assert solution == (0, 0, 0, 0)
    elsewhere = Batch(jnp.stack([jnp.full((B, 1), 2.0), jnp.full((B, 1), 4.0)]))
    found = duality_gap(gan, place(gan, THETA, PSI), batches, elsewhere, key)
    np.testing.assert_allclose(found.value, PSI * 3 - PSI * THETA, rtol=1e-5)


@pytest.mark.parametrize("loss", ["non_saturating", "lsgan", "hinge", "relativistic"])
def test_duality_gap_refuses_games_that_are_not_zero_sum(loss):
    gan = linear_gan(loss)
    batch = Batch(jnp.zeros((1, B, 1)))
    with pytest.raises(ValueError, match="zero-sum"):
        duality_gap(gan, place(gan, 0.0, 0.0), batch, batch, jax.random.key(0))


@pytest.mark.parametrize("loss", ["minimax", "alpha"])
def test_duality_gap_takes_zero_sum_losses(loss):
    gan = linear_gan(loss)
    batches = Batch(jnp.zeros((1, B, 1)))
    found = duality_gap(gan, place(gan, 0.0, PSI), batches, batches, jax.random.key(0))
    np.testing.assert_allclose(found.value, -2 * np.log(2), rtol=1e-5)
    # theta' = h psi / 2, at which b = h psi^2 / 2.
    b = RATE * PSI**2 / 2
    best = -np.log(2) - np.log1p(np.exp(b))
    np.testing.assert_allclose(found.gap, -2 * np.log(2) - best, rtol=1e-4)


def test_gradient_flow_has_the_norms_of_gradient_weight_and_update():
    """WGAN: `dL_G/dtheta = -psi`, `dL_D/dpsi = theta - x`; SGD, scaled by d_lr."""
    gan = replace(linear_gan(), d_optimizer=SCALED)
    state = place(gan, THETA, PSI)
    state = state.replace(scales=state.scales | {"d_lr": jnp.float32(3.0)})
    g, d = gradient_flow(gan, state, Batch(jnp.ones((B, 1))), keys_of(gan))
    expected = abs(PSI), THETA, RATE * abs(PSI), RATE * abs(PSI) / THETA
    np.testing.assert_allclose(g["theta"], expected, rtol=1e-5)
    slope = THETA - 1
    expected = slope, abs(PSI), 3 * RATE * slope, 3 * RATE * slope / abs(PSI)
    np.testing.assert_allclose(d["psi"], expected, rtol=1e-5)
    idle = gradient_flow(
        gan, place(gan, 0.0, PSI), Batch(jnp.zeros((B, 1))), keys_of(gan)
    )
    assert idle.generator["theta"].ratio == np.inf
    assert idle.discriminator["psi"][:1] == (0.0,)


def images_gan(activation):
    style = Style(no_norm, activation, nn.initializers.lecun_normal())
    return replace(
        linear_gan(),
        generator=DenseGenerator((2,), (5, 6), style, lambda x: x),
        discriminator=MlpDiscriminator(7, style),
        data_shape=(2,),
    )


def with_bias(params, layer, bias):
    return params | {layer: params[layer] | {"bias": jnp.asarray(bias)}}


@pytest.mark.parametrize("activation", [jax.nn.relu, leaky_relu])
def test_dead_units_are_those_whose_bias_keeps_them_negative(activation):
    gan = images_gan(activation)
    state = jax.jit(partial(init_state, gan))(jax.random.key(0))
    g, d = state.generator, state.discriminator
    # +-50 outweighs what comes in: exactly these units are dead, all others alive.
    g_bias = np.where(np.arange(6) < 2, -50.0, 50.0)
    g_params = with_bias(g.params, "Dense_0", np.full(5, 50.0))
    g = g.replace(params=with_bias(g_params, "Dense_1", g_bias))
    g = g.replace(params=jax.tree.map(lambda x: x.astype(jnp.float32), g.params))
    d_params = with_bias(d.params, "Dense_0", np.full(7, -500.0, np.float32))
    second = jnp.asarray([-1.0, *[1.0] * 6]) * 1e4
    d = d.replace(params=with_bias(d_params, "Dense_1", second))
    state = state.replace(generator=g, discriminator=d)
    found = dead_units(gan, state, Batch(jnp.ones((B, 2))), keys_of(gan))
    np.testing.assert_allclose(found.generator, [0, 2 / 6], atol=1e-6)
    np.testing.assert_allclose(found.discriminator, [1, 1 / 7], atol=1e-6)


def test_dead_units_need_networks_with_a_style():
    gan = linear_gan()
    with pytest.raises(ValueError, match="Point.*Style"):
        dead_units(gan, place(gan, 0.0, 0.0), Batch(jnp.zeros((B, 1))), keys_of(gan))


def test_singular_values_are_those_of_reshaped_kernels():
    random = np.random.default_rng(0)
    conv = random.standard_normal((3, 3, 2, 5))
    diagonal = np.diag([3.0, -7.0, 0.0])
    params = {
        "Conv_0": {"kernel": jnp.asarray(conv), "bias": jnp.zeros(5)},
        "Block": {"Dense_0": {"kernel": jnp.asarray(diagonal)}},
    }
    found = singular_values(params)
    assert set(found) == {"Conv_0/kernel", "Block/Dense_0/kernel"}
    np.testing.assert_allclose(found["Block/Dense_0/kernel"], [7, 3, 0], atol=1e-6)
    matrix = conv.reshape(18, 5)
    expected = np.sqrt(np.linalg.eigvalsh(matrix.T @ matrix)[::-1])
    np.testing.assert_allclose(found["Conv_0/kernel"], expected, rtol=1e-5)


def test_critic_gradient_norms_of_a_linear_critic_are_its_slope():
    gan = linear_gan()
    norms = critic_gradient_norms(
        gan, place(gan, THETA, PSI), Batch(jnp.zeros((B, 1))), keys_of(gan)
    )
    assert set(norms) == {"real", "fake", "between"}
    for values in norms.values():
        np.testing.assert_allclose(values, np.full(B, abs(PSI)), rtol=1e-6)
    quantiles = gradient_quantiles({"real": jnp.arange(101.0)})["real"]
    assert quantiles == pytest.approx({q: 100 * q for q in quantiles})
    assert {0.0, 0.5, 1.0} < set(quantiles)


def test_gradient_snr_is_mean_square_over_variance_across_batches():
    """WGAN: D's gradient in batch i is `theta - mean x_i`, G's always `-psi`."""
    gan = linear_gan()
    means = np.array([1.0, 2.0, 4.0, 7.0])
    batches = Batch(jnp.asarray(np.tile(means[:, None, None], (1, B, 1)), jnp.float32))
    state = place(gan, THETA, PSI)
    found = gradient_snr(gan, state, batches, jax.random.key(0))
    slopes = THETA - means
    expected = slopes.mean() ** 2 / slopes.var(ddof=1)
    np.testing.assert_allclose(found.discriminator, expected, rtol=1e-5)
    assert found.generator == np.inf
    with pytest.raises(ValueError, match="batches: 1"):
        gradient_snr(gan, state, Batch(jnp.zeros((1, B, 1))), jax.random.key(0))


def test_logit_gap_is_in_units_of_the_pooled_deviation():
    training, held_out = [1.0, 3.0, 5.0], [0.0, 2.0]
    found = logit_gap(np.array(training), jnp.array(held_out), boundary=2.0)
    # Sums of squares 8 and 2, over 3 + 2 - 2 degrees of freedom.
    expected = 3, 1, 2, 2 / np.sqrt(10 / 3), 1 / 3
    np.testing.assert_allclose(found, expected)
    assert logit_gap(np.ones(2), np.ones(2)).deviations == 0
    assert logit_gap(np.ones(2), np.zeros(2)).deviations == np.inf
    with pytest.raises(ValueError, match="1 and 2"):
        logit_gap(np.ones(1), np.ones(2))


def test_real_logits_are_those_of_d():
    gan = linear_gan()
    x = jnp.arange(3.0)[:, None]
    np.testing.assert_allclose(real_logits(gan, place(gan, 0.0, PSI), x), PSI * x[:, 0])


def test_late_spread_is_the_deviation_of_the_last_quarter():
    values = [100.0, -50, 7, 80, 3, 9, 2.0, 5.0]
    assert late_spread(values) == pytest.approx(3 / np.sqrt(2))
    assert late_spread(values, share=1.0) == pytest.approx(np.std(values, ddof=1))
    assert late_spread([1.0, 3.0]) == pytest.approx(np.sqrt(2))
    with pytest.raises(ValueError, match="values: 1"):
        late_spread([1.0])


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 2, np.pi])
def test_update_cosine_of_a_rotation_is_that_of_its_angle(angle):
    steps = np.exp(1j * angle * np.arange(6))
    places = np.cumsum(np.concatenate([[0], steps]))
    points = np.stack([places.real, places.imag], axis=1)
    np.testing.assert_allclose(update_cosines(points), np.cos(angle), atol=1e-12)
    length, net = 6.0, abs(steps.sum())
    if net > 1e-9:
        np.testing.assert_allclose(detour(points), length / net)


def test_motion_of_points_at_rest_and_on_closed_paths():
    assert detour(np.zeros((3, 2))) == 1
    assert detour(np.array([[0.0], [1.0], [0.0]])) == np.inf
    np.testing.assert_array_equal(update_cosines(np.zeros((4, 2))), [0, 0])
    with pytest.raises(ValueError, match="T at least 3"):
        update_cosines(np.zeros((2, 5)))


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
def test_motion_names_the_first_point_that_is_not_finite(wrong):
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, wrong], [wrong, 0.0]])
    for measure in (update_cosines, detour):
        with pytest.raises(ValueError, match="row 2 is not finite"):
            measure(points)


def test_snapshots_are_rows_and_ema_gap_a_difference():
    trees = [{"a": jnp.array([i, 2.0]), "b": jnp.float32(3)} for i in (0.0, 1.0)]
    np.testing.assert_array_equal(snapshots(trees), [[0, 2, 3], [1, 2, 3]])
    assert ema_gap(5.0, 2.0) == 3
