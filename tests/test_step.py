"""One step of the game: its arithmetic, its randomness, and every transform of it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import chex
import flax.linen as nn
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
    DynamicsConfig,
    EmaConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state, net_variables
from gan_jax.layers.spectral_norm import normalize, power_iteration
from gan_jax.losses import LOSSES
from gan_jax.objectives import (
    discriminator_loss,
    draw_latents,
    example_keys,
    generator_loss,
)
from gan_jax.parallel.placements import jit_step
from gan_jax.penalties import PENALTIES
from gan_jax.sampling import sample
from gan_jax.step import player_keys, train_step, train_steps
from gan_jax.types import Batch, Loss

BATCH, RATE = 8, 0.1
SGD = OptimizerConfig("sgd", learning_rate=RATE)
PLAIN = Config(
    batch_size=BATCH,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    g_optimizer=SGD,
    d_optimizer=SGD,
    ema=EmaConfig(decay=0.5),
)
R1 = replace(PLAIN, penalty=PenaltyConfig("r1", weight=2.0))


@cache
def game(config):
    """The Gan, its first state, and the compiled step."""
    gan = build(config)
    state = jax.jit(partial(init_state, gan))(jax.random.key(0))
    return gan, state, jax.jit(partial(train_step, gan))


def points(d_steps=1, seed=0):
    random = np.random.default_rng(seed)
    image = random.standard_normal((d_steps, BATCH, 2))
    label = random.integers(8, size=(d_steps, BATCH))
    return Batch(jnp.asarray(image, jnp.float32), jnp.asarray(label, jnp.int32))


def stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def plain(tree):
    """The same tree with typed keys as numbers, for comparisons."""

    def numbers(x):
        typed = jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
        return jax.random.key_data(x) if typed else x

    return jax.tree.map(numbers, tree)


def assert_close(actual, expected, tolerance=1e-5):
    chex.assert_trees_all_close(
        plain(actual), plain(expected), rtol=tolerance, atol=tolerance
    )


class Affine(nn.Module):
    """`G(z) = z W + b`; hands its latents to `note`."""

    note: Callable = lambda z: None

    @nn.compact
    def __call__(self, z, label=None, *, train):
        self.note(z)
        return nn.Dense(2)(z)


class Logistic(nn.Module):
    """`D(x) = x . w + b`."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        return nn.Dense(1)(x)[:, 0]


def handmade(generator, discriminator, **slots):
    """A Gan on points, filled in without `build`."""
    chosen = {
        "loss": LOSSES["non_saturating"],
        "z_dim": 3,
        "data_shape": (2,),
        "g_optimizer": optax.sgd(RATE),
        "d_optimizer": optax.sgd(RATE),
        "dynamics": alternating,
    }
    return Gan(generator, discriminator, **(chosen | slots))


def one(step):
    return 1.0


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
            gan, params, others, state, Batch(image), example_keys(gan, key, len(image))
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


class Point(nn.Module):
    """The generator of a Dirac game: `G(z) = theta`."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        theta = self.param("theta", lambda key: jnp.asarray([0.5, -2.0]))
        return jnp.broadcast_to(theta, (len(z), 2))


class Parabola(nn.Module):
    """`D(x) = sum_i w_i x_i^2 / 2`."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        w = self.param("w", lambda key: jnp.asarray([3.0, 0.25]))
        return x**2 / 2 @ w


def test_no_player_is_detached_from_the_other():
    """By hand, with r2 of weight c: `L_D = D(theta) - D(x) + c |w theta|^2 / 2`, so
    `d2 L_D / dw dtheta = diag(theta + 2 c w theta)`; of `L_G = -D(theta)` it is
    `-diag(theta)`."""
    weight = 0.75
    gan = handmade(
        Point(),
        Parabola(),
        loss=LOSSES["wasserstein"],
        penalties=(Term(PENALTIES["r2"], lambda step: weight),),
    )
    state = init_state(gan, jax.random.key(0))
    d, g = state.discriminator.params, state.generator.params
    image = points().image[0]
    rest = (state, Batch(image), example_keys(gan, state.key, len(image)))
    w, theta = d["w"], g["theta"]

    def d_gradient(g):
        loss = jax.grad(discriminator_loss, argnums=1, has_aux=True)
        return loss(gan, d, g, *rest)[0]["w"]

    def g_gradient(d):
        return jax.grad(generator_loss, argnums=1, has_aux=True)(gan, g, d, *rest)[0][
            "theta"
        ]

    mixed = jax.jacobian(d_gradient)(g)["theta"]
    np.testing.assert_allclose(
        mixed, np.diag(theta + 2 * weight * w * theta), rtol=1e-6
    )
    mixed = jax.jacobian(g_gradient)(d)["w"]
    np.testing.assert_allclose(mixed, np.diag(-theta), rtol=1e-6)


SPECTRAL = replace(
    PLAIN, model=replace(PLAIN.model, d_spectral=True, g_spectral=True), d_steps=1
)


def kernels_and_vectors(net):
    """`{layer: (kernel, u)}`."""
    return {
        name: (net.params[name]["kernel"], u)
        for name, layer in net.model_state["spectral"].items()
        for u, _ in [layer["uv"]]
    }


