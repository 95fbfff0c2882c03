"""Plans and their cells, killed and resumed, on workers, merged; what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import jax
import numpy as np
import pytest

from benchmarks import board, cells, compare, exact, merge, plan, store
from benchmarks.floors import floors_of
from benchmarks.metrics_table import METRICS
from benchmarks.outcome import resolved, succeeds
from benchmarks.suites import SUITES, config_of
from gan_jax.build import build
from gan_jax.config import DatasetConfig, DynamicsConfig
from gan_jax.data import DATASETS, TOYS
from gan_jax.gan import init_state
from gan_jax.measures import toy_modes
from gan_jax.methods import METHODS

TINY = ["--suite", "toy", "--tasks", "ring", "--methods", "ns_gan,r1_weak"]


def toy_plan(**wish):
    wish = {"methods": ("ns_gan", "r1"), "tasks": ("ring",), "seeds": 2} | wish
    return plan.plan_of(plan.Wish("toy", **wish))


def toy_config(method, task="ring", **point):
    return config_of(SUITES["toy"], SUITES["toy"].tasks[task], method, point, 10_000, 3)


def without_times(rows):
    volatile = {"wall_seconds", "step_seconds"}
    return [{k: v for k, v in row.items() if k not in volatile} for row in rows]


def test_a_plan_has_a_cell_for_each_task_method_and_point_of_the_axes():
    made = plan.plan_of(plan.Wish("stress_b1", ("r1", "lsgan"), ("grid",), seeds=3))
    ids = [f"grid--{m}--b1={b}" for m in ("r1", "lsgan") for b in (0.0, 0.5, 0.9)]
    assert [cell["id"] for cell in made["cells"]] == ids
    assert made["axes"] == {"b1": [0.0, 0.5, 0.9]}
    config = plan.config_in(made["cells"][5])
    assert (config.g_optimizer.b1, config.d_optimizer.b1, config.seeds) == (0.9, 0.9, 3)
    assert config.loss.name == "lsgan" and made["cells"][5]["members"] == 3


def test_the_stability_map_is_one_program_for_each_method():
    made = plan.plan_of(plan.Wish("map", ("r1",), ("grid",), seeds=2))
    (cell,) = made["cells"]
    assert cell["members"] == 2 * 3 * 3
    assert made["axes"] == {"g_lr": [0.1, 1.0, 10.0], "d_lr": [0.1, 1.0, 10.0]}


def test_all_methods_are_those_that_can_make_points():
    made = toy_plan(methods=("all",), steps=40)
    found = set(made["methods"])
    assert {"ns_gan", "wgan_gp", "r3gan", "pacgan2", "consensus", "r1_weak"} <= found
    # Convolutions, a sigmoid, changes of images: nothing for points.
    assert not found & {"conv_7x7", "dense_conv", "dcgan64_gp", "mlp_sgd", "ada"}


def test_adam_methods_share_the_faster_players_rate_and_keep_their_ratio():
    ttur, sga = toy_config("ttur"), toy_config("sga")
    rates = ttur.g_optimizer.learning_rate, ttur.d_optimizer.learning_rate
    np.testing.assert_allclose(rates, (0.25e-3, 1e-3))
    assert ttur.g_optimizer.schedule == ttur.d_optimizer.schedule == "linear"
    assert (ttur.g_optimizer.b1, ttur.g_optimizer.b2) == (0.0, 0.9)  # its own
    assert sga.g_optimizer == replace(METHODS["sga"].g_optimizer, schedule="linear")


def test_d_judges_as_many_packs_as_others_judge_points():
    assert toy_config("pacgan3").batch_size == 3 * toy_config("ns_gan").batch_size


@pytest.mark.parametrize("steps", [7, 300, 1000, 10_000, 400_000])
def test_a_run_is_evaluated_about_20_times_and_at_its_end(steps):
    every, row = map(int, (toy_pace := config_of(
        SUITES["toy"], SUITES["toy"].tasks["ring"], "r1", {}, steps, 1
    )) and (toy_pace.metrics.every, toy_pace.log.every))  # fmt: skip
    assert every % row == 0 and steps % every == 0
    assert min(steps, 20) <= steps // every <= 30


def test_the_seed_alone_decides_on_data_and_first_parameters():
    """Equal networks begin alike under every method; a pack changes D's first layer."""
    keys = [jax.random.key(3)] * 4
    names = ("ns_gan", "r1", "extra_adam", "pacgan2")
    states = [
        init_state(build(toy_config(name)), key)
        for name, key in zip(names, keys, strict=True)
    ]
    plain = states[0]
    for state in states[1:]:
        assert jax.random.key_data(state.key).tolist() == (
            jax.random.key_data(plain.key).tolist()
        )
        jax.tree.map(
            np.testing.assert_array_equal,
            state.generator.params,
            plain.generator.params,
        )
    for state in states[1:3]:
        jax.tree.map(
            np.testing.assert_array_equal,
            state.discriminator.params,
            plain.discriminator.params,
        )


