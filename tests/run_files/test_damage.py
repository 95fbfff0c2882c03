"""Runs in odd places and with damaged files: nothing is lost, and all is told."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from old_runs import sum_again, without_checksums, without_copies
from PIL import Image
from resumed_runs import SMALL, Died
from test_row_files import WRONG

from benchmarks.kills import read_metrics, same_bits
from gan_jax import build, load_generator, train
from gan_jax.commands import data, diagnose, evaluate, sample
from gan_jax.commands.train import main
from gan_jax.config.serialization import to_json
from gan_jax.gan import init_state
from gan_jax.logs.files import write_atomically
from gan_jax.logs.row_files import append_rows
from gan_jax.run_files.checkpoint import (
    CHECKPOINT_FOLDER,
    key_as_integers,
    newest_intact,
    restore_state,
    write_checkpoint,
)
from gan_jax.run_files.folder import reset_folder
from gan_jax.run_files.stored_rows import ROW_FILES

EVENTS = [{"step": step, "sign": "logit_blow_up"} for step in (7, 14)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    state, _ = train(SMALL, run)
    return run, state


@pytest.fixture
def run(whole, tmp_path):
    """A copy of it."""
    shutil.copytree(whole[0], tmp_path / "run")
    return tmp_path / "run"


def resume_run(run, capsys, config=SMALL):
    """The state, and what a resumed run tells, in one line."""
    state, _ = train(config, run, resume=True, progress=True)
    return state, " ".join(capsys.readouterr().out.split())


# Paths.

ODD_NAMES = ["r1[2]", "[!a]", "*", "**", "a?b", "a\\b", "c:\\x", "gs:", "{a,b}", "~"]
ODD_NAMES += ["~root", "%20", "a\nb", " ", "-x", "$HOME", "a#b", "\u2028", "\x01"]
ODD_NAMES += ["x" * 255, "é" * 127, "漢" * 85, "\udcff", "a.orbax-checkpoint-tmp-1"]
NAMES = st.sampled_from(ODD_NAMES) | st.text(
    st.sampled_from("[]*?\\{}~!^%:;#$&|'\"-., \n\té漢ab"), min_size=1, max_size=9
).filter(lambda name: name not in (".", ".."))


@pytest.mark.parametrize("count", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_checkpoints_are_written_and_read_below_any_path(count, tmp_path_factory):
    gan = build(SMALL)
    state = init_state(gan, jax.random.key(0))
    like = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    arrays = jax.tree.map(np.asarray, key_as_integers(state))

    @settings(derandomize=True, deadline=None, database=None, max_examples=count)
    @given(st.lists(NAMES, min_size=1, max_size=2))
    def search(names):
        place = tmp_path_factory.mktemp("odd")
        folder = place.joinpath(*names)
        folder.mkdir(parents=True)
        write_checkpoint(folder / CHECKPOINT_FOLDER, arrays, {"step": 5}, 2, None)
        path, _ = newest_intact(folder / CHECKPOINT_FOLDER)
        assert same_bits(restore_state(path, like), state)
        (top,) = place.iterdir()  # nothing lies beside it
        assert [p.name for p in (folder / CHECKPOINT_FOLDER).iterdir()] == ["000000005"]
        assert top.name == names[0]

    search()
    assert not list(Path(tempfile.gettempdir()).glob("tmp*/link"))


@pytest.mark.slow
def test_a_run_whose_name_is_a_pattern_leaves_alone_what_it_matches(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "r12")
    before = newest_intact(tmp_path / "r12" / CHECKPOINT_FOLDER)
    odd = tmp_path / "r1[2]*"

    def die(row):
        if row["step"] == 14:
            raise Died

    with pytest.raises(Died):
        train(SMALL, odd, callback=die)
    state, _ = train(SMALL, odd, resume=True)
    assert same_bits(state, whole[1])
    assert read_metrics(odd) == read_metrics(whole[0])
    assert newest_intact(tmp_path / "r12" / CHECKPOINT_FOLDER) == before
    draw, _ = load_generator(odd)
    assert draw(jax.random.key(0), 3).shape == (3, 2)


def test_an_odd_path_is_refused_first_where_no_link_can_be_made(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "t[1]").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t[1]"))
    code = main(["mlp_sgd", "--steps", "1", "--out", str(tmp_path / "r1[2]")])
    message = capsys.readouterr().err
    assert code == 2 and message.count("\n") == 1
    assert "r1[2]: " in message and "TMPDIR" in message
    assert [path.name for path in tmp_path.iterdir()] == ["t[1]"]


# Damaged read_metrics.


@pytest.mark.usefixtures("undrawn")
def test_damaged_rows_are_restored_from_the_checkpoint_and_told(run, whole, capsys):
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace('"d_loss": ', '"d_loss": 1')
    path.write_text("\n".join([*lines[:3], *WRONG, *lines[4:]]) + "\n")
    state, told = resume_run(run, capsys)
    assert same_bits(state, whole[1])
    assert path.read_bytes() == (whole[0] / "metrics.jsonl").read_bytes()
    assert f"{1 + len(WRONG)} damaged left out (line 2 first: its checksum" in told
    assert "2 restored from the checkpoint" in told and "lost" not in told


@pytest.mark.usefixtures("undrawn")
def test_files_of_rows_that_are_gone_are_restored(run, capsys):
    (last, _), before = newest_intact(run / CHECKPOINT_FOLDER), {}
    append_rows(run / "events.jsonl", EVENTS)
    shutil.copy(run / "events.jsonl", last)
    sum_again(last)
    for name in ROW_FILES:
        before[name] = (run / name).read_bytes()
        (run / name).unlink()
    _, told = resume_run(run, capsys)
    for name in ROW_FILES:
        assert (run / name).read_bytes() == before[name]
        assert f"{name}: {len(before[name].splitlines())} restored" in told


@pytest.mark.usefixtures("undrawn")
def test_rows_damaged_before_a_checkpoint_was_made_are_told_as_lost(run, capsys):
    path, (last, _) = run / "metrics.jsonl", newest_intact(run / CHECKPOINT_FOLDER)
    path.write_text(path.read_text().replace('"step": 7', '"step": 8'))
    shutil.copy(path, last)
    sum_again(last)
    _, told = resume_run(run, capsys)
    assert "1 damaged left out (line 2 first: its checksum differs)" in told
    assert "1 of 7 are lost" in told
    assert [row["step"] for row in read_metrics(run)] == [1, 14, 21, 28, 35, 40]


@pytest.mark.usefixtures("undrawn")
def test_a_run_of_an_earlier_version_resumes_and_its_damage_is_told(run, whole, capsys):
    path = run / "metrics.jsonl"
    without_copies(run)
    without_checksums(path)
    with path.open("a") as file:
        file.write("\n".join(WRONG) + '\n{"step": 41, "d_lo')
    _, told = resume_run(run, capsys)
    assert f"{len(WRONG) + 1} damaged left out (line 8 first: it is not a row" in told
    assert read_metrics(run) == read_metrics(whole[0])
    assert all("crc32" in line for line in path.read_text().splitlines())


# Files of killed writers.


def test_files_of_killed_writers_are_no_frames_and_go_at_the_next_claim(run, whole):
    names = ["samples/.000000018.png.7.part.png", ".metrics.jsonl.9.part.jsonl"]
    names += [".config.json.12345.part.json", "samples/.000000007.png.7.part.png"]
    again, anew = (
        partial(train, SMALL, run, resume=True),
        partial(reset_folder, run, SMALL),
    )
    for how in (again, anew):
        for name in names:
            (run / name).write_bytes((whole[0] / "samples.png").read_bytes()[:99])
        (run / CHECKPOINT_FOLDER / ".000000040.part" / "state").mkdir(parents=True)
        (run / "samples" / "²07.png").write_bytes(b"mine")
        how()
        left = {str(path.relative_to(run)) for path in run.rglob(".*")}
        assert left == {".lock"}
        if how is again:
            with Image.open(run / "training.gif") as film:
                assert film.n_frames == 3


def test_a_damaged_frame_is_left_out_of_the_film(run):
    frame = run / "samples" / "000000018.png"
    frame.write_bytes(frame.read_bytes()[:200])
    train(SMALL, run, resume=True)
    with Image.open(run / "training.gif") as film:
        assert film.n_frames == 2


# Places that cannot be written.


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_an_error_while_writing_names_the_file_that_was_asked_for(reason, tmp_path):
    def fail(part):
        part.write_text("half")
        raise OSError(reason, os.strerror(reason))

    with pytest.raises(OSError) as error:
        write_atomically(tmp_path / "out.png", fail)
    assert error.value.errno == reason
    assert error.value.filename == str(tmp_path / "out.png")
    assert not any(tmp_path.iterdir())


def test_a_name_of_255_bytes_is_written(tmp_path):
    path = tmp_path / ("é" * 125 + ".json")
    write_atomically(path, lambda part: part.write_text("x"))
    assert path.read_text() == "x"


def read_only(*arguments, dir=None, **options):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), f"{dir}/tmp123")


@pytest.mark.parametrize(
    ("action", "arguments", "words"),
    [
        (sample.main, ["--npz", "{out}/x.npz"], ["{out}", "--npz"]),
        (diagnose.main, [], ["{run}", "--out"]),
        (diagnose.main, ["--out", "{out}"], ["{out}", "--out"]),
    ],
)
def test_a_read_only_place_is_one_line_before_any_work(
    action, arguments, words, whole, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    names = {"run": whole[0], "out": tmp_path}
    code = action([str(whole[0]), *(word.format(**names) for word in arguments)])
    message = capsys.readouterr().err
    assert code == 2 and message.count("\n") == 1 and "Errno" not in message
    assert message.startswith("error: ") and "cannot be written (Read-only" in message
    assert all(word.format(**names) in message for word in words)
    assert not any(tmp_path.iterdir())


def test_numbers_that_cannot_be_kept_are_shown(run, monkeypatch, capsys):
    (run / "evaluations.jsonl").mkdir()
    assert evaluate.main([str(run), "--n", "50", "--metrics", "swd"]) == 2
    output = capsys.readouterr()
    assert "sliced_wasserstein" in output.out or "swd" in output.out
    assert output.err.splitlines()[-1].startswith("error: ")
    assert "evaluations.jsonl: cannot be written" in output.err
    assert "not kept" in output.err


def test_a_read_only_place_for_a_preview_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    assert data.main(["ring", "--out", str(tmp_path / "x.png")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and f"{tmp_path}: cannot be written" in message


# Full disks.

FULL = """
import gc, sys
from pathlib import Path
import numpy as np
from gan_jax.run_files import checkpoint
# Another process fills the disk after the check.
checkpoint.require_disk_space = lambda *arguments: None
disk, free = Path(sys.argv[1]), [int(word) for word in sys.argv[2:]]
arrays = {f"x{i}": np.random.rand(100, 300).astype(np.float32) for i in range(8)}
for kilobytes in free:
    filler = disk / "filler"
    filler.write_bytes(bytes(1024 * (6 * 1024 - 8 - kilobytes)))
    try:
        note = {"step": kilobytes}
        checkpoint.write_checkpoint(disk / "checkpoints", arrays, note, 2, None)
    except OSError as error:
        assert "no space left on the disk" in str(error), error
        print("told")
    gc.collect()
    left = [path.name for path in (disk / "checkpoints").iterdir()]
    assert all(name.startswith(".") for name in left), left  # by threads of Orbax
    filler.unlink()
