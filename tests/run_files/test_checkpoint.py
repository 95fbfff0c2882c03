"""Nothing is lost: exact resume, kills, damage, full disks, two runs in one folder."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from old_runs import without_copies
from processes import COMPILED, output, running, until
from undrawn import without_pictures

from benchmarks.kills import read_metrics, same_bits, survives
from gan_jax import METHODS, Config, load_generator, train
from gan_jax.augment import AUGMENTS, IMAGES_ONLY
from gan_jax.commands.train import EXIT_CODES, main
from gan_jax.config import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    SweepConfig,
)
from gan_jax.config.serialization import to_json
from gan_jax.run_files.checkpoint import FOLDER, checkpoints, fault, newest, write
from gan_jax.run_files.folder import held

pytestmark = pytest.mark.usefixtures("undrawn")

SMALL = Config(
    steps=40,
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4, g_norm="batch"),
    penalty=replace(METHODS["r1"].penalty, every=4),
    log=LogConfig(every=7, samples_every=18),
    checkpoint=CheckpointConfig(every=10),
    steps_per_call=1,  # one program, where dispatches of many lengths are many
)


class Died(Exception):
    pass


def crash_at(step):
    """A callback by which a run dies when it has logged this step."""

    def callback(row):
        if row["step"] >= step:
            raise Died

    return callback


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def crashed(config, run, step):
    with pytest.raises(Died):
        train(config, run, callback=crash_at(step))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    with without_pictures():
        state, summary = train(SMALL, run)
    return run, state, summary


def assert_resumes(config, step, run, whole):
    crashed(config, run, step)
    state, summary = train(config, run, resume=True)
    assert same_bits(state, whole[1])
    assert read_metrics(run) == read_metrics(whole[0])
    assert [row["step"] for row in read_metrics(run)] == [1, 7, 14, 21, 28, 35, 40]
    assert summary["verdict"] == "completed"
    assert {**summary["last_row"]} == whole[2]["last_row"]
    walls = [row["wall_seconds"] for row in lines(run / "metrics.jsonl")]
    assert walls == sorted(walls)


def test_resumed_run_is_the_uninterrupted_one_bit_for_bit(whole, tmp_path):
    assert_resumes(SMALL, 14, tmp_path / "run", whole)


@pytest.mark.slow
def test_resumed_run_of_scanned_steps_is_the_uninterrupted_one(tmp_path):
    scanned = replace(SMALL, steps_per_call="auto")
    whole = tmp_path / "whole", *train(scanned, tmp_path / "whole")
    for step in (1, 14, 40):
        assert_resumes(scanned, step, tmp_path / str(step), whole)


@pytest.mark.slow
def test_resumed_grid_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    config = replace(SMALL, seeds=2, sweep=SweepConfig(d_lr=(1.0, 1e30)))
    state, _ = train(config, tmp_path / "whole")
    crashed(config, tmp_path / "run", 14)
    again, summary = train(config, tmp_path / "run", resume=True)
    assert same_bits(again, state)
    assert read_metrics(tmp_path / "run") == read_metrics(tmp_path / "whole")
    assert summary["members"] == {"completed": 2, "diverged": 2}
    members = [lines(tmp_path / run / "members.jsonl") for run in ("run", "whole")]
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
    points &= AUGMENTS[method.augment.name] not in IMAGES_ONLY
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
    crashed(config, tmp_path / "run", 4)
    again, _ = train(config, tmp_path / "run", resume=True)
    assert same_bits(again, state)
    assert read_metrics(tmp_path / "run") == read_metrics(tmp_path / "whole")


@pytest.mark.slow
def test_finished_run_resumes_to_itself_and_goes_further(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    state, summary = train(SMALL, run, resume=True)
    assert same_bits(state, whole[1])
    assert (summary["verdict"], summary["steps"]) == ("completed", 40)
    longer = replace(SMALL, steps=50)
    state, _ = train(longer, run, resume=True)
    direct, _ = train(longer, tmp_path / "direct")
    assert same_bits(state, direct)
    assert read_metrics(run) == read_metrics(tmp_path / "direct")
    with pytest.raises(ValueError, match="steps 40: the run has made 50"):
        train(SMALL, run, resume=True)


def test_resume_begins_where_there_is_no_run(tmp_path, whole):
    state, _ = train(SMALL, tmp_path / "new", resume=True)
    assert same_bits(state, whole[1])


@pytest.mark.slow
def test_checkpoint_of_many_devices_goes_on_with_one_and_the_reverse(tmp_path, whole):
    sgd = OptimizerConfig("sgd", 0.01)
    config = replace(SMALL, g_optimizer=sgd, d_optimizer=sgd)
    expected, _ = train(config, tmp_path / "whole")
    for first, second in (("shard_map", "jit"), ("jit", "gspmd")):
        run = tmp_path / first
        crashed(replace(config, placement=first), run, 14)
        state, _ = train(replace(config, placement=second), run, resume=True)
        for ours, theirs in zip(
            jax.tree.leaves(state.generator.params),
            jax.tree.leaves(expected.generator.params),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_newest_checkpoints_and_those_asked_for_stay(tmp_path):
    keep = CheckpointConfig(every=5, keep=2, keep_every=15)
    train(replace(SMALL, checkpoint=keep), tmp_path / "run")
    steps = [int(path.name) for path in checkpoints(tmp_path / "run" / FOLDER)]
    assert steps == [40, 35, 30, 15, 0]


@pytest.mark.parametrize("step", [10, 15])  # written again; the oldest makes room
def test_killed_while_it_removes_a_checkpoint_none_is_lost(step, tmp_path, monkeypatch):
    folder, arrays = tmp_path / FOLDER, {"x": np.arange(3.0)}
    for before in (5, 10):
        write(folder, arrays, {"step": before}, 2, None)

    def killed(path, **_):
        if path.exists():
            next(file for file in path.rglob("*") if file.is_file()).unlink()
            raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(SystemExit):
            write(folder, arrays, {"step": step}, 2, None)
    found = checkpoints(folder)
    assert len(found) == 2 and int(found[0].name) == step
    assert [fault(path) for path in found] == [None, None]
    write(folder, arrays, {"step": 20}, 2, None)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{step:09d}", "000000020"]


def test_checkpoints_by_time(tmp_path):
    seldom = CheckpointConfig(every="1h", keep=9)
    train(replace(SMALL, checkpoint=seldom), tmp_path / "run")
    steps = [int(path.name) for path in checkpoints(tmp_path / "run" / FOLDER)]
    assert steps == [40, 0]


# Damage.


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "flipped bit": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_to_any_file_is_noticed_and_the_one_before_is_taken(
    kind, whole, tmp_path
):
    source = whole[0] / FOLDER
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    newest_step = checkpoints(source)[0].name
    own = [name for name in names if name.parts[0] == newest_step]
    assert len(own) >= 8
    for index, name in enumerate(own):
        folder = tmp_path / str(index)
        shutil.copytree(source, folder)
        DAMAGE[kind](folder / name)
        told = []
        path, note = newest(folder, told.append)
        assert note["step"] == 30
        assert fault(path) is None
        assert len(told) == 1 and newest_step in told[0]
        if name.name != "manifest.json":  # a checksum that differs blames its file
            assert name.name in told[0]


def test_run_goes_on_from_the_intact_checkpoint_or_says_that_none_is(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    flip(checkpoints(run / FOLDER)[0] / "manifest.json")
    state, _ = train(SMALL, run, resume=True)
    assert same_bits(state, whole[1])
    assert read_metrics(run) == read_metrics(whole[0])
    before = (run / "metrics.jsonl").read_bytes()
    for path in checkpoints(run / FOLDER):
        flip(path / "note.json")
    with pytest.raises(ValueError, match=r"checkpoint .*; none of 2 is intact"):
        train(SMALL, run, resume=True)
    with pytest.raises(ValueError, match="none of 2 is intact"):
        load_generator(run)
    assert (run / "metrics.jsonl").read_bytes() == before


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
    events = lines(tmp_path / "hot" / "events.jsonl")
    assert [event["restored"] for event in events] == [1, 2]
    assert all(event["fault"]["step"] > event["step"] == 0 for event in events)
    crashed(HOT, tmp_path / "run", 50)  # after it was restored
    again, summary = train(HOT, tmp_path / "run", resume=True)
    assert same_bits(again, state) and summary["restores"] == 2
    assert lines(tmp_path / "run" / "events.jsonl") == events


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
    steps = [event["step"] for event in lines(tmp_path / "run" / "events.jsonl")]
    assert summary["restores"] == len(steps) == 3
    assert all(one != next for one, next in zip(steps, steps[1:], strict=False) if one)


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


def test_run_told_to_continue_goes_on_and_is_called_diverged(tmp_path):
    config = replace(HOT, on_divergence="continue")
    _, summary = train(config, tmp_path / "run")
    assert (summary["verdict"], summary["steps"]) == ("diverged", 100)
    steps = [row["step"] for row in read_metrics(tmp_path / "run")]
    fault = summary["fault"]["step"]
    assert steps == sorted({1, 100, fault, *range(10, 100, 10)})
    last = {row["step"]: row for row in read_metrics(tmp_path / "run")}
    assert last[fault][summary["fault"]["term"]] is None and not last[100]["finite"]
    _, note = newest(tmp_path / "run" / FOLDER)
    assert note["step"] < fault


@pytest.mark.slow
def test_cut_off_metric_line_is_dropped(whole, tmp_path):
    run = tmp_path / "run"
    crashed(SMALL, run, 28)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 29, "d_lo')
    train(SMALL, run, resume=True)
    assert read_metrics(run) == read_metrics(whole[0])


def test_diverged_run_keeps_its_last_finite_state(tmp_path):
    rate = OptimizerConfig("sgd", 3.0)
    every = CheckpointConfig(every=1)
    config = replace(
        SMALL, steps=2000, g_optimizer=rate, d_optimizer=rate, checkpoint=every
    )
    config = replace(config, loss=replace(config.loss, name="wasserstein"))
    state, summary = train(config, tmp_path / "run")
    assert summary["verdict"] == "diverged"
    _, note = newest(tmp_path / "run" / FOLDER)
    assert 0 < note["step"] < summary["steps"]
    sample, _ = load_generator(tmp_path / "run")
    assert np.isfinite(sample(jax.random.key(0), 4)).all()


# Who may write, and what may change.


HOLD = """
import signal, sys
from pathlib import Path
from gan_jax.run_files.folder import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""


