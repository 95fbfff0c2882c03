"""Penalties through the augmentation, against the chain rule with explicit matrices.

Every augmentation is affine in an image, `T(x) = M x + c`; M and c are found by
applying it to the unit images, so no derivative of ours is in the expected values.
"""

from dataclasses import replace
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.assembly.registry import options
from gan_jax.assembly.unused_fields import refuse_unused_fields, used_fields
from gan_jax.augment import AUGMENTS
from gan_jax.config import AugmentConfig, Config, PenaltyConfig
from gan_jax.config.serialization import from_json
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state
from gan_jax.losses import LOSSES
from gan_jax.methods import CATALOGUE
from gan_jax.objectives import discriminator_loss, draw, example_keys
from gan_jax.penalties import PENALTIES
from gan_jax.types import Batch

B, SHAPE = 6, (4, 4, 3)
SIZE = 48
AT_DATA = ("r1", "r2", "r1_r2", "roth")


class Bowl(nn.Module):
    """`D(x) = w . x + (v . x)^2 / 2`, so that `grad D = w + (v . x) v`."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        x = x.reshape(len(x), -1)
        w, v = (
            self.param(name, nn.initializers.normal(0.2), x.shape[1:]) for name in "wv"
        )
        return x @ w + (x @ v) ** 2 / 2


class Painter(nn.Module):
    """Images that depend on z."""

    @nn.compact
    def __call__(self, z, label=None, *, train):
        return nn.Dense(SIZE)(z).reshape(-1, *SHAPE)


def game(augment, penalty, through, pack=1):
    return Gan(
        generator=Painter(),
        discriminator=Bowl(),
        loss=LOSSES["non_saturating"],
        z_dim=3,
        data_shape=SHAPE,
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        dynamics=alternating,
        penalties=(
            Term(PENALTIES[penalty], lambda step: 1.0, through_augment=through),
        ),
        augment=augment,
        pack=pack,
    )


def measured(augment, penalty, through, pack=1):
    """The penalty of a batch, and what it was taken of: D, draws, raw images."""
    gan = game(augment, penalty, through, pack)
    state = init_state(gan, jax.random.key(0))
    images = np.random.default_rng(1).normal(size=(B, *SHAPE)).astype(np.float32)
    draws = draw(gan, example_keys(gan, jax.random.key(2), B))
    d, g = state.discriminator.params, state.generator.params
    batch = Batch(jnp.asarray(images))
    loss = jax.jit(partial(discriminator_loss, gan))
    _, (_, metrics) = loss(d, g, state, batch, draws)
    fakes = gan.generator.apply({"params": g}, draws.z, train=True)
    return float(metrics["d_penalty"]), d, draws, images, np.asarray(fakes)


def affine(augment, keys):
    """`M [B, n, n]` and `c [B, n]` of each example."""
    unit = np.eye(SIZE, dtype=np.float32).reshape(SIZE, *SHAPE)
    probes = np.concatenate([np.zeros((1, *SHAPE), np.float32), unit])
    seen = jax.jit(
        jax.vmap(lambda x: augment(jnp.broadcast_to(x, (len(keys), *SHAPE)), keys))
    )(probes)
    seen = np.asarray(seen, np.float64).reshape(SIZE + 1, len(keys), SIZE)
    return (seen[1:] - seen[0]).transpose(1, 2, 0), seen[0]


def chain_rule(d, images, augment, keys, through):
    """`D(T(x))` and `|grad_x D(T(x))|^2`, or the gradient with respect to `T(x)`."""
    w, v = (np.asarray(d[name], np.float64) for name in "wv")
    matrices, shifts = affine(augment, keys)
    x = images.reshape(len(images), SIZE).astype(np.float64)
    seen = np.einsum("bij,bj->bi", matrices, x) + shifts
    gradient = w + (seen @ v)[:, None] * v
    logits = seen @ w + (seen @ v) ** 2 / 2
    if through:
        gradient = np.einsum("bij,bi->bj", matrices, gradient)
    return logits, (gradient**2).sum(axis=1)


def expected(penalty, d, draws, images, fakes, augment, through):
    """The penalty in NumPy; Roth's weights are one minus D's confidence."""
    a, real = chain_rule(d, images, augment, draws.real_keys, through)
    b, fake = chain_rule(d, fakes, augment, draws.fake_keys, through)
    confidence = 1 / (1 + np.exp(a)), 1 / (1 + np.exp(-b))
    return {
        "r1": real,
        "r2": fake,
        "r1_r2": real + fake,
        "roth": confidence[0] ** 2 * real + confidence[1] ** 2 * fake,
    }[penalty].mean() / 2


def mixed(images, keys):
    """Each image's pixels by a random matrix of its own, and a shift."""

    def change(image, key):
        matrix, shift = jax.random.normal(key, (SIZE, SIZE)), jax.random.uniform(key)
        return (matrix @ image.ravel() / 4 + shift).reshape(SHAPE)

    return jax.vmap(change)(images, keys)


