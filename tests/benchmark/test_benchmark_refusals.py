"""Result folders that cannot be reported are refused in one line."""

import json

import pytest
import synthetic_rows as synthetic

from gan_jax.benchmark.report.results import read_results
from gan_jax.commands.report import main


def one_line(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    return message


def test_what_cannot_be_reported_is_refused_in_one_line(toy, tmp_path, capsys):
    assert "no such folder" in one_line(capsys, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "gan-jax compare" in one_line(capsys, tmp_path / "empty")
    plan = json.loads((toy / "plan.json").read_text())
    assert "no rows" in one_line(capsys, synthetic.write(tmp_path / "bare", [], plan))
    assert "choose of" in one_line(capsys, toy, "--baseline", "gan")
    message = one_line(capsys, toy / "rows.jsonl")
    assert "is a file; give the folder" in message


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path, capsys):
    small = synthetic.toy(2, ("ring",), ("ns_gan",))
    folder = synthetic.write(tmp_path / "toy", *small)
    (folder / "figures").write_text("")
    message = one_line(capsys, folder)
    assert str(folder / "figures") in message and "move it away" in message


@pytest.mark.parametrize("line", ["[]", "{}"])
def test_a_line_that_is_no_row_is_refused_in_one_line(toy, tmp_path, capsys, line):
    folder = synthetic.rewrite(toy, tmp_path, lambda own: own)
    with (folder / "rows.jsonl").open("a") as file:
        file.write(line + "\n")
    assert "line 121 is no row of results" in one_line(capsys, folder)
    (folder / "plan.json").write_text("[]")
    assert "plan.json: was changed by hand" in one_line(capsys, folder)


def test_mixed_fingerprints_are_refused_in_one_line(toy, tmp_path, capsys):
    def mixed(own):
        own[3]["fingerprint"] = own[3]["fingerprint"] | {"n_real": 10_000}
        return own

    message = one_line(capsys, synthetic.rewrite(toy, tmp_path / "mixed", mixed))
    assert "rows of ring: mixed fingerprints" in message and "n_real" in message


def test_rows_of_another_plan_and_twice_the_same_are_refused(toy, tmp_path, capsys):
    def foreign(own):
        return [*own[:-1], own[-1] | {"plan": "f" * 64}]

    message = one_line(capsys, synthetic.rewrite(toy, tmp_path / "a", foreign))
    assert "of plan ffffffff" in message
    message = one_line(
        capsys, synthetic.rewrite(toy, tmp_path / "b", lambda own: own + own[:1])
    )
    assert "gan-jax merge" in message


def test_a_last_line_cut_off_is_left_out_another_is_refused(toy, tmp_path, capsys):
    folder = synthetic.rewrite(toy, tmp_path, lambda own: own)
    path = folder / "rows.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-40])
    assert len(read_results(folder).rows) == 119
    path.write_text(whole[:50] + "\n" + whole)
    assert "line 1 is not JSON" in one_line(capsys, folder)