def test_two_runs_in_one_folder_are_refused_while_the_first_lives(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    before = (run / "metrics.jsonl").read_bytes()
    with running([sys.executable, "-c", HOLD, str(run)]) as holder:
        assert holder.stdout.readline() == "held\n"
        for how in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(FileExistsError, match="another run is writing to it"):
                train(SMALL, run, **how)
        assert (run / "metrics.jsonl").read_bytes() == before
    with held(run):  # A dead process's lock is no obstacle.
        pass


def test_changes_are_listed_and_harmful_ones_refused(whole, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
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
    crashed(SMALL, tmp_path / "run", 35)
    _, note = newest(tmp_path / "run" / FOLDER)
    assert note["step"] == 30
    fewer = replace(SMALL, steps=30)
    _, summary = train(fewer, tmp_path / "run", resume=True)
    assert (summary["verdict"], summary["steps"]) == ("completed", 30)


def test_damaged_newer_checkpoints_give_way_to_those_made_again(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    flip(checkpoints(run / FOLDER)[0] / "manifest.json")
    (run / FOLDER / ".000000031.part").mkdir()
    train(replace(SMALL, steps=35), run, resume=True)
    steps = [int(path.name) for path in checkpoints(run / FOLDER)]
    assert steps == [35, 30]
    assert not list((run / FOLDER).glob(".*"))


def test_run_whose_rows_are_gone_is_refused(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    without_copies(run)
    (run / "metrics.jsonl").unlink()
    with pytest.raises(
        ValueError, match="metrics.jsonl: the rows before 40 are missing"
    ):
        train(SMALL, run, resume=True)


# Signals, kills and full disks, through the command line.


def command(config, run, tmp_path, *flags):
    path = tmp_path / "config.json"
    path.write_text(to_json(config))
    words = ["-m", "experiments.train", "--config", str(path), "--out", str(run)]
    return [sys.executable, *words, *flags]


@pytest.mark.slow
def test_sigterm_saves_says_how_to_resume_and_exits_with_its_code(tmp_path):
    run = tmp_path / "run"
    seldom = CheckpointConfig(every="1h")
    config = replace(
        SMALL, steps=10_000_000, log=LogConfig(every=50), checkpoint=seldom
    )
    with running(command(config, run, tmp_path), **COMPILED) as process:
        until((run / "metrics.jsonl").exists, process)
        process.send_signal(signal.SIGTERM)
        text = output(process)
    assert process.returncode == EXIT_CODES["SIGTERM"] == 143, text
    assert "--resume" in text
    _, note = newest(run / FOLDER)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["verdict"] == "interrupted"
    assert summary["steps"] == note["step"]
    further = replace(config, steps=note["step"] + 20)
    state, _ = train(further, run, resume=True)
    direct, _ = train(further, tmp_path / "direct")
    assert same_bits(state, direct)
    assert read_metrics(run) == read_metrics(tmp_path / "direct")


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(8, marks=pytest.mark.slow),
        pytest.param(20, marks=pytest.mark.exhaustive),
    ],
)
def test_kills_at_random_moments_lose_nothing(kills, tmp_path):
    assert survives(kills, 3000, tmp_path)


@pytest.mark.slow
def test_full_disk_stops_with_one_line_and_freeing_space_goes_on(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        config = replace(SMALL, steps=2000, model=replace(SMALL.model, width=64))
        filler = disk / "filler"
        filler.write_bytes(b"0" * 1_300_000)
        run = disk / "run"
        with running(command(config, run, tmp_path)) as process:
            text = output(process)
        assert process.returncode == 2, text
        errors = [line for line in text.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and "Traceback" not in text, text
        assert all(
            line for line in (run / "metrics.jsonl").read_text().split("\n")[:-1]
        )
        filler.unlink()
        shorter = replace(config, steps=200)
        state, _ = train(shorter, run, resume=True)
        expected, _ = train(shorter, tmp_path / "whole")
        assert same_bits(state, expected)
        assert read_metrics(run) == read_metrics(tmp_path / "whole")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_folder_that_vanishes_is_one_line_and_is_not_made_again(tmp_path):
    run = tmp_path / "run"
    seldom = replace(SMALL, checkpoint=CheckpointConfig(every="1h"))  # none under way

    def vanish(row):
        if row["step"] == 14:
            shutil.rmtree(run)

    with pytest.raises(OSError, match=r"run/(metrics|checkp|samples).*not.* written"):
        train(seldom, run, callback=vanish)
    assert not run.exists()


@pytest.mark.slow
def test_disk_that_becomes_read_only_is_one_line_and_mending_that_goes_on(tmp_path):
    run, covered = tmp_path / "run", []

    def cover(row):
        if row["step"] == 14:
            # Else Orbax's threads fail, and leave coroutines to a later test.
            until((run / "checkpoints/000000010").exists)
            mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(run)]
            if subprocess.run(mount, capture_output=True).returncode:
                pytest.skip("mounting a read-only tmpfs is not permitted here")
            covered.append(run)

    try:
        with pytest.raises(OSError, match="Read-only file system") as error:
            train(SMALL, run, callback=cover)
        assert "\n" not in str(error.value)
        with pytest.raises(OSError, match="cannot be written .Read-only"):
            train(SMALL, run, resume=True)
    finally:
        for path in covered:
            subprocess.run(["umount", str(path)], check=True)
    state, _ = train(SMALL, run, resume=True)
    expected, _ = train(SMALL, tmp_path / "whole")
    assert same_bits(state, expected)
    assert read_metrics(run) == read_metrics(tmp_path / "whole")
