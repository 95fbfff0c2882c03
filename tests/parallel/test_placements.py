"""One step under every placement has the same numbers on 1 to 8 devices."""

import itertools
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from placed_steps import (
    BATCH,
    COUPLED,
    PLAIN,
    SGD,
    SPREAD,
    TOLERANCE,
    assert_agree,
    distance,
    make_batches,
    mark_slow_but,
    place_step,
    train_alone,
    train_placed,
)

from gan_jax.assembly.assemble import build
from gan_jax.config import AugmentConfig, DynamicsConfig, LossConfig, PenaltyConfig
from gan_jax.dynamics import DYNAMICS
from gan_jax.gan import init_state
from gan_jax.layers.convolution import convolution
from gan_jax.parallel.compiler import compiler_options
from gan_jax.parallel.placements import (
    gspmd_step,
    jit_step,
    pmap_step,
    seeds_step,
    shard_map_step,
)
from gan_jax.types import Batch


@pytest.mark.parametrize(
    ("name", "count"),
    mark_slow_but(
        ("shard_map", 8),
        among=itertools.product(("pmap", "shard_map", "gspmd"), (1, 2, 4, 8)),
    ),
)
def test_device_count_does_not_change_the_run(name, count):
    assert_agree(train_placed(COUPLED, name, count), train_alone(COUPLED))


LAYERS = ("stddev", "discrimination")


@pytest.mark.parametrize(
    ("layer", "name", "count"),
    mark_slow_but(
        ("stddev", "pmap", 4),
        among=itertools.product(LAYERS, SPREAD, (2, 4)),
        exhaustive=itertools.product(LAYERS, SPREAD, (2,)),
    ),
)
def test_minibatch_layers_see_the_global_batch(layer, name, count):
    config = replace(
        PLAIN,
        model=replace(PLAIN.model, d_minibatch=layer),
        penalty=PenaltyConfig("r1", weight=0.01, coupled=True),
        d_optimizer=replace(SGD, learning_rate=1e-3),
    )
    # Later, discrimination's large gradients magnify the rounding.
    assert_agree(
        train_placed(config, name, count, 5), train_placed(config, "jit", 1, 5)
    )


SPANNING = {  # What has to look at the whole batch, or at its neighbours in order.
    "top_k": {"loss": LossConfig(top_k=0.4, schedule="constant")},
    "pack": {"model": replace(PLAIN.model, pack=2), "penalty": PenaltyConfig("r1")},
    "lecam": {"penalty": PenaltyConfig("lecam")},
    "adaptive": {
        "augment": AugmentConfig("instance_noise", schedule="adaptive", adapt_kimg=0.64)
    },
}


@pytest.mark.parametrize(
    ("name", "placement", "count"),
    mark_slow_but(
        ("top_k", "shard_map", 2),
        ("pack", "pmap", 4),
        among=itertools.product(SPANNING, SPREAD, (2, 4)),
        exhaustive=itertools.product(SPANNING, SPREAD, (2,)),
    ),
)
def test_what_spans_the_batch_agrees_with_one_device(name, placement, count):
    config = replace(PLAIN, **SPANNING[name])
    expected = train_alone(config)
    got = train_placed(config, placement, count)
    assert_agree(got, expected)
    for statistic, value in expected[0].aux.items():
        np.testing.assert_allclose(got[0].aux[statistic], value, rtol=1e-5, atol=1e-6)


def test_share_that_packs_would_straddle_is_refused():
    config = replace(PLAIN, model=replace(PLAIN.model, pack=4))
    gan, step = place_step(config, "pmap", 8)
    with pytest.raises(ValueError, match="model.pack 4.*each device's share.*got 2"):
        step(init_state(gan, jax.random.key(0)), make_batches(config, size=16)[0])


JOINT = [name for name in DYNAMICS if name != "alternating"]


NAMED = ("pmap", "shard_map")  # The placements whose axis has a name.


@pytest.mark.parametrize(
    ("rule", "name"),
    mark_slow_but(
        among=[(rule, NAMED[i % 2]) for i, rule in enumerate(JOINT)],
        exhaustive=[(rule, NAMED[1 - i % 2]) for i, rule in enumerate(JOINT)],
    ),
)
def test_rules_differentiate_means_that_span_devices(rule, name):
    """The relativistic average's means are inside of what the rules differentiate."""
    dynamics = DynamicsConfig(rule, k=2)
    loss = LossConfig("relativistic_average")
    config = replace(PLAIN, dynamics=dynamics, loss=loss)
    assert_agree(train_placed(config, name, 4), train_alone(config))


def test_share_that_groups_would_straddle_is_refused():
    config = replace(PLAIN, model=replace(PLAIN.model, d_minibatch="stddev"))
    gan, step = place_step(config, "pmap", 8)
    with pytest.raises(ValueError, match="each device's share .* of 4, got 2"):
        step(init_state(gan, jax.random.key(0)), make_batches(config, size=16)[0])


