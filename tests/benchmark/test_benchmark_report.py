"""The report of synthetic rows: what it says, and how its page behaves in a browser."""

import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import synthetic_rows as synthetic

from gan_jax.benchmark.metric_info import METRIC_INFO
from gan_jax.benchmark.report import published, stats, summary
from gan_jax.benchmark.report import results as rows
from gan_jax.benchmark.report import stability_map as maps
from gan_jax.benchmark.report.figures import all_figures as figures
from gan_jax.benchmark.report.figures import task_figures
from gan_jax.benchmark.report.findings import collect_findings, summarize_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    OUTLINE,
    Scale,
    format_short,
    format_tick,
    make_scale,
    rate_colour,
    round_ticks,
    text_colour,
)
from gan_jax.benchmark.report.html.task_panels import draw_seed_strips
from gan_jax.benchmark.report.hypotheses import NO_ANSWER, answer_questions
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.report import write_report
from gan_jax.commands.report import main

VOID = {"meta", "link"}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return synthetic.write(tmp_path_factory.mktemp("toy"), *synthetic.toy())


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    return synthetic.write(tmp_path_factory.mktemp("map"), *synthetic.stability_map())


@pytest.fixture(scope="module")
def found(toy):
    return collect_findings(rows.read_results(toy))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report of a small plan, since drawing takes long."""
    small = synthetic.toy(4, ("ring",), ("ns_gan", "wgan_gp"))
    return write_report(synthetic.write(tmp_path_factory.mktemp("small"), *small))


def entry(found, task, method):
    return next(e for e in found.entries if (e.task, e.method) == (task, method))


def rewritten(folder, path, change):
    """A copy of a results folder with other rows."""
    lines = (folder / "rows.jsonl").read_text().splitlines()
    own = change([json.loads(line) for line in lines])
    return synthetic.write(path, own, json.loads((folder / "plan.json").read_text()))


def test_every_method_has_an_entry_on_every_task(found):
    pairs = {(e.task, e.method) for e in found.entries}
    assert pairs == {(t, m) for t in ("ring", "grid") for m in synthetic.METHODS}
    assert all(sum(e.outcomes.values()) == 10 for e in found.entries)


def test_success_is_counted_over_all_seeds(found):
    assert entry(found, "ring", "wgan_gp").rate.value == 0.8
    assert entry(found, "ring", "r3gan").outcomes["converged"] == 10
    assert found.results.baseline == "ns_gan"
    assert entry(found, "ring", "ns_gan").difference is None


def test_a_run_that_diverged_is_the_worst_and_stays_in(found):
    wgan = entry(found, "ring", "wgan_gp")
    assert wgan.outcomes["nonfinite"] == 2 and len(wgan.rows) == 10
    assert wgan.finals["sliced_wasserstein"].high == math.inf
    scores = summary.score_matrix(found.results, "wgan_gp")
    assert scores.shape == (10, 2) and (scores == summary.WORST_SCORE).sum() == 4


def test_a_metric_where_more_is_better_has_its_worst_below():
    row = {"outcome": "nonfinite", "verdict": "diverged", "final": {"modes": 8}}
    assert rows.metric_value(row, "modes") == -math.inf


def test_scores_are_zero_at_noise_and_one_at_the_floor(found):
    zero, one = summary.score_scale(found.results, "ring", "sliced_wasserstein")
    assert one == 0.021
    assert (
        summary.scale_score(one, zero, one) == 1
        and summary.scale_score(zero, zero, one) == 0
    )
    assert summary.scale_score(math.inf, zero, one) == summary.WORST_SCORE
    assert summary.scale_score(2 * zero - one, zero, one) == pytest.approx(-1)


def test_noise_of_the_plan_is_the_zero_of_scores(toy):
    results = rows.read_results(toy)
    noise = {"noise": {"ring": {"sliced_wasserstein": 2.0}}}
    zero, _ = summary.score_scale(
        results._replace(plan=results.plan | noise), "ring", "sliced_wasserstein"
    )
    assert zero == 2.0


def test_instability_shows_in_final_over_best(found):
    steady, swinging = (entry(found, "ring", m) for m in ("r3gan", "lsgan"))
    name = "sliced_wasserstein"
    assert 1 <= steady.decline[name] < 1.05 < swinging.decline[name]


def test_costs_are_compared_at_the_cheapest_methods_budget(found):
    wgan, plain = (entry(found, "ring", m) for m in ("wgan_gp", "ns_gan"))
    assert (wgan.gradients, plain.gradients) == (60_000, 20_000)
    assert wgan.step_ratio == pytest.approx(2.6)
    # 20,000 of 6 a step: the evaluation at step 3,000; 7 s of 1.82 ms: at 3,500.
    middle = {
        step: np.sort(
            [
                rows.worst_value("sliced_wasserstein")
                if rows.has_failed(row)
                else row["series"]["sliced_wasserstein"][step // 500 - 1]
                for row in wgan.rows
            ]
        )[2:8].mean()
        for step in (3000, 3500)
    }
    assert wgan.equal["gradient evaluations"].value == pytest.approx(middle[3000])
    assert wgan.equal["wall seconds"].value == pytest.approx(middle[3500])


def test_paired_seeds_are_tested_by_mcnemar(found):
    one = entry(found, "ring", "r3gan")  # wins on all ten seeds, the baseline on none
    assert one.mcnemar_p == pytest.approx(2 / 2**10)


def test_overall_ranks_the_steady_method_first(found):
    best = {o.method: o for o in found.overall}
    assert best["r3gan"].rank.value == 1
    assert best["r3gan"].improvement.value == 1 and best["ns_gan"].improvement is None
    assert best["r3gan"].gap.value < best["wgan_gp"].gap.value


def test_success_over_all_tasks_is_the_mean_of_the_tasks_rates(found):
    one = next(o for o in found.overall if o.method == "wgan_gp")
    counts = [
        summary.count_successes(entry(found, t, "wgan_gp").rows)
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

    folder = rewritten(toy, tmp_path, ruined)
    plan = json.loads((folder / "plan.json").read_text())
    noise = {task: {"sliced_wasserstein": 2.0} for task in synthetic.MODES}
    (folder / "plan.json").write_text(json.dumps(plan | {"noise": noise}))
    ruins = {
        o.method: o
        for o in summary.summarize_overall(rows.read_results(folder, "lsgan"))
    }
    assert ruins["r1"].iqm.value == ruins["lsgan"].iqm.value == 0
    assert ruins["r1"].improvement.value == 0
    assert ruins["r1"].rank.value == ruins["lsgan"].rank.value + 1


def test_the_gist_names_one_method_and_counts_those_that_tie(found):
    # Of 20 runs r3gan succeeds in all: Wilson's [.72, 1] of 10 on each of two tasks,
    # averaged by MOVER: 1 - sqrt(2 (1 - .7225)^2) / 2 = .80.
    told = "r3gan succeeded most often, in 20 of 20 runs (95% interval 80% to 100%); "
    assert f"{told}ns_gan never succeeded." in summarize_findings(found)
    lost = {"success": False, "outcome": "not_reached"}
    tied = [
        e if e.method == "r3gan" else e._replace(rows=[row | lost for row in e.rows])
        for e in found.entries
    ]
    words = summarize_findings(found._replace(entries=tied))
    assert f"{told}5 of the 6 methods never succeeded." in words


def test_a_run_that_was_good_only_at_the_end_counts_as_still_waiting(toy, tmp_path):
    def late(own):
        ends = {"success": False, "success_step": 9500, "outcome": "not_reached"}
        return [row | ends if row["method"] == "r3gan" else row for row in own]

    own = summary.summarize_tasks(rows.read_results(rewritten(toy, tmp_path, late)))
    one = next(e for e in own if e.method == "r3gan")
    assert one.survival.median == math.inf and not len(one.survival.steps)


def test_map_counts_success_at_each_pair_of_rates(mapped):
    found = {m.method: m for m in maps.make_stability_maps(rows.read_results(mapped))}
    one = found["ns_gan"]  # worse = log10 g + log10 d, + 1 on seeds 0 and 3, < 0
    assert one.rates == [
        [(5, 5), (3, 5), (0, 5)],
        [(3, 5), (0, 5), (0, 5)],
        [(0, 5), (0, 5), (0, 5)],
    ]
    assert one.area.value == pytest.approx(11 / 45)
    assert one.area.low < one.area.value < one.area.high < found["r3gan"].area.value


def test_the_tables_of_a_map_are_of_unchanged_rates(mapped):
    results = rows.read_results(mapped)
    assert len(results.rows) == 180 and len(results.main) == 20
    assert {row["axes"]["g_lr"] for row in results.main} == {1.0}


def test_points_of_a_stress_axis_are_methods_of_their_own(toy, tmp_path):
    def stressed(own):
        return [
            row | {"axes": {"b1": b1}, "config": row["config"] | {"g_optimizer.b1": b1}}
            for row in own
            for b1 in (0.5, 0.9)
        ]

    results = rows.read_results(rewritten(toy, tmp_path, stressed))
    assert results.baseline == "ns_gan, b1 0.5"
    assert "r3gan, b1 0.9" in results.methods
    asked = {one.name: one for one in answer_questions(results)}
    assert asked["H3"].figure.value == 0 and asked["H3"].runs == 240


def test_published_rates_are_compared_by_newcombe(found):
    known = {(c.published.task, c.published.label): c for c in found.published}
    one = known["ring", "non-saturating cross entropy"]
    won = sum(r["final"]["modes"] >= 8 for r in entry(found, "ring", "ns_gan").rows)
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


def test_questions_without_rows_say_so(found):
    known = {one.name: one for one in found.answers}
    assert list(known) == [f"H{n}" for n in range(1, 9)]
    assert known["H1"].answer == NO_ANSWER and known["H1"].figure is None
    packed, plain = (entry(found, "ring", m).rows for m in ("pacgan2", "ns_gan"))
    x, y = ([r["final"]["modes"] for r in rows] for rows in (packed, plain))
    assert known["H4"].figure.value == pytest.approx(np.mean(x) - np.mean(y))
    assert "grid, robust modes" in known["H4"].answer


class Collector(HTMLParser):
    """Tags that were not closed, addresses, ids."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        known = dict(attrs)
        self.ids += [known["id"]] if "id" in known else []
        self.addresses += [known[name] for name in ("src", "href") if name in known]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_one_file_with_all_sections(found):
    text = render_page(found)
    parser = Collector()
    parser.feed(text)
    assert not parser.open
    assert all(address.startswith("data:") for address in parser.addresses)
    assert not re.search(r"https?://|@import|url\(", text)
    sections = {"filters", "rates", "methods", "scores", "published", "questions"}
    assert sections <= set(parser.ids) and len(set(parser.ids)) == len(parser.ids)
    assert not re.findall(r' (?:d|cx|x|y|x1|y1)="[^"]*(?:nan|inf)', text)


