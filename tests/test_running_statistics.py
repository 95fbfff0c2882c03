"""What follows the run: running statistics, memory, best fakes, packs."""

from dataclasses import replace
from functools import partial

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
    GeneratorPenaltyConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.dynamics import alternating
from gan_jax.gan import (
    Gan,
    Memory,
    StateDependent,
    Term,
    init_state,
    pack_examples,
    resolve,
)
from gan_jax.logs.sample_plots import make_critic
from gan_jax.losses import LOSSES, top_k
from gan_jax.objectives import draw, example_keys, generator_loss
from gan_jax.parallel.ensemble import init_states
from gan_jax.parallel.placements import seeds_step
from gan_jax.penalties import PENALTIES
from gan_jax.running_statistics import RUNNING
from gan_jax.step import train_step
from gan_jax.types import Batch

BATCH, RATE, STEPS = 8, 0.1, 10
SGD = OptimizerConfig("sgd", learning_rate=RATE)
DIRAC = Config(
    batch_size=BATCH,
    dataset=DatasetConfig("dirac"),
    model=ModelConfig("dirac", z_dim=1),
    g_optimizer=SGD,
    d_optimizer=SGD,
)
RING = replace(
    DIRAC,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=4, z_dim=2),
)


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def numbers(steps=STEPS, shift=0.0):
    """Real numbers for the Dirac pair: `[steps, 1, B, 1]`."""
    random = np.random.default_rng(0)
    return shift + random.normal(size=(steps, 1, BATCH, 1))


def points(seed=0, count=BATCH):
    image = np.random.default_rng(seed).normal(size=(1, count, 2))
    return Batch(jnp.asarray(image, float))


def played(gan, images):
    """`(state, metrics)` after each step, the first state before them."""
    state, step = init_state(gan, jax.random.key(0)), jax.jit(partial(train_step, gan))
    history = [(state, {})]
    for image in images:
        history.append(step(history[-1][0], Batch(jnp.asarray(image))))
    return history


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def softplus(t):
    return np.log1p(np.exp(t))


def slopes_of_d(theta, psi, real):
    """Of the non-saturating game, D(x) = psi x, G = theta: the loss and its slope."""
    loss = softplus(-psi * real).mean() + softplus(psi * theta)
    slope = (-sigmoid(-psi * real) * real).mean() + sigmoid(psi * theta) * theta
    return loss, slope


def test_lecam_run_equals_numpy(float64):
    """The step uses the averages of before it, whose decay is 0.8."""
    weight, decay, images = 0.3, 0.8, numbers(shift=-1.0)
    gan = build(
        replace(DIRAC, penalty=PenaltyConfig("lecam", weight=weight, decay=decay))
    )
    history = played(gan, images)
    theta, psi, on_real, on_fake = 1.0, -1.0, 0.0, 0.0
    assert history[0][0].aux == {"real_logit_average": 0, "fake_logit_average": 0}
    for image, (state, metrics) in zip(images, history[1:], strict=True):
        x = image.ravel()
        loss, slope = slopes_of_d(theta, psi, x)
        over = np.maximum(psi * x - on_fake, 0)
        under = max(on_real - psi * theta, 0)
        penalty = weight * (np.mean(over**2) + under**2)
        slope += weight * (2 * np.mean(over * x) - 2 * under * theta)
        on_real = decay * on_real + (1 - decay) * np.mean(psi * x)
        on_fake = decay * on_fake + (1 - decay) * psi * theta
        psi = psi - RATE * slope
        g_loss = softplus(-psi * theta)
        theta = theta + RATE * sigmoid(-psi * theta) * psi
        expected = {
            "d_loss": loss,
            "d_penalty": penalty,
            "g_loss": g_loss,
            "real_logit_average": on_real,
            "fake_logit_average": on_fake,
        }
        for name, value in expected.items():
            np.testing.assert_allclose(metrics[name], value, rtol=1e-9, err_msg=name)
        assert state.aux["real_logit_average"] == metrics["real_logit_average"]
        np.testing.assert_allclose(state.generator.params["theta"], [theta], rtol=1e-9)
        np.testing.assert_allclose(state.discriminator.params["psi"], [psi], rtol=1e-9)
    assert on_real > 0 > on_fake  # Both terms have been at work.


def shifted(images, keys, *, strength=0.1):
    """An augmentation that shows its strength."""
    return images + strength


