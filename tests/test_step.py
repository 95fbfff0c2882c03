"""One step of the game: its arithmetic, its randomness, and every transform of it."""

from dataclasses import replace
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_gans import (
    BATCH,
    PLAIN,
    R1,
    RATE,
    SGD,
    Affine,
    Logistic,
    assert_close,
    game,
    handmade,
    one,
    plain,
    points,
    stacked,
)

from gan_jax.assembly.assemble import build
from gan_jax.config import (
    AugmentConfig,
    DatasetConfig,
    DynamicsConfig,
    EmaConfig,
    LossConfig,
    PenaltyConfig,
)
from gan_jax.gan import Term, init_state, net_variables
from gan_jax.objectives import discriminator_loss, draw, example_keys, generator_loss
from gan_jax.parallel.placements import jit_step
from gan_jax.penalties import PENALTIES
from gan_jax.step import player_keys, train_step, train_steps
from gan_jax.types import Batch


def test_jit_equals_eager():
    gan = handmade(Affine(), Logistic(), penalties=(Term(PENALTIES["wgan_gp"], one),))
    state = init_state(gan, jax.random.key(0))
    jitted = jax.jit(partial(train_step, gan))(state, points())
    assert_close(jitted, train_step(gan, state, points()), 1e-6)


def test_many_steps_are_traced_once():
    gan, state, _ = game(R1)
    step = jax.jit(chex.assert_max_traces(lambda *args: train_step(gan, *args), 1))
    for seed in range(20):
        state, _ = step(state, points(seed=seed))


def test_scanned_steps_equal_a_loop():
    gan, state, step = game(R1)
    batches = [points(seed=seed) for seed in range(5)]
    scanned = jax.jit(partial(train_steps, gan))(state, stacked(batches))
    metrics = []
    for batch in batches:
        state, seen = step(state, batch)
        metrics.append(seen)
    assert_close(scanned, (state, stacked(metrics)))


def test_vmap_over_seeds_equals_separate_runs():
    gan, _, step = game(R1)
    seeds, data = jnp.arange(3), [points(seed=seed) for seed in range(4)]

    def run(seed):
        return train_steps(gan, init_state(gan, jax.random.key(seed)), stacked(data))

    together, _ = jax.jit(jax.vmap(run))(seeds)
    for seed in range(3):
        state = init_state(gan, jax.random.key(seed))
        for batch in data:
            state, _ = step(state, batch)
        assert_close(jax.tree.map(lambda x, i=seed: x[i], together), state)


SCALED = {
    "penalty": replace(R1, penalty=PenaltyConfig("r1", weight=4.0)),
    "d_lr": replace(R1, d_optimizer=replace(SGD, learning_rate=2 * RATE)),
    "g_lr": replace(R1, g_optimizer=replace(SGD, learning_rate=2 * RATE)),
}


def test_vmap_over_scales_equals_separate_settings():
    gan, first, _ = game(R1)
    batches = [points(seed=seed) for seed in range(3)]
    # Row i doubles scale i; the last row leaves all at 1.
    rows = jnp.concatenate([jnp.ones((3, 3)) + jnp.eye(3), jnp.ones((1, 3))])

    def run(row):
        scaled = first.replace(scales=dict(zip(SCALED, row, strict=True)))
        return train_steps(gan, scaled, stacked(batches))

    together, metrics = jax.jit(jax.vmap(run))(rows)
    for index, config in enumerate([*SCALED.values(), R1]):
        _, state, step = game(config)
        for batch in batches:
            state, seen = step(state, batch)
        scaled = jax.tree.map(lambda x, i=index: x[i], together)
        assert_close(scaled.replace(scales=state.scales), state)
        assert_close(jax.tree.map(lambda x, i=index: x[i, -1], metrics), seen)


ORDERS = {
    "alternating": {},
    "g_first": {"g_first": True},
    "simultaneous": {"dynamics": DynamicsConfig("simultaneous")},
}


@pytest.mark.parametrize("order", ORDERS)
def test_players_see_each_other_as_the_order_of_play_says(order):
    # A relativistic generator also shows which reals it is given.
    relativistic = replace(PLAIN, loss=LossConfig("relativistic"), d_steps=3)
    gan, state, step = game(replace(relativistic, **ORDERS[order]))
    data = points(d_steps=3)
    d_key, g_key = player_keys(state)
    if order == "simultaneous":  # one key, that of the last D step
        g_key = jax.random.fold_in(d_key, 2)

    @partial(jax.jit, static_argnums=0)
    def descend(loss, params, others, image, key):
        """`params - RATE d loss / d params`: one SGD move by hand."""
        gradient, _ = jax.grad(loss, argnums=1, has_aux=True)(
            gan,
            params,
            others,
            state,
            Batch(image),
            draw(gan, example_keys(gan, key, len(image))),
        )
        return jax.tree.map(lambda w, g: w - RATE * g, params, gradient)

    def d_moves(g_params):
        """D before its moves and after each: own data, own key, the same G."""
        path = [state.discriminator.params]
        for index, image in enumerate(data.image):
            key = jax.random.fold_in(d_key, index)
            path.append(descend(discriminator_loss, path[-1], g_params, image, key))
        return path

    def g_move(d_params):
        old = state.generator.params
        return descend(generator_loss, old, d_params, data.image[-1], g_key)

    first_d, *_, joint_d, last_d = d_moves(state.generator.params)
    against = {"alternating": last_d, "g_first": first_d, "simultaneous": joint_d}
    expected_g = g_move(against.pop(order))
    expected_d = d_moves(expected_g)[-1] if order == "g_first" else last_d

    after, _ = step(state, data)
    assert_close(after.discriminator.params, expected_d)
    assert_close(after.generator.params, expected_g)
    for wrong in against.values():
        with pytest.raises(AssertionError):
            assert_close(after.generator.params, g_move(wrong), 1e-4)


