"""A resumed run is the uninterrupted one, bit for bit, or it is refused."""

import shutil
import signal
from dataclasses import replace

import jax
import numpy as np
import pytest
from old_runs import without_copies
from resumed_runs import SMALL, crash_run, read_lines

from benchmarks.kills import read_metrics, same_bits
from gan_jax import METHODS, train
from gan_jax.augment import AUGMENTS
from gan_jax.commands.train import main
from gan_jax.config import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    OptimizerConfig,
    SweepConfig,
)
from gan_jax.config.serialization import to_json
from gan_jax.evaluate import batched
from gan_jax.run_files.checkpoint import CHECKPOINT_FOLDER, newest_intact

pytestmark = pytest.mark.usefixtures("undrawn")


def assert_resumes(config, step, run, uninterrupted):
    crash_run(config, run, step)
    state, summary = train(config, run, resume=True)
    assert same_bits(state, uninterrupted[1])
    assert read_metrics(run) == read_metrics(uninterrupted[0])
    assert [row["step"] for row in read_metrics(run)] == [1, 7, 14, 21, 28, 35, 40]
    assert summary["verdict"] == "completed"
    assert {**summary["last_row"]} == uninterrupted[2]["last_row"]
    walls = [row["wall_seconds"] for row in read_lines(run / "metrics.jsonl")]
    assert walls == sorted(walls)


def test_resumed_run_is_the_uninterrupted_one_bit_for_bit(uninterrupted, tmp_path):
    assert_resumes(SMALL, 14, tmp_path / "run", uninterrupted)


@pytest.mark.slow
def test_resumed_run_of_scanned_steps_is_the_uninterrupted_one(tmp_path):
    scanned = replace(SMALL, steps_per_call="auto")
    expected = tmp_path / "whole", *train(scanned, tmp_path / "whole")
    for step in (1, 14, 40):
        assert_resumes(scanned, step, tmp_path / str(step), expected)


@pytest.mark.slow
def test_resumed_grid_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    config = replace(SMALL, seeds=2, sweep=SweepConfig(d_lr=(1.0, 1e30)))
    state, _ = train(config, tmp_path / "whole")
    crash_run(config, tmp_path / "run", 14)
    again, summary = train(config, tmp_path / "run", resume=True)
    assert same_bits(again, state)
    assert read_metrics(tmp_path / "run") == read_metrics(tmp_path / "whole")
    assert summary["members"] == {"completed": 2, "diverged": 2}
    members = [read_lines(tmp_path / run / "members.jsonl") for run in ("run", "whole")]
    assert [m["verdict"] for m in members[0]] == [m["verdict"] for m in members[1]]


def one_in_four(names, turn):
    """Names, the turn-th of each four slow; another property has the others there."""
    return [
        pytest.param(
            name, marks=pytest.mark.slow if i % 4 == turn else pytest.mark.exhaustive
        )
        for i, name in enumerate(names)
    ]


@pytest.mark.parametrize("name", one_in_four(METHODS, 3))
def test_every_method_resumes_bit_for_bit(name, tmp_path):
    method = METHODS[name]
    points = method.model.name in (None, "mlp")
    points &= not AUGMENTS[method.augment.name].images_only
    model = replace(
        method.model, width=4, output=None if points else method.model.output
    )
    config = replace(
        method,
        steps=8,
        batch_size=8,
        dataset=DatasetConfig("ring") if points else method.dataset,
        model=model,
        log=LogConfig(every=2),
        checkpoint=CheckpointConfig(every=3),
        steps_per_call=1,
    )
    state, _ = train(config, tmp_path / "whole")
    crash_run(config, tmp_path / "run", 4)
    again, _ = train(config, tmp_path / "run", resume=True)
    assert same_bits(again, state)
    assert read_metrics(tmp_path / "run") == read_metrics(tmp_path / "whole")


@pytest.mark.slow
def test_finished_run_resumes_to_itself_and_goes_further(uninterrupted, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted[0], run)
    state, summary = train(SMALL, run, resume=True)
    assert same_bits(state, uninterrupted[1])
    assert (summary["verdict"], summary["steps"]) == ("completed", 40)
    longer = replace(SMALL, steps=50)
    state, _ = train(longer, run, resume=True)
    direct, _ = train(longer, tmp_path / "direct")
    assert same_bits(state, direct)
    assert read_metrics(run) == read_metrics(tmp_path / "direct")
    with pytest.raises(ValueError, match="steps 40: the run has made 50"):
        train(SMALL, run, resume=True)


def test_resume_begins_where_there_is_no_run(tmp_path, uninterrupted):
    state, _ = train(SMALL, tmp_path / "new", resume=True)
    assert same_bits(state, uninterrupted[1])


