"""Layers that couple the examples of a batch: their formulas, and who sees whom."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.config import Config, DatasetConfig, ModelConfig
from gan_jax.gan import init_state, net_variables
from gan_jax.layers import INITIALIZERS, MINIBATCH, NORMS, Style
from gan_jax.layers.activations import leaky_relu
from gan_jax.layers.minibatch import DIMENSIONS, KERNELS
from gan_jax.logs.sample_plots import make_critic
from gan_jax.models import MODELS

KEY = jax.random.key(0)
LAYERS = [name for name in MINIBATCH if name != "none"]


def style(name):
    return Style(
        NORMS["none"], leaky_relu, INITIALIZERS["he"](1.0), minibatch=MINIBATCH[name]
    )


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Layer(nn.Module):
    """A minibatch layer alone."""

    style: Style

    @nn.compact
    def __call__(self, x):
        return self.style.minibatch(x, self.style)


def added(name, x):
    """What a layer puts beside its features, and its parameters."""
    y, variables = Layer(style(name)).init_with_output(KEY, jnp.asarray(x))
    np.testing.assert_array_equal(y[:, : x.shape[1]], x)
    return np.asarray(y[:, x.shape[1] :]), variables.get("params", {})


def test_stddev_equals_the_published_layer_of_regrouped_examples():
    """It takes every (B/4)-th example as a group; ours are neighbours."""
    x = normal(12, 7)
    apart = x.reshape(3, 4, 7).swapaxes(0, 1).reshape(12, 7).astype(np.float64)
    groups = apart.reshape(4, 3, 7)
    groups = groups - groups.mean(axis=0)
    deviation = np.sqrt((groups**2).mean(axis=0) + 1e-8).mean(axis=1)
    expected = np.repeat(deviation, 4)[:, None]
    actual, params = added("stddev", x)
    assert not params
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_stddev_of_a_small_batch_has_one_group(count):
    x = normal(count, 7)
    deviation = np.sqrt(x.astype(np.float64).var(axis=0) + 1e-8).mean()
    actual, _ = added("stddev", x)
    np.testing.assert_allclose(actual, np.full((count, 1), deviation), rtol=1e-5)


def test_stddev_refuses_a_batch_of_broken_groups():
    with pytest.raises(ValueError, match="batch_size: .*'stddev' .* of 4, got 6"):
        added("stddev", normal(6, 7))


def test_discrimination_equals_its_means_over_pairs():
    x = normal(5, 7)
    actual, params = added("discrimination", x)
    (kernel,) = jax.tree.leaves(params)
    assert kernel.shape == (7, 500)
    rows = (x.astype(np.float64) @ kernel).reshape(5, KERNELS, DIMENSIONS)
    expected = np.zeros((5, KERNELS))
    for i in range(5):
        for j in range(5):
            if i != j:
                expected[i] += np.exp(-np.abs(rows[i] - rows[j]).sum(axis=1)) / 4
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_discrimination_is_the_share_of_copies():
    """Two of four others are copies; the rest is far away."""
    copies = np.repeat(normal(1, 7), 3, axis=0)
    x = np.concatenate([copies, [copies[0] + 1e3], [copies[0] - 1e3]])
    actual, _ = added("discrimination", x)
    np.testing.assert_allclose(actual[:3], np.full((3, KERNELS), 2 / 4), rtol=1e-5)
    np.testing.assert_allclose(actual[3:], np.zeros((2, KERNELS)), atol=1e-5)


def test_discrimination_of_a_single_example_is_zero():
    actual, _ = added("discrimination", normal(1, 7))
    np.testing.assert_array_equal(actual, np.zeros((1, KERNELS)))


def discriminator(model, layer, shape):
    """A pair's D with a minibatch layer, and its variables, every number random."""
    d_style = style(layer)._replace(activation=None)
    make = MODELS[model]
    _, module = make(shape, style("none"), d_style, jnp.tanh, width=8)
    init = jax.eval_shape(
        lambda: module.init(KEY, jnp.zeros((1, *shape)), None, train=True)
    )
    random = np.random.default_rng(1)
    return module, jax.tree.map(
        lambda x: jnp.asarray(0.2 * random.normal(size=x.shape), jnp.float32), init
    )


SEEN_BY_1 = {"none": {1}, "stddev": {0, 1, 2, 3}, "discrimination": set(range(8))}
SIDES = {"conv_7x7": 28, "dcgan64": 64}
WITH_LAYERS = [name for name in MODELS if name != "dirac"]


@pytest.mark.parametrize("layer", MINIBATCH)
@pytest.mark.parametrize("model", WITH_LAYERS)
def test_changed_example_changes_the_logits_of_its_group_alone(model, layer):
    side = SIDES.get(model, 8)
    shape = (side, side, 1)
    module, variables = discriminator(model, layer, shape)
    x = 0.1 * normal(8, *shape)
    changed = x.copy()
    changed[1] += 0.1 * normal(*shape, seed=2)
    judge = jax.jit(lambda x: module.apply(variables, x, None, train=True))
    different = np.flatnonzero(np.asarray(judge(x)) != np.asarray(judge(changed)))
    assert set(different) == SEEN_BY_1[layer]


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_has_exact_second_derivatives(layer):
    """Of |grad_x f|^2, f a function of the layer, along a direction of x: by central
    differences in float64."""
    with jax.enable_x64(True):
        random = np.random.default_rng(3)
        x, direction = (jnp.asarray(random.normal(size=(4, 3))) for _ in range(2))
        module = Layer(style(layer)._replace(dtype=jnp.float64))
        variables = module.init(KEY, x)
        readout = jnp.asarray(random.normal(size=module.apply(variables, x).shape))

        @jax.jit
        def penalty(t):
            def total(x):
                return jnp.sum(jnp.tanh(readout * module.apply(variables, x)))

            return jnp.sum(jax.grad(total)(x + t * direction) ** 2)

        h = 1e-5
        slope = jax.jit(jax.grad(penalty))(0.0)
        expected = (penalty(h) - penalty(-h)) / (2 * h)
        assert abs(slope) > 1e-3
        np.testing.assert_allclose(slope, expected, rtol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_penalty_gradient_of_equal_examples_is_finite(layer):
    """The deviation of copies is 0, where the root has no derivative."""
    module, variables = discriminator("mlp", layer, (2,))
    x = jnp.ones((4, 2))

    def penalty(variables):
        def total(x):
            return module.apply(variables, x, None, train=True).sum()

        return jnp.sum(jax.grad(total)(x) ** 2)

    for leaf in jax.tree.leaves(jax.jit(jax.grad(penalty))(variables)):
        assert np.isfinite(leaf).all()


@pytest.mark.parametrize(
    "axis_name", [pytest.param(None, marks=pytest.mark.slow), "data"]
)
@pytest.mark.parametrize("layer", MINIBATCH)
def test_pictured_critic_judges_each_point_by_itself(layer, axis_name):
    config = Config(
        dataset=DatasetConfig("ring"),
        model=ModelConfig("mlp", width=8, z_dim=2, d_minibatch=layer),
    )
    gan = build(config, axis_name=axis_name)
    state = jax.jit(partial(init_state, gan))(KEY)
    x = normal(6, 2)
    alone = jax.jit(partial(build(config).discriminator.apply, train=False))
    variables = net_variables(state.discriminator)
    expected = [alone(variables, x[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(
        make_critic(gan, state)(x), expected, rtol=1e-5, atol=1e-6
    )