def test_adaptive_run_equals_numpy(float64):
    """p goes by 8 / 80 towards D's sign; the step is augmented by p of before it."""
    most, images = 0.7, numbers(shift=-0.7)
    config = replace(
        DIRAC,
        augment=AugmentConfig(
            "instance_noise",
            strength=most,
            schedule="adaptive",
            target=0.3,
            adapt_kimg=0.08,
        ),
    )
    gan = build(config)
    gan = replace(gan, augment=StateDependent(shifted, gan.augment.values))
    theta, psi, p, path = 1.0, -1.0, 0.0, []
    for image, (state, metrics) in zip(images, played(gan, images)[1:], strict=True):
        x, fake = image.ravel() + most * p, theta + most * p
        loss, slope = slopes_of_d(fake, psi, x)
        confidence = 2 * np.mean(psi * x > 0) - 1
        np.testing.assert_allclose(
            2 * metrics["real_accuracy"] - 1, confidence, atol=1e-6
        )
        np.testing.assert_allclose(metrics["real_logits"], np.mean(psi * x), rtol=1e-6)
        np.testing.assert_allclose(metrics["d_loss"], loss, rtol=1e-6)
        psi = psi - RATE * slope
        np.testing.assert_allclose(metrics["g_loss"], softplus(-psi * fake), rtol=1e-6)
        theta = theta + RATE * sigmoid(-psi * fake) * psi
        p = min(max(p + np.sign(confidence - 0.3) * BATCH / 80, 0), 1)
        path.append(p)
        np.testing.assert_allclose(state.aux["adaptive_strength"], p, atol=1e-6)
        np.testing.assert_allclose(metrics["adaptive_strength"], p, atol=1e-6)
    assert {-1, 1} <= set(np.sign(np.diff(path)))  # It went both ways.


@pytest.mark.parametrize("accuracy, start, end", [(1.0, 0.95, 1.0), (0.0, 0.05, 0.0)])
def test_adaptive_strength_stays_a_probability(accuracy, start, end):
    metrics = {"real_accuracy": jnp.float32(accuracy)}
    p = RUNNING["adaptive_strength"](
        jnp.float32(start), metrics, adapt_kimg=0.1, batch_size=10
    )
    assert p == end


def test_adaptive_strength_counts_the_reals_of_all_steps_of_d():
    """3 steps of D on 8 reals each: 24 of the 240 that make up 1."""
    augment = AugmentConfig("instance_noise", schedule="adaptive", adapt_kimg=0.24)
    gan = build(replace(DIRAC, d_steps=3, augment=augment))
    (memory,) = gan.memory
    p = memory.renew(jnp.float32(0.5), {"real_accuracy": jnp.float32(1.0)})
    np.testing.assert_allclose(p, 0.6, rtol=1e-6)


@pytest.mark.slow
def test_running_statistics_of_each_seed_are_those_of_it_alone():
    config = replace(
        RING,
        penalty=PenaltyConfig("lecam"),
        augment=AugmentConfig(
            "instance_noise", schedule="adaptive", target=-0.9, adapt_kimg=0.08
        ),
        generator_penalty=GeneratorPenaltyConfig("path_length"),
    )
    gan, keys = build(config), jax.vmap(jax.random.key)(jnp.arange(2))
    images = [points(seed).image for seed in range(3)]
    states, step = init_states(gan, keys), seeds_step(gan)
    for image in images:
        states, _ = step(states, Batch(jnp.stack([image, image + 1])))
    alone = played(gan, images)[-1][0]
    assert set(alone.aux) == {
        "real_logit_average",
        "fake_logit_average",
        "adaptive_strength",
        "path_length_average",
    }
    for name, value in alone.aux.items():
        first = states.aux[name][0]
        assert value != 0, name
        np.testing.assert_allclose(first, value, rtol=1e-4, err_msg=name)


def test_lazy_path_length_keeps_its_average_between():
    """Every 4 steps: a' = 0.6 a + 0.4 of the length it took, and weight 4 x 2."""
    penalty = GeneratorPenaltyConfig("path_length", weight=2.0, every=4, decay=0.6)
    images = [points(seed).image for seed in range(6)]
    average = 0.0
    for index, (state, metrics) in enumerate(
        played(build(replace(RING, generator_penalty=penalty)), images)[1:]
    ):
        length = float(metrics["path_length"])
        assert (length > 0) == (index % 4 == 0) == (metrics["g_penalty"] > 0)
        if index % 4 == 0:
            average = 0.6 * average + 0.4 * length
        np.testing.assert_allclose(state.aux["path_length_average"], average, rtol=1e-6)


