"""TensorBoard, Weights & Biases and the pictures over time."""

import math
import shutil
import struct
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageSequence
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event

from gan_jax import Config, train
from gan_jax.config import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
)
from gan_jax.logs.animation import FRAME_CAPTION, write_animation
from gan_jax.logs.row_files import read_rows

SHORT = Config(
    steps=20,
    batch_size=8,
    dataset=DatasetConfig("digits"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    log=LogConfig(every=5, samples_every=10, tensorboard=True),
    metrics=MetricsConfig(every=10),
    checkpoint=CheckpointConfig(every=10),
)


def events(folder):
    """What the event files of a folder hold, with no help from their writer.

    A TFRecord is a length of 8 bytes, 4 of its checksum, the data, 4 of theirs.
    """
    found = []
    for path in sorted(folder.glob("events.*")):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            found.append(Event.FromString(content[at + 12 : at + 12 + length]))
            at += 16 + length
    return found


def scalars(folder):
    """`{(step, name): value}`, without what a later session made void."""
    values = {}
    for event in events(folder):
        if event.HasField("session_log"):
            values = {k: v for k, v in values.items() if k[0] < event.step}
        for value in event.summary.value:
            if value.HasField("simple_value"):
                values[event.step, value.tag] = value.simple_value
    return values


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked") / "run"
    train(SHORT, folder)
    return folder


def expected(rows):
    return {
        (row["step"], name): pytest.approx(float(value))
        for row in rows
        for name, value in row.items()
        if name not in ("step", "seed", "sweep.d_lr") and math.isfinite(value)
    }


def test_event_files_hold_every_row(run):
    assert scalars(run / "tensorboard") == expected(read_rows(run / "metrics.jsonl"))
    pictures = [
        (event.step, value.tag)
        for event in events(run / "tensorboard")
        for value in event.summary.value
        if value.HasField("image")
    ]
    assert pictures == [(step, "samples") for step in (0, 10, 20)]


def select_tag(found, tag):
    """What one of several GANs logged, by the plain names."""
    return {
        (step, name.removesuffix(tag)): value
        for (step, name), value in found.items()
        if name.endswith(tag)
    }


class Died(Exception):
    pass


@pytest.mark.usefixtures("undrawn")
def test_resumed_run_voids_the_events_it_makes_again(tmp_path):
    def die(row):
        if row["step"] == 15:
            raise Died

    with pytest.raises(Died):
        train(SHORT, tmp_path / "run", callback=die)
    (tmp_path / "run" / "samples" / ".000000020.png.part.png").touch()  # by a kill
    (tmp_path / "run" / "samples" / "mine.png").touch()
    train(SHORT, tmp_path / "run", resume=True)
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 5, 10, 15, 20]
    assert scalars(tmp_path / "run" / "tensorboard") == expected(rows)


@pytest.mark.usefixtures("undrawn")
def test_each_of_several_gans_has_its_tags(tmp_path):
    sgd = OptimizerConfig("sgd", 0.01)
    sweep = replace(SHORT.sweep, d_lr=(1.0, 1e30))
    config = replace(SHORT, g_optimizer=sgd, d_optimizer=sgd, sweep=sweep)
    train(config, tmp_path / "run")
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    assert any(not row["finite"] for row in rows)
    found = scalars(tmp_path / "run" / "tensorboard")
    for factor in (1.0, 1e30):
        own = [row for row in rows if row["sweep.d_lr"] == factor]
        tag = f"/seed-0_sweep.d_lr-{factor}".replace("+", "_")  # not in a tag
        assert select_tag(found, tag) == expected(own)


def test_frames_and_their_animation(run):
    frames = sorted((run / "samples").iterdir())
    assert [frame.stem for frame in frames] == ["000000000", "000000010", "000000020"]
    assert (run / "samples.png").read_bytes() == frames[2].read_bytes()
    with Image.open(run / "training.gif") as gif:
        # Of frames of 660 pixels, below a line with the step.
        assert (gif.n_frames, gif.size) == (3, (400, 400 + FRAME_CAPTION))
        times = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert times[0] == times[1] <= times[2] - 2000


