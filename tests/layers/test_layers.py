"""Layers against PyTorch and numpy: kernels, spectral norm, norms, initializers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import assert_close

from gan_jax.layers import (
    ACTIVATIONS,
    BATCH_COUPLED,
    INITIALIZERS,
    NORMS,
    OUTPUTS,
    Style,
)
from gan_jax.layers.basic import (
    Conv,
    ConvTranspose,
    Dense,
    Maxout,
    downsample,
    upsample,
)
from gan_jax.layers.spectral_norm import normalize, power_iteration

KEY = jax.random.key(0)


def style(spectral=False, init="he"):
    return Style(NORMS["none"], None, INITIALIZERS[init](1.0), spectral)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def to_torch(torch, kernel):
    """`[kh, kw, in, out] -> [out, in, kh, kw]`, or `[in, out] -> [out, in]`."""
    order = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
    return torch.tensor(np.transpose(kernel, order), dtype=torch.float64)


def images_to_torch(torch, x):
    return torch.tensor(np.transpose(x, (0, 3, 1, 2)), dtype=torch.float64)


def sharpened(kernel):
    """`[..., out]` with singular values far from each other's."""
    return kernel * np.linspace(0.2, 2, kernel.shape[-1], dtype=np.float32)


def test_power_iteration_converges_to_the_leading_singular_vectors():
    matrix = sharpened(normal(12, 5))
    u = normalize(jnp.ones(5))
    for _ in range(200):
        u, v = power_iteration(jnp.asarray(matrix), u)
    left, sigma, right = np.linalg.svd(matrix)
    np.testing.assert_allclose(v @ matrix @ u, sigma[0], rtol=1e-5)
    np.testing.assert_allclose(abs(u @ right[0]), 1, rtol=1e-5)
    np.testing.assert_allclose(abs(v @ left[:, 0]), 1, rtol=1e-5)


def test_normalize_of_zero_is_zero():
    np.testing.assert_array_equal(normalize(jnp.zeros(3)), np.zeros(3))


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("shape", [(8, 5), (3, 3, 4, 6)], ids=["dense", "conv"])
def test_one_power_iteration_equals_pytorch_spectral_norm(shape):
    import torch

    kernel, u = normal(*shape), normal(shape[-1], seed=1)
    u /= np.linalg.norm(u)
    if len(shape) == 2:
        layer = torch.nn.Linear(*shape, bias=False)
        x = torch.zeros(1, shape[0], dtype=torch.float64)
    else:
        layer = torch.nn.Conv2d(shape[2], shape[3], shape[:2], bias=False)
        x = torch.zeros(1, shape[2], 5, 5, dtype=torch.float64)
    layer = torch.nn.utils.spectral_norm(layer.double())
    with torch.no_grad():
        layer.weight_orig.copy_(to_torch(torch, kernel))
        layer.weight_u.copy_(torch.tensor(u))
    layer.train()(x)

    matrix = jnp.asarray(kernel.reshape(-1, shape[-1]))
    new_u, v = power_iteration(matrix, jnp.asarray(u))
    sigma = v @ (matrix @ new_u)
    # PyTorch's v runs over (in, kh, kw), ours over (kh, kw, in).
    v = np.asarray(v).reshape(shape[:-1])
    v = v.transpose(2, 0, 1) if len(shape) == 4 else v
    assert_close(new_u, layer.weight_u.numpy())
    assert_close(v.ravel(), layer.weight_v.numpy())
    their_sigma = (layer.weight_orig / layer.weight).detach().numpy()
    np.testing.assert_allclose(their_sigma, np.full(their_sigma.shape, sigma), 1e-5)


def spectral_layer(shape):
    """A spectrally normalized layer, an input, and its first variables."""
    if len(shape) == 2:
        layer, x = Dense(shape[1], style(True)), jnp.asarray(normal(2, shape[0]))
    else:
        layer = Conv(shape[3], shape[0], style(True))
        x = jnp.asarray(normal(2, 6, 6, shape[2]))
    return layer, x, layer.init(KEY, x)


