"""The command: what it refuses; killed, interrupted and spread, it ends alike."""

import json
import os
import signal
import sys
from importlib.util import find_spec

import pytest
from processes import output, running, until

from gan_jax.benchmark.exact_games import play_cell
from gan_jax.benchmark.plan import (
    PlanRequest,
    add_floors,
    make_plan,
    plan_hash,
    read_plan,
    store_plan,
)
from gan_jax.benchmark.report.findings import collect_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.published import compare_published
from gan_jax.benchmark.report.results import is_exact, read_results, shown_metrics
from gan_jax.benchmark.report.summary import score_scale
from gan_jax.benchmark.results_io import append_result_rows, read_result_rows
from gan_jax.benchmark.run_cell import run_cell
from gan_jax.command_line.interruption import interrupt
from gan_jax.commands import compare, report

TINY = ["--suite", "toy", "--tasks", "ring", "--methods", "ns_gan,r1_weak"]


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--suite", "toyy"], "suite 'toyy' is unknown; did you mean 'toy'?"),
        (["--suite", "toy", "--methods", "r11"], "did you mean 'r1'?"),
        (["--suite", "toy", "--tasks", "gird"], "did you mean 'grid'?"),
        (["--suite", "toy", "--seeds", "0"], "seeds 0: must be 1 or more"),
        (["--suite", "toy", "--methods", "ada"], "methods 'ada' on ring: augment.name"),
        (["--suite", "mnist"], "dataset.name 'mnist' is not prepared"),
        ([*TINY, "--part", "2/1"], "part '2/1': must be like"),
        ([*TINY, "--hours", "0"], "hours 0.0: must be positive"),
        ([*TINY, "--hours", "1", "--launcher", "ray"], "hours with launcher 'ray'"),
        (["--suite", "toy", "--methods", ","], "methods ',': names none; give a,b"),
        (["--suite", "toy", "--tasks", ", "], "tasks ', ': names none; give a,b"),
    ],
)
def test_bad_input_gets_one_line(tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert compare.main([*flags, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
    assert not (tmp_path / "out").exists()


def test_results_of_another_plan_are_left_alone(tmp_path, capsys):
    other = make_plan(PlanRequest("toy", ("r1",), ("ring",)))
    out = tmp_path / "out"
    out.mkdir()
    (out / "plan.json").write_text(json.dumps(other))
    before = (out / "plan.json").read_text()
    assert compare.main([*TINY, "--out", str(out)]) == 2
    assert "holds results of another plan (toy, 1 tasks" in capsys.readouterr().err
    assert (out / "plan.json").read_text() == before


def test_results_in_the_order_of_old_versions_are_refused(tmp_path):
    plan = make_plan(PlanRequest("toy", ("ns_gan",), ("ring",)))
    old = {name: value for name, value in plan.items() if name != "order"}
    store_plan(old | {"hash": plan_hash(old)}, tmp_path)
    assert read_plan(tmp_path)["hash"] != plan["hash"]  # A report still reads it.
    with pytest.raises(ValueError, match="in another order; choose another --out"):
        store_plan(plan, tmp_path)


def test_the_plan_is_printed_and_nothing_is_run(tmp_path, capsys):
    out = tmp_path / "out"
    assert compare.main([*TINY, "--plan", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "ring--r1_weak" in text and "2 cells, 20 GANs, about" in text
    assert not out.exists()


def test_what_was_played_exactly_is_reported_beside_the_published_numbers(tmp_path):
    """Mescheder et al. 2018, simultaneous: distances after 500 steps at 0.2."""
    request = PlanRequest("dirac", ("minimax", "minimax+r1"), ("simultaneous",))
    plan = store_plan(add_floors(make_plan(request), {}), tmp_path)
    for cell in plan["cells"]:
        append_result_rows(tmp_path, run_cell(plan, cell, tmp_path, print))
    results = read_results(tmp_path)
    assert is_exact(results) and results.baseline == "minimax"
    ours = {c.published.label: c.agrees for c in compare_published(results) if c.ours}
    assert ours == {"GAN": True, "R1 .3": True}
    page = render_page(collect_findings(results))
    assert "have no seeds" in page and "minimax+r1 succeeded" in page


@pytest.mark.parametrize("sent, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_a_game_says_how_to_go_on(
    tmp_path, monkeypatch, capsys, sent, code
):
    """It ends the game that is played: nothing of an unfinished game is stored."""

    played = play_cell

    def terminated(config, rates):
        signal.raise_signal(sent)
        return played(config, rates)

    monkeypatch.setattr("gan_jax.benchmark.run_cell.play_cell", terminated)
    before = signal.signal(sent, interrupt)  # As in a process that is a command.
    flags = ["--suite", "dirac", "--methods", "minimax", "--out", str(tmp_path)]
    try:
        assert compare.main(flags) == code
        assert signal.getsignal(sent) == interrupt
    finally:
        signal.signal(sent, before)
    message = capsys.readouterr().err
    assert "stopped: 0 of " in message
    assert "the same command goes on:\ngan-jax compare" in message


@pytest.mark.slow
def test_a_time_limit_begins_no_cell_that_would_not_end_and_goes_on_later(
    tmp_path, capsys
):
    out = tmp_path / "out"
    command = [*TINY, "--seeds", "1", "--steps", "20", "--out", str(out)]
    assert compare.main([*command, "--hours", "1e-9"]) == 0
    said = capsys.readouterr().out
    assert "hours 1e-09: 1 of 2 cells are finished; the same command goes on" in said
    assert [row["cell"] for row in read_result_rows(out)] == ["ring--ns_gan"]
    assert compare.main([*command, "--hours", "1"]) == 0
    assert "hours" not in capsys.readouterr().out
    assert len(read_result_rows(out)) == 2


def without_times(rows):
    volatile = {"wall_seconds", "step_seconds"}
    return [{k: v for k, v in row.items() if k not in volatile} for row in rows]


def launched(out, *flags, python=sys.executable):
    command = [python, "-m", "benchmarks.compare", *TINY, "--seeds", "2"]
    return running([*command, "--steps", "200", "--out", str(out), *flags])


def logged(out, cell):
    path = out / "cells" / cell / "metrics.jsonl"
    return path.exists() and path.stat().st_size > 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The results of a plan that nobody stopped."""
    folder = tmp_path_factory.mktemp("results") / "whole"
    with launched(folder) as process:
        text = output(process)
    assert process.returncode == 0, text
    return folder


@pytest.mark.slow
def test_what_was_run_can_be_reported_with_samples(whole):
    """Floors, noise and thresholds of the plan, series of the rows, the cells."""
    assert report.main([str(whole)]) == 0
    results = read_results(whole)
    zero, one = score_scale(results, "ring", "sliced_wasserstein")
    assert zero > 3 * one > 0
    assert shown_metrics(results, "ring")[0] == "sliced_wasserstein"
    assert len(list((whole / "samples").iterdir())) == 4
    assert "data:image/png" in (whole / "report.html").read_text()


@pytest.mark.slow
def test_a_plan_killed_in_a_cell_ends_as_if_it_had_not_been(tmp_path, whole):
    out = tmp_path / "out"
    for cell in ("ring--ns_gan", "ring--r1_weak"):
        with launched(out) as process:
            until(lambda cell=cell: logged(out, cell), process)
            process.kill()
    first = read_result_rows(out)
    with launched(out) as stopped:
        text = output(stopped)
    assert stopped.returncode == 0, text
    assert read_result_rows(out)[: len(first)] == first
    ours, theirs = (without_times(read_result_rows(f)) for f in (out, whole))
    assert ours == theirs and len(ours) == 4


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path):
    with launched(tmp_path / "out") as process:
        until(lambda: logged(tmp_path / "out", "ring--ns_gan"), process)
        process.send_signal(signal.SIGINT)
        text = output(process)
    assert process.returncode == 130
    assert "stopped: 0 of 2 cells are finished" in text
    assert "the same command goes on:\npython -m benchmarks.compare --suite toy" in text


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("ray"), reason="no Ray: pip install -e '.[ray]'")
def test_a_worker_that_dies_has_its_cell_run_again(tmp_path, whole):
    """A local Ray cluster of two workers; the first to log a row is killed."""
    out = tmp_path / "out"
    names = ("ring--ns_gan", "ring--r1_weak")
    with launched(out, "--launcher", "ray") as process:
        until(lambda: any(logged(out, name) for name in names), process)
        os.kill(worker_in(process.pid), signal.SIGKILL)
        text = output(process)
    assert process.returncode == 0, text
    order = lambda row: (row["cell"], row["seed"])  # noqa: E731
    found = [sorted(read_result_rows(f), key=order) for f in (out, whole)]
    ours, theirs = ([(order(r), r["outcome"]) for r in rows] for rows in found)
    assert ours == theirs and len(ours) == 4


def worker_in(driver):
    """The process of a cell: one of Ray's named after the function it runs."""
    for entry in sorted(os.listdir("/proc"), key=len):
        if entry.isdecimal():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    title = file.read().decode(errors="replace")
            except OSError:
                continue
            if title.startswith("ray::run_on_worker") and descends(int(entry), driver):
                return int(entry)
    raise AssertionError("no worker runs a cell")


def descends(process, ancestor):
    while process > 1:
        if process == ancestor:
            return True
        with open(f"/proc/{process}/stat") as file:
            process = int(file.read().rpartition(")")[2].split()[1])
    return False


def test_ctrl_c_between_runs_says_how_to_go_on(monkeypatch, tmp_path, capsys):
    def interrupted(flags, arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "run_comparison", interrupted)
    assert compare.main(["--suite", "toy", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "stopped; the same command goes on\n"
