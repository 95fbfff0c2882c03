"""Methods begin from values that suit their data, and say which these are."""

import dataclasses

import pytest

from gan_jax import METHODS, build, method_for
from gan_jax.assembly.method_defaults import describe_changed_values
from gan_jax.command_line.named_method import find_base_config
from gan_jax.commands import train
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import flat, to_json, validate
from gan_jax.data import Spec
from gan_jax.methods.data_kinds import DATA_KINDS, adapt_to_data, name_kind
from gan_jax.penalties import PENALTIES

SHAPES = {
    "points": (2,),
    "small images": (8, 8, 1),
    "grey images": (28, 28, 1),
    "images": (64, 64, 3),
}


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((1,), "points"),
        ((16, 16, 3), "small images"),
        ((20, 20, 1), "grey images"),
        ((32, 32, 1), "grey images"),
        ((36, 36, 1), "images"),
        ((28, 28, 3), "images"),
        ((8, 20, 1), "grey images"),
    ],
)
def test_kind_of_data_follows_from_the_shape(shape, kind):
    assert name_kind(shape) == kind


def test_every_exception_is_of_a_method_and_of_fields_that_there_are():
    assert DATA_KINDS.keys() == SHAPES.keys()
    fields = flat(Config()).keys()
    for kind in DATA_KINDS.values():
        assert kind.exceptions.keys() <= METHODS.keys()
        assert kind.weights.keys() <= PENALTIES.keys()
        for changes in (kind.changes, *kind.exceptions.values()):
            assert changes.keys() <= fields


def builds(config, shape):
    try:
        build(validate(config), spec=Spec(shape, 10, 10_000))
    except ValueError:
        return False
    return True


REFUSED = {
    "points": {"diff_augment", "ada", "dense_conv", "conv_7x7", "dcgan64_gp"},
    "small images": {"conv_7x7", "dcgan64_gp"},
    "grey images": {"dcgan64_gp"},
    "images": {"conv_7x7"},
}
"""Methods whose augmentation or networks are for other data."""


@pytest.mark.parametrize(
    "kind",
    [
        "points",
        *(pytest.param(name, marks=pytest.mark.slow) for name in list(SHAPES)[1:]),
    ],
)
def test_every_method_can_be_built_with_the_values_that_suit(kind):
    shape = SHAPES[kind]
    for name, config in METHODS.items():
        config = dataclasses.replace(config, dataset=DatasetConfig())
        found = builds(adapt_to_data(name, config, shape), shape)
        assert found == (name not in REFUSED[kind]), name


def test_values_for_points_keep_the_ratio_of_the_learning_rates():
    """extra_adam's source has 5e-5 for G and 5e-4 for D."""
    config = method_for("extra_adam", "ring")
    assert config.d_optimizer.learning_rate == pytest.approx(1e-3)
    assert config.g_optimizer.learning_rate == pytest.approx(1e-4)
    assert config.dataset == DatasetConfig("ring")


@pytest.mark.parametrize(
    ("words", "weight"),
    [
        (["r1"], 0.1),
        (["ns_gan", "--penalty.name", "r1"], 0.1),
        (["ns_gan", "--penalty.name=bcr"], 10.0),
        (["bcr"], 10.0),
        (["lecam"], 0.3),
        (["r1", "--penalty.name", "ar1_ar2"], 1.0),
    ],
)
def test_a_weight_belongs_to_the_penalty_and_not_to_the_method(words, weight, capsys):
    assert train.main([*words, "--dataset.name", "ring", "--print-config"]) == 0
    assert f"\npenalty.weight = {weight}\n" in capsys.readouterr().out


def test_methods_themselves_have_the_values_of_their_sources():
    method_for("r1", "ring")
    assert METHODS["r1"].penalty.weight == 10
    assert METHODS["r1"].batch_size == 64


@pytest.mark.parametrize("name", ["dense_conv", "mlp_leaky"])
def test_a_method_with_networks_of_its_own_keeps_its_values_on_images(name):
    assert method_for(name, "digits") == METHODS[name]