def test_path_length_is_measured_from_the_average_of_before():
    """`mean (l - a)^2 = (mean l - a)^2 + var l`: it is least at a = mean l."""
    penalty = GeneratorPenaltyConfig("path_length")
    gan = build(replace(RING, generator_penalty=penalty))
    state, step = init_state(gan, jax.random.key(0)), jax.jit(partial(train_step, gan))
    seen = []
    for average in (0.0, 1.5):
        aux = {"path_length_average": jnp.float32(average)}
        seen.append(step(replace(state, aux=aux), points())[1])
    first, second = seen
    length = float(first["path_length"])
    assert second["path_length"] == length
    np.testing.assert_allclose(
        first["g_penalty"] - second["g_penalty"],
        length**2 - (length - 1.5) ** 2,
        rtol=1e-4,
    )


# What is live.


def test_live_function_gets_its_values_of_the_state():
    gan = build(RING)
    state = replace(
        init_state(gan, jax.random.key(0)), step=jnp.int32(3), aux={"a": jnp.float32(5)}
    )

    def added(x, *, step=0, a=0, plain=1):
        return x + step + a + plain

    live = StateDependent(
        partial(added, plain=100),
        {"step": lambda state: state.step, "a": lambda state: state.aux["a"]},
    )
    assert resolve(live, state)(1000) == 1108
    assert resolve(added, state) is added


def test_gan_that_needs_no_memory_has_none():
    gan = build(RING)
    state = init_state(gan, jax.random.key(0))
    assert gan.memory == () and state.aux == {}
    after, metrics = jax.eval_shape(partial(train_step, gan), state, points())
    assert after.aux == {} and not set(metrics) & set(RUNNING)


def test_memory_starts_from_the_players_and_is_renewed_by_the_metrics():
    def grown(value, metrics):
        return value + metrics["real_logits"]

    memory = (
        Memory("sum", lambda generator, discriminator: jnp.zeros(()), grown),
        Memory("still", lambda generator, discriminator: generator.params["theta"]),
    )
    gan = replace(build(DIRAC), memory=memory)
    images = np.float32(numbers(3))
    history = played(gan, images)
    total = sum(metrics["real_logits"] for _, metrics in history[1:])
    np.testing.assert_allclose(history[-1][0].aux["sum"], total, rtol=1e-6)
    np.testing.assert_array_equal(history[-1][0].aux["still"], [1.0])


# The best fakes.


@pytest.mark.parametrize("share, count", [(1.0, 8), (0.5, 4), (0.3, 2), (0.01, 1)])
def test_top_k_is_the_mean_over_the_highest_logits(share, count):
    real, fake = np.random.default_rng(0).normal(size=(2, 8))
    value = top_k(
        jnp.asarray(real),
        jnp.asarray(fake),
        generator=LOSSES["relativistic"].generator,
        share=share,
    )
    best = np.argsort(fake)[-count:]
    expected = softplus(real[best] - fake[best]).mean()
    np.testing.assert_allclose(value.mean(), expected, rtol=1e-5)
    assert set(np.flatnonzero(value)) == set(best)


def test_top_k_gives_the_others_no_gradient():
    fake = jnp.asarray(np.random.default_rng(0).normal(size=8), jnp.float32)

    def total(fake):
        loss = LOSSES["non_saturating"].generator
        return top_k(fake, fake, generator=loss, share=0.25).mean()

    slopes = np.asarray(jax.grad(total)(fake))
    best = np.argsort(fake)[-2:]
    np.testing.assert_allclose(slopes[best], -sigmoid(-fake[best]) / 2, rtol=1e-5)
    assert set(np.flatnonzero(slopes)) == set(best)


def test_top_k_of_shards_that_gather_is_that_of_the_whole():
    fake = jnp.asarray(np.random.default_rng(0).normal(size=8), jnp.float32)
    loss = partial(top_k, generator=LOSSES["non_saturating"].generator, share=0.4)
    for count in (2, 4):

        def shard(fake):
            gather = partial(jax.lax.all_gather, axis_name="shard", tiled=True)
            return loss(fake, fake, gather=gather)

        parts = jax.vmap(shard, axis_name="shard")(fake.reshape(count, -1))
        np.testing.assert_allclose(parts.ravel(), loss(fake, fake), rtol=1e-6)


