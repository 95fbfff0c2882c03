"""Rows of results: kept, counted, joined; what crashed, and what disagrees."""

import gzip
import json

import numpy as np
import pytest

from gan_jax.benchmark.merge import merge_rows
from gan_jax.benchmark.plan import (
    PlanRequest,
    add_floors,
    make_plan,
    read_plan,
    select_share,
)
from gan_jax.benchmark.progress_board import estimate_seconds_left, make_board
from gan_jax.benchmark.results_io import (
    PACKED_ROWS_FILE,
    ROW_FIELDS,
    ROWS_FILE,
    append_result_rows,
    read_result_rows,
    resume_results,
    to_json_lines,
)
from gan_jax.benchmark.run_cell import make_error_rows, run_cell
from gan_jax.commands import merge


def toy_plan(**request):
    request = {"methods": ("ns_gan", "r1"), "tasks": ("ring",), "seeds": 2} | request
    return make_plan(PlanRequest("toy", **request))


def row_of(own_plan, index=0, seed=0, **changes):
    cell = own_plan["cells"][index]
    return {
        "plan": own_plan["hash"], "cell": cell["id"], "task": cell["task"],
        "method": cell["method"], "seed": seed, "axes": {}, "series": {"step": [5]},
        "config": {"dataset.size": None}, "outcome": "converged", "success": True,
        "success_step": 5, "verdict": "completed", "final": {"modes": 8.0},
        "best": {"modes": 8.0}, "wall_seconds": 1.0, "device": "a", "error": None,
        "fingerprint": {"backend": "cpu"}, "gradient_evaluations": 10, "versions": {},
        "step_seconds": 0.1, "commit": None,
    } | changes  # fmt: skip


def folder(path, plan, rows):
    path.mkdir()
    (path / "plan.json").write_text(json.dumps(plan))
    append_result_rows(path, rows)
    return path


def test_only_cells_with_all_their_rows_are_finished(tmp_path):
    plan = toy_plan()
    whole = [row_of(plan, 0, 0), row_of(plan, 0, 1)]
    out = folder(tmp_path / "out", plan, [*whole, row_of(plan, 1, 0)])
    with (out / ROWS_FILE).open("a") as file:
        file.write('{"cell": "ring--r1", "se')
    found = resume_results(plan, out)
    assert found == {"ring--ns_gan": whole}
    assert read_result_rows(out) == whole


def test_compressed_rows_are_read_and_gone_on_with(tmp_path):
    plan = toy_plan()
    whole = [row_of(plan, 0, 0), row_of(plan, 0, 1)]
    out = folder(tmp_path / "out", plan, [*whole, row_of(plan, 1, 0)])
    text = (out / ROWS_FILE).read_bytes()
    (out / ROWS_FILE).unlink()
    (out / PACKED_ROWS_FILE).write_bytes(gzip.compress(text))
    assert len(read_result_rows(out)) == 3
    assert resume_results(plan, out) == {"ring--ns_gan": whole}
    assert not (out / PACKED_ROWS_FILE).exists()
    append_result_rows(out, [row_of(plan, 1, 0), row_of(plan, 1, 1)])
    assert len(read_result_rows(out)) == 4


