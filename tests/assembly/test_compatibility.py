"""Which choices build together, and which are refused in one line."""

from dataclasses import replace

import pytest
from config_changes import config_with, with_field

from gan_jax.assembly.assemble import build
from gan_jax.augment import AUGMENTS, Augmentation
from gan_jax.config import Config, DatasetConfig, ModelConfig, PenaltyConfig
from gan_jax.layers.minibatch import MINIBATCH
from gan_jax.penalties import PENALTIES


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


def test_batch_norm_in_d_without_a_penalty_builds():
    build(Config(model=ModelConfig(d_norm="batch")))


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


ADAPTIVE = config_with(augment__name="bgc", augment__schedule="adaptive")


CGD = config_with(
    dynamics__name="competitive", g_optimizer__name="sgd", d_optimizer__name="sgd"
)


UNROLLED = config_with(dynamics__name="unrolled")


OPTIMISTIC = config_with(dynamics__name="optimistic")


PACKED = config_with(model__pack=2)


CR = config_with(dataset__name="ring", penalty__name="cr")
TOP_K = config_with(loss__top_k=0.5)
STDDEV = config_with(model__d_minibatch="stddev")


DIRAC = config_with(dataset__name="dirac", model__name="dirac", model__z_dim=1)


@pytest.mark.parametrize(
    "base, field, value, words",
    [
        (PACKED, "batch_size", 63, "model.pack 2: .*batch_size 63; change"),
        (PACKED, "dataset.labels", True, "model.pack 2 with dataset.labels: .*leave"),
        (PACKED, "penalty.name", "zcr", "model.pack 2 with penalty.name 'zcr'.*use"),
        (PACKED, "microbatches", 2, "microbatches 2 with model.pack 2: .*leave"),
        (
            config_with(loss__top_k=0.5),
            "microbatches",
            2,
            "with loss.top_k 0.5: .*leave",
        ),
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
            config_with(dataset__labels=True),
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


@pytest.mark.parametrize("needs_images", [False, True])
def test_an_augmentation_of_ones_own_says_what_it_needs(monkeypatch, needs_images):
    def double(images, keys, *, strength=2.0):
        return strength * images

    own = Augmentation(
        double, images_only=needs_images, strength_is_probability=needs_images
    )
    monkeypatch.setitem(AUGMENTS, "own", own if needs_images else double)
    points = config_with(dataset__name="ring", augment__name="own")
    strong = config_with(augment__name="own", augment__strength=3.0)
    if not needs_images:
        build(points)
        assert build(strong).augment(1.0, None) == 3.0
        return
    with pytest.raises(ValueError, match="augment.name 'own' needs images"):
        build(points)
    with pytest.raises(ValueError, match="augment.strength 3.0: is own's probability"):
        build(strong)
