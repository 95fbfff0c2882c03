"""Rules of play against dense matrices, hand-written loops and other implementations.

Contraction factors on linear games are in `test_games`.
"""

import re
from dataclasses import replace
from functools import cache, partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from gan_jax.assembly.assemble import build
from gan_jax.config import (
    Config,
    DatasetConfig,
    DynamicsConfig,
    EmaConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
)
from gan_jax.dynamics import DYNAMICS
from gan_jax.dynamics.second_order import competitive, unrolled
from gan_jax.gan import Gan, Term, init_state, layers
from gan_jax.losses import LOSSES
from gan_jax.objectives import discriminator_loss, example_keys, generator_loss
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.parallel.ensemble import init_states, member_state
from gan_jax.parallel.placements import seeds_step
from gan_jax.penalties import PENALTIES
from gan_jax.step import player_keys, train_step, train_steps
from gan_jax.types import Batch, Loss

BATCH, RATE = 8, 0.1
JOINT = sorted(set(DYNAMICS) - {"alternating", "lookahead"})


def slow_but(*quick, among):
    """Names of rules, all but some marked slow: each takes seconds to compile."""
    return [
        pytest.param(name, marks=() if name in quick else pytest.mark.slow)
        for name in among
    ]


class Curved(nn.Module):
    """Two tanh layers, `[B, n] -> [B, outputs]`, or logits `[B]`."""

    outputs: int = 0

    @nn.compact
    def __call__(self, x, label=None, *, train):
        hidden = jnp.tanh(nn.Dense(3, param_dtype=x.dtype)(x))
        y = nn.Dense(self.outputs or 1, param_dtype=x.dtype)(hidden)
        return y if self.outputs else y[:, 0]


class Point(nn.Module):
    """`G(z) = theta`: no latent matters."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        theta = self.param("theta", lambda key: jnp.asarray([0.5, -2.0]))
        return jnp.broadcast_to(theta, (len(z), 2))


def game(dynamics, **slots):
    """A Gan of curved players on points, with R1 and plain descent."""
    chosen = {
        "generator": Curved(2),
        "discriminator": Curved(),
        "loss": LOSSES["non_saturating"],
        "z_dim": 2,
        "data_shape": (2,),
        "g_optimizer": OPTIMIZERS["sgd"](RATE),
        "d_optimizer": OPTIMIZERS["sgd"](RATE),
        "dynamics": dynamics,
        "penalties": (Term(PENALTIES["r1"], lambda step: 0.5),),
    }
    return Gan(**(chosen | slots))


def points(d_steps=1, seed=0):
    random = np.random.default_rng(seed)
    return Batch(jnp.asarray(random.standard_normal((d_steps, BATCH, 2)) / 2, float))


stepped = jax.jit(train_step, static_argnums=0)


def flattened(state):
    """w = (theta, psi) as a vector."""
    return ravel_pytree((state.generator.params, state.discriminator.params))[0]


def dense(gan, state, batch):
    """w, g(w), its whole Jacobian, and how many of w are G's: in NumPy."""
    count = ravel_pytree(state.generator.params)[0].size
    return *map(np.asarray, dense_field(gan, state, batch)), count


@partial(jax.jit, static_argnums=0)
def dense_field(gan, state, batch):
    w, unravel = ravel_pytree((state.generator.params, state.discriminator.params))
    key = jax.random.fold_in(player_keys(state)[0], 0)
    keys, examples = example_keys(gan, key, BATCH), Batch(batch.image[0])

    def d_loss(psi, theta):
        return discriminator_loss(gan, psi, theta, state, examples, keys)[0]

    def g_loss(theta, psi):
        return generator_loss(gan, theta, psi, state, examples, keys)[0]

    def field(w):
        theta, psi = unravel(w)
        parts = jax.grad(g_loss)(theta, psi), jax.grad(d_loss)(psi, theta)
        return ravel_pytree(parts)[0]

    return w, field(w), jax.jacfwd(field)(w)


