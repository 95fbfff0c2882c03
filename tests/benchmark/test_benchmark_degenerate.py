"""Reports of degenerate results: nothing is empty, and every sentence makes sense."""

import re

import matplotlib
import page_tree
import pytest
import synthetic_rows as synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_jax.benchmark.report.figures.all_figures import draw_rates, draw_task_figures
from gan_jax.benchmark.report.findings import (
    Tally,
    collect_findings,
    describe_ranking,
    summarize_findings,
)
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.results import read_results
from gan_jax.benchmark.report.stats import wilson

LOST = {"outcome": "not_reached", "success": False, "success_step": None}
WON = {"outcome": "converged", "success": True, "success_step": 3000}
DIVERGED = LOST | {"outcome": "nonfinite", "verdict": "diverged", "final": {}}
CRASHED = DIVERGED | {
    "outcome": "error", "verdict": "error", "best": {}, "series": {"step": []},
    "error": "RuntimeError: no memory", "wall_seconds": None, "step_seconds": None,
    "fingerprint": None,
}  # fmt: skip
BARE = LOST | {"series": {"step": []}, "final": {}, "best": {}}
THREE = ("ns_gan", "r1", "r3gan")


def lost_numbers(row):
    """A run that diverged before its first evaluation."""
    series = {name: [None] for name in row["series"]} | {"step": [500]}
    return row | DIVERGED | {"series": series, "best": {}}


def one_evaluation(row):
    series = {name: values[:1] for name, values in row["series"].items()}
    return row | {"series": series, "success_step": 500}


def by_method(**changes):
    return lambda row: row | changes.get(row["method"], LOST)


# name -> (seeds, tasks, methods, what becomes of a row, None: it is left out; words
# that the first sentences must have).
CASES = {
    "none": (
        2, ("ring",), THREE, lambda row: row | LOST,
        "No method succeeded: 0 of 2 runs each.",
    ),
    "all": (
        2, ("ring",), THREE, lambda row: row | WON,
        "Every method succeeded in every run: 2 of 2 runs each.",
    ),
    "tie": (
        2, ("ring",), THREE, lambda row: row | (WON if row["seed"] else LOST),
        "All 3 methods succeeded equally often: 1 of 2 runs each.",
    ),
    "one wins": (
        2, ("ring",), THREE, by_method(r1=WON),
        "r1 succeeded most often, in 2 of 2 runs (95% interval 34% to 100%); "
        "ns_gan and r3gan never succeeded.",
    ),
    "two tasks": (
        2, ("ring", "grid"), ("ns_gan", "r1"),
        lambda row: row | (WON if row["method"] == "r1" else LOST),
        "r1 succeeded most often, in 4 of 4 runs",
    ),
    "one method, none": (
        2, ("ring",), ("r1",), lambda row: row | LOST,
        "r1 succeeded in none of its 2 runs.",
    ),
    "one method, some": (
        2, ("ring",), ("r1",), lambda row: row | (WON if row["seed"] else LOST),
        "r1 succeeded in 1 of 2 runs (95% interval 9% to 91%).",
    ),
    "one run lost": (
        1, ("ring",), ("r1",), lambda row: row | LOST,
        "once on each task, which shows no spread. The only run of r1 did not succeed.",
    ),
    "one run won": (
        1, ("ring",), ("r1",), one_evaluation, "The only run of r1 succeeded.",
    ),
    "one seed": (
        1, ("ring",), THREE, by_method(r1=WON),
        "a difference between methods may be chance. r1 succeeded; ns_gan and r3gan "
        "did not.",
    ),
    "all diverged": (
        2, ("ring",), THREE, lambda row: row | DIVERGED,
        "No method succeeded: 0 of 2 runs each. Every run diverged.",
    ),
    "no number": (2, ("ring",), THREE[:2], lost_numbers, "Every run diverged."),
    "all crashed": (
        2, ("ring",), THREE, lambda row: row | CRASHED,
        "Every run crashed, which says nothing of the methods.",
    ),
    "one crashed": (
        2, ("ring",), THREE,
        lambda row: row | (CRASHED if row["method"] == "r1" and row["seed"] else {}),
        "1 of the 6 runs crashed and counts as the worst.",
    ),
    "no evaluation": (
        2, ("ring",), THREE[:2], lambda row: row | BARE,
        "No method succeeded: 0 of 2 runs each.",
    ),
    "no time": (
        2, ("ring",), THREE[:2], lambda row: row | {"step_seconds": None},
        "r1 succeeded most often",
    ),
    "a method is missing": (
        2, ("ring", "grid"), ("ns_gan", "r1"),
        lambda row: None if (row["task"], row["method"]) == ("grid", "r1") else row,
        "r1 did not run on every task, and is not ranked here.",
    ),
    "no method everywhere": (
        2, ("ring", "grid"), ("ns_gan", "r1"),
        lambda row: row if (row["task"] == "grid") == (row["method"] == "r1") else None,
        "No method has runs on every task yet",
    ),
}  # fmt: skip


