"""What a user types and reads: paths, flags in messages, names, encodings."""

import ast
import dataclasses
import importlib
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import gan_jax
from gan_jax import commands
from gan_jax.command_line.flag_sources import flag_names, make_flag_rewriter
from gan_jax.command_line.paths import FIGURE_SUFFIXES, IMAGE_SUFFIXES, expand_home
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.commands import data, diagnose, dirac, evaluate, sample, train
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import flat, from_file, to_json
from gan_jax.data import storage
from gan_jax.logs import metric_log as logs
from gan_jax.logs.grids import image_grid
from gan_jax.parallel import memory_check as memory
from gan_jax.run.train_run import prepared
from gan_jax.terminal import output as terminal
from gan_jax.terminal.output import plain_console, track, working

ROOT = Path(gan_jax.__file__).parent.parent
SOURCES = [
    p
    for d in ("gan_jax", "experiments", "benchmarks")
    for p in (ROOT / d).rglob("*.py")
]
FLAG = re.compile(r"(?<![\w-])--[a-z](?:[a-z0-9.-]*[a-z0-9])?")
TRAIN = flag_names(train.Flags)
ONE_RUN = {
    *("--resume", "--overwrite", "--allow-changes", "--config"),
    *("--lr", "--lr-schedule"),
}
"""Flags of experiments.train that only training speaks of."""
ADVISED = {"--lr", "--lr-schedule"}
"""Flags of experiments.train, no fields, that advice for another training names."""
COMMANDS = {
    name: importlib.import_module(name)
    for name in (
        *(
            f"gan_jax.commands.{name}"
            for name in commands.COMMANDS
            if name not in ("train", "list", "prepare", "cache")
        ),
        "benchmarks.speed.measure",
    )
}
"""Modules with flags beside train's, by name."""
HARD_NAME = "a[v2] b[/b] :smile: {x} é"


def texts_of(path):
    """Every text in a module's code, the parts of an f-string as one."""
    tree = ast.parse(path.read_text("utf-8"))
    whole = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in whole for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "X"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in parts:
                yield node.value


def without_commands(text):
    """The text without the commands of others that it quotes."""
    start = r"(python -m |git |`(benchmarks|experiments)\.)"
    return re.sub(start + "[^;,`]*", "", text)


def with_negatives(flags):
    return flags | {re.sub(r"(--|\.)(?=[^.]*$)", r"\1no-", flag) for flag in flags}


@pytest.mark.parametrize("name", ["gan_jax.commands.train", *COMMANDS])
def test_flags_are_those_that_the_help_shows(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    command = importlib.import_module(name)
    with pytest.raises(SystemExit):
        command.main(["--help-all"])
    shown = set(FLAG.findall(capsys.readouterr().out.partition("options")[2]))
    flags = flag_names(command.Flags)
    assert flags <= shown
    assert flags


def test_library_names_only_flags_that_a_command_has():
    own = TRAIN | flag_names(evaluate.Flags) | {"--no-spectrum", "--config", "--clear"}
    for path in (ROOT / "gan_jax").rglob("*.py"):
        for text in texts_of(path):
            assert set(FLAG.findall(without_commands(text))) <= own, (path, text)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_command_names_only_its_own_flags(name):
    command = COMMANDS[name]
    own = with_negatives(flag_names(command.Flags))
    if name == "gan_jax.commands.compare":
        own |= {"--resume"}  # which it puts into other words
    for text in texts_of(Path(command.__file__)):
        if not FLAG.fullmatch(text):  # a word to look for, not a message
            assert set(FLAG.findall(without_commands(text))) <= own, text


@pytest.mark.parametrize("name", list(COMMANDS))
def test_messages_of_the_library_are_put_into_a_commands_own_flags(name):
    """Of what only training says, nothing is asked here."""
    command = COMMANDS[name]
    said, own = (
        make_flag_rewriter(command.Flags),
        with_negatives(flag_names(command.Flags)),
    )
    foreign = ONE_RUN | ADVISED | {"--no-spectrum", "--metrics", "--n", "--weights"}
    for path in (ROOT / "gan_jax").rglob("*.py"):
        for text in texts_of(path):
            found = set(FLAG.findall(without_commands(said(text))))
            assert found <= own | foreign, (path, text)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (train.Flags, "set --dataset.skip-bad or dataset.name; see dataset.v2/a"),
        (data.Flags, "set --skip-bad or name; see dataset.v2/a"),
        (evaluate.Flags, "set dataset.skip_bad or dataset.name; see dataset.v2/a"),
    ],
)
def test_a_flag_of_the_data_is_named_as_the_command_has_it(kind, expected):
    told = "set --dataset.skip-bad or dataset.name; see dataset.v2/a"
    assert make_flag_rewriter(kind)(told) == expected


