"""What a registered function's options may be: fields of its group, with defaults."""

from dataclasses import replace
from functools import partial

import pytest

from gan_jax.assembly.assemble import build
from gan_jax.assembly.registry import bind, default_of
from gan_jax.augment import AUGMENTS
from gan_jax.config import (
    AugmentConfig,
    Config,
    DatasetConfig,
    DynamicsConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.dynamics import DYNAMICS
from gan_jax.layers import ACTIVATIONS
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.running_statistics import RUNNING
from gan_jax.types import Loss

RING = Config(dataset=DatasetConfig("ring"))
HINGE = LOSSES["hinge"]


def unknown(*arguments, margin=1.0):
    return 0.0


def misspelt(*arguments, sigmo=1.0, wieght=1.0, strenght=1.0, learning_rat=1.0):
    return 0.0


def bare(*arguments, margin):
    return 0.0


def statistic(value, metrics, *, margin=1.0):
    return value


def reader(critic, real, fake, keys, *, own_average=None):
    return 0.0


REGISTERED = {
    "loss of D": (LOSSES, lambda f: Loss(f, HINGE.generator), LossConfig, "loss"),
    "loss of G": (LOSSES, lambda f: Loss(HINGE.discriminator, f), LossConfig, "loss"),
    "penalty": (PENALTIES, lambda f: f, PenaltyConfig, "penalty"),
    "generator penalty": (
        GENERATOR_PENALTIES,
        lambda f: f,
        GeneratorPenaltyConfig,
        "generator_penalty",
    ),
    "augmentation": (AUGMENTS, lambda f: f, AugmentConfig, "augment"),
    "rule of play": (DYNAMICS, lambda f: f, DynamicsConfig, "dynamics"),
    "optimizer of G": (OPTIMIZERS, lambda f: f, OptimizerConfig, "g_optimizer"),
    "optimizer of D": (OPTIMIZERS, lambda f: f, OptimizerConfig, "d_optimizer"),
    "networks": (MODELS, lambda f: f, ModelConfig, "model"),
}


def built_with(monkeypatch, slot, function):
    """The message of build for a function that is registered as "mine"."""
    registry, entry, group, field = REGISTERED[slot]
    monkeypatch.setitem(registry, "mine", entry(function))
    with pytest.raises(ValueError) as error:
        build(replace(RING, **{field: group(name="mine")}))
    told = str(error.value)
    assert "\n" not in told
    return told, group


@pytest.mark.parametrize("slot", REGISTERED)
def test_option_that_is_no_field_names_function_option_and_fields(monkeypatch, slot):
    told, group = built_with(monkeypatch, slot, unknown)
    fields = ", ".join(field for field in vars(group()) if field != "name")
    start = f"option 'margin' of unknown is no field of {group.__name__}; "
    assert told.startswith(start) and f"it has to be one of {fields}" in told


@pytest.mark.parametrize("slot", REGISTERED)
def test_option_without_a_default_is_told_to_have_one(monkeypatch, slot):
    told, _ = built_with(monkeypatch, slot, bare)
    assert told.startswith("option 'margin' of bare has no default; ")


@pytest.mark.parametrize(
    "slot, option, meant",
    [
        ("penalty", "sigmo", "sigma"),
        ("generator penalty", "sigmo", "sigma"),
        ("augmentation", "strenght", "strength"),
        ("optimizer of D", "learning_rat", "learning_rate"),
    ],
)
def test_misspelt_option_is_told_the_nearest_field(monkeypatch, slot, option, meant):
    function = partial(
        misspelt, **{k: 1.0 for k in misspelt.__kwdefaults__ if k != option}
    )
    told, _ = built_with(monkeypatch, slot, function)
    assert f"option {option!r} of misspelt" in told
    assert f"did you mean {meant!r}?" in told


def test_activation_reads_fields_of_the_model_alone(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "mine", unknown)
    with pytest.raises(ValueError, match="of unknown is no field of ModelConfig"):
        build(replace(RING, model=ModelConfig(activation="mine")))


def test_statistic_reads_fields_of_the_group_that_reads_it(monkeypatch):
    monkeypatch.setitem(RUNNING, "own_average", statistic)
    monkeypatch.setitem(PENALTIES, "mine", reader)
    with pytest.raises(ValueError, match="'margin' of statistic is no field of Penal"):
        build(replace(RING, penalty=PenaltyConfig("mine")))


def test_transform_of_a_penalty_needs_defaults(monkeypatch):
    monkeypatch.setitem(AUGMENTS, "mine", bare)
    with pytest.raises(ValueError, match="option 'margin' of bare has no default"):
        build(replace(RING, penalty=PenaltyConfig("cr", transform="mine")))


def test_what_a_run_gives_is_named_beside_the_fields():
    with pytest.raises(ValueError, match="or of what a run gives: mean, z_dim$"):
        bind(unknown, PenaltyConfig(), mean=None, z_dim=2)


def test_options_that_a_partial_sets_are_none_any_more():
    assert bind(partial(unknown, margin=2.0), LossConfig())() == 0.0
    assert bind(partial(bare, margin=2.0), LossConfig())() == 0.0


def test_strength_of_a_partial_is_its_default(monkeypatch):
    """Noise that takes a default of its own and a strength that changes."""

    def noise(x, keys, *, strength=0.25, colour=0):
        return x + strength

    function = partial(noise, colour=1)
    assert default_of(function, "strength") == 0.25
    monkeypatch.setitem(AUGMENTS, "mine", function)
    gan = build(replace(RING, augment=AugmentConfig("mine", strength_end=0.0)))
    assert gan.augment is not None
