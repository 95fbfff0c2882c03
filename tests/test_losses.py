"""Losses: the papers' formulas in PyTorch, closed forms, and extreme logits."""

import inspect
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import Config
from gan_jax.assembly.assemble import build
from gan_jax.config import LossConfig
from gan_jax.data import Spec
from gan_jax.losses import LOSSES, alpha_loss

SIDES = ("discriminator", "generator")
CASES = [
    ("minimax", {}),
    ("minimax", {"real_target": 0.9, "fake_weight": 0.7}),
    ("non_saturating", {}),
    ("non_saturating", {"real_target": 0.9, "fake_weight": 0.7}),
    ("lsgan", {}),
    ("lsgan", {"real_target": 0.9, "fake_weight": 0.7}),
    ("wasserstein", {}),
    ("hinge", {}),
    ("hinge", {"fake_weight": 0.7}),
    ("relativistic", {}),
    ("relativistic_average", {}),
    ("alpha", {"alpha_d": 0.3, "alpha_g": 3.0}),
    ("alpha", {"alpha_d": 0.5, "alpha_g": 1.0}),
    ("alpha", {"alpha_d": 1.0, "alpha_g": 0.5, "fake_weight": 0.7}),
    ("alpha", {"alpha_d": 3.0, "alpha_g": 0.3}),
    ("alpha_non_saturating", {"alpha_d": 0.3, "alpha_g": 3.0}),
    ("alpha_non_saturating", {"alpha_d": 0.5, "alpha_g": 1.0, "fake_weight": 0.7}),
    ("alpha_non_saturating", {"alpha_d": 1.0, "alpha_g": 0.5}),
    ("alpha_non_saturating", {"alpha_d": 3.0, "alpha_g": 0.3}),
    ("hybrid", {}),
    ("hybrid", {"real_target": 0.9, "fake_weight": 0.7}),
]
IDS = [f"{name}{list(options.values())}" for name, options in CASES]


def function(name, side, options):
    """The loss with those of the options that it takes."""
    loss = getattr(LOSSES[name], side)
    taken = inspect.signature(loss).parameters
    return partial(loss, **{k: v for k, v in options.items() if k in taken})


def oracle(torch, name, side, real, fake, options):
    """The papers' formulas in PyTorch."""
    target, weight = options.get("real_target", 1.0), options.get("fake_weight", 1.0)
    one, zero = torch.ones_like(real), torch.zeros_like(real)
    nn = torch.nn.functional
    bce = partial(nn.binary_cross_entropy_with_logits, reduction="none")
    mse = partial(nn.mse_loss, reduction="none")

    def cross_entropy():
        return bce(real, target * one) + weight * bce(fake, zero)

    def alpha(logit, order):
        p = torch.sigmoid(logit)
        if order == 1:
            return -torch.log(p)
        return order / (order - 1) * (1 - p ** ((order - 1) / order))

    alpha_d, alpha_g = options.get("alpha_d", 1.0), options.get("alpha_g", 1.0)

    def alpha_both():
        return alpha(real, alpha_d) + weight * alpha(-fake, alpha_d)

    formulas = {
        "minimax": (cross_entropy, lambda: torch.log(1 - torch.sigmoid(fake))),
        "non_saturating": (cross_entropy, lambda: bce(fake, one)),
        "lsgan": (
            lambda: 0.5 * mse(real, target * one) + 0.5 * weight * mse(fake, zero),
            lambda: 0.5 * mse(fake, one),
        ),
        "wasserstein": (lambda: fake - real, lambda: -fake),
        "hinge": (
            lambda: (
                torch.clamp(1 - real, min=0) + weight * torch.clamp(1 + fake, min=0)
            ),
            lambda: -fake,
        ),
        "relativistic": (
            lambda: bce(real - fake, one),
            lambda: bce(fake - real, one),
        ),
        "relativistic_average": (
            lambda: (bce(real - fake.mean(), one) + bce(fake - real.mean(), zero)) / 2,
            lambda: (bce(real - fake.mean(), zero) + bce(fake - real.mean(), one)) / 2,
        ),
        "alpha": (alpha_both, lambda: -alpha(-fake, alpha_g)),
        "alpha_non_saturating": (alpha_both, lambda: alpha(fake, alpha_g)),
        "hybrid": (
            lambda: mse(torch.sigmoid(real), target * one) + weight * bce(fake, zero),
            lambda: 1 - torch.sigmoid(fake),
        ),
    }
    return formulas[name][SIDES.index(side)]()


