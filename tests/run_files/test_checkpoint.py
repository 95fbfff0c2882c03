"""Checkpoints: which stay, how damage is noticed, and who may write."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from processes import running
from resumed_runs import SMALL, flip_bit

from benchmarks.kills import read_metrics, same_bits
from gan_jax import load_generator, train
from gan_jax.config import CheckpointConfig
from gan_jax.run_files.checkpoint import (
    CHECKPOINT_FOLDER,
    find_fault,
    list_checkpoints,
    newest_intact,
    write_checkpoint,
)
from gan_jax.run_files.folder import lock_folder

pytestmark = pytest.mark.usefixtures("undrawn")


def test_newest_checkpoints_and_those_asked_for_stay(tmp_path):
    keep = CheckpointConfig(every=5, keep=2, keep_every=15)
    train(replace(SMALL, checkpoint=keep), tmp_path / "run")
    steps = [
        int(path.name)
        for path in list_checkpoints(tmp_path / "run" / CHECKPOINT_FOLDER)
    ]
    assert steps == [40, 35, 30, 15, 0]


@pytest.mark.parametrize("step", [10, 15])  # written again; the oldest makes room
def test_killed_while_it_removes_a_checkpoint_none_is_lost(step, tmp_path, monkeypatch):
    folder, arrays = tmp_path / CHECKPOINT_FOLDER, {"x": np.arange(3.0)}
    for before in (5, 10):
        write_checkpoint(folder, arrays, {"step": before}, 2, None)

    def killed(path, **_):
        if path.exists():
            next(file for file in path.rglob("*") if file.is_file()).unlink()
            raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(SystemExit):
            write_checkpoint(folder, arrays, {"step": step}, 2, None)
    found = list_checkpoints(folder)
    assert len(found) == 2 and int(found[0].name) == step
    assert [find_fault(path) for path in found] == [None, None]
    write_checkpoint(folder, arrays, {"step": 20}, 2, None)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{step:09d}", "000000020"]


def test_checkpoints_by_time(tmp_path):
    seldom = CheckpointConfig(every="1h", keep=9)
    train(replace(SMALL, checkpoint=seldom), tmp_path / "run")
    steps = [
        int(path.name)
        for path in list_checkpoints(tmp_path / "run" / CHECKPOINT_FOLDER)
    ]
    assert steps == [40, 0]


DAMAGE = {
    "flipped bit": flip_bit,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_to_any_file_is_noticed_and_the_one_before_is_taken(
    kind, uninterrupted, tmp_path
):
    source = uninterrupted[0] / CHECKPOINT_FOLDER
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    newest_step = list_checkpoints(source)[0].name
    own = [name for name in names if name.parts[0] == newest_step]
    assert len(own) >= 8
    for index, name in enumerate(own):
        folder = tmp_path / str(index)
        shutil.copytree(source, folder)
        DAMAGE[kind](folder / name)
        told = []
        path, note = newest_intact(folder, told.append)
        assert note["step"] == 30
        assert find_fault(path) is None
        assert len(told) == 1 and newest_step in told[0]
        if name.name != "manifest.json":  # a checksum that differs blames its file
            assert name.name in told[0]


def test_run_goes_on_from_the_intact_checkpoint_or_says_that_none_is(
    uninterrupted, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted[0], run)
    flip_bit(list_checkpoints(run / CHECKPOINT_FOLDER)[0] / "manifest.json")
    state, _ = train(SMALL, run, resume=True)
    assert same_bits(state, uninterrupted[1])
    assert read_metrics(run) == read_metrics(uninterrupted[0])
    before = (run / "metrics.jsonl").read_bytes()
    for path in list_checkpoints(run / CHECKPOINT_FOLDER):
        flip_bit(path / "note.json")
    with pytest.raises(ValueError, match=r"checkpoint .*; none of 2 is intact"):
        train(SMALL, run, resume=True)
    with pytest.raises(ValueError, match="none of 2 is intact"):
        load_generator(run)
    assert (run / "metrics.jsonl").read_bytes() == before


HOLD = """
import signal, sys
from pathlib import Path
from gan_jax.run_files.folder import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""


def test_two_runs_in_one_folder_are_refused_while_the_first_lives(
    uninterrupted, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted[0], run)
    before = (run / "metrics.jsonl").read_bytes()
    with running([sys.executable, "-c", HOLD, str(run)]) as holder:
        assert holder.stdout.readline() == "held\n"
        for how in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(FileExistsError, match="another run is writing to it"):
                train(SMALL, run, **how)
        assert (run / "metrics.jsonl").read_bytes() == before
    with lock_folder(run):  # A dead process's lock is no obstacle.
        pass


def test_damaged_newer_checkpoints_give_way_to_those_made_again(
    uninterrupted, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted[0], run)
    flip_bit(list_checkpoints(run / CHECKPOINT_FOLDER)[0] / "manifest.json")
    (run / CHECKPOINT_FOLDER / ".000000031.part").mkdir()
    train(replace(SMALL, steps=35), run, resume=True)
    steps = [int(path.name) for path in list_checkpoints(run / CHECKPOINT_FOLDER)]
    assert steps == [35, 30]
    assert not list((run / CHECKPOINT_FOLDER).glob(".*"))
