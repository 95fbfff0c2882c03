"""The loop of a run: when it waits for what the devices make."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from gan_jax.config import CheckpointConfig, Config, LogConfig, MetricsConfig
from gan_jax.evaluate.batched import Pending
from gan_jax.parallel.execution import Program
from gan_jax.run import loop
from gan_jax.run.loop import Callbacks, Unread, is_checkpoint_due, run_steps
from gan_jax.run_files.history import make_record
from gan_jax.run_files.logged_steps import fetch_steps

CONFIG = Config(
    steps=12,
    log=LogConfig(every=4),
    metrics=MetricsConfig(every=0),
    checkpoint=CheckpointConfig(every=1000),
)


TERMS = ("d_loss", "g_loss", "d_grad_norm", "g_grad_norm", "real_logits", "fake_logits")


class State(NamedTuple):
    step: jax.Array


def follow_loop(config, monkeypatch, fails_at=None, measured=None, saved=None):
    """How many steps were made when each row was written, and each read of the host."""
    made, written, reads = [0], {}, []

    def advance(state, split):
        made[0] = split
        metrics = {name: jnp.full(1, float(split)) for name in TERMS}
        finite = jnp.array([fails_at is None or split < fails_at])
        return State(jnp.int32(split)), metrics | {"finite": finite}

    def write_rows(rows):
        written.update({row["step"]: (made[0], row) for row in rows})

    def fetch(picked):
        reads.append([one.start + one.length for one in picked])
        return fetch_steps(picked)

    def measure(state):
        step = made[0]
        return (measured or {}).get(step, Pending(lambda: [{"diversity": step}]))

    def save(state, step):
        if saved is not None:
            saved.append(step)

    def ignore(*arguments):
        pass

    monkeypatch.setattr(loop, "fetch_steps", fetch)
    splits = lambda bounds: iter(bounds[1:].tolist())  # noqa: E731
    work = Program(None, None, None, advance, splits, 1, [])
    host = Callbacks(write_rows, *[ignore] * 4, save, ignore, measure, [])
    run_steps(config, work, State(jnp.int32(0)), 0, [make_record({}, [], {}, [])], host)
    return written, reads


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [[1], [2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]),
        ({"steps": 6}, [[1], [2, 3, 4], [5, 6]]),
        (
            {"metrics": MetricsConfig(every=6)},
            [[1], [2, 3, 4], [5, 6], [7, 8], [9, 10, 11, 12]],
        ),
        (
            {"checkpoint": CheckpointConfig(every=5)},
            [[1], [2, 3, 4], [5], [6, 7, 8], [9, 10], [11, 12]],
        ),
    ],
    ids=["log", "last", "metrics", "checkpoint"],
)
def test_loop_reads_only_at_steps_it_writes_of(changes, expected, monkeypatch):
    """There it reads the metrics of all dispatches since the last such, once."""
    config = replace(CONFIG, **changes)
    written, reads = follow_loop(config, monkeypatch)
    assert reads == expected
    for step, (made, row) in written.items():
        assert made == step  # All is ready at once here.
        assert row["d_loss"] == step


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {1: 4, 4: 8, 8: 12, 12: 12}),
        ({"checkpoint": CheckpointConfig(every=8)}, {1: 4, 4: 8, 8: 8, 12: 12}),
        ({"metrics": MetricsConfig(every=6)}, {1: 4, 4: 6, 6: 8, 8: 12, 12: 12}),
    ],
    ids=["log", "checkpoint", "metrics"],
)
def test_what_is_not_ready_is_read_after_the_next_dispatch(
    changes, expected, monkeypatch
):
    """But all is read before a state is saved, and at the end."""
    monkeypatch.setattr(Unread, "is_ready", lambda self: False)
    written, _ = follow_loop(replace(CONFIG, **changes), monkeypatch)
    assert {step: made for step, (made, _) in written.items()} == expected
    for step, (_, row) in written.items():
        due = "metrics" in changes and step % 6 == 0
        assert row.get("diversity") == (step if due else None)


def test_run_ends_at_the_step_whose_measurement_a_stop_has_given_up(monkeypatch):
    """So the checkpoint is of that step, and `--resume` can measure it."""
    config = replace(CONFIG, metrics=MetricsConfig(every=4))
    given_up = Pending(lambda: [{}], is_complete=False)
    saved = []
    written, _ = follow_loop(config, monkeypatch, measured={8: given_up}, saved=saved)
    assert list(written) == [1, 4, 8]
    assert [row.get("diversity") for _, row in written.values()] == [None, 4, None]
    assert saved == [0, 8]


def test_steps_made_since_a_fault_are_dropped(monkeypatch):
    monkeypatch.setattr(Unread, "is_ready", lambda self: False)
    written, _ = follow_loop(CONFIG, monkeypatch, fails_at=3)
    assert {step: made for step, (made, _) in written.items()} == {1: 4, 3: 8}


@pytest.mark.parametrize("every, seconds", [("60s", 60), ("5m", 300), ("2h", 7200)])
def test_a_checkpoint_is_due_after_its_time(every, seconds):
    config = replace(CONFIG, checkpoint=CheckpointConfig(every=every))
    assert is_checkpoint_due(config, 0, 1, seconds)
    assert not is_checkpoint_due(config, 0, 1, seconds - 1)