def test_changed_values_are_those_that_are_read_and_were_not_set():
    config = method_for("r1", "ring")
    line = describe_changed_values("r1", config)
    assert "penalty.weight 0.1 (10.0)" in line
    assert "both optimizers' schedule linear (constant)" in line
    assert "weight_end" not in line  # None in both
    assert "weight" not in describe_changed_values(
        "ns_gan", method_for("ns_gan", "ring")
    )
    other = dataclasses.replace(config.penalty, weight=1.0)
    assert "penalty" not in describe_changed_values(
        "r1", dataclasses.replace(config, penalty=other)
    )
    assert describe_changed_values("mlp_leaky", METHODS["mlp_leaky"]) == ""


def test_a_method_of_ones_own_has_no_values_that_suit_the_data(monkeypatch):
    """Not even where a flag gives it one that other methods have on points."""
    monkeypatch.setitem(METHODS, "own", Config())
    assert method_for("own", "ring").batch_size == Config().batch_size
    config = dataclasses.replace(method_for("own", "ring"), batch_size=256)
    assert describe_changed_values("own", config) == ""


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ([], "small images"),
        (["--dataset.name", "ring"], "points"),
        (["--steps", "3", "--dataset.name=ring", "--seeds", "2"], "points"),
        (["--dataset.resolution", "28"], "grey images"),
        (["--dataset.resolution", "28", "--dataset.rgb"], "images"),
        (["--dataset.name", "ring", "--help"], "points"),
    ],
)
def test_a_command_begins_from_what_suits_the_data_it_names(words, kind):
    base = find_base_config("r1", words)
    expected = adapt_to_data("r1", METHODS["r1"], SHAPES[kind])
    assert base == dataclasses.replace(expected, dataset=base.dataset)
    assert base.dataset.name == ("ring" if kind == "points" else "digits")


@pytest.mark.parametrize(
    "words", [["--dataset.name", "mnist"], ["--dataset.resolution", "x"]]
)
def test_where_the_data_cannot_be_read_the_values_are_the_methods_own(words, capsys):
    assert find_base_config("r1", words) == METHODS["r1"]
    assert capsys.readouterr() == ("", "")


def test_a_flag_wins_over_what_suits_the_data(capsys):
    words = ["r1", "--dataset.name", "ring", "--penalty.weight", "10"]
    assert train.main([*words, "--print-config"]) == 0
    shown = capsys.readouterr().out
    assert "penalty.weight = 10.0" in shown
    assert "model.z_dim = 2\n" in shown


def test_the_help_is_of_the_data_that_the_command_names(capsys):
    with pytest.raises(SystemExit):
        train.main(["r1", "--dataset.name", "ring", "--help"])
    shown = capsys.readouterr().out
    assert "--dataset.name ring" in shown.partition("\nExamples\n")[0]
    assert "networks mlp" in " ".join(shown.split())


def test_a_run_with_other_values_is_told_how_it_goes_on(tmp_path, capsys):
    """As one that began before methods had values that suit the data."""
    old = dataclasses.replace(METHODS["r1"], dataset=DatasetConfig("ring"))
    config = tmp_path / "config.json"
    config.write_text(to_json(old))
    words = ["r1", "--dataset.name", "ring", "--out", str(tmp_path), "--resume"]
    assert train.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: out ") and said.count("\n") == 1
    assert f"--config {config} begins with its values" in said


def test_a_run_says_what_differs_from_the_source(tmp_path, capsys, monkeypatch):
    def stop(*_, **__):
        raise ValueError("the run begins here")

    monkeypatch.setattr(train, "train", stop)
    out = ["--out", str(tmp_path / "run")]
    assert train.main(["r1", "--dataset.name", "ring", *out]) == 2
    said = capsys.readouterr()
    assert "the run begins here" in said.err
    assert said.out.count("penalty.weight 0.1 (10.0)") == 1
    config = tmp_path / "config.json"
    config.write_text(to_json(method_for("r1", "ring")))
    assert train.main(["--config", str(config), *out]) == 2
    assert capsys.readouterr().out == ""
