"""One step, every placement: the same numbers on 1 to 8 devices, for many seeds."""

import itertools
from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh

from gan_jax.assembly.assemble import build
from gan_jax.augment import AUGMENTS
from gan_jax.config import (
    AugmentConfig,
    Config,
    DatasetConfig,
    DynamicsConfig,
    EmaConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.data import DATASETS, TOYS
from gan_jax.dynamics import DYNAMICS
from gan_jax.gan import init_state
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, MINIBATCH, NORMS, OUTPUTS
from gan_jax.layers.convolution import convolution
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES
from gan_jax.parallel.compiler import compiler_options
from gan_jax.parallel.ensemble import (
    init_states,
    member_state,
    per_member,
    place_members,
    split_members,
)
from gan_jax.parallel.mesh import make_mesh
from gan_jax.parallel.placements import (
    PLACEMENTS,
    as_body,
    gspmd_step,
    jit_step,
    pmap_step,
    seeds_step,
    shard_map_step,
)
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.running_statistics import RUNNING
from gan_jax.step import train_step
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


def batches(config, steps=STEPS, size=BATCH):
    """Host batches `[d_steps, B, ...]` that no data set has to be read for."""
    shape = build(config).data_shape
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (steps, config.d_steps, size, *shape))
    label = rng.integers(10, size=image.shape[:3], dtype=np.int32)
    return [Batch(np.float32(x), y) for x, y in zip(image, label, strict=True)]


def on_devices(gan, name, count):
    """The Gan's step under a placement on `count` devices."""
    if name == "jit":
        return jit_step(gan)
    if name == "pmap":
        return pmap_step(gan, jax.devices()[:count])
    mesh = jax.make_mesh((count,), ("data",), devices=jax.devices()[:count])
    return {"shard_map": shard_map_step, "gspmd": gspmd_step}[name](gan, mesh)


def placed(config, name, count):
    gan = build(config, axis_name=PLACEMENTS[name].axis_name)
    return gan, on_devices(gan, name, count)


@cache
def first_state(config):
    """Compiling it takes longer than a step; most of a Config does not matter to it."""
    gan = build(config)
    return jax.jit(partial(init_state, gan))(jax.random.key(3))


def ran(config, step, data):
    """On the host: the state after all the batches, the metrics of the first step."""
    as_body = replace(
        config, loss=LossConfig(), penalty=PenaltyConfig(), microbatches=1
    )
    state = jax.tree.map(jnp.copy, first_state(as_body))
    statistics = {name: jnp.zeros(()) for name in RUNNING}
    state = state.replace(aux=statistics | state.aux)
    state, metrics = step(state, data[0])
    for batch in data[1:]:
        state, _ = step(state, batch)
    return jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics))


def trained(config, name, count, steps=STEPS):
    return ran(config, placed(config, name, count)[1], batches(config, steps))


@cache
def reference(config):
    return trained(config, "jit", 1)


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


def slow_but(*quick, among, exhaustive=()):
    """Parameters, all but some marked slow, of these some exhaustive."""
    seldom = {value: pytest.mark.exhaustive for value in exhaustive}
    marks = dict.fromkeys(among, pytest.mark.slow) | seldom | dict.fromkeys(quick, ())
    return [pytest.param(*value, marks=mark) for value, mark in marks.items()]


@pytest.mark.parametrize(
    ("name", "count"),
    slow_but(
        ("shard_map", 8),
        among=itertools.product(("pmap", "shard_map", "gspmd"), (1, 2, 4, 8)),
    ),
)
def test_device_count_does_not_change_the_run(name, count):
    assert_agree(trained(COUPLED, name, count), reference(COUPLED))


LAYERS = ("stddev", "discrimination")
SPREAD = ("pmap", "shard_map", "gspmd")