@pytest.mark.slow
def test_checkpoint_of_many_devices_goes_on_with_one_and_the_reverse(
    tmp_path, uninterrupted
):
    sgd = OptimizerConfig("sgd", 0.01)
    config = replace(SMALL, g_optimizer=sgd, d_optimizer=sgd)
    expected, _ = train(config, tmp_path / "whole")
    for first, second in (("shard_map", "jit"), ("jit", "gspmd")):
        run = tmp_path / first
        crash_run(replace(config, placement=first), run, 14)
        state, _ = train(replace(config, placement=second), run, resume=True)
        for ours, theirs in zip(
            jax.tree.leaves(state.generator.params),
            jax.tree.leaves(expected.generator.params),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_interrupted_gans_that_continue_after_a_fault_resume_bit_for_bit(tmp_path):
    config = replace(
        SMALL,
        sweep=SweepConfig(d_lr=(1.0, 1e30)),
        steps_per_call=3,
        log=LogConfig(every=20),
        on_divergence="continue",
    )

    def terminate(row):
        if row["step"] == 20:
            signal.raise_signal(signal.SIGTERM)

    train(config, tmp_path / "whole")
    _, summary = train(config, tmp_path / "run", callback=terminate)
    assert summary["verdict"] == "interrupted"
    train(config, tmp_path / "run", resume=True)
    assert read_metrics(tmp_path / "run") == read_metrics(tmp_path / "whole")


@pytest.mark.slow
def test_cut_off_metric_line_is_dropped(uninterrupted, tmp_path):
    run = tmp_path / "run"
    crash_run(SMALL, run, 28)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 29, "d_lo')
    train(SMALL, run, resume=True)
    assert read_metrics(run) == read_metrics(uninterrupted[0])


@pytest.mark.parametrize("seeds", [1, 2])
def test_measurement_that_a_signal_gave_up_is_made_by_the_resumed_run(
    seeds, tmp_path, monkeypatch
):
    config = replace(SMALL, seeds=seeds, metrics=MetricsConfig(every=20))
    train(config, tmp_path / "whole")
    dispatch, turns = batched.dispatch_calls, []

    def signal_at_first(calls, stop):
        turns.append(None)
        if len(turns) == 1:
            signal.raise_signal(signal.SIGTERM)
        return dispatch(calls, stop)

    monkeypatch.setattr(batched, "dispatch_calls", signal_at_first)
    _, summary = train(config, tmp_path / "run")
    assert (summary["verdict"], summary["steps"]) == ("interrupted", 20)
    last = read_lines(tmp_path / "run/metrics.jsonl")[-1]
    assert last["step"] == 20 and "diversity" not in last
    train(config, tmp_path / "run", resume=True)
    ours, whole = (read_metrics(tmp_path / run) for run in ("run", "whole"))
    by_gan = [lambda row: row["step"], lambda row: row.get("seed", 0)]
    for key in by_gan:
        ours, whole = sorted(ours, key=key), sorted(whole, key=key)
    assert ours == whole


def test_a_run_in_the_order_of_old_versions_is_refused(tmp_path, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.setattr("gan_jax.run.restores.ORDER_VERSION", 1)
    crash_run(SMALL, run, 21)
    monkeypatch.undo()
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with pytest.raises(ValueError, match=r"in another order.*--overwrite"):
        train(SMALL, run, resume=True)
    after = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    after.pop(run / ".lock", None)
    before.pop(run / ".lock", None)
    assert before == after


def test_changes_are_listed_and_harmful_ones_refused(uninterrupted, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted[0], run)
    path = tmp_path / "config.json"
    path.write_text(to_json(SMALL))
    resume = ["--config", str(path), "--out", str(run), "--resume"]
    assert main([*resume, "--batch-size", "16", "--model.width", "4"]) == 2
    message = capsys.readouterr().err
    for words in ("batch_size 16 (was 8)", "model.width 4 (was 8)", "--allow-changes"):
        assert words in message
    assert main([*resume, "--steps", "42", "--log.every", "3"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "another steps: 42 (was 40)" in text
    assert "another log.every: 3 (was 7)" in text
    steps = [row["step"] for row in read_metrics(run)]
    assert steps == [1, 7, 14, 21, 28, 35, 42]  # 40 was an end that is none now.
    assert main([*resume, "--steps", "44", "--penalty.weight", "1"]) == 2
    allowed = ["--penalty.weight", "1", "--allow-changes"]
    assert main([*resume, "--steps", "44", *allowed]) == 0
    capsys.readouterr()
    changed = ["--model.width", "4", "--allow-changes"]
    assert main([*resume, "--steps", "46", *changed]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: checkpoint") and message.count("\n") == 1
    assert "where this config needs" in message
    for changed in (["--seeds", "2"], ["--seed", "1"], ["--sweep.penalty", "2"]):
        assert main([*resume, "--steps", "46", *changed, "--allow-changes"]) == 2
        assert "seeds and sweeps" in capsys.readouterr().err


def test_other_steps_are_refused_where_a_schedule_runs_over_them(tmp_path):
    decay = OptimizerConfig("sgd", 0.01, schedule="linear")
    config = replace(SMALL, steps=4, g_optimizer=decay)
    train(config, tmp_path / "run")
    with pytest.raises(ValueError, match=r"steps 6 \(was 4\)"):
        train(replace(config, steps=6), tmp_path / "run", resume=True)


@pytest.mark.slow
def test_resuming_to_the_steps_made_is_completed(tmp_path):
    crash_run(SMALL, tmp_path / "run", 35)
    _, note = newest_intact(tmp_path / "run" / CHECKPOINT_FOLDER)
    assert note["step"] == 30
    fewer = replace(SMALL, steps=30)
    _, summary = train(fewer, tmp_path / "run", resume=True)
    assert (summary["verdict"], summary["steps"]) == ("completed", 30)


def test_run_whose_rows_are_gone_is_refused(uninterrupted, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted[0], run)
    without_copies(run)
    (run / "metrics.jsonl").unlink()
    with pytest.raises(
        ValueError, match="metrics.jsonl: the rows before 40 are missing"
    ):
        train(SMALL, run, resume=True)