def test_frames_bear_their_steps(tmp_path):
    """Of one picture at several steps only the line above it differs."""
    grey = Image.new("RGB", (300, 200), (90, 90, 90))
    for step in (0, 1000, 2000):
        grey.save(tmp_path / f"{step:09d}.png")
    write_animation(tmp_path / "film.gif", tmp_path)
    with Image.open(tmp_path / "film.gif") as film:
        seen = [np.array(f.convert("RGB"), int) for f in ImageSequence.Iterator(film)]
    assert len(seen) == 3
    heads = [frame[:FRAME_CAPTION] for frame in seen]
    pictures = [frame[FRAME_CAPTION:] for frame in seen]
    assert all(np.abs(picture - 90).max() <= 4 for picture in pictures)
    widths = [np.flatnonzero((head < 128).any((0, 2))).max() for head in heads]
    assert widths[0] < widths[1] and abs(widths[1] - widths[2]) <= 3  # "0", "1,000"
    assert (heads[1] != heads[2]).any()


@pytest.mark.slow
def test_a_resumed_run_keeps_the_frames_before(tmp_path):
    train(SHORT, tmp_path, progress=False)
    frame = tmp_path / "samples" / "000000000.png"
    before = frame.read_bytes(), frame.stat().st_mtime_ns
    train(replace(SHORT, steps=30), tmp_path, resume=True, progress=False)
    assert (frame.read_bytes(), frame.stat().st_mtime_ns) == before
    with Image.open(tmp_path / "training.gif") as film:
        assert film.n_frames == 4


def test_overwriting_removes_frames_and_events(run, tmp_path):
    again = tmp_path / "run"
    shutil.copytree(run, again)
    plain = replace(SHORT, log=LogConfig(every=5))
    train(plain, again, overwrite=True)
    assert not any((again / name).exists() for name in ("samples", "tensorboard"))
    assert not (again / "training.gif").exists()


class FakeRun:
    """What we use of Weights & Biases."""

    def __init__(self):
        self.logged, self.finished, self.axes = {}, False, {}

    def define_metric(self, name, step_metric):
        self.axes[name] = step_metric

    def log(self, values):
        step = values.pop(self.axes["*"])
        self.logged |= {(step, name): value for name, value in values.items()}

    def finish(self):
        self.finished = True


@pytest.mark.slow
def test_weights_and_biases_gets_rows_pictures_and_the_same_run_again(
    tmp_path, monkeypatch
):
    inits, runs = [], []

    def init(**given):
        inits.append(given)
        runs.append(FakeRun())
        return runs[-1]

    fake = types.ModuleType("wandb")
    fake.__spec__ = types.SimpleNamespace()
    fake.init, fake.Image, fake.Error = init, str, RuntimeError
    monkeypatch.setitem(sys.modules, "wandb", fake)
    log = LogConfig(every=5, samples_every=10, wandb=True)
    config = replace(SHORT, log=log, seeds=2)
    train(config, tmp_path / "run")
    assert inits[0]["project"] == "gan_jax" and inits[0]["name"] == "run"
    assert inits[0]["config"]["batch_size"] == 8
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    for seed in (0, 1):
        own = [row for row in rows if row["seed"] == seed]
        assert select_tag(runs[0].logged, f"/seed-{seed}") == expected(own)
    pictures = [step for step, name in runs[0].logged if name == "samples"]
    assert pictures == [0, 10, 20]
    assert runs[0].finished
    train(replace(config, steps=25), tmp_path / "run", resume=True)
    assert inits[1]["id"] == inits[0]["id"] and inits[1]["resume"] == "allow"
    train(replace(config, steps=5), tmp_path / "run", overwrite=True)
    assert inits[2]["id"] != inits[0]["id"]


def test_weights_and_biases_that_refuses_is_one_line(tmp_path, monkeypatch):
    def init(**given):
        raise RuntimeError("no API key\nTraceback ...")

    fake = types.ModuleType("wandb")
    fake.__spec__ = types.SimpleNamespace()
    fake.init, fake.Error = init, RuntimeError
    monkeypatch.setitem(sys.modules, "wandb", fake)
    config = replace(SHORT, log=LogConfig(wandb=True))
    with pytest.raises(ValueError, match="^log.wandb: no API key; run `wandb login`"):
        train(config, tmp_path / "run")


def test_full_disk_under_tensorboard_is_one_line(tmp_path, monkeypatch):
    flush, full = EventsWriter.flush, [True]

    def flush_to_full_disk(writer):
        if full:
            raise OSError(full.pop() and 28, "No space left on device")
        return flush(writer)

    monkeypatch.setattr(EventsWriter, "flush", flush_to_full_disk)
    with pytest.raises(OSError, match="tensorboard: cannot be written .No space left"):
        train(SHORT, tmp_path / "run")


def test_weights_and_biases_that_is_missing_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    config = replace(SHORT, log=LogConfig(wandb=True))
    with pytest.raises(ValueError, match="log.wandb.*pip install wandb"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
