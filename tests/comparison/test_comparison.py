"""Runs compared: what differs, how each ended, and runs that cannot be read."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from old_runs import without_checksums
from PIL import Image

from gan_jax import comparison
from gan_jax.commands.runs import main
from gan_jax.comparison import picture
from gan_jax.comparison.entries import differing_fields, nearest_method
from gan_jax.comparison.picture import load_samples
from gan_jax.comparison.read_runs import short_names
from gan_jax.config import (
    DatasetConfig,
    LogConfig,
    ModelConfig,
    PenaltyConfig,
    SweepConfig,
)
from gan_jax.config.serialization import to_json
from gan_jax.logs import metric_log as logs
from gan_jax.logs.grids import tile_pixels
from gan_jax.logs.metric_log import pixels_of
from gan_jax.methods import METHODS
from gan_jax.parallel.execution import members_of
from gan_jax.run_files.data_facts import DataFacts, write_facts
from gan_jax.run_files.folder import held

R1 = replace(METHODS["r1"], steps=40, dataset=DatasetConfig("ring"))
SWEEP = replace(R1, seeds=2, sweep=SweepConfig(penalty=(0.1, 1.0)))


def log_of(label, value, steps=(1, 20, 40), **last):
    """The rows of a GAN: D's loss is its value; measured at the last step: `last`."""
    plain = {"g_loss": 0.7, "d_grad_norm": 1.0, "g_grad_norm": 1.0}
    plain |= {"real_logits": 0.1, "fake_logits": -0.1, "finite": True}
    rows = [
        {"step": step, "wall_seconds": step / 10, **label, "d_loss": value, **plain}
        for step in steps
    ]
    rows[-1] |= last
    return rows


def put_run(folder, config=R1, verdict="completed", values=(1.5,), **last):
    """A run's folder as training leaves it, without checkpoints.

    Each number of `last` grows by 1 from GAN to GAN.
    """
    folder.mkdir(parents=True)
    members = members_of(config) or [{}]
    (folder / "config.json").write_text(to_json(config))
    rows = [
        log_of(label, value, **{k: v + i for k, v in last.items()})
        for i, (label, value) in enumerate(zip(members, values, strict=True))
    ]
    logs.write_lines(folder / "metrics.jsonl", sum(rows, []))
    if verdict is not None:
        summary = {"verdict": verdict, "steps": 40}
        logs.write_json(folder / "summary.json", summary)
        ends = [own[-1] | {"verdict": verdict} for own in rows]
        if members_of(config):
            logs.write_lines(folder / "members.jsonl", ends)
    return folder


def opened(*folders, members=False):
    runs, told = comparison.open_runs(comparison.find_runs(folders))
    entries = comparison.make_entries(runs, members)
    rows, notes = comparison.make_rows(entries)
    return entries, rows, told + notes


def test_only_fields_that_differ_are_shown(tmp_path):
    changed = replace(
        R1, penalty=replace(R1.penalty, weight=0.1), out="b", log=LogConfig(every=7)
    )
    _, rows, told = opened(
        put_run(tmp_path / "a"), put_run(tmp_path / "b", replace(changed, steps=50))
    )
    assert [row["differs"] for row in rows] == [
        {"penalty.weight": [10.0]},
        {"penalty.weight": [0.1]},
    ]
    assert not told
    head, first, second = comparison.format_rows(rows)
    assert head[:4] == ["run", "penalty.weight", "steps", "verdict"]
    assert first[:4] == ["a", "10", "40", "completed"]
    assert second[:4] == ["b", "0.1", "40 of 50", "completed"]


def test_fields_that_a_run_does_not_read_tell_nothing_apart(tmp_path):
    plain = replace(R1, penalty=PenaltyConfig("none", weight=3.0, every=4))
    entries, rows, _ = opened(put_run(tmp_path / "a"), put_run(tmp_path / "b", plain))
    assert rows[1]["differs"] == {"penalty.name": ["none"]}
    more = put_run(tmp_path / "c", replace(R1, penalty=PenaltyConfig("r1", weight=1.0)))
    _, rows, _ = opened(tmp_path / "a", tmp_path / "b", more)
    assert [row["differs"]["penalty.weight"] for row in rows] == [[10.0], [], [1.0]]
    assert [line[3] for line in comparison.format_rows(rows)[1:]] == ["10", "-", "1"]
    assert "penalty.every" not in differing_fields(entries)