def test_map_is_the_first_section(mapped):
    text = render_page(collect_findings(rows.read_results(mapped)))
    assert text.index('id="map"') < text.index('id="rates"')
    assert text.count('class="map"') == 4


def test_names_in_rows_cannot_write_into_the_page(toy, tmp_path):
    def renamed(own):
        return [row | {"method": "<script>alert(1)</script>"} for row in own[:10]]

    folder = rewritten(toy, tmp_path, renamed)
    text = render_page(collect_findings(rows.read_results(folder)))
    assert "<script>alert" not in text


def test_markdown_has_the_tables_and_says_what_columns_mean(found):
    text = render_markdown(found)
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    for task in ("ring", "grid"):
        assert f"## {task}" in text
    assert "Robust modes ≥ 8" in text and "floor 0.021" in text
    assert "**success**: How many of the runs succeeded" in text
    assert "| wgan_gp | 8/10 [0.49, 0.94] |" in text


def test_figures_are_written_as_png_and_svg(written):
    names = {path.name for path in written}
    for name in ("success", "outcomes", "profiles", "seeds_ring", "curves_ring"):
        assert {f"{name}.png", f"{name}.svg"} <= names
    assert all(path.stat().st_size > 500 for path in written)
    assert sum(path.stat().st_size for path in written) < 5e6


