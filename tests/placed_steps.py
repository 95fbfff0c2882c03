"""Steps under every placement, and the states and metrics after some of them."""

from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.config import (
    AugmentConfig,
    Config,
    DatasetConfig,
    EmaConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.gan import init_state
from gan_jax.parallel.placements import (
    PLACEMENTS,
    gspmd_step,
    jit_step,
    pmap_step,
    shard_map_step,
)
from gan_jax.running_statistics import RUNNING
from gan_jax.types import Batch

BATCH, STEPS, TOLERANCE = 64, 20, 1e-5


SGD = OptimizerConfig("sgd", learning_rate=0.01)


PLAIN = Config(
    batch_size=BATCH,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    g_optimizer=SGD,
    d_optimizer=SGD,
    ema=EmaConfig(decay=0.5),
)


COUPLED = replace(  # Every mean that has to span the devices.
    PLAIN,
    d_steps=2,
    loss=LossConfig("relativistic_average"),
    penalty=PenaltyConfig("dragan", weight=1.0, every=3),
    generator_penalty=GeneratorPenaltyConfig("jacobian_difference"),
    augment=AugmentConfig("instance_noise"),
    model=replace(PLAIN.model, g_norm="batch", d_spectral=True),
)


def make_batches(config, steps=STEPS, size=BATCH):
    """Random batches `[d_steps, B, ...]` on the host, for which no data set is read."""
    shape = build(config).data_shape
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (steps, config.d_steps, size, *shape))
    label = rng.integers(10, size=image.shape[:3], dtype=np.int32)
    return [Batch(np.float32(x), y) for x, y in zip(image, label, strict=True)]


def step_on_devices(gan, name, count):
    """Return the Gan's step under a placement on `count` devices."""
    if name == "jit":
        return jit_step(gan)
    if name == "pmap":
        return pmap_step(gan, jax.devices()[:count])
    mesh = jax.make_mesh((count,), ("data",), devices=jax.devices()[:count])
    return {"shard_map": shard_map_step, "gspmd": gspmd_step}[name](gan, mesh)


def place_step(config, name, count):
    """Return the Gan of a Config and its step under a placement."""
    gan = build(config, axis_name=PLACEMENTS[name].axis_name)
    return gan, step_on_devices(gan, name, count)


@cache
def first_state(config):
    """Return the first state of a Config; it is cached, as it takes long to compile."""
    gan = build(config)
    return jax.jit(partial(init_state, gan))(jax.random.key(3))


def run_batches(config, step, data):
    """Return the state after all the batches and the metrics of the first step.

    Most of a Config does not matter to the first state, so that it is compiled once for
    many Configs.
    """
    plain = replace(config, loss=LossConfig(), penalty=PenaltyConfig(), microbatches=1)
    state = jax.tree.map(jnp.copy, first_state(plain))
    statistics = {name: jnp.zeros(()) for name in RUNNING}
    state = state.replace(aux=statistics | state.aux)
    state, metrics = step(state, data[0])
    for batch in data[1:]:
        state, _ = step(state, batch)
    return jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics))


def train_placed(config, name, count, steps=STEPS):
    """Train some steps under a placement; return what `run_batches` does."""
    return run_batches(
        config, place_step(config, name, count)[1], make_batches(config, steps)
    )


@cache
def train_alone(config):
    """Train on one device; return what `run_batches` does."""
    return train_placed(config, "jit", 1)


def distance(tree, other):
    """`|a - b| / |b|` over all numbers of two trees."""
    apart = optax.tree.norm(jax.tree.map(lambda a, b: a - b, tree, other))
    return float(apart / optax.tree.norm(other))


def assert_agree(got, expected):
    state, metrics = got
    ours, theirs = expected
    for part in ("generator", "discriminator"):
        net, other = getattr(state, part), getattr(ours, part)
        assert distance(net.params, other.params) < TOLERANCE
        if other.model_state:
            assert distance(net.model_state, other.model_state) < TOLERANCE
    assert distance(state.ema, ours.ema) < TOLERANCE
    for name in theirs:
        np.testing.assert_allclose(
            metrics[name], theirs[name], rtol=TOLERANCE, atol=1e-6, err_msg=name
        )


def mark_slow_but(*quick, among, exhaustive=()):
    """Return parameters of which all but `quick` are slow, and some exhaustive."""
    seldom = {value: pytest.mark.exhaustive for value in exhaustive}
    marks = dict.fromkeys(among, pytest.mark.slow) | seldom | dict.fromkeys(quick, ())
    return [pytest.param(*value, marks=mark) for value, mark in marks.items()]


SPREAD = ("pmap", "shard_map", "gspmd")
