"""Options of registered functions: fields of their group, or what a run gives."""

from dataclasses import replace
from functools import partial, wraps

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.assembly.registry import bind, default_of, options
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
from gan_jax.gan import init_state
from gan_jax.layers import ACTIVATIONS
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES, returns_info
from gan_jax.running_statistics import RUNNING
from gan_jax.step import train_step
from gan_jax.types import Batch, Loss

RING = Config(
    batch_size=4, dataset=DatasetConfig("ring"), model=ModelConfig(width=4, z_dim=2)
)
HINGE = LOSSES["hinge"]


def unknown(*arguments, margin=1.0):
    return 0.0


def unknown_and_required(*arguments, margin):
    return 0.0


def misspelt(*arguments, sigmo=1.0, wieght=1.0, strenght=1.0, learning_rat=1.0):
    return 0.0


def reads_own_average(critic, real, fake, keys, *, own_average):
    return critic(real) - own_average


def needs_top_k(*arguments, top_k):
    return top_k


def needs_sigma(*arguments, sigma):
    return sigma


def needs_strength(*arguments, strength):
    return strength


def needs_gamma(*arguments, gamma):
    return gamma


def needs_b2(*arguments, b2):
    return b2


def needs_width(*arguments, d_width):
    return d_width


def needs_decay(*arguments, decay):
    return decay


# Kind -> its registry, a function as an entry, its group, and a function that requires
# a field of the group that is None by default.
REGISTERED = {
    "loss of D": (
        LOSSES,
        lambda f: Loss(f, HINGE.generator),
        (LossConfig, "loss"),
        needs_top_k,
    ),
    "loss of G": (
        LOSSES,
        lambda f: Loss(HINGE.discriminator, f),
        (LossConfig, "loss"),
        needs_top_k,
    ),
    "penalty": (PENALTIES, lambda f: f, (PenaltyConfig, "penalty"), needs_sigma),
    "generator penalty": (
        GENERATOR_PENALTIES,
        lambda f: f,
        (GeneratorPenaltyConfig, "generator_penalty"),
        needs_sigma,
    ),
    "augmentation": (
        AUGMENTS,
        lambda f: f,
        (AugmentConfig, "augment"),
        needs_strength,
    ),
    "rule of play": (DYNAMICS, lambda f: f, (DynamicsConfig, "dynamics"), needs_gamma),
    "optimizer of G": (
        OPTIMIZERS,
        lambda f: f,
        (OptimizerConfig, "g_optimizer"),
        needs_b2,
    ),
    "optimizer of D": (
        OPTIMIZERS,
        lambda f: f,
        (OptimizerConfig, "d_optimizer"),
        needs_b2,
    ),
    "networks": (MODELS, lambda f: f, (ModelConfig, "model"), needs_width),
}


def message_of_build(monkeypatch, kind, function):
    """The message of build for a function that is registered as "mine"."""
    registry, as_entry, (group, field), _ = REGISTERED[kind]
    monkeypatch.setitem(registry, "mine", as_entry(function))
    return message_of(replace(RING, **{field: group(name="mine")}))


def message_of(config):
    """The message of build, which is one line."""
    with pytest.raises(ValueError) as error:
        build(config)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("function", [unknown, unknown_and_required])
@pytest.mark.parametrize("kind", REGISTERED)
def test_option_that_is_no_field_names_function_option_and_fields(
    monkeypatch, kind, function
):
    message = message_of_build(monkeypatch, kind, function)
    group, _ = REGISTERED[kind][2]
    fields = ", ".join(field for field in vars(group()) if field != "name")
    name = function.__name__
    start = f"option 'margin' of {name} is no field of {group.__name__}; "
    assert message.startswith(start) and f"it has to be one of {fields}" in message


@pytest.mark.parametrize(
    "kind, option, nearest",
    [
        ("penalty", "sigmo", "sigma"),
        ("generator penalty", "sigmo", "sigma"),
        ("augmentation", "strenght", "strength"),
        ("optimizer of D", "learning_rat", "learning_rate"),
    ],
)
def test_misspelt_option_is_told_the_nearest_field(monkeypatch, kind, option, nearest):
    others = {k: 1.0 for k in misspelt.__kwdefaults__ if k != option}
    message = message_of_build(monkeypatch, kind, partial(misspelt, **others))
    assert f"option {option!r} of misspelt" in message
    assert f"did you mean {nearest!r}?" in message


@pytest.mark.parametrize("kind", REGISTERED)
def test_required_option_whose_field_is_none_is_refused(monkeypatch, kind):
    _, _, (_, group), function = REGISTERED[kind]
    message = message_of_build(monkeypatch, kind, function)
    (option,) = options(function)
    assert message == (
        f"option {option!r} of {function.__name__} has no default, and "
        f"{group}.{option} is None; set it, or give it a default: {option}=..."
    )


