"""The columns of the ranking: their texts for people, and keys for sorting."""

import math
from collections.abc import Callable

from gan_jax.benchmark.report.maps.goal_by_step import share_at_step
from gan_jax.benchmark.report.maps.ranking import RankedMethod, Ranking
from gan_jax.benchmark.report.tables import METHOD_EXPLANATION, Column, sort_key
from gan_jax.benchmark.report.wording import (
    format_difference,
    format_interval,
    format_probability,
    format_short,
)

Cell = tuple[str, float | str]


def rank_cell(one: RankedMethod) -> Cell:
    """Return the rank with its set: `2 [1, 3]`, or `1= [1, 2]` if it is shared."""
    return f"{one.place} [{one.low_rank}, {one.high_rank}]", one.rank


def p_cell(one: RankedMethod) -> Cell:
    """Return Holm's p against the baseline."""
    known = one.p is not None and not math.isnan(one.p)
    return (format_probability(one.p) if known else "–"), sort_key(one.p)


def best_success_cell(one: RankedMethod) -> Cell:
    """Return success at the best rates."""
    if one.best is None:
        return "–", -1.0
    return format_interval(one.best.success, 2), one.best.success.value


def best_number_cell(name: str, missing: float) -> Callable[[RankedMethod], Cell]:
    """Return a cell of a number at the best rates; missing: how none sorts."""

    def cell(one: RankedMethod) -> Cell:
        value = math.nan if one.best is None else getattr(one.best, name)
        return format_short(value), sort_key(value, missing)

    return cell


def task_column(task: str) -> Column:
    """Return the column of the areas on a task."""

    def cell(one: RankedMethod) -> Cell:
        return f"{one.areas[task]:.2f}", one.areas[task]

    return Column(f"on {task}", f"The area under the map on {task}.", cell)


METHOD_COLUMN = Column("method", METHOD_EXPLANATION, lambda m: (m.method, m.method))
RANK_COLUMNS = (
    Column(
        "rank",
        "The place by area, 1 for the largest; `=` marks equal areas. In brackets is "
        "the set of ranks that the method may have, with 95%: from 1 plus the number "
        "of methods shown to be better, to the number of all methods minus those shown "
        "to be worse (paired t tests over seeds, corrected by Holm). Methods whose "
        "sets overlap are not told apart by their ranks.",
        rank_cell,
    ),
    METHOD_COLUMN,
    Column(
        "area",
        "The share of all pairs of learning rates and seeds at which runs succeed, "
        "averaged over tasks, with Student's 95% interval over seeds (by Wilson's "
        "limits of the points where all of four seeds or more have the same area, and "
        "none where two or three have).",
        lambda m: (format_interval(m.area, 2), m.area.value),
    ),
)
COMPARISON_COLUMNS = (
    Column(
        "against baseline",
        "The area minus the baseline's on the same seeds, with Student's 95% interval, "
        "which is not corrected for the number of methods. Equal differences of two or "
        "three seeds have neither an interval nor a p.",
        lambda m: (
            format_difference(m.difference),
            sort_key(m.difference and m.difference.value, 0.0),
        ),
    ),
    Column(
        "p (Holm)",
        "The p value of the paired t test over seeds that the area equals the "
        "baseline's, corrected by Holm for the number of methods.",
        p_cell,
    ),
    Column(
        "at best rates",
        "The success rate at the method's own best pair of learning rates, averaged "
        "over tasks, with its 95% interval. Each half of the seeds chooses the pair at "
        "which the other half is judged.",
        best_success_cell,
    ),
    Column(
        "distance / floor",
        "The median of the task's metric at the best rates, in multiples of its floor "
        "(what real data score), on the tasks that have one.",
        best_number_cell("distance", math.inf),
    ),
    Column(
        "sharp",
        "The median share of samples near a mode, at the best rates, on the tasks "
        "whose goal does not include it.",
        best_number_cell("quality", -1.0),
    ),
    Column(
        "gradients a step",
        "The gradient evaluations of both players in a step.",
        lambda m: (format_short(m.gradients), sort_key(m.gradients)),
    ),
    Column(
        "examples a step",
        "The real examples that the discriminator takes in a step.",
        lambda m: (format_short(m.examples), sort_key(m.examples)),
    ),
    Column(
        "step time",
        "The wall time of a step, divided by the baseline's.",
        lambda m: (
            "–" if math.isnan(m.step_ratio) else f"{m.step_ratio:.2f}x",
            sort_key(m.step_ratio),
        ),
    ),
)


def ranking_columns(ranking: Ranking) -> tuple[Column, ...]:
    """Return the columns of a ranking: with an area for each task if it has several."""
    tasks = ranking.tasks if len(ranking.tasks) > 1 else []
    equal = [
        equal_cost_column(ranking, *names)
        for names in EQUAL_COSTS
        if ranking.methods[0].goal_by_step
        and len({getattr(one, names[1]) for one in ranking.methods}) > 1
    ]
    return (*RANK_COLUMNS, *map(task_column, tasks), *COMPARISON_COLUMNS, *equal)


EQUAL_COSTS = (
    ("goal at equal gradients", "gradients", "gradient evaluations"),
    ("goal at equal data", "examples", "real examples"),
)
"""Of each column at equal cost: its name, the field of a RankedMethod with the cost of
a step, and what the cost is called in a sentence."""


def equal_cost_column(ranking: Ranking, name: str, field: str, noun: str) -> Column:
    """Return the column of the runs that meet their goal when all have cost the same.

    name, field, noun: as in EQUAL_COSTS. All methods of a plan make the same number of
    steps.
    """
    cheapest = min(getattr(one, field) for one in ranking.methods)

    def cell(one: RankedMethod) -> Cell:
        steps = max(one.goal_by_step, default=0) * cheapest / getattr(one, field)
        share = share_at_step(one.goal_by_step, steps)
        words = "–" if math.isnan(share) else f"{share:.2f}"
        return words, sort_key(share, -1.0)

    return Column(
        name,
        "The share of runs that meet their goal at the last evaluation within the "
        f"{noun} of the cheapest method's whole run. A run need not hold its goal "
        "after that. A method whose steps cost more is judged earlier, where rates "
        "that decay are still higher. A dash says that its first evaluation comes "
        "later. Runs that exploded, diverged or crashed at any time do not count.",
        cell,
    )


GOAL_BY_STEP_WORDS = (
    "The share of runs that meet their goal at each evaluation, by step. The area asks "
    "for more: that a run meets its goal at all evaluations in the last quarter. Runs "
    "that exploded, diverged or crashed count at no step."
)
"""What the table of runs that meet their goal shows."""
MOST_STEPS = 10
"""The most evaluations in the table of runs that meet their goal. Of more, every second
or third is shown, counted back from the last."""


def goal_columns(ranking: Ranking) -> tuple[Column, ...]:
    """Return the columns of the runs that meet their goal, one for each evaluation.

    Nothing if no evaluation can be judged.
    """
    steps = list(ranking.methods[0].goal_by_step)
    if not steps:
        return ()
    each = math.ceil(len(steps) / MOST_STEPS)
    return (
        METHOD_COLUMN,
        *map(goal_column, steps[::-each][::-1]),
    )


def goal_column(step: int) -> Column:
    """Return the column of the runs that meet their goal at a step."""

    def cell(one: RankedMethod) -> Cell:
        share = one.goal_by_step[step]
        return f"{share:.2f}", share

    return Column(
        f"{step:,}", f"The share of runs that meet their goal at step {step:,}.", cell
    )
