"""The outcome of a run, from rows of metrics written here by hand."""

import math
from dataclasses import replace

import pytest

from gan_jax.benchmark.outcome import (
    Bound,
    Goal,
    Judgement,
    RunCourse,
    Thresholds,
    consecutive_steps,
    find_outcome,
    is_within,
    reference_norm,
    resolve_goal,
)
from gan_jax.benchmark.run_cell import round_floats

STEPS, EVERY, ROW = 10_000, 500, 20
LIMITS = Thresholds()
GOAL = Goal(
    (Bound("robust_modes", at_least=8), Bound("reverse_kl", at_most=0.05)),
    Bound("robust_modes", at_least=4),
)
GOOD = {"robust_modes@2500": 8, "reverse_kl@2500": 0.01}
ONE_SHORT = GOOD | {"robust_modes@2500": 7}
TWO_MODES = GOOD | {"robust_modes@2500": 2}


def course(measured=lambda step: GOOD, **signals):
    """A run with a row every 20 steps; signals: name -> function of the step."""
    plain = {
        "g_grad_norm": lambda step: 1.0,
        "d_grad_norm": lambda step: 2.0,
        "real_logits": lambda step: 0.5,
        "fake_logits": lambda step: -0.5,
        "finite": lambda step: True,
    }
    rows = [
        {"step": step, **{k: f(step) for k, f in (plain | signals).items()}}
        | (measured(step) if step % EVERY == 0 else {})
        for step in (1, *range(ROW, STEPS + 1, ROW))
    ]
    return RunCourse(rows, STEPS, EVERY)


def outcome(*args, **signals):
    return find_outcome(course(*args, **signals), GOAL, LIMITS).outcome


def during(start, length, value, otherwise=1.0):
    """A signal with another value in the rows of the steps (start, start + length]."""
    return lambda step: value if start < step <= start + length else otherwise


def test_a_run_that_holds_its_goal_has_converged_from_its_first_success_on():
    late = course(lambda step: GOOD if step >= 3000 else ONE_SHORT)
    assert find_outcome(late, GOAL, LIMITS) == Judgement("converged", 3000)
    assert find_outcome(course(), GOAL, LIMITS) == Judgement("converged", 500)


def test_success_has_to_hold_at_every_evaluation_of_the_last_quarter():
    """Those are at 8000, 8500, 9000, 9500 and 10000."""
    reached = {first: course(lambda s, f=first: GOOD if s >= f else ONE_SHORT)
               for first in (8000, 8500, 10_000)}  # fmt: skip
    found = {first: find_outcome(one, GOAL, LIMITS) for first, one in reached.items()}
    assert found[8000] == Judgement("converged", 8000)
    assert found[8500] == Judgement("not_reached", 8500)
    assert found[10_000] == Judgement("not_reached", 10_000)


@pytest.mark.parametrize("lost", [8000, 9000, 10_000])
def test_success_that_is_lost_in_the_last_quarter_oscillates(lost):
    one = course(lambda step: ONE_SHORT if step == lost else GOOD)
    since = lost + EVERY if lost < STEPS else None
    assert find_outcome(one, GOAL, LIMITS) == Judgement("oscillating", since)


def test_success_that_is_lost_before_the_last_quarter_and_regained_converges():
    assert outcome(lambda step: ONE_SHORT if step == 7500 else GOOD) == "converged"


def test_success_that_is_lost_before_the_last_quarter_for_ever_is_not_reached():
    assert outcome(lambda step: GOOD if step < 7500 else ONE_SHORT) == "not_reached"
    assert outcome(lambda step: GOOD if step < 8000 else ONE_SHORT) == "oscillating"


def test_success_that_is_lost_before_the_last_quarter_and_comes_late_is_not_reached():
    lost = {7000, 7500, 8000}
    one = course(lambda step: ONE_SHORT if step in lost else GOOD)
    assert find_outcome(one, GOAL, LIMITS) == Judgement("not_reached", 8500)


def test_less_than_half_of_the_modes_at_the_end_is_a_collapse():
    half = GOOD | {"robust_modes@2500": 4}
    assert outcome(lambda step: TWO_MODES if step == STEPS else GOOD) == "collapsed"
    assert outcome(lambda step: TWO_MODES if step < STEPS else half) == "not_reached"


def test_a_term_that_is_not_finite_comes_before_everything():
    one = course(
        lambda step: TWO_MODES,
        finite=lambda step: step < STEPS,
        g_grad_norm=during(4000, 200, 1e9),
    )
    assert find_outcome(one, GOAL, LIMITS) == Judgement("nonfinite", None)


