"""How many runs of planted maps meet their goal, by step and at equal cost."""

import math

import pytest
import synthetic_maps
import synthetic_rows as synthetic

from gan_jax.benchmark.report.findings import collect_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.maps.goal_by_step import share_at_step
from gan_jax.benchmark.report.maps.ranking_columns import (
    GOAL_BY_STEP_WORDS,
    goal_columns,
    ranking_columns,
)
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.results import read_results

STEPS = (2_500, 5_000, 7_500, 10_000)
FIRST_STEP = {"ns_gan": 7_500, "r1": 5_000, "pacgan2": 5_000, "wgan_gp": 2_500}
"""The step from which runs at the lowest rate of D meet their goal."""
FACTORS = (0.1, 1.0)


def reach_goal(row):
    """Meet the goal from FIRST_STEP on, at D's lowest rate alone."""
    modes = synthetic.MODES[row["task"]]
    reached = [
        row["axes"]["d_lr"] == 0.1 and step >= FIRST_STEP[row["method"]]
        for step in STEPS
    ]
    series = {
        "step": list(STEPS),
        "robust_modes": [float(modes if one else modes - 1) for one in reached],
        "modes": [float(modes)] * len(STEPS),
        "reverse_kl": [0.01] * len(STEPS),
        "sliced_wasserstein": [0.01] * len(STEPS),
    }
    return row | {"series": series}


def find(tmp_path, change=dict, tasks=("ring", "grid")):
    """The findings of maps whose runs reach their goals at known steps.

    change: of a row; None: it is left out.
    """
    levels = dict.fromkeys(FIRST_STEP, 0.0)
    planned, plan = synthetic_maps.planted(levels, 2, tasks, FACTORS)
    rows = [new for row in planned if (new := change(reach_goal(row))) is not None]
    return collect_findings(read_results(synthetic.write(tmp_path / "m", rows, plan)))


def ranked(found):
    """The ranked methods by name."""
    return {one.method: one for one in found.ranking.methods}


def column_values(found, name):
    """The sort keys of a column of the ranking, by method."""
    (column,) = (c for c in ranking_columns(found.ranking) if c.name == name)
    return {method: column.cell(one)[1] for method, one in ranked(found).items()}


def test_half_of_the_runs_meet_the_goal_from_a_methods_step_on(tmp_path):
    for name, one in ranked(find(tmp_path)).items():
        expected = {step: 0.5 * (step >= FIRST_STEP[name]) for step in STEPS}
        assert one.goal_by_step == expected


def test_every_task_has_the_same_weight(tmp_path):
    """All runs on the grid fail, which has half as many; pooled they would give 1/3."""

    def lose_grid(row):
        if row["task"] != "grid":
            return row
        lost = row["series"] | {"modes": [0.0] * len(STEPS)}
        return row | {"series": lost} if row["axes"]["g_lr"] == 1.0 else None

    assert ranked(find(tmp_path, lose_grid))["r1"].goal_by_step[10_000] == 0.25


CRASH = {"outcome": "error", "verdict": "error", "error": "no memory"}
CRASH |= {"success": False, "success_step": None, "series": {"step": []}}
CRASH |= {"final": {}, "best": {}}


def test_a_crashed_run_meets_no_goal(tmp_path):
    def crash(row):
        return row | (CRASH if row["method"] == "r1" and row["seed"] == 0 else {})

    found = ranked(find(tmp_path, crash))
    assert found["r1"].goal_by_step == {
        2_500: 0.0, 5_000: 0.25, 7_500: 0.25, 10_000: 0.25,
    }  # fmt: skip
    assert found["ns_gan"].goal_by_step[10_000] == 0.5


def test_a_task_on_which_all_crashed_leaves_no_table(tmp_path):
    found = find(tmp_path, lambda row: row | (CRASH if row["task"] == "grid" else {}))
    assert goal_columns(found.ranking) == ()


