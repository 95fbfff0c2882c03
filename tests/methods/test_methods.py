"""Every method trains for a while, on its own data and on points, without a NaN."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.assembly.datasets import find_dataset
from gan_jax.augment import AUGMENTS
from gan_jax.config import DatasetConfig
from gan_jax.data import batch_indices
from gan_jax.gan import init_state
from gan_jax.methods import METHODS
from gan_jax.parallel.placements import jit_step
from gan_jax.sampling import sample

STEPS, BATCH, WIDTH = 50, 8, 8
ON_POINTS = [
    name
    for name, config in METHODS.items()
    if config.model.name in (None, "mlp")
    and not AUGMENTS[config.augment.name].images_only
]


def one_in_four(names, turn):
    """Of every four methods one slow: each method has there one of four properties.

    The fourth is exact resumption, in test_checkpoint.
    """
    methods = list(METHODS)
    return [
        pytest.param(
            name,
            marks=pytest.mark.slow
            if methods.index(name) % 4 == turn
            else pytest.mark.exhaustive,
        )
        for name in names
    ]


def assert_trains(config, steps=STEPS):
    config = replace(
        config,
        steps=steps,
        batch_size=BATCH,
        model=replace(config.model, width=WIDTH),
    )
    gan, data = build(config), find_dataset(config)
    metrics, step, state = {}, jit_step(gan), init_state(gan, jax.random.key(0))
    before = jax.tree.map(np.array, state.generator.params)
    for index in range(steps):
        indices = batch_indices(len(data), BATCH, config.d_steps, 0, index)
        state, metrics = step(state, data.get(indices))
        assert metrics["finite"], (index, metrics)
    assert state.step == steps
    moved = jax.tree.map(lambda old, new: old - new, before, state.generator.params)
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(moved))
    images = np.asarray(sample(gan, state, jax.random.key(1), 4))
    assert images.shape == (4, *gan.data_shape)
    assert np.all(np.isfinite(images))
    return state, metrics


@pytest.mark.parametrize("name", one_in_four(METHODS, 0))
def test_method_trains_on_its_own_data(name):
    assert_trains(METHODS[name])


@pytest.mark.parametrize("name", one_in_four(ON_POINTS, 1))
def test_method_trains_on_the_ring(name):
    config = METHODS[name]
    model = replace(config.model, output=None)
    assert_trains(replace(config, dataset=DatasetConfig("ring"), model=model))


@pytest.mark.parametrize("name", one_in_four(METHODS, 2))
def test_method_stays_finite_in_bfloat16(name):
    """The layers compute in bfloat16; what they learn and report is float32."""
    state, metrics = assert_trains(replace(METHODS[name], precision="bf16"), 10)
    for leaf in jax.tree.leaves((state, metrics)):
        assert leaf.dtype not in (jnp.bfloat16, jnp.float16)
