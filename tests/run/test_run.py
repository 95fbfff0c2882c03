"""A whole run: its files, its verdicts, its command line."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image
from processes import COMPILED, output, running, until

import gan_jax
from gan_jax.commands.train import EXIT_CODES, main
from gan_jax.config.serialization import flat, from_json
from gan_jax.run_files.folder import RUN_FILES
from gan_jax.terminal import screens

# Not of every run:
SOME = {"members.jsonl", "events.jsonl", "training.gif", "evaluations.jsonl"}
SOME |= {"diagnosis.html", "diagnosis.json"}
FLAGS = ["--model.name", "mlp", "--model.width", "8", "--batch-size", "8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a short run on digits, through the command line."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    code = main(
        ["r1", *FLAGS, "--steps", "50", "--steps-per-call", "10", "--out", str(folder)]
    )
    assert code == 0
    return folder


def rows(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_run_writes_its_files(run):
    written = {*RUN_FILES, "checkpoints", ".lock"} - SOME
    assert {path.name for path in run.iterdir()} == written
    assert [row["step"] for row in rows(run)] == [1, 20, 40, 50]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["verdict"] == "completed"
    assert summary["steps"] == 50


def test_a_run_without_pictures_writes_all_else(run, tmp_path):
    config = from_json((run / "config.json").read_text(), "config")
    gan_jax.train(config, tmp_path / "own", pictures=False, progress=False)
    written = {path.name for path in (tmp_path / "own").iterdir()}
    pictures = {"samples.png", "curves.png"}
    assert written == {path.name for path in run.iterdir()} - pictures


def test_samples_are_a_grid_of_100_images(run):
    with Image.open(run / "samples.png") as image:
        picture = np.asarray(image)
    cell = 8 * 8 + 2
    assert picture.shape == (10 * cell, 10 * cell)
    assert picture.std() > 0
    assert (picture[64::cell] == 105).all()


def test_config_of_a_run_repeats_it_and_a_log_tells_of_it(
    run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(screens, "PATIENCE", 0.0)
    monkeypatch.setattr(screens, "TICK", 0.01)
    again = tmp_path / "again"
    assert main(["--config", str(run / "config.json"), "--out", str(again)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "nan" not in out and "\x1b" not in out
    first = f"on digits: 50 steps on cpu, out {again}"
    wanted = [first, "compiling the step", "first call, compiled", "step 50 of 50"]
    places = [out.index(text) for text in [*wanted, "completed: "]]
    assert places == sorted(places)
    last = r"step 50 of 50 \(100%\)  \d+ s  [\d.,]+ steps/s  D \d\.\d{3}  G \d\.\d{3}\n"
    assert re.match(last, out[places[3] :])
    timeless = [
        [{k: row[k] for k in row.keys() - {"wall_seconds", "crc32"}} for row in found]
        for found in (rows(run), rows(again))
    ]
    assert timeless[0] == timeless[1]


def test_generator_of_a_run_draws_what_the_run_drew(run, tmp_path, capsys):
    sample, config = gan_jax.load_generator(run)
    config = dataclasses.replace(config, steps=50)
    state, _ = gan_jax.train(config, tmp_path / "same", progress=False)
    assert capsys.readouterr() == ("", "")
    direct = gan_jax.sample(gan_jax.build(config), state, jax.random.key(5), 4)
    np.testing.assert_allclose(sample(jax.random.key(5), 4), direct, atol=1e-6)
    raw = sample(jax.random.key(5), 4, ema=False)
    assert np.abs(raw - direct).max() > 1e-4


@pytest.mark.slow
def test_two_dimensional_run_draws_a_scatter(tmp_path):
    out = tmp_path / "ring"
    flags = ["--dataset.name", "ring", "--steps", "3", "--out", str(out)]
    flags += ["--steps-per-call", "1"]
    assert main(["wgan_gp", *FLAGS, *flags, "--log.samples-every", "2"]) == 0
    with Image.open(out / "samples.png") as picture:
        assert picture.size == (650, 600)


def test_nonempty_folder_is_refused_and_kept(run, capsys):
    before = (run / "metrics.jsonl").read_bytes()
    assert main(["r1", *FLAGS, "--steps", "1", "--out", str(run)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.usefixtures("undrawn")
def test_overwrite_replaces_a_run_but_no_other_folder(tmp_path):
    config = dataclasses.replace(gan_jax.METHODS["mlp_sgd"], steps=2, batch_size=8)
    gan_jax.train(config, tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    gan_jax.train(config, tmp_path / "run", overwrite=True)
    assert len(rows(tmp_path / "run")) == 2
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    with pytest.raises(FileExistsError, match="holds no run"):
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "thesis.tex").write_text("precious")
        gan_jax.train(config, tmp_path / "other", overwrite=True)


def test_run_that_diverges_names_the_first_bad_step(tmp_path):
    config = dataclasses.replace(
        gan_jax.METHODS["mlp_sgd"],
        steps=200,
        batch_size=8,
        loss=dataclasses.replace(gan_jax.METHODS["mlp_sgd"].loss, name="wasserstein"),
    )
    for player in ("g_optimizer", "d_optimizer"):
        group = dataclasses.replace(getattr(config, player), learning_rate=1e6)
        config = dataclasses.replace(config, **{player: group})
    _, summary = gan_jax.train(config, tmp_path / "bad")
    assert summary["verdict"] == "diverged"
    last = rows(tmp_path / "bad")[-1]
    assert last["finite"] is False
    assert last["step"] == summary["steps"] < 200
    assert all(row["finite"] for row in rows(tmp_path / "bad")[:-1])
    assert (tmp_path / "bad" / "samples.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wgan_pg"], ["method", "'wgan_pg'", "wgan_gp"]),
        (["r1", "--loss.name", "hing"], ["loss.name", "'hing'", "hinge"]),
        (["r1", "--dataset.name", "rinng"], ["dataset.name", "'rinng'", "ring"]),
        (["r1", "--model.name", "resnets"], ["model.name", "'resnets'", "resnet"]),
        (["r1", "--model.d-norm", "batch"], ["model.d_norm", "penalty.name"]),
        (["r1", "--d-steps", "0"], ["d_steps", "0"]),
        (["r1", "--batch-size", "2000"], ["batch_size", "1797"]),
        (["r1", "--penalty.weight", "-1"], ["penalty.weight", "-1"]),
        (
            ["r1", "--model.name", "dcgan", "--dataset.resolution", "9"],
            ["dataset.resolution", "9"],
        ),
        (["r1", "--penalty.sigma", "1"], ["penalty.sigma", "r1"]),
        (["--steps", "3"], ["METHOD"]),
        (["mlp_sgd", "--out", "/proc/run"], ["out /proc/run", "cannot be written"]),
        (["--config", "nowhere.json"], ["nowhere.json"]),
    ],
)
def test_bad_input_is_one_error_and_writes_nothing(
    arguments, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert all(word in message for word in words)
    assert not any(tmp_path.iterdir())


def test_list_names_every_method_data_set_and_model(capsys):
    assert main(["--list"]) == 0
    text = capsys.readouterr().out
    from gan_jax.data import DATASETS
    from gan_jax.models import MODELS

    for name in (*gan_jax.METHODS, *DATASETS, *MODELS):
        assert f"\n  {name} " in text


def test_help_explains_every_field(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["r1", "--help-all"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in flat(gan_jax.Config()):
        assert "--" + name.replace("_", "-") in text


def test_print_config_marks_unused_fields_and_runs_nothing(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["r1", "--print-config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "penalty.weight = 10.0" in lines
    assert "penalty.sigma = None   (unused)" in lines
    assert not any(tmp_path.iterdir())


def test_diverged_run_is_reported_and_has_its_own_exit_code(tmp_path, capsys):
    rates = ["--g-optimizer.learning-rate", "1e30", "--d-optimizer.learning-rate"]
    flags = [*FLAGS, "--loss.name", "wasserstein", *rates, "1e30"]
    out = tmp_path / "bad"
    code = main(["mlp_sgd", *flags, "--steps", "100", "--out", str(out)])
    assert code == EXIT_CODES["diverged"] == 1
    assert f"look at  {out}/samples.png" in capsys.readouterr().out


@pytest.mark.slow
def test_lazy_penalty_is_logged_as_it_was_when_last_due(tmp_path):
    base = dataclasses.replace(
        gan_jax.METHODS["r1"], steps=8, batch_size=8, steps_per_call=1
    )
    model = dataclasses.replace(base.model, name="mlp", width=8)
    penalty = dataclasses.replace(base.penalty, every=3)
    log = dataclasses.replace(base.log, every=1)
    config = dataclasses.replace(base, model=model, penalty=penalty, log=log)
    gan_jax.train(config, tmp_path / "each")
    log = dataclasses.replace(base.log, every=4)
    gan_jax.train(dataclasses.replace(config, log=log), tmp_path / "some")
    each = {row["step"]: row for row in rows(tmp_path / "each")}
    some = {row["step"]: row for row in rows(tmp_path / "some")}
    for shown, due in ((1, 1), (4, 4), (8, 7)):  # steps 0, 3, 6 before counting
        for name in ("d_penalty", "critic_grad_norm"):
            assert some[shown][name] == each[due][name] > 0
    assert each[3]["d_penalty"] == each[1]["d_penalty"]


def test_importing_gan_jax_starts_no_device():
    script = (
        "import gan_jax, jax; jax.config.update('jax_num_cpu_devices', 3);"
        "assert jax.device_count() == 3"
    )
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_ctrl_c_finishes_the_step_and_writes_everything_but_pictures(tmp_path):
    out = tmp_path / "stopped"
    command = [sys.executable, "-m", "experiments.train", "mlp_sgd", *FLAGS]
    command += ["--steps", "10000000", "--out", str(out)]
    with running(command, **COMPILED) as process:
        until((out / "metrics.jsonl").exists, process)
        process.send_signal(signal.SIGINT)
        printed = output(process)
    assert process.returncode == EXIT_CODES["SIGINT"] == 130, printed
    assert "Ctrl-C: stopping after the steps that run now" in printed
    assert "interrupted" in printed
    assert json.loads((out / "summary.json").read_text())["verdict"] == "interrupted"
    assert from_json((out / "config.json").read_text()).steps == 10000000
    assert not list(out.glob("*.png"))
    assert "experiments.sample" in printed and "look at" not in printed
