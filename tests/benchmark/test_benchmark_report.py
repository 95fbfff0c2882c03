"""The numbers of a report of synthetic rows: summaries, scores, maps, comparisons."""

import io
import json
import math
import os
import sys

import numpy as np
import pytest
import synthetic_rows as synthetic
from rich.console import Console

from gan_jax.benchmark.metric_info import METRIC_INFO
from gan_jax.benchmark.report import published, stats, summary
from gan_jax.benchmark.report.findings import collect_findings, summarize_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.questions.hypotheses import NO_ANSWER, answer_questions
from gan_jax.benchmark.report.results import (
    has_failed,
    metric_value,
    read_results,
    worst_value,
)
from gan_jax.commands import report


def test_every_method_has_an_entry_on_every_task(findings):
    pairs = {(e.task, e.method) for e in findings.entries}
    assert pairs == {(t, m) for t in ("ring", "grid") for m in synthetic.METHODS}
    assert all(sum(e.outcomes.values()) == 10 for e in findings.entries)


def test_success_is_counted_over_all_seeds(findings):
    assert synthetic.find_entry(findings, "ring", "wgan_gp").rate.value == 0.8
    assert synthetic.find_entry(findings, "ring", "r3gan").outcomes["converged"] == 10
    assert findings.results.baseline == "ns_gan"
    assert synthetic.find_entry(findings, "ring", "ns_gan").difference is None


def test_a_run_that_diverged_is_the_worst_and_stays_in(findings):
    wgan = synthetic.find_entry(findings, "ring", "wgan_gp")
    assert wgan.outcomes["nonfinite"] == 2 and len(wgan.rows) == 10
    assert wgan.finals["sliced_wasserstein"].high == math.inf
    scores = summary.score_matrix(findings.results, "wgan_gp")
    assert scores.shape == (10, 2) and (scores == summary.WORST_SCORE).sum() == 4


def test_a_metric_where_more_is_better_has_its_worst_below():
    row = {"outcome": "nonfinite", "verdict": "diverged", "final": {"modes": 8}}
    assert metric_value(row, "modes") == -math.inf


def test_scores_are_zero_at_noise_and_one_at_the_floor(findings):
    zero, one = summary.score_scale(findings.results, "ring", "sliced_wasserstein")
    assert one == 0.021
    assert (
        summary.scale_score(one, zero, one) == 1
        and summary.scale_score(zero, zero, one) == 0
    )
    assert summary.scale_score(math.inf, zero, one) == summary.WORST_SCORE
    assert summary.scale_score(2 * zero - one, zero, one) == pytest.approx(-1)


def test_noise_of_the_plan_is_the_zero_of_scores(toy):
    results = read_results(toy)
    noise = {"noise": {"ring": {"sliced_wasserstein": 2.0}}}
    zero, _ = summary.score_scale(
        results._replace(plan=results.plan | noise), "ring", "sliced_wasserstein"
    )
    assert zero == 2.0


def test_instability_shows_in_final_over_best(findings):
    steady, swinging = (
        synthetic.find_entry(findings, "ring", m) for m in ("r3gan", "lsgan")
    )
    name = "sliced_wasserstein"
    assert 1 <= steady.decline[name] < 1.05 < swinging.decline[name]


