"""Fields that nothing reads are refused with the field that is the cause."""

import pytest
from config_changes import config_with, with_field

from gan_jax.assembly.unused_fields import refuse_unused_fields
from gan_jax.config import (
    Config,
    DatasetConfig,
    LossConfig,
    OptimizerConfig,
    PenaltyConfig,
)

BASE = Config()


RELU = with_field(BASE, "model.activation", "relu")


R1 = with_field(BASE, "penalty.name", "r1")


SGD = with_field(BASE, "d_optimizer.name", "sgd")


RING = with_field(BASE, "dataset.name", "ring")


LOOKAHEAD = config_with(dynamics__name="lookahead")


NOISE = config_with(augment__name="instance_noise")


ADAPTIVE = config_with(augment__name="bgc", augment__schedule="adaptive")


@pytest.mark.parametrize(
    "base, field, value",
    [
        (R1, "penalty.sigma", 0.1),
        (R1, "penalty.schedule", "linear"),
        (BASE, "penalty.weight", 3.0),
        (BASE, "generator_penalty.weight", 3.0),
        (RELU, "model.slope", 0.1),
        (BASE, "model.slope", 0.1),
        (BASE, "loss.alpha_d", 0.5),
        (SGD, "d_optimizer.b1", 0.1),
        (BASE, "d_optimizer.momentum", 0.1),
        (BASE, "augment.strength", 0.1),
        (BASE, "dataset.sigma", 0.1),
    ],
)
def test_setting_a_field_that_nothing_reads_is_refused(base, field, value):
    with pytest.raises(ValueError) as error:
        refuse_unused_fields(base, with_field(base, field, value))
    assert field in str(error.value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(
    "base, field, value, cause",
    [
        (BASE, "dynamics.gamma", 1.0, "dynamics.name 'alternating'"),
        (BASE, "dynamics.k", 3, "dynamics.name 'alternating'"),
        (LOOKAHEAD, "dynamics.gamma", 1.0, "dynamics.name 'lookahead'"),
        (config_with(dynamics__name="sga"), "g_first", True, "dynamics.name 'sga'"),
        (BASE, "loss.schedule", "cosine", "loss.real_target_end None"),
        (
            config_with(loss__schedule="constant"),
            "loss.real_target_end",
            1.0,
            "loss.schedule 'constant'",
        ),
        (
            config_with(loss__name="hinge"),
            "loss.real_target_end",
            1.0,
            "loss.name 'hinge'",
        ),
        (BASE, "augment.strength_end", 0.1, "augment.name 'none'"),
        (BASE, "augment.schedule", "cosine", "augment.name 'none'"),
        (BASE, "augment.target", 0.5, "augment.name 'none'"),
        (NOISE, "augment.schedule", "cosine", "augment.strength_end None"),
        (NOISE, "augment.target", 0.5, "augment.schedule 'linear'"),
        (NOISE, "augment.adapt_kimg", 5.0, "augment.schedule 'linear'"),
        (ADAPTIVE, "augment.strength_end", 0.1, "augment.schedule 'adaptive'"),
        (
            config_with(augment__name="diff_augment"),
            "augment.schedule",
            "adaptive",
            "augment.name 'diff_augment'",
        ),
        (R1, "penalty.decay", 0.5, "penalty.name 'r1'"),
        (R1, "penalty.transform", "flip", "penalty.name 'r1'"),
        (BASE, "penalty.schedule", "linear", "penalty.name 'none'"),
        (BASE, "generator_penalty.decay", 0.5, "generator_penalty.name 'none'"),
        (config_with(model__name="dcgan"), "model.d_width", 32, "model.name 'dcgan'"),
        (config_with(model__name="dirac"), "model.width", 32, "model.name 'dirac'"),
    ],
)
def test_unread_field_is_refused_with_its_cause(base, field, value, cause):
    with pytest.raises(ValueError) as error:
        refuse_unused_fields(base, with_field(base, field, value))
    assert str(error.value).startswith(f"{field} {value!r} has no effect with {cause};")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "base, field, value",
    [
        (with_field(BASE, "penalty.name", "dragan"), "penalty.sigma", 0.1),
        (R1, "penalty.weight", 3.0),
        (R1, "penalty.every", 4),
        (with_field(R1, "penalty.weight_end", 0.1), "penalty.schedule", "linear"),
        (with_field(BASE, "model.activation", "prelu"), "model.slope", 0.1),
        (BASE, "loss.real_target", 0.9),
        (SGD, "d_optimizer.clip_norm", 1.0),
        (SGD, "d_optimizer.warmup_steps", 10),
        (RING, "dataset.sigma", 0.1),
        (BASE, "d_steps", 3),
        (with_field(BASE, "dynamics.name", "sga"), "dynamics.gamma", 2.0),
        (with_field(BASE, "dynamics.name", "lookahead"), "g_first", True),
        (with_field(BASE, "loss.top_k", 0.5), "loss.schedule", "cosine"),
        (BASE, "loss.real_target_end", 1.0),
        (with_field(BASE, "augment.name", "flip"), "augment.strength_end", 0.1),
        (with_field(BASE, "augment.name", "flip"), "augment.schedule", "adaptive"),
        (with_field(BASE, "penalty.name", "lecam"), "penalty.decay", 0.5),
        (with_field(BASE, "penalty.name", "cr"), "penalty.transform", "flip"),
        (
            with_field(BASE, "generator_penalty.name", "path_length"),
            "generator_penalty.decay",
            0.5,
        ),
    ],
)
def test_setting_a_field_that_is_read_is_accepted(base, field, value):
    refuse_unused_fields(base, with_field(base, field, value))


def test_consent_to_coupling_is_unread_without_it():
    penalized = Config(penalty=PenaltyConfig("r1"))
    consenting = with_field(penalized, "penalty.coupled", True)
    with pytest.raises(ValueError, match=r"penalty\.coupled .*model\.d_minibatch"):
        refuse_unused_fields(penalized, consenting)
    coupled = with_field(penalized, "model.d_minibatch", "stddev")
    refuse_unused_fields(coupled, with_field(coupled, "penalty.coupled", True))


def test_leftovers_of_the_base_are_accepted():
    base = Config(
        dataset=DatasetConfig("ring", sigma=0.3),
        loss=LossConfig("alpha", alpha_d=0.3),
        penalty=PenaltyConfig("ar1", sigma=0.5, weight=100.0),
        d_optimizer=OptimizerConfig("adam", b1=0.1),
    )
    chosen = {
        "dataset": "digits",
        "loss": "hinge",
        "penalty": "none",
        "d_optimizer": "sgd",
    }
    config = base
    for group, name in chosen.items():
        config = with_field(config, f"{group}.name", name)
    refuse_unused_fields(base, config)
