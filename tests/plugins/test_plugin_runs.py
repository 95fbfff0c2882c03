"""Runs with plugins: each keeps its own copy, and is used without the original."""

import hashlib
import importlib
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from plugin_tools import EACH_KIND, fresh, loss_file, refused
from processes import COMPILED, output, running
from undrawn import without_pictures

from gan_jax import LOSSES, Config, load_generator, load_plugin
from gan_jax import train as train_run
from gan_jax.benchmark.results_io import read_result_rows
from gan_jax.command_line.plugin_flag import load_for_training
from gan_jax.commands import diagnose, evaluate, report, sample, train
from gan_jax.config import DatasetConfig, LossConfig, MetricsConfig, ModelConfig
from gan_jax.config.serialization import from_file
from gan_jax.logs.row_files import read_rows
from gan_jax.run_files.load_run import load_run

OWN_METHOD = """
from gan_jax import LOSSES, METHODS, Config
from gan_jax.config import LossConfig
LOSSES["plain"] = LOSSES["hinge"]
METHODS["plain"] = Config(loss=LossConfig("plain"))
"""
COMMENT = "\n# another version\n"


pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with fresh():
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of an entry of each kind, whose plugin's own file is gone."""
    place = tmp_path_factory.mktemp("trained")
    path = place / "each.py"
    path.write_text(EACH_KIND)
    with fresh(), without_pictures():
        words = ["own_method", "--plugin", str(path), "--out", str(place / "run")]
        assert train.main(words) == 0
    path.unlink()
    return place / "run"


@pytest.fixture
def run(trained, tmp_path):
    """A copy of that run in another folder."""
    return shutil.copytree(trained, tmp_path / "moved")


def edited(tmp_path):
    """Another version of that run's plugin."""
    path = tmp_path / "each.py"
    path.write_text(EACH_KIND + COMMENT)
    return path


def test_a_run_records_its_plugin_and_keeps_a_copy(run):
    copy = run / "plugins" / "each.py"
    assert copy.read_text() == EACH_KIND
    (pin,) = json.loads((run / "config.json").read_text())["plugin"]
    assert pin == load_plugin(copy)
    rows = read_rows(run / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 4]
    assert [row.get("own_number@32") for row in rows] == [None, 32.0, 32.0]


def test_a_run_is_sampled_without_the_file_it_was_trained_with(run, tmp_path):
    assert sample.main([str(run), "--n", "5", "--npz", "five.npz"]) == 0
    with np.load(tmp_path / "five.npz") as stored:
        assert stored["arr_0"].shape == (5, 3)
    draw, config = load_generator(run)
    assert draw(jax.random.key(0), 2).shape == (2, 3)
    assert config.loss.name == "own_loss"


def test_a_run_is_measured_with_its_own_metric_and_data(run, capsys):
    words = [str(run), "--metrics", "own_metric,swd", "--n", "64"]
    assert evaluate.main(words) == 0
    assert "own_number" in capsys.readouterr().out
    (row,) = read_rows(run / "evaluations.jsonl")
    assert row["metrics"]["own_number"] == 64.0
    assert row["fingerprint"]["dataset"] == "own_data"


def test_a_run_is_resumed_and_repeated_with_its_own_copy(run, tmp_path, capsys):
    words = ["own_method", "--out", str(run), "--resume", "--steps", "6"]
    assert train.main(words) == 0
    assert "resumed after 4 steps" in capsys.readouterr().out
    again = ["--config", str(run / "config.json"), "--out", "again"]
    assert train.main(again) == 0
    copy = tmp_path / "again" / "plugins" / "each.py"
    assert copy.read_text() == EACH_KIND
    shutil.rmtree(run)
    with fresh():
        assert sample.main(["again", "--npz", "again.npz"]) == 0


def test_a_run_keeps_its_plugins_where_others_are_given_beside_them(run, tmp_path):
    path = loss_file(tmp_path / "steep.py")
    words = ["--config", str(run / "config.json"), "--plugin", str(path)]
    rest, pins = load_for_training(words)
    assert rest == words[:2]
    assert [pin.partition("@")[0] for pin in pins] == ["each.py", "steep.py"]
    assert pins[0] in (run / "config.json").read_text()
    assert {"own_loss", "steep"} <= LOSSES.keys()