def test_step_counts_generator_updates_and_the_key_stays():
    _, first, step = game(replace(PLAIN, d_steps=3))
    state = first
    for updates in range(3):
        assert state.step == updates
        assert state.key == first.key
        state, _ = step(state, points(d_steps=3))


def test_no_random_number_is_drawn_twice():
    """Over 2 steps of 2 D turns and 1 G turn: the latents, and all other draws."""
    draws = []

    def note_keys(keys):
        draws.append(jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys))

    def augment(images, keys):
        note_keys(keys)
        return images

    def penalty(function, *arguments):
        note_keys(arguments[-1])
        return jnp.zeros(BATCH)

    gan = handmade(
        Affine(draws.append),
        Logistic(),
        penalties=(Term(penalty, one), Term(penalty, one)),
        generator_penalties=(Term(penalty, one),),
        augment=augment,
    )
    state = init_state(gan, jax.random.key(0))
    draws.clear()
    for seed in range(2):
        state, _ = train_step(gan, state, points(d_steps=2, seed=seed))
    # A D turn draws draw_latents, two augmentations, two penalties; a G turn one less.
    assert len(draws) == 2 * (2 * 5 + 4)
    numbers = np.concatenate(draws).ravel()
    assert len(np.unique(numbers)) == len(draws) * BATCH * gan.z_dim


PLACED = {
    "r1": R1,
    "relativistic_average": replace(PLAIN, loss=LossConfig("relativistic_average")),
    "dragan": replace(PLAIN, penalty=PenaltyConfig("dragan", weight=2.0)),
    "batch_norm": replace(PLAIN, model=replace(PLAIN.model, g_norm="batch")),
    "instance_noise": replace(PLAIN, augment=AugmentConfig("instance_noise")),
    "conditional": replace(PLAIN, dataset=DatasetConfig("ring", labels=True)),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=() if name in ("r1", "batch_norm") else pytest.mark.slow
        )
        for name in PLACED
    ],
)
def test_four_devices_draw_and_move_as_one(name):
    _, state, step = game(PLACED[name])
    placed = jax.pmap(
        partial(train_step, build(PLACED[name], axis_name="data")),
        axis_name="data",
        in_axes=(None, 1),
        devices=jax.devices()[:4],
    )
    split = jax.tree.map(lambda x: x.reshape(1, 4, BATCH // 4, *x.shape[2:]), points())
    expected, actual = step(state, points()), placed(state, split)
    for device in range(4):
        assert_close(jax.tree.map(lambda x, i=device: x[i], actual), expected)


def test_lazy_penalty_is_three_times_the_weight_every_third_step():
    penalty = PenaltyConfig("r1", weight=0.5)
    _, state, lazy = game(replace(PLAIN, penalty=replace(penalty, every=3)))
    _, expected, without = game(PLAIN)
    _, _, triple = game(replace(PLAIN, penalty=replace(penalty, weight=1.5)))
    for index in range(5):
        due = index % 3 == 0
        state, metrics = lazy(state, points(seed=index))
        expected, _ = (triple if due else without)(expected, points(seed=index))
        assert_close(state, expected)
        assert (metrics["d_penalty"] > 0) == due


def test_ema_is_a_copy_until_its_start_then_warms_up():
    model = replace(PLAIN.model, g_norm="batch")
    ema = EmaConfig(decay=0.2, start=2, warmup=True)
    _, state, step = game(replace(PLAIN, model=model, ema=ema))
    average = plain(net_variables(state.generator))
    # min(decay, (1 + t) / (10 + t)), t steps after the start.
    for index, decay in enumerate([0, 0, 1 / 10, 2 / 11, 0.2, 0.2]):
        state, _ = step(state, points(seed=index))
        now = net_variables(state.generator)
        assert set(now) == {"params", "batch_stats"}
        average = jax.tree.map(
            lambda old, new, d=decay: d * old + (1 - d) * new, average, now
        )
        assert_close(state.ema, average, 1e-6)
        if decay == 0:
            chex.assert_trees_all_equal(state.ema, now)


def test_donated_state_serves_again_and_moves_the_same():
    gan, state, step = game(R1)
    donated, donating = init_state(gan, jax.random.key(0)), jit_step(gan)
    for seed in range(2):
        before = jax.tree.leaves(donated.generator.params)
        donated, _ = donating(donated, points(seed=seed))
        state, _ = step(state, points(seed=seed))
        assert all(leaf.is_deleted() for leaf in before)
    assert_close(donated, state, 1e-6)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_finite_is_false_once_a_parameter_is_nan(player):
    _, state, step = game(R1)
    _, metrics = step(state, points())
    assert metrics["finite"]
    net = getattr(state, player)
    leaves, tree = jax.tree.flatten(net.params)
    leaves[0] = leaves[0].at[0].set(jnp.nan)
    broken = net.replace(params=jax.tree.unflatten(tree, leaves))
    _, metrics = step(state.replace(**{player: broken}), points())
    assert not metrics["finite"]


def test_finite_looks_at_every_term():
    def undefined(generator, z, keys):
        return jnp.full(len(z), jnp.nan)

    gan = handmade(Affine(), Logistic(), generator_penalties=(Term(undefined, one),))
    state = init_state(gan, jax.random.key(0))
    _, metrics = jax.jit(partial(train_step, gan))(state, points())
    assert jnp.isfinite(metrics["g_loss"])
    assert not metrics["finite"]
