"""Critic penalties: closed forms, zero gradients, independence of examples."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from penalty_cases import (
    BATCH,
    GRADIENTS_TAKEN,
    SHAPES,
    assert_close,
    critic_in_jax,
    example_keys,
    linear,
    network,
    pairs,
    penalty_on,
)

from gan_jax.penalties import (
    GENERATOR_PENALTIES,
    PENALTIES,
    draw_each,
    input_gradient_sq,
    interpolate,
    split_each,
    value_and_info,
)

W = {"points": np.array([3.0, -4.0]) / 2}


W["images"] = np.random.default_rng(1).normal(size=SHAPES["images"]) / 5


def quadratic_critic(x):
    """D(x) = |x|^2 / 2, whose gradient is x."""
    return (x**2).sum(axis=1) / 2


def test_every_penalty_has_a_case():
    assert set(GRADIENTS_TAKEN) == set(PENALTIES)
    assert set(GENERATOR_PENALTIES) == {
        "none",
        "jacobian_difference",
        "zcr",
        "path_length",
        "orthogonal",
    }


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_gradient_penalty_of_linear_critic_has_its_closed_form(kind, scale):
    w = scale * W[kind]
    real, fake = pairs(SHAPES[kind])
    square = np.sum(w**2)
    norm = np.sqrt(square)
    logit = {
        "real": np.tensordot(real, w, w.ndim),
        "fake": np.tensordot(fake, w, w.ndim),
    }
    sure = {k: 1 / (1 + np.exp(-v)) for k, v in logit.items()}
    closed_forms = {
        "none": 0,
        "wgan_gp": (norm - 1) ** 2,
        "wgan_lp": max(0, norm - 1) ** 2,
        "gp_zero": square,
        "r1": square / 2,
        "r2": square / 2,
        "r1_r2": square,
        "roth": ((1 - sure["real"]) ** 2 + sure["fake"] ** 2) * square / 2,
        "dragan": (norm - 1) ** 2,
    }
    for name, expected in closed_forms.items():
        actual = PENALTIES[name](linear(w), real, fake, example_keys())
        assert actual.shape == (BATCH,)
        np.testing.assert_allclose(
            actual, np.broadcast_to(expected, BATCH), rtol=1e-5, err_msg=name
        )


def test_wgan_lp_is_zero_below_unit_norm_where_wgan_gp_is_not():
    real, fake = pairs((2,))
    arguments = linear([0.3, 0.4]), real, fake, example_keys()
    np.testing.assert_array_equal(PENALTIES["wgan_lp"](*arguments), np.zeros(BATCH))
    np.testing.assert_allclose(
        PENALTIES["wgan_gp"](*arguments), np.full(BATCH, 0.25), rtol=1e-5
    )


def test_r1_reads_the_reals_and_r2_the_fakes():
    real, fake = pairs((2,))
    on_real, on_fake = (np.sum(np.square(x), axis=1) / 2 for x in (real, fake))
    expected = {"r1": on_real, "r2": on_fake, "r1_r2": on_real + on_fake}
    for name, value in expected.items():
        actual = PENALTIES[name](quadratic_critic, real, fake, example_keys())
        np.testing.assert_allclose(actual, value, rtol=1e-5)


def test_ar1_of_linear_critic_is_the_squared_projection_of_the_noise():
    origin, keys = jnp.zeros((BATCH, 2)), example_keys()
    noise = np.asarray(draw_each(jax.random.normal, keys, origin))
    actual = PENALTIES["ar1"](linear([3, -4]), origin, origin + 9, keys, sigma=0.01)
    np.testing.assert_allclose(actual, (0.01 * noise @ [3, -4]) ** 2, rtol=1e-5)


@pytest.mark.parametrize(("name", "copies"), [("ar1", 1), ("ar1_ar2", 2)])
def test_finite_difference_averages_sigma_squared_times_squared_norm(name, copies):
    count = 20_000
    origin = jnp.zeros((count, 2))
    actual = PENALTIES[name](
        linear([3, -4]), origin, origin, example_keys(3, count), sigma=0.02
    )
    # (w . e)^2 / |w|^2 is chi-squared: mean 1, variance 2; five deviations.
    mean = 0.02**2 * 25 * copies
    deviation = 0.02**2 * 25 * np.sqrt(2 * copies / count)
    assert abs(np.mean(actual) - mean) < 5 * deviation


def test_ar1_approximates_r1_with_gamma_two_lambda_sigma_squared():
    count, sigma, weight = 20_000, 0.01, 100.0

    def critic(x):
        return jnp.sin(x[:, 0]) + 2 * x[:, 1]

    x = jnp.ones((count, 2)) * 0.3
    ar1 = PENALTIES["ar1"](critic, x, x, example_keys(4, count), sigma=sigma)
    gamma = 2 * weight * sigma**2
    r1 = gamma * (np.cos(0.3) ** 2 + 4) / 2
    # Five deviations of a chi-squared mean; curvature adds terms of order sigma^2.
    tolerance = r1 * (5 * np.sqrt(2 / count) + 1e-3)
    assert abs(weight * np.mean(ar1) - r1) < tolerance


def test_ar1_ar2_draws_different_noise_for_real_and_fake():
    x, keys = jnp.zeros((BATCH, 2)), example_keys()
    w = linear([3, -4])
    both = PENALTIES["ar1_ar2"](w, x, x, keys)
    first, second = (PENALTIES["ar1"](w, x, x, half) for half in split_each(keys))
    np.testing.assert_allclose(both, first + second, rtol=1e-5)
    assert not np.isclose(first, second, rtol=1e-2).any()


def test_dragan_perturbs_reals_by_sigma_deviations_times_two_uniforms():
    real, fake = pairs((2,))
    keys = example_keys(5)
    value = PENALTIES["dragan"](quadratic_critic, real, fake, keys, sigma=0.7)
    u_keys, noise_keys = split_each(keys)
    u = np.asarray(jax.vmap(jax.random.uniform)(u_keys))[:, None]
    noise = 0.7 * np.std(real) * draw_each(jax.random.uniform, noise_keys, real)
    expected = (np.linalg.norm(real + u * noise, axis=1) - 1) ** 2
    assert_close(value, expected)


def test_dragan_of_shards_with_the_global_mean_equals_the_whole_batch():
    real, fake = pairs((2,))
    keys, critic = example_keys(5), quadratic_critic

    def shard(real, fake, keys):
        def mean(x):
            return lax.pmean(jnp.mean(x), "shard")

        return PENALTIES["dragan"](critic, real, fake, keys, mean=mean)

    halves = (x.reshape(2, BATCH // 2, *x.shape[1:]) for x in (real, fake, keys))
    shards = jax.vmap(shard, axis_name="shard")(*halves)
    assert_close(shards.ravel(), PENALTIES["dragan"](critic, real, fake, keys))


def constant_critic(params, x):
    return jnp.broadcast_to(params["bias"], (len(x),))


def dead_critic(params, x):
    """A ReLU network with all units off."""
    return jax.nn.relu(x @ params["w"] - 1e3) @ params["v"] + params["bias"]


OF_INPUTS = [name for name in GRADIENTS_TAKEN if name != "lecam"]


@pytest.mark.parametrize("critic", [constant_critic, dead_critic])
@pytest.mark.parametrize("name", OF_INPUTS)
def test_zero_input_gradient_gives_finite_values_and_gradients(name, critic):
    real, fake = pairs((2,))
    params = {"w": jnp.ones((2, 4)), "v": jnp.ones(4), "bias": jnp.float32(0.5)}

    def total(params):
        penalty = penalty_on(name, (2,))
        value = penalty(partial(critic, params), real, fake, example_keys())
        return value.sum(), value

    gradients, value = jax.grad(total, has_aux=True)(params)
    expected = 1 if name in ("wgan_gp", "dragan") else 0
    np.testing.assert_allclose(value, np.full(BATCH, expected), atol=1e-5)
    for leaf in jax.tree.leaves(gradients):
        np.testing.assert_array_equal(leaf, np.zeros(leaf.shape))


def test_zcr_draws_its_own_latents_and_needs_a_generator():
    """Sums over images are linear: D(G(z)) - D(G(z + sigma e)) = -sigma e . w."""
    w = np.array([1.0, -2.0, 2.0])
    keys, images = example_keys(4), jnp.ones((BATCH, 2))
    value = PENALTIES["zcr"](
        lambda x: x[:, 0],
        images,
        images,
        keys,
        generator=lambda z: (z @ jnp.float32(w))[:, None],
        z_dim=3,
        sigma=0.5,
    )
    _, noise_keys = split_each(keys)
    noise = np.asarray(draw_each(jax.random.normal, noise_keys, jnp.zeros((6, 3))))
    np.testing.assert_allclose(value, (0.5 * noise @ w) ** 2, rtol=1e-4)
    with pytest.raises(ValueError, match="generator: zcr"):
        PENALTIES["zcr"](lambda x: x[:, 0], images, images, keys)


def test_lecam_pulls_each_side_towards_the_other_side_s_average():
    """D is x; reals above the fakes' average pay, and fakes below the reals'."""
    real, fake = jnp.array([[2.0], [0.5]]), jnp.array([[0.0], [3.0]])
    value = PENALTIES["lecam"](
        lambda x: x[:, 0],
        real,
        fake,
        example_keys(count=2),
        real_logit_average=1.5,
        fake_logit_average=1.0,
    )
    np.testing.assert_allclose(value, [1.0**2 + 1.5**2, 0])


def test_interpolation_draws_its_own_uniform_for_each_example():
    count = 4000
    ones = jnp.ones((count, 2, 2, 1))
    points = np.asarray(interpolate(ones, 0 * ones, example_keys(9, count)))
    u = points[:, 0, 0, 0]
    np.testing.assert_array_equal(
        points, np.broadcast_to(u[:, None, None, None], points.shape)
    )
    assert len(np.unique(u)) > 0.99 * count
    assert 0 <= u.min() < 0.01 and 0.99 < u.max() < 1
    assert abs(u.mean() - 0.5) < 5 * np.sqrt(1 / 12 / count)


def penalty_of(name):
    """The penalty on the oracle's critic; dragan's batch statistics are fixed."""
    penalty = penalty_on(name, SHAPES["images"])
    if name == "dragan":
        penalty = partial(penalty, mean=lambda x: jnp.float32(0.25))
    critic = partial(critic_in_jax, {k: jnp.asarray(v) for k, v in network().items()})
    return jax.jit(partial(penalty, critic))


MIXED = ("wgan_gp", "r1", "dragan", "lecam", "zcr")
"""Of each way to mix examples one; the rest is slow."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in MIXED else pytest.mark.slow)
        for name in PENALTIES
    ],
)
def test_penalty_treats_examples_one_by_one(name):
    real, fake = pairs(SHAPES["images"])
    keys, penalty = example_keys(), penalty_of(name)
    whole = penalty(real, fake, keys)
    alone = [
        penalty(real[i : i + 1], fake[i : i + 1], keys[i : i + 1])[0]
        for i in range(BATCH)
    ]
    order = np.random.default_rng(2).permutation(BATCH)
    permuted = penalty(real[order], fake[order], keys[order])
    assert name == "none" or len(np.unique(whole)) == BATCH
    assert_close(whole, np.stack(alone))
    assert_close(permuted, whole[order])


@pytest.mark.parametrize("name", GRADIENTS_TAKEN)
def test_gradient_penalties_return_their_norms_as_info_and_others_nothing(name):
    real, fake = pairs((2,))
    penalty = penalty_on(name, (2,))
    value, info = value_and_info(penalty)(linear([3, -4]), real, fake, example_keys())
    without = penalty(linear([3, -4]), real, fake, example_keys())
    np.testing.assert_array_equal(value, without)
    count = GRADIENTS_TAKEN[name]
    assert list(info) == (["critic_grad_norm"] if count else [])
    for norms in info.values():
        np.testing.assert_allclose(norms, np.full((count, BATCH), 5), rtol=1e-6)


def test_input_gradient_spans_all_axes_but_the_batch():
    w = W["images"]
    square = input_gradient_sq(linear(w), pairs(SHAPES["images"])[0])
    np.testing.assert_allclose(square, np.full(BATCH, np.sum(w**2)), rtol=1e-5)
