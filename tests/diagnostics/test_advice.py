"""The rules of a diagnosis: each has a planted failure, and no limit is passed over."""

import re

import pytest
from planted_numbers import HEALTHY, ILL, changed

from gan_jax.diagnostics.report import ADVICE, advise, evidence, limits
from gan_jax.diagnostics.report.limits import LIMITS
from gan_jax.diagnostics.report.page import verdict_section
from gan_jax.diagnostics.report.tables import summary_rows
from gan_jax.run_files.health import UNEVEN


def test_every_rule_has_a_case():
    assert ILL.keys() == ADVICE.keys()


@pytest.mark.parametrize("name", ILL)
def test_rule_holds_beyond_its_threshold_and_alone(name):
    assert [piece["name"] for piece in advise(ILL[name])] == [name]


def test_nothing_is_the_matter_with_a_healthy_run_or_one_not_measured():
    assert advise(HEALTHY) == []
    assert advise({"finite": False}) == []


def test_rotation_index_alone_tells_of_rotation():
    assert advise(changed("game", rotation_index=1.1))[0]["name"] == "rotation"
    slow = changed("game", leading_imaginary_ratio=9.0, leading_magnitude=0.009)
    assert advise(slow) == []


@pytest.mark.parametrize("name", ["unstable", "rotation"])
@pytest.mark.parametrize("rule, plain", [("simultaneous", True), ("consensus", False)])
def test_eigenvalues_of_plain_play_judge_no_other_rule(name, rule, plain):
    ill = ILL[name] | {"game": ILL[name]["game"] | {"dynamics": rule}}
    assert bool(advise(ill)) == plain


def test_slopes_are_not_judged_of_data_without_a_deviation():
    assert advise(changed("critic", deviation=0.0)) == []


def test_signs_of_the_log_join_the_verdict():
    (piece,) = advise(HEALTHY | {"signs": [{"step": 7, "sign": "oscillation"}]})
    assert piece["name"] == "oscillation" and "step 7" in piece["evidence"]
    assert piece["says"].startswith("The players go round") and "r1" in piece["tries"]
    used = HEALTHY | {"config": {"penalty": {"name": "r1"}, "ema": {"decay": 0.0}}}
    (piece,) = advise(used | {"signs": [{"step": 7, "sign": "oscillation"}]})
    assert "--penalty.name" not in piece["tries"]


COMPARED = re.compile(r"(under|over) (\S+)")


def within(path, factor):
    """HEALTHY with a number at its limit, times so much; None where it has no limit."""
    word, limit = COMPARED.fullmatch(LIMITS[path].usual(HEALTHY)).groups()
    value = float(limit) * (factor if word == "under" else 1 / factor)
    if path == ("motion", "ema", "gap"):
        averaged = HEALTHY["motion"]["ema"]["averaged"]
        numbers = {"gap": value, "raw": averaged + value, "averaged": averaged}
        return changed("motion", ema=numbers)
    section, *inner, name = path
    return changed(section, **({inner[0]: {name: value}} if inner else {name: value}))


def crossed(found):
    """The rows of the page's table whose number is beyond what is said to be usual."""
    for what, value, usual in summary_rows(found):
        if match := COMPARED.match(usual):
            word, limit = match[1], float(match[2])
            if float(value) > limit if word == "under" else float(value) < limit:
                yield what


@pytest.mark.parametrize("path", LIMITS, ids=" ".join)
def test_a_number_beyond_its_limit_breaks_its_rule(path):
    assert advise(within(path, 0.98)) == []
    names = [piece["name"] for piece in advise(within(path, 1.02))]
    assert LIMITS[path].rule in names


@pytest.mark.parametrize("name", ILL)
def test_a_run_beyond_a_limit_of_the_table_is_never_called_fine(name):
    limited = [path for path in LIMITS if LIMITS[path].usual(ILL[name])]
    shown = [usual for _, _, usual in summary_rows(ILL[name]) if COMPARED.match(usual)]
    assert len(shown) == len(limited), "every limit that is shown has a rule"
    assert not list(crossed(ILL[name])) or advise(ILL[name])
    text = verdict_section(ILL[name])
    assert "Nothing alarming" not in text and "Nothing alarming" in verdict_section(
        HEALTHY
    )


def test_no_limit_is_shown_for_numbers_that_it_does_not_judge():
    other = changed("game", dynamics="consensus", largest_real_part=5.0)
    assert not list(crossed(other)) and advise(other) == []


@pytest.mark.parametrize("name", ["unstable", "rotation", "overshoot"])
def test_the_highest_rates_do_not_judge_a_run_that_settled_at_smaller_ones(name):
    assert advise(ILL[name] | {"decayed": True}) == []
    assert not list(crossed(ILL[name] | {"decayed": True}))


def test_a_run_without_modes_is_not_fine_whatever_its_verdict():
    noise = {"sample_modes": 0, "sample_precision": 0.001, "sample_distance": 1.0}
    for word in ("completed", "interrupted", "not_learned"):
        (piece,) = advise(changed("quality", **noise) | {"verdict": word})
        assert piece["name"] == "not_learned"


def test_small_updates_of_a_decayed_rate_are_no_fault():
    assert advise(ILL["standing_still"] | {"decayed": True}) == []


@pytest.mark.parametrize(
    "name, threshold",
    [
        ("low_precision", f"under {limits.PRECISE:.0%}"),
        ("missing_modes", f"under {limits.COVERED:.0%}"),
        ("far_from_data", f"> {limits.NEAR:g} "),
        ("low_diversity", f"< {limits.DIVERSE:g}"),
        ("unstable", f"> {limits.GROWTH:g}:"),
        ("rotation", f"> {limits.MOVING:g})"),
        ("overfitting", f"over {limits.OVERFITTED:g} pooled"),
        ("steep_critic", f"> {evidence.STEEP:g} logits"),
        ("flat_critic", f"< {evidence.FLAT:g} logits"),
        ("vanishing_over_depth", f"under 1/{UNEVEN:g} of"),
        ("exploding_over_depth", f"over {UNEVEN:g} times"),
    ],
)
def test_rules_state_the_thresholds_that_they_apply(name, threshold):
    assert threshold in ADVICE[name].rule