def logits(count=64):
    """Real and fake logits, and weights of a sum of the losses."""
    rng = np.random.default_rng(0)
    real, fake = rng.uniform(-4, 4, (2, count)).astype(np.float32)
    return real, fake, rng.uniform(0.5, 1.5, count).astype(np.float32)


def value_and_gradients(loss, real, fake, weights):
    value, pull = jax.vjp(loss, jnp.asarray(real), jnp.asarray(fake))
    return value, *pull(jnp.asarray(weights))


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_loss_and_gradients_equal_the_formula_in_pytorch(name, options, side):
    import torch

    real, fake, weights = logits()
    a = torch.tensor(real, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(fake, dtype=torch.float64, requires_grad=True)
    value = oracle(torch, name, side, a, b, options)
    gradients = torch.autograd.grad(
        value,
        (a, b),
        torch.tensor(weights, dtype=torch.float64),
        allow_unused=True,
        materialize_grads=True,
    )
    actual = value_and_gradients(function(name, side, options), real, fake, weights)
    for ours, theirs in zip(actual, (value.detach(), *gradients), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5)


LOG_2 = math.log(2)
AT_ZERO = {
    "minimax": (2 * LOG_2, -LOG_2),
    "non_saturating": (2 * LOG_2, LOG_2),
    "lsgan": (0.5, 0.5),
    "wasserstein": (0.0, 0.0),
    "hinge": (2.0, 0.0),
    "relativistic": (LOG_2, LOG_2),
    "relativistic_average": (LOG_2, LOG_2),
    "alpha": (2 * LOG_2, -LOG_2),
    "alpha_non_saturating": (2 * LOG_2, LOG_2),
    "hybrid": (0.25 + LOG_2, 0.5),
}


@pytest.mark.parametrize("name", AT_ZERO)
def test_loss_at_logit_zero_has_its_closed_form(name):
    zero = jnp.zeros(3)
    for side, expected in zip(SIDES, AT_ZERO[name], strict=True):
        actual = function(name, side, {})(zero, zero)
        np.testing.assert_allclose(actual, np.full(3, expected), rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_alpha_loss_at_logit_zero_has_its_closed_form(alpha):
    # A = -1 gives 1/p - 1 = 1; A = 2 gives 2 (1 - sqrt(1/2)).
    expected = {0.5: 1.0, 2.0: 2 - math.sqrt(2)}[alpha]
    np.testing.assert_allclose(alpha_loss(jnp.zeros(1), alpha), [expected], rtol=1e-6)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_loss_and_gradients_are_finite_at_extreme_logits(name, options, side):
    extremes = np.array([-1e4, 0, 1e4], np.float32)
    real, fake = (grid.ravel() for grid in np.meshgrid(extremes, extremes))
    results = value_and_gradients(
        function(name, side, options), real, fake, np.ones(9, np.float32)
    )
    assert all(np.isfinite(result).all() for result in results)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", LOSSES)
def test_loss_returns_one_float32_per_example(name, side):
    real, fake, _ = logits(5)
    value = function(name, side, {})(jnp.asarray(real), jnp.asarray(fake))
    assert value.shape == (5,)
    assert value.dtype == jnp.float32


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"relativistic_average"}))
def test_loss_of_an_example_does_not_depend_on_the_others(name, side):
    real, fake, _ = logits(6)
    loss = function(name, side, {})
    whole = loss(jnp.asarray(real), jnp.asarray(fake))
    alone = [loss(jnp.asarray(real[i : i + 1]), fake[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(whole, alone, rtol=1e-6)


def test_relativistic_average_uses_the_mean_it_is_given():
    def s(t):
        return np.log1p(np.exp(t))

    def shifted(x):
        return jnp.mean(x) + 1

    a, b = np.array([1, 3], np.float32), np.array([-1, 0], np.float32)
    mean_a, mean_b = 3, 0.5
    expected = {
        "discriminator": (s(-(a - mean_b)) + s(b - mean_a)) / 2,
        "generator": (s(a - mean_b) + s(-(b - mean_a))) / 2,
    }
    for side in SIDES:
        loss = getattr(LOSSES["relativistic_average"], side)
        actual = loss(jnp.asarray(a), jnp.asarray(b), mean=shifted)
        np.testing.assert_allclose(actual, expected[side], rtol=1e-5)


@pytest.mark.parametrize("side", SIDES)
def test_relativistic_average_of_shards_equals_the_whole_batch(side):
    real, fake, _ = logits(8)
    loss = getattr(LOSSES["relativistic_average"], side)
    whole = loss(jnp.asarray(real), jnp.asarray(fake))
    shards = jax.vmap(
        partial(loss, mean=lambda x: jax.lax.pmean(jnp.mean(x), "shard")),
        axis_name="shard",
    )(real.reshape(2, 4), fake.reshape(2, 4))
    np.testing.assert_allclose(whole, shards.ravel(), rtol=1e-5)


@pytest.mark.parametrize("sign", [-1, 1])
def test_alpha_loss_tends_to_cross_entropy_as_alpha_tends_to_one(sign):
    logit = jnp.linspace(-5, 5, 41)
    cross_entropy = np.log1p(np.exp(-np.asarray(logit, np.float64)))
    for distance in (1e-1, 1e-2, 1e-3, 1e-6):
        alpha = 1 + sign * distance
        # A (1 - e^(-c/A)) = c - c^2 / (2A) + ..., and |c/A| < 1 bounds the rest.
        bound = np.abs((alpha - 1) / alpha) * cross_entropy**2
        error = np.abs(np.asarray(alpha_loss(logit, alpha)) - cross_entropy)
        assert (error <= bound + 1e-6 * cross_entropy).all()


@pytest.mark.parametrize("alpha", [0.3, 0.5, 1.0, 3.0])
def test_alpha_loss_keeps_the_probability_above_1e_7(alpha):
    a = math.inf if alpha == 1 else alpha / (alpha - 1)
    floor = -math.log(1e-7) if alpha == 1 else a * (1 - 1e-7 ** (1 / a))
    value, slope = jax.value_and_grad(alpha_loss)(jnp.float32(-20), alpha)
    np.testing.assert_allclose(value, floor, rtol=1e-5)
    assert slope == 0


def test_minimax_generator_gradient_vanishes_where_the_non_saturating_does_not():
    def slope(name):
        return jax.grad(LOSSES[name].generator, 1)(jnp.float32(0), jnp.float32(-20))

    np.testing.assert_allclose(slope("minimax"), -math.exp(-20), rtol=1e-5)
    np.testing.assert_allclose(slope("non_saturating"), -1, rtol=1e-5)


LOGITS = np.array([3.0, -1.0, 0.5, 2.0]), np.array([1.0, 2.0, -4.0, 0.4])
PAIRS = [True, False, True, True]
JUDGED = {
    "lsgan": ([True, False, False, True], [False, False, True, True]),  # about 1/2
    "relativistic": (PAIRS, PAIRS),
    "wasserstein": (PAIRS, PAIRS),
    # The mean of the fakes is -0.15, that of the reals 1.125.
    "relativistic_average": ([True, False, True, True], [True, False, True, True]),
}
BY_SIGN = ([True, False, True, True], [False, False, True, False])


@pytest.mark.parametrize("name", LOSSES)
def test_what_d_tells_right_is_judged_as_the_loss_compares(name):
    loss = build(Config(loss=LossConfig(name)), spec=Spec((2,), None, 64)).loss
    real, fake = loss.are_correct(*map(jnp.float32, LOGITS))
    expected = JUDGED.get(name, BY_SIGN)
    np.testing.assert_array_equal(real, expected[0])
    np.testing.assert_array_equal(fake, expected[1])


@pytest.mark.parametrize("name", LOSSES)
def test_accuracy_ignores_a_constant_where_the_loss_does(name):
    """And only there."""
    loss = LOSSES[name]
    real, fake = map(jnp.float32, LOGITS)
    moved = [loss.discriminator(real + c, fake + c) for c in (0.0, 8.0)]
    ignores = np.allclose(*moved, atol=1e-5)
    (one, other), (two, another) = (
        loss.are_correct(real + c, fake + c) for c in (0.0, 8.0)
    )
    same = bool((one == two).all() and (other == another).all())
    assert same == ignores


@pytest.mark.parametrize("name", ["relativistic", "wasserstein"])
def test_accuracy_of_a_critic_of_chance_is_a_half_and_of_a_perfect_one_1(name):
    rng = np.random.default_rng(0)
    real, fake = (jnp.float32(rng.normal(7, 1, 10000)) for _ in range(2))
    for right in LOSSES[name].are_correct(real, fake):
        assert right.mean() == pytest.approx(0.5, abs=0.02)
    for right in LOSSES[name].are_correct(real + 20, fake):
        assert right.all()


def test_hinge_gradient_is_zero_beyond_the_margin():
    real, fake = jnp.asarray([1.5, 0.5]), jnp.asarray([-1.5, -0.5])
    gradients = jax.grad(lambda a, b: LOSSES["hinge"].discriminator(a, b).sum(), (0, 1))
    on_real, on_fake = gradients(real, fake)
    np.testing.assert_array_equal(on_real, [0, -1])
    np.testing.assert_array_equal(on_fake, [0, 1])
