"""Malformed configs: each is refused in one line that names the field, and nothing is
written."""

import json
import math
import re
from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from functools import partial

import numpy as np
import pytest
from config_changes import with_field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jax.errors import JaxRuntimeError

import gan_jax.parallel.memory_check
from gan_jax.assembly.assemble import build
from gan_jax.commands.train import main
from gan_jax.config import (
    Config,
    DatasetConfig,
    GeneratorPenaltyConfig,
    ModelConfig,
    SweepConfig,
)
from gan_jax.config.serialization import flat, from_json, to_json
from gan_jax.gan import Gan
from gan_jax.run.preparation import prepare_run
from gan_jax.run.train_run import train

FIELDS = list(flat(Config()))
GROUPS = [name for name, value in asdict(Config()).items() if isinstance(value, dict)]
BROKEN = "Invalid JSON"
LONGEST = 800
"""Characters of a message; lists of allowed names are the longest part."""
RING = Config(dataset=DatasetConfig("ring"), model=ModelConfig(width=8))


def fuzz(count):
    """Settings of a reproducible search; the fixtures are not reset in between."""
    shared = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=count,
        suppress_health_check=shared,
    )


def many(quick, exhaustive, slow=None):
    """Parametrize over a short search and longer ones."""
    counts = [quick, pytest.param(exhaustive, marks=pytest.mark.exhaustive)]
    if slow:
        counts.append(pytest.param(slow, marks=pytest.mark.slow))
    return pytest.mark.parametrize("count", counts)


def assert_one_line(error, *names):
    """A plain ValueError whose line has one of the names as a word of its own."""
    message = str(error)
    assert type(error) is ValueError
    assert message.isprintable()
    assert len(message) <= LONGEST
    words = (rf"(?<![\w.]){re.escape(name)}(?!\w)" for name in names)
    assert any(re.search(word, message) for word in words), message


def outcome(action):
    """The action's result, and its ValueError; one of them is None."""
    try:
        return action(), None
    except ValueError as error:
        return None, error


ODD_TEXTS = st.sampled_from(
    ["", " ", "\0", "\n", "a\nb", "\x1b[31m", "é", "\u2028", "10m", "0s", "٣m"]
    + ["9" * 30 + "h", "x" * 300, "x" * 100_000, "None", "NaN", "True", "10", "-"]
    + ["folder:", "folder:\0", "folder:~nobody's", "folder:" + "x" * 300, "folder:a\nb"]
    + ["tfds:", "tfds:\0", "tfds:mnist:9.9.9", "tfds:mnist/a=1", "tfds:a\nb", "tfds::"]
    + ["tfds:mnist/data_dir=1", "tfds:" + "x" * 400, ":", "a:b", "../..", "/", "mnist"]
    + ["tfds:mnist/none", "ring", "digits", "group", "instance", "hinge", "cosine"]
)
ODD_NUMBERS = st.sampled_from(
    ["1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1e308", "3.5e38", "1e-320"]
    + ["0", "-0", "-0.0", "-1", "1", "2", "1.0", "0.5", "2147483647", "2147483648"]
    + ["4294967295", "4294967296", "9223372036854775808", "1" + "0" * 400, "1" * 5000]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | ODD_TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=4,
)
JSON_TEXTS = (
    VALUES.map(json.dumps)
    | ODD_NUMBERS
    | ODD_NUMBERS.map("[{}]".format)
    | st.sampled_from(["[" * 50 + "]" * 50, "[" * 5000 + "]" * 5000, '"\\ud800"', ""])
    | st.sampled_from([json.dumps({f"k{i}": 1 for i in range(500)})])
)