def test_several_gans_are_one_line_with_median_and_range(tmp_path):
    folder = put_run(tmp_path / "a", SWEEP, values=(1, 2, 3, 9), diversity=0.5)
    put_run(tmp_path / "b", R1, diversity=0.9)
    _, rows, _ = opened(tmp_path)
    assert rows[0]["gans"] == 4 and rows[0]["verdicts"] == {"completed": 4}
    loss = rows[0]["losses"]["d_loss"]
    assert loss == {"median": 2.5, "least": 1, "most": 9}
    diversity = rows[0]["measured"]["diversity"]
    assert diversity == {"median": 2.0, "least": 0.5, "most": 3.5}
    assert rows[0]["differs"] == {"seed": [0, 1], "penalty.weight": [1.0, 10.0]}
    cells = dict(zip(*comparison.format_rows(rows)[:2], strict=True))
    assert cells["d_loss"] == "2.5 (1 to 9)" and cells["GANs"] == "4"
    assert (cells["penalty.weight"], cells["seed"]) == ("1, 10", "0, 1")
    assert folder.name == cells["run"]


def test_members_are_a_line_each_with_real_values(tmp_path):
    folder = put_run(tmp_path / "a", SWEEP, values=(1, 2, 3, 9))
    _, rows, _ = opened(folder, members=True)
    assert [row["run"] for row in rows] == [f"a[{i}]" for i in range(4)]
    assert rows[2]["differs"] == {"seed": [0], "penalty.weight": [10.0]}
    assert [comparison.row_to_json(row)["losses"]["d_loss"] for row in rows] == [
        1,
        2,
        3,
        9,
    ]


def test_runs_that_did_not_end_are_told_apart(tmp_path):
    for name in ("going", "killed"):
        put_run(tmp_path / name, verdict=None)
    put_run(tmp_path / "stopped", verdict="interrupted")
    put_run(tmp_path / "new", verdict="not_learned")
    stale = put_run(tmp_path / "resumed_and_killed", verdict="interrupted")
    logs.write_json(stale / "summary.json", {"verdict": "interrupted", "steps": 20})
    with held(tmp_path / "going"):
        _, rows, told = opened(tmp_path)
    found = {row["run"]: list(row["verdicts"]) for row in rows}
    assert found == {
        "going": ["in progress"],
        "killed": ["stopped"],
        "new": ["not_learned"],
        "resumed_and_killed": ["stopped"],
        "stopped": ["interrupted"],
    }
    assert not told


def test_faulty_runs_have_a_line_each_and_the_others_are_compared(tmp_path):
    put_run(tmp_path / "good")
    put_run(tmp_path / "odd" / "config")
    (tmp_path / "odd" / "config" / "config.json").write_text('{"steps": "many"}')
    (put_run(tmp_path / "text") / "config.json").write_bytes(b"\xff\xfe{")
    rows = put_run(tmp_path / "rows") / "metrics.jsonl"
    rows.write_text(rows.read_text().replace('"step": 20', '"step": 21'))
    (put_run(tmp_path / "end") / "summary.json").write_text("{")
    (put_run(tmp_path / "begun", verdict=None) / "metrics.jsonl").unlink()
    (put_run(tmp_path / "facts") / "data.json").write_text("{}")
    many = put_run(tmp_path / "many", SWEEP, values=(1, 2, 3, 4))
    (many / "members.jsonl").unlink()
    _, found, told = opened(tmp_path)
    names = ["begun", "end", "facts", "good", "many", "rows"]
    assert [row["run"] for row in found] == names
    ends = {row["run"]: list(row["verdicts"]) for row in found}
    assert ends["end"] == ends["many"] == ["unknown"]
    expected = {
        "odd/config is left out": "steps: .*'many'",
        "text is left out": "not UTF-8",
        "rows": "damaged rows of metrics.jsonl are left out: 1, first line 2: its chec",
        "end": "verdict cannot be read",
        "begun": "no step is logged yet",
        "facts": "data.json: is damaged",
        "many": "verdict cannot be read",
    }
    lines = dict(line.split(": ", 1) for line in told)
    assert lines.keys() == expected.keys()
    for name, words in expected.items():
        assert re.search(words, lines[name]), lines[name]
    assert comparison.format_rows(found)[1][-1] == "-"


