"""Penalties: closed forms, zero gradients, double backward in PyTorch, independence."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.penalties import (
    GENERATOR_PENALTIES,
    PENALTIES,
    draw_each,
    input_gradient_sq,
    interpolate,
    split_each,
    value_and_info,
)

BATCH = 6
SHAPES = {"points": (2,), "images": (7, 7, 2)}
W = {"points": np.array([3.0, -4.0]) / 2}
W["images"] = np.random.default_rng(1).normal(size=SHAPES["images"]) / 5
GRADIENTS_TAKEN = {
    "none": 0,
    "wgan_gp": 1,
    "wgan_lp": 1,
    "gp_zero": 1,
    "r1": 1,
    "r2": 1,
    "r1_r2": 2,
    "ar1": 0,
    "ar1_ar2": 0,
    "roth": 2,
    "dragan": 1,
    "lecam": 0,
    "cr": 0,
    "bcr": 0,
    "zcr": 0,
}
Z_DIM = 3
# Large enough that the finite difference does not cancel in float32.
OPTIONS = {
    "ar1": {"sigma": 0.3},
    "ar1_ar2": {"sigma": 0.3},
    "lecam": {"real_logit_average": 0.4, "fake_logit_average": -0.3},
}


def example_keys(seed=0, count=BATCH):
    return jax.random.split(jax.random.key(seed), count)


def pairs(shape, count=BATCH):
    """Real and fake examples."""
    real, fake = np.random.default_rng(0).normal(size=(2, count, *shape))
    return jnp.asarray(real, jnp.float32), jnp.asarray(fake / 2 + 1, jnp.float32)


def noisy(x, keys):
    """A change for the consistency penalties."""
    return x + 0.3 * draw_each(jax.random.normal, keys, x)


def tanh_generator(shape):
    """G(z) = tanh(z A), as the examples are shaped."""
    a = np.random.default_rng(3).normal(size=(Z_DIM, np.prod(shape)))
    return lambda z: jnp.tanh(z @ jnp.asarray(a, z.dtype)).reshape(-1, *shape)


def penalty_on(name, shape):
    """A penalty that has all it needs for examples of this shape."""
    options = dict(OPTIONS.get(name, {}))
    if name in ("cr", "bcr"):
        options["transform"] = noisy
    if name == "zcr":
        generator = tanh_generator(shape)
        options |= {"generator": generator, "z_dim": Z_DIM, "sigma": 0.3}
    return partial(PENALTIES[name], **options)


def linear(w):
    """D(x) = w . x."""
    w = jnp.asarray(w, jnp.float32)
    return lambda x: jnp.tensordot(x, w, w.ndim)


def quadratic_critic(x):
    """D(x) = |x|^2 / 2, whose gradient is x."""
    return (x**2).sum(axis=1) / 2


def assert_close(actual, expected):
    """Relative to the largest entry."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


def test_every_penalty_is_tested():
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


def constant_critic(params, x):
    return jnp.broadcast_to(params["bias"], (len(x),))


def dead_critic(params, x):
    """A ReLU network with all units off."""
    return jax.nn.relu(x @ params["w"] - 1e3) @ params["v"] + params["bias"]


OF_INPUTS = [name for name in PENALTIES if name != "lecam"]


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


def network(seed=0):
    """Weights of a 3x3, stride-2 convolution, tanh and a linear layer."""
    rng = np.random.default_rng(seed)
    shapes = {"kernel": (3, 3, 2, 4), "bias": (4,), "head": (36,), "shift": (1,)}
    return {
        k: rng.normal(size=shape).astype(np.float32) / 3 for k, shape in shapes.items()
    }


