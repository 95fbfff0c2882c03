"""How batches reach the steps: nothing is sent to the device in steady state."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax import Config, build, init_state, train_step
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import (
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
)
from gan_jax.data import batch_indices
from gan_jax.parallel.execution import make_program
from gan_jax.run_files.logged_steps import fetch_steps, pick_steps

CONFIG = Config(
    batch_size=8,
    d_steps=2,
    steps=40,
    dataset=DatasetConfig("ring", size=100),
    model=ModelConfig("mlp", width=4, z_dim=2),
    metrics=MetricsConfig(every=0),
    log=LogConfig(every=10),
    g_optimizer=OptimizerConfig("sgd", 0.1),  # Adam blows up rounding errors near 0.
    d_optimizer=OptimizerConfig("sgd", 0.1),
    steps_per_call=10,
)


@pytest.mark.parametrize("seeds, devices", [(1, 1), (64, 1), (4, 2)])
def test_dispatch_sends_nothing_and_reads_only_the_logged_rows(
    seeds, devices, monkeypatch
):
    config = replace(CONFIG, seeds=seeds, devices=devices)
    work = make_program(config, find_dataset(config))
    state, fetched = work.init(), []

    def count_numbers(tree):
        fetched.append(sum(leaf.size for leaf in jax.tree.leaves(tree)))
        return jax_device_get(tree)

    jax_device_get = jax.device_get
    for turn, split in enumerate(work.splits(np.arange(0, 41, 10))):
        start, end = 10 * turn, 10 * turn + 10
        if turn < 2:  # These compile: the first one has a row of step 1 as well.
            state, metrics = work.advance(state, split)
            pick_steps(config, metrics, state.step, start, end)
            continue
        with jax.transfer_guard("disallow_explicit"):
            state, metrics = work.advance(state, split)
            picked = pick_steps(config, metrics, state.step, start, end)
        monkeypatch.setattr(jax, "device_get", count_numbers)
        fetch_steps([picked])
        monkeypatch.undo()
    # A row and the row of a fault for each metric of each GAN, and the fault's place.
    assert fetched == [seeds * (2 * len(metrics) + 1)] * 2


def test_guard_would_notice_an_array_that_is_sent():
    double = jax.jit(lambda x: 2 * x)
    double(np.ones(3))
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="[Dd]isallow"):
        double(np.ones(3))


@pytest.mark.parametrize("size", [100, None])
def test_steps_take_the_examples_that_the_host_names(size):
    """A run's states are those of steps on the batches of `batch_indices`."""
    config = replace(CONFIG, dataset=DatasetConfig("ring", size=size), seed=5)
    data = find_dataset(config)
    work, gan = make_program(config, data), build(config)
    state, expected = work.init(), init_state(gan, jax.random.key(5))
    for split in work.splits(np.array([0, 10])):
        state, _ = work.advance(state, split)
    step = jax.jit(train_step, static_argnums=0)
    for turn in range(10):
        chosen = batch_indices(len(data), 8, 2, 5, turn)
        batch = jax.tree.map(jnp.asarray, data.get(chosen))
        expected, _ = step(gan, expected, batch)
    for ours, theirs in zip(
        jax.tree.leaves(state.discriminator.params),
        jax.tree.leaves(expected.discriminator.params),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seeds", [1, 2])
def test_streamed_and_resident_data_give_the_same_steps(seeds, tmp_path):
    random = np.random.default_rng(0)
    for index in range(20):
        pixels = random.integers(256, size=(4, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index:02d}.png")
    losses = []
    for limit in (1.0, 0.0):
        dataset = DatasetConfig(f"folder:{tmp_path}", device_limit=limit)
        config = replace(CONFIG, dataset=dataset, seeds=seeds, steps_per_call=1)
        work = make_program(config, find_dataset(config))
        assert ("streamed from disk" in " ".join(work.about)) == (limit == 0)
        state = work.init()
        for split in work.splits(np.arange(4)):
            state, metrics = work.advance(state, split)
            losses.append(np.ravel(metrics["d_loss"]))
    np.testing.assert_array_equal(losses[:3], losses[3:])