@pytest.mark.parametrize(
    "method, updates",
    [
        ("ns_gan", 2),
        ("wgan_gp", 6),
        ("extra_adam", 4),
        ("unrolled", 7),
        ("consensus", 4),
        ("sga", 6),
        ("lookahead", 2),
    ],
)
def test_gradients_are_counted_for_both_players(method, updates):
    assert plan.gradient_evaluations(METHODS[method], 100) == 100 * updates


def test_the_hash_is_of_the_work_and_not_of_what_was_measured():
    one = toy_plan()
    floors = {"ring": {"sliced_wasserstein": 0.02}}
    assert plan.hash_of(plan.with_floors(one, floors)) == one["hash"]
    assert plan.hash_of(json.loads(json.dumps(one))) == one["hash"]
    assert toy_plan(seeds=3)["hash"] != one["hash"] != toy_plan(steps=5)["hash"]


@pytest.mark.parametrize("name", [n for n in SUITES["toy"].tasks])
def test_real_points_reach_the_goal_of_every_toy(name):
    task = SUITES["toy"].tasks[name]
    floors = floors_of(task)
    assert succeeds(floors | {k: round(v) for k, v in floors.items() if "modes" in k},
                    resolved(task.goal, floors))  # fmt: skip


def test_the_rare_mode_of_the_imbalanced_ring_is_a_hundredth():
    config = DatasetConfig("imbalanced_ring")
    label = np.asarray(DATASETS[config.name](config).get(np.arange(70_000)).label)
    assert np.bincount(label).tolist() == [700] + 7 * [9900]
    batch = label[1000:1256]
    assert set(batch.tolist()) == set(range(8))


def test_modes_of_the_imbalanced_ring_are_weighed_by_their_shares():
    mixture = TOYS["imbalanced_ring"](DatasetConfig("imbalanced_ring"))
    points = mixture.centres[np.arange(7000) % 700]
    found = toy_modes(points, mixture)
    assert (found["modes"], found["robust_modes"]) == (8, 8)
    assert found["reverse_kl"] < 1e-6
    few = toy_modes(points[mixture.mode_of[np.arange(7000) % 700] > 0], mixture)
    assert (few["modes"], few["robust_modes"]) == (7, 7)


def test_the_dirac_gan_ends_where_the_published_notebook_ends():
    """Simultaneous minimax at 0.2: 3.09695 after 500 steps (Mescheder et al. 2018)."""
    suite = SUITES["dirac"]
    config = config_of(suite, suite.tasks["simultaneous"], "minimax", {}, 500, 1)
    slow, fast = exact.at_rates(config, (0.1, 0.2))
    np.testing.assert_allclose(fast.distance[-1], 3.09695, rtol=1e-5)
    np.testing.assert_allclose(fast.factor, np.sqrt(1 + 0.1**2), atol=1e-8)
    np.testing.assert_allclose(slow.factor, np.sqrt(1 + 0.05**2), atol=1e-8)
    assert fast.verdict == "diverges"


def test_a_rule_with_a_rate_of_its_own_gets_it_at_each_rate():
    """Competitive descent on the bilinear game contracts by 1 / sqrt(1 + h^2)."""
    suite = SUITES["dirac"]
    config = config_of(suite, suite.tasks["competitive"], "wasserstein", {}, 20, 1)
    assert config.dynamics == DynamicsConfig("competitive")
    found = [play.factor for play in exact.at_rates(config, (0.1, 0.5))]
    np.testing.assert_allclose(found, [1 / np.sqrt(1.01), 1 / np.sqrt(1.25)], atol=1e-6)


