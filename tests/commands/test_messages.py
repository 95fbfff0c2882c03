"""The flags and commands that messages name: a command names only what it has."""

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from command_tools import FLAG, WITH_FLAGS, refused, with_negatives

import gan_jax
from benchmarks.speed import measure as speed
from gan_jax.command_line.flag_sources import flag_names, make_flag_rewriter
from gan_jax.command_line.training_end import print_result
from gan_jax.commands import COMMANDS, data, evaluate, train
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.parallel import memory_check

PACKAGE = Path(gan_jax.__file__).parent
LIBRARY = [
    path
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0]
    not in ("command_line", "commands", "benchmark")
]
"""The modules whose messages every command may show."""
COMMAND_LINE = sorted((PACKAGE / "command_line").rglob("*.py"))
BENCHMARK = sorted((PACKAGE / "benchmark").rglob("*.py"))
"""The modules whose messages compare, report and merge show."""
TRAIN = flag_names(train.Flags)
ONE_RUN = {
    *("--resume", "--overwrite", "--allow-changes", "--config"),
    *("--lr", "--lr-schedule"),
}
"""Flags of train that only training speaks of."""
OTHERS = {name: m for name, m in WITH_FLAGS.items() if name != "train"}
OTHERS |= {"speed": speed}
"""The commands with flags beside train."""


@cache
def texts_of(path):
    """Every text in a module's code, the parts of an f-string as one.

    A command that an f-string names stands there as `gan-jax NAME`, another value as X.
    """
    return list(find_texts(path))


def find_texts(path):
    tree = ast.parse(path.read_text("utf-8"))
    whole = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in whole for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(text_of_part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in parts:
                yield node.value


def text_of_part(part):
    if isinstance(part, ast.Constant):
        return part.value
    match part.value:
        case ast.Call(func=ast.Name("name_command"), args=[ast.Constant(value=name)]):
            return f"gan-jax {name}"
    return "X"


def flags_in(text):
    """The flags that a text names, but for those of commands that it quotes."""
    start = r"(python -m |git |gan-jax )"
    return set(FLAG.findall(re.sub(start + "[^;,`]*", "", text)))


def is_word(text):
    """Whether a text is an argument of some command, not a message."""
    return re.fullmatch(r"--\S+", text) is not None


@pytest.mark.parametrize("name", ["train", *OTHERS])
def test_flags_are_those_that_the_help_shows(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    command = (WITH_FLAGS | OTHERS)[name]
    with pytest.raises(SystemExit):
        command.main(["--help-all"])
    shown = set(FLAG.findall(capsys.readouterr().out.partition("options")[2]))
    flags = flag_names(command.Flags)
    assert flags <= shown
    assert flags


def test_library_names_only_flags_that_a_command_has():
    own = TRAIN | flag_names(evaluate.Flags) | {"--no-spectrum", "--config", "--clear"}
    for path in LIBRARY:
        for text in texts_of(path):
            assert flags_in(text) <= own, (path, text)
    own = with_negatives(own) | {"--flag", "--help", "--help-all", "--list"}
    for path in COMMAND_LINE:
        for text in texts_of(path):
            assert is_word(text) or flags_in(text) <= own, (path, text)


def test_benchmark_names_only_flags_that_its_commands_have():
    commands = (WITH_FLAGS[name] for name in ("compare", "report", "merge"))
    own = {"--config"}.union(*(flag_names(command.Flags) for command in commands))
    for path in BENCHMARK:
        for text in texts_of(path):
            assert is_word(text) or flags_in(text) <= own, (path, text)


@pytest.mark.parametrize("name", OTHERS)
def test_command_names_only_its_own_flags(name):
    command = OTHERS[name]
    own = with_negatives(flag_names(command.Flags))
    if name == "compare":
        own |= {"--resume"}  # which it puts into other words
    for text in texts_of(Path(command.__file__)):
        assert is_word(text) or flags_in(text) <= own, text


@pytest.mark.parametrize("name", WITH_FLAGS)
def test_command_that_a_docstring_quotes_has_the_flags_beside_it(name):
    """Of any module of the library, as of the commands' own, which are help texts."""
    own = with_negatives(flag_names(WITH_FLAGS[name].Flags))
    own |= {"--config", "--flags", "--help", "--help-all", "--list"}
    quoted = re.compile(rf"gan-jax {name}\b([^;`]*)")
    for path in PACKAGE.rglob("*.py"):
        for text in texts_of(path):
            for words in quoted.findall(text):
                assert set(FLAG.findall(words)) <= own, (path, text)


@pytest.mark.parametrize("name", OTHERS)
def test_messages_of_the_library_are_put_into_a_commands_own_flags(name):
    """Of what only training says, nothing is asked here."""
    command = OTHERS[name]
    rewrite = make_flag_rewriter(command.Flags)
    own = with_negatives(flag_names(command.Flags))
    foreign = ONE_RUN | {"--no-spectrum", "--metrics", "--n", "--weights"}
    for path in LIBRARY:
        for text in texts_of(path):
            assert flags_in(rewrite(text)) <= own | foreign, (path, text)


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


def test_commands_that_messages_name_exist():
    """In every docstring and message: `gan-jax NAME`, or a launcher of a checkout."""
    named = re.compile(r"(?:gan-jax|python -m gan_jax) (?!NAME|COMMAND)([a-z]+)")
    for path in PACKAGE.rglob("*.py"):
        for text in texts_of(path):
            assert set(named.findall(text)) <= COMMANDS.keys(), (path, text)


@pytest.mark.parametrize("verdict", ["completed", "interrupted"])
def test_printed_commands_can_be_pasted(capsys, verdict):
    summary = {"verdict": verdict, "steps": 1, "wall_seconds": 1.0}
    summary |= {"steps_per_second": 1.0, "last_row": {"d_loss": 1, "g_loss": 1}}
    print_result("my run's $1", summary)
    said = capsys.readouterr().out
    words = {
        line.split()[0]: shlex.split(line)[3:]
        for line in said.splitlines()
        if "gan-jax train " in line
    }
    config = ["--config", "my run's $1/config.json", "--out"]
    expected = {"repeat": [*config, "my run's $1-again"]}
    if verdict == "interrupted":
        expected["resume"] = [*config, "my run's $1", "--resume"]
    assert words == expected


def test_no_message_shows_a_value_that_nobody_gave(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory_check, "memory_limit", lambda mesh: 1)
    ring = ["r1", "--dataset.name=ring", "--batch-size=8", "--model.width=4"]
    said = refused(train, [*ring, "--dataset.size=100"], capsys)
    assert "dataset.resolution, seeds 1" in said and "None" not in said
    said = refused(train, ["r1", "--dataset.name=digits", "--batch-size=2000"], capsys)
    assert "exceeds the 1797 examples of 'digits'" in said and "None" not in said
    assert "set --batch-size 1797" in said


def test_optional_fields_are_not_put_into_messages_bare():
    """A field that may be None is printed only where it was found to be set."""
    optional = {name for name, value in flat(Config()).items() if value is None}
    optional -= {"model.name", "model.output"}  # `resolve` has set them by then
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        for name in re.findall(r"\{(?:self\.)?config\.([a-z_.]+)[!:}]", text):
            assert name not in optional, f"{path}: {name}"