DAMAGES = [lambda b: b[:-9], lambda b: b"no" + b, lambda b: gzip.compress(b"{}\n")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_compressed_rows_are_refused(tmp_path, damage):
    plan = toy_plan()
    out = folder(tmp_path / "out", plan, [row_of(plan)])
    packed = gzip.compress((out / ROWS_FILE).read_bytes())
    (out / ROWS_FILE).unlink()
    (out / PACKED_ROWS_FILE).write_bytes(damage(packed))
    with pytest.raises(ValueError, match=r"rows\.jsonl\.gz: is damaged"):
        read_result_rows(out)


def test_a_cell_that_crashed_is_tried_again(tmp_path):
    plan = toy_plan()
    rows = [row_of(plan, 0, seed, outcome="error") for seed in (0, 1)]
    assert resume_results(plan, folder(tmp_path / "out", plan, rows)) == {}


def test_a_crash_is_recorded_for_each_member_and_stops_nothing(tmp_path, monkeypatch):
    plan = add_floors(toy_plan(), {"ring": {"sliced_wasserstein": 0.02}})

    def fall(config, *args, **options):
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr("gan_jax.benchmark.run_cell.train", fall)
    rows = run_cell(plan, plan["cells"][1], tmp_path, lambda row: None)
    assert [row["seed"] for row in rows] == [0, 1]
    assert {row["outcome"] for row in rows} == {"error"}
    assert {row["error"] for row in rows} == {"RuntimeError: out of luck"}
    assert not any(row["success"] for row in rows)
    assert json.loads(to_json_lines(rows[:1]))["method"] == "r1"


def test_shares_of_the_cells_are_disjoint_and_complete():
    everything = list(range(10))
    parts = [select_share(everything, f"{i}/3") for i in (1, 2, 3)]
    assert sorted(sum(parts, [])) == everything
    for wrong in ("3/2", "0/2", "x", "1", "-1/2"):
        with pytest.raises(ValueError, match="part"):
            select_share(everything, wrong)


def test_merging_joins_the_rows_of_one_plan(tmp_path, capsys):
    plan = toy_plan()
    ours = [row_of(plan, 0, 0), row_of(plan, 0, 1)]
    theirs = [row_of(plan, 0, 1, wall_seconds=9.0, device="b"), row_of(plan, 1, 0)]
    a, b = folder(tmp_path / "a", plan, ours), folder(tmp_path / "b", plan, theirs)
    assert merge.main([str(a), str(b), "--out", str(tmp_path / "c")]) == 0
    assert read_result_rows(tmp_path / "c") == [*ours, theirs[1]]
    assert "3 of 4 GANs" in capsys.readouterr().out


def test_a_row_without_error_stands_in_for_one_that_crashed():
    plan = toy_plan()
    crashed, good = row_of(plan, outcome="error", fingerprint=None), row_of(plan)
    assert merge_rows([[crashed], [good]]) == [good]
    assert merge_rows([[good], [crashed]]) == [good]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"final": {"modes": 7.0}}, "ring--ns_gan, seed 0: two rows disagree in final"),
        ({"seed": 1, "fingerprint": {"backend": "gpu"}}, "rows of ring: mixed fingerp"),
    ],
)
def test_merging_refuses_rows_that_cannot_stand_together(
    tmp_path, capsys, changes, message
):
    plan = toy_plan()
    a = folder(tmp_path / "a", plan, [row_of(plan)])
    b = folder(tmp_path / "b", plan, [row_of(plan, **changes)])
    assert merge.main([str(a), str(b), "--out", str(tmp_path / "c")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_merging_refuses_another_plan_and_folders_without_results(tmp_path, capsys):
    a = folder(tmp_path / "a", toy_plan(), [])
    b = folder(tmp_path / "b", toy_plan(seeds=3), [])
    (tmp_path / "empty").mkdir()
    refusals = ((b, "is of another plan"), (tmp_path / "empty", "no results"))
    for other, message in refusals:
        assert merge.main([str(a), str(other), "--out", str(tmp_path / "c")]) == 2
        assert message in capsys.readouterr().err


def merged(tmp_path, capsys, *plans):
    """The exit code of merging empty results of the plans, and what was said."""
    folders = [folder(tmp_path / f"{i}", one, []) for i, one in enumerate(plans)]
    code = merge.main([*map(str, folders), "--out", str(tmp_path / "all")])
    return code, capsys.readouterr().err


def judged(factor):
    """A plan whose floor is so many times .02."""
    return add_floors(toy_plan(), {"ring": {"sliced_wasserstein": 0.02 * factor}})


@pytest.mark.parametrize("factor, same", [(1 + 1e-5, True), (1.05, False)])
def test_merging_refuses_runs_that_were_judged_otherwise(
    tmp_path, capsys, factor, same
):
    """Floors are alike up to what another machine's rounding makes of them."""
    code, message = merged(tmp_path, capsys, judged(1), judged(factor))
    assert code == (0 if same else 2)
    assert ("1: its runs were judged by other thresholds" in message) != same


def test_merging_refuses_another_rule_with_the_same_floors(tmp_path, capsys):
    other = judged(1)
    other["thresholds"]["ring"]["late_share"] = 0.5
    assert merged(tmp_path, capsys, judged(1), other)[0] == 2


@pytest.mark.parametrize(
    "share, whole",
    [
        ("run --suite toy --part 1/2 --out results/a", "run --suite toy"),
        ("run --out=a --suite toy --part=1/2 --seeds 3", "run --suite toy --seeds 3"),
        ("run --suite toy", "run --suite toy"),
    ],
)
def test_a_merged_folder_has_the_command_that_goes_on_in_it(
    tmp_path, capsys, share, whole
):
    plan = toy_plan()
    assert merged(tmp_path, capsys, plan | {"command": share}, plan)[0] == 0
    found = read_plan(tmp_path / "all")
    assert found["command"] == f"{whole} --out {tmp_path / 'all'}"
    assert found["hash"] == plan["hash"]


def foreign(plan):
    return row_of(plan, seed=1, plan="f" * 64)


def test_merging_and_going_on_refuse_rows_of_another_plan(tmp_path, capsys):
    plan = toy_plan()
    a = folder(tmp_path / "a", plan, [row_of(plan)])
    b = folder(tmp_path / "b", plan, [foreign(plan)])
    assert merge.main([str(a), str(b), "--out", str(tmp_path / "c")]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: {b}: rows.jsonl has a row of plan ffffffff")
    assert not (tmp_path / "c").exists()
    with pytest.raises(ValueError, match="has a row of plan ffffffff"):
        resume_results(plan, b)
    assert read_result_rows(b) == [foreign(plan)]


@pytest.mark.parametrize(
    "line, why",
    [("[]", "no row"), ("{}", "no row of results (without axes, best"), ("{", "JSON")],
)
def test_a_line_that_is_no_row_is_told_with_the_command(tmp_path, line, why):
    plan = toy_plan() | {"command": "python -m benchmarks.compare --suite toy"}
    out = folder(tmp_path / "out", plan, [row_of(plan)])
    path = out / ROWS_FILE
    path.write_text(f"{line}\n{path.read_text()}")
    with pytest.raises(ValueError) as message:
        read_result_rows(out)
    assert why in str(message.value)
    assert str(message.value).startswith(f"{path}: line 1 is no")
    assert str(message.value).endswith(
        "delete the line and go on with: python -m benchmarks.compare --suite toy"
    )


def test_rows_have_what_is_asked_of_them(tmp_path):
    """Those of a cell that crashed too."""
    plan = make_plan(PlanRequest("dirac", ("minimax",), ("simultaneous",)))
    cell = plan["cells"][0]
    rows = run_cell(plan, cell, tmp_path, print)
    rows += make_error_rows(plan, cell, RuntimeError("no luck"))
    assert all(ROW_FIELDS <= row.keys() for row in rows)


@pytest.mark.parametrize("text", ["[]", "{}", "{"])
def test_a_plan_that_is_none_says_what_to_do(tmp_path, text):
    out = folder(tmp_path / "out", toy_plan(), [])
    (out / "plan.json").write_text(text)
    with pytest.raises(ValueError, match="put back the file that was there, or delete"):
        read_plan(out)


def test_time_left_follows_the_pace_of_the_finished_cells():
    plan = toy_plan()
    done = {
        "ring--ns_gan": [row_of(plan, 0, seed, wall_seconds=50.0) for seed in (0, 1)]
    }
    one = make_board(plan, plan["cells"], done, workers=1)
    pace = 100 / one.estimates["ring--ns_gan"]
    expected = pace * one.estimates["ring--r1"]
    np.testing.assert_allclose(estimate_seconds_left(one), expected)
    one.running["ring--r1"] = plan["steps"] // 4
    np.testing.assert_allclose(estimate_seconds_left(one), 0.75 * expected)
