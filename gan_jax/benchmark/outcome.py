"""The outcome of a run, decided from the rows of its metrics.jsonl alone.

The first of these outcomes that matches is the run's:
- nonfinite: a logged term is NaN or infinite, or the last samples could not be measured
  because they were not finite.
- converged: all late evaluations are successes, so that success is held and not met by
  chance. A run that does what it was asked to do has not failed, whatever its gradients
  did.
- exploded: for `explode_steps` steps on end, the gradient norm of a player is over
  `explode_factor` times its reference, or the mean logits of reals and fakes are over
  `explode_logit` apart, or one of them and D's loss are over that number. A critic
  whose loss ignores a constant may let both logits drift together, which is no
  explosion.
- vanished: G's gradient norm is under `vanish_factor` times its reference in at least
  `vanish_share` of the steps, and the last evaluation is no success.
- collapsed: the last evaluation hits less than half of the modes.
- oscillating: a late evaluation is no success, and the one before it is.
- not_reached: a late evaluation is no success.

The reference of a gradient norm is the larger of two medians: over the first
`warmup_steps`, and over the first `reference_share` of the steps after them. A gradient
that is tiny for a moment early on therefore does not turn all later ones into
explosions. The late evaluations are those in the last `late_share` of the steps. Rows
are logged every few steps; each row stands for the steps since the row before.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, NamedTuple

from gan_jax.run_files.health import logit_size

Row = dict[str, Any]

OUTCOMES = (
    "nonfinite",
    "exploded",
    "vanished",
    "collapsed",
    "oscillating",
    "not_reached",
    "converged",
)
"""The outcomes from the worst to the best."""
ERROR = "error"
"""The outcome of a cell that crashed, which says nothing about the method."""


@dataclass(frozen=True)
class Thresholds:
    """The numbers at which one outcome ends and the next begins."""

    explode_factor: float = 1e3
    explode_logit: float = 1e3
    explode_steps: int = 100
    vanish_factor: float = 1e-3
    vanish_share: float = 0.01
    warmup_steps: int = 100
    reference_share: float = 0.01
    late_share: float = 0.25


@dataclass(frozen=True)
class Bound:
    """A bound on a metric, from below or from above.

    of_floor: whether the bound is a multiple of the metric's floor.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    of_floor: bool = False


@dataclass(frozen=True)
class Goal:
    """The goal of a task.

    success: bounds that must all hold for a success, together with `alive`. alive: the
    bound that a generator which has not collapsed keeps: half of the modes, where modes
    are counted.
    """

    success: tuple[Bound, ...]
    alive: Bound


class RunCourse(NamedTuple):
    """The course of a run.

    rows: the logged rows of one GAN. steps: how many steps it was to make. every: the
    steps between evaluations.
    """

    rows: list[Row]
    steps: int
    every: int


class Judgement(NamedTuple):
    """The outcome of a run.

    success_step: the first evaluation from which on all are successes; None if the last
    one is not.
    """

    outcome: str
    success_step: int | None


def read_goal(stored: dict[str, Any]) -> Goal:
    """Return the goal of a task as the thresholds of `plan.json` have it."""
    success = tuple(Bound(**bound) for bound in stored["success"])
    return Goal(success, Bound(**stored["alive"]))


def resolve_goal(goal: Goal, floors: dict[str, float]) -> Goal:
    """Return the goal with its bounds in the metrics' own units.

    Raises ValueError if a bound is a multiple of a floor that is not there.
    """

    def multiply_by_floor(bound: Bound) -> Bound:
        if not bound.of_floor:
            return bound
        if bound.metric not in floors:
            raise ValueError(
                f"goal {bound.metric}: is a multiple of its floor, and there is none; "
                f"floors are of {', '.join(floors)}"
            )
        unit = floors[bound.metric]
        low, high = (
            None if limit is None else limit * unit
            for limit in (bound.at_least, bound.at_most)
        )
        return Bound(bound.metric, low, high)

    return replace(goal, success=tuple(map(multiply_by_floor, goal.success)))


def strip_sample_counts(row: Row) -> Row:
    """Return the row with names like `frechet_distance@1000` cut at the `@`."""
    return {name.partition("@")[0]: value for name, value in row.items()}


