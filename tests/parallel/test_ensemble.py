"""Many seeds and scales in one program are their separate runs."""

import itertools
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from placed_steps import (
    COUPLED,
    PLAIN,
    SGD,
    TOLERANCE,
    distance,
    make_batches,
    mark_slow_but,
    train_alone,
)

from gan_jax.assembly.assemble import build
from gan_jax.config import DatasetConfig, PenaltyConfig
from gan_jax.gan import init_state
from gan_jax.parallel.ensemble import (
    init_states,
    member_state,
    per_member,
    place_members,
    split_members,
)
from gan_jax.parallel.mesh import make_mesh
from gan_jax.parallel.placements import jit_step, make_body, seeds_step
from gan_jax.types import Batch

# Seeds and scales in one program.

DIGITS = replace(
    COUPLED,
    d_steps=1,
    dataset=DatasetConfig("digits"),
    model=replace(COUPLED.model, name="dcgan", width=4, d_spectral=False),
)


def seed_mesh(count):
    return count and jax.make_mesh((count,), ("seed",), devices=jax.devices()[:count])


def train_seeds(config, count, mesh, own):
    """States of `count` GANs after some steps, with data of their own or shared."""
    gan = build(config)
    keys = jax.vmap(jax.random.key)(jnp.arange(count) + 3)
    states, step = init_states(gan, keys), seeds_step(gan, mesh)
    for batch in make_batches(config):
        if own:
            images = np.stack([batch.image + i for i in range(count)])
            batch = Batch(images, np.stack([batch.label] * count))
        states, metrics = step(states, batch)
    assert states.step.shape == ()
    assert {value.shape for value in metrics.values()} == {(count,)}
    return states


@pytest.mark.parametrize(
    ("devices", "own"),
    mark_slow_but(
        among=itertools.product((None, 2, 4), (False, True)),
    ),
)
def test_each_seed_equals_its_separate_run(devices, own):
    states = train_seeds(COUPLED, 4, seed_mesh(devices), own)
    gan = build(COUPLED)
    step = jit_step(gan)
    for index in range(4):
        state = init_state(gan, jax.random.key(3 + index))
        for batch in make_batches(COUPLED):
            state, _ = step(state, Batch(batch.image + index * own))
        alone, together = jax.device_get((state, member_state(states, index)))
        for part in ("generator", "discriminator"):
            params = getattr(together, part).params
            assert distance(params, getattr(alone, part).params) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("devices", [None, 2], ids=str)
def test_seeds_of_convolutional_gans_equal_separate_runs(devices):
    """None: in turn, on CPU. 2: by vmap on each device."""
    states = train_seeds(DIGITS, 2, seed_mesh(devices), own=False)
    first = jax.device_get(member_state(states, 0))
    assert distance(first.generator.params, train_alone(DIGITS)[0].generator.params) < (
        TOLERANCE
    )


def test_stacked_step_counts_are_accepted():
    gan = build(PLAIN)
    keys = jax.random.split(jax.random.key(0), 2)
    states = jax.jit(jax.vmap(partial(init_state, gan)))(keys)
    states, _ = seeds_step(gan)(states, make_batches(PLAIN)[0])
    assert states.step.shape == () and states.step == 1


def test_a_seed_that_diverges_does_not_disturb_the_others():
    gan = build(PLAIN)
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    step = seeds_step(gan)

    def run(factor):
        states = init_states(gan, keys)
        scales = states.scales | {"d_lr": jnp.array([1.0, factor, 1.0])}
        states, finite = states.replace(scales=scales), []
        for batch in make_batches(PLAIN):
            states, metrics = step(states, batch)
            finite.append(metrics["finite"])
        return jax.device_get((states.generator.params, finite[-1]))

    calm, all_finite = run(1.0)
    wild, finite = run(1e30)
    assert all_finite.tolist() == [True, True, True]
    assert finite.tolist() == [True, False, True]
    for ours, theirs in zip(jax.tree.leaves(calm), jax.tree.leaves(wild), strict=True):
        np.testing.assert_array_equal(ours[[0, 2]], theirs[[0, 2]])


@pytest.mark.slow
def test_scales_make_a_grid_without_recompiling():
    config = replace(PLAIN, penalty=PenaltyConfig("r1", weight=2.0))
    gan = build(config)
    step = jax.jit(jax.vmap(make_body(gan), (per_member(None, 0), None, None)))
    keys = jax.vmap(jax.random.key)(jnp.full(2, 3))
    states = init_states(gan, keys)
    factors = {"penalty": jnp.array([1.0, 3.0]), "g_lr": jnp.array([1.0, 0.5])}
    states = states.replace(scales=states.scales | factors)
    got, _ = step(states, (), make_batches(config)[0])
    assert step._cache_size() == 1
    by_hand = replace(
        config,
        penalty=PenaltyConfig("r1", weight=6.0),
        g_optimizer=replace(SGD, learning_rate=0.005),
    )
    for index, one in enumerate((config, by_hand)):
        gan = build(one)
        state, _ = jit_step(gan)(
            init_state(gan, jax.random.key(3)), make_batches(one)[0]
        )
        for part in ("generator", "discriminator"):
            ours = getattr(member_state(got, index), part).params
            assert distance(ours, getattr(state, part).params) < 1e-6


def test_states_taken_apart_leave_no_work_across_devices():
    """Whatever is made of them afterwards is free of collectives."""
    mesh = seed_mesh(4)
    gan = build(PLAIN)
    states = init_states(gan, jax.random.split(jax.random.key(0), 4))
    spread = states.replace(
        key=(),
        generator=jax.device_put(
            states.generator, jax.NamedSharding(mesh, jax.P("seed"))
        ),
    )
    for index, own in enumerate(split_members(spread, 4)):
        leaves = jax.tree.leaves(own)
        assert {type(leaf) for leaf in leaves} <= {np.ndarray, np.int32, np.float32}
        jax.tree.map(
            np.testing.assert_array_equal,
            own.generator,
            member_state(states, index).generator,
        )


def test_lazy_penalty_stays_a_branch_for_many_seeds():
    config = replace(PLAIN, penalty=PenaltyConfig("r1", every=4))
    gan = build(config)
    states = jax.eval_shape(
        lambda: init_states(gan, jax.random.split(jax.random.key(0), 2))
    )
    step = place_members(make_body(gan), None, split=False)
    program = str(jax.make_jaxpr(step)(states, (), make_batches(config)[0]))
    assert "cond[" in program


def test_seeds_that_do_not_fit_their_mesh_or_batch_are_refused():
    gan = build(PLAIN)
    states = init_states(gan, jax.random.split(jax.random.key(0), 3))
    with pytest.raises(ValueError, match="seeds 3: .* over 2 devices"):
        seeds_step(gan, seed_mesh(2))(states, make_batches(PLAIN)[0])
    with pytest.raises(ValueError, match="mesh: its axes .* name one 'seed'"):
        seeds_step(gan, make_mesh(jax.devices(), "data"))
    with pytest.raises(ValueError, match="state: must be stacked"):
        seeds_step(gan)(init_state(gan, jax.random.key(0)), make_batches(PLAIN)[0])
    with pytest.raises(ValueError, match="batch: is for 2 GANs, and there are 3"):
        seeds_step(gan)(states, Batch(np.stack([make_batches(PLAIN)[0].image] * 2)))
