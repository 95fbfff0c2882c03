"""The questions answered from rows, and how rows are paired."""

import numpy as np
import pytest
import synthetic_maps
import synthetic_rows as synthetic
from scipy.stats import binom

from gan_jax.benchmark.report import stats, summary
from gan_jax.benchmark.report.questions.hypotheses import NO_ANSWER, answer_questions
from gan_jax.benchmark.report.results import read_results


def read(path, change, tasks=("ring",), methods=("ns_gan", "pacgan2"), seeds=10):
    """Synthetic rows, each of them changed to those of `change(row)`."""
    own, plan = synthetic.toy(seeds, tasks, methods)
    changed = [new for row in own for new in change(row)]
    return read_results(synthetic.write(path, changed, plan))


def answer(results, name):
    return next(one for one in answer_questions(results) if one.name == name)


def at_end(row, modes):
    return row | {"final": row["final"] | {"modes": modes}}


def packed_gains(path, gains):
    """The answer to H4 where packing gains as many modes of the ring on each seed."""

    def change(row):
        gain = gains[row["seed"]] if row["method"] == "pacgan2" else 0
        return [at_end(row, 7.0 + gain)]

    return answer(read(path, change, seeds=len(gains)), "H4")


def test_modes_at_their_ceiling_are_judged_by_sign_flips_not_by_the_interval(tmp_path):
    found = packed_gains(tmp_path, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    # Of 4 seeds that differ all gain: 2 of 2^4 choices of signs are as extreme.
    assert found.answer.startswith("no difference shown")
    assert "modes with one hit +0.40 [+0.10, +0.70], p = .125" in found.answer
    limits = binom.ppf([0.025, 0.975], 10, 0.4) / 10  # of the mean of 10 draws
    assert found.figure == pytest.approx((0.4, *limits)) and found.runs == 20
    assert found.figure is not None and found.figure.low > 0


def test_packing_that_gains_on_every_seed_is_a_difference_if_seeds_suffice(tmp_path):
    few = packed_gains(tmp_path / "few", [1] * 5)
    more = packed_gains(tmp_path / "more", [1] * 6)
    assert few.answer.startswith("no difference shown") and "p = .062" in few.answer
    assert more.answer.startswith("it differs") and "p = .031" in more.answer
    assert few.figure == more.figure == (1, 1, 1)


def test_packing_without_pairs_of_seeds_is_not_answered(tmp_path):
    def apart(row):
        return [row | {"seed": row["seed"] + 10 * (row["method"] == "pacgan2")}]

    assert answer(read(tmp_path, apart), "H4").answer == NO_ANSWER


def test_longer_training_is_compared_with_an_early_evaluation(tmp_path):
    ends = [500.0, 600.0, 700.0]

    def stacked(row):
        series = {"step": [500, 5000, 10_000], "modes": [650.0, 900.0, 0.0]}
        row |= {"task": "stacked_resize", "series": series, "outcome": "not_reached"}
        return [row | {"final": {"modes": ends[row["seed"]]}}]

    found = answer(read(tmp_path, stacked, methods=("ns_gan",), seeds=3), "H8")
    # Of -150, -50, 50 three of 8 choices of signs sum to -150 or less. A mean of three
    # draws is -150, as it is 50, with probability 1/27 > .025.
    assert found.figure == (-50, -150, 50) and found.runs == 3
    assert found.answer.startswith("no difference shown") and "p = .750" in found.answer


WON = {0.0: 0, 0.5: 7, 0.9: 5}


def stressed(values):
    """Each row at values of b1; the first seeds win, as many as in WON."""

    def change(row):
        return [
            row
            | {"axes": {"b1": b1}, "config": row["config"] | {"g_optimizer.b1": b1}}
            | {"success": row["seed"] < WON[b1]}
            for b1 in values
        ]

    return change


def test_first_moments_are_compared_value_by_value(tmp_path):
    results = read(tmp_path, stressed((0.0, 0.5, 0.9)), methods=("ns_gan",))
    found = answer(results, "H3")
    assert found.figure is not None and found.figure.value == pytest.approx(-0.2)
    assert found.runs == 20
    half, none = found.answer.split("; ")
    assert half.startswith("no difference shown (b1 = .9: 5/10")
    assert "b1 = .5: 7/10" in half and "difference -0.20 [" in half
    assert none.startswith("no difference shown (b1 = .9: 5/10")
    assert "b1 = 0: 0/10" in none and "difference +0.50 [" in none
    # 2 seeds win at .5 alone: 2 / 2^2. 5 win at .9 alone: 2 / 2^5, and twice for two.
    assert half.endswith("McNemar's p = .500")
    assert "McNemar's p = .125 (p corrected by Holm for 2 comparisons" in none
    assert found.answer.endswith("the number below: b1 = .9 minus b1 = .5)")


def test_a_first_moment_of_nought_is_the_figure_where_there_is_no_half(tmp_path):
    results = read(tmp_path, stressed((0.0, 0.9)), methods=("ns_gan",))
    found = answer(results, "H3")
    assert found.figure is not None and found.figure.value == pytest.approx(0.5)
    assert "b1 = .5" not in found.answer
    assert found.answer.endswith("(the number below: b1 = .9 minus b1 = 0)")
    assert answer(read(tmp_path / "one", stressed((0.5,))), "H3").answer == NO_ANSWER


def changed(field, wins):
    """Each row at values of a field; at each, seeds below `wins[value]` win."""

    def change(row):
        return [
            row
            | {"axes": {"x": value}, "config": row["config"] | {field: value}}
            | {"success": row["seed"] < count}
            for value, count in wins.items()
        ]

    return change


def test_lazy_r1_is_compared_with_r1_at_every_step(tmp_path):
    wins = {1: 10, 8: 9, 16: 2}
    results = read(tmp_path, changed("penalty.every", wins), methods=("r1",))
    found = answer(results, "H2")
    rare, less = found.answer.split("; ")
    # 8 seeds win at every step alone: 2 / 2^8 = .0078, and twice that of two tests.
    assert rare.startswith("every step succeeds more often (every 16 steps: 2/10")
    assert rare.endswith("McNemar's p = .016")
    assert less.startswith("no difference shown (every 8 steps: 9/10")
    assert "McNemar's p = 1.000 (p corrected by Holm for 2 comparisons" in less
    assert found.figure is not None and found.figure.value == pytest.approx(-0.8)
    assert found.runs == 20


def test_methods_that_share_seeds_are_compared_apart(tmp_path):
    """Averaging wins on seeds 2 to 9 with both methods: 2 / 2^8, and twice that.

    Pooled, the same seeds would count twice: 2 / 2^16.
    """
    change = changed("ema.decay", {0.0: 2, 0.999: 10})
    found = answer(read(tmp_path, change), "H7")
    assert found.answer.count("averaged G succeeds more often") == 2
    assert found.answer.count("McNemar's p = .016") == 2
    assert "ns_gan, ring: " in found.answer and "pacgan2, ring: " in found.answer
    assert found.runs == 20


def test_arms_of_the_ablation_are_compared_at_each_weight(tmp_path):
    """At weight 1 R2 gains 50 modes of each loss, and at .1 nothing differs."""
    arms = [(loss, p) for loss in ("relativistic", "non_saturating") for p in R_ARMS]

    def change(row):
        return [
            at_end(row, 700 + row["seed"] + 50 * (weight == 1 and penalty == "r1_r2"))
            | {"task": "stacked_digits", "axes": {"x": f"{loss} {penalty} {weight}"}}
            | {
                "config": row["config"]
                | {"loss.name": loss, "penalty.name": penalty, "penalty.weight": weight}
            }
            for loss, penalty in arms
            for weight in (0.1, 1)
        ]

    found = answer(read(tmp_path, change, methods=("r3gan",)), "H1")
    more, none = found.answer.split(". No difference shown: ")
    # 10 seeds: 2 / 2^10 = .00195, times eight tests.
    gain = "(weight 1, stacked_digits) +50.00 [+50.00, +50.00], p = .016"
    assert more == (
        f"More modes: RpGAN + R1 + R2 minus RpGAN + R1 {gain}; "
        f"GAN + R1 + R2 minus GAN + R1 {gain}"
    )
    assert none.count("+0.00 [+0.00, +0.00], p = 1.000") == 6
    assert "corrected by Holm for 8 comparisons; the number below: " in none
    assert found.runs == 20


R_ARMS = ("r1_r2", "r1")


def test_packs_are_judged_by_success_where_the_ring_was_not_run(tmp_path):
    def change(row):
        return [row | {"task": "wide_ring", "success": row["method"] == "pacgan2"}]

    found = answer(read(tmp_path, change), "H4")
    assert found.answer.startswith(
        "a pack of 2 succeeds more often (a pack of 2: 10/10"
    )
    assert found.figure is not None and found.figure.value == 1 and found.runs == 20


def test_points_of_a_stress_axis_are_paired_with_the_baseline_by_seed(tmp_path):
    results = read(tmp_path, stressed((0.0, 0.5, 0.9)), methods=("ns_gan",))
    known = {one.method: one.mcnemar_p for one in summary.summarize_tasks(results)}
    # On 7 and 5 seeds they differ from the baseline, which wins on none.
    assert known["ns_gan, b1 0.0"] is None
    assert known["ns_gan, b1 0.5"] == pytest.approx(2 / 2**7)
    assert known["ns_gan, b1 0.9"] == pytest.approx(2 / 2**5)


def test_step_sizes_of_a_game_are_paired_with_the_same_step_size(tmp_path):
    won = {"ns_gan": (0.1,), "pacgan2": (0.1, 0.2, 0.5)}

    def game(row):
        held = won[row["method"]]
        return [row | {"axes": {"h": h}, "success": h in held} for h in (0.1, 0.2, 0.5)]

    found = summary.summarize_tasks(read(tmp_path, game, seeds=1))
    other = next(one for one in found if one.method == "pacgan2")
    assert other.mcnemar_p == pytest.approx(2 / 2**2)


@pytest.mark.parametrize("n", [2, 5, 10, 16])
def test_differences_of_one_sign_are_two_of_all_sign_flips(n):
    gains = np.arange(1.0, n + 1)
    assert stats.sign_flip_test(gains) == pytest.approx(2 / 2**n)
    assert stats.sign_flip_test(-gains) == pytest.approx(2 / 2**n)


def test_a_tie_says_nothing_to_a_sign_flip():
    assert stats.sign_flip_test(np.array([2.0, 1.0, 3.0, 0.0, 0.0])) == pytest.approx(
        2 / 8
    )


def test_sign_flips_of_ties_and_of_balanced_differences_show_nothing():
    assert stats.sign_flip_test(np.zeros(6)) == 1
    assert stats.sign_flip_test(np.array([3.0, -3.0, 1.0, -1.0])) == 1


def test_sign_flips_of_many_seeds_are_drawn_near_the_exact_share():
    gaps = np.array([1.0] * 13 + [-1.0] * 7)  # alike in size: a sign test
    tail = float(binom.sf(12, 20, 0.5))
    error = (tail * (1 - tail) / stats.FLIPS) ** 0.5
    assert stats.sign_flip_test(gaps) == pytest.approx(2 * tail, abs=2 * 4 * error)


def rules_of_play(path, levels, seeds=4):
    """The answer to H9 where R1's maps have these levels by rule, the plain GAN's 0."""
    _, plan = synthetic_maps.planted({"ns_gan": 0.0, "r1": 0.0}, seeds)
    found = []
    for rule, level in levels.items():
        new, _ = synthetic_maps.planted({"ns_gan": 0.0, "r1": level}, seeds)
        own = {"plan": plan["hash"]}
        found += [row | own | {"axes": row["axes"] | {"rule": rule}} for row in new]
    return answer(read_results(synthetic.write(path, found, plan)), "H9")


def test_the_rule_that_widens_one_methods_map_is_found(tmp_path):
    levels = {"alternating": 0.0, "lookahead": 3.0, "simultaneous": -np.inf}
    found = rules_of_play(tmp_path, levels)
    assert found.answer.startswith(
        "the map is wider for r1 with lookahead; "
        "the map is narrower for r1 with simultaneous. "
        "Area minus that of alternating play: "
    )
    same = "ns_gan with lookahead +0.00"  # the same noise, so the same map
    assert same in found.answer and "for 4 comparisons" in found.answer
    assert found.runs == 4 * 4 * 25


def test_rules_that_change_nothing_show_no_difference(tmp_path):
    found = rules_of_play(tmp_path, {"alternating": 0.0, "lookahead": 0.0})
    assert found.answer.startswith("no difference shown. ")
    assert found.answer.count("+0.00") == 2


def test_a_rule_with_three_seeds_is_named_and_left_out(tmp_path):
    rules_of_play(tmp_path, {"alternating": 0.0, "sga": 0.0, "lookahead": 0.0})

    def lose_a_seed(rows):
        lost = ("sga", 3)
        return [r for r in rows if (r["axes"]["rule"], r["seed"]) != lost]

    folder = synthetic.rewrite(tmp_path, tmp_path / "few", lose_a_seed)
    words = answer(read_results(folder), "H9").answer
    assert words.endswith("; too few seeds: ns_gan with sga and r1 with sga")
    assert "for 2 comparisons" in words


@pytest.mark.parametrize(
    ("rules", "seeds"), [(("lookahead", "sga"), 4), (("alternating", "sga"), 3)]
)
def test_rules_without_a_reference_or_a_fourth_seed_are_no_answer(
    tmp_path, rules, seeds
):
    found = rules_of_play(tmp_path, dict.fromkeys(rules, 0.0), seeds)
    assert found.answer == NO_ANSWER and found.figure is None