@pytest.mark.parametrize("kind", REGISTERED)
def test_required_option_has_the_value_of_its_field(kind):
    _, _, (group, field), function = REGISTERED[kind]
    (option,) = options(function)
    config = replace(RING, **{field: group(**{option: 3})})
    assert bind(function, config, field)(None) == 3


def test_activation_reads_fields_of_the_model_alone(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "mine", unknown)
    config = replace(RING, model=ModelConfig(activation="mine"))
    assert "of unknown is no field of ModelConfig" in message_of(config)
    monkeypatch.setitem(ACTIVATIONS, "mine", needs_width)
    assert "of needs_width has no default, and model.d_width is" in message_of(config)


def test_statistic_reads_fields_of_the_group_that_reads_it(monkeypatch):
    monkeypatch.setitem(PENALTIES, "mine", reads_own_average)
    config = replace(RING, penalty=PenaltyConfig("mine"))
    monkeypatch.setitem(RUNNING, "own_average", unknown)
    assert "'margin' of unknown is no field of Penal" in message_of(config)
    monkeypatch.setitem(RUNNING, "own_average", needs_decay)
    assert "of needs_decay has no default, and penalty.decay is" in message_of(config)


def test_transform_of_a_penalty_needs_defaults(monkeypatch):
    monkeypatch.setitem(AUGMENTS, "mine", unknown_and_required)
    config = replace(RING, penalty=PenaltyConfig("cr", transform="mine"))
    message = message_of(config)
    assert message.startswith("option 'margin' of unknown_and_required has no default")
    assert "penalty.transform" in message


def test_what_a_run_gives_is_named_beside_the_fields():
    with pytest.raises(ValueError, match="or of what a run gives: mean, z_dim$"):
        bind(unknown, Config(), "penalty", mean=None, z_dim=2)


def test_options_that_a_partial_sets_are_none_any_more():
    for function in (unknown, unknown_and_required):
        assert bind(partial(function, margin=2.0), Config(), "loss")() == 0.0


class Scaled:
    """A penalty that is an object."""

    def __call__(self, critic, real, fake, keys, *, sigma=2.0):
        return sigma * critic(real)


@returns_info
def with_info(critic, real, fake, keys, *, sigma=2.0):
    return sigma * critic(real), {"logit": critic(real)}


@wraps(needs_sigma)
def wrapping(*arguments, **given):
    return needs_sigma(*arguments, **given)


@pytest.mark.parametrize("function", [Scaled(), with_info, wrapping, needs_sigma])
def test_options_are_read_from_any_callable(function):
    assert options(function) == {"sigma"}


def test_strength_of_a_partial_is_its_default(monkeypatch):
    """Noise that takes a default of its own and a strength that changes."""

    def noise(x, keys, *, strength=0.25, colour=0):
        return x + strength

    function = partial(noise, colour=1)
    assert default_of(function, "strength") == 0.25
    monkeypatch.setitem(AUGMENTS, "mine", function)
    gan = build(replace(RING, augment=AugmentConfig("mine", strength_end=0.0)))
    assert gan.augment is not None


def test_default_of_an_option_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(
        ValueError, match="misspelt has no option 'sigma'; did you mean"
    ):
        default_of(misspelt, "sigma")
    with pytest.raises(ValueError, match="unknown has no option 'x'; it has: margin"):
        default_of(unknown, "x")
    with pytest.raises(ValueError, match="'sigma' of needs_sigma has no default"):
        default_of(needs_sigma, "sigma")


def test_options_without_defaults_reach_the_step(monkeypatch):
    """What a run gives, a statistic and fields, none of which has a default."""

    def penalty(
        critic, real, fake, keys, *, generator, g_params, mean, pullbacks, total, sigma
    ):
        assert g_params and pullbacks
        fakes = generator(jnp.ones((len(real), 2)))
        return sigma * (total + mean(jnp.ones(4)) + 0 * critic(fakes))

    def total(value, metrics, *, batch_size, decay):
        return value + decay * batch_size

    def d_loss(real, fake, *, fake_weight):
        return fake_weight * fake - real

    monkeypatch.setitem(PENALTIES, "mine", penalty)
    monkeypatch.setitem(RUNNING, "total", total)
    monkeypatch.setitem(LOSSES, "mine", Loss(d_loss, HINGE.generator))
    config = replace(
        RING,
        penalty=PenaltyConfig("mine", weight=2.0, sigma=3.0, decay=0.5),
        loss=LossConfig("mine", fake_weight=2.0),
    )
    gan = build(config)
    state, batch = init_state(gan, jax.random.key(0)), Batch(jnp.ones((1, 4, 2)))
    for sum_before in (0, 2):
        state, metrics = jax.jit(partial(train_step, gan))(state, batch)
        np.testing.assert_allclose(metrics["d_penalty"], 2 * 3 * (sum_before + 1))
        a, b = metrics["real_logits"], metrics["fake_logits"]
        np.testing.assert_allclose(metrics["d_loss"], 2 * b - a, rtol=1e-5)