def test_a_given_file_takes_the_place_of_the_runs_own_of_that_name(run, tmp_path):
    path = edited(tmp_path)
    _, pins = load_for_training(
        ["--config", str(run / "config.json"), "--plugin", str(path)]
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert pins == (f"each.py@{digest}",)


def test_another_version_of_the_plugin_does_not_go_on_with_a_run(run, tmp_path, capsys):
    path = edited(tmp_path)
    words = ["own_method", "--plugin", path, "--out", run, "--resume", "--steps", "6"]
    said = refused(train, words, capsys)
    assert "was started with another plugin ('each.py@" in said
    assert "--allow-changes" in said
    assert (run / "plugins" / "each.py").read_text() == EACH_KIND
    assert train.main([*map(str, words), "--allow-changes"]) == 0
    assert (run / "plugins" / "each.py").read_text() == EACH_KIND + COMMENT
    assert from_file(run / "config.json").plugin == (load_plugin(path),)


@pytest.mark.slow
def test_the_same_file_from_elsewhere_goes_on_with_a_run(run, tmp_path):
    (tmp_path / "each.py").write_text(EACH_KIND)
    words = ["own_method", "--plugin", "each.py", "--out", str(run), "--resume"]
    assert train.main(words) == 0


@pytest.mark.parametrize("command", [sample, evaluate, diagnose])
def test_a_changed_or_missing_copy_is_refused(run, command, capsys):
    copy = run / "plugins" / "each.py"
    copy.write_text(EACH_KIND + COMMENT)
    said = refused(command, [run], capsys)
    assert f"plugin {copy}: is not the file that the run was trained with" in said
    copy.unlink()
    said = refused(command, [run], capsys)
    assert f"plugin each.py: the run's copy {copy} is missing" in said


@pytest.mark.parametrize("command", [sample, evaluate, diagnose])
def test_another_version_beside_a_run_is_refused(run, tmp_path, command, capsys):
    said = refused(command, [run, "--plugin", edited(tmp_path)], capsys)
    assert f"each.py: is not the file that {run} was trained with" in said


def test_runs_of_two_versions_of_a_plugin_are_drawn_from_in_one_process(run, tmp_path):
    """What an earlier run has built stays as it was."""
    first, _ = load_generator(run)
    before = np.asarray(first(jax.random.key(0), 2))
    path = edited(tmp_path)
    path.write_text(path.read_text().replace("y = x @ kernel", "y = 2 * x @ kernel"))
    other = shutil.copytree(run, tmp_path / "other")
    (other / "plugins" / "each.py").write_bytes(path.read_bytes())
    known = (other / "config.json").read_text()
    (pin,) = from_file(run / "config.json").plugin
    (other / "config.json").write_text(known.replace(pin, load_plugin(path)))
    second, _ = load_generator(other)
    doubled = np.asarray(second(jax.random.key(0), 2))
    np.testing.assert_array_equal(np.asarray(first(jax.random.key(0), 2)), before)
    bias = load_run(run)[1].ema["params"]["bias"]
    np.testing.assert_allclose(
        doubled - bias, 2 * (before - bias), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
def test_a_run_from_python_records_the_plugin_that_its_config_names(tmp_path):
    path = loss_file(tmp_path / "steep.py")
    config = Config(
        steps=1,
        batch_size=8,
        dataset=DatasetConfig("ring"),
        model=ModelConfig("mlp", width=4),
        loss=LossConfig("steep"),
        metrics=MetricsConfig(0),
        plugin=(str(path),),
    )
    train_run(config, tmp_path / "run")
    pin = load_plugin(path)
    assert from_file(tmp_path / "run" / "config.json").plugin == (pin,)
    assert (tmp_path / "run" / "plugins" / "steep.py").read_bytes() == path.read_bytes()


def command(words, folder, **environment):
    """What a command prints in a process of its own, which begins in this folder."""
    line = [sys.executable, "-m", *map(str, words)]
    quick = {"JAX_PLATFORMS": "cpu"} | COMPILED | environment
    with running([sys.executable, "-c", IN, str(folder), *line], **quick) as process:
        said = output(process)
        assert process.returncode == 0, said
    return said


IN = "import os, sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.mark.slow
def test_processes_in_another_folder_use_a_run_whose_plugin_is_gone(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "each.py").write_text(EACH_KIND)
    train = "experiments.train"
    command([train, "own_method", "--plugin", "each.py", "--out", "run"], here)
    (here / "each.py").unlink()
    run = here / "run"
    command(["experiments.sample", run, "--npz", "drawn.npz"], there)
    command(["experiments.evaluate", run, "--metrics", "own_metric", "--n", 64], there)
    said = command(["experiments.diagnose", run, "--no-spectrum"], there)
    assert "own_loss + own_penalty, own_model, own_rule" in said
    again = [train, "--config", run / "config.json", "--out"]
    command([*again, "again"], there)
    assert (there / "again" / "plugins" / "each.py").read_text() == EACH_KIND
    said = command([*again, run, "--resume", "--steps", 6], there)
    assert "resumed after 4 steps" in said


@pytest.mark.slow
def test_the_example_of_the_docs_trains_as_they_say(tmp_path, capsys):
    """All 8 modes, and nearer to the data than halfway from noise (0.19)."""
    text = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    (tmp_path / "my_gan.py").write_text(code)
    lines = re.findall(r"^gan-jax (.*)$", text, re.MULTILINE)
    assert len(lines) == 4
    with jax.numpy_rank_promotion("allow"):  # flax.linen.Dense adds its bias so
        command(
            ["gan_jax", *shlex.split(lines[0])], tmp_path, XLA_FLAGS=""
        )  # long: optimized
        for line in lines[1:]:
            name, *words = shlex.split(line)
            module = importlib.import_module(f"gan_jax.commands.{name}")
            assert module.main(words) == 0, line
    (row,) = read_rows(tmp_path / "runs" / "mine" / "evaluations.jsonl")
    assert row["metrics"]["modes"] == 8
    assert row["metrics"]["sliced_wasserstein"] < 0.11
    assert from_file(tmp_path / "runs/r1/config.json").loss.name == "squared_hinge"


@pytest.mark.slow
def test_a_comparison_with_an_own_method_is_run_and_reported(tmp_path):
    (tmp_path / "own.py").write_text(OWN_METHOD)
    compare = ["benchmarks.compare", "--suite", "toy", "--tasks", "ring", "--seeds", 2]
    compare += ["--methods", "plain", "--steps", 20, "--plugin", "own.py", "--out"]
    said = command([*compare, "out"], tmp_path)
    assert "ring--plain" in said
    rows = read_result_rows(tmp_path / "out")
    pin = f"own.py@{hashlib.sha256(OWN_METHOD.encode()).hexdigest()}"
    assert [row["config"]["plugin"] for row in rows] == [[pin], [pin]]
    cell = tmp_path / "out" / "cells" / "ring--plain"
    for folder in (cell, tmp_path / "out"):
        assert (folder / "plugins" / "own.py").read_text() == OWN_METHOD
    (tmp_path / "own.py").unlink()
    assert report.main(["out"]) == 0