@pytest.mark.parametrize(
    ("layer", "name", "count"),
    slow_but(
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
    assert_agree(trained(config, name, count, 5), trained(config, "jit", 1, 5))


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
    slow_but(
        ("top_k", "shard_map", 2),
        ("pack", "pmap", 4),
        among=itertools.product(SPANNING, SPREAD, (2, 4)),
        exhaustive=itertools.product(SPANNING, SPREAD, (2,)),
    ),
)
def test_what_spans_the_batch_agrees_with_one_device(name, placement, count):
    config = replace(PLAIN, **SPANNING[name])
    expected = reference(config)
    got = trained(config, placement, count)
    assert_agree(got, expected)
    for statistic, value in expected[0].aux.items():
        np.testing.assert_allclose(got[0].aux[statistic], value, rtol=1e-5, atol=1e-6)


def test_share_that_packs_would_straddle_is_refused():
    config = replace(PLAIN, model=replace(PLAIN.model, pack=4))
    gan, step = placed(config, "pmap", 8)
    with pytest.raises(ValueError, match="model.pack 4.*each device's share.*got 2"):
        step(init_state(gan, jax.random.key(0)), batches(config, size=16)[0])


JOINT = [name for name in DYNAMICS if name != "alternating"]
NAMED = ("pmap", "shard_map")  # The placements whose axis has a name.


@pytest.mark.parametrize(
    ("rule", "name"),
    slow_but(
        among=[(rule, NAMED[i % 2]) for i, rule in enumerate(JOINT)],
        exhaustive=[(rule, NAMED[1 - i % 2]) for i, rule in enumerate(JOINT)],
    ),
)
def test_rules_differentiate_means_that_span_devices(rule, name):
    """The relativistic average's means are inside of what the rules differentiate."""
    dynamics = DynamicsConfig(rule, k=2)
    loss = LossConfig("relativistic_average")
    config = replace(PLAIN, dynamics=dynamics, loss=loss)
    assert_agree(trained(config, name, 4), reference(config))


def test_share_that_groups_would_straddle_is_refused():
    config = replace(PLAIN, model=replace(PLAIN.model, d_minibatch="stddev"))
    gan, step = placed(config, "pmap", 8)
    with pytest.raises(ValueError, match="each device's share .* of 4, got 2"):
        step(init_state(gan, jax.random.key(0)), batches(config, size=16)[0])


@pytest.mark.parametrize("name", ["pmap", "shard_map", "gspmd"])
def test_gradient_norm_on_four_devices_is_that_on_one(name):
    config = replace(PLAIN, penalty=PenaltyConfig("r1"))
    _, one = trained(config, "jit", 1, steps=1)
    _, four = trained(config, name, 4, steps=1)
    for norm in ("d_grad_norm", "g_grad_norm"):
        np.testing.assert_allclose(four[norm], one[norm], rtol=1e-5)


def test_metrics_are_means_over_the_global_batch():
    """Devices 1 to 3 hold zeros, so a local mean would differ from the global one."""
    config = replace(PLAIN, penalty=PenaltyConfig("r1"))
    image = np.zeros((1, BATCH, 2), np.float32)
    image[:, : BATCH // 4] = 5.0
    outcomes = []
    for name in ("jit", "pmap", "shard_map", "gspmd"):
        gan, step = placed(config, name, 4)
        _, metrics = step(init_state(gan, jax.random.key(0)), Batch(image))
        outcomes.append(metrics["real_logits"])
    np.testing.assert_allclose(outcomes[1:], outcomes[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["pmap", "shard_map", "gspmd"])
def test_state_comes_back_as_one_copy_and_is_donated(name):
    gan, step = placed(PLAIN, name, 4)
    before = init_state(gan, jax.random.key(0))
    shapes = jax.tree.map(jnp.shape, before)
    first, _ = step(before, batches(PLAIN)[0])
    assert jax.tree.map(jnp.shape, first) == shapes
    assert first.discriminator.params["Dense_0"]["kernel"].is_fully_replicated
    step(first, batches(PLAIN)[1])
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
        for batch in batches(config):
            state, _ = step(state, batch)
        ours = jax.device_get(state.generator.params)
        assert distance(ours, reference(config)[0].generator.params) < TOLERANCE


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
    uneven = batches(PLAIN, size=BATCH + 2)[0]
    for name in ("pmap", "shard_map", "gspmd"):
        gan, step = placed(PLAIN, name, 4)
        with pytest.raises(ValueError, match="batch_size 66: .* over 4 devices"):
            step(init_state(gan, jax.random.key(0)), uneven)


# Seeds and scales in one program.

DIGITS = replace(
    COUPLED,
    d_steps=1,
    dataset=DatasetConfig("digits"),
    model=replace(COUPLED.model, name="dcgan", width=4, d_spectral=False),
)


def seed_mesh(count):
    return count and jax.make_mesh((count,), ("seed",), devices=jax.devices()[:count])


def seeds_trained(config, count, mesh, own):
    """States of `count` GANs after some steps, with data of their own or shared."""
    gan = build(config)
    keys = jax.vmap(jax.random.key)(jnp.arange(count) + 3)
    states, step = init_states(gan, keys), seeds_step(gan, mesh)
    for batch in batches(config):
        if own:
            images = np.stack([batch.image + i for i in range(count)])
            batch = Batch(images, np.stack([batch.label] * count))
        states, metrics = step(states, batch)
    assert states.step.shape == ()
    assert {value.shape for value in metrics.values()} == {(count,)}
    return states


@pytest.mark.parametrize(
    ("devices", "own"),
    slow_but(
        among=itertools.product((None, 2, 4), (False, True)),
    ),
)
def test_each_seed_equals_its_separate_run(devices, own):
    states = seeds_trained(COUPLED, 4, seed_mesh(devices), own)
    gan = build(COUPLED)
    step = jit_step(gan)
    for index in range(4):
        state = init_state(gan, jax.random.key(3 + index))
        for batch in batches(COUPLED):
            state, _ = step(state, Batch(batch.image + index * own))
        alone, together = jax.device_get((state, member_state(states, index)))
        for part in ("generator", "discriminator"):
            params = getattr(together, part).params
            assert distance(params, getattr(alone, part).params) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("devices", [None, 2], ids=str)
def test_seeds_of_convolutional_gans_equal_separate_runs(devices):
    """None: in turn, on CPU. 2: by vmap on each device."""
    states = seeds_trained(DIGITS, 2, seed_mesh(devices), own=False)
    first = jax.device_get(member_state(states, 0))
    assert distance(first.generator.params, reference(DIGITS)[0].generator.params) < (
        TOLERANCE
    )


def test_stacked_step_counts_are_accepted():
    gan = build(PLAIN)
    keys = jax.random.split(jax.random.key(0), 2)
    states = jax.jit(jax.vmap(partial(init_state, gan)))(keys)
    states, _ = seeds_step(gan)(states, batches(PLAIN)[0])
    assert states.step.shape == () and states.step == 1


def test_a_seed_that_diverges_does_not_disturb_the_others():
    gan = build(PLAIN)
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    step = seeds_step(gan)

    def run(factor):
        states = init_states(gan, keys)
        scales = states.scales | {"d_lr": jnp.array([1.0, factor, 1.0])}
        states, finite = states.replace(scales=scales), []
        for batch in batches(PLAIN):
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
    step = jax.jit(jax.vmap(as_body(gan), (per_member(None, 0), None, None)))
    keys = jax.vmap(jax.random.key)(jnp.full(2, 3))
    states = init_states(gan, keys)
    factors = {"penalty": jnp.array([1.0, 3.0]), "g_lr": jnp.array([1.0, 0.5])}
    states = states.replace(scales=states.scales | factors)
    got, _ = step(states, (), batches(config)[0])
    assert step._cache_size() == 1
    by_hand = replace(
        config,
        penalty=PenaltyConfig("r1", weight=6.0),
        g_optimizer=replace(SGD, learning_rate=0.005),
    )
    for index, one in enumerate((config, by_hand)):
        gan = build(one)
        state, _ = jit_step(gan)(init_state(gan, jax.random.key(3)), batches(one)[0])
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


def test_steps_compose_with_a_jit_and_a_scan_of_ones_own():
    gan = build(PLAIN)
    state, batch = init_state(gan, jax.random.key(0)), batches(PLAIN)[0]
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


def test_lazy_penalty_stays_a_branch_for_many_seeds():
    config = replace(PLAIN, penalty=PenaltyConfig("r1", every=4))
    gan = build(config)
    states = jax.eval_shape(
        lambda: init_states(gan, jax.random.split(jax.random.key(0), 2))
    )
    step = place_members(as_body(gan), None, split=False)
    program = str(jax.make_jaxpr(step)(states, (), batches(config)[0]))
    assert "cond[" in program


def test_seeds_that_do_not_fit_their_mesh_or_batch_are_refused():
    gan = build(PLAIN)
    states = init_states(gan, jax.random.split(jax.random.key(0), 3))
    with pytest.raises(ValueError, match="seeds 3: .* over 2 devices"):
        seeds_step(gan, seed_mesh(2))(states, batches(PLAIN)[0])
    with pytest.raises(ValueError, match="mesh: its axes .* name one 'seed'"):
        seeds_step(gan, make_mesh(jax.devices(), "data"))
    with pytest.raises(ValueError, match="state: must be stacked"):
        seeds_step(gan)(init_state(gan, jax.random.key(0)), batches(PLAIN)[0])
    with pytest.raises(ValueError, match="batch: is for 2 GANs, and there are 3"):
        seeds_step(gan)(states, Batch(np.stack([batches(PLAIN)[0].image] * 2)))


# Microbatches.


@pytest.mark.parametrize(
    ("name", "count", "parts"),
    slow_but(
        among=[("jit", 1, 2), ("jit", 1, 64), ("shard_map", 4, 4), ("gspmd", 2, 4)],
    ),
)
def test_microbatches_equal_the_whole_batch(name, count, parts):
    config = replace(
        COUPLED,
        loss=LossConfig("relativistic"),
        penalty=PenaltyConfig("wgan_gp", every=3),
        model=replace(COUPLED.model, g_norm="layer"),
    )
    parted = replace(config, microbatches=parts)
    assert_agree(trained(parted, name, count), reference(config))


def test_microbatches_are_shared_out_by_gspmd():
    """Each device works on its share of each part: gradients are reduced, and no
    example is sent to another device.
    """
    config = replace(PLAIN, penalty=PenaltyConfig("r1"), microbatches=4)
    gan = build(config)
    mesh = make_mesh(jax.devices()[:4], "data")
    whole, split = (
        jax.NamedSharding(mesh, jax.P(*spec)) for spec in ((), (None, "data"))
    )
    step = jax.jit(partial(train_step, gan), in_shardings=(whole, split))
    program = step.lower(first_state(PLAIN), batches(config)[0]).compile().as_text()
    assert "all-reduce(" in program
    assert "all-gather(" not in program


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": replace(PLAIN.model, g_norm="batch")}, "model.g_norm 'batch'"),
        ({"model": replace(PLAIN.model, d_norm="batch")}, "model.d_norm 'batch'"),
        ({"loss": LossConfig("relativistic_average")}, "loss.name"),
        ({"penalty": PenaltyConfig("dragan")}, "penalty.name 'dragan'"),
        ({"batch_size": 63}, "batch_size 63"),
    ],
)
def test_microbatches_are_refused_where_statistics_span_the_batch(change, field):
    with pytest.raises(ValueError, match=f"microbatches 2.*{field}"):
        build(replace(PLAIN, microbatches=2, **change))


# A pairwise cover of loss x penalty x model, and every entry of every registry.

SIDES = {"conv_7x7": 28, "dcgan64": 64}


IMAGE_MODELS = [name for name in MODELS if name != "dirac"]


def cover():
    """Rows `(loss, model, two penalties, placement, devices)` with all pairs of loss,
    penalty and model in them: the penalties go round as loss + model.
    """
    pairs = list(itertools.zip_longest(*[iter(PENALTIES)] * 2, fillvalue="none"))
    spread = list(itertools.product(("pmap", "shard_map", "gspmd"), (2, 4, 8)))
    return [
        (loss, model, pairs[(i + j) % len(pairs)], *spread[(i + j) % len(spread)])
        for i, loss in enumerate(LOSSES)
        for j, model in enumerate(IMAGE_MODELS)
    ]


def cover_parameters():
    """Every sixth row is a slow test; the others take too long for each change."""
    marks = itertools.cycle([pytest.mark.slow, *[pytest.mark.exhaustive] * 5])
    return [
        pytest.param(*make_mesh, marks=mark)
        for make_mesh, mark in zip(cover(), marks, strict=False)
    ]


def small(model):
    resolution = SIDES.get(model, 8)
    return replace(
        PLAIN,
        dataset=DatasetConfig("digits", resolution=resolution),
        model=ModelConfig(
            model,
            width=2 if resolution > 8 else 4,
            z_dim=4,
            init_scale=0.5 if model == "resnet" else 1.0,  # Else lsgan diverges.
        ),
        g_optimizer=replace(SGD, learning_rate=1e-3),
        d_optimizer=replace(SGD, learning_rate=1e-3),
    )


def test_cover_has_all_pairs():
    rows = {
        (loss, model, penalty) for loss, model, pair, *_ in cover() for penalty in pair
    }
    kinds = (LOSSES, IMAGE_MODELS, PENALTIES)
    for a, b in itertools.combinations(range(3), 2):
        assert {(make_mesh[a], make_mesh[b]) for make_mesh in rows} == set(
            itertools.product(kinds[a], kinds[b])
        )


def with_both(config, penalties, axis_name=None):
    """A Gan whose critic has two penalties."""
    gans = [
        build(
            replace(config, penalty=PenaltyConfig(name, weight=1.0)),
            axis_name=axis_name,
        )
        for name in penalties
    ]
    one, other = gans
    return replace(
        one,
        penalties=one.penalties + other.penalties,
        memory=one.memory + other.memory,
    )


@pytest.mark.parametrize(
    ("loss", "model", "penalties", "name", "count"), cover_parameters()
)
def test_pairwise_cover_agrees_with_one_device(loss, model, penalties, name, count):
    config = replace(small(model), loss=LossConfig(loss))
    alone = jit_step(with_both(config, penalties))
    split = with_both(config, penalties, PLACEMENTS[name].axis_name)
    data = batches(config, 10)  # By 20 a Wasserstein game has run off, with rounding.
    got = ran(config, on_devices(split, name, count), data)
    assert_agree(got, ran(config, alone, data))


SMOOTH = {"eps": 1.0}  # Adam's division by a small root would magnify rounding.
ENTRIES = {
    **{f"augment {k}": {"augment": AugmentConfig(k)} for k in AUGMENTS},
    **{f"dynamics {k}": {"dynamics": DynamicsConfig(k, k=2)} for k in DYNAMICS},
    **{
        f"generator penalty {k}": {"generator_penalty": GeneratorPenaltyConfig(k)}
        for k in GENERATOR_PENALTIES
    },
    **{
        f"optimizer {k}": {"d_optimizer": OptimizerConfig(k, 0.01, **SMOOTH)}
        for k in OPTIMIZERS
    },
    **{
        f"schedule {k}": {"g_optimizer": replace(SGD, schedule=k), "steps": STEPS}
        for k in SCHEDULES
    },
    **{f"norm {k}": {"model": {"g_norm": k}} for k in NORMS},
    **{f"norm of D {k}": {"model": {"d_norm": k}} for k in NORMS},
    **{f"activation {k}": {"model": {"activation": k}} for k in ACTIVATIONS},
    **{f"initializer {k}": {"model": {"g_init": k}} for k in INITIALIZERS},
    **{f"output {k}": {"model": {"output": k}} for k in OUTPUTS},
    **{f"minibatch layer {k}": {"model": {"d_minibatch": k}} for k in MINIBATCH},
    "spectral": {"model": {"g_spectral": True, "d_spectral": True}},
    "labels": {"dataset": DatasetConfig("digits", labels=True)},
    "pack": {"model": {"pack": 2}},
    "top_k": {"loss": LossConfig(top_k=0.5), "steps": STEPS},
    "adaptive augmentation": {
        "augment": AugmentConfig("bgc", schedule="adaptive", adapt_kimg=0.64)
    },
}


ALIKE = {"augment", "optimizer", "schedule", "activation", "initializer", "output"}
ALIKE |= {"dynamics"}  # Their own test is test_rules_differentiate_....


def last_of_each_kind():
    """Entries, of those that all placements treat alike one of each kind slow."""
    last = {entry.split()[0]: entry for entry in ENTRIES}
    seldom = {
        entry
        for entry in ENTRIES
        if entry.split()[0] in ALIKE and entry != last[entry.split()[0]]
    }
    return [
        pytest.param(
            entry,
            marks=pytest.mark.exhaustive if entry in seldom else pytest.mark.slow,
        )
        for entry in ENTRIES
    ]


@pytest.mark.parametrize("entry", last_of_each_kind())
def test_every_other_entry_agrees_with_one_device(entry):
    config, change = small("dcgan"), dict(ENTRIES[entry])
    if isinstance(change.get("model"), dict):
        change["model"] = replace(config.model, **change["model"])
    config = replace(config, **change)
    names = list(PLACEMENTS)[1:]
    name = names[list(ENTRIES).index(entry) % len(names)]
    assert_agree(trained(config, name, 4), trained(config, "jit", 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TOYS, "digits"])
def test_every_local_data_set_is_gathered_alike_when_split(name):
    data = DATASETS[name](DatasetConfig(name))
    indices = np.arange(BATCH)
    mesh = jax.make_mesh((4,), ("data",), devices=jax.devices()[:4])
    split = jax.sharding.PartitionSpec("data")
    gather = jax.shard_map(
        data.gather,
        mesh=Mesh(mesh.devices, mesh.axis_names),
        in_specs=(jax.sharding.PartitionSpec(), split),
        out_specs=split,
    )
    for ours, theirs in zip(
        jax.jit(gather)(data.on_host, indices), data.get(indices), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
