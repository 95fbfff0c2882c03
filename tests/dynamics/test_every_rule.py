"""What holds for every rule of play."""

from dataclasses import replace
from functools import cache, partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from curved_games import (
    BATCH,
    DIRAC,
    JOINT,
    RATE,
    Point,
    dense,
    flattened,
    game,
    points,
    slow_but,
    stepped,
)
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
from gan_jax.gan import init_state, named_arrays
from gan_jax.objectives import discriminator_loss, draw, example_keys
from gan_jax.parallel.ensemble import init_states, member_state
from gan_jax.parallel.placements import seeds_step
from gan_jax.step import train_step
from gan_jax.types import Batch

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
    draws = draw(gan, example_keys(gan, state.key, BATCH))
    before = state
    for image in data.image[:2]:
        psi, theta = before.discriminator.params, before.generator.params
        gradient, _ = jax.grad(discriminator_loss, 1, has_aux=True)(
            gan, psi, theta, before, Batch(image), draws
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
        old, new = (
            dict(named_arrays(getattr(s, player).params)) for s in (before, after)
        )
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
        for path, leaf in named_arrays(gradient):
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