def moved_by(gan, state, batch):
    """`(w - w') / h`."""
    after, _ = stepped(gan, state, batch)
    return np.asarray(flattened(state) - flattened(after)) / RATE


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def test_consensus_equals_the_dense_jacobian(float64):
    gan = game(partial(DYNAMICS["consensus"], gamma=0.7))
    state, batch = init_state(gan, jax.random.key(0)), points()
    _, g, jacobian, _ = dense(gan, state, batch)
    expected = g + 0.7 * jacobian.T @ g
    np.testing.assert_allclose(moved_by(gan, state, batch), expected, rtol=1e-9)


def test_sga_equals_the_dense_jacobian_in_both_signs(float64):
    """The losses are large, so that the 0.1 in the rule decides nothing."""

    def loud(name):
        loss = getattr(LOSSES["non_saturating"], name)
        return lambda real, fake: 30 * loss(real, fake)

    loss = Loss(loud("discriminator"), loud("generator"))
    gan = game(partial(DYNAMICS["sga"], gamma=0.7), loss=loss)
    signs = set()
    for seed in range(8):
        state, batch = init_state(gan, jax.random.key(seed)), points(seed=seed)
        _, g, jacobian, _ = dense(gan, state, batch)
        adjustment = (jacobian.T - jacobian) @ g / 2
        pull = jacobian.T @ g
        sign = np.sign((g @ pull) * (adjustment @ pull) / len(g) + 0.1)
        signs.add(sign)
        expected = g + 0.7 * sign * adjustment
        np.testing.assert_allclose(moved_by(gan, state, batch), expected, rtol=1e-9)
    assert signs == {-1, 1}


def test_competitive_solves_the_dense_system(float64):
    """A wide step, so that the players' coupling bends it; eta follows the scales."""
    eta = 3.0
    gan = game(partial(competitive, k=60, eta=2 * eta))
    scales = {"g_lr": jnp.float64(0.5), "d_lr": jnp.float64(0.5)}
    state, batch = init_state(gan, jax.random.key(0)), points()
    state = replace(state, scales=state.scales | scales)
    _, g, jacobian, count = dense(gan, state, batch)
    coupling = jacobian.copy()
    coupling[:count, :count] = coupling[count:, count:] = 0
    expected = np.linalg.solve(np.eye(len(g)) + eta * coupling, g)
    assert np.linalg.norm(expected - g) > 0.05 * np.linalg.norm(g)
    found = moved_by(gan, state, batch)
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_unrolled_equals_descent_through_two_moves_of_d_by_hand(float64):
    gan = game(partial(unrolled, k=2))
    state, batch = init_state(gan, jax.random.key(0)), points()
    theta, psi = state.generator.params, state.discriminator.params
    key = jax.random.fold_in(player_keys(state)[0], 0)
    keys, examples = example_keys(gan, key, BATCH), Batch(batch.image[0])

    def descend(loss, w):
        return jax.tree.map(lambda w, g: w - RATE * g, w, jax.grad(loss)(w))

    def d_move(psi, theta):
        def loss(psi):
            return discriminator_loss(gan, psi, theta, state, examples, keys)[0]

        return descend(loss, psi)

    def ahead(theta):
        seen = d_move(d_move(psi, theta), theta)
        return generator_loss(gan, theta, seen, state, examples, keys)[0]

    @jax.jit
    def by_hand(psi, theta):
        return descend(ahead, theta), d_move(psi, theta), ahead(theta)

    after, metrics = stepped(gan, state, batch)
    found = after.generator.params, after.discriminator.params, metrics["g_loss"]
    chex.assert_trees_all_close(found, by_hand(psi, theta), rtol=1e-9)


