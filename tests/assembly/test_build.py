"""From Config to Gan: every method builds, every user error names its field."""

import json
import math
from dataclasses import asdict

import pytest
from config_changes import with_field
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_jax.assembly.assemble import build, find_method
from gan_jax.assembly.unused_fields import refuse_unused_fields
from gan_jax.augment import AUGMENTS
from gan_jax.config import Config, LossConfig
from gan_jax.config.serialization import flat, from_json, to_json
from gan_jax.data import DATASETS, TOYS
from gan_jax.dynamics import DYNAMICS
from gan_jax.gan import Gan
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, MINIBATCH, NORMS, OUTPUTS
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES

PROMISED = """ns_gan minimax lsgan wgan wgan_gp wgan_lp dragan r1 r1_r2 ar1_ar2 rpgan
rpgan_r1 r3gan sn_gan hinge ragan alpha ttur dense_conv conv_7x7 dcgan64_gp mlp_sgd
mlp_leaky""".split()


GROUPS = {
    "dataset": DATASETS,
    "model": MODELS,
    "loss": LOSSES,
    "penalty": PENALTIES,
    "generator_penalty": GENERATOR_PENALTIES,
    "g_optimizer": OPTIMIZERS,
    "d_optimizer": OPTIMIZERS,
    "augment": AUGMENTS,
    "dynamics": DYNAMICS,
}


@pytest.mark.parametrize("name", PROMISED)
def test_promised_methods_exist(name):
    assert find_method(name) is METHODS[name]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_builds_as_it_stands(name):
    assert isinstance(build(METHODS[name]), Gan)


SLOTS = {f"{group}.name": registry for group, registry in GROUPS.items()} | {
    "model.activation": ACTIVATIONS,
    "model.output": OUTPUTS,
    "model.g_norm": NORMS,
    "model.d_norm": NORMS,
    "model.d_minibatch": MINIBATCH,
    "model.g_init": INITIALIZERS,
    "model.d_init": INITIALIZERS,
}


def assert_names(error, field, value, allowed, nearest):
    """The message has the field, the value, every allowed name, and the nearest."""
    text = str(error.value)
    assert text.startswith(field)
    for name in (value, nearest):
        assert repr(name) in text
    assert set(allowed) <= set(text.replace(",", " ").split())


@pytest.mark.parametrize(
    "field, nearest", [(field, name) for field in SLOTS for name in SLOTS[field]]
)
def test_unknown_name_is_refused_with_the_nearest(field, nearest):
    typo = nearest + "_"
    with pytest.raises(ValueError) as error:
        build(with_field(Config(), field, typo))
    assert_names(error, field, typo, SLOTS[field], nearest)


def test_unknown_method_is_refused_with_the_nearest():
    with pytest.raises(ValueError) as error:
        find_method("r3gam")
    assert_names(error, "method", "r3gam", METHODS, "r3gan")


@pytest.mark.parametrize("field", ["penalty.schedule", "g_optimizer.schedule"])
def test_unknown_schedule_is_refused_with_the_allowed_ones(field):
    with pytest.raises(ValueError, match=field) as error:
        build(with_field(Config(), field, "cosin"))
    for name in ("cosin", "constant", "linear", "cosine"):
        assert repr(name) in str(error.value)


MALFORMED = [
    ("steps", "many"),
    ("steps", 2.5),
    ("batch_size", 0),
    ("batch_size", 1798),
    ("seed", -1),
    ("d_steps", 0),
    ("d_steps", True),
    ("g_first", 1),
    ("g_first", "no"),
    ("dataset.name", None),
    ("dataset.resolution", 9),
    ("dataset.sigma", 0.0),
    ("model.width", 0),
    ("model.width", 2.5),
    ("model.slope", -0.1),
    ("loss.fake_weight", -1.0),
    ("penalty.weight", -10.0),
    ("penalty.weight", math.nan),
    ("penalty.weight_end", -0.1),
    ("penalty.every", 0),
    ("generator_penalty.weight", -1.0),
    ("g_optimizer.learning_rate", -1e-3),
    ("d_optimizer.learning_rate", math.inf),
    ("d_optimizer.learning_rate", "fast"),
    ("d_optimizer.b1", 1.0),
    ("g_optimizer.clip_norm", 0.0),
    ("ema.decay", 1.0),
    ("ema.decay", math.nan),
    ("augment.strength", -1.0),
    ("log.every", 0),
]