FAST = ("none", "one wins", "one run won", "no number", "all crashed")
"""The others are slow ones."""


def marked(name):
    return name if name in FAST else pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=map(marked, CASES))
def case(request, tmp_path_factory):
    """`(findings, the page as a tree, report.md, what its gist must say)`."""
    seeds, tasks, methods, change, words = CASES[request.param]
    own, plan = synthetic.toy(seeds, tasks, methods)
    kept = [row for row in map(change, own) if row is not None]
    folder = synthetic.write(tmp_path_factory.mktemp("results"), kept, plan)
    found = collect_findings(read_results(folder))
    return found, page_tree.parse(render_page(found)), render_markdown(found), words


def test_the_first_sentences_say_what_happened(case):
    found, tree, text, words = case
    assert words in summarize_findings(found)
    assert summarize_findings(found) in text
    assert (
        summarize_findings(found)
        in next(n for n in tree.all("p") if "intro" in n.of.values()).text()
    )


def test_nothing_is_empty(case):
    _, tree, text, _ = case
    page_tree.assert_nothing_is_empty(tree, text)


def test_no_number_is_a_riddle(case):
    _, tree, text, _ = case
    page_tree.assert_no_riddles(tree, text)


def test_a_table_has_no_column_that_says_nothing(case):
    _, tree, _, _ = case
    for table in [t for t in tree.all("table") if t.of.get("class") == "sortable"]:
        body = next(table.all("tbody"))
        for cells in zip(*(row.children for row in body.children), strict=True):
            words = {cell.text() for cell in cells}
            assert words - {"–", "baseline"}, words


def charts(tree):
    return [n for n in tree.all("figure") if n.of.get("class") == "chart"]


def test_a_chart_names_the_methods_that_it_draws(case):
    _, tree, _, _ = case
    for chart in charts(tree):
        drawn = [g.of["data-method"] for g in chart.all("g")]
        key = next(p for p in chart.all("p") if "legend" in p.of["class"])
        assert [one.of["data-method"] for one in key.children] == drawn
        assert [one.text() for one in key.children] == drawn
        assert chart.children.index(key) > 0  # below the picture, off the data


def test_a_method_has_one_look_on_the_page_and_in_the_figures(case):
    found, tree, _, _ = case
    styles = found.results.styles
    seen = set()
    for node in tree.all():
        method = node.of.get("data-method")
        for line in [n for n in node.all("path", "line") if method]:
            if line.of.get("class") in ("method-line", "middle", "bar"):
                assert line.of["stroke"] == styles[method].colour
                seen.add(method)
            if line.of.get("class") == "mark":
                assert line.of["fill"] == styles[method].colour
                seen.add(method)
    assert seen == set(found.results.methods)
    drawn = {"success": draw_rates(found)}
    for task in found.results.tasks:
        drawn |= draw_task_figures(found, task)
    for figure in drawn.values():
        assert figure.findobj(matplotlib.patches.Patch)
        for line in figure.findobj(matplotlib.lines.Line2D):
            if line.get_label() in styles:
                style = styles[line.get_label()]
                assert (line.get_color(), line.get_marker()) == (
                    style.colour,
                    style.marker,
                )


counts = st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=100, deadline=None)
@given(st.lists(counts, min_size=1, max_size=12), st.booleans())
def test_any_ranking_is_a_sensible_sentence(pairs, exact):
    tallies = [
        Tally(f"m{index}", won, runs, wilson(won, runs))
        for index, (won, runs) in enumerate(pairs)
    ]
    ranked = sorted(tallies, key=lambda one: -one.rate.value)
    words = describe_ranking(ranked, exact)
    assert words.endswith(".") and words.count(".") == 1
    assert not re.search(r"\bin 0%|\bin 0 of|\bin 100%|\b1 (runs|methods)\b", words)
    rates = {one.rate.value for one in ranked}
    if rates == {0.0}:
        assert re.search("No method|none of|did not succeed", words)
        assert "%" not in words
    if len(rates) > 1:
        assert words.count("succeeded") == 1 + ("never succeeded" in words), words
        assert "equally" not in words
    if exact:
        assert "interval" not in words


def test_runs_that_all_crashed_are_not_held_against_published_numbers(tmp_path):
    own, plan = synthetic.toy(2, ("ring",), THREE)
    crashed = [row | CRASHED for row in own if row["method"] == "ns_gan"]
    whole = [row for row in own if row["method"] != "ns_gan"]
    found = collect_findings(
        read_results(synthetic.write(tmp_path, crashed + whole, plan))
    )
    ours = {one.published.method: one.ours for one in found.published}
    assert "ns_gan" in ours and ours["ns_gan"] is None