def missed(step):
    """What is measured of a run that never reaches its goal."""
    return ONE_SHORT


@pytest.mark.parametrize("name", ["g_grad_norm", "d_grad_norm"])
def test_a_gradient_a_thousand_times_its_early_median_for_100_steps_explodes(name):
    assert outcome(missed, **{name: during(4000, 100, 1001.0)}) == "exploded"
    assert outcome(missed, **{name: during(4000, 80, 1001.0)}) == "not_reached"
    assert outcome(missed, **{name: during(4000, 100, 999.0)}) == "not_reached"


@pytest.mark.parametrize(
    "name, value", [("real_logits", 1001.0), ("fake_logits", -2e3)]
)
def test_logits_a_thousand_apart_for_100_steps_explode(name, value):
    assert outcome(missed, **{name: during(4000, 100, value, 0.0)}) == "exploded"
    assert outcome(missed, **{name: during(4000, 80, value, 0.0)}) == "not_reached"


def test_a_large_loss_of_small_logits_is_no_explosion():
    """Least squares at 50: `((50 - 1)^2 + 50^2) / 2`; an alpha-loss grows as exp."""
    logits = {name: lambda step: 50.0 for name in ("real_logits", "fake_logits")}
    of_squares = logits | {"d_loss": lambda step: (49.0**2 + 50.0**2) / 2}
    assert outcome(missed, **of_squares) == "not_reached"
    assert outcome(missed, d_loss=lambda step: 1e6) == "not_reached"


def test_logits_that_drift_together_have_not_exploded():
    """b - a, the loss of a Wasserstein critic, stays 1 wherever both drift to."""
    drift = {
        "real_logits": lambda step: step / 2 + 0.5,
        "fake_logits": lambda step: step / 2 - 0.5,
        "d_loss": lambda step: -1.0,
    }
    assert outcome(missed, **drift) == "not_reached"
    assert outcome(lambda step: TWO_MODES, **drift) == "collapsed"
    assert outcome(**drift) == "converged"
    told_apart = drift | {"d_loss": lambda step: step / 2}  # of cross-entropy
    assert outcome(missed, **told_apart) == "exploded"


def test_large_values_of_different_signals_do_not_add_up_to_an_explosion():
    signals = {
        "g_grad_norm": during(4000, 60, 1e6),
        "d_grad_norm": during(4060, 60, 1e6),
    }
    assert outcome(missed, **signals) == "not_reached"


