"""The ranking by area of planted maps: which runs it takes, and what it says."""

import json
import math

import numpy as np
import page_tree
import pytest
import synthetic_maps
import synthetic_rows as synthetic

from gan_jax.benchmark.report.figures.map_figure import draw_maps, draw_stability_maps
from gan_jax.benchmark.report.findings import collect_findings, summarize_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.maps.areas import compare_areas
from gan_jax.benchmark.report.maps.best_rates import choose_best_points
from gan_jax.benchmark.report.maps.map_wording import (
    describe_ties,
    format_area,
    format_common_area,
)
from gan_jax.benchmark.report.maps.ranks import correct_p_values
from gan_jax.benchmark.report.maps.stability_map import pool_tasks
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.results import read_results
from gan_jax.benchmark.report.stats import mean_rate
from gan_jax.benchmark.report.terminal_summary import render_summary
from gan_jax.terminal.console import plain_console

SMALL = (0.1, 1.0, 10.0)
ALWAYS, NEVER = math.inf, -math.inf
LEVELS = {"ns_gan": -1.0, "r1": 2.0, "wgan_gp": 0.5}


def find(tmp_path, levels, change=None, baseline=None, **planted):
    """The findings of planted maps; change: of a row, None: it is left out."""
    own, plan = synthetic_maps.planted(levels, factors=SMALL, **planted)
    rows = [row for row in map(change or dict, own) if row is not None]
    folder = synthetic.write(tmp_path / "maps", rows, plan)
    return collect_findings(read_results(folder, baseline))


def success(found, method, task="ring", seeds=range(4)):
    """Success `[seeds, points]` as the rows have it."""
    rows = [
        row
        for row in found.results.rows
        if (row["method"], row["task"]) == (method, task)
    ]
    return np.array(
        [[row["success"] for row in rows if row["seed"] == s] for s in seeds], float
    )


def test_methods_stand_in_the_order_of_their_areas(tmp_path):
    found = find(tmp_path, LEVELS)
    names = [one.method for one in found.ranking.methods]
    areas = {name: success(found, name).mean() for name in LEVELS}
    assert names == sorted(LEVELS, key=areas.get, reverse=True)
    assert (
        found.results.methods
        == names
        == list(dict.fromkeys(m.method for m in found.maps))
    )
    assert [one.area.value for one in found.ranking.methods] == pytest.approx(
        [areas[name] for name in names]
    )
    assert [one.area for one in found.maps] == [
        one.area for one in found.ranking.methods
    ]


def test_equal_areas_with_different_intervals_are_told_without_one(tmp_path):
    one, other = find(tmp_path, LEVELS).ranking.methods[:2]
    alike = other._replace(area=one.area)
    apart = other._replace(area=one.area._replace(low=0.0))
    assert format_common_area([one, alike]) == format_area(one.area)
    assert format_common_area([one, apart]) == f"{one.area.value:.2f}"


def test_a_method_may_tie_with_one_of_two_first_ones(tmp_path):
    """Of two methods with one area, a test may tell a third one from one of them."""
    ranking = find(tmp_path, LEVELS).ranking
    one, two, three = ranking.methods
    one, two = (m._replace(rank=1) for m in (one, two))
    top = f"{one.method} and {two.method}"

    def describe(*ties_of_three):
        mine = [
            m._replace(ties=ties)
            for m, ties in zip((one, two), ties_of_three, strict=True)
        ]
        return describe_ties(ranking._replace(methods=[*mine, three]))

    name = [three.method]
    assert describe(name, []) == (
        f"{three.method} ties with at least one of {top}: no test shows a difference."
    )
    assert describe(name, name) == (
        f"No test shows a difference between {top} and any other method."
    )
    assert describe([], []) == (
        f"The tests show that every other method differs from {top}."
    )


def test_columns_of_one_name_are_explained_for_each_table(tmp_path):
    text = render_markdown(find(tmp_path, LEVELS))
    text = text[text.index("## What the columns mean") :]
    ranking, scores = text.split("In the scores:")
    assert "The place by area" in ranking
    assert "The rank among the methods by the IQM" in scores
    assert "set of ranks that the method may have" in ranking


