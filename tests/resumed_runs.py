"""A small run that tests stop and resume, and ways to stop and damage it."""

import json
import sys
from dataclasses import replace

import pytest

from gan_jax import METHODS, Config, train
from gan_jax.config import CheckpointConfig, DatasetConfig, LogConfig, ModelConfig
from gan_jax.config.serialization import to_json

SMALL = Config(
    steps=40,
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4, g_norm="batch"),
    penalty=replace(METHODS["r1"].penalty, every=4),
    log=LogConfig(every=7, samples_every=18),
    checkpoint=CheckpointConfig(every=10),
    steps_per_call=1,  # Dispatches of many lengths would be as many programs.
)


class Died(Exception):
    """The error by which a run ends early."""


def crash_at(step):
    """Return a callback that ends a run by an error once it has logged this step."""

    def callback(row):
        if row["step"] >= step:
            raise Died

    return callback


def read_lines(path):
    """Return the rows of a file as they are, null for what was not finite."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def crash_run(config, run, step):
    """Train until an error ends the run at a step."""
    with pytest.raises(Died):
        train(config, run, callback=crash_at(step))


def flip_bit(path):
    """Flip a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def train_command(config, run, tmp_path, *flags):
    """Return the command line that trains a Config."""
    path = tmp_path / "config.json"
    path.write_text(to_json(config))
    words = ["-m", "experiments.train", "--config", str(path), "--out", str(run)]
    return [sys.executable, *words, *flags]
