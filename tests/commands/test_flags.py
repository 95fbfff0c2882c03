"""What a user types: help, unknown flags, flags that change nothing, both players."""

import os
import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from benchmarks import supply
from benchmarks.speed import measure as speed
from gan_jax.assembly.unused_fields import refuse_unused_fields, used_fields
from gan_jax.command_line.flag_sources import flag_names
from gan_jax.command_line.flags import (
    extract_flags,
    find_given_fields,
    set_both_optimizers,
)
from gan_jax.command_line.help import RECOMMENDED
from gan_jax.command_line.tyro_messages import extract_message
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.commands import compare, data, diagnose, evaluate, sample, train
from gan_jax.config import DatasetConfig
from gan_jax.config.serialization import flat, to_json
from gan_jax.methods import CATALOGUE, IDEAS, METHODS


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Nothing is written."""
    monkeypatch.chdir(tmp_path)
    yield
    assert [path for path in tmp_path.iterdir() if path.suffix != ".json"] == []


def reason(command, words, capsys):
    """Why a command refuses its flags, before it has printed anything."""
    assert command.main(shlex.split(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ") and output.err.count("\n") == 1
    return output.err.removeprefix("error: ")


def printed(words, capsys):
    """The Config that training would begin with, as --print-config has it."""
    assert train.main([*shlex.split(words), "--print-config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return dict(line.removesuffix("   (unused)").split(" = ", 1) for line in lines)


def helped(words, capsys):
    with pytest.raises(SystemExit) as stop:
        train.main(shlex.split(words))
    assert not stop.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "words, told, cause",
    [
        ("ns_gan --penalty.weight 10", "penalty.weight 10.0", "penalty.name 'none'"),
        ("ns_gan --penalty.weight_end=None", "penalty.weight_end None", "penalty.name"),
        ("r1 --penalty.no-coupled", "penalty.coupled False", "model.d_minibatch"),
        ("ns_gan --sweep.penalty", "sweep.penalty ()", "penalty.name 'none'"),
        (
            "r1 --dataset.name ring --dataset.no-rgb",
            "dataset.rgb False",
            "dataset.name",
        ),
        ("r1 --metrics.every 0 --metrics.n 1000", "metrics.n 1000", "metrics.every 0"),
    ],
)
def test_flag_that_the_choice_does_not_read_is_refused_at_its_default(
    capsys, words, told, cause
):
    said = reason(train, words, capsys)
    assert said.startswith(f"{told} has no effect with {cause}")
    assert said.endswith("; leave it out, or change that\n")


UNREAD = sorted(set(flat(METHODS["ns_gan"])) - used_fields(METHODS["ns_gan"]))


@pytest.mark.parametrize("field", UNREAD)
def test_field_that_is_unread_is_refused_as_it_stands_if_it_was_given(field):
    base = METHODS["ns_gan"]
    refuse_unused_fields(base, base)
    flag = "--" + field.replace("_", "-")
    given = find_given_fields(train.Flags, [f"{flag}=1"])
    assert given == {field}
    with pytest.raises(ValueError) as error:
        refuse_unused_fields(base, base, given)
    told = f"{field} {flat(base)[field]!r} has no effect with "
    assert str(error.value).startswith(told)


def test_flags_given_beside_a_file_are_refused_and_its_own_fields_are_not(capsys):
    old = replace(METHODS["ns_gan"], dataset=DatasetConfig("ring", sigma=0.1))
    Path("config.json").write_text(to_json(old), "utf-8")
    file = "--config config.json"
    assert printed(file, capsys)["penalty.weight"] == "10.0"
    told = reason(train, f"{file} --penalty.weight 10", capsys)
    assert told.startswith("penalty.weight 10.0 has no effect")


@pytest.mark.parametrize(
    "command, words, told",
    [
        (train, "r1 --allow-changes", "--allow-changes has no effect without --resume"),
        (train, "r1 --resume --overwrite", "--overwrite has no effect with --resume"),
        (diagnose, "run --no-spectrum --count 10", "--count has no effect with --no-s"),
        (diagnose, "run --minutes 3 --no-spectrum", "--minutes has no effect with --n"),
        (evaluate, "--reference ring --seed 0", "--seed has no effect without the fo"),
        (evaluate, "--reference ring --ema", "--ema has no effect without the folder"),
        (evaluate, "run --weights w.pth", "--weights has no effect without --extrac"),
        (data, "ring --no-rgb", "--rgb has no effect with the data set 'ring'; leave"),
        (data, "digits --sigma None", "--sigma has no effect with the data set 'dig"),
        (compare, "--suite dirac --seeds 10", "--seeds has no effect in the suite 'd"),
        (speed, "penalties --batch None", "--batch has no effect without the part '"),
    ],
)
def test_command_refuses_a_flag_that_it_would_not_read(capsys, command, words, told):
    assert reason(command, words, capsys).startswith(told)


@pytest.mark.parametrize(
    "words, told",
    [
        ("--steps many", "--steps: must be a whole number, got 'many';"),
        ("--steps=1.5", "--steps: must be a whole number, got '1.5';"),
        ("--lr abc", "--lr: must be a number or None, got 'abc';"),
        ("--g-optimizer.b2 x", "--g-optimizer.b2: must be a number or None, got 'x';"),
        ("--sweep.penalty 1,b", "--sweep.penalty: must be numbers, got '1 b';"),
        ("--devices two", "--devices: must be a whole number or None, got 'two';"),
        ("--lr-schedule liner", "invalid choice 'liner' for argument '--lr-schedule'"),
        ("--seed", "Missing value for argument '--seed'. Expected 1 values"),
        ("ring", "Unrecognized options: ring"),
    ],
)
def test_flag_that_cannot_be_read_is_one_line(capsys, words, told):
    said = reason(train, f"r1 {words}", capsys)
    assert said.startswith(told) and said.endswith("; --help-all shows every flag\n")


@pytest.mark.parametrize("word", ["\r", "a\rb", "\v", "\x85", "\u2028", "\x1c", "\t"])
def test_word_that_would_end_a_line_is_named_in_one(capsys, word):
    code = train.main(["r1", "--penalty.coupled", word])
    said = capsys.readouterr().err
    assert code == 2 and len(said.splitlines()) == 1
    assert said.startswith(f"error: Unrecognized options: {ascii(word)[1:-1]};")


def test_line_of_a_box_is_the_same_in_every_encoding():
    boxed = """\