@pytest.mark.parametrize("shape", [(8, 5), (3, 3, 4, 6)], ids=["dense", "conv"])
def test_mutable_apply_does_one_iteration_and_divides_by_its_sigma(shape):
    layer, x, variables = spectral_layer(shape)
    kernel = jnp.asarray(normal(*shape, seed=3))
    variables = {**variables, "params": {**variables["params"], "kernel": kernel}}
    u, _ = variables["spectral"]["uv"]
    y, state = layer.apply(variables, x, mutable=["spectral"])
    matrix = kernel.reshape(-1, shape[-1])
    new_u, v = power_iteration(matrix, u)
    for actual, expected in zip(state["spectral"]["uv"], (new_u, v), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    plain = layer.clone(style=style())
    scaled = {**variables["params"], "kernel": kernel / (v @ (matrix @ new_u))}
    assert_close(y, plain.apply({"params": scaled}, x))


@pytest.mark.parametrize("shape", [(8, 5), (3, 3, 4, 6)], ids=["dense", "conv"])
def test_immutable_apply_uses_the_stored_vectors_unchanged(shape):
    layer, x, variables = spectral_layer(shape)
    kernel = jnp.asarray(normal(*shape, seed=3))
    params = {**variables["params"], "kernel": kernel}
    u, v = variables["spectral"]["uv"]
    sigma = v @ (kernel.reshape(-1, shape[-1]) @ u)
    plain = layer.clone(style=style())
    expected = plain.apply({"params": {**params, "kernel": kernel / sigma}}, x)
    actual = layer.apply({**variables, "params": params}, x)
    assert_close(actual, expected)
    again, state = layer.apply({**variables, "params": params}, x, mutable=["other"])
    np.testing.assert_array_equal(again, actual)
    assert "spectral" not in state


def test_warm_up_brings_sigma_within_5_percent_of_the_svd():
    layer = Dense(64, style(True))

    @jax.jit
    @jax.vmap
    def first(key):
        variables = layer.init(key, jnp.zeros((1, 128)))
        kernel, (u, v) = variables["params"]["kernel"], variables["spectral"]["uv"]
        return kernel, v @ (kernel @ u)

    kernels, sigma = first(jax.random.split(KEY, 64))
    exact = np.linalg.svd(kernels, compute_uv=False)[:, 0]
    assert (sigma < exact * (1 + 1e-5)).all()
    # 15 iterations in numpy on 1000 Gaussian matrices of this shape missed 5 percent
    # for 3.5 percent of them (two close singular values): at most 10 percent here.
    assert np.mean(sigma > 0.95 * exact) >= 0.9


@pytest.mark.parametrize("mutable", [False, ["spectral"]])
def test_spectral_vectors_are_constants_to_differentiation(mutable):
    layer, x, variables = spectral_layer((8, 5))
    probe = normal(2, 5, seed=4)

    def total(params):
        # As in a step: far from converged, so that dependence on W would show.
        y = layer.apply(
            {"params": params, "spectral": {"uv": (u, v)}}, x, mutable=mutable
        )
        y, uv = (y[0], y[1]["spectral"]["uv"]) if mutable else (y, (u, v))
        return jnp.sum(y * probe), uv

    u, v = (normalize(jnp.asarray(normal(n, seed=n))) for n in (5, 8))
    gradients, vectors = jax.grad(total, has_aux=True)(variables["params"])

    # Of <C, W / sigma> with sigma = v W u: C / sigma - <C, W> v u^T / sigma^2.
    kernel = np.asarray(variables["params"]["kernel"], np.float64)
    u, v = (np.asarray(vector, np.float64) for vector in vectors)
    c, sigma = np.asarray(x, np.float64).T @ probe, v @ kernel @ u
    expected = c / sigma - np.sum(c * kernel) * np.outer(v, u) / sigma**2
    assert_close(gradients["kernel"], expected)


def test_spectral_layer_does_not_depend_on_the_scale_of_its_kernel():
    layer, x, variables = spectral_layer((8, 5))
    params = variables["params"]
    larger = {**params, "kernel": 7 * params["kernel"]}
    assert_close(
        layer.apply({**variables, "params": larger}, x), layer.apply(variables, x)
    )


def with_weights(layer, x):
    """The layer's output and its random kernel and bias."""
    params = layer.init(KEY, x)["params"]
    kernel, bias = normal(*params["kernel"].shape, seed=1), normal(5, seed=2)
    assert params["bias"].shape == bias.shape
    np.testing.assert_array_equal(params["bias"], np.zeros(5))
    return layer.apply({"params": {"kernel": kernel, "bias": bias}}, x), kernel, bias


def test_dense_is_x_w_plus_b():
    x = normal(4, 3)
    y, kernel, bias = with_weights(Dense(5, style()), jnp.asarray(x))
    assert_close(y, x @ kernel + bias)


def test_maxout_is_the_largest_of_its_pieces():
    x, layer = normal(4, 3), Maxout(5, 2, style())
    shapes = jax.eval_shape(layer.init, KEY, jnp.asarray(x))["params"]["Dense_0"]
    kernel, bias = normal(*shapes["kernel"].shape, seed=1), normal(10, seed=2)
    y = layer.apply({"params": {"Dense_0": {"kernel": kernel, "bias": bias}}}, x)
    pieces = [x @ kernel[:, k::2] + bias[k::2] for k in range(2)]
    assert_close(y, np.maximum(*pieces))


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_equals_pytorch_with_same_padding(size, stride):
    import torch

    x = normal(2, 8, 6, 3)
    y, kernel, bias = with_weights(Conv(5, size, style(), stride), jnp.asarray(x))
    # Enough for an output of H / stride; an odd one goes below and to the right.
    total = size - stride
    before, after = total // 2, total - total // 2
    theirs = torch.nn.functional.conv2d(
        torch.nn.functional.pad(
            images_to_torch(torch, x), (before, after, before, after)
        ),
        to_torch(torch, kernel),
        torch.tensor(bias, dtype=torch.float64),
        stride,
    )
    assert y.shape == (2, 8 // stride, 6 // stride, 5)
    assert_close(y, theirs.permute(0, 2, 3, 1).numpy())


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_convolution_equals_pytorch_with_same_padding(size, stride):
    import torch

    x = normal(2, 4, 3, 3)
    layer = ConvTranspose(5, size, style(), stride)
    y, kernel, bias = with_weights(layer, jnp.asarray(x))
    # PyTorch's is the gradient of a convolution, whose kernel is ours mirrored, as
    # `[in, out, kh, kw]`. The full output has size - stride rows too many.
    theirs = torch.nn.functional.conv_transpose2d(
        images_to_torch(torch, x),
        to_torch(torch, kernel).flip(2, 3).transpose(0, 1),
        torch.tensor(bias, dtype=torch.float64),
        stride,
    )
    first = (size - stride) // 2
    rows, columns = slice(first, first + 4 * stride), slice(first, first + 3 * stride)
    assert y.shape == (2, 4 * stride, 3 * stride, 5)
    assert_close(y, theirs[:, :, rows, columns].permute(0, 2, 3, 1).numpy())


def test_layers_without_bias_have_a_kernel_alone():
    x = jnp.ones((1, 4, 4, 3))
    for layer in (Conv(5, 3, style()), ConvTranspose(5, 4, style()), Dense(5, style())):
        assert set(layer.clone(bias=False).init(KEY, x)["params"]) == {"kernel"}


def test_upsample_repeats_and_downsample_averages():
    x = jnp.asarray([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    repeated = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(upsample(x)[0, :, :, 0], repeated)
    np.testing.assert_array_equal(downsample(x), np.full((1, 1, 1, 1), 2.5))
    np.testing.assert_array_equal(downsample(upsample(x)), x)


def test_downsample_keeps_channels_and_places_apart():
    x = normal(2, 4, 6, 3)
    expected = sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
    np.testing.assert_allclose(downsample(jnp.asarray(x)), expected, rtol=1e-5)


class Normed(nn.Module):
    """One norm as a module."""

    norm: str

    @nn.compact
    def __call__(self, x, train=True):
        return NORMS[self.norm](x, train=train, axis_name=None)


def normed(name, x):
    """The norm's output in training with its first parameters, and these."""
    variables = Normed(name).init(KEY, x)
    y, _ = Normed(name).apply(variables, x, mutable=["batch_stats"])
    return y, variables


# The axes of `[B, H, W, groups, channels of a group]` that each norm averages.
AXES = {"batch": (0, 1, 2), "layer": (1, 2, 3, 4), "instance": (1, 2)}


@pytest.mark.parametrize("name", AXES)
def test_norm_standardizes_over_its_axes(name):
    x = normal(4, 5, 6, 8) * 3 + 1
    grouped = x.astype(np.float64).reshape(4, 5, 6, 8, 1)
    mean = grouped.mean(axis=AXES[name], keepdims=True)
    deviation = grouped.std(axis=AXES[name], keepdims=True)
    y, _ = normed(name, jnp.asarray(x))
    # The libraries add 1e-6 or 1e-5 to variances near 9.
    np.testing.assert_allclose(
        y, ((grouped - mean) / deviation).reshape(x.shape), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("channels", "groups"), [(64, 4), (16, 1), (8, 1), (100, 5), (40, 2)]
)
def test_group_norm_shares_statistics_within_groups_of_16(channels, groups):
    x = normal(2, 3, 3, channels) * 3 + 1
    grouped = x.astype(np.float64).reshape(2, 3, 3, groups, channels // groups)
    mean = grouped.mean(axis=(1, 2, 4), keepdims=True)
    deviation = grouped.std(axis=(1, 2, 4), keepdims=True)
    y, _ = normed("group", jnp.asarray(x))
    np.testing.assert_allclose(
        y, ((grouped - mean) / deviation).reshape(x.shape), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("name", NORMS)
def test_only_batch_norm_couples_examples(name):
    x = jnp.asarray(normal(3, 4, 4, 8))
    changed = x.at[1].add(jnp.asarray(normal(4, 4, 8, seed=5)))
    before, after = (normed(name, images)[0] for images in (x, changed))
    others = np.array([0, 2])
    coupled = not np.array_equal(before[others], after[others])
    assert coupled == (name == "batch") == (NORMS[name] in BATCH_COUPLED)


@pytest.mark.parametrize("name", ["none", "batch", "layer", "group"])
def test_norm_takes_points_too(name):
    y, _ = normed(name, jnp.asarray(normal(6, 8)))
    assert y.shape == (6, 8)


def test_instance_norm_refuses_points():
    with pytest.raises(ValueError, match="norm 'instance' needs images"):
        normed("instance", jnp.ones((6, 8)))


@pytest.mark.parametrize("name", ["batch", "layer", "group", "instance"])
def test_norm_has_scale_and_bias_per_channel(name):
    _, variables = normed(name, jnp.asarray(normal(3, 4, 4, 8)))
    (params,) = variables["params"].values()
    np.testing.assert_array_equal(params["scale"], np.ones(8))
    np.testing.assert_array_equal(params["bias"], np.zeros(8))


def test_batch_norm_averages_its_statistics_for_evaluation():
    x = normal(64, 8) * 2 + 3
    variables = Normed("batch").init(KEY, jnp.asarray(x))
    _, state = Normed("batch").apply(variables, jnp.asarray(x), mutable=["batch_stats"])
    (stats,) = state["batch_stats"].values()
    mean, variance = 0.1 * x.mean(axis=0), 0.9 + 0.1 * x.var(axis=0)
    np.testing.assert_allclose(stats["mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(stats["var"], variance, rtol=1e-5)
    y = Normed("batch").apply({**variables, **state}, jnp.asarray(x), train=False)
    assert_close(y, (x - mean) / np.sqrt(variance + 1e-5))


class Activation(nn.Module):
    """One activation as a module."""

    name_of: str

    @nn.compact
    def __call__(self, x):
        return ACTIVATIONS[self.name_of](x)


def test_activations_have_their_closed_forms():
    x = np.linspace(-3, 3, 13, dtype=np.float32)
    expected = {
        "relu": np.maximum(x, 0),
        "leaky_relu": np.where(x > 0, x, 0.2 * x),
        "prelu": np.where(x > 0, x, 0.2 * x),
        "silu": x / (1 + np.exp(-x)),
    }
    assert set(expected) == set(ACTIVATIONS)
    for name, value in expected.items():
        y, _ = Activation(name).init_with_output(KEY, jnp.asarray(x))
        np.testing.assert_allclose(y, value, rtol=1e-5, err_msg=name)


def test_slope_is_an_option_and_prelu_learns_one_per_layer():
    x = jnp.asarray([[-1.0, 2.0]])
    np.testing.assert_allclose(
        ACTIVATIONS["leaky_relu"](x, slope=0.01), [[-0.01, 2.0]], rtol=1e-6
    )
    variables = Activation("prelu").init(KEY, x)
    (slope,) = jax.tree.leaves(variables["params"])
    assert slope.shape == ()
    doubled = jax.tree.map(lambda a: 2 * a, variables)
    y = Activation("prelu").apply(doubled, x)
    np.testing.assert_allclose(y, [[-0.4, 2.0]], rtol=1e-6)


def test_outputs_have_their_closed_forms():
    x = np.linspace(-3, 3, 13, dtype=np.float32)
    expected = {"tanh": np.tanh(x), "sigmoid": np.tanh(x / 2), "linear": x}
    assert set(expected) == set(OUTPUTS)
    for name, value in expected.items():
        actual = OUTPUTS[name](jnp.asarray(x))
        np.testing.assert_allclose(actual, value, rtol=1e-5, atol=1e-7, err_msg=name)


# A 3x3 kernel has fans 9 * in and 9 * out.
SHAPES = [(200, 100), (3, 3, 40, 60)]
VARIANCES = {
    "normal": lambda fan_in, fan_out: 0.02**2,
    "xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
}


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("shape", SHAPES, ids=["dense", "conv"])
@pytest.mark.parametrize("name", VARIANCES)
def test_initializer_is_normal_with_its_variance(name, shape, scale):
    space = np.prod(shape[:-2], dtype=int)
    variance = scale**2 * VARIANCES[name](space * shape[-2], space * shape[-1])
    kernel = np.asarray(INITIALIZERS[name](scale)(KEY, shape), np.float64)
    unit = kernel / np.sqrt(variance)
    # Five deviations of the mean, the variance and the fourth moment of N(0, 1).
    size = kernel.size
    assert abs(unit.mean()) < 5 / np.sqrt(size)
    assert abs((unit**2).mean() - 1) < 5 * np.sqrt(2 / size)
    assert abs((unit**4).mean() - 3) < 5 * np.sqrt(96 / size)


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("shape", [(12, 5), (3, 3, 4, 6)], ids=["dense", "conv"])
def test_orthogonal_initializer_has_orthogonal_columns(shape, scale):
    kernel = INITIALIZERS["orthogonal"](scale)(KEY, shape)
    matrix = np.asarray(kernel).reshape(-1, shape[-1])
    gram = scale**2 * np.eye(shape[-1])
    np.testing.assert_allclose(matrix.T @ matrix, gram, atol=1e-6)


def test_every_initializer_is_tested():
    assert set(VARIANCES) | {"orthogonal"} == set(INITIALIZERS)