@pytest.mark.parametrize("field, value", MALFORMED)
def test_malformed_value_is_refused_by_its_dotted_name(field, value):
    with pytest.raises(ValueError) as error:
        build(with_field(Config(), field, value))
    assert field in str(error.value)
    assert str(value) in str(error.value)


@pytest.mark.parametrize(
    "text, field",
    [
        ('{"stpes": 3}', "stpes"),
        ('{"penalty": {"wieght": 1.0}}', "penalty.wieght"),
        ('{"model": {"generator": {"width": 3}}}', "model.generator"),
    ],
)
def test_unknown_json_field_is_refused_by_its_dotted_name(text, field):
    with pytest.raises(ValueError, match=rf"{field}: "):
        from_json(text)


def test_text_that_is_not_json_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        from_json("{steps: 3")


@pytest.mark.parametrize("name", METHODS)
def test_config_survives_json(name):
    assert from_json(to_json(METHODS[name])) == METHODS[name]


def test_absent_json_fields_keep_their_defaults():
    config = from_json('{"steps": 7, "loss": {"name": "hinge"}}')
    assert config == Config(steps=7, loss=LossConfig("hinge"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["adam", "linear", "10", "NaN"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
    ),
    max_leaves=3,
)


FIELDS = [*flat(Config()), *GROUPS, "ema", "log"]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(field=st.sampled_from(FIELDS), value=JSON)
def test_any_json_value_gives_a_config_or_an_error_naming_the_field(field, value):
    values = asdict(Config())
    group, _, name = field.rpartition(".")
    (values[group] if group else values)[name] = value
    try:
        config = from_json(json.dumps(values))
    except ValueError as error:
        assert f" {field}:" in str(error) or f" {field}." in str(error)
    else:
        assert from_json(to_json(config)) == config


def fits(config, group, name):
    """Whether networks and data allow `config` with this group's name, and the rule of
    play its optimizers, and the adaptive strength its loss."""
    rule = name if group == "dynamics" else config.dynamics.name
    if rule == "competitive":
        players = "g_optimizer", "d_optimizer"
        if any(getattr(config, player).name != "sgd" for player in players):
            return False
        if group in players:
            return name == "sgd"
    d_optimizer = name if group == "d_optimizer" else config.d_optimizer.name
    clips_norm = config.d_optimizer.clip_norm is not None
    if rule == "unrolled" and (d_optimizer == "rmsprop" or clips_norm):
        return False
    if rule == "optimistic" and config.d_optimizer.clip_params:
        return False
    if group == "loss" and config.augment.schedule == "adaptive":
        return name not in SIGN_MEANS_NOTHING
    if group == "penalty":
        return not (
            name != "none"
            and config.model.d_minibatch != "none"
            or name == "zcr"
            and config.model.pack > 1
        )
    if group == "dataset":
        made_for_images = (
            config.model.name not in (None, "mlp")
            or config.model.output
            or AUGMENTS[config.augment.name].images_only
        )
        return name == "digits" or name in TOYS and not made_for_images
    if name == "dirac":
        return False  # for points, and these are all for images
    side = {"conv_7x7": 28, "dcgan64": 64}.get(name)
    return group != "model" or side in (None, config.dataset.resolution)


SIGN_MEANS_NOTHING = {
    "lsgan",  # Its boundary is 1/2.
    "wasserstein",
    "relativistic",
    "relativistic_average",  # Unchanged when a constant is added to D.
}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("base", METHODS)
def test_replacing_one_name_alone_builds_and_leaves_nothing_to_refuse(base, group):
    for name in GROUPS[group]:
        if fits(METHODS[base], group, name):
            config = with_field(METHODS[base], f"{group}.name", name)
            refuse_unused_fields(METHODS[base], config)
            assert isinstance(build(config), Gan)
