"""The program that measures an accelerator, on a CPU."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.accelerator import cases, command, page, profile, right, science
from benchmarks.accelerator import stage as stage_module
from benchmarks.accelerator.page import render_page
from benchmarks.accelerator.registry import STAGES
from benchmarks.accelerator.stage import (
    OutOfTime,
    Piece,
    Settings,
    Skipped,
    Stage,
    is_finished,
    read_results,
    run_stage,
)
from benchmarks.speed.interleave import Timing
from benchmarks.speed.measure import utilization
from gan_jax.augment import AUGMENTS
from gan_jax.dynamics import DYNAMICS
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import PENALTIES

ABOUT = {"device": "a device"}
CPU = {"device": "a processor", "platform": "cpu"}


def run(stage, tmp_path, seconds=60.0):
    return dict(run_stage(stage, "a", Settings(True, seconds, tmp_path)))


def stage_of(**pieces):
    found = [Piece(name, run) for name, run in pieces.items()]
    return Stage("About.", 1.0, lambda settings: found, lambda results: "")


def raises(error):
    def run():
        raise error

    return run


def test_a_stage_writes_each_result_and_goes_on_after_a_failure(tmp_path):
    stage = stage_of(
        good=lambda: {"number": 2},
        wrong=lambda: {"passed": False},
        broken=raises(RuntimeError("two\nlines")),
        missing=raises(Skipped("needs a GPU")),
        slow=raises(OutOfTime("at step 3")),
    )
    statuses = run(stage, tmp_path)
    assert statuses == {
        "good": "passed",
        "wrong": "failed",
        "broken": "failed",
        "missing": "skipped",
        "slow": "partial",
    }
    found = read_results(tmp_path, "a")
    assert found["good"]["number"] == 2 and found["good"]["seconds"] >= 0
    assert found["broken"]["why"] == "RuntimeError: two lines"
    assert found["missing"]["why"] == "needs a GPU"
    assert not is_finished(stage, "a", Settings(True, 60.0, tmp_path))


def test_a_stopped_stage_resumes_at_the_first_piece_without_a_result(tmp_path):
    calls = []

    def note(name, stop=False):
        def run():
            calls.append(name)
            if stop and calls.count(name) == 1:
                raise KeyboardInterrupt
            return {}

        return run

    stage = stage_of(first=note("first"), second=note("second", True), third=note("3"))
    with pytest.raises(KeyboardInterrupt):
        run(stage, tmp_path)
    assert read_results(tmp_path, "a")["second"] == {"status": "begun"}
    # The one in which the program ended is tried again after those never tried.
    assert list(run(stage, tmp_path)) == ["third", "second"]
    assert calls == ["first", "second", "3", "second"]
    assert is_finished(stage, "a", Settings(True, 60.0, tmp_path))
    assert run(stage, tmp_path) == {}


def test_no_piece_begins_after_the_time_of_its_stage(tmp_path):
    stage = stage_of(one=lambda: {})
    assert run(stage, tmp_path, seconds=0.0) == {}
    assert not is_finished(stage, "a", Settings(True, 0.0, tmp_path))


def test_a_damaged_file_of_results_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json: is damaged .*; delete it"):
        read_results(tmp_path, "a")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--stages", "rihgt"], "stages 'rihgt': must be of right, repeatable"),
        (["--stages", ","], "stages ',': names none of right, repeatable"),
        (["--minutes", "0"], "minutes 0: must be above 0"),
        (["--minutes", "nan"], "minutes nan: must be above 0 and finite"),
        (["--minutes", "inf"], "minutes inf: must be above 0 and finite"),
    ],
)
def test_bad_flags_of_the_command_are_refused(flags, words, tmp_path, capsys):
    assert command.main([*flags, "--out", str(tmp_path / "x")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_stages_run_in_their_own_order():
    assert command.choose_stages("profile, right") == ["right", "profile"]
    assert command.choose_stages("") == list(STAGES)


def test_results_of_another_device_are_not_mixed(tmp_path):
    command.open_folder(tmp_path / "out", ABOUT)
    command.open_folder(tmp_path / "out", ABOUT)
    with pytest.raises(ValueError, match=r"another device \(a device\); choose"):
        command.open_folder(tmp_path / "out", {"device": "another"})
    with pytest.raises(ValueError, match=r"another torch \(none\); choose"):
        command.open_folder(tmp_path / "out", ABOUT | {"torch": "2.11"})


def test_results_made_with_a_package_that_is_gone_are_not_mixed(tmp_path):
    command.open_folder(tmp_path, ABOUT | {"torch": "2.11"})
    with pytest.raises(ValueError, match=r"another torch \(2\.11\); choose"):
        command.open_folder(tmp_path, ABOUT)


@pytest.mark.parametrize("name", ["about.json", "science.json"])
@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1}'])
def test_a_damaged_file_is_named_before_anything_runs(
    name, text, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "ask_device", lambda: CPU)
    monkeypatch.setattr(command, "run_all", lambda *_: pytest.fail("stages ran"))
    (tmp_path / name).write_text(text)
    flags = ["--tiny", "--stages", "right", "--out", str(tmp_path)]
    assert command.main(flags) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line and "delete" in line
    if name == "science.json" or text != '{"a": 1}':
        assert name in line
    assert (tmp_path / name).read_text() == text


@pytest.mark.parametrize("chosen", ["cuda", "tpu"])
def test_a_device_that_is_missing_is_not_measured_as_a_cpu(
    chosen, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("JAX_PLATFORMS", chosen)
    monkeypatch.setattr(command, "ask_device", lambda: CPU)
    assert command.main(["--tiny", "--out", str(tmp_path / "x")]) == 2
    printed = capsys.readouterr()
    assert "device  a processor (cpu)" in printed.out
    [line] = printed.err.splitlines()
    assert f"JAX_PLATFORMS '{chosen}': JAX found a CPU only; install" in line
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("chosen", ["", "cpu", "cuda,cpu"])
def test_a_cpu_is_measured_with_a_warning(chosen, monkeypatch, capsys):
    monkeypatch.setenv("JAX_PLATFORMS", chosen)
    command.require_device(CPU, tiny=True)
    assert capsys.readouterr().err == ""
    command.require_device(CPU, tiny=False)
    assert capsys.readouterr().err.startswith("warning: this is a CPU")


def test_a_gpu_is_measured_without_a_warning(monkeypatch, capsys):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    command.require_device({"device": "a GPU", "platform": "gpu"}, tiny=False)
    assert capsys.readouterr() == ("device  a GPU (gpu)\n", "")


def test_every_registered_name_of_a_step_is_a_case():
    found = {(kind, name) for kind, _, name in cases.find_cases(tiny=False)}
    for kind, registry in {
        "loss": LOSSES,
        "penalty": PENALTIES,
        "model": MODELS,
        "rule of play": DYNAMICS,
        "augmentation": AUGMENTS,
        "optimizer": OPTIMIZERS,
    }.items():
        assert {(kind, name) for name in registry} <= found


@pytest.mark.parametrize(("kind", "name"), [("model", "conv_7x7"), ("output", "tanh")])
def test_a_case_is_the_first_game_that_a_name_suits(kind, name):
    config = cases.case_config(cases.KINDS[kind], name, tiny=False)
    assert config.precision == "highest"
    assert config.dataset.resolution == {"conv_7x7": 28, "tanh": 16}[name]


def test_all_cases_can_be_built():
    for _, kind, name in cases.find_cases(tiny=False):
        cases.case_config(kind, name, tiny=False)


def test_the_same_step_on_one_device_is_right():
    found = right.compare_step(cases.KINDS["loss"], "hinge", tiny=True)
    assert found == {"parameters": 0.0, "updates": 0.0, "passed": True}


def test_a_step_that_differs_is_not_right():
    """An update that is wrong in its third digit passes only where Adam amplifies."""
    start = {"G": {"w": jnp.ones(4)}, "D": {"w": jnp.ones(2)}}
    cpu = {"G": {"w": jnp.full(4, 1.01)}, "D": {"w": jnp.ones(2)}}
    device = {"G": {"w": jnp.full(4, 1.01002)}, "D": {"w": jnp.ones(2)}}
    found = right.judge_difference(start, cpu, device, follows_gradient=True)
    np.testing.assert_allclose(found["parameters"], 2e-5 / 1.01, rtol=1e-2)
    np.testing.assert_allclose(found["updates"], 2e-3, rtol=1e-2)
    assert not found["passed"]
    assert right.judge_difference(start, cpu, device, False)["passed"]
    far = {"G": {"w": jnp.full(4, 1.02)}, "D": {"w": jnp.ones(2)}}
    assert not right.judge_difference(start, cpu, far, False)["passed"]


def test_a_report_of_pytest_names_what_failed():
    text = (
        "..F\nFAILED tests/a.py::test_b[x] - no\nERROR tests/c.py\n1 failed, 2 passed"
    )
    found = right.read_test_report(text, 1)
    assert found["failed"] == ["tests/a.py::test_b[x]", "tests/c.py"]
    assert found["counts"] == {"failed": 1, "passed": 2} and not found["passed"]
    assert right.read_test_report("", 4)["why"] == "no output"


QUICK = (
    "test_losses.py",
    "test_objectives.py",
    "test_optimizers.py",
    "metrics",
    "models",
    "penalties",
)
"""Of right.TESTS, those that ask for precisions, and some that take seconds."""


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_the_tests_that_run_on_a_device_pass_at_the_highest_precision(name):
    assert name in right.TESTS
    found = right.run_tests(name, 300.0)
    assert found["passed"] and found["counts"]["passed"] > 5, found


def name_line(kind, pid, tid, name):
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}


def run_event(pid, tid, name, start, duration, **arguments):
    times = {"ts": start, "dur": duration, "args": arguments}
    return {"ph": "X", "pid": pid, "tid": tid, "name": name, **times}


GPU_TRACE = [
    name_line("process_name", 1, 0, "/device:GPU:0"),
    name_line("process_name", 2, 0, "/host:CPU"),
    name_line("thread_name", 1, 7, "Stream #7(Compute)"),
    name_line("thread_name", 1, 8, "XLA Ops"),
    run_event(1, 7, "sm90_xmma_fprop_implicit_gemm_nhwc", 0, 60, hlo_op="conv.1"),
    run_event(1, 7, "nchwToNhwcKernel", 60, 10),
    run_event(1, 7, "loop_convert_fusion", 90, 10),
    run_event(1, 8, "conv.1", 0, 60, hlo_op="conv.1"),
    run_event(2, 3, "dispatch", 0, 500),
]


def test_kernels_are_those_of_the_streams_and_are_summed_by_kind():
    found = profile.summarize(profile.find_kernels(GPU_TRACE))
    assert found["kinds"] == {
        profile.PRODUCT: 60,
        profile.COPY: 10,
        profile.ELEMENTWISE: 10,
    }
    assert found["busy"] == 0.8 and found["kernels"] == 3
    assert found["top"][0][0] == "sm90_xmma_fprop_implicit_gemm_nhwc (conv.1)"


@pytest.mark.parametrize(
    "name", ["while", "while.12", "conditional.3", "call", "call.1"]
)
def test_an_operation_that_holds_others_is_not_counted_beside_them(name):
    events = [
        *GPU_TRACE[:2],
        name_line("thread_name", 1, 8, "XLA Ops"),
        run_event(1, 8, name, 0, 100, hlo_op=name),
        run_event(1, 8, "dot.1", 0, 60, hlo_op="dot.1"),
        run_event(1, 8, "wrapped_call_fusion", 60, 30, hlo_op="wrapped_call_fusion"),
    ]
    found = profile.summarize(profile.find_kernels(events))
    assert [row[0] for row in found["top"]] == ["dot.1", "wrapped_call_fusion"]
    assert found["kinds"] == {profile.PRODUCT: 60, profile.ELEMENTWISE: 30}


def test_kernels_of_cublas_are_products():
    name = "nvjet_tst_128x256_64x4_2x1_v_bz_coopA_NNT"
    assert profile.classify(name) == profile.PRODUCT


def test_without_a_device_the_operations_of_a_program_count():
    events = [
        name_line("process_name", 2, 0, "/host:CPU"),
        run_event(2, 3, "input_reduce_fusion", 0, 5, hlo_op="input_reduce_fusion"),
        run_event(2, 3, "ThunkExecutor::Execute", 0, 50),
        run_event(2, 4, "transpose_copy_fusion", 2, 5, hlo_op="transpose_copy_fusion"),
    ]
    found = profile.summarize(profile.find_kernels(events))
    assert found["kinds"] == {profile.REDUCTION: 5, profile.COPY: 5}
    assert found["busy"] == 1.0
    with pytest.raises(ValueError, match="no kernels"):
        profile.summarize([])


def test_missing_data_skips_an_experiment_with_what_to_prepare(tmp_path):
    one = science.EXPERIMENTS[-1]
    with pytest.raises(Skipped, match="is not prepared .* prepare cifar10"):
        science.run_experiment(one, tmp_path, 60.0)


def test_the_page_leaves_the_device_to_the_stages():
    """It is made in the process that starts them, which must not hold the device."""
    program = (
        "from benchmarks.accelerator.page import piece_names\n"
        "from benchmarks.accelerator.registry import STAGES\n"
        "assert all(piece_names(name, {}) for name in STAGES)\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends, xla_bridge._backends\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_page_shows_what_did_not_pass_and_why():
    results = {"seeds": {"loop": {"status": "skipped", "why": "needs a GPU"}}}
    text = render_page(ABOUT, results, "run")
    assert "## seeds" in text and "- loop: skipped: needs a GPU" in text


QUESTION = "Whether every registered name makes the same step"


@pytest.mark.parametrize(
    ("last", "headline"),
    [
        ({"status": "passed"}, "4 of 4 passed. "),
        ({"status": "failed"}, "3 of 4 passed, 1 failed. "),
        ({"status": "partial"}, "3 of 4 passed, 1 ran out of time. "),
        ({"status": "skipped"}, "3 of 4 passed, 1 cannot run here. "),
        ({"status": "begun"}, "3 of 4 passed, 1 without a result. "),
        (None, "3 of 4 passed, 1 without a result. "),
    ],
)
def test_a_page_claims_success_only_if_every_piece_passed(last, headline):
    names = page.piece_names("right", {"tiny": True})
    assert len(names) == 4
    found = {name: {"status": "passed"} for name in names[:3]}
    found |= {names[3]: last} if last else {}
    text = render_page(ABOUT | {"tiny": True}, {"right": found}, "run")
    passed = last == {"status": "passed"}
    assert headline + ("Every" if passed else "Whether every") in text
    assert (QUESTION in text) == (not passed)


def test_each_result_holds_its_commit_flags_and_date(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_module, "find_commit", lambda: "abc")
    monkeypatch.setenv("XLA_FLAGS", " --xla_one=1")
    run(stage_of(good=lambda: {}, wrong=raises(RuntimeError("no"))), tmp_path)
    for result in read_results(tmp_path, "a").values():
        assert result["commit"] == "abc" and result["xla_flags"] == "--xla_one=1"
        day = datetime.fromisoformat(result["date"])
        assert abs((datetime.now(UTC) - day).total_seconds()) < 60


def test_a_pack_tells_its_commit_without_git(tmp_path, monkeypatch):
    file = tmp_path / "commit.txt"
    file.write_text("abc\n")
    monkeypatch.setattr(stage_module, "COMMIT_FILE", file)
    monkeypatch.setattr(stage_module, "find_commit", lambda: pytest.fail("asked git"))
    assert stage_module.describe_origin()["commit"] == "abc"


def test_a_page_shows_commits_flags_dates_and_the_command(tmp_path, monkeypatch):
    first = {"status": "failed", "commit": "abc", "xla_flags": "--xla_one=1"}
    found = {
        "1 GANs": first | {"date": "2026-11-28T10:00:00+00:00"},
        "2 GANs": first | {"date": "2026-11-27T10:00:00+00:00"},
        "3 GANs": first | {"date": "2026-11-29T10:00:00", "xla_flags": ""},
    }
    (tmp_path / "seeds.json").write_text(json.dumps(found))
    monkeypatch.setenv("XLA_FLAGS", "--xla_two=2 --x")
    command.write_page(tmp_path, ABOUT, ["--minutes", "5", "--out", "a b"])
    text = (tmp_path / "README.md").read_text()
    flags = "XLA_FLAGS='--xla_two=2 --x'"
    assert f"`{flags} python -m benchmarks.accelerator --minutes 5 --out 'a b'`" in text
    days = "Measured on 2026-11-27, 2026-11-28 with commit abc and"
    assert f"{days} `XLA_FLAGS=--xla_one=1`." in text
    assert "Measured on 2026-11-29 with commit abc and no `XLA_FLAGS`." in text


@pytest.mark.parametrize("stage", ["right", "repeatable"])
def test_what_a_stage_is_about_is_a_question_until_it_is_shown(stage):
    assert STAGES[stage].about.startswith("Whether ")
    assert STAGES[stage].claim and "hether" not in STAGES[stage].claim


def test_a_step_uses_the_share_of_the_rate_of_a_product_in_its_rounds():
    """Rates within a round are 10/2 of 40/4, 10/1 of 40/4 and 10/4 of 40/2."""
    step = Timing(2.0, 1.0, 4.0, (2.0, 1.0, 4.0), flops=10)
    product = Timing(4.0, 2.0, 4.0, (4.0, 4.0, 2.0), flops=40)
    assert utilization(step, product) == 0.5
    assert utilization(step._replace(rounds=()), product) is None


def test_the_page_of_accelerators_has_two_rows_for_each_stage():
    """One says what the stage does, the other its target."""
    text = (command.ROOT / "docs" / "accelerators.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert [name for name in rows if name in STAGES] == [*STAGES, *STAGES]


def run_command(tmp_path, *flags):
    out = tmp_path / "out"
    code = command.main(["--tiny", "--out", str(out), *flags])
    return code, out


def test_a_stage_runs_in_a_process_of_its_own_and_is_not_repeated(tmp_path, capfd):
    code, out = run_command(tmp_path, "--stages", "profile")
    assert code == 0, capfd.readouterr().err
    (result,) = json.loads((out / "profile.json").read_text()).values()
    assert result["status"] == "passed" and result["kinds"][profile.PRODUCT] > 0
    assert "## profile" in (out / "README.md").read_text()
    first = (out / "profile.json").read_bytes()
    assert run_command(tmp_path, "--stages", "profile")[0] == 0
    assert (out / "profile.json").read_bytes() == first


@pytest.mark.slow
def test_all_stages_run_on_a_cpu(tmp_path, capfd):
    code, out = run_command(tmp_path)
    assert code == 0, capfd.readouterr().err
    text = (out / "README.md").read_text()
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == list(STAGES)
    assert "failed" not in re.sub(r"names of those that failed|\| failed", "", text)
    assert jax.default_backend() == "cpu"
    runs = json.loads((out / "repeatable.json").read_text())
    assert runs["deterministic"]["again"]["equal"]
    assert runs["deterministic"]["resumed"]["equal"]
