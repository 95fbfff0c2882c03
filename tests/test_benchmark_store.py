"""Rows of results: kept, counted, joined; what crashed, and what disagrees."""

import json

import numpy as np
import pytest

from benchmarks import board, cells, compare, merge, plan, store


def toy_plan(**wish):
    wish = {"methods": ("ns_gan", "r1"), "tasks": ("ring",), "seeds": 2} | wish
    return plan.plan_of(plan.Wish("toy", **wish))


def row_of(made, index=0, seed=0, **changes):
    cell = made["cells"][index]
    return {
        "cell": cell["id"], "task": cell["task"], "seed": seed, "axes": {},
        "config": {"dataset.size": None}, "outcome": "converged", "success": True,
        "success_step": 5, "verdict": "completed", "final": {"modes": 8.0},
        "best": {"modes": 8.0}, "wall_seconds": 1.0, "device": "a", "error": None,
        "fingerprint": {"backend": "cpu"},
    } | changes  # fmt: skip


def folder(path, made, rows):
    path.mkdir()
    (path / "plan.json").write_text(json.dumps(made))
    store.add_rows(path, rows)
    return path


def test_only_cells_with_all_their_rows_are_finished(tmp_path):
    made = toy_plan()
    whole = [row_of(made, 0, 0), row_of(made, 0, 1)]
    out = folder(tmp_path / "out", made, [*whole, row_of(made, 1, 0)])
    with (out / store.ROWS).open("a") as file:
        file.write('{"cell": "ring--r1", "se')
    found = store.take_up(made, out)
    assert found == {"ring--ns_gan": whole}
    assert store.read_rows(out) == whole


def test_a_cell_that_crashed_is_tried_again(tmp_path):
    made = toy_plan()
    rows = [row_of(made, 0, seed, outcome="error") for seed in (0, 1)]
    assert store.take_up(made, folder(tmp_path / "out", made, rows)) == {}


def test_a_crash_is_recorded_for_each_member_and_stops_nothing(tmp_path, monkeypatch):
    made = plan.with_floors(toy_plan(), {"ring": {"sliced_wasserstein": 0.02}})

    def fall(config, *args, **options):
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr(cells, "train", fall)
    rows = cells.rows_of(made, made["cells"][1], tmp_path, lambda row: None)
    assert [row["seed"] for row in rows] == [0, 1]
    assert {row["outcome"] for row in rows} == {"error"}
    assert {row["error"] for row in rows} == {"RuntimeError: out of luck"}
    assert not any(row["success"] for row in rows)
    assert json.loads(store.as_lines(rows[:1]))["method"] == "r1"


def test_shares_of_the_cells_are_disjoint_and_complete():
    everything = list(range(10))
    parts = [compare.share(everything, f"{i}/3") for i in (1, 2, 3)]
    assert sorted(sum(parts, [])) == everything
    for wrong in ("3/2", "0/2", "x", "1", "-1/2"):
        with pytest.raises(ValueError, match="part"):
            compare.share(everything, wrong)


def test_merging_joins_the_rows_of_one_plan(tmp_path, capsys):
    made = toy_plan()
    ours = [row_of(made, 0, 0), row_of(made, 0, 1)]
    theirs = [row_of(made, 0, 1, wall_seconds=9.0, device="b"), row_of(made, 1, 0)]
    a, b = folder(tmp_path / "a", made, ours), folder(tmp_path / "b", made, theirs)
    assert merge.main([str(a), str(b), "--out", str(tmp_path / "c")]) == 0
    assert store.read_rows(tmp_path / "c") == [*ours, theirs[1]]
    assert plan.read(tmp_path / "c") == json.loads(json.dumps(made))
    assert "3 of 4 GANs" in capsys.readouterr().out


def test_a_row_without_error_stands_in_for_one_that_crashed():
    made = toy_plan()
    crashed, good = row_of(made, outcome="error", fingerprint=None), row_of(made)
    assert merge.joined([[crashed], [good]]) == [good]
    assert merge.joined([[good], [crashed]]) == [good]


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"final": {"modes": 7.0}}, "ring--ns_gan, seed 0: two rows disagree in final"),
        ({"seed": 1, "fingerprint": {"backend": "gpu"}}, "rows of ring: mixed fingerp"),
    ],
)
def test_merging_refuses_rows_that_cannot_stand_together(
    tmp_path, capsys, changes, told
):
    made = toy_plan()
    a = folder(tmp_path / "a", made, [row_of(made)])
    b = folder(tmp_path / "b", made, [row_of(made, **changes)])
    assert merge.main([str(a), str(b), "--out", str(tmp_path / "c")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")


def test_merging_refuses_another_plan_and_folders_without_results(tmp_path, capsys):
    a = folder(tmp_path / "a", toy_plan(), [])
    b = folder(tmp_path / "b", toy_plan(seeds=3), [])
    (tmp_path / "empty").mkdir()
    for other, told in ((b, "is of another plan"), (tmp_path / "empty", "no results")):
        assert merge.main([str(a), str(other), "--out", str(tmp_path / "c")]) == 2
        assert told in capsys.readouterr().err


def test_time_left_follows_the_pace_of_the_finished_cells():
    made = toy_plan()
    done = {
        "ring--ns_gan": [row_of(made, 0, seed, wall_seconds=50.0) for seed in (0, 1)]
    }
    one = board.board_of(made, made["cells"], done, workers=1)
    pace = 100 / one.estimates["ring--ns_gan"]
    expected = pace * one.estimates["ring--r1"]
    np.testing.assert_allclose(board.seconds_left(one), expected)
    one.running["ring--r1"] = made["steps"] // 4
    np.testing.assert_allclose(board.seconds_left(one), 0.75 * expected)