class PartlyDead(nn.Module):
    """A critic with a unit that is never on and a parameter that nothing reads."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        self.param("unread", nn.initializers.ones, (3,))
        dead = nn.Dense(2, bias_init=nn.initializers.constant(-1e3))(x)
        return nn.Dense(1)(jnp.concatenate([nn.relu(dead), jnp.tanh(x)], 1))[:, 0]


@pytest.mark.parametrize(
    "name",
    [
        "adam",
        pytest.param("optimistic_adam", marks=pytest.mark.slow),
        pytest.param("momentum", marks=pytest.mark.slow),
    ],
)
def test_unrolled_is_finite_where_a_gradient_of_d_is_zero(name):
    gan = game(
        partial(unrolled, k=3),
        discriminator=PartlyDead(),
        penalties=(),
        d_optimizer=OPTIMIZERS[name](RATE),
    )
    state = init_state(gan, jax.random.key(0))
    after, metrics = stepped(gan, state, points())
    assert metrics["finite"] and metrics["g_grad_norm"] > 0
    for leaf in jax.tree.leaves((after.generator, after.discriminator)):
        assert np.isfinite(leaf).all()


# What players that move from one point share. Both have L layers, and D one logit.

L = 2
FORWARD, TO_PARAMS, D_TO_PARAMS, D_TO_INPUT = L, 2 * L - 1, 2 * L - 2, L - 1
"""Matrix products of a pass and its derivatives: L of kernels, L - 1 of inputs but the
first, or L with it; that from the one logit back is no matrix product."""
D_MOVE = FORWARD + 2 * (FORWARD + D_TO_PARAMS)
G_MOVE = FORWARD + FORWARD + D_TO_INPUT + TO_PARAMS


def matrix_products(gan, d_steps):
    """Of a step, compiled as the body of a loop."""
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    batches = jax.tree.map(lambda x: jnp.stack([x, x]), points(d_steps))
    program = jax.jit(partial(train_steps, gan)).lower(state, batches).compile()
    return len(re.findall(r"= \S+ dot\(", program.as_text()))


@pytest.mark.parametrize(
    ("rule", "d_steps", "slots", "shared"),
    [
        ("alternating", 1, {}, 0),
        ("simultaneous", 1, {}, 2 * FORWARD),  # G's pass, D's on the fakes
        ("simultaneous", 3, {"loss": LOSSES["relativistic"]}, 2 * FORWARD),
        ("simultaneous", 1, {"microbatches": 2}, 2 * FORWARD),
        ("extragradient", 1, {}, 2 * 2 * FORWARD),  # at both points
    ],
)
def test_players_at_the_same_point_share_their_passes(rule, d_steps, slots, shared):
    """D's moves alone, before a joint one, are at other points. A relativistic G's pass
    on the reals is D's in any case."""
    gan = game(DYNAMICS[rule], penalties=(), **slots)
    joint = DYNAMICS[rule].updates
    apart = (d_steps - 1 + joint) * D_MOVE + joint * G_MOVE
    assert matrix_products(gan, d_steps) == apart - shared


def test_players_of_a_joint_move_meet_the_same_latents():
    """The mean logit on the fakes, a metric of D's, is G's loss but for the sign."""
    gan = game(DYNAMICS["simultaneous"], loss=LOSSES["wasserstein"])
    _, metrics = stepped(gan, init_state(gan, jax.random.key(0)), points())
    np.testing.assert_allclose(metrics["g_loss"], -metrics["fake_logits"], rtol=1e-6)


# Adam's forms, on the Dirac-GAN: L_D = s(0) + s(theta psi), L_G = -s(theta psi).

DIRAC = Config(
    batch_size=1,
    dataset=DatasetConfig("dirac"),
    model=ModelConfig("dirac", z_dim=1),
    loss=LossConfig("minimax"),
)


def dirac_gradient(w):
    sigmoid = 1 / (1 + np.exp(-w[0] * w[1]))
    return sigmoid * np.array([-w[1], w[0]])