def test_differences_and_p_values_are_against_the_baseline(tmp_path):
    found = find(tmp_path, LEVELS, baseline="wgan_gp")
    gaps = {
        name: compare_areas(
            success(found, name), success(found, "wgan_gp"), np.full(9, 1 / 9)
        )
        for name in ("r1", "ns_gan")
    }
    p = correct_p_values(np.array([float(gap.p) for gap in gaps.values()]))
    own = {one.method: one for one in found.ranking.methods}
    for (name, gap), known in zip(gaps.items(), p, strict=True):
        assert own[name].difference == pytest.approx([float(v) for v in gap[:3]])
        assert own[name].p == pytest.approx(known)
    assert own["wgan_gp"].difference is own["wgan_gp"].p is None


def test_a_score_is_the_mean_of_the_areas_of_the_tasks(tmp_path):
    found = find(tmp_path, LEVELS, tasks=("ring", "grid"))
    for one in found.ranking.methods:
        own = {t: success(found, one.method, t).mean() for t in ("ring", "grid")}
        assert one.areas == pytest.approx(own)
        assert one.area.value == pytest.approx(np.mean(list(own.values())))


def test_a_seed_that_did_not_run_everywhere_is_left_out(tmp_path):
    def stopped(row):
        hot = row["axes"] == {"g_lr": 10.0, "d_lr": 10.0}
        return None if row["seed"] == 3 and row["method"] == "r1" and hot else row

    found = find(tmp_path, LEVELS, stopped)
    assert found.ranking.seeds == [0, 1, 2] and found.ranking.left_out == 9 + 8 + 9
    assert "26 runs are left out of the ranking" in summarize_findings(found)
    for one in found.maps:
        assert one.area.value == pytest.approx(
            success(found, one.method, seeds=range(3)).mean()
        )
        assert {runs for line in one.counts for _, runs in line} == {3}


def test_a_method_of_few_seeds_is_not_ranked_and_costs_no_seeds(tmp_path):
    def late(row):
        return None if row["method"] == "r1" and row["seed"] > 0 else row

    found = find(tmp_path, LEVELS, late)
    assert found.ranking.seeds == [0, 1, 2, 3] and found.ranking.unranked == ["r1"]
    assert found.results.methods[-1] == "r1"
    assert "r1 has too few seeds at every pair" in summarize_findings(found)
    assert len(found.maps) == 3
    round_two = find(
        tmp_path / "b", LEVELS, lambda row: late(row) if row["seed"] < 2 else None
    )
    assert round_two.ranking.seeds == [0] and not round_two.ranking.unranked


def test_no_complete_seed_is_no_ranking(tmp_path):
    def halves(row):
        cold = row["axes"]["g_lr"] < 1
        return row if cold == (row["method"] == "r1") else None

    found = find(tmp_path, LEVELS, halves)
    assert found.ranking is None and "there is no ranking" in summarize_findings(found)
    tree = page_tree.parse(render_page(found))
    page_tree.assert_no_riddles(tree, render_markdown(found))