def test_quoted_commands_keep_their_flags():
    told = "run python -m benchmarks.compare --suite NAME --out x; or choose --out y"
    expected = "run python -m benchmarks.compare --suite NAME --out x; or choose out y"
    assert make_flag_rewriter(sample.Flags)(told) == expected


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory, with a home and a cache of its own."""
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GAN_JAX_CACHE", "~/cache")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def paint(folder, count=6):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def refused(command, arguments, capsys):
    """The one line of a command that refuses its input."""
    assert command.main([str(word) for word in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


@pytest.mark.parametrize("path", ["pics", "./pics", "~/pics"])
def test_bare_path_as_a_data_set_says_how_to_write_it(place, capsys, path):
    paint(place / "pics")
    paint(place.parent / "home" / "pics")
    assert f"is a folder; write 'folder:{path}'" in refused(data, [path], capsys)
    arguments = ["r1", "--dataset.name", path]
    assert f"write 'folder:{path}'" in refused(train, arguments, capsys)


def test_path_that_is_no_folder_is_told_so(place, capsys):
    assert "no such folder; for" in refused(data, ["./nowhere"], capsys)
    assert "did you mean 'digits'" in refused(data, ["digit"], capsys)


def test_broken_picture_is_skipped_by_the_flag_that_is_told(place, capsys):
    (paint(place / "pics") / "b.png").write_bytes(b"no picture")
    said = refused(data, ["folder:pics"], capsys)
    (flag,) = FLAG.findall(said)
    assert data.main(["folder:pics", flag]) == 0
    assert "dataset." not in said


@pytest.mark.parametrize(
    "name", ["out", "out.xyz", "out.part", "no/out.png", "dir.png"]
)
def test_what_is_no_picture_file_is_refused_before_anything_is_drawn(
    place, capsys, monkeypatch, name
):
    (place / "dir.png").mkdir()
    monkeypatch.setattr(sample, "load_run", None)  # nothing is loaded
    monkeypatch.setattr(data, "dataset", None)
    monkeypatch.setattr(dirac, "games", None)
    assert f"grid {name}: " in refused(sample, ["run", "--grid", name], capsys)
    assert f"out {name}: " in refused(data, ["digits", "--out", name], capsys)
    assert f"out {name}: " in refused(dirac, ["--out", name], capsys)


def test_every_suffix_that_is_allowed_can_be_written(place):
    images = np.zeros((2, 8, 8, 3), np.float32)
    for suffix in IMAGE_SUFFIXES:
        image_grid(place / f"a{suffix}", images)
    for suffix in FIGURE_SUFFIXES:
        logs.write_atomically(place / f"b{suffix}", Figure((1, 1)).savefig)
    assert len(list(place.iterdir())) == len(IMAGE_SUFFIXES) + len(FIGURE_SUFFIXES)


def test_home_is_expanded_in_every_path(place):
    home = place.parent / "home"

    @dataclasses.dataclass(frozen=True)
    class Flags:
        one: str = "~/a"
        two: Path = Path("~/b")
        some: tuple[Path, ...] = (Path("~/c"), Path("d~"))
        none: str | None = None
        other: str = "~/e"

    found = expand_home(Flags(), "one", "two", "some", "none")
    expected = Flags(f"{home}/a", home / "b", (home / "c", Path("d~")))
    assert found == expected
    assert storage.cache_folder() == home / "cache"


def test_commands_expand_the_home_folder(place, capsys):
    paint(place.parent / "home" / "pics")
    assert data.main(["folder:~/pics", "--out", "~/preview.png"]) == 0
    assert (place.parent / "home" / "preview.png").exists()
    for command in (sample, evaluate, diagnose):
        assert f"run {place.parent}/home/r: " in refused(command, ["~/r"], capsys)
    weights = ["--reference", "folder:~/pics", "--extractor", "inception"]
    said = refused(evaluate, [*weights, "--weights", "~/w.pth"], capsys)
    assert f"{place.parent}/home/w.pth: no such file" in said
    for command in ("report", "merge"):
        arguments = ["~/r"] if command == "report" else ["~/r", "~/s", "--out", "~/o"]
        said = refused(COMMANDS[f"gan_jax.commands.{command}"], arguments, capsys)
        assert f"{place.parent}/home/r" in said
    assert not list(place.glob("~*"))


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


@pytest.mark.parametrize("verdict", ["completed", "interrupted"])
def test_printed_commands_can_be_pasted(capsys, verdict):
    summary = {"verdict": verdict, "steps": 1, "wall_seconds": 1.0}
    summary |= {"steps_per_second": 1.0, "last_row": {"d_loss": 1, "g_loss": 1}}
    print_result("my run's $1", summary)
    said = capsys.readouterr().out
    words = {
        line.split()[0]: shlex.split(line)[4:]
        for line in said.splitlines()
        if "python -m" in line
    }
    config = ["--config", "my run's $1/config.json", "--out"]
    expected = {"repeat": [*config, "my run's $1-again"]}
    if verdict == "interrupted":
        expected["resume"] = [*config, "my run's $1", "--resume"]
    assert words == expected


@pytest.mark.parametrize("command", [data, sample, evaluate, dirac, *COMMANDS.values()])
def test_every_command_prints_names_in_any_encoding(place, monkeypatch, command):
    err = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stderr", err)
    bad = "é\udcff"
    arguments = {data: [f"folder:{bad}"], dirac: ["--out", bad]}
    arguments[COMMANDS["gan_jax.commands.compare"]] = ["--suite", bad]
    arguments[COMMANDS["gan_jax.commands.merge"]] = [bad, bad, "--out", bad]
    arguments[COMMANDS["benchmarks.speed.measure"]] = ["--cases", bad]
    assert command.main(arguments.get(command, [bad])) == 2
    err.flush()
    assert b"\\xe9\\udcff" in err.buffer.getvalue()


@pytest.mark.slow
def test_a_run_is_written_and_read_in_the_c_locale(place):
    environment = os.environ | {"LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-X", "utf8=0", "-m", "experiments.train", *RUN]
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
    monkeypatch.setattr(terminal, "PATIENCE", 0.0)
    monkeypatch.setattr(terminal, "TICK", 0.01)
    with working("reading"):
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


def test_every_command_leaves_without_waiting_for_xla():
    """After Ctrl-C an ordinary exit may crash while a program is compiled."""
    commands = [p for p in SOURCES if p.parent.name == "experiments"]
    texts = [path.read_text("utf-8") for path in commands]
    ends = [text for text in texts if "return catch_user_errors(partial(" in text]
    assert len(ends) == 8
    assert all(text.endswith("    leave(main(sys.argv[1:]))\n") for text in ends)


def test_no_other_module_makes_consoles_and_bars():
    """They would read names as markup."""
    makers = {"Console", "Progress", "track", "wrap_file"}
    for path in SOURCES:
        if path.name == "terminal.py":
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


def test_pictures_of_a_hard_name_are_looked_at(place, capsys):
    paint(place / HARD_NAME)
    assert data.main([f"folder:{HARD_NAME}", "--out", "[b].png"]) == 0
    assert "picture    [b].png" in capsys.readouterr().out


def test_lines_of_a_training_are_whole_and_as_they_are(capsys):
    """What training tells, and where; longer than a terminal is wide."""
    with working("training", stderr=False) as work:
        work.tell(f"data: folder:{HARD_NAME * 9}")
    assert capsys.readouterr().out == f"data: folder:{HARD_NAME * 9}\n"


def test_config_with_a_byte_order_mark_is_read(place):
    path = place / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + to_json(Config(batch_size=7)).encode())
    assert from_file(path).batch_size == 7
    path.write_bytes(to_json(Config()).encode("utf-16"))
    with pytest.raises(ValueError, match="config.json: is not UTF-8 text"):
        from_file(path)


RING = Config(dataset=DatasetConfig("ring"))


def test_machine_that_does_not_tell_its_memory_trains(monkeypatch):
    monkeypatch.delattr(os, "sysconf")  # Windows
    assert memory.machine_memory() is None
    prepared(RING, lambda: None)


def test_machine_without_posix_modules_has_the_cache_and_the_timings(
    place, monkeypatch
):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "resource", None)
    own = runpy.run_path(storage.__file__)
    entry = place.parent / "home" / "cache" / "set-0123abcd"
    entry.mkdir(parents=True)
    (entry / "key.json").write_text("{}")
    own["hold"](entry / "key.json", np.zeros(1))
    (found,) = own["entries"]()
    assert own["remove"](found) and not entry.exists()
    assert runpy.run_path(str(ROOT / "benchmarks" / "turns.py"))["peak_bytes"]() >= 0


def test_no_message_shows_a_value_that_nobody_gave(monkeypatch, capsys, place):
    monkeypatch.setattr(memory, "memory", lambda mesh: 1)
    said = refused(train, [*RUN, "--dataset.size=100"], capsys)
    assert "dataset.size" in said and "None" not in said
    said = refused(train, ["r1", "--dataset.name=digits", "--batch-size=2000"], capsys)
    assert "exceeds the 1797 examples of 'digits'" in said and "None" not in said
    assert "set --batch-size 1797" in said


def test_optional_fields_are_not_put_into_messages_bare():
    """A field that may be None is printed only where it was found to be set."""
    optional = {name for name, value in flat(Config()).items() if value is None}
    optional -= {"model.name", "model.output"}  # `resolve` has set them by then
    for path in (ROOT / "gan_jax").rglob("*.py"):
        text = path.read_text("utf-8")
        for name in re.findall(r"\{(?:self\.)?config\.([a-z_.]+)[!:}]", text):
            assert name not in optional, f"{path}: {name}"