def test_what_outcomes_mean_is_told_with_the_thresholds(found):
    for text in (render_markdown(found), render_page(found)):
        assert "Modes with one hit &lt; 4" in text or "Modes with one hit < 4" in text
        assert "the goal was met and lost again in the last 25% of the steps" in text
        assert "the goal was met at every evaluation in the last 25% of the" in text
        assert "a logged value or a sample became NaN or infinite" in text
        assert "times its early median" not in text  # none vanished or exploded
    seen = render_markdown(found).split("## How runs end")[1]
    order = ("nonfinite", "collapsed", "oscillating", "not reached", "converged")
    at = [seen.index(f"- **{name}**") for name in order]
    assert at == sorted(at)


def test_explosions_are_told_with_their_factors(toy, tmp_path):
    def other(own):
        ends = ("exploded", "vanished")
        return [r | {"outcome": ends[i % 2]} for i, r in enumerate(own)]

    text = render_markdown(
        collect_findings(rows.read_results(rewritten(toy, tmp_path, other)))
    )
    early = (
        "its early median (the larger of those over the first 100 steps and over the "
        "1% of the steps after them)"
    )
    assert f"was over 1000 times {early}, or the mean logits were over 1000" in text
    assert f"was under 0.001 times {early}, in at least 1% of the steps" in text


