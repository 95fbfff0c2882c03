"""Whoever stops the measurements of an accelerator lets a training save its state."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from benchmarks.accelerator import command, science
from benchmarks.accelerator.page import render_page
from benchmarks.accelerator.registry import STAGES
from benchmarks.accelerator.stage import OutOfTime, Settings, run_stage
from gan_jax import Config
from gan_jax.config.serialization import to_json

TRAINING = """#!{python}
import signal, sys, time
from pathlib import Path

def save(*_):
    time.sleep({seconds})
    Path({folder!r}, "saved").touch()
    sys.exit(0)

signal.signal(signal.SIGTERM, save)
Path({folder!r}, "begun").touch()
time.sleep(60)
"""
"""Takes some time to save its state after SIGTERM."""
WORKER = "import subprocess, sys; subprocess.run(sys.argv[1:2])"
"""Runs a training, and ends at once at SIGTERM."""


@pytest.fixture
def start_training(tmp_path):
    def write(seconds):
        script = tmp_path / "training"
        values = {"python": sys.executable, "folder": str(tmp_path)}
        script.write_text(TRAINING.format(seconds=seconds, **values))
        script.chmod(0o755)
        return script

    return write


@pytest.fixture
def as_worker(monkeypatch):
    """Let a script take the place of the training that a stage runs."""

    def replace(script):
        words = (sys.executable, "-c", WORKER, str(script))
        monkeypatch.setattr(command, "WORKER", words)

    return replace


def wait_for(file):
    ends = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < ends, f"{file} was never written"
        time.sleep(0.02)


def send_when(file, number):
    """Send a signal to this process as soon as there is a file."""

    def send():
        wait_for(file)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    return sender


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_stopping_waits_until_a_training_has_saved(
    number, start_training, as_worker, tmp_path
):
    as_worker(start_training(seconds=0.6))
    sender = send_when(tmp_path / "begun", number)
    with pytest.raises(KeyboardInterrupt, match=signal.Signals(number).name):
        command.run_in_time("science", tmp_path, 60.0, tiny=True)
    sender.join()
    assert (tmp_path / "saved").exists()


def test_a_stage_out_of_time_waits_until_a_training_has_saved(
    start_training, as_worker, tmp_path, monkeypatch
):
    as_worker(start_training(seconds=0.6))
    monkeypatch.setattr(command, "GRACE", 0.0)
    monkeypatch.setattr(
        command,
        "wait_or_stop",
        lambda process, seconds: (
            wait_for(tmp_path / "begun") or science.wait_or_stop(process, seconds)
        ),
    )
    words = command.run_in_time("science", tmp_path, 0.0, tiny=True)
    assert words == "ended after its 0 s, within a piece"
    assert (tmp_path / "saved").exists()


def test_a_training_that_does_not_end_is_killed(
    start_training, as_worker, tmp_path, monkeypatch
):
    as_worker(start_training(seconds=50))
    monkeypatch.setattr(command, "SAVING", 0.3)
    with command.run_group([], tiny=True) as process:
        wait_for(tmp_path / "begun")
    started = time.monotonic()
    while command.signal_group(process, 0):  # until the system has buried it
        assert time.monotonic() < started + 10
        time.sleep(0.02)
    assert not (tmp_path / "saved").exists()


@pytest.fixture
def as_command(monkeypatch):
    """Let a script take the place of `python`, which runs an experiment."""

    def replace(script):
        monkeypatch.setattr(science.sys, "executable", str(script))

    return replace


def test_an_experiment_is_stopped_with_the_process_that_runs_it(
    start_training, as_command, tmp_path
):
    as_command(start_training(seconds=0.6))
    sender = send_when(tmp_path / "begun", signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        science.run_experiment(science.TINY[0], tmp_path, 90.0)
    sender.join()
    assert (tmp_path / "saved").exists()


def test_a_stop_counts_although_the_process_ends_at_the_same_time():
    """Otherwise the next experiment would begin."""

    class Ended:
        def wait(self, seconds):
            signal.raise_signal(signal.SIGTERM)
            return 143

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        science.wait_or_stop(Ended(), 60.0)  # pyright: ignore[reportArgumentType]


def test_an_experiment_out_of_time_saves_and_says_so(
    start_training, as_command, tmp_path, monkeypatch
):
    as_command(start_training(seconds=0.2))

    def run_out(process, seconds):
        wait_for(tmp_path / "begun")
        raise subprocess.TimeoutExpired("gan-jax", seconds)

    monkeypatch.setattr(science, "wait_or_stop", run_out)
    with pytest.raises(OutOfTime, match="time is over, nothing yet in"):
        science.run_experiment(science.TINY[0], tmp_path, 90.0)
    assert (tmp_path / "saved").exists()


def write_run(folder, rows):
    """Write what a training of batch 16 with two steps of D has left."""
    folder.mkdir(parents=True)
    config = Config(batch_size=16, d_steps=2)
    (folder / "config.json").write_text(to_json(config))
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(lines)


def test_a_run_out_of_time_is_partial_and_shows_images_and_its_last_fid(
    tmp_path, monkeypatch
):
    distances = {10: 80.0, 20: 41.25}
    rows = [{"step": k, "frechet_distance@9": v} for k, v in distances.items()]
    rows.append({"step": 30})
    write_run(tmp_path / "science" / "dirac", rows)
    monkeypatch.setattr(science, "stop_process", subprocess.Popen.wait)
    monkeypatch.setattr(science.sys, "executable", shutil.which("true"))

    def run_out(process, seconds):
        raise subprocess.TimeoutExpired("gan-jax", seconds)

    monkeypatch.setattr(science, "wait_or_stop", run_out)
    stage = STAGES["science"]
    [(_, status)] = run_stage(stage, "science", Settings(True, 90.0, tmp_path))
    assert status == "partial"
    result = json.loads((tmp_path / "science.json").read_text())["dirac"]
    assert "step 30, 960 images seen, FID 41.25 at step 20" in result["why"]
    text = render_page(
        {"device": "a device", "tiny": True}, {"science": {"dirac": result}}, "run"
    )
    assert "0 of 1 passed, 1 ran out of time." in text and "960 images seen" in text


@pytest.mark.parametrize("missing", [(), ("cifar10",)])
def test_the_time_of_the_stage_is_divided_among_what_is_left(
    tmp_path, monkeypatch, missing
):
    """Of 1000 s the second has passed before, and each other ends after 100 s.

    An experiment whose data are missing takes no time from those before it.
    """
    now, given = [0.0], {}

    def run(one, out, seconds):
        given[one.name] = seconds
        now[0] += 100.0
        return {}

    monkeypatch.setattr(science, "run_experiment", run)
    monkeypatch.setattr(science, "has_data", lambda name: name not in missing)
    monkeypatch.setattr(science.time, "monotonic", lambda: now[0])
    first, second, third, fourth = (one.name for one in science.EXPERIMENTS)
    done = {second: {"status": "passed"}, fourth: {"status": "partial"}}
    (tmp_path / "science.json").write_text(json.dumps(done))
    stage = STAGES["science"]
    statuses = dict(run_stage(stage, "science", Settings(False, 1000.0, tmp_path)))
    assert set(statuses.values()) == {"passed"}
    last = 0.0 if missing else 0.2
    wanted = {first: 300 / (0.55 + last), third: 900 * 0.25 / (0.25 + last)}
    wanted |= {fourth: 800.0}
    assert given == pytest.approx(wanted)