╭─ Invalid choice ────────────────────╮
│ invalid choice 'x' for argument     │
│ '--size'. Expected one of (1, 2).   │
│ ─────────────────────────────────── │
│ For full helptext, run p --help     │
╰─────────────────────────────────────╯
"""
    ascii_only = """\
 Invalid choice
 -------------------------------------
  invalid choice 'x' for argument
  '--size'. Expected one of (1, 2).
  -----------------------------------
  For full helptext, run p --help

"""
    expected = "invalid choice 'x' for argument '--size'. Expected one of (1, 2)"
    assert extract_message(boxed) == extract_message(ascii_only) == expected


@pytest.mark.parametrize(
    "command, typed, meant",
    [
        (train, "--penalty.wieght", "--penalty.weight or --penalty.weight-end"),
        (train, "--weight", "--penalty.weight or --generator-penalty.weight"),
        (train, "--learning-rate", "--lr or --g-optimizer.learning-rate or --d-optim"),
        (train, "--no-dataset.rgb", "--dataset.no-rgb"),
        (train, "--no-steps", "--steps"),
        (train, "--metrics", "--metrics.n"),
        (sample, "--sede", "--seed?"),
        (data, "--sgima", "--sigma?"),
        (compare, "--suit", "--suite?"),
        (sample, "--steps", ""),
    ],
)
def test_unknown_flag_is_one_line_with_the_nearest_names(capsys, command, typed, meant):
    said = reason(command, f"r1 {typed}=1", capsys)
    assert said.startswith(f"{typed}: there is no such flag; ")
    assert meant in said and ("did you mean" in said) == bool(meant)


def test_unknown_method_is_told_the_nearest(capsys):
    assert "did you mean 'dragan'?" in reason(train, "drgan", capsys)


def test_given_fields_are_read_from_the_words():
    words = "--batch_size=8 --dataset.no-rgb --penalty.weight-end 1 x -3 --no-resume"
    expected = {"batch_size", "dataset.rgb", "penalty.weight_end", "resume"}
    assert find_given_fields(train.Flags, shlex.split(words)) == expected
    assert extract_flags(["--out=--x", "--", "--lr"]) == ["--out", "--lr"]


def test_lr_sets_both_players_and_their_own_flags_win(capsys):
    """ttur has 1e-4 and 4e-4."""
    words = "--g_optimizer.schedule=cosine --lr-schedule linear --lr 1e-3"
    fields = printed(f"ttur {words} --d-optimizer.learning-rate 4e-3", capsys)
    rates = [fields[f"{player}_optimizer.learning_rate"] for player in "gd"]
    assert rates == ["0.001", "0.004"]
    schedules = [fields[f"{player}_optimizer.schedule"] for player in "gd"]
    assert schedules == ["cosine", "linear"]
    assert not {"lr", "lr_schedule"} & fields.keys()


def test_value_of_both_players_is_checked_as_those_of_each(capsys):
    assert "g_optimizer.learning_rate: " in reason(train, "r1 --lr -1", capsys)


def test_values_of_both_players_are_in_the_config_and_in_no_other_place():
    old = METHODS["ttur"]
    values = {"lr": 1e-3, "lr_schedule": None}
    new = set_both_optimizers(old, values, given={"d_optimizer.learning_rate"})
    assert new.g_optimizer == replace(old.g_optimizer, learning_rate=1e-3)
    assert replace(new, g_optimizer=old.g_optimizer) == old
    both = set_both_optimizers(old, {"lr": None, "lr_schedule": "linear"})
    assert both.g_optimizer == replace(old.g_optimizer, schedule="linear")
    assert both.d_optimizer == replace(old.d_optimizer, schedule="linear")


FAST = ("r1", "dcgan64_gp")
SLOW = [
    pytest.param(name, marks=pytest.mark.slow) for name in METHODS if name not in FAST
]


@pytest.mark.parametrize("name", [*FAST, *SLOW])
def test_help_of_a_method_is_short_and_its_examples_work(capsys, name):
    text = helped(f"{name} --help", capsys)
    lines = text.splitlines()
    assert len(lines) <= 46
    assert all(len(x) <= 80 for x in lines if "gan-jax train " not in x)
    named = extract_flags(text.replace("[--flag", "").split())
    named = {flag.rstrip(",.") for flag in named}
    assert named <= {*flag_names(train.Flags), "--help-all", "--list"}
    common = {"--steps", "--batch-size", "--lr", "--dataset.name", "--model.name"}
    assert common | {"--out", "--seed", "--resume", "--help-all", "--list"} <= named
    start = "  gan-jax train "
    examples = [x.removeprefix(start) for x in lines if x.startswith(start)]
    assert len(set(examples)) == 3
    assert all(example.startswith(f"{name} --") for example in examples)
    for example in examples:
        printed(example, capsys)


def test_every_method_has_an_idea_in_plain_words():
    assert IDEAS.keys() == CATALOGUE.keys()
    assert all(idea.endswith(".") and len(idea) <= 160 for idea in IDEAS.values())


def test_help_shows_the_fields_that_matter_for_the_method_with_its_values(capsys):
    text = helped("r1 -h", capsys)
    assert f"r1: {IDEAS['r1'][:40]}" in text and "Mescheder" in text
    assert "\n  --penalty.weight 10.0  " in text
    assert "lambda of WGAN-GP, gamma of R1" in text
    assert "\n  --out runs/r1  " in text and "\n  --model.name mlp  " in text
    for absent in ("--penalty.sigma", "--dynamics", "--augment", "--ema"):
        assert absent not in text
    text = helped("ns_gan --help", capsys)
    assert "--penalty" not in text
    text = helped("lookahead --dataset.name ring --help", capsys)
    assert "\n  --dynamics.k 5 " in text


def test_help_shows_the_values_for_the_data_that_are_named(capsys):
    text = helped("r1 --dataset.name ring --help", capsys)
    assert "on ring\n" in text and "\n  --dataset.name ring  " in text
    assert "\n  --model.name mlp  " in text and "\n  --penalty.weight 0.1  " in text


def test_help_without_a_method_says_how_to_choose_one(capsys):
    text = helped("--help", capsys)
    assert len(text.splitlines()) <= 45
    assert all(f"\n  {name} " in text for name in RECOMMENDED)
    assert text.count("\n  gan-jax train r1") == 3
    assert "usage: gan-jax train METHOD" in text


@pytest.mark.parametrize("words", ["--help-all", "r1 --help-all"])
def test_long_help_is_there_with_and_without_a_method(capsys, words):
    text = helped(words, capsys)
    for flag in flag_names(train.Flags):
        assert flag in text


def test_help_of_a_file_is_that_of_its_choices(capsys):
    config = replace(METHODS["wgan_gp"], out="runs/old")
    Path("config.json").write_text(to_json(config), "utf-8")
    text = helped("--config config.json --help", capsys)
    assert "usage: gan-jax train --config config.json [" in text
    assert "penalty wgan_gp" in text and "\n  --out runs/old " in text


@pytest.mark.parametrize(
    "command", [sample, evaluate, diagnose, data, compare, speed, supply]
)
def test_other_commands_have_short_helps_by_both_flags(capsys, command):
    for flag in ("--help", "--help-all"):
        with pytest.raises(SystemExit) as stop:
            catch_user_errors(partial(command.main, [flag]))
        assert not stop.value.code
        assert len(capsys.readouterr().out.splitlines()) <= 60


@pytest.mark.parametrize("words", ["r1 --help", "--help-all"])
def test_help_that_nothing_reads_ends_in_silence(capsys, monkeypatch, words):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as stop:
            train.main(words.split())
        monkeypatch.undo()
    assert stop.value.code == 141
    assert capsys.readouterr().err == ""
