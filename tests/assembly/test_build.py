"""From Config to Gan: every method builds, every user error names its field."""

import json
import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_jax.assembly.assemble import build, find_method
from gan_jax.assembly.unused_fields import refuse_unused_fields
from gan_jax.augment import AUGMENTS
from gan_jax.config import (
    Config,
    DatasetConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
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


def with_field(config, field, value):
    """The config with the field of this dotted name set."""
    group, _, name = field.rpartition(".")
    if not group:
        return replace(config, **{name: value})
    return replace(config, **{group: replace(getattr(config, group), **{name: value})})


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


@pytest.mark.parametrize("name", [name for name in PENALTIES if name != "none"])
def test_critic_penalty_with_batch_norm_in_d_is_refused(name):
    config = Config(
        model=ModelConfig(d_norm="batch"), penalty=PenaltyConfig(name, weight=1.0)
    )
    with pytest.raises(ValueError, match=r"model\.d_norm 'batch'.*layer"):
        build(config)


@pytest.mark.parametrize("norm", ["none", "layer", "group", "instance"])
def test_critic_penalty_with_any_other_norm_builds(norm):
    build(Config(model=ModelConfig(d_norm=norm), penalty=PenaltyConfig("r1")))


@pytest.mark.parametrize("field", ["model.g_norm", "model.d_norm"])
def test_instance_norm_of_dense_layers_is_refused(field):
    config = with_field(Config(model=ModelConfig("mlp")), field, "instance")
    with pytest.raises(ValueError, match=field):
        build(config)


COUPLING = [name for name in MINIBATCH if name != "none"]


@pytest.mark.parametrize("layer", COUPLING)
@pytest.mark.parametrize("name", [name for name in PENALTIES if name != "none"])
def test_critic_penalty_of_a_coupled_d_needs_consent(name, layer):
    config = Config(
        model=ModelConfig(d_minibatch=layer), penalty=PenaltyConfig(name, weight=1.0)
    )
    with pytest.raises(ValueError, match=r"model\.d_minibatch .*penalty\.coupled"):
        build(config)
    build(with_field(config, "penalty.coupled", True))


@pytest.mark.parametrize("layer", COUPLING)
def test_minibatch_layer_without_a_penalty_builds_but_not_in_microbatches(layer):
    config = Config(model=ModelConfig(d_minibatch=layer))
    build(config)
    with pytest.raises(ValueError, match=r"microbatches 2.*model\.d_minibatch"):
        build(replace(config, microbatches=2))


def test_consent_to_coupling_is_unread_without_it():
    penalized = Config(penalty=PenaltyConfig("r1"))
    consenting = with_field(penalized, "penalty.coupled", True)
    with pytest.raises(ValueError, match=r"penalty\.coupled .*model\.d_minibatch"):
        refuse_unused_fields(penalized, consenting)
    coupled = with_field(penalized, "model.d_minibatch", "stddev")
    refuse_unused_fields(coupled, with_field(coupled, "penalty.coupled", True))


@pytest.mark.parametrize("name", AUGMENTS)
def test_augmentations_of_images_are_refused_for_points(name):
    points = Config(dataset=DatasetConfig("ring"))
    config = with_field(points, "augment.name", name)
    if name in ("none", "instance_noise"):
        build(config)
    else:
        with pytest.raises(ValueError, match=f"augment.name '{name}' needs images"):
            build(config)


@pytest.mark.parametrize("name", ["flip", "bgc"])
def test_probability_above_one_is_refused(name):
    config = with_field(Config(), "augment.name", name)
    build(with_field(config, "augment.strength", 1.0))
    with pytest.raises(ValueError, match=f"augment.strength 1.5: is {name}'s"):
        build(with_field(config, "augment.strength", 1.5))


def test_batch_norm_in_d_without_a_penalty_builds():
    build(Config(model=ModelConfig(d_norm="batch")))


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


BASE = Config()
RELU = with_field(BASE, "model.activation", "relu")
R1 = with_field(BASE, "penalty.name", "r1")
SGD = with_field(BASE, "d_optimizer.name", "sgd")
RING = with_field(BASE, "dataset.name", "ring")


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


def changed(**fields):
    """The default Config with fields given as `group__field`."""
    config = BASE
    for field, value in fields.items():
        config = with_field(config, field.replace("__", "."), value)
    return config


LOOKAHEAD = changed(dynamics__name="lookahead")
NOISE = changed(augment__name="instance_noise")
ADAPTIVE = changed(augment__name="bgc", augment__schedule="adaptive")


@pytest.mark.parametrize(
    "base, field, value, cause",
    [
        (BASE, "dynamics.gamma", 1.0, "dynamics.name 'alternating'"),
        (BASE, "dynamics.k", 3, "dynamics.name 'alternating'"),
        (LOOKAHEAD, "dynamics.gamma", 1.0, "dynamics.name 'lookahead'"),
        (changed(dynamics__name="sga"), "g_first", True, "dynamics.name 'sga'"),
        (BASE, "loss.schedule", "cosine", "loss.real_target_end None"),
        (
            changed(loss__schedule="constant"),
            "loss.real_target_end",
            1.0,
            "loss.schedule 'constant'",
        ),
        (
            changed(loss__name="hinge"),
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
            changed(augment__name="diff_augment"),
            "augment.schedule",
            "adaptive",
            "augment.name 'diff_augment'",
        ),
        (R1, "penalty.decay", 0.5, "penalty.name 'r1'"),
        (R1, "penalty.transform", "flip", "penalty.name 'r1'"),
        (BASE, "penalty.schedule", "linear", "penalty.name 'none'"),
        (BASE, "generator_penalty.decay", 0.5, "generator_penalty.name 'none'"),
        (changed(model__name="dcgan"), "model.d_width", 32, "model.name 'dcgan'"),
        (changed(model__name="dirac"), "model.width", 32, "model.name 'dirac'"),
    ],
)
def test_unread_field_is_refused_with_its_cause(base, field, value, cause):
    with pytest.raises(ValueError) as error:
        refuse_unused_fields(base, with_field(base, field, value))
    assert str(error.value).startswith(f"{field} {value!r} has no effect with {cause};")
    assert "\n" not in str(error.value)


CGD = changed(
    dynamics__name="competitive", g_optimizer__name="sgd", d_optimizer__name="sgd"
)
UNROLLED = changed(dynamics__name="unrolled")
OPTIMISTIC = changed(dynamics__name="optimistic")
PACKED = changed(model__pack=2)
CR = changed(dataset__name="ring", penalty__name="cr")
STDDEV = changed(model__d_minibatch="stddev")
DIRAC = changed(dataset__name="dirac", model__name="dirac", model__z_dim=1)


@pytest.mark.parametrize(
    "base, field, value, words",
    [
        (PACKED, "batch_size", 63, "model.pack 2: .*batch_size 63; change"),
        (PACKED, "dataset.labels", True, "model.pack 2 with dataset.labels: .*leave"),
        (PACKED, "penalty.name", "zcr", "model.pack 2 with penalty.name 'zcr'.*use"),
        (PACKED, "microbatches", 2, "microbatches 2 with model.pack 2: .*leave"),
        (changed(loss__top_k=0.5), "microbatches", 2, "with loss.top_k 0.5: .*leave"),
        (UNROLLED, "microbatches", 2, "'unrolled': .*nothing would be saved; leave"),
        (UNROLLED, "d_optimizer.name", "rmsprop", "'unrolled' with .*'rmsprop'.*use"),
        (UNROLLED, "d_optimizer.clip_norm", 1.0, "d_optimizer.clip_norm: .*use"),
        (OPTIMISTIC, "d_optimizer.clip_params", 0.1, "'optimistic' with .*clip_params"),
        (OPTIMISTIC, "g_optimizer.clip_params", 0.1, "'optimistic' with .*clip_params"),
        (CGD, "g_optimizer.name", "adam", "'competitive': .*sgd.*set g_optimizer"),
        (CGD, "d_optimizer.learning_rate", 1.0, "'competitive': .*one constant"),
        (CGD, "d_optimizer.schedule", "linear", "'competitive': .*one constant"),
        (CGD, "g_optimizer.warmup_steps", 3, "'competitive': .*one constant"),
        (CGD, "g_optimizer.clip_norm", 3.0, "'competitive': .*plain sgd"),
        (CGD, "sweep.g_lr", (0.5, 1.0), "'competitive': .*no sweep"),
        (CGD, "sweep.d_lr", (0.5, 1.0), "'competitive': .*no sweep"),
        (STDDEV, "batch_size", 6, "batch_size 6 .*'stddev': D sees 6 .*4.*change"),
        (CR, "penalty.transform", "flip", "penalty.transform 'flip' needs images"),
        (DIRAC, "model.d_minibatch", "stddev", "model.d_minibatch: .*'dirac'"),
        (ADAPTIVE, "loss.name", "lsgan", "'adaptive' with loss.name 'lsgan': .*use"),
        (ADAPTIVE, "loss.name", "wasserstein", "'adaptive' with .*'wasserstein'"),
        (ADAPTIVE, "loss.name", "relativistic", "'adaptive' with .*'relativistic'"),
        (
            changed(dataset__labels=True),
            "penalty.name",
            "zcr",
            "penalty.name 'zcr' with dataset.labels: .*leave",
        ),
    ],
)
def test_what_cannot_combine_is_refused_in_one_line(base, field, value, words):
    build(base)
    with pytest.raises(ValueError, match=words) as error:
        build(with_field(base, field, value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "base, field, value",
    [
        (CGD, "sweep.penalty", (0.5, 1.0)),
        (CGD, "microbatches", 2),
        (UNROLLED, "g_optimizer.name", "rmsprop"),
        (UNROLLED, "d_optimizer.clip_value", 1.0),
        (PACKED, "penalty.name", "wgan_gp"),
        (ADAPTIVE, "loss.name", "hinge"),
    ],
)
def test_what_can_combine_builds(base, field, value):
    build(with_field(base, field, value))


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