@pytest.mark.parametrize("through", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("penalty", AT_DATA)
def test_penalty_is_that_of_the_chain_rule(penalty, through):
    value, *game = measured(mixed, penalty, through)
    wanted = expected(penalty, *game, mixed, through)
    np.testing.assert_allclose(value, wanted, rtol=1e-4)
    other = expected(penalty, *game, mixed, not through)
    assert abs(other / wanted - 1) > 0.5


BGC = partial(AUGMENTS["bgc"], strength=0.6)


@pytest.mark.parametrize(
    "augment",
    [
        AUGMENTS["flip"],
        AUGMENTS["diff_augment"],
        pytest.param(AUGMENTS["instance_noise"], marks=pytest.mark.slow),
        pytest.param(AUGMENTS["shift_flip"], marks=pytest.mark.slow),
        pytest.param(BGC, marks=pytest.mark.slow),
    ],
    ids=["flip", "diff_augment", "instance_noise", "shift_flip", "bgc"],
)
def test_r1_through_an_augmentation_is_that_of_the_chain_rule(augment):
    value, *game = measured(augment, "r1", True)
    wanted = expected("r1", *game, augment, True)
    np.testing.assert_allclose(value, wanted, rtol=1e-4)


def test_a_pack_has_the_sum_over_its_images():
    """D's w belongs to the pack: its entries stand beside each other as channels."""
    value, d, draws, images, _ = measured(mixed, "r1", True, pack=2)
    w, v = (np.asarray(d[name], np.float64) for name in "wv")
    halves = [x.reshape(4, 4, 2, 3).swapaxes(0, 2).swapaxes(1, 2) for x in (w, v)]
    w, v = (x.reshape(2, SIZE) for x in halves)
    matrices, shifts = affine(mixed, draws.real_keys)
    x = images.reshape(B, SIZE).astype(np.float64)
    seen = (np.einsum("bij,bj->bi", matrices, x) + shifts).reshape(B // 2, 2, SIZE)
    slope = np.einsum("bpi,pi->b", seen, v)
    gradient = (w + slope[:, None, None] * v).reshape(B, SIZE)
    pulled = np.einsum("bij,bi->bj", matrices, gradient)
    np.testing.assert_allclose(value, (pulled**2).sum() / (B // 2) / 2, rtol=1e-4)


def doubled(images, keys, *, strength):
    """Twice the image with probability `strength`."""
    chosen = jax.vmap(lambda key: jax.random.bernoulli(key, strength))(keys)
    return jnp.where(chosen[:, None, None, None], 2.0, 1.0) * images


def test_expected_penalty_follows_the_probability():
    """Doubled images have four times the squared gradient: `(1 + 3 p) |w|^2 / 2`."""
    count, p = 4000, 0.6
    gan = game(partial(doubled, strength=p), "r1", True)
    state = init_state(gan, jax.random.key(0))
    w = state.discriminator.params["w"]
    d, g = {"w": w, "v": jnp.zeros_like(w)}, state.generator.params
    draws = draw(gan, example_keys(gan, jax.random.key(1), count))
    batch = Batch(jnp.ones((count, *SHAPE)))
    _, (_, metrics) = discriminator_loss(gan, d, g, state, batch, draws)
    share = float(metrics["d_penalty"]) / float(jnp.sum(w**2) / 2)
    # Five deviations of the mean of 1 or 4.
    assert abs(share - (1 + 3 * p)) < 5 * 3 * np.sqrt(p * (1 - p) / count)
    # The logged norm is that of the same gradients: |w| or 2 |w|.
    norm = float(metrics["critic_grad_norm"]) / float(jnp.linalg.norm(w))
    np.testing.assert_allclose(norm, 1 + (share - 1) / 3, rtol=1e-4)


R1 = replace(
    Config(batch_size=8),
    penalty=PenaltyConfig("r1"),
    augment=AugmentConfig("bgc", strength=0.6),
)


def through(config):
    return build(config).penalties[0].through_augment


def test_acting_through_the_augmentation_is_the_default_and_can_be_left():
    assert through(R1)
    assert not through(replace(R1, penalty=PenaltyConfig("r1", through_augment=False)))
    assert not through(replace(R1, augment=AugmentConfig("none")))
    assert not through(replace(R1, penalty=PenaltyConfig("wgan_gp")))


def test_a_config_of_a_run_before_the_choice_has_the_default():
    text = '{"penalty": {"name": "r1", "weight": 1.0}, "augment": {"name": "bgc"}}'
    assert from_json(text).penalty.through_augment


def test_which_penalties_read_it():
    """Those at reals and fakes; not between them, and not finite differences."""
    assert {n for n, p in PENALTIES.items() if "pullbacks" in options(p)} == {*AT_DATA}
    for name in set(PENALTIES) - {"none"}:
        config = replace(R1, penalty=PenaltyConfig(name))
        read = "penalty.through_augment" in used_fields(config)
        assert read == (name in AT_DATA), name


@pytest.mark.parametrize(
    "base, cause",
    [
        (replace(R1, augment=AugmentConfig("none")), "augment.name 'none'"),
        (replace(R1, penalty=PenaltyConfig("wgan_gp")), "penalty.name 'wgan_gp'"),
        (replace(R1, penalty=PenaltyConfig("none")), "penalty.name 'none'"),
    ],
)
def test_it_is_refused_where_nothing_reads_it(base, cause):
    config = replace(base, penalty=replace(base.penalty, through_augment=False))
    message = f"penalty.through_augment False has no effect with {cause}"
    with pytest.raises(ValueError, match=message):
        refuse_unused_fields(base, config)


def test_methods_with_both_say_how_the_penalty_acts():
    for name, (about, config) in CATALOGUE.items():
        if "penalty.through_augment" in used_fields(config):
            assert config.penalty.through_augment, name
            assert "through the augmentation" in about, name
    assert "penalty.through_augment" in used_fields(CATALOGUE["ada"].config)
