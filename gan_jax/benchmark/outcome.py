"""What became of a run, from the rows of its metrics.jsonl alone.

The outcomes, of which the first that matches is the run's:
- nonfinite: a logged term was NaN or infinite, or the last samples could not be
  measured because they were;
- converged: all late evaluations are a success, so that it is held, not met by chance.
  A run that does what it was asked to do has not failed, whatever its gradients did;
- exploded: the gradient norm of a player was over `explode_factor` times its reference,
  or the mean logits of reals and fakes were over `explode_logit` apart, or one of them
  and D's loss were over that, for `explode_steps` steps on end. A critic whose loss
  ignores a constant may let both logits drift together, which is no explosion;
- vanished: G's gradient norm was under `vanish_factor` times its reference in at least
  `vanish_share` of the steps, and the last evaluation is no success;
- collapsed: the last evaluation hits less than half of the modes;
- oscillating: a late evaluation is no success, and the one before it was;
- not_reached: a late evaluation is no success.

The reference of a gradient norm is the larger of two medians: over the first
`warmup_steps`, and over the first `reference_share` of the steps after them. So a
gradient that was tiny for a moment early on does not make all later ones explosions.
The late evaluations are those in the last `late_share` of the steps. Rows are logged
every few steps; each stands for those since the row before.
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
ERROR = "error"
"""In place of an outcome: the cell crashed, which says nothing of the method."""


@dataclass(frozen=True)
class Thresholds:
    """Where one outcome ends and the next begins."""

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
    """A metric must be at least, or at most, so much; of_floor: times its floor."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    of_floor: bool = False


@dataclass(frozen=True)
class Goal:
    """success: all of these must hold, and alive. alive: what a generator that has not
    collapsed reaches: half of the modes, where they are counted."""

    success: tuple[Bound, ...]
    alive: Bound


class RunCourse(NamedTuple):
    """A run: rows of one GAN; the steps it was to make; those between evaluations."""

    rows: list[Row]
    steps: int
    every: int


class Judgement(NamedTuple):
    """success_step: of the first evaluation from which on all are a success."""

    outcome: str
    success_step: int | None


def resolve_goal(goal: Goal, floors: dict[str, float]) -> Goal:
    """The goal with its bounds in the metrics' own units.

    Raises ValueError if a bound's metric has no floor.
    """

    def absolute(bound: Bound) -> Bound:
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

    return replace(goal, success=tuple(map(absolute, goal.success)))


def strip_sample_counts(row: Row) -> Row:
    """`frechet_distance@1000` as `frechet_distance`."""
    return {name.partition("@")[0]: value for name, value in row.items()}


def finite_or_none(value: Any) -> float | None:
    """What is not finite, or missing, as None."""
    return None if value is None or not math.isfinite(value) else float(value)


def evaluation_rows(course: RunCourse) -> list[Row]:
    """The rows at which the samples were to be measured."""
    return [
        strip_sample_counts(row)
        for row in course.rows
        if row["step"] % course.every == 0
    ]


def is_within(row: Row, bound: Bound) -> bool:
    """Whether the row has the metric, and within its bound."""
    value = row.get(bound.metric)
    if value is None or not math.isfinite(value):
        return False
    low = -math.inf if bound.at_least is None else bound.at_least
    high = math.inf if bound.at_most is None else bound.at_most
    return low <= value <= high


def meets_goal(row: Row, goal: Goal) -> bool:
    return all(is_within(row, bound) for bound in (*goal.success, goal.alive))


def consecutive_steps(rows: list[Row], holds: Callable[[Row], bool]) -> Iterator[int]:
    """The steps of each series of rows that hold, one after the other."""
    length, before = 0, 0
    for row in rows:
        length = length + row["step"] - before if holds(row) else 0
        before = row["step"]
        yield length


def reference_norm(course: RunCourse, name: str, limits: Thresholds) -> float | None:
    """What a gradient norm is early in the run; None: there is none, or it is 0.

    The larger of its median in the warm-up and its median in the early steps after it
    (of the first row after the warm-up where those have no row).
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
    """The size of a row's mean logits."""
    names = "real_logits", "fake_logits", "d_loss"
    return float(logit_size(*(row.get(name, 0.0) for name in names)))


def has_exploded(course: RunCourse, limits: Thresholds) -> bool:
    """Whether any one signal is too large for long enough."""

    def lasts(signal: Callable[[Row], float], roof: float) -> bool:
        lengths = consecutive_steps(course.rows, lambda row: signal(row) > roof)
        return max(lengths, default=0) >= limits.explode_steps

    def grows(name: str) -> bool:
        unit = reference_norm(course, name, limits)
        roof = limits.explode_factor * (unit or math.inf)
        return lasts(lambda row: row.get(name, 0.0), roof)

    large_logits = lasts(logit_size_of_row, limits.explode_logit)
    return large_logits or grows("g_grad_norm") or grows("d_grad_norm")


def has_vanished(course: RunCourse, limits: Thresholds) -> bool:
    """Whether G's gradient is small in a large enough share of the steps."""
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
    """The outcome; the goal is a resolved one.

    A run that ended before its first late evaluation reached nothing.
    """
    if not all(row["finite"] for row in course.rows):
        return Judgement("nonfinite", None)
    measured = evaluation_rows(course)
    good = [meets_goal(row, goal) for row in measured]
    held = len(good) - next(
        (i for i, g in enumerate(reversed(good)) if not g), len(good)
    )
    since = measured[held]["step"] if held < len(good) else None
    return Judgement(name_outcome(course, goal, limits, measured, good), since)


def name_outcome(
    course: RunCourse,
    goal: Goal,
    limits: Thresholds,
    measured: list[Row],
    good: list[bool],
) -> str:
    """The first outcome that matches, of a run whose logged terms are finite."""
    begin = (1 - limits.late_share) * course.steps
    late = [i for i, row in enumerate(measured) if row["step"] > begin]
    if measured and finite_or_none(measured[-1].get(goal.alive.metric)) is None:
        return "nonfinite"
    if late and all(good[i] for i in late):
        return "converged"
    if has_exploded(course, limits):
        return "exploded"
    if has_vanished(course, limits) and not (good and good[-1]):
        return "vanished"
    if measured and not is_within(measured[-1], goal.alive):
        return "collapsed"
    if any(good[i - 1] and not good[i] for i in late if i):
        return "oscillating"
    return "not_reached"