checkpoint.write_checkpoint(disk / "checkpoints", arrays, {"step": 9}, 2, None)
assert [path.name for path in (disk / "checkpoints").iterdir()] == ["000000009"]
"""


@pytest.mark.slow
def test_a_disk_that_fills_while_orbax_writes_is_told_once(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    free = [4, 8, 12, 16, 24, 32, 40, 64, 100, 150, 200, 300, 400, 500, 600, 700]
    try:
        words = [sys.executable, "-W", "default", "-c", FULL, tmp_path, *free]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["told"] * len(free)
    assert "Traceback" not in done.stderr and "never" not in done.stderr, done.stderr


@pytest.mark.slow
def test_a_run_in_an_odd_folder_is_sampled_measured_and_looked_at(tmp_path, capsys):
    run, config = tmp_path / "r 1[2]*?\\é", tmp_path / "config.json"
    config.write_text(to_json(SMALL))
    assert main(["--config", str(config), "--out", str(run)]) == 0
    assert sample.main([str(run), "--npz", str(tmp_path / "x.npz")]) == 0
    assert evaluate.main([str(run), "--n", "100", "--metrics", "swd"]) == 0
    assert diagnose.main([str(run), "--no-spectrum"]) == 0
    assert json.loads((run / "diagnosis.json").read_text())["damage"] == []