def test_each_half_of_the_seeds_is_judged_where_the_other_half_is_best():
    # Seeds 0 and 2 succeed at point 0 only, seeds 1 and 3 at point 1 only.
    won = np.array([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert choose_best_points(won, np.zeros((4, 2))).tolist() == [1, 0, 1, 0]
    # Equal successes: the point with the lower median distance.
    distance = np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    assert choose_best_points(np.ones((4, 2)), distance).tolist() == [0, 1, 0, 1]
    failed = np.array([[np.inf, 1.0]] * 4)
    assert choose_best_points(np.ones((4, 2)), failed).tolist() == [1, 1, 1, 1]


def test_success_that_is_luck_does_not_survive_the_other_half(tmp_path):
    def lucky(row):
        own = {0: 0.1, 2: 0.1, 1: 10.0, 3: 10.0}[row["seed"]]
        won = row["axes"]["d_lr"] == own and row["axes"]["g_lr"] == 1.0
        outcome = "converged" if won else "not_reached"
        return row | {"success": won, "outcome": outcome}

    found = find(tmp_path, LEVELS, lucky)
    for one in found.ranking.methods:
        assert one.area.value == pytest.approx(1 / 9)
        assert one.best.success == mean_rate([(0, 4)])


def test_best_rates_have_distance_in_floors_and_quality_beside_success(tmp_path):
    found = find(tmp_path, {"r1": ALWAYS})
    best = found.ranking.methods[0].best
    floor = synthetic.FLOORS["ring"]
    rows = [r["final"] for r in found.results.rows]
    low, high = (f([r["sliced_wasserstein"] for r in rows]) for f in (min, max))
    assert low / floor["sliced_wasserstein"] <= best.distance
    assert best.distance <= high / floor["sliced_wasserstein"]
    assert 0 < best.quality <= 1
    judged = json.loads(json.dumps(found.results.plan))
    judged["thresholds"]["ring"]["success"].append({"metric": "high_quality"})
    bare = collect_findings(found.results._replace(plan=judged | {"floors": {}}))
    assert math.isnan(bare.ranking.methods[0].best.quality)  # The goal includes it.
    assert math.isnan(bare.ranking.methods[0].best.distance)  # There is no floor.


def test_axes_are_learning_rates(tmp_path):
    found = find(tmp_path, LEVELS)
    for one in found.maps:
        assert one.absolute and one.g_rates == one.d_rates == [1e-4, 1e-3, 1e-2]
    assert "multiplied" not in render_markdown(found).split("## Stability maps")[0]
    assert "D's learning rate 1e-2" in render_markdown(found)

    def slow(row):
        own = {"g_optimizer.learning_rate": 1e-4} if row["method"] == "r1" else {}
        return row | {"config": row["config"] | own}

    other = find(tmp_path / "b", LEVELS, slow)
    rates = {one.method: one.g_rates for one in other.maps}
    assert rates["r1"] == [1e-5, 1e-4, 1e-3]
    for text in (render_markdown(other), render_page(other)):
        assert "The rates are not the same for all methods" in text


def test_rates_that_rows_do_not_tell_are_factors(tmp_path):
    folder = synthetic.write(tmp_path / "map", *synthetic.stability_map())
    found = collect_findings(read_results(folder))
    one = next(m for m in found.maps if m.method == "ns_gan")
    assert not one.absolute and one.g_rates == [0.1, 1.0, 10.0]
    # worse = log10 g + log10 d, + 1 on seeds 0 and 3, < 0
    assert one.counts == [
        [(5, 5), (3, 5), (0, 5)],
        [(3, 5), (0, 5), (0, 5)],
        [(0, 5), (0, 5), (0, 5)],
    ]
    assert one.area.value == pytest.approx(11 / 45)
    assert "factor on G&#x27;s learning rate" in render_page(found)


def test_the_figure_shows_the_maps_by_rank_with_a_line_for_each_task(tmp_path):
    def no_grid(row):
        lost = {"success": False, "outcome": "not_reached"}
        return row | (lost if row["task"] == "grid" else {})

    found = find(tmp_path, LEVELS, tasks=("ring", "grid"))
    figure = draw_stability_maps(found)
    titles = [axis.get_title() for axis in figure.axes if axis.get_visible()]
    ranked = [f"#{one.place} {one.method}" for one in found.ranking.methods]
    assert titles == ranked * 2
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [
        "1e-4",
        "1e-3",
        "1e-2",
    ]
    bare = draw_stability_maps(
        find(tmp_path / "b", LEVELS, no_grid, tasks=("ring", "grid"))
    )
    assert len(bare.axes) == 3  # Nothing succeeded on the grid.
    many = find(tmp_path / "c", {f"m{k}": k / 5 for k in range(9)}, seeds=2)
    axes = draw_stability_maps(many).axes
    # Two lines of five.
    assert len(axes) == 10 and sum(axis.get_visible() for axis in axes) == 9


def test_the_maps_of_all_tasks_hold_the_area_of_the_ranking(tmp_path):
    found = find(tmp_path, LEVELS, tasks=("ring", "grid"))
    pooled = pool_tasks(found.maps, found.ranking)
    assert [one.method for one in pooled] == [m.method for m in found.ranking.methods]
    for one in pooled:
        ring, grid = (m for m in found.maps if m.method == one.method)
        assert one.counts[0][0] == tuple(
            a + b for a, b in zip(ring.counts[0][0], grid.counts[0][0], strict=True)
        )
        squares = [square for line in one.counts for square in line]
        won, runs = (sum(part) for part in zip(*squares, strict=True))
        assert one.area.value == pytest.approx(won / runs)
    figure = draw_maps(found, pooled)
    assert len(figure.axes) == len(pooled)


def test_titles_of_maps_with_an_axis_have_a_line_for_it(tmp_path):
    def at(row):
        return row | {"axes": row["axes"] | {"rule": "extragradient"}}

    plain, long = (find(tmp_path / n, LEVELS, c) for n, c in (("a", dict), ("b", at)))
    one, other = map(draw_stability_maps, (plain, long))
    first = long.ranking.methods[0].method.partition(",")[0]
    assert other.axes[0].get_title() == f"#1 {first}\nrule extragradient"
    assert other.get_figheight() > one.get_figheight()


def test_maps_of_one_task_or_of_different_rates_are_not_pooled(tmp_path):
    one = find(tmp_path / "one", LEVELS)
    assert pool_tasks(one.maps, one.ranking) == []

    def slow(row):
        own = {"g_optimizer.learning_rate": 1e-4} if row["task"] == "grid" else {}
        return row | {"config": row["config"] | own}

    two = find(tmp_path / "two", LEVELS, slow, tasks=("ring", "grid"))
    assert pool_tasks(two.maps, two.ranking) == []
    assert pool_tasks(two.maps, None) == []


# name -> (levels, seeds, tasks, words of the first sentences)
CASES = {
    "one method": ({"r1": 1.0}, 4, ("ring",), "The area of r1 is 0."),
    "one method, never": (
        {"r1": NEVER}, 4, ("ring",), "r1 succeeded at no pair of learning rates.",
    ),
    "one method, always": (
        {"r1": ALWAYS}, 2, ("ring",), "r1 succeeded in every run at every pair",
    ),
    "none": (
        dict.fromkeys(LEVELS, NEVER), 4, ("ring", "grid"),
        "No method succeeded at any pair of learning rates.",
    ),
    "all": (
        dict.fromkeys(LEVELS, ALWAYS), 4, ("ring",),
        "Every method succeeded in every run at every pair of learning rates.",
    ),
    "ties at the top": (
        {"ns_gan": NEVER, "r1": ALWAYS, "wgan_gp": ALWAYS}, 4, ("ring",),
        "r1 and wgan_gp have the largest area, 1.00 (95% interval 0.84 to 1.00) each; "
        "ns_gan never succeeded. The tests show that every other method differs from "
        "r1 and wgan_gp.",
    ),
    "one seed": (
        {"ns_gan": NEVER, "r1": 1.0}, 1, ("ring",),
        "One seed gives no intervals and no tests",
    ),
    "two tasks": (LEVELS, 4, ("ring", "grid"), "averaged over the tasks. r1 has the"),
    "close": (
        {"ns_gan": 0.0, "r1": 0.05, "wgan_gp": -0.05, "lsgan": 0.02}, 4, ("ring",),
        "the order of the methods is undecided.",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    levels, seeds, tasks, words = CASES[request.param]
    found = find(tmp_path_factory.mktemp("case"), levels, seeds=seeds, tasks=tasks)
    return found, words


def test_the_first_sentences_are_right_and_nothing_is_empty(case, capsys):
    found, words = case
    gist, text, page = (
        summarize_findings(found),
        render_markdown(found),
        render_page(found),
    )
    assert words in gist and gist in text
    tree = page_tree.parse(page)
    page_tree.assert_nothing_is_empty(tree, text)
    page_tree.assert_no_riddles(tree, text)
    plain_console().print(render_summary(found))
    shown = capsys.readouterr().out
    assert not any(word in shown for word in ("nan", "None"))
    assert " ".join(shown.split()).startswith(gist)


def test_a_table_of_zeros_is_left_out(case):
    found, _ = case
    text, page = render_markdown(found), render_page(found)
    some = any(row["success"] for row in found.results.rows)
    assert ("## Ranking" in text) == ('id="ranking"' in page) == some
    assert ('class="heat' in page) == any(row["success"] for row in found.results.main)
    assert ('class="map"' in page) == ("D's learning rate 1e-2 |" in text) == some