TROUBLES = {
    "an exploding gradient": {"d_grad_norm": during(4000, 3000, 1e9)},
    "exploding to the end": {"g_grad_norm": during(4000, 6000, 1e9)},
    "logits far apart": {"real_logits": during(0, STEPS, 5e3, 5e3)},
    "a gradient that vanishes": {"g_grad_norm": during(200, STEPS, 1e-9)},
    "a gradient tiny in steps 100 to 200": {"g_grad_norm": during(100, 100, 1e-9)},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_success_that_is_held_converges_whatever_the_gradients_did(trouble):
    assert outcome(**TROUBLES[trouble]) == "converged"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_success_that_is_not_held_does_not_hide_the_trouble(trouble):
    """Success comes at 8500: one late evaluation, at 8000, is none."""
    late = outcome(lambda s: GOOD if s >= 8500 else ONE_SHORT, **TROUBLES[trouble])
    expected = "not_reached"  # a small gradient at the solution is no fault
    if "explod" in trouble or "apart" in trouble:
        expected = "exploded"
    assert late == expected


@pytest.mark.parametrize("name", ["g_grad_norm", "d_grad_norm"])
def test_a_gradient_tiny_for_a_moment_early_on_makes_nothing_later_an_explosion(name):
    """Four of the five rows after the warm-up are tiny, and so is their median."""
    tiny = during(100, 80, 1e-9)
    assert outcome(missed, **{name: tiny}) == "not_reached"
    back = lambda step: 1e4 if 4000 < step <= 4100 else tiny(step)  # noqa: E731
    assert outcome(missed, **{name: back}) == "exploded"


def test_a_gradient_that_vanishes_right_after_the_warm_up_has_vanished():
    assert outcome(missed, g_grad_norm=during(100, STEPS, 1e-9)) == "vanished"
    assert outcome(missed, g_grad_norm=during(0, STEPS, 1e-9, 1e-9)) == "not_reached"


def test_a_rough_warm_up_is_no_reference_for_what_vanishes():
    """Two of its six rows are spikes; its median is 1."""
    rough = lambda step: 1e5 if step <= ROW else 1.0  # noqa: E731
    assert outcome(missed, g_grad_norm=rough) == "not_reached"


def test_a_gradient_that_vanished_is_told_only_where_the_goal_is_missed():
    small = during(9000, 100, 0.9e-3)
    assert outcome(missed, g_grad_norm=small) == "vanished"
    assert outcome(g_grad_norm=small) == "converged"
    assert outcome(missed, g_grad_norm=during(9000, 80, 0.9e-3)) == "not_reached"
    assert outcome(missed, g_grad_norm=during(9000, 100, 1.1e-3)) == "not_reached"
    assert outcome(missed, d_grad_norm=small) == "not_reached"


def test_steps_with_a_vanished_gradient_need_not_be_on_end():
    often = lambda step: 1e-4 if step % 1000 == 0 else 1.0  # noqa: E731
    assert outcome(lambda step: TWO_MODES, g_grad_norm=often) == "vanished"


def test_the_reference_is_the_larger_median_of_the_warm_up_and_the_steps_after_it():
    """Steps 101 to 200 (the rows 120, 140, 160, 180, 200); 1 to 100 (1, 20, ...)."""
    ramp, fall = course(g_grad_norm=float), course(g_grad_norm=lambda step: -step)
    assert reference_norm(ramp, "g_grad_norm", LIMITS) == 160
    assert (
        reference_norm(fall, "g_grad_norm", LIMITS) == -50
    )  # of 1, 20, 40, 60, 80, 100
    warm = replace(LIMITS, warmup_steps=0)
    assert reference_norm(ramp, "g_grad_norm", warm) == 50  # of 1, 20, 40, 60, 80, 100
    short = RunCourse(
        [{"step": s, "g_grad_norm": s} for s in (1, 90, 130, 150)], 200, 10
    )
    assert reference_norm(short, "g_grad_norm", LIMITS) == 130
    warm_up_alone = RunCourse(short.rows[:2], 200, 10)
    assert reference_norm(warm_up_alone, "g_grad_norm", LIMITS) == 45.5
    assert reference_norm(RunCourse([], 200, 10), "g_grad_norm", LIMITS) is None


def test_a_gradient_that_was_0_early_on_says_nothing_of_explosions():
    start = lambda step: 0.0 if step < 300 else 5.0  # noqa: E731
    assert outcome(missed, g_grad_norm=start) == "not_reached"


def test_a_row_stands_for_the_steps_since_the_row_before():
    rows = [{"step": step, "on": step > 20} for step in (20, 40, 100, 200)]
    assert list(consecutive_steps(rows, lambda row: row["on"])) == [0, 20, 80, 180]


def test_a_metric_that_is_missing_or_not_finite_meets_no_bound():
    bound = Bound("reverse_kl", at_most=0.05)
    values = (0.05, 0.051, math.nan, -math.inf, None)
    assert [is_within({"reverse_kl": v}, bound) for v in values] == [True] + 4 * [False]
    assert not is_within({}, bound)


def test_samples_that_could_not_be_measured_are_no_success():
    """A generator whose samples are not finite has no measurements."""
    nan = GOOD | {"robust_modes@2500": math.nan}
    for broken in ({}, nan):
        assert outcome(lambda s, b=broken: b if s == 9000 else GOOD) == "oscillating"
        assert outcome(lambda s, b=broken: b if s == STEPS else GOOD) == "nonfinite"


def test_a_goal_that_holds_without_life_is_a_collapse():
    """Stacked MNIST's goal counts stray samples; its sign of life does not."""
    goal = Goal((Bound("modes", at_least=990),), Bound("confident_modes", at_least=500))
    stray = {"modes": 1000, "confident_modes": 300}
    assert find_outcome(course(lambda step: stray), goal, LIMITS) == Judgement(
        "collapsed", None
    )
    sure = stray | {"confident_modes": 500}
    assert find_outcome(course(lambda step: sure), goal, LIMITS).outcome == "converged"


def test_bounds_in_floors_are_resolved_to_the_metrics_units():
    goal = Goal((Bound("swd", at_most=3.0, of_floor=True), GOAL.success[0]), GOAL.alive)
    found = resolve_goal(goal, {"swd": 0.02})
    assert found.success == (Bound("swd", at_most=0.06), GOAL.success[0])
    with pytest.raises(ValueError, match=r"goal swd.*floors are of kid"):
        resolve_goal(goal, {"kid": 0.02})


def test_rows_keep_the_digits_of_float32():
    row = {"final": {"kl": 1 / 3, "none": None}, "step": [500, 123_456_789], "at": 1e-9}
    rounded = round_floats(row)
    assert rounded == row | {"final": {"kl": 0.3333333, "none": None}}
