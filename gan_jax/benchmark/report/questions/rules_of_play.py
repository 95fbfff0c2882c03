"""The question which rules of play widen the stability map, answered by areas."""

import numpy as np

from gan_jax.benchmark.report.maps.areas import FEWEST_SEEDS, compare_areas
from gan_jax.benchmark.report.maps.ranking import (
    complete_seeds,
    stack_methods,
    task_points,
)
from gan_jax.benchmark.report.maps.ranks import correct_p_values
from gan_jax.benchmark.report.maps.success_grid import collect_grids
from gan_jax.benchmark.report.questions.contrasts import NO_ANSWER
from gan_jax.benchmark.report.results import Results
from gan_jax.benchmark.report.stats import LEVEL, Interval
from gan_jax.benchmark.report.wording import (
    count_noun,
    format_difference,
    format_p,
    join_names,
)

REFERENCE = "alternating"
"""The rule of play that every other one is compared with."""


def answer_rules_of_play(results: Results) -> dict:
    """Compare the area under each rule's map with that of alternating play.

    Every method is compared by itself, over all tasks, on the seeds that both of its
    maps have complete. The test is the two-sided paired t test over seeds of
    `compare_areas`; Holm's correction allows for all comparisons. Those with fewer than
    `FEWEST_SEEDS` seeds are left out and named.
    """
    grids = collect_grids(results)
    points = task_points(grids, results.tasks)
    seeds = complete_seeds(results, grids, points)
    found, runs, left_out = {}, 0, []
    for name, labels in pair_rules(results).items():
        shared = sorted(set.intersection(*(seeds.get(one, set()) for one in labels)))
        if len(shared) < FEWEST_SEEDS:
            left_out.append(name)
            continue
        (one, other), weights = stack_methods(grids, points, shared, list(labels))
        found[name] = compare_areas(one, other, weights)
        runs += one.size
    if not found:
        return {"answer": NO_ANSWER}
    p = correct_p_values(np.array([float(gap.p) for gap in found.values()]))
    gaps = {
        name: Interval(*map(float, (gap.value, gap.low, gap.high)))
        for name, gap in found.items()
    }
    few = f"; too few seeds: {join_names(left_out)}" if left_out else ""
    return {"answer": f"{describe_rules(gaps, p)}{few}", "runs": runs}


def pair_rules(results: Results) -> dict[str, tuple[str, str]]:
    """Return the labels of each method with a rule and with the reference, by name."""
    labels = {
        (row["method"], row["axes"]["rule"]): row["label"]
        for row in results.rows
        if "rule" in row["axes"]
    }
    return {
        f"{method} with {rule}": (label, labels[method, REFERENCE])
        for (method, rule), label in labels.items()
        if rule != REFERENCE and (method, REFERENCE) in labels
    }


def describe_rules(gaps: dict[str, Interval], p: np.ndarray) -> str:
    """Return which rules widen or narrow the map, and every difference with its p."""
    shown = {
        name: gap.value
        for (name, gap), own in zip(gaps.items(), p, strict=True)
        if own < 1 - LEVEL
    }
    chosen = {
        "wider": [name for name, value in shown.items() if value > 0],
        "narrower": [name for name, value in shown.items() if value < 0],
    }
    verdicts = [
        f"the map is {how} for {join_names(names)}"
        for how, names in chosen.items()
        if names
    ]
    numbers = [
        f"{name} {format_difference(gap)}, {format_p(float(own))}"
        for (name, gap), own in zip(gaps.items(), p, strict=True)
    ]
    return (
        f"{'; '.join(verdicts) or 'no difference shown'}. Area minus that of "
        f"{REFERENCE} play: {'; '.join(numbers)} (paired t tests over seeds, "
        f"p corrected by Holm for {count_noun(len(gaps), 'comparison')})"
    )
