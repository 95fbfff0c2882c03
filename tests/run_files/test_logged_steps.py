"""The steps of which the host reads the metrics."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config import Config, LogConfig, MetricsConfig, PenaltyConfig
from gan_jax.run_files.history import add_rows, make_record
from gan_jax.run_files.logged_steps import fetch_steps, has_row, pick_steps

TERMS = ("d_loss", "g_loss", "d_grad_norm", "g_grad_norm", "real_logits", "fake_logits")
CONFIG = Config(
    steps=23,
    penalty=PenaltyConfig("r1", every=4),
    log=LogConfig(every=5),
    metrics=MetricsConfig(every=0),
)


def metrics_of(steps, fails_at):
    """The metrics of two GANs at some steps, from 1; the second fails at a step."""
    steps = np.stack([steps, steps]).astype(np.float32)
    found = {name: jnp.asarray(i + steps) for i, name in enumerate(TERMS)}
    found["d_penalty"] = jnp.where((steps - 1) % 4 == 0, 100 + steps, 0)
    fails = np.array([[False], [True]]) & (steps >= fails_at)
    found["d_loss"] = jnp.where(fails, jnp.nan, found["d_loss"])
    return found | {"finite": jnp.asarray(~fails)}


def follow(config, length, fails_at):
    """The rows of both GANs of a run in dispatches of some length."""
    records = [make_record({"seed": seed}, [], {}, []) for seed in range(2)]
    for start in range(0, config.steps, length):
        end = min(start + length, config.steps)
        metrics = metrics_of(np.arange(start + 1, end + 1), fails_at)
        picked = pick_steps(config, metrics, jnp.int32(end), start, end)
        (fetched,) = fetch_steps([picked])
        add_rows(config, records, fetched, 0.0, end == config.steps)
    return [record.rows for record in records]


@pytest.mark.parametrize("length", [1, 3, 5, 7, 23])
@pytest.mark.parametrize("fails_at", [1, 10, 13, 99])
@pytest.mark.parametrize("on_divergence", ["stop", "continue"])
def test_rows_do_not_depend_on_the_dispatches(length, fails_at, on_divergence):
    config = replace(CONFIG, on_divergence=on_divergence)
    alive, failing = follow(config, length, fails_at)
    logged = [step for step in range(1, 24) if has_row(config, step)]
    assert logged == [1, 5, 10, 15, 20, 23]
    assert [row["step"] for row in alive] == logged
    expected = {*logged, fails_at} if fails_at <= 23 else set(logged)
    if on_divergence == "stop":
        expected = {step for step in expected if step <= fails_at}
    assert [row["step"] for row in failing] == sorted(expected)
    for row in (*alive, *failing):
        step = row["step"]
        assert row["g_loss"] == step + 1
        assert row["d_penalty"] == 101 + (step - 1) // 4 * 4  # That of its last step.
    for row in failing:
        assert row["finite"] == (row["step"] < fails_at)


@pytest.mark.parametrize("length", [20, 100])
def test_host_reads_as_many_numbers_as_the_rows_have(length):
    """A dispatch of any length sends a column for each row, and one for a fault."""
    config = replace(CONFIG, log=LogConfig(every=20))
    metrics = metrics_of(np.arange(101, 101 + length), 1000)
    picked = pick_steps(config, metrics, jnp.int32(100 + length), 100, 100 + length)
    assert picked.places == tuple(range(19, length, 20))
    sizes = {leaf.shape for leaf in jax.tree.leaves(picked.values)}
    assert sizes == {(2, length // 20 + 1)}