def test_costs_are_compared_at_the_cheapest_methods_budget(findings):
    wgan, plain, packs = (
        synthetic.find_entry(findings, "ring", m)
        for m in ("wgan_gp", "ns_gan", "pacgan2")
    )
    assert (wgan.gradients, plain.gradients) == (60_000, 20_000)
    assert wgan.step_ratio == pytest.approx(2.6)

    def middle_of(entry, step):
        values = [
            worst_value("sliced_wasserstein")
            if has_failed(row)
            else row["series"]["sliced_wasserstein"][step // 500 - 1]
            for row in entry.rows
        ]
        return pytest.approx(np.sort(values)[2:8].mean())

    # 20,000 of 6 a step: the evaluation at step 3,000; 7 s of 1.82 ms: at 3,500;
    # 640,000 examples of 5 * 64 a step: at 2,000, and of packs of 2: at 5,000.
    assert wgan.equal["gradient evaluations"].value == middle_of(wgan, 3000)
    assert wgan.equal["wall seconds"].value == middle_of(wgan, 3500)
    assert wgan.equal["real examples"].value == middle_of(wgan, 2000)
    assert packs.equal["real examples"].value == middle_of(packs, 5000)
    assert packs.equal["gradient evaluations"].value == middle_of(packs, 10_000)


def test_paired_seeds_are_tested_by_mcnemar(findings):
    one = synthetic.find_entry(
        findings, "ring", "r3gan"
    )  # wins on all ten seeds, the baseline on none
    assert one.mcnemar_p == pytest.approx(2 / 2**10)


def test_overall_ranks_the_steady_method_first(findings):
    best = {o.method: o for o in findings.overall}
    assert best["r3gan"].rank.value == 1
    assert best["r3gan"].improvement.value == 1 and best["ns_gan"].improvement is None
    assert best["r3gan"].gap.value < best["wgan_gp"].gap.value


def test_success_over_all_tasks_is_the_mean_of_the_tasks_rates(findings):
    one = next(o for o in findings.overall if o.method == "wgan_gp")
    counts = [
        summary.count_successes(synthetic.find_entry(findings, t, "wgan_gp").rows)
        for t in synthetic.MODES
    ]
    assert one.successes == stats.mean_rate(counts) and one.runs == 20


def test_ends_worse_than_noise_are_told_apart_but_do_not_weigh(toy, tmp_path):
    def ruined(own):
        worse = {"lsgan": 100.0, "r1": 200.0}
        return [
            row | {"final": row["final"] | {"sliced_wasserstein": worse[row["method"]]}}
            if row["method"] in worse
            else row
            for row in own
        ]

    folder = synthetic.rewrite(toy, tmp_path, ruined)
    plan = json.loads((folder / "plan.json").read_text())
    noise = {task: {"sliced_wasserstein": 2.0} for task in synthetic.MODES}
    (folder / "plan.json").write_text(json.dumps(plan | {"noise": noise}))
    ruins = {
        o.method: o for o in summary.summarize_overall(read_results(folder, "lsgan"))
    }
    assert ruins["r1"].iqm.value == ruins["lsgan"].iqm.value == 0
    assert ruins["r1"].improvement.value == 0
    assert ruins["r1"].rank.value == ruins["lsgan"].rank.value + 1


def test_the_gist_names_one_method_and_counts_those_that_tie(findings):
    # Of 20 runs r3gan succeeds in all: Wilson's [.72, 1] of 10 on each of two tasks,
    # averaged by MOVER: 1 - sqrt(2 (1 - .7225)^2) / 2 = .80.
    words = "r3gan succeeded most often, in 20 of 20 runs (95% interval 80% to 100%); "
    assert f"{words}ns_gan never succeeded." in summarize_findings(findings)
    lost = {"success": False, "outcome": "not_reached"}
    tied = [
        e if e.method == "r3gan" else e._replace(rows=[row | lost for row in e.rows])
        for e in findings.entries
    ]
    summary_of_ties = summarize_findings(findings._replace(entries=tied))
    assert f"{words}5 of the 6 methods never succeeded." in summary_of_ties


def test_a_run_that_was_good_only_at_the_end_counts_as_still_waiting(toy, tmp_path):
    def late(own):
        ends = {"success": False, "success_step": 9500, "outcome": "not_reached"}
        return [row | ends if row["method"] == "r3gan" else row for row in own]

    own = summary.summarize_tasks(read_results(synthetic.rewrite(toy, tmp_path, late)))
    one = next(e for e in own if e.method == "r3gan")
    assert one.survival.median == math.inf and not len(one.survival.steps)


def test_the_tables_of_a_map_are_of_unchanged_rates(mapped):
    results = read_results(mapped)
    assert len(results.rows) == 180 and len(results.main) == 20
    assert {row["axes"]["g_lr"] for row in results.main} == {1.0}


def test_points_of_a_stress_axis_are_methods_of_their_own(toy, tmp_path):
    def stressed(own):
        return [
            row | {"axes": {"b1": b1}, "config": row["config"] | {"g_optimizer.b1": b1}}
            for row in own
            for b1 in (0.5, 0.9)
        ]

    results = read_results(synthetic.rewrite(toy, tmp_path, stressed))
    assert results.baseline == "ns_gan, b1 0.5"
    assert "r3gan, b1 0.9" in results.methods
    asked = {one.name: one for one in answer_questions(results)}
    assert asked["H3"].figure.value == 0 and asked["H3"].runs == 2 * 10


def test_published_rates_are_compared_by_newcombe(findings):
    known = {(c.published.task, c.published.label): c for c in findings.published}
    one = known["ring", "non-saturating cross entropy"]
    won = sum(
        r["final"]["modes"] >= 8
        for r in synthetic.find_entry(findings, "ring", "ns_gan").rows
    )
    assert one.ours.value == won / 10 and not one.same_protocol
    assert known["ring", "ALI"].ours is None


def test_published_means_agree_within_both_intervals():
    one = published.PublishedNumber("", "ring", "GAN", "ns_gan", "modes", 6.3, 0.5, 10)
    base = {"outcome": "converged", "verdict": "completed"}

    def ends(values):
        return [base | {"final": {"modes": value}} for value in values]

    near = published.compare_number(one, ends([5, 6, 7, 6]), "pacgan")
    assert near.agrees and near.ours.value == 6 and near.runs == 4
    assert not published.compare_number(one, ends([8, 8, 8, 8]), "pacgan").agrees
    lost = ends([6, 6]) + [base | {"outcome": "nonfinite", "final": {}}]
    assert published.compare_number(one, lost, "pacgan").ours.value == 4


def test_published_failures_cannot_agree_or_disagree():
    failures = [p for p in published.list_published() if math.isnan(p.value)]
    assert {p.label for p in failures} == {"RpGAN + R1", "GAN + R1"}
    row = {"outcome": "converged", "verdict": "completed", "final": {"modes": 3}}
    assert published.compare_number(failures[0], [row, row], "").agrees is None


def test_questions_without_rows_say_so(findings):
    known = {one.name: one for one in findings.answers}
    assert list(known) == [f"H{n}" for n in range(1, 10)]
    assert known["H1"].answer == NO_ANSWER and known["H1"].figure is None
    packed, plain = (
        synthetic.find_entry(findings, "ring", m).rows for m in ("pacgan2", "ns_gan")
    )
    x, y = ([r["final"]["modes"] for r in rows] for rows in (packed, plain))
    assert known["H4"].figure.value == pytest.approx(np.mean(x) - np.mean(y))
    assert "grid, robust modes" in known["H4"].answer


def test_crashed_cells_are_in_the_report(toy, tmp_path):
    def crashed(own):
        error = {
            "outcome": "error", "verdict": "error", "success": False, "final": {},
            "error": "RuntimeError: no memory", "success_step": None, "best": {},
            "series": {"step": []}, "wall_seconds": None, "step_seconds": None,
            "fingerprint": None,
        }  # fmt: skip
        return [r | error if r["method"] == "r1" else r for r in own]

    found = collect_findings(read_results(synthetic.rewrite(toy, tmp_path, crashed)))
    one = synthetic.find_entry(found, "ring", "r1")
    assert one.outcomes["error"] == 10 and one.rate.value == 0
    assert one.finals["sliced_wasserstein"].value == math.inf
    assert "RuntimeError: no memory" in render_markdown(found)
    render_page(found)


def test_metrics_have_a_title_and_a_direction():
    assert METRIC_INFO["sliced_wasserstein"].lower_is_better
    assert not METRIC_INFO["robust_modes"].lower_is_better


def test_a_report_that_nothing_reads_is_no_fault_of_its_folder(
    tmp_path, monkeypatch, capsys
):
    folder = synthetic.write(tmp_path, *synthetic.toy(2, ("ring",), ("ns_gan",)))
    monkeypatch.setattr(report, "write_findings", lambda findings: ["report.md"])
    other = Console(file=io.StringIO())  # The summary was read, the paths are not.
    monkeypatch.setattr(report, "plain_console", lambda: other)
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", 1, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        code = report.main([str(folder)])
        monkeypatch.undo()
    assert code == 141 and "cannot be used" not in capsys.readouterr().err