def test_runs_of_earlier_versions_are_read(tmp_path):
    """No checksums, no data.json, a Config without today's newer fields."""
    old = put_run(tmp_path / "old")
    path = old / "metrics.jsonl"
    without_checksums(path)
    config = json.loads((old / "config.json").read_text())
    del config["augment"], config["metrics"]["extractor"]
    (old / "config.json").write_text(json.dumps(config))
    _, (row,), told = opened(old)
    assert (row["steps"], row["verdicts"], told) == (40, {"completed": 1}, [])


def test_diverged_run_has_its_verdict_and_no_numbers(tmp_path):
    folder = put_run(tmp_path / "a", verdict="diverged")
    logs.append_lines(
        folder / "metrics.jsonl", log_of({}, float("nan"), (41,), finite=False)
    )
    _, (row,), _ = opened(folder)
    assert row["verdicts"] == {"diverged": 1} and row["losses"] == {}


def test_other_data_are_told_of(tmp_path):
    digits = replace(R1, dataset=DatasetConfig("digits"))
    _, rows, told = opened(put_run(tmp_path / "a"), put_run(tmp_path / "b", digits))
    assert told[0].startswith("the runs are of different data: their diversity")
    assert rows[1]["differs"] == {"dataset.name": ["digits"]}
    for name in ("c", "d"):
        put_run(tmp_path / name)
        facts = DataFacts((2,), None, 8, None, None, f"content of {name}")
        write_facts(tmp_path / name, facts)
    _, _, told = opened(tmp_path / "c", tmp_path / "d")
    assert told[0].startswith("the data sets of one name hold different examples")


def evaluation(index, n, **metrics):
    mark = {"extractor": "pixels", "n_fake": n, "versions": {"jax": "1"}}
    return {"index": index, "step": 40, "metrics": metrics, "fingerprint": mark}


def test_evaluations_of_one_fingerprint_alone_are_compared(tmp_path):
    for name in "abcd":
        put_run(tmp_path / name)
    rows = {
        "a": [evaluation(0, 500, fid=9.0), evaluation(0, 500, fid=3.0)],
        "b": [evaluation(0, 100, fid=40.0), evaluation(0, 500, fid=4.0)],
        "c": [evaluation(0, 100, fid=50.0)],
        "d": [evaluation(0, 500, fid=5.0)],
    }
    for name, own in rows.items():
        logs.append_lines(tmp_path / name / "evaluations.jsonl", own)
    _, found, told = opened(tmp_path)
    values = [comparison.row_to_json(row)["evaluated"] for row in found]
    assert values == [{"fid": 3.0}, {"fid": 4.0}, {}, {"fid": 5.0}]
    (line,) = told
    assert line.startswith("c: evaluated otherwise: n_fake: 500 and 100")


def test_evaluation_of_an_earlier_step_is_told_of(tmp_path):
    folder = put_run(tmp_path / "a")
    early = evaluation(0, 500, fid=3.0) | {"step": 20}
    logs.append_lines(folder / "evaluations.jsonl", [early])
    _, (row,), told = opened(folder)
    assert told == ["a: evaluated at step 20, and it has made 40"]
    assert comparison.row_to_json(row)["evaluated"] == {"fid": 3.0}


def test_evaluations_of_several_gans_have_median_and_range(tmp_path):
    folder = put_run(tmp_path / "a", SWEEP, values=(1, 2, 3, 4))
    rows = [evaluation(i, 500, fid=float(i)) for i in range(4)]
    logs.append_lines(folder / "evaluations.jsonl", [*rows, {"metrics": None}])
    _, (row,), _ = opened(folder)
    assert row["evaluated"] == {"fid": {"median": 1.5, "least": 0, "most": 3}}
    _, found, _ = opened(folder, members=True)
    assert found[3]["evaluated"]["fid"]["median"] == 3