def test_a_run_that_failed_or_stopped_meets_no_goal(tmp_path):
    def end_early(row):
        if row["method"] == "r1" and row["seed"] == 0:
            return row | {"outcome": "exploded"}
        if row["method"] == "ns_gan" and row["seed"] == 0:
            cut = {name: values[:3] for name, values in row["series"].items()}
            return row | {"series": cut}
        return row

    found = ranked(find(tmp_path, end_early))
    assert found["r1"].goal_by_step[10_000] == 0.25
    assert found["ns_gan"].goal_by_step == {
        2_500: 0.0, 5_000: 0.0, 7_500: 0.5, 10_000: 0.25,
    }  # fmt: skip


def test_equal_cost_is_that_of_the_cheapest_whole_run(tmp_path):
    """Packs of 2 and 5 steps of D take 2 and 5 times the data; these 3 times gradients.

    So at equal data packs are judged at step 5,000, and at equal gradients WGAN-GP at
    the evaluation before 10,000 / 3 steps. At equal data it would be judged at step
    2,000, before its first evaluation.
    """
    found = find(tmp_path)
    data = column_values(found, "goal at equal data")
    assert data == {"ns_gan": 0.5, "r1": 0.5, "pacgan2": 0.5, "wgan_gp": -1.0}
    gradients = column_values(found, "goal at equal gradients")
    assert gradients == dict.fromkeys(FIRST_STEP, 0.5)

    def slow(row):
        return reach_goal(row | {"method": "ns_gan"}) | {"method": row["method"]}

    late = find(tmp_path / "late", slow)
    data = column_values(late, "goal at equal data")
    assert data["pacgan2"] == 0.0 and data["ns_gan"] == 0.5
    assert column_values(late, "goal at equal gradients")["wgan_gp"] == 0.0


def test_methods_of_one_cost_have_no_columns_of_equal_cost(tmp_path):
    rows, plan = synthetic_maps.planted({"ns_gan": 0.0, "r1": 1.0}, factors=FACTORS)
    found = collect_findings(read_results(synthetic.write(tmp_path, rows, plan)))
    names = [column.name for column in ranking_columns(found.ranking)]
    assert not [name for name in names if name.startswith("goal at equal")]


def test_the_table_has_at_most_ten_evaluations_and_the_last_one(tmp_path):
    names = [column.name for column in goal_columns(find(tmp_path).ranking)]
    assert names == ["method", "2,500", "5,000", "7,500", "10,000"]
    rows, plan = synthetic_maps.planted({"ns_gan": 0.0, "r1": 1.0}, factors=FACTORS)
    found = collect_findings(read_results(synthetic.write(tmp_path, rows, plan)))
    steps = [column.name for column in goal_columns(found.ranking)][1:]
    assert steps == [f"{step:,}" for step in range(1_000, 10_001, 1_000)]


def test_report_and_page_show_the_table(tmp_path):
    found = find(tmp_path)
    text = render_markdown(found)
    assert GOAL_BY_STEP_WORDS in text and "| r1 | 0.00 | 0.50 | 0.50 | 0.50 |" in text
    assert 'id="by_step"' in render_page(found)


@pytest.mark.parametrize("limits", [{}, {"ring": {"rule": "mean"}}])
def test_a_plan_without_bounds_has_no_table(tmp_path, limits):
    rows, plan = synthetic_maps.planted(dict.fromkeys(FIRST_STEP, 0.0), 2, ("ring",))
    plan["thresholds"] = limits
    found = collect_findings(read_results(synthetic.write(tmp_path, rows, plan)))
    assert goal_columns(found.ranking) == ()
    names = [column.name for column in ranking_columns(found.ranking)]
    assert not [name for name in names if name.startswith("goal at equal")]
    assert GOAL_BY_STEP_WORDS not in render_markdown(found)
    assert 'id="by_step"' not in render_page(found)


@pytest.mark.parametrize(
    ("step", "share"), [(499, math.nan), (500, 0.1), (999.9999999999, 0.3), (2e3, 0.3)]
)
def test_the_share_at_a_step_is_that_of_the_evaluation_before(step, share):
    found = share_at_step({500: 0.1, 1_000: 0.3}, step)
    assert found == pytest.approx(share, nan_ok=True)