def finite_number_or_none(value: Any) -> float | None:
    """Return the number, or None if it is missing or not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def evaluation_rows(course: RunCourse) -> list[Row]:
    """Return the rows of the steps at which the samples were evaluated."""
    return [
        strip_sample_counts(row)
        for row in course.rows
        if row["step"] % course.every == 0
    ]


def is_within(row: Row, bound: Bound) -> bool:
    """Return whether the row has the metric and keeps its bound."""
    value = row.get(bound.metric)
    if value is None or not math.isfinite(value):
        return False
    low = -math.inf if bound.at_least is None else bound.at_least
    high = math.inf if bound.at_most is None else bound.at_most
    return low <= value <= high


def meets_goal(row: Row, goal: Goal) -> bool:
    """Return whether a row of an evaluation is a success."""
    return all(is_within(row, bound) for bound in (*goal.success, goal.alive))


def consecutive_steps(rows: list[Row], holds: Callable[[Row], bool]) -> Iterator[int]:
    """Yield, after each row, for how many steps on end the rows have held."""
    length, before = 0, 0
    for row in rows:
        length = length + row["step"] - before if holds(row) else 0
        before = row["step"]
        yield length


def reference_norm(course: RunCourse, name: str, limits: Thresholds) -> float | None:
    """Return the reference of a gradient norm; None if it was not logged or is 0.

    It is the larger of the median in the warm-up and the median in the early steps
    after it. If no row falls into those steps, the first row after the warm-up stands
    for them.
    """
    begin = limits.warmup_steps
    end = begin + limits.reference_share * course.steps
    rows = [row for row in course.rows if name in row]
    warmup = [row[name] for row in rows if row["step"] <= begin]
    after = [row for row in rows if row["step"] > begin]
    early = [row[name] for row in after if row["step"] <= end]
    early = early or [row[name] for row in after[:1]]
    return max((median(part) for part in (warmup, early) if part), default=0.0) or None


def logit_size_of_row(row: Row) -> float:
    """Return the size of a row's mean logits."""
    names = "real_logits", "fake_logits", "d_loss"
    return float(logit_size(*(row.get(name, 0.0) for name in names)))


def has_exploded(course: RunCourse, limits: Thresholds) -> bool:
    """Return whether any one signal is too large for long enough."""

    def stays_above(signal: Callable[[Row], float], roof: float) -> bool:
        lengths = consecutive_steps(course.rows, lambda row: signal(row) > roof)
        return max(lengths, default=0) >= limits.explode_steps

    def norm_explodes(name: str) -> bool:
        unit = reference_norm(course, name, limits)
        roof = limits.explode_factor * (unit or math.inf)
        return stays_above(lambda row: row.get(name, 0.0), roof)

    large_logits = stays_above(logit_size_of_row, limits.explode_logit)
    return large_logits or norm_explodes("g_grad_norm") or norm_explodes("d_grad_norm")


def has_vanished(course: RunCourse, limits: Thresholds) -> bool:
    """Return whether G's gradient is small in a large enough share of the steps."""
    unit = reference_norm(course, "g_grad_norm", limits)
    if unit is None:
        return False
    total, before = 0, 0
    for row in course.rows:
        small = row.get("g_grad_norm", math.inf) < limits.vanish_factor * unit
        total += row["step"] - before if small else 0
        before = row["step"]
    return total >= limits.vanish_share * course.steps


def find_outcome(course: RunCourse, goal: Goal, limits: Thresholds) -> Judgement:
    """Return the outcome of a run under a goal that `resolve_goal` has returned.

    A run that ended before its first late evaluation has reached nothing.
    """
    if not all(row["finite"] for row in course.rows):
        return Judgement("nonfinite", None)
    measured = evaluation_rows(course)
    successes = [meets_goal(row, goal) for row in measured]
    held = len(successes) - next(
        (i for i, g in enumerate(reversed(successes)) if not g), len(successes)
    )
    since = measured[held]["step"] if held < len(successes) else None
    return Judgement(name_outcome(course, goal, limits, measured, successes), since)


def name_outcome(
    course: RunCourse,
    goal: Goal,
    limits: Thresholds,
    measured: list[Row],
    successes: list[bool],
) -> str:
    """Return the first outcome that matches a run whose logged terms are finite.

    successes: whether each of the evaluations is a success.
    """
    begin = (1 - limits.late_share) * course.steps
    late = [i for i, row in enumerate(measured) if row["step"] > begin]
    if measured and finite_number_or_none(measured[-1].get(goal.alive.metric)) is None:
        return "nonfinite"
    if late and all(successes[i] for i in late):
        return "converged"
    if has_exploded(course, limits):
        return "exploded"
    if has_vanished(course, limits) and not (successes and successes[-1]):
        return "vanished"
    if measured and not is_within(measured[-1], goal.alive):
        return "collapsed"
    if any(successes[i - 1] and not successes[i] for i in late if i):
        return "oscillating"
    return "not_reached"
