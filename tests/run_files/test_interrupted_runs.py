"""Signals, kills, full disks and vanished folders lose nothing of a run."""

import json
import shutil
import signal
import subprocess
from dataclasses import replace

import pytest
from processes import COMPILED, output, running, until
from resumed_runs import SMALL, train_command

from benchmarks.kills import read_metrics, same_bits, survives
from gan_jax import train
from gan_jax.commands.train import EXIT_CODES
from gan_jax.config import CheckpointConfig, LogConfig
from gan_jax.run_files.checkpoint import CHECKPOINT_FOLDER, newest_intact

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.slow
def test_sigterm_saves_says_how_to_resume_and_exits_with_its_code(tmp_path):
    run = tmp_path / "run"
    seldom = CheckpointConfig(every="1h")
    config = replace(
        SMALL, steps=10_000_000, log=LogConfig(every=50), checkpoint=seldom
    )
    with running(train_command(config, run, tmp_path), **COMPILED) as process:
        until((run / "metrics.jsonl").exists, process)
        process.send_signal(signal.SIGTERM)
        text = output(process)
    assert process.returncode == EXIT_CODES["SIGTERM"] == 143, text
    assert "--resume" in text
    _, note = newest_intact(run / CHECKPOINT_FOLDER)
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
        with running(train_command(config, run, tmp_path)) as process:
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