@pytest.mark.parametrize("name", ["pmap", "shard_map", "gspmd"])
def test_gradient_norm_on_four_devices_is_that_on_one(name):
    config = replace(PLAIN, penalty=PenaltyConfig("r1"))
    _, one = train_placed(config, "jit", 1, steps=1)
    _, four = train_placed(config, name, 4, steps=1)
    for norm in ("d_grad_norm", "g_grad_norm"):
        np.testing.assert_allclose(four[norm], one[norm], rtol=1e-5)


def test_metrics_are_means_over_the_global_batch():
    """Devices 1 to 3 hold zeros, so a local mean would differ from the global one."""
    config = replace(PLAIN, penalty=PenaltyConfig("r1"))
    image = np.zeros((1, BATCH, 2), np.float32)
    image[:, : BATCH // 4] = 5.0
    outcomes = []
    for name in ("jit", "pmap", "shard_map", "gspmd"):
        gan, step = place_step(config, name, 4)
        _, metrics = step(init_state(gan, jax.random.key(0)), Batch(image))
        outcomes.append(metrics["real_logits"])
    np.testing.assert_allclose(outcomes[1:], outcomes[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["pmap", "shard_map", "gspmd"])
def test_state_comes_back_as_one_copy_and_is_donated(name):
    gan, step = place_step(PLAIN, name, 4)
    before = init_state(gan, jax.random.key(0))
    shapes = jax.tree.map(jnp.shape, before)
    first, _ = step(before, make_batches(PLAIN)[0])
    assert jax.tree.map(jnp.shape, first) == shapes
    assert first.discriminator.params["Dense_0"]["kernel"].is_fully_replicated
    step(first, make_batches(PLAIN)[1])
    assert first.discriminator.params["Dense_0"]["kernel"].is_deleted()


AVERAGED = replace(PLAIN, loss=LossConfig("relativistic_average"))


@pytest.mark.parametrize(
    "config", [AVERAGED, pytest.param(COUPLED, marks=pytest.mark.slow)]
)
def test_mesh_may_have_explicit_or_further_axes(config):
    gan = build(config, axis_name="data")
    wide = Mesh(np.array(jax.devices()).reshape(4, 2), ("data", "model"))
    explicit = jax.make_mesh(
        (4,), ("data",), (jax.sharding.AxisType.Explicit,), devices=jax.devices()[:4]
    )
    for mesh in (wide, explicit):
        step, state = shard_map_step(gan, mesh), init_state(gan, jax.random.key(3))
        for batch in make_batches(config):
            state, _ = step(state, batch)
        ours = jax.device_get(state.generator.params)
        assert distance(ours, train_alone(config)[0].generator.params) < TOLERANCE


def test_misplaced_gans_and_batches_are_refused():
    mesh = jax.make_mesh((4,), ("data",), devices=jax.devices()[:4])
    bare, named = build(PLAIN), build(PLAIN, axis_name="data")
    for place in (pmap_step, partial(shard_map_step, mesh=mesh)):
        with pytest.raises(ValueError, match="axis_name='data'"):
            place(bare)
    for place in (jit_step, partial(gspmd_step, mesh=mesh), seeds_step):
        with pytest.raises(ValueError, match="axis_name 'data'"):
            place(named)
    with pytest.raises(ValueError, match="mesh: its axes are"):
        shard_map_step(build(PLAIN, axis_name="batch"), mesh)
    uneven = make_batches(PLAIN, size=BATCH + 2)[0]
    for name in ("pmap", "shard_map", "gspmd"):
        gan, step = place_step(PLAIN, name, 4)
        with pytest.raises(ValueError, match="batch_size 66: .* over 4 devices"):
            step(init_state(gan, jax.random.key(0)), uneven)


def test_steps_compose_with_a_jit_and_a_scan_of_ones_own():
    gan = build(PLAIN)
    state, batch = init_state(gan, jax.random.key(0)), make_batches(PLAIN)[0]
    step = jit_step(gan)
    nested, _ = jax.jit(step)(state, batch)
    twice, _ = jax.lax.scan(
        step, state, jax.tree.map(lambda x: jnp.stack([x, x]), batch)
    )
    once, _ = step(state, batch)
    again, _ = step(jax.tree.map(jnp.copy, once), batch)
    for found, expected in ((nested, once), (twice, again)):
        close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
        jax.tree.map(close, found.generator.params, expected.generator.params)


def test_cpu_steps_are_compiled_with_xlas_own_convolutions():
    f = partial(convolution, stride=1)
    jitted = jax.jit(f, compiler_options=compiler_options())
    x, w = jnp.ones((4, 16, 16, 32)), jnp.ones((3, 3, 32, 32))
    assert "ynn_fusion" not in jitted.lower(x, w).compile().as_text()