@many(500, 50_000, slow=2000)
def test_any_json_value_builds_or_is_refused_by_its_field(count, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    @fuzz(count)
    @given(st.sampled_from(FIELDS + GROUPS), JSON_TEXTS)
    def search(field, text):
        group, _, name = field.rpartition(".")
        inner = f'{{"{name}": {text}}}'
        whole = f'{{"{group}": {inner}}}' if group else inner
        gan, error = outcome(lambda: build(from_json(whole)))
        if error is None:
            assert isinstance(gan, Gan)
        else:  # of a group the fault may lie inside; of broken text it is the text
            inside = [name for name in FIELDS if name.startswith(f"{field}.")]
            assert_one_line(error, field, *inside, BROKEN)

    search()


@many(300, 5000)
def test_unknown_json_fields_are_refused_by_their_names(count):
    @fuzz(count)
    @given(st.sampled_from(["", *GROUPS]), st.text(min_size=1), VALUES)
    def search(group, name, value):
        field = f"{group}.{name}" if group else name
        if field in FIELDS + GROUPS:
            return
        inner = {name: value}
        text = json.dumps({group: inner} if group else inner)
        with pytest.raises(ValueError) as refusal:
            from_json(text)
        if name.isascii() and name.isalnum():
            assert_one_line(refusal.value, field)
        else:
            assert_one_line(refusal.value, "Unexpected keyword argument", BROKEN)

    search()


@many(500, 20_000)
def test_garbled_json_is_refused_in_one_line(count):
    whole = to_json(Config())

    @fuzz(count)
    @given(st.integers(0, len(whole)), st.integers(0, 20), st.text(max_size=5))
    def search(start, length, text):
        garbled = whole[:start] + text + whole[start + length :]
        config, error = outcome(lambda: from_json(garbled, "run/config.json"))
        if error is None:
            assert isinstance(config, Config)
        else:
            assert_one_line(error, "run/config.json")

    search()


@many(300, 5000)
def test_binary_config_files_are_refused_by_their_path(
    count, monkeypatch, tmp_path, capsys
):
    monkeypatch.chdir(tmp_path)

    @fuzz(count)
    @given(st.binary(max_size=30))
    def search(content):
        (tmp_path / "c.json").write_bytes(b"{," + content)
        assert main(["--config", "c.json", "--print-config"]) == 2
        message = capsys.readouterr().err
        assert message.startswith("error: c.json: ")
        assert message.count("\n") == 1
        assert len(message) <= LONGEST

    search()
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


CIRCLE = []
CIRCLE.append(CIRCLE)
NOT_PLAIN = [
    np.int64(3),
    np.float32(0.5),
    np.bool_(True),
    np.ones(2),
    np.str_("\udcff"),
    math.nan,
    math.inf,
    10**30,
    10**5000,
    -1e300,
    1j,
    b"adam",
    "\udcff",
    {1},
    {(1, 2): 3},
    {"a": object()},
    object(),
    Decimal(1),
    date(2000, 1, 1),
    len,
    int,
    (x for x in "x"),
    CIRCLE,
    [1.0, "x"],
    ("x",),
    [[]],
]


@pytest.mark.parametrize("field", FIELDS + GROUPS)
def test_wrong_python_types_are_refused_before_anything_is_written(field, tmp_path):
    for value in NOT_PLAIN:
        config = with_field(RING, field, value)
        with pytest.raises(ValueError) as refusal:
            train(config, tmp_path / "run")
        assert_one_line(refusal.value, field)
    assert not any(tmp_path.iterdir())


def test_what_json_cannot_tell_from_the_right_type_is_refused(tmp_path):
    for field, value in [
        ("sweep.penalty", [1.0]),
        ("model", {"width": 8}),
        ("model", {}),
        ("log", {"every": 1}),
        ("penalty", GeneratorPenaltyConfig()),
    ]:
        with pytest.raises(ValueError) as refusal:
            train(with_field(RING, field, value), tmp_path / "run")
        assert_one_line(refusal.value, field)
    assert not any(tmp_path.iterdir())


SIXTEEN_GB = 16e9
HUGE = 2**31 - 1
DIGITS = Config(model=ModelConfig("resnet"))


@pytest.mark.parametrize(
    "base, field, value",
    [
        (RING, "model.width", 10**6),
        (RING, "model.width", HUGE),
        (Config(), "model.width", HUGE),
        (RING, "model.z_dim", HUGE),
        (RING, "batch_size", HUGE),
        (RING, "d_steps", HUGE // 64),
        (RING, "seeds", HUGE),
        (replace(RING, steps=HUGE), "steps_per_call", HUGE),
        (Config(), "dataset.resolution", 2**14),
        (Config(), "dataset.resolution", 2**30),
        pytest.param(DIGITS, "dataset.resolution", 2**30, marks=pytest.mark.slow),
        (replace(DIGITS, batch_size=1), "dataset.resolution", 2**11),
    ],
)
def test_what_cannot_fit_in_memory_is_refused_before_it_is_made(
    base, field, value, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        gan_jax.parallel.memory_check, "memory_limit", lambda mesh: SIXTEEN_GB
    )
    with pytest.raises(ValueError) as refusal:
        train(with_field(base, field, value), tmp_path / "run")
    assert_one_line(refusal.value, field)
    assert str(value) in str(refusal.value)
    assert not any(tmp_path.iterdir())


def test_as_many_points_as_there_are_numbers_need_no_memory():
    """Points and their order are computed where they are needed."""
    _, work, _ = prepare_run(with_field(RING, "dataset.size", HUGE - 1), lambda: None)
    assert "2,147,483,646 examples" in " ".join(work.about)


def test_many_factors_of_a_sweep_are_too_many_gans():
    thousand = (1.0,) * 1000
    config = replace(RING, sweep=SweepConfig(penalty=thousand, g_lr=thousand))
    with pytest.raises(ValueError, match="sweep.*1000000 GANs"):
        prepare_run(config, lambda: None)


@many(50, 3000, slow=150)
def test_any_number_is_prepared_or_refused_by_its_field(count, monkeypatch):
    """Up to the first write; what is prepared need not fit with its activations."""
    monkeypatch.setattr(
        gan_jax.parallel.memory_check, "memory_limit", lambda mesh: SIXTEEN_GB
    )
    numbers = [f for f, v in flat(RING).items() if type(v) in (int, float)]
    fields = [*numbers, "model.width", "dataset.size", "dataset.sigma", "devices"]

    @fuzz(count)
    @given(
        st.sampled_from(fields),
        st.integers(-1, 3)
        | st.sampled_from([10**6, 10**9, HUGE, HUGE + 1, 2**32, 10**12, 10**30])
        | st.floats()
        | st.sampled_from([1e-320, 1e-38, 1e30, 3e38, 4e38, 1e300]),
    )
    def search(field, value):
        config = with_field(RING, field, value)
        work, error = outcome(partial(prepare_run, config, lambda: None))
        if error is None:
            assert work is not None
        else:
            assert_one_line(error, field)

    search()


ARGUMENTS = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
    | ODD_TEXTS.filter(lambda text: "\0" not in text)
    | ODD_NUMBERS
    | st.sampled_from(["1,2", "1,,2", "[1]", "{}", "1_000", " 7", "0x10"])
)


@many(25, 3000, slow=100)
def test_any_argument_is_taken_or_refused_by_its_flag(
    count, monkeypatch, tmp_path, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))

    @fuzz(count)
    @given(st.sampled_from(FIELDS), ARGUMENTS, st.booleans())
    def search(field, text, joined):
        flag = "--" + field.replace("_", "-")
        words = [f"{flag}={text}"] if joined else [flag, text]
        try:
            code = main(["r1", "--print-config", *words])
        except SystemExit as stop:
            code = stop.code
        output = capsys.readouterr()
        assert code in (0, 2)
        if code == 2:
            told = re.sub(r"[\s│|]+", "", output.err)
            unread = type(flat(Config())[field]) is bool  # a flag without an argument
            assert flag in told or field in told or (unread and "nrecognized" in told)
            assert "Traceback" not in output.err

    search()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\n at"),
    ],
)
def test_memory_that_runs_out_later_is_one_line(error, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)

    def run_out(*arguments, **options):
        raise error

    monkeypatch.setattr("gan_jax.commands.train.train", run_out)
    assert main(["r1"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: out of memory")
    assert message.count("\n") == 1
