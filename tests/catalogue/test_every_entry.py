"""What holds for every entry of a registry, whatever its name.

The tests of losses, penalties of D, augmentations, rules of play, optimizers, methods,
toys and metrics take their names from the registries as well. Here are the other kinds.
"""

from collections import defaultdict
from dataclasses import replace
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import Batch, Config, build, init_state, sample, train_step
from gan_jax.assembly.registry import parameters
from gan_jax.config import DatasetConfig, ModelConfig
from gan_jax.data import DATASETS, TOYS, Spec
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, MINIBATCH, NORMS, Style
from gan_jax.models import MODELS
from gan_jax.penalties import GENERATOR_PENALTIES
from gan_jax.running_statistics import RUNNING

SHAPES = [(2,), (8, 8, 1), (28, 28, 3), (64, 64, 3)]
KEY = jax.random.key(0)


def normal(*shape):
    return jax.random.normal(KEY, shape)


class Layer(nn.Module):
    """A module around a function that needs one."""

    function: object

    @nn.compact
    def __call__(self, x):
        return self.function(x)


def apply_layer(function, x):
    return Layer(function).init_with_output(KEY, x)[0]


def built_pair(name, shape):
    """The Gan of a model for data of a shape; None if it does not make them."""
    model = ModelConfig(name, width=4, d_spectral=name == "resnet")
    spec = Spec(shape, None, 64)
    try:
        return build(replace(Config(), model=model, batch_size=4), spec=spec)
    except ValueError:
        return None


@pytest.mark.parametrize("name", MODELS)
def test_a_model_makes_data_and_one_logit_an_example(name):
    gan = next(gan for shape in SHAPES if (gan := built_pair(name, shape)))
    state = jax.eval_shape(partial(init_state, gan), KEY)
    batch = Batch(jax.ShapeDtypeStruct((1, 4, *gan.data_shape), jnp.float32))
    jax.eval_shape(partial(train_step, gan), state, batch)
    samples = jax.eval_shape(partial(sample, gan, n=3), state, KEY)
    assert samples.shape == (3, *gan.data_shape)
    assert samples.dtype == jnp.float32


@pytest.mark.parametrize("name", GENERATOR_PENALTIES)
def test_a_penalty_of_g_has_a_finite_value_and_gradient_for_each_example(name):
    z, keys = normal(5, 3), jax.random.split(KEY, 5)
    penalty = GENERATOR_PENALTIES[name]

    def total(kernel):
        given = {"g_params": kernel} if "g_params" in parameters(penalty) else {}
        values = penalty(lambda z: jnp.tanh(z @ kernel), z, keys, **given)
        assert values.shape == (5,)
        return values.sum()

    value, gradient = jax.value_and_grad(total)(normal(3, 2))
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", RUNNING)
def test_a_running_statistic_stays_a_finite_number(name):
    metrics = defaultdict(lambda: jnp.float32(0.5))
    value = jnp.zeros(())
    for _ in range(3):
        value = RUNNING[name](value, metrics)
    assert value.shape == () and value.dtype == jnp.float32 and np.isfinite(value)


@pytest.mark.parametrize("name", sorted(DATASETS.keys() - TOYS.keys()))
def test_a_data_set_gives_the_same_examples_of_its_shape_each_time(name):
    try:
        data = DATASETS[name](DatasetConfig(name))
    except (ValueError, OSError) as error:
        assert "experiments.prepare" in str(error) or "gan-jax prepare" in str(error)
        return
    found, again = (data.get(np.array([[0, 1, 2]])) for _ in range(2))
    assert found.image.shape == (1, 3, *data.spec.shape)
    assert found.image.dtype == jnp.float32
    np.testing.assert_array_equal(found.image, again.image)
    if len(data.spec.shape) == 3:
        assert np.abs(found.image).max() <= 1
    if data.spec.label_count is not None:
        assert 0 <= found.label.min() <= found.label.max() < data.spec.label_count


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_keeps_the_shape(name):
    norm = partial(NORMS[name], train=True, axis_name=None)
    y = apply_layer(norm, normal(4, 3, 3, 8))
    assert y.shape == (4, 3, 3, 8) and np.isfinite(y).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_keeps_the_shape_and_grows(name):
    y = apply_layer(ACTIVATIONS[name], jnp.linspace(0.0, 3.0, 8))
    assert y.shape == (8,) and (jnp.diff(y) > 0).all()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_scales_its_kernels(name):
    small, large = (INITIALIZERS[name](s)(KEY, (32, 16)) for s in (1.0, 2.0))
    assert small.std() > 0
    np.testing.assert_allclose(large, 2 * small, rtol=1e-5)


@pytest.mark.parametrize("name", MINIBATCH)
def test_a_minibatch_layer_keeps_the_features_and_adds_to_them(name):
    style = Style(NORMS["none"], nn.relu, INITIALIZERS["he"](1.0))
    x = normal(8, 5)
    y = apply_layer(partial(MINIBATCH[name], style=style), x)
    np.testing.assert_array_equal(y[:, :5], x)
    assert np.isfinite(y).all() and len(y) == 8