def test_every_metric_of_results_has_a_title_and_a_direction():
    for suite in ("toy", "digits"):
        for task in SUITES[suite].tasks.values():
            names = {b.metric for b in (*task.goal.success, task.goal.alive)}
            assert names <= METRICS.keys()


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


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--suite", "toyy"], "suite 'toyy' is unknown; did you mean 'toy'?"),
        (["--suite", "toy", "--methods", "r11"], "did you mean 'r1'?"),
        (["--suite", "toy", "--tasks", "gird"], "did you mean 'grid'?"),
        (["--suite", "toy", "--seeds", "0"], "seeds 0: must be 1 or more"),
        (["--suite", "toy", "--methods", "ada"], "methods 'ada' on ring: augment.name"),
        (["--suite", "mnist"], "dataset.name 'mnist' is not prepared"),
        ([*TINY, "--part", "2/1"], "part '2/1': must be like"),
    ],
)
def test_bad_input_gets_one_line(tmp_path, monkeypatch, capsys, flags, told):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert compare.main([*flags, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and told in line
    assert not (tmp_path / "out").exists()


def test_results_of_another_plan_are_left_alone(tmp_path, capsys):
    out = folder(tmp_path / "out", toy_plan(), [])
    before = (out / "plan.json").read_text()
    assert compare.main([*TINY, "--out", str(out)]) == 2
    assert "holds results of another plan (toy, 1 tasks" in capsys.readouterr().err
    assert (out / "plan.json").read_text() == before


def test_the_plan_is_printed_and_nothing_is_run(tmp_path, capsys):
    out = tmp_path / "out"
    assert compare.main([*TINY, "--plan", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "ring--r1_weak" in text and "2 cells, 20 GANs, about" in text
    assert not out.exists()


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


def launched(out, *flags, python=sys.executable):
    command = [python, "-m", "benchmarks.compare", *TINY, "--seeds", "2"]
    return subprocess.Popen(
        [*command, "--steps", "200", "--out", str(out), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": ""},
    )


def until(condition, process, seconds=300):
    end = time.time() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.time() < end
        time.sleep(0.02)


def logged(out, cell):
    path = out / "cells" / cell / "metrics.jsonl"
    return path.exists() and path.stat().st_size > 0


@pytest.mark.slow
def test_a_plan_killed_in_a_cell_ends_as_if_it_had_not_been(tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert launched(whole).wait() == 0
    for cell in ("ring--ns_gan", "ring--r1_weak"):
        process = launched(out)
        until(lambda cell=cell: logged(out, cell), process)
        process.kill()
        process.communicate()
    first = store.read_rows(out)
    stopped = launched(out)
    until(lambda: (out / ".lock").exists(), stopped)
    text, _ = stopped.communicate()
    assert stopped.returncode == 0, text
    assert store.read_rows(out)[: len(first)] == first
    ours, theirs = (without_times(store.read_rows(f)) for f in (out, whole))
    assert ours == theirs and len(ours) == 4


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = launched(tmp_path / "out")
    until(lambda: logged(tmp_path / "out", "ring--ns_gan"), process)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate()
    assert process.returncode == 130
    assert "stopped: 0 of 2 cells are finished" in text
    assert "the same command goes on:\npython -m benchmarks.compare --suite toy" in text


@pytest.mark.slow
def test_a_worker_that_dies_has_its_cell_run_again(tmp_path):
    """A local Ray cluster of two workers; the first to log a row is killed."""
    pytest.importorskip("ray")
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert launched(whole).wait() == 0
    process = launched(out, "--launcher", "ray")
    names = ("ring--ns_gan", "ring--r1_weak")
    until(lambda: any(logged(out, name) for name in names), process)
    os.kill(worker_in(process.pid), signal.SIGKILL)
    text, _ = process.communicate()
    assert process.returncode == 0, text
    order = lambda row: (row["cell"], row["seed"])  # noqa: E731
    found = [sorted(store.read_rows(f), key=order) for f in (out, whole)]
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
            if title.startswith("ray::run_cell") and descends(int(entry), driver):
                return int(entry)
    raise AssertionError("no worker runs a cell")


def descends(process, ancestor):
    while process > 1:
        if process == ancestor:
            return True
        with open(f"/proc/{process}/stat") as file:
            process = int(file.read().rpartition(")")[2].split()[1])
    return False