def adam_by_hand(rates, b1, b2):
    """A function of a gradient to the next update, with Adam's memory inside."""
    memory = {"m": np.zeros(2), "v": np.zeros(2), "count": 0}

    def update(gradient):
        memory["count"] += 1
        memory["m"] = b1 * memory["m"] + (1 - b1) * gradient
        memory["v"] = b2 * memory["v"] + (1 - b2) * gradient**2
        m = memory["m"] / (1 - b1 ** memory["count"])
        v = memory["v"] / (1 - b2 ** memory["count"])
        return -np.array(rates) * m / (np.sqrt(v) + 1e-8)

    return update


def test_dirac_gan_under_extra_adam_equals_numpy(float64):
    """Both half-steps advance the moments; the second starts from the step's start.
    Metrics are of the point half-way."""
    rates = 0.05, 0.02
    g_adam, d_adam = (OptimizerConfig("adam", rate, b1=0.5, b2=0.9) for rate in rates)
    gan = build(
        replace(
            DIRAC,
            dynamics=DynamicsConfig("extragradient"),
            g_optimizer=g_adam,
            d_optimizer=d_adam,
        )
    )
    state, update = init_state(gan, jax.random.key(0)), adam_by_hand(rates, 0.5, 0.9)
    w, step = np.asarray(flattened(state)), jax.jit(partial(train_step, gan))
    np.testing.assert_array_equal(w, [1, -1])
    for _ in range(10):
        ahead = w + update(dirac_gradient(w))
        w = w + update(dirac_gradient(ahead))
        state, metrics = step(state, Batch(jnp.zeros((1, 1, 1))))
        np.testing.assert_allclose(flattened(state), w, rtol=1e-9)
        half_way = -np.log1p(np.exp(np.prod(ahead)))
        np.testing.assert_allclose(metrics["g_loss"], half_way, rtol=1e-9)


def test_dirac_gan_under_optimistic_adam_equals_numpy(float64):
    rates = 0.05, 0.02
    g_adam, d_adam = (OptimizerConfig("adam", rate, b1=0.5, b2=0.9) for rate in rates)
    gan = build(
        replace(
            DIRAC,
            dynamics=DynamicsConfig("optimistic"),
            g_optimizer=g_adam,
            d_optimizer=d_adam,
        )
    )
    state, update = init_state(gan, jax.random.key(0)), adam_by_hand(rates, 0.5, 0.9)
    w, step = np.asarray(flattened(state)), jax.jit(partial(train_step, gan))
    previous = None
    for _ in range(10):
        now = update(dirac_gradient(w))
        w = w + 2 * now - (now if previous is None else previous)
        previous = now
        state, _ = step(state, Batch(jnp.zeros((1, 1, 1))))
        np.testing.assert_allclose(flattened(state), w, rtol=1e-9)


def test_optimistic_rule_with_adam_equals_optax_in_simultaneous_play():
    adam = OPTIMIZERS["adam"](RATE, b1=0.5, b2=0.9)
    theirs = optax.optimistic_adam_v2(RATE, b1=0.5, b2=0.9, nesterov=False)
    ours = game(
        DYNAMICS["optimistic"],
        g_optimizer=adam,
        d_optimizer=adam,
        memory=DYNAMICS["optimistic"].memory,
    )
    gan = game(DYNAMICS["simultaneous"], g_optimizer=theirs, d_optimizer=theirs)
    ends = []
    for each in (ours, gan):
        state = init_state(each, jax.random.key(0))
        for seed in range(8):
            state, _ = stepped(each, state, points(seed=seed))
        ends.append(flattened(state))
    np.testing.assert_allclose(*ends, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "base",
    slow_but("alternating", among=("alternating", "simultaneous", "extragradient")),
)
def test_lookahead_equals_a_loop_that_meets_every_fifth_step(base):
    """12 steps: slow and fast meet after the 5th and the 10th, by 0.3 of the way."""
    adam = OPTIMIZERS["adam"](RATE)
    players = {"g_optimizer": adam, "d_optimizer": adam}
    gan = game(
        partial(DYNAMICS["lookahead"], base=DYNAMICS[base], k=5, alpha=0.3),
        memory=DYNAMICS["lookahead"].memory,
        **players,
    )
    fast_gan = game(DYNAMICS[base], **players)
    state, fast = (init_state(each, jax.random.key(0)) for each in (gan, fast_gan))
    slow = fast.generator.params, fast.discriminator.params
    for index in range(12):
        state, fast = (
            stepped(each, now, points(seed=index))[0]
            for each, now in ((gan, state), (fast_gan, fast))
        )
        if index in (4, 9):
            now = fast.generator.params, fast.discriminator.params
            slow = jax.tree.map(lambda s, w: s + 0.3 * (w - s), slow, now)
            fast = replace(
                fast,
                generator=replace(fast.generator, params=slow[0]),
                discriminator=replace(fast.discriminator, params=slow[1]),
            )
        np.testing.assert_allclose(
            flattened(state), flattened(fast), rtol=1e-4, atol=1e-5
        )
    chex.assert_trees_all_close(tuple(state.aux["slow_params"]), slow, rtol=1e-4)


