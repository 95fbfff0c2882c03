"""What is advised fits the run: it is not done yet, exists, and can be built."""

import dataclasses
import re
from functools import cache

import pytest

from gan_jax import METHODS, Config
from gan_jax.assembly.assemble import build
from gan_jax.assembly.suggestions import (
    FOR_VERDICT,
    SUGGESTIONS,
    choices_of_run,
    suggest_flags,
)
from gan_jax.command_line.flags import BOTH_OPTIMIZERS, set_both_optimizers
from gan_jax.config import DatasetConfig, ModelConfig
from gan_jax.config.serialization import flat
from gan_jax.data import DATASETS
from gan_jax.diagnostics.report import ADVICE
from gan_jax.run_files.health import TROUBLE_SIGNS

FLAG = re.compile(r"--([a-z][a-z0-9.-]*[a-z0-9])(?: ([a-z0-9_.-]*[a-z0-9]))?")
TRIES = {
    **{f"verdict {name}": names for name, names in FOR_VERDICT.items()},
    **{f"sign {name}": sign.suggestions for name, sign in TROUBLE_SIGNS.items()},
    **{f"rule {name}": piece.tries for name, piece in ADVICE.items()},
}


def on(name, config):
    return dataclasses.replace(
        config, dataset=dataclasses.replace(config.dataset, name=name)
    )


RUNS = {
    f"{method} on {name}": on(name, config)
    for method, config in METHODS.items()
    for name in ("ring", "digits")
    if not (name == "ring" and config.dataset.name != "digits")
}


RUNS["of odd choices"] = Config(
    model=ModelConfig("mlp", g_init="normal", activation="relu", init_scale=0.1)
)
RUNS["of a high rate"] = set_both_optimizers(METHODS["r1"], {"lr": 1.0})


@cache
def can_be(run):
    """Whether it can be built: some methods are of images alone."""
    try:
        build(RUNS[run])
    except ValueError:
        return False
    return True


def changes(flags, config):
    """The settings of a suggestion that gives values: by field, as text.

    "a smaller --penalty.weight" gives none.
    """
    fields = flat(config)
    pairs = FLAG.findall(flags) if re.search(r"(^|: )--", flags) else []
    named = {
        field: value
        for flag, value in pairs
        for field in fields_of(flag.replace("-", "_"))
    }
    assert named.keys() <= fields.keys()
    return {k: True if isinstance(fields[k], bool) else v for k, v in named.items()}


def fields_of(flag):
    """The fields that a flag sets: `lr` sets one of each player."""
    both = ("g_optimizer", "d_optimizer")
    return (
        [f"{player}.{BOTH_OPTIMIZERS[flag]}" for player in both]
        if flag in BOTH_OPTIMIZERS
        else [flag]
    )


def typed(value, old):
    if value is True or isinstance(old, str):
        return value
    if not re.fullmatch(r"[0-9.e-]+", value):
        return value
    return int(value) if isinstance(old, int) else float(value)


def with_changes(config, found):
    for field, value in found.items():
        *group, name = field.split(".")
        part = getattr(config, group[0]) if group else config
        part = dataclasses.replace(part, **{name: typed(value, getattr(part, name))})
        config = dataclasses.replace(config, **{group[0]: part}) if group else part
    return config


def test_every_suggestion_is_made_by_a_rule_and_every_one_made_exists():
    assert {name for names in TRIES.values() for name in names} == SUGGESTIONS.keys()


@pytest.mark.parametrize("name", TRIES)
def test_something_is_left_to_try_in_every_run(name):
    for run, config in RUNS.items():
        assert suggest_flags(TRIES[name], config), run


@pytest.mark.parametrize("name", SUGGESTIONS)
def test_what_a_run_already_does_is_not_suggested(name):
    one, fitting = SUGGESTIONS[name], 0
    for run, config in RUNS.items():
        if one.fits(choices_of_run(config)):
            fitting += 1
            asked, has = changes(one.flags, config), flat(config)
            same = [k for k, v in asked.items() if typed(v, has[k]) == has[k]]
            assert not asked or len(same) < len(asked), run
    assert fitting


@pytest.mark.parametrize("name", SUGGESTIONS)
def test_a_run_that_does_what_is_suggested_can_be_built_and_is_not_told_again(name):
    one = SUGGESTIONS[name]
    for run, config in RUNS.items():
        asked = changes(one.flags, config)
        if asked and one.fits(choices_of_run(config)) and can_be(run):
            done = with_changes(config, asked)
            build(done)
            assert not one.fits(choices_of_run(done)), run


def test_a_penalty_in_use_is_not_advised_but_its_weight_is():
    told = " ".join(
        suggest_flags(FOR_VERDICT["not_learned"], on("ring", METHODS["r1"]))
    )
    assert "--penalty.name" not in told and "--penalty.weight 0.1" in told
    plain = " ".join(
        suggest_flags(FOR_VERDICT["not_learned"], on("ring", METHODS["ns_gan"]))
    )
    assert "--penalty.name r1" in plain and "--penalty.weight" not in plain
    light = dataclasses.replace(METHODS["r1"].penalty, weight=0.1)
    config = dataclasses.replace(on("ring", METHODS["r1"]), penalty=light)
    assert "--penalty.weight 0.1" not in " ".join(suggest_flags(SUGGESTIONS, config))


@pytest.mark.parametrize(
    "data, rate, told",
    [
        ("ring", 1.0, True),
        ("ring", 1e-4, True),
        ("ring", 1e-3, False),
        ("digits", 1.0, True),
        ("digits", 1e-3, False),
    ],
)
def test_a_rate_with_which_nothing_is_learned_is_told_one_that_learns(data, rate, told):
    config = set_both_optimizers(on(data, METHODS["r1"]), {"lr": rate})
    tries = suggest_flags(FOR_VERDICT["not_learned"], config)
    assert ("--lr 0.001" in tries) == told, tries


def test_flags_of_the_default_config_are_read_as_they_stand():
    """So that the tests above test something."""
    assert changes("the penalty: --penalty.name r1", Config()) == {"penalty.name": "r1"}
    assert changes("--model.d-spectral", Config()) == {"model.d_spectral": True}
    assert changes("a smaller --penalty.weight", Config()) == {}


def test_points_of_a_data_set_of_ones_own_are_points(monkeypatch):
    """What is suggested follows from the shape of the data, not from their name."""
    monkeypatch.setitem(DATASETS, "own", DATASETS["ring"])
    own = dataclasses.replace(METHODS["ns_gan"], dataset=DatasetConfig("own"))
    assert "--model.z-dim 2" in suggest_flags(FOR_VERDICT["not_learned"], own)
    assert suggest_flags(["adaptive_augment"], own) == []