def critic_in_jax(params, x):
    y = lax.conv_general_dilated(
        x, params["kernel"], (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    y = jnp.tanh(y + params["bias"].reshape(1, 1, 1, -1))
    return y.reshape(len(x), -1) @ params["head"] + params["shift"]


def critic_in_torch(torch, params, x):
    """The same on the same arrays, `x [B, H, W, C]`."""
    kernel = params["kernel"].permute(3, 2, 0, 1)
    y = torch.nn.functional.conv2d(
        x.permute(0, 3, 1, 2), kernel, params["bias"], stride=2
    )
    y = torch.tanh(y).permute(0, 2, 3, 1).flatten(1)
    return y @ params["head"] + params["shift"]


def generator_in_torch(torch, draws, shift=0.0):
    """`tanh_generator` of the latents that zcr draws, as images."""
    a = np.random.default_rng(3).normal(size=(Z_DIM, np.prod(SHAPES["images"])))
    z = draws["z"] + shift * draws["z_noise"]
    # JAX has the kernel in float32.
    a = torch.tensor(a.astype(np.float32), dtype=torch.float64)
    return torch.tanh(z @ a).reshape(-1, *SHAPES["images"])


def oracle(torch, name, critic, real, fake, draws):
    """The papers' formulas with `torch.autograd.grad(create_graph=True)`."""

    def squared_norm(x):
        x = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return gradient.flatten(1).square().sum(1)

    def u_between(x, y):
        u = draws["u"].reshape(-1, 1, 1, 1)
        return u * x + (1 - u) * y

    def difference(x, noise):
        return (critic(x) - critic(x + 0.3 * noise)) ** 2

    def roth():
        on_real = (1 - torch.sigmoid(critic(real))) ** 2 * squared_norm(real)
        return (on_real + torch.sigmoid(critic(fake)) ** 2 * squared_norm(fake)) / 2

    def dragan():
        noise = 0.5 * real.std(correction=0) * draws["uniform"]
        u = draws["dragan_u"].reshape(-1, 1, 1, 1)
        return (squared_norm(real + u * noise).sqrt() - 1) ** 2

    formulas = {
        "none": lambda: 0 * critic(real),
        "wgan_gp": lambda: (squared_norm(u_between(real, fake)).sqrt() - 1) ** 2,
        "wgan_lp": lambda: (
            torch.relu(squared_norm(u_between(real, fake)).sqrt() - 1) ** 2
        ),
        "gp_zero": lambda: squared_norm(u_between(real, fake)),
        "r1": lambda: squared_norm(real) / 2,
        "r2": lambda: squared_norm(fake) / 2,
        "r1_r2": lambda: squared_norm(real) / 2 + squared_norm(fake) / 2,
        "ar1": lambda: difference(real, draws["normal"]),
        "ar1_ar2": lambda: (
            difference(real, draws["normal_real"])
            + difference(fake, draws["normal_fake"])
        ),
        "roth": roth,
        "dragan": dragan,
        "lecam": lambda: (
            torch.relu(critic(real) + 0.3) ** 2 + torch.relu(0.4 - critic(fake)) ** 2
        ),
        "cr": lambda: difference(real, draws["normal"]),
        "bcr": lambda: (
            difference(real, draws["normal_real"])
            + difference(fake, draws["normal_fake"])
        ),
        "zcr": lambda: (
            (
                critic(generator_in_torch(torch, draws))
                - critic(generator_in_torch(torch, draws, 0.3))
            )
            ** 2
        ),
    }
    return formulas[name]()


def documented_draws(keys, like):
    """The random numbers of each penalty, drawn by its documented recipe."""
    first, second = split_each(keys)
    return {
        "u": jax.vmap(jax.random.uniform)(keys),
        "normal": draw_each(jax.random.normal, keys, like),
        "normal_real": draw_each(jax.random.normal, first, like),
        "normal_fake": draw_each(jax.random.normal, second, like),
        "dragan_u": jax.vmap(jax.random.uniform)(first),
        "uniform": draw_each(jax.random.uniform, second, like),
        "z": draw_each(jax.random.normal, first, jnp.zeros((len(keys), Z_DIM))),
        "z_noise": draw_each(jax.random.normal, second, jnp.zeros((len(keys), Z_DIM))),
    }


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", PENALTIES)
def test_penalty_and_parameter_gradients_equal_pytorch(name):
    import torch

    real, fake = pairs(SHAPES["images"])
    keys, weights = example_keys(7), np.linspace(0.5, 1.5, BATCH, dtype=np.float32)
    penalty = penalty_on(name, SHAPES["images"])

    def total(params):
        critic = partial(critic_in_jax, params)
        value = penalty(critic, real, fake, keys)
        return jnp.sum(value * weights), value

    params = {k: jnp.asarray(v) for k, v in network().items()}
    gradients, value = jax.jit(jax.grad(total, has_aux=True))(params)

    def tensor(array):
        return torch.tensor(np.asarray(array), dtype=torch.float64)

    theirs = {k: tensor(v).requires_grad_() for k, v in params.items()}
    draws = {k: tensor(v) for k, v in documented_draws(keys, real).items()}
    critic = partial(critic_in_torch, torch, theirs)
    expected = oracle(torch, name, critic, tensor(real), tensor(fake), draws)
    slopes = torch.autograd.grad(
        (expected * tensor(weights)).sum(),
        list(theirs.values()),
        allow_unused=True,
        materialize_grads=True,
    )
    assert_close(value, expected.detach().numpy())
    for key, slope in zip(theirs, slopes, strict=True):
        assert_close(gradients[key], slope.numpy())


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


@pytest.mark.parametrize("name", PENALTIES)
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
