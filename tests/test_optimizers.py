"""Optimizers against PyTorch and a written-out reference, chains, schedules."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.config import OptimizerConfig
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES, chain, learning_rate

STEPS = 10
RATE = 0.05
AGAINST_TORCH = [
    ("sgd", {}, "SGD", {}),
    ("momentum", {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    ("momentum", {"momentum": 0.3}, "SGD", {"momentum": 0.3}),
    ("adam", {}, "Adam", {"betas": (0.5, 0.999), "eps": 1e-8}),
    (
        "adam",
        {"b1": 0.0, "b2": 0.9, "eps": 1e-3},
        "Adam",
        {"betas": (0.0, 0.9), "eps": 1e-3},
    ),
    ("rmsprop", {}, "RMSprop", {"alpha": 0.99, "eps": 1e-8}),
    ("rmsprop", {"b2": 0.9, "eps": 1e-3}, "RMSprop", {"alpha": 0.9, "eps": 1e-3}),
]


def problem():
    """Logistic regression: first weights, examples and labels in {-1, 1}.

    From 0, so that the weights are the sum of the steps and nothing else.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3)).astype(np.float32)
    return np.zeros(3, np.float32), x, np.sign(x[:, 0] + 0.3).astype(np.float32)


def gradient(w, x, y):
    """Of `mean log(1 + exp(-y x.w)) + |w|^2 / 20`, in closed form."""
    return -(x * (y / (1 + np.exp(y * (x @ w))))[:, None]).mean(axis=0) + w / 10


def path(optimizer, gradient_at, w):
    """The weights after each step."""
    params = jnp.asarray(w)
    state, weights = optimizer.init(params), []
    update = jax.jit(optimizer.update)
    for _ in range(STEPS):
        updates, state = update(jnp.asarray(gradient_at(params)), state, params)
        params = optax.apply_updates(params, updates)
        weights.append(np.asarray(params))
    return np.stack(weights)