def scrambled(net):
    """The player with random unit spectral vectors, far from converged ones."""
    random = np.random.default_rng(0)

    def unit(x):
        return normalize(jnp.asarray(random.standard_normal(x.shape), jnp.float32))

    return net.replace(model_state=jax.tree.map(unit, net.model_state))


@pytest.mark.parametrize("d_steps, d_lr", [(1, 1.0), (3, 0.0)])
def test_spectral_vectors_iterate_once_per_d_update_and_not_for_g(d_steps, d_lr):
    _, state, step = game(replace(SPECTRAL, d_steps=d_steps))
    state = state.replace(
        discriminator=scrambled(state.discriminator),
        scales=state.scales | {"d_lr": jnp.asarray(d_lr)},
    )
    before = kernels_and_vectors(state.discriminator)
    after, _ = step(state, points(d_steps=d_steps))
    assert len(before) == 3
    for name, (kernel, u) in before.items():
        for _ in range(d_steps):
            u, v = power_iteration(kernel, u)
        stored = after.discriminator.model_state["spectral"][name]["uv"]
        assert_close(stored, (u, v), 1e-6)


def mlp_by_hand(params, variables, x, activation):
    """Three dense layers with kernels `W / (v . W u)`, the stored u and v."""
    for index in range(3):
        layer = params[f"Dense_{index}"]
        u, v = variables["spectral"][f"Dense_{index}"]["uv"]
        x = x @ (layer["kernel"] / (v @ (layer["kernel"] @ u)))
        x = x + layer["bias"].reshape(1, -1)
        x = x if index == 2 else activation(x)
    return x


def test_all_passes_of_a_step_share_the_spectral_vectors_of_its_d_update():
    gan, state, _ = game(SPECTRAL)
    state = state.replace(discriminator=scrambled(state.discriminator))

    def squared_logits(critic, real, fake, keys):
        return critic(real) ** 2

    # Terms of the reals' logits: both objectives and the penalty are known by hand.
    loss = Loss(lambda real, fake: real, lambda real, fake: real)
    gan = replace(gan, loss=loss, penalties=(Term(squared_logits, one),))
    after, metrics = jax.jit(partial(train_step, gan))(state, points())
    vectors = after.discriminator.model_state

    def logits(net):
        leaky = partial(jax.nn.leaky_relu, negative_slope=0.2)
        return mlp_by_hand(net.params, vectors, points().image[0], leaky)

    before_move, after_move = logits(state.discriminator), logits(after.discriminator)
    assert_close(metrics["d_loss"], before_move.mean())
    assert_close(metrics["d_penalty"], (before_move**2).mean())
    assert_close(metrics["g_loss"], after_move.mean())


def test_sample_uses_the_stored_spectral_vectors():
    gan, state, _ = game(SPECTRAL)
    state = state.replace(generator=scrambled(state.generator))
    key = jax.random.key(1)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(4))
    net, z = state.generator, draw_latents(gan, keys)
    expected = mlp_by_hand(net.params, net.model_state, z, jax.nn.relu)
    assert_close(sample(gan, state, key, 4, ema=False), expected)


def test_more_samples_keep_the_first_ones():
    gan, state, _ = game(PLAIN)
    key = jax.random.key(1)
    eight, four = sample(gan, state, key, 8), sample(gan, state, key, 4)
    assert eight.shape == (8, 2)
    assert_close(eight[:4], four, 1e-6)


@pytest.mark.parametrize("ema", [True, False])
def test_sample_uses_the_average_or_the_raw_weights(ema):
    gan, state, _ = game(PLAIN)
    average = jax.tree.map(lambda w: w + 1, state.ema)
    state, key = state.replace(ema=average), jax.random.key(1)
    alone = state.replace(
        generator=state.generator.replace(
            params=(average if ema else net_variables(state.generator))["params"]
        )
    )
    expected = sample(gan, alone, key, 4, ema=False)
    assert_close(sample(gan, state, key, 4, ema=ema), expected, 1e-6)
    with pytest.raises(AssertionError):
        assert_close(sample(gan, state, key, 4, ema=not ema), expected, 1e-3)


class Column(nn.Module):
    """A discriminator that forgets to drop its last axis."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        return nn.Dense(1)(x)


def test_logits_of_shape_b_1_are_refused():
    gan = handmade(Affine(), Column())
    state = init_state(gan, jax.random.key(0))
    with pytest.raises(ValueError, match=r"shape \(8,\), got \(8, 1\)"):
        train_step(gan, state, points())


@pytest.mark.parametrize(
    "name, logged", [("wgan_gp", True), ("r1", True), ("none", False), ("ar1", False)]
)
def test_input_gradient_norm_is_logged_where_a_penalty_takes_it(name, logged):
    gan = build(replace(PLAIN, penalty=PenaltyConfig(name, weight=1.0)))
    state = init_state(gan, jax.random.key(0))
    _, metrics = jax.eval_shape(partial(train_step, gan), state, points())
    assert ("critic_grad_norm" in metrics) == logged