def words_of(figure):
    """All that a figure says."""
    from matplotlib.text import Text

    return " ".join(one.get_text() for one in figure.findobj(Text))


def test_every_dashed_or_dotted_line_of_a_figure_is_explained(found):
    drawn = {
        "success": (figures.draw_rates(found), False, False),
        "profiles": (figures.draw_profiles(found), True, False),
        "seeds": (task_figures.draw_seeds(found, "ring"), True, True),
        "cost": (task_figures.draw_cost(found, "ring"), True, True),
    }
    for name, (figure, dashed, dotted) in drawn.items():
        words = words_of(figure)
        assert ("dashed" in words, "dotted" in words) == (dashed, dotted), name
        across = [
            line
            for axis in figure.axes
            for line in axis.lines
            if line.get_linestyle() == "--" and line.get_xdata()[0] == 1
        ]
        assert bool(across) == (name == "profiles"), name


def test_noise_stands_beside_the_floor_where_the_plan_has_it(found):
    assert "dashed: floor 0.021, dotted: noise 1.7" in words_of(
        task_figures.draw_seeds(found, "ring")
    )
    text = draw_seed_strips(found.results, "ring", found.entries)
    assert ">noise 1.7</text>" in text and 'class="noise"' in text
    assert "The dotted line is what noise scores." in text
    known = {k: v for k, v in found.results.plan.items() if k != "noise"}
    bare = found._replace(results=found.results._replace(plan=known))
    assert "noise" not in words_of(task_figures.draw_seeds(bare, "ring"))
    assert "noise" not in draw_seed_strips(bare.results, "ring", bare.entries)


def test_costs_are_drawn_whole_with_ticks_apart(found):
    figure = task_figures.draw_cost(found, "ring")
    left = figure.axes[0]
    low, high = left.get_ylim()
    for axis in figure.axes:
        for line in (one for one in axis.lines if one.get_label() in synthetic.METHODS):
            y = np.asarray(line.get_ydata(), float)
            assert low <= np.nanmin(y) and np.nanmax(y) <= high
    shown = [tick.get_text() for tick in left.get_xticklabels()]
    assert shown == [format_tick(value) for value in left.get_xticks()]
    assert "20k" in shown


