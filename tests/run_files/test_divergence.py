"""A run that diverges is restored, continued or ended; its finite state stays."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from resumed_runs import SMALL, crash_run, read_lines

from benchmarks.kills import read_metrics, same_bits
from gan_jax import load_generator, train
from gan_jax.config import CheckpointConfig, LogConfig, OptimizerConfig
from gan_jax.run_files.checkpoint import CHECKPOINT_FOLDER, newest_intact

pytestmark = pytest.mark.usefixtures("undrawn")

HOT = replace(
    SMALL,
    steps=100,
    loss=replace(SMALL.loss, name="wasserstein"),
    g_optimizer=OptimizerConfig("sgd", 0.032),
    d_optimizer=OptimizerConfig("sgd", 0.032),
    checkpoint=CheckpointConfig(every="1h"),
    log=LogConfig(every=10),
    on_divergence="restore",
)


@pytest.mark.slow
def test_restored_run_is_the_one_with_quarter_the_learning_rates(tmp_path):
    state, summary = train(HOT, tmp_path / "hot")
    assert (summary["verdict"], summary["restores"]) == ("completed", 2)
    calm = OptimizerConfig("sgd", 0.008)  # halved twice; powers of two are exact
    config = replace(HOT, g_optimizer=calm, d_optimizer=calm, on_divergence="stop")
    expected, _ = train(config, tmp_path / "calm")
    assert state.scales["g_lr"] == state.scales["d_lr"] == 0.25
    assert same_bits(state.replace(scales=expected.scales), expected)
    assert read_metrics(tmp_path / "hot") == read_metrics(tmp_path / "calm")
    events = read_lines(tmp_path / "hot" / "events.jsonl")
    assert [event["restored"] for event in events] == [1, 2]
    assert all(event["fault"]["step"] > event["step"] == 0 for event in events)
    crash_run(HOT, tmp_path / "run", 50)  # after it was restored
    again, summary = train(HOT, tmp_path / "run", resume=True)
    assert same_bits(again, state) and summary["restores"] == 2
    assert read_lines(tmp_path / "run" / "events.jsonl") == events


@pytest.mark.slow
def test_run_that_cannot_be_restored_ends_diverged_after_three_times(tmp_path):
    hot = OptimizerConfig("sgd", 10.0)
    config = replace(HOT, g_optimizer=hot, d_optimizer=hot)
    _, summary = train(config, tmp_path / "run")
    assert (summary["verdict"], summary["restores"]) == ("diverged", 3)
    assert summary["fault"]["step"] == summary["steps"] < 100
    with pytest.raises(ValueError, match="on_divergence 'restore'.*several GANs"):
        train(replace(config, seeds=2), tmp_path / "many")


@pytest.mark.slow
def test_going_back_to_the_same_checkpoint_twice_takes_an_older_one(tmp_path):
    config = replace(HOT, checkpoint=CheckpointConfig(every=1, keep=9))
    hot = OptimizerConfig("sgd", 0.1)
    config = replace(config, g_optimizer=hot, d_optimizer=hot)
    _, summary = train(config, tmp_path / "run")
    steps = [event["step"] for event in read_lines(tmp_path / "run" / "events.jsonl")]
    assert summary["restores"] == len(steps) == 3
    assert all(one != next for one, next in zip(steps, steps[1:], strict=False) if one)


def test_run_told_to_continue_goes_on_and_is_called_diverged(tmp_path):
    config = replace(HOT, on_divergence="continue")
    _, summary = train(config, tmp_path / "run")
    assert (summary["verdict"], summary["steps"]) == ("diverged", 100)
    steps = [row["step"] for row in read_metrics(tmp_path / "run")]
    fault = summary["fault"]["step"]
    assert steps == sorted({1, 100, fault, *range(10, 100, 10)})
    last = {row["step"]: row for row in read_metrics(tmp_path / "run")}
    assert last[fault][summary["fault"]["term"]] is None and not last[100]["finite"]
    _, note = newest_intact(tmp_path / "run" / CHECKPOINT_FOLDER)
    assert note["step"] < fault


def test_diverged_run_keeps_its_last_finite_state(tmp_path):
    rate = OptimizerConfig("sgd", 3.0)
    every = CheckpointConfig(every=1)
    config = replace(
        SMALL, steps=2000, g_optimizer=rate, d_optimizer=rate, checkpoint=every
    )
    config = replace(config, loss=replace(config.loss, name="wasserstein"))
    state, summary = train(config, tmp_path / "run")
    assert summary["verdict"] == "diverged"
    _, note = newest_intact(tmp_path / "run" / CHECKPOINT_FOLDER)
    assert 0 < note["step"] < summary["steps"]
    sample, _ = load_generator(tmp_path / "run")
    assert np.isfinite(sample(jax.random.key(0), 4)).all()