# What every rule does.

OPTIONS = {
    "consensus": {"gamma": 0.5},
    "competitive": {"k": 10, "eta": RATE},
    "unrolled": {"k": 2},
    "lookahead": {"base": DYNAMICS["alternating"], "k": 2},
}


@cache
def under(name, **slots):
    """A Gan without a penalty, which would double the time of compilation."""
    memory = DYNAMICS[name].memory
    rule = partial(DYNAMICS[name], **OPTIONS.get(name, {}))
    return game(rule, memory=memory, watch_layers=True, penalties=(), **slots)


@cache
def two_steps(name):
    """The states before and after each, and the metrics of the second."""
    gan = under(name)
    states = [init_state(gan, jax.random.key(0))]
    for seed in range(2):
        state, metrics = stepped(gan, states[-1], points(seed=seed))
        states.append(state)
    return states, metrics


@pytest.mark.parametrize("name", slow_but("consensus", among=JOINT))
def test_joint_rule_is_preceded_by_moves_of_d_alone(name):
    """Of 3 D steps the first two are plain descent, each on its own data."""
    gan = under(name, generator=Point())
    state, data = init_state(gan, jax.random.key(0)), points(d_steps=3)
    keys = example_keys(gan, state.key, BATCH)
    before = state
    for image in data.image[:2]:
        psi, theta = before.discriminator.params, before.generator.params
        gradient, _ = jax.grad(discriminator_loss, 1, has_aux=True)(
            gan, psi, theta, before, Batch(image), keys
        )
        psi = jax.tree.map(lambda w, g: w - RATE * g, psi, gradient)
        before = replace(
            before, discriminator=replace(before.discriminator, params=psi)
        )
    expected, _ = stepped(gan, before, Batch(data.image[2:]))
    after, _ = stepped(gan, state, data)
    np.testing.assert_allclose(
        flattened(after), flattened(expected), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    "name",
    slow_but("consensus", "lookahead", among=sorted(set(DYNAMICS) - {"unrolled"})),
)
def test_two_microbatches_move_as_the_whole_batch(name):
    states, metrics = two_steps(name)
    gan = under(name, microbatches=2)
    after, seen = stepped(gan, states[1], points(seed=1))
    np.testing.assert_allclose(
        flattened(after), flattened(states[2]), rtol=1e-4, atol=1e-6
    )
    chex.assert_trees_all_close(seen, metrics, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", slow_but("lookahead", among=DYNAMICS))
def test_each_seed_plays_as_alone(name):
    states, _ = two_steps(name)
    gan = under(name)
    together = init_states(gan, jax.vmap(jax.random.key)(jnp.arange(2)))
    step = seeds_step(gan)
    for seed in range(2):
        together, _ = step(together, points(seed=seed))
    first = member_state(together, 0)
    np.testing.assert_allclose(
        flattened(first), flattened(states[2]), rtol=1e-4, atol=1e-6
    )
    chex.assert_trees_all_close(first.aux, states[2].aux, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    slow_but("alternating", "consensus", "lookahead", among=DYNAMICS),
)
def test_norms_and_updates_of_layers_make_up_those_of_the_players(name):
    (_, before, after), metrics = two_steps(name)
    for player in ("generator", "discriminator"):
        old, new = (dict(layers(getattr(s, player).params)) for s in (before, after))
        norms = {path: metrics[f"{player[0]}_grad_norm/{path}"] for path in old}
        total = np.sqrt(sum(norm**2 for norm in norms.values()))
        np.testing.assert_allclose(total, metrics[f"{player[0]}_grad_norm"], rtol=1e-5)
        for path, w in old.items():
            ratio = np.linalg.norm(new[path] - w) / max(np.linalg.norm(w), 1e-12)
            seen = metrics[f"{player[0]}_update/{path}"]
            np.testing.assert_allclose(seen, ratio, rtol=1e-4)


def test_norms_of_layers_are_those_of_their_gradients():
    (_, before, _), metrics = two_steps("consensus")
    _, g, _, _ = dense(under("consensus"), before, points(seed=1))
    nets = before.generator.params, before.discriminator.params
    g_gradient, d_gradient = ravel_pytree(nets)[1](jnp.asarray(g))
    for player, gradient in (("g", g_gradient), ("d", d_gradient)):
        for path, leaf in layers(gradient):
            np.testing.assert_allclose(
                metrics[f"{player}_grad_norm/{path}"], np.linalg.norm(leaf), rtol=1e-4
            )


def test_layers_are_watched_when_the_config_asks():
    base = Config(dataset=DatasetConfig("ring"), model=ModelConfig("mlp", width=4))
    for watched in (False, True):
        gan = build(replace(base, log=replace(base.log, layers=watched)))
        state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
        batch = Batch(jnp.zeros((1, BATCH, 2)))
        _, metrics = jax.eval_shape(partial(train_step, gan), state, batch)
        assert ("g_update/Dense_0/kernel" in metrics) == watched
        assert ("d_grad_norm/Dense_0/kernel" in metrics) == watched


@pytest.mark.parametrize("d_steps", [1, 3])
def test_learning_rate_of_extragradient_is_zero_at_the_end_of_the_run(d_steps):
    """A wasserstein point of slope psi = -1: each step moves it by the present rate."""
    steps, rate = 4, OptimizerConfig("sgd", RATE, schedule="linear")
    config = replace(
        DIRAC,
        steps=steps,
        d_steps=d_steps,
        loss=LossConfig("wasserstein"),
        dynamics=DynamicsConfig("extragradient"),
        g_optimizer=rate,
        d_optimizer=rate,
        ema=EmaConfig(decay=0.0),
    )
    gan = build(config)
    state, step = init_state(gan, jax.random.key(0)), jax.jit(partial(train_step, gan))
    # D does not move: psi stays -1, and G's gradient 1.
    still = jnp.zeros(())
    state = replace(state, scales=state.scales | {"d_lr": still})
    path = [float(flattened(state)[0])]
    for _ in range(steps + 1):
        state, _ = step(state, Batch(jnp.zeros((d_steps, 1, 1))))
        path.append(float(flattened(state)[0]))
    # The second of a step's two updates: at (t + 1/2) of the steps.
    expected = [RATE * (1 - (t + 0.5) / steps) for t in range(steps)] + [0]
    np.testing.assert_allclose(np.abs(np.diff(path)), expected, atol=1e-6)
    counts = {
        player: [
            int(x)
            for x in jax.tree.leaves(getattr(state, player).opt_state)
            if jnp.issubdtype(x.dtype, jnp.integer)
        ]
        for player in ("generator", "discriminator")
    }
    total = steps + 1
    assert counts["generator"] == [2 * total]
    assert counts["discriminator"] == [(d_steps + 1) * total]
