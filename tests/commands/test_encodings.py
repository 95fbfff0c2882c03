"""What commands print and write, in any encoding and on any terminal."""

import ast
import io
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_tools import DOORS, MODULES, WITH_FLAGS, enter, paint

import gan_jax
from benchmarks.speed import measure as speed
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.commands import COMMANDS, data, train
from gan_jax.config.serialization import from_file
from gan_jax.terminal import screens
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import show_progress, track

ROOT = Path(gan_jax.__file__).parent.parent
SOURCES = [
    path
    for folder in ("gan_jax", "experiments", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
]
HARD_NAME = "a[v2] b[/b] :smile: {x} é"
RUN = [
    "r1",
    "--dataset.name=ring",
    "--steps=2",
    "--batch-size=8",
    "--model.width=4",
    "--checkpoint.every=1h",
]


@pytest.mark.slow
def test_training_ends_in_the_home_folder_in_an_encoding_that_lacks_a_letter(
    place, monkeypatch
):
    out, err = (io.TextIOWrapper(io.BytesIO(), "ascii") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert train.main([*RUN, "--out=~/crêpe"]) == 0
    out.flush()
    assert b"home/cr\\xeape/samples.png" in out.buffer.getvalue()
    assert (place.parent / "home" / "crêpe" / "summary.json").exists()
    assert not list(place.iterdir())
    assert train.main(["--config", "~/crêpe/config.json", "--out=~/crêpe"]) == 2
    err.flush()
    assert b"home/cr\\xeape: exists" in err.buffer.getvalue()


BAD = "é\udcff"
"""A path with a letter that ASCII lacks, and a byte that is no text."""
BAD_INPUT = {
    **{name: [BAD] for name in ("sample", "evaluate", "diagnose", "runs", "report")},
    "data": [f"folder:{BAD}"],
    "dirac": ["--out", BAD],
    "compare": ["--suite", BAD],
    "merge": [BAD, BAD, "--out", BAD],
    "train": [BAD],
    "speed": ["--cases", BAD],
}
"""Words that a command refuses with a message that quotes them."""


@pytest.mark.parametrize("name", BAD_INPUT)
def test_every_command_prints_names_in_any_encoding(place, monkeypatch, name):
    assert BAD_INPUT.keys() == {*WITH_FLAGS, "speed"}
    err = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stderr", err)
    command = {"speed": speed, **WITH_FLAGS}[name]
    assert command.main(BAD_INPUT[name]) == 2
    err.flush()
    assert b"\\xe9\\udcff" in err.buffer.getvalue()


@pytest.mark.slow
def test_a_run_is_written_and_read_in_the_c_locale(place):
    environment = os.environ | {"LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-X", "utf8=0", "-m", "gan_jax", "train", *RUN]
    for arguments in (["--out=r"], ["--out=r", "--resume"]):
        subprocess.run([*command, *arguments], env=environment, check=True)
    assert from_file(place / "r" / "config.json").steps == 2


def test_every_text_file_has_its_encoding_named():
    """Under LC_ALL=C, and on Windows, there is another than UTF-8 otherwise."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert names_encoding(node), f"{path}:{node.lineno}"


def names_encoding(call):
    if any(word.arg == "encoding" for word in call.keywords):
        return True
    receiver = ast.unparse(call.func.value)
    match call.func.attr:
        case "read_text":
            return len(call.args) >= 1 and ast.unparse(call.args[0]).startswith(
                "'utf-8"
            )
        case "write_text":
            return receiver == "logs" or len(call.args) >= 2
        case "open" if receiver not in ("Image", "os"):
            return bool(call.args) and "b" in ast.unparse(call.args[0])
    return True


def test_names_are_printed_as_they_are(monkeypatch, capsys):
    monkeypatch.setattr(screens, "PATIENCE", 0.0)
    monkeypatch.setattr(screens, "TICK", 0.01)
    with show_progress("reading"):
        for _ in track("ab", f"reading {HARD_NAME}"):
            time.sleep(0.1)
    plain_console().print(HARD_NAME)
    out, err = capsys.readouterr()
    assert out == f"{HARD_NAME}\n"
    assert f"reading {HARD_NAME}\n" in err


@contextmanager
def unread_output(monkeypatch, buffering):
    """Standard output is a pipe that nothing reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", buffering, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        yield
        monkeypatch.undo()


@pytest.mark.parametrize("buffering", [1, -1], ids=["lines", "blocks"])
def test_a_command_that_nothing_reads_ends_in_silence(monkeypatch, capsys, buffering):
    with unread_output(monkeypatch, buffering):
        code = catch_user_errors(lambda: print("a line"))
    assert (code, capsys.readouterr().err) == (141, "")


@pytest.mark.parametrize("buffering", [1, -1], ids=["lines", "blocks"])
def test_work_goes_on_when_nothing_reads_of_it(monkeypatch, buffering):
    with unread_output(monkeypatch, buffering):
        plain_console().print("a line")
        assert list(track("ab", "reading")) == ["a", "b"]
        assert catch_user_errors(lambda: print("done")) == 0


@pytest.mark.parametrize("code", [130, 143])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_was_interrupted_ends_without_waiting_for_xla(
    name, door, code, monkeypatch
):
    """An ordinary exit may crash while a program is compiled."""
    ended = []
    monkeypatch.setattr(MODULES[name], "main", lambda arguments: code)
    monkeypatch.setattr(os, "_exit", ended.append)
    assert enter(door, [name], monkeypatch) == code
    assert ended == [code]


def test_no_other_module_makes_consoles_and_bars():
    """They would read names as markup."""
    makers = {"Console", "Progress", "track", "wrap_file"}
    for path in SOURCES:
        if path.parent == Path(screens.__file__).parent:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in makers - {"track"}, f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "rich"
            ):
                names = {alias.name for alias in node.names}
                used = names & makers - {"Progress"}  # a type, in logs and outputs
                assert not used, f"{path}:{node.lineno}"


def test_a_folder_of_a_hard_name_is_described_and_drawn(place, capsys):
    paint(place / HARD_NAME)
    assert data.main([f"folder:{HARD_NAME}", "--out", "[b].png"]) == 0
    assert "picture    [b].png" in capsys.readouterr().out


def test_long_lines_of_a_training_are_printed_whole(capsys):
    """What training tells, and where; longer than a terminal is wide."""
    with show_progress("training", stderr=False) as work:
        work.print_line(f"data: folder:{HARD_NAME * 9}")
    assert capsys.readouterr().out == f"data: folder:{HARD_NAME * 9}\n"