def assert_close(actual, expected):
    """Relative to the largest entry."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


def constant(rate):
    return lambda count: rate


@pytest.mark.oracle("torch")
@pytest.mark.parametrize(("name", "options", "theirs", "their_options"), AGAINST_TORCH)
def test_optimizer_follows_pytorch(name, options, theirs, their_options):
    import torch

    w, x, y = problem()
    ours = path(
        OPTIMIZERS[name](constant(RATE), **options),
        lambda w: gradient(np.asarray(w), x, y),
        w,
    )
    weights = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    x, y = torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    optimizer = getattr(torch.optim, theirs)([weights], lr=RATE, **their_options)
    for ours_now in ours:
        optimizer.zero_grad()
        loss = torch.nn.functional.softplus(-y * (x @ weights)).mean()
        (loss + weights.square().sum() / 20).backward()
        optimizer.step()
        assert_close(ours_now, weights.detach().numpy())


def test_optimistic_adam_follows_its_written_out_recursion():
    b1, b2, eps = 0.5, 0.9, 1e-3
    w, x, y = problem()
    ours = path(
        OPTIMIZERS["optimistic_adam"](constant(RATE), b1=b1, b2=b2, eps=eps),
        lambda w: gradient(np.asarray(w), x, y),
        w,
    )
    w = w.astype(np.float64)
    m, v, previous = np.zeros(3), np.zeros(3), None
    for t, ours_now in enumerate(ours, start=1):
        g = gradient(w, x, y)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        direction = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
        previous = direction if previous is None else previous
        w = w - 2 * RATE * direction + RATE * previous
        previous = direction
        assert_close(ours_now, w)


def test_every_optimizer_is_tested():
    assert {case[0] for case in AGAINST_TORCH} | {"optimistic_adam"} == set(OPTIMIZERS)


def one_update(config, grads, *, rate=1.0, params=None, scale=1.0, name="sgd"):
    """The updates of one step of a chain on `params` (0)."""
    params = jax.tree.map(jnp.zeros_like, grads) if params is None else params
    optimizer = chain(config, OPTIMIZERS[name](constant(rate)))
    updates, _ = optimizer.update(grads, optimizer.init(params), params, scale=scale)
    return updates


def test_chain_clips_entries_then_the_global_norm():
    grads = {"a": jnp.asarray([3.0]), "b": jnp.asarray([-4.0])}
    both = OptimizerConfig(clip_value=1.0, clip_norm=1.0)
    # Entries first gives -+1 / sqrt 2; the norm first would give -0.6 and 0.8.
    updates = one_update(both, grads)
    np.testing.assert_allclose(updates["a"], [-1 / math.sqrt(2)], rtol=1e-5)
    np.testing.assert_allclose(updates["b"], [1 / math.sqrt(2)], rtol=1e-5)
    updates = one_update(OptimizerConfig(clip_norm=1.0), grads)
    np.testing.assert_allclose(updates["a"], [-0.6], rtol=1e-5)
    np.testing.assert_allclose(updates["b"], [0.8], rtol=1e-5)


def test_chain_clips_the_gradient_and_not_the_step():
    grads = {"a": jnp.asarray([3.0, -0.5])}
    config = OptimizerConfig(clip_value=1.0)
    updates = one_update(config, grads, rate=10.0)
    np.testing.assert_allclose(updates["a"], [-10.0, 5.0], rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scale_multiplies_the_step_of_every_optimizer(name):
    grads = {"a": jnp.asarray([3.0, -0.5])}
    step = partial(one_update, OptimizerConfig(clip_norm=1.0), grads, name=name)
    whole, half = step(), step(scale=jnp.float32(0.5))
    np.testing.assert_allclose(half["a"], whole["a"] / 2, rtol=1e-6)


def test_scale_is_traced_so_that_a_grid_is_one_vmap():
    grads = {"a": jnp.asarray([2.0])}
    grid = jnp.asarray([0.0, 1.0, 3.0])
    updates = jax.vmap(lambda s: one_update(OptimizerConfig(), grads, scale=s))(grid)
    np.testing.assert_allclose(updates["a"], [[0], [-2], [-6]])


def assert_within(bound, *leaves):
    for leaf in leaves:
        assert np.abs(leaf).max() <= np.float32(bound)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_stay_within_clip_params_whatever_the_step(name):
    rng = np.random.default_rng(0)
    config = OptimizerConfig(clip_params=0.01)
    optimizer = chain(config, OPTIMIZERS[name](constant(0.1)))
    kernel = jnp.asarray(rng.uniform(-0.01, 0.01, (20, 20)), jnp.float32)
    params = {
        "dense": {"kernel": kernel},
        "norm": {"scale": jnp.ones(3), "bias": jnp.zeros(3)},
    }
    state = optimizer.init(params)
    for _ in range(4):
        grads = jax.tree.map(
            lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), params
        )
        updates, state = optimizer.update(grads, state, params, scale=50.0)
        params = optax.apply_updates(params, updates)
        assert_within(0.01, params["dense"]["kernel"], params["norm"]["bias"])
    assert np.abs(params["norm"]["scale"]).max() > 0.01


@pytest.mark.parametrize("deviation", [0.02, 0.2, 1.0])
def test_first_update_brings_initial_weights_within_clip_params(deviation):
    rng = np.random.default_rng(0)
    params = {"kernel": jnp.asarray(deviation * rng.normal(size=4000), jnp.float32)}
    grads = {"kernel": jnp.asarray(rng.normal(size=4000), jnp.float32)}
    config = OptimizerConfig(clip_params=0.01)
    updates = one_update(config, grads, params=params, rate=0.1, scale=50.0)
    assert_within(0.01, optax.apply_updates(params, updates)["kernel"])


def test_clip_params_leaves_weights_inside_the_bound_to_the_optimizer():
    params = {"kernel": jnp.asarray([0.005, 0.005, -0.5])}
    grads = {"kernel": jnp.asarray([1.0, -1.0, 0.0])}
    config = OptimizerConfig(clip_params=0.01)
    updates = one_update(config, grads, params=params, rate=0.001, scale=2.0)
    moved = optax.apply_updates(params, updates)
    np.testing.assert_allclose(moved["kernel"], [0.003, 0.007, -0.01], rtol=1e-5)
    updates = one_update(config, grads, params=params, rate=0.001, scale=50.0)
    moved = optax.apply_updates(params, updates)
    np.testing.assert_allclose(moved["kernel"], [-0.01, 0.01, -0.01], rtol=1e-5)


def test_clipped_weights_have_the_derivative_of_the_clip():
    """As unrolled play needs it: -rate within the bound, 0 at it."""
    params = {"kernel": jnp.asarray([0.005, 0.005, 0.0])}
    config = OptimizerConfig(clip_params=0.01)

    def moved(grads):
        grads = {"kernel": grads}
        updates = one_update(config, grads, params=params, rate=0.001, scale=2.0)
        return optax.apply_updates(params, updates)["kernel"]

    slopes = jax.jacobian(moved)(jnp.asarray([1.0, -30.0, 30.0]))
    np.testing.assert_allclose(slopes, np.diag([-0.002, 0, 0]), atol=1e-9)


# Of a run of 100 steps at peak 0.2: the step, and the rate there.
AT_STEP = {
    "constant": {0: 0.2, 40: 0.2, 100: 0.2, 150: 0.2},
    "linear": {0: 0.2, 40: 0.12, 75: 0.05, 100: 0.0, 150: 0.0},
    "cosine": {
        0: 0.2,
        25: 0.1 * (1 + math.sqrt(0.5)),
        50: 0.1,
        75: 0.1 * (1 - math.sqrt(0.5)),
        100: 0.0,
        150: 0.0,
    },
}


@pytest.mark.parametrize("updates_per_step", [1, 5])
@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rate_follows_its_schedule_in_steps(name, updates_per_step):
    config = OptimizerConfig(learning_rate=0.2, schedule=name)
    rate = learning_rate(config, 100, updates_per_step)
    for step, expected in AT_STEP[name].items():
        actual = rate(jnp.int32(step * updates_per_step))
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("updates_per_step", [1, 5])
def test_warmup_rises_linearly_and_multiplies_the_schedule(updates_per_step):
    config = OptimizerConfig(learning_rate=0.2, schedule="linear", warmup_steps=10)
    rate = learning_rate(config, 100, updates_per_step)
    expected = {
        0: 0.2 * 0.1,
        4: 0.2 * 0.96 * 0.5,
        9: 0.2 * 0.91,
        10: 0.2 * 0.9,
        50: 0.2 * 0.5,
    }
    for step, value in expected.items():
        actual = rate(jnp.int32(step * updates_per_step))
        np.testing.assert_allclose(actual, value, rtol=1e-5)


def test_learning_rate_moves_within_a_step_of_several_updates():
    config = OptimizerConfig(learning_rate=0.2, schedule="linear", warmup_steps=2)
    rate = learning_rate(config, 100, 5)
    # Update 3 is step 0.6: warm-up 1.6 / 2, schedule 1 - 0.006.
    np.testing.assert_allclose(rate(jnp.int32(3)), 0.2 * 0.994 * 0.8, rtol=1e-5)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_schedule_reaches_its_end(name):
    schedule = SCHEDULES[name](1.0, 0.1, 20)
    values = [schedule(jnp.int32(step)) for step in (0, 10, 20, 30)]
    np.testing.assert_allclose(values, [1.0, 0.55, 0.1, 0.1], rtol=1e-5)


def test_optimizer_takes_the_rate_of_its_own_update_count():
    config = OptimizerConfig(learning_rate=1.0, schedule="linear")
    optimizer = chain(config, OPTIMIZERS["sgd"](learning_rate(config, 4, 2)))
    params = grads = {"a": jnp.ones(1)}
    state, steps = optimizer.init(params), []
    for _ in range(5):
        updates, state = optimizer.update(grads, state, params)
        steps.append(float(updates["a"][0]))
    np.testing.assert_allclose(steps, [-1, -0.875, -0.75, -0.625, -0.5], rtol=1e-6)
