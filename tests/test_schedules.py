"""Targets, shares and strengths that go from a start to an end over a run."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.config import AugmentConfig, Config, DatasetConfig, LossConfig, ModelConfig
from gan_jax.gan import init_state
from gan_jax.step import train_step
from gan_jax.types import Batch

RING = Config(
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=4, z_dim=2),
)


def points():
    image = np.random.default_rng(0).normal(size=(1, RING.batch_size, 2))
    return Batch(jnp.asarray(image, float))


SCHEDULED = {
    "real_target": (
        {"loss": LossConfig(real_target=0.9, real_target_end=1.0)},
        lambda gan: gan.loss.discriminator.values["real_target"],
        (0.9, 0.95, 1.0),
    ),
    "top_k": (
        {"loss": LossConfig(top_k=0.5)},
        lambda gan: gan.loss.generator.values["share"],
        (1.0, 0.75, 0.5),
    ),
    "top_k_at_once": (
        {"loss": LossConfig(top_k=0.5, schedule="constant")},
        lambda gan: gan.loss.generator.values["share"],
        (0.5, 0.5, 0.5),
    ),
    "strength": (
        {"augment": AugmentConfig("instance_noise", strength=0.4, strength_end=0.0)},
        lambda gan: gan.augment.values["strength"],
        (0.4, 0.2, 0.0),
    ),
    "strength_of_its_own_start": (
        {"augment": AugmentConfig("instance_noise", strength_end=0.5)},
        lambda gan: gan.augment.values["strength"],
        (0.1, 0.3, 0.5),
    ),
    "cosine": (
        {
            "augment": AugmentConfig(
                "instance_noise", strength=1.0, strength_end=0.0, schedule="cosine"
            )
        },
        lambda gan: gan.augment.values["strength"],
        (1.0, 0.5, 0.0),
    ),
}


@pytest.mark.parametrize("name", SCHEDULED)
def test_schedule_goes_from_start_to_end_over_the_run(name):
    change, value, expected = SCHEDULED[name]
    gan = build(replace(RING, steps=100, **change))
    state = init_state(gan, jax.random.key(0))
    steps = (replace(state, step=jnp.int32(step)) for step in (0, 50, 100))
    found = [float(value(gan)(state)) for state in steps]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_target_of_a_loss_that_has_none_is_not_scheduled():
    gan = build(replace(RING, loss=LossConfig("hinge", real_target_end=0.8)))
    _, metrics = jax.eval_shape(
        partial(train_step, gan), init_state(gan, jax.random.key(0)), points()
    )
    assert metrics["d_loss"].shape == ()


def test_scheduled_noise_is_what_d_sees():
    """Without noise at the end of the run: D's logits are then those of plain reals."""
    augment = AugmentConfig("instance_noise", strength=5.0, strength_end=0.0)
    noisy, plain = build(replace(RING, steps=4, augment=augment)), build(RING)
    state = init_state(noisy, jax.random.key(0))
    seen = {}
    for step in (0, 4):
        now = replace(state, step=jnp.int32(step))
        seen[step] = [
            float(jax.jit(partial(train_step, gan))(now, points())[1]["real_logits"])
            for gan in (noisy, plain)
        ]
    assert abs(seen[0][0] - seen[0][1]) > 1e-2
    np.testing.assert_allclose(*seen[4], rtol=1e-5)
