"""Rules of play against NumPy, Optax and hand-written loops."""

from dataclasses import replace
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from curved_games import DIRAC, RATE, flattened, game, points, slow_but, stepped

from gan_jax.assembly.assemble import build
from gan_jax.config import DynamicsConfig, OptimizerConfig
from gan_jax.dynamics import DYNAMICS
from gan_jax.gan import init_state
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.step import train_step
from gan_jax.types import Batch


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
