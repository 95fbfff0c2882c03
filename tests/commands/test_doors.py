"""The same command through three doors: `gan-jax`, `python -m gan_jax`, launchers."""

from pathlib import Path

import pytest
from command_tools import DOORS, MODULES, enter, refused, typed_command

import gan_jax
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.commands import COMMANDS, sample, train
from gan_jax.commands import list as list_command
from gan_jax.terminal import command_name
from gan_jax.terminal.command_name import name_command, name_commands_in

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_command_as_it_was_started(name, door, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    assert enter(door, [name, "--help"], monkeypatch) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: {typed_command(door, name)} ")
    others = {typed_command(other, name) for other in DOORS if other != door}
    assert not any(f"{other} " in text for other in others)


@pytest.mark.parametrize("door", DOORS)
def test_the_words_reach_the_command(door, monkeypatch, capsys):
    assert enter(door, ["train", "drgan"], monkeypatch) == 2
    output = capsys.readouterr()
    assert "did you mean 'dragan'?" in output.err and output.out == ""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("words", "advised"),
    [(["train"], "train"), (["report", "nowhere"], "compare")],
)
def test_advice_names_a_command_as_this_one_was_started(
    words, advised, door, monkeypatch, capsys
):
    assert enter(door, words, monkeypatch) == 2
    assert f"{typed_command(door, advised)} " in capsys.readouterr().err


def test_a_script_that_is_no_command_is_told_the_console_command():
    assert name_command("prepare") == "gan-jax prepare"
    text = "`gan-jax prepare inception`, not-gan-jax prepare"
    assert name_commands_in(text) == text


def test_every_command_has_a_file_and_a_launcher_of_at_most_20_lines():
    files = {path.stem for path in (ROOT / "gan_jax" / "commands").glob("[!_]*.py")}
    assert files == COMMANDS.keys() == MODULES.keys()
    for name in COMMANDS:
        module = typed_command("launcher", name).split()[-1]
        launcher = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        assert len(launcher.read_text("utf-8").splitlines()) <= 20
    assert set(command_name.IN_BENCHMARKS) <= COMMANDS.keys()


@pytest.mark.parametrize("door", ["console", "package"])
@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_console_command_lists_the_commands(words, door, monkeypatch, capsys):
    assert enter(door, words, monkeypatch) == 0
    text = capsys.readouterr().out
    start = typed_command(door, "COMMAND")
    assert text.startswith(f"usage: {start} ") and f"`{start} --help`" in text
    for name, about in COMMANDS.items():
        assert f"  {name:10} {about}\n" in text


def test_an_unknown_command_is_one_line_with_the_nearest(monkeypatch, capsys):
    assert enter("console", ["trian", "r1"], monkeypatch) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1
    start = "error: command 'trian' is unknown; did you mean 'train'? allowed: "
    assert output.err == f"{start}{', '.join(COMMANDS)}\n"


def test_the_console_command_tells_the_version(monkeypatch, capsys):
    assert enter("console", ["--version"], monkeypatch) == 0
    assert capsys.readouterr().out == f"{gan_jax.__version__}\n"


@pytest.mark.parametrize("words", [["losses"], ["generator", "penalties"], []])
def test_train_lists_what_list_lists(words, capsys):
    assert list_command.main(words) == 0
    listed = capsys.readouterr().out
    expected = "path_length" if words[:1] == ["generator"] else "non_saturating"
    assert expected in listed and listed.count("\n") > 1
    assert train.main(["--list", *words]) == 0
    assert train.main(["r1", "--list", *words, "--seed", "1"]) == 0
    assert capsys.readouterr().out == 2 * listed


@pytest.mark.parametrize("door", DOORS)
def test_a_quoted_command_keeps_its_flags_in_every_form(door):
    command = typed_command(door, "compare")
    told = f"run {command} --suite NAME --out x; or choose --out y"
    expected = f"run {command} --suite NAME --out x; or choose out y"
    assert make_flag_rewriter(sample.Flags)(told) == expected


def test_an_unknown_kind_of_names_is_one_line_with_the_nearest(capsys):
    assert "did you mean 'losses'?" in refused(train, ["--list", "loses"], capsys)
    assert "did you mean 'losses'?" in refused(list_command, ["loses"], capsys)
