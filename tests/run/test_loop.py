"""The loop of a run: when it waits for what the devices make."""

from dataclasses import replace

import numpy as np
import pytest

from gan_jax.config import CheckpointConfig, Config, LogConfig, MetricsConfig
from gan_jax.parallel.execution import Program
from gan_jax.run.loop import Callbacks, is_checkpoint_due, run_steps
from gan_jax.run_files.history import make_record

CONFIG = Config(
    steps=12,
    log=LogConfig(every=4),
    metrics=MetricsConfig(every=0),
    checkpoint=CheckpointConfig(every=1000),
)


class Promised:
    """A number that a device has yet to make; to read it is to wait."""

    def __init__(self, reads, dispatch):
        self.reads, self.dispatch = reads, dispatch

    def __array__(self, dtype=None, copy=None):
        self.reads.append(self.dispatch())
        return np.ones(1)


def count_reads(config):
    """After how many steps the loop has read metrics, and how many numbers."""
    made, reads = [], []

    def advance(state, split):
        made.append(split)
        names = ("d_loss", "g_loss", "d_grad_norm", "g_grad_norm", "finite")
        return state, {name: Promised(reads, lambda: len(made)) for name in names}

    def splits(bounds):
        return iter(bounds[1:].tolist())

    def ignore(*arguments):
        pass

    def unread(state):
        return [{}]

    work = Program(None, None, None, advance, splits, 1, [])
    host = Callbacks(*[ignore] * 7, unread, [])
    run_steps(config, work, None, 0, [make_record({}, [], {}, [])], host)
    assert len(made) == config.steps
    return {step: reads.count(step) // 5 for step in dict.fromkeys(reads)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {1: 1, 4: 3, 8: 4, 12: 4}),
        ({"steps": 6}, {1: 1, 4: 3, 6: 2}),
        ({"metrics": MetricsConfig(every=6)}, {1: 1, 4: 3, 6: 2, 8: 2, 12: 4}),
        (
            {"checkpoint": CheckpointConfig(every=5)},
            {1: 1, 4: 3, 5: 1, 8: 3, 10: 2, 12: 2},
        ),
    ],
    ids=["log", "last", "metrics", "checkpoint"],
)
def test_loop_waits_for_the_devices_only_at_steps_it_writes_of(changes, expected):
    """There it reads the metrics of all dispatches since the last such, once."""
    assert count_reads(replace(CONFIG, **changes)) == expected


@pytest.mark.parametrize("every, seconds", [("60s", 60), ("5m", 300), ("2h", 7200)])
def test_a_checkpoint_is_due_after_its_time(every, seconds):
    config = replace(CONFIG, checkpoint=CheckpointConfig(every=every))
    assert is_checkpoint_due(config, 0, 1, seconds)
    assert not is_checkpoint_due(config, 0, 1, seconds - 1)