# Packs.


def test_pack_is_neighbours_side_by_side_as_channels():
    images = jnp.arange(6 * 2 * 2 * 3).reshape(6, 2, 2, 3)
    packs = pack_examples(3, images)
    assert packs.shape == (2, 2, 2, 9)
    for index in range(2):
        three = [images[3 * index + i] for i in range(3)]
        np.testing.assert_array_equal(packs[index], np.concatenate(three, axis=-1))
    pairs = pack_examples(2, jnp.arange(8).reshape(4, 2))
    np.testing.assert_array_equal(pairs, [[0, 1, 2, 3], [4, 5, 6, 7]])
    assert pack_examples(1, images) is images


class Affine(nn.Module):
    """`G(z) = z W + b`."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        return nn.Dense(2)(z)


class Linear(nn.Module):
    """`D(x) = x . w`; hands on what it sees."""

    note: object = staticmethod(lambda x: None)

    @nn.compact
    def __call__(self, x, label=None, *, train):
        self.note(x)
        return nn.Dense(1, use_bias=False)(x)[:, 0]


def packing(discriminator, count, **slots):
    chosen = {
        "loss": LOSSES["non_saturating"],
        "z_dim": 3,
        "data_shape": (2,),
        "g_optimizer": optax.sgd(RATE),
        "d_optimizer": optax.sgd(RATE),
        "dynamics": alternating,
        "pack": count,
    }
    return Gan(Affine(), discriminator, **(chosen | slots))


def test_d_sees_packs_of_distinct_examples_in_order():
    seen = []
    gan = packing(Linear(seen.append), 4)
    state = init_state(gan, jax.random.key(0))
    seen.clear()
    batch = points()
    train_step(gan, state, batch)
    real, fake = map(np.asarray, seen[:2])
    np.testing.assert_array_equal(real, batch.image[0].reshape(2, 8))
    assert fake.shape == (2, 8) and len(np.unique(fake)) == 16


@pytest.mark.parametrize("name", ["r1", "r2", "wgan_gp", "ar1_ar2", "lecam", "bcr"])
def test_penalty_of_packs_is_that_of_d_s_own_input(name):
    """Given the packs as examples, an unpacked GAN has the same penalty."""
    penalty = PENALTIES[name]
    seen = []

    def noting(critic, real, fake, keys):
        seen.append((real, fake, keys))
        return penalty(critic, real, fake, keys)

    gan = packing(Linear(), 2, penalties=(Term(noting, lambda step: 3.0),))
    state, batch = init_state(gan, jax.random.key(0)), points()
    _, metrics = train_step(gan, state, batch)
    real, fake, keys = seen[0]
    assert real.shape == fake.shape == (BATCH // 2, 4) and keys.shape == (BATCH // 2,)
    w = state.discriminator.params["Dense_0"]["kernel"]
    alone = penalty(
        lambda x: (x @ w)[:, 0], pack_examples(2, batch.image[0]), fake, keys
    )
    np.testing.assert_allclose(metrics["d_penalty"], 3 * alone.mean(), rtol=1e-5)
    if name == "r1":
        np.testing.assert_allclose(
            metrics["d_penalty"], 1.5 * np.sum(np.square(w)), rtol=1e-5
        )


def test_every_fake_of_a_pack_teaches_g():
    """With a linear D and loss: dL_G/db = minus the sum of w's two parts."""
    gan = packing(Linear(), 2, loss=LOSSES["wasserstein"])
    state = init_state(gan, jax.random.key(0))
    draws = draw(gan, example_keys(gan, state.key, BATCH))
    gradient, _ = jax.grad(generator_loss, 1, has_aux=True)(
        gan,
        state.generator.params,
        state.discriminator.params,
        state,
        Batch(points().image[0]),
        draws,
    )
    w = state.discriminator.params["Dense_0"]["kernel"].reshape(2, 2)
    np.testing.assert_allclose(gradient["Dense_0"]["bias"], -w.sum(0), rtol=1e-5)


def test_pictured_critic_of_packs_judges_a_pack_of_copies():
    gan = packing(Linear(), 3)
    state = init_state(gan, jax.random.key(0))
    x = np.asarray(points().image[0])
    w = np.asarray(state.discriminator.params["Dense_0"]["kernel"]).reshape(3, 2)
    np.testing.assert_allclose(make_critic(gan, state)(x), x @ w.sum(0), rtol=1e-5)