def test_methods_are_named_by_their_choices():
    def of(config):
        return nearest_method(
            comparison.read_runs.Run(None, "", config, [], [], [], [], "")
        )

    assert of(R1) == "r1"
    assert of(replace(R1, batch_size=7, model=ModelConfig("mlp"))) == "r1"
    assert of(METHODS["wgan_gp"]) == "wgan_gp"
    odd = replace(METHODS["lsgan"], penalty=PenaltyConfig("dragan"))
    assert of(odd) == "lsgan + dragan"


def test_folders_and_patterns_of_runs_are_expanded(tmp_path, monkeypatch):
    for name in ("all/b", "all/a", "all/deep/er/c", "all/.hidden/d", "e"):
        put_run(tmp_path / name)
    (tmp_path / "all" / "a" / "checkpoints").mkdir()
    monkeypatch.chdir(tmp_path)
    found = comparison.find_runs(["e", "all", "all/*", str(tmp_path / "e")])
    assert [str(path) for path in found] == ["e", "all/a", "all/b", "all/deep/er/c"]
    assert short_names(found) == ["e", "all/a", "all/b", "all/deep/er/c"]
    assert short_names(found[1:3]) == ["a", "b"]
    for path, words in (("none", "does not exist"), ("all/a/checkpoints", "no run")):
        with pytest.raises(ValueError, match=words):
            comparison.find_runs([path])


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_command_prints_one_table_and_writes_nothing(tmp_path, capsys, monkeypatch):
    put_run(tmp_path / "runs" / "a", diversity=0.7)
    put_run(tmp_path / "runs" / "b", replace(R1, seed=3), diversity=0.9)
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    assert main(["runs"]) == 0
    assert snapshot(tmp_path) == before
    output = capsys.readouterr()
    assert "method r1, data ring, batch size 64" in output.out
    assert "0.7" in output.out and "0.9" in output.out and not output.err
    assert main(["runs", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["measured"] == {"diversity": 0.7}
    assert (second["differs"], second["wall_seconds"]) == ({"seed": [3]}, 4.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "run nowhere: does not exist"),
        ([], "runs: give the folders"),
        (["a", "--out", "b.txt"], "out b.txt: must be the name of a picture"),
        (["a", "--out", "no/b.png"], "its folder does not exist"),
    ],
)
def test_bad_input_is_one_line(arguments, words, tmp_path, capsys, monkeypatch):
    put_run(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_runs_of_which_none_can_be_read_are_an_error(tmp_path, capsys):
    (put_run(tmp_path / "a") / "config.json").write_text("[]")
    assert main([str(tmp_path / "a")]) == 2
    assert "runs: none of them can be read" in capsys.readouterr().err


def test_picture_is_drawn_of_runs_without_checkpoints(tmp_path, capsys, monkeypatch):
    put_run(tmp_path / "a")
    (put_run(tmp_path / "b", verdict=None) / "metrics.jsonl").unlink()
    made = []
    monkeypatch.setattr(
        picture,
        "load_samples",
        lambda entry: made.append(load_samples(entry)) or made[-1],
    )
    out = tmp_path / "comparison.png"
    assert main([str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(out)]) == 0
    output = capsys.readouterr()
    assert f"look at  {out}" in output.out
    assert all("has no checkpoint yet" in one.fault for one in made)
    with Image.open(out) as drawn:
        assert np.asarray(drawn).std() > 0


def test_images_are_tiled_row_by_row():
    values = np.linspace(-1, 1, 4, dtype=np.float32).reshape(4, 1, 1, 1)
    images = np.broadcast_to(values, (4, 2, 3, 1))
    tiles = tile_pixels(pixels_of(images))
    assert tiles.shape == (2 * 2 + 1, 2 * 3 + 1)
    assert tiles[0].tolist() == [0, 0, 0, 255, 85, 85, 85]
    assert tiles[2].tolist() == [255] * 7
    assert tiles[4].tolist() == [170] * 3 + [255] * 4
    color = np.broadcast_to(images, (4, 2, 3, 3))
    assert tile_pixels(pixels_of(color)).shape == (5, 7, 3)
