"""Generator penalties: closed forms, and their gradients in PyTorch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from penalty_cases import BATCH, assert_close, example_keys, pairs

from gan_jax.penalties import GENERATOR_PENALTIES, draw_each, split_each


def quadratic(a):
    """G(z) = A z^2 / 2, whose Jacobian is A diag(z)."""
    return lambda z: (z**2 / 2) @ a.T


def test_jacobian_difference_of_linear_generator_is_zero():
    a = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)), jnp.float32)
    z = pairs((3,))[0]
    value = GENERATOR_PENALTIES["jacobian_difference"](
        lambda z: z @ a.T, z, example_keys()
    )
    np.testing.assert_array_equal(value, np.zeros(BATCH))


def test_jacobian_difference_of_quadratic_generator_is_its_projection_on_the_probe():
    a = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    z, keys = jnp.zeros((BATCH, 3)), example_keys()
    noise_keys, probe_keys = split_each(keys)
    shift = 0.1 * np.asarray(draw_each(jax.random.normal, noise_keys, z))
    probe = np.asarray(draw_each(jax.random.normal, probe_keys, jnp.zeros((BATCH, 5))))
    expected = np.sum((shift * (probe @ a)) ** 2, axis=1)
    value = GENERATOR_PENALTIES["jacobian_difference"](quadratic(a), z, keys)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_jacobian_difference_averages_the_squared_frobenius_norm():
    count, sigma = 20_000, 0.2
    a = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    z = jnp.ones((count, 3))
    keys = example_keys(6, count)
    noise_keys, _ = split_each(keys)
    shift = sigma * np.asarray(draw_each(jax.random.normal, noise_keys, z))
    frobenius = np.sum(shift**2 * np.sum(a**2, axis=0), axis=1)
    value = GENERATOR_PENALTIES["jacobian_difference"](
        quadratic(jnp.asarray(a)), z, keys, sigma=sigma
    )
    # Given z', the ratio is a Gaussian quadratic form of mean 1 and variance at most 2.
    assert abs(np.mean(value / frobenius) - 1) < 5 * np.sqrt(2 / count)


def test_no_generator_penalty_is_zero():
    value = GENERATOR_PENALTIES["none"](lambda z: z, jnp.ones((BATCH, 3)), 0)
    np.testing.assert_array_equal(value, np.zeros(BATCH))


@pytest.mark.oracle("torch")
def test_jacobian_difference_and_parameter_gradients_equal_pytorch():
    import torch

    a = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    z, keys = pairs((3,))[0], example_keys(8)

    def total(a):
        value = GENERATOR_PENALTIES["jacobian_difference"](
            lambda z: jnp.tanh(z @ a), z, keys, sigma=0.5
        )
        return value.sum(), value

    gradient, value = jax.grad(total, has_aux=True)(jnp.asarray(a))

    def tensor(array):
        return torch.tensor(np.asarray(array), dtype=torch.float64)

    noise_keys, probe_keys = split_each(keys)
    noise = tensor(draw_each(jax.random.normal, noise_keys, z))
    probe = tensor(draw_each(jax.random.normal, probe_keys, jnp.zeros((BATCH, 5))))
    theirs = tensor(a).requires_grad_()

    def pull(z):
        z = z.clone().requires_grad_()
        return torch.autograd.grad(torch.tanh(z @ theirs), z, probe, create_graph=True)

    difference = pull(tensor(z))[0] - pull(tensor(z) + 0.5 * noise)[0]
    expected = difference.square().sum(1)
    assert_close(value, expected.detach().numpy())
    assert_close(gradient, torch.autograd.grad(expected.sum(), theirs)[0].numpy())


def images_in_jax(params, z):
    """G(z) = tanh(z A + b), `[B, 4, 4, 2]`."""
    return jnp.tanh(z @ params["a"] + params["b"].reshape(1, -1)).reshape(-1, 4, 4, 2)


def path_lengths_in_torch(torch, generator, z, draws):
    """`(|J^T y| - 0.7)^2`, y ~ N(0, I) / 4."""
    z = z.clone().requires_grad_()
    probe = draws["probe"] / 4
    (pull,) = torch.autograd.grad(generator(z), z, probe, create_graph=True)
    return (pull.square().sum(1).sqrt() - 0.7) ** 2


def zcr_reward_in_torch(torch, generator, z, draws):
    apart = generator(z) - generator(z + 0.3 * draws["noise"])
    return -apart.square().flatten(1).mean(1)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize(
    ("name", "oracle", "options"),
    [
        ("path_length", path_lengths_in_torch, {"path_length_average": 0.7}),
        ("zcr", zcr_reward_in_torch, {"sigma": 0.3}),
    ],
)
def test_generator_penalty_and_parameter_gradients_equal_pytorch(name, oracle, options):
    import torch

    random, keys = np.random.default_rng(0), example_keys(8)
    params = {"a": random.normal(size=(3, 32)), "b": random.normal(size=32)}
    params = {k: jnp.asarray(v / 2, jnp.float32) for k, v in params.items()}
    z, weights = pairs((3,))[0], np.linspace(0.5, 1.5, BATCH, dtype=np.float32)

    def total(params):
        generator = partial(images_in_jax, params)
        value = GENERATOR_PENALTIES[name](generator, z, keys, **options)
        return jnp.sum(value * weights), value

    gradients, value = jax.grad(total, has_aux=True)(params)

    def tensor(array):
        return torch.tensor(np.asarray(array), dtype=torch.float64)

    theirs = {k: tensor(v).requires_grad_() for k, v in params.items()}
    images = jnp.zeros((BATCH, 4, 4, 2))
    draws = {
        "probe": tensor(draw_each(jax.random.normal, keys, images)),
        "noise": tensor(draw_each(jax.random.normal, keys, z)),
    }

    def generator(z):
        return torch.tanh(z @ theirs["a"] + theirs["b"]).reshape(-1, 4, 4, 2)

    expected = oracle(torch, generator, tensor(z), draws)
    slopes = torch.autograd.grad((expected * tensor(weights)).sum(), theirs.values())
    assert_close(value, expected.detach().numpy())
    for key, slope in zip(theirs, slopes, strict=True):
        assert_close(gradients[key], slope.numpy())


@pytest.mark.oracle("torch")
def test_orthogonal_regularization_and_its_gradients_equal_pytorch():
    import torch

    random = np.random.default_rng(0)
    shapes = {"dense": (3, 5), "conv": (3, 3, 2, 4), "bias": (5,)}
    params = {
        k: jnp.asarray(random.normal(size=shape), jnp.float32)
        for k, shape in shapes.items()
    }
    penalty = GENERATOR_PENALTIES["orthogonal"]

    def total(params):
        value = penalty(lambda z: z, jnp.ones((BATCH, 3)), 0, g_params=params)
        return value.mean(), value

    gradients, value = jax.grad(total, has_aux=True)(params)
    theirs = {
        k: torch.tensor(np.asarray(v), dtype=torch.float64, requires_grad=True)
        for k, v in params.items()
    }
    expected = 0
    for kernel in (theirs["dense"], theirs["conv"]):
        matrix = kernel.flatten(0, -2)
        overlap = matrix.T @ matrix
        expected = expected + (overlap - torch.diag(overlap.diag())).square().sum()
    slopes = torch.autograd.grad(expected, (theirs["dense"], theirs["conv"]))
    assert_close(value, np.full(BATCH, expected.item()))
    for key, slope in zip(("dense", "conv"), slopes, strict=True):
        assert_close(gradients[key], slope.numpy())
    np.testing.assert_array_equal(gradients["bias"], np.zeros(5))


def test_orthogonal_regularization_of_an_orthogonal_matrix_is_zero():
    kernel = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 4)))[0] * 3
    value = GENERATOR_PENALTIES["orthogonal"](
        lambda z: z, jnp.ones((2, 3)), 0, g_params={"kernel": jnp.float32(kernel)}
    )
    np.testing.assert_allclose(value, np.zeros(2), atol=1e-9)


def test_path_length_of_a_constant_generator_has_a_finite_gradient():
    def total(scale):
        def generator(z):
            return scale * jnp.zeros((BATCH, 2)) + 0 * z[:, :2]

        return GENERATOR_PENALTIES["path_length"](
            generator, jnp.ones((BATCH, 3)), example_keys()
        ).sum()

    assert np.isfinite(jax.grad(total)(1.0))