def luminance(colour):
    """WCAG 2.1, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_a_rate_is_legible_on_its_shade():
    """WCAG 2.1, 1.4.3: contrast of 4.5 or more."""
    for percent in range(101):
        pair = sorted(luminance(c(percent / 100)) for c in (rate_colour, text_colour))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


def test_every_dot_stands_out_from_the_paper(found):
    """WCAG 2.1, 1.4.11: contrast of 3 or more, of the fill or its outline."""
    paper = luminance("#fbfaf6")
    for name, fill in OUTCOME_COLOURS.items():
        inks = [(paper + 0.05) / (luminance(c) + 0.05) for c in (fill, OUTLINE)]
        assert max(inks) >= 3 and inks[0] > 1.6, name
    text = draw_seed_strips(found.results, "ring", found.entries)
    assert text.count('class="dot"') == text.count(f'stroke="{OUTLINE}"') > 0
    edges = {
        line.get_markeredgecolor()
        for line in task_figures.draw_seeds(found, "ring").axes[0].lines
        if line.get_marker() == "o"
    }
    assert edges == {OUTLINE}


def one_line(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    return told


def test_what_cannot_be_reported_is_refused_in_one_line(toy, tmp_path, capsys):
    assert "no such folder" in one_line(capsys, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "benchmarks.compare" in one_line(capsys, tmp_path / "empty")
    plan = json.loads((toy / "plan.json").read_text())
    assert "no rows" in one_line(capsys, synthetic.write(tmp_path / "bare", [], plan))
    assert "choose of" in one_line(capsys, toy, "--baseline", "gan")
    told = one_line(capsys, toy / "rows.jsonl")
    assert "is a file; give the folder" in told


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path, capsys):
    small = synthetic.toy(2, ("ring",), ("ns_gan",))
    folder = synthetic.write(tmp_path / "toy", *small)
    (folder / "figures").write_text("")
    told = one_line(capsys, folder)
    assert str(folder / "figures") in told and "move it away" in told


@pytest.mark.parametrize("line", ["[]", "{}"])
def test_a_line_that_is_no_row_is_refused_in_one_line(toy, tmp_path, capsys, line):
    folder = rewritten(toy, tmp_path, lambda own: own)
    with (folder / "rows.jsonl").open("a") as file:
        file.write(line + "\n")
    assert "line 121 is no row of results" in one_line(capsys, folder)
    (folder / "plan.json").write_text("[]")
    assert "plan.json: was changed by hand" in one_line(capsys, folder)


def test_mixed_fingerprints_are_refused_in_one_line(toy, tmp_path, capsys):
    def mixed(own):
        own[3]["fingerprint"] = own[3]["fingerprint"] | {"n_real": 10_000}
        return own

    told = one_line(capsys, rewritten(toy, tmp_path / "mixed", mixed))
    assert "rows of ring: mixed fingerprints" in told and "n_real" in told


def test_rows_of_another_plan_and_twice_the_same_are_refused(toy, tmp_path, capsys):
    def foreign(own):
        return [*own[:-1], own[-1] | {"plan": "f" * 64}]

    told = one_line(capsys, rewritten(toy, tmp_path / "a", foreign))
    assert "of plan ffffffff" in told
    told = one_line(capsys, rewritten(toy, tmp_path / "b", lambda own: own + own[:1]))
    assert "benchmarks.merge" in told


def test_a_last_line_cut_off_is_left_out_another_is_refused(toy, tmp_path, capsys):
    folder = rewritten(toy, tmp_path, lambda own: own)
    path = folder / "rows.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-40])
    assert len(rows.read_results(folder).rows) == 119
    path.write_text(whole[:50] + "\n" + whole)
    assert "line 1 is not JSON" in one_line(capsys, folder)


def test_crashed_cells_are_in_the_report(toy, tmp_path):
    def crashed(own):
        error = {
            "outcome": "error", "verdict": "error", "success": False, "final": {},
            "error": "RuntimeError: no memory", "success_step": None, "best": {},
            "series": {"step": []}, "wall_seconds": None, "step_seconds": None,
            "fingerprint": None,
        }  # fmt: skip
        return [r | error if r["method"] == "r1" else r for r in own]

    found = collect_findings(rows.read_results(rewritten(toy, tmp_path, crashed)))
    one = entry(found, "ring", "r1")
    assert one.outcomes["error"] == 10 and one.rate.value == 0
    assert one.finals["sliced_wasserstein"].value == math.inf
    assert "RuntimeError: no memory" in render_markdown(found)
    render_page(found)


def test_metrics_have_a_title_and_a_direction():
    assert METRIC_INFO["sliced_wasserstein"].lower_is_better
    assert not METRIC_INFO["robust_modes"].lower_is_better


def test_scales_hold_their_ticks():
    for values in ([0.02, 0.9], [1, 8], [3, 3], [1e-9, 1e3], []):
        scale = make_scale(values)
        assert all(scale.low <= tick <= scale.high for tick in round_ticks(scale))
        assert all(0 <= scale(value) <= 1 for value in values)
    assert make_scale([0.01, 1.0]).log and not make_scale([0.01, 1.0], False).log
    assert Scale(1.0, 100.0, True)(10.0) == pytest.approx(0.5)


def test_numbers_are_short():
    shown = [format_short(v) for v in (0.02134, 25, 1e-7, math.inf, math.nan, 12_345.0)]
    assert shown == ["0.0213", "25", "1.0e-7", "failed", "–", "1.2e4"]
