"""The questions with their sources, answered from rows as far as these allow."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import f as f_ratio

from gan_jax.benchmark.report import stats
from gan_jax.benchmark.report.published import end_value
from gan_jax.benchmark.report.questions.contrasts import (
    NO_ANSWER,
    Contrast,
    answer_by_contrasts,
    answer_by_modes,
    compare_values,
    seed_gaps,
)
from gan_jax.benchmark.report.questions.rules_of_play import answer_rules_of_play
from gan_jax.benchmark.report.results import (
    Results,
    Row,
    metric_title,
    metric_value,
    select_by_config,
    select_rows,
)
from gan_jax.benchmark.report.stats import Interval, compare_pairs
from gan_jax.benchmark.report.wording import format_difference, format_p

STACKED_MNIST_TASKS = ("stacked_resize", "stacked_veegan")
STACKED_TASKS = (*STACKED_MNIST_TASKS, "stacked_digits")
"""The tasks on three digits as one image."""


class Answer(NamedTuple):
    """A question with its answer.

    figure: a number with its interval; None if the question has none, or if the rows do
    not allow it. runs: how many runs the figure is of.
    """

    name: str
    question: str
    source: str
    answer: str
    figure: Interval | None = None
    runs: int = 0


R3GAN_ARMS = {
    "RpGAN + R1 + R2": ("relativistic", "r1_r2"),
    "GAN + R1 + R2": ("non_saturating", "r1_r2"),
    "RpGAN + R1": ("relativistic", "r1"),
    "GAN + R1": ("non_saturating", "r1"),
}
"""The 2 x 2 arms of R3GAN's ablation: names of the loss and the penalty."""


def answer_r3gan_ablation(results: Results) -> dict:
    """Compare the loss of pairs with the plain one, and R1 + R2 with R1 alone.

    Each of the four contrasts is taken at each penalty weight of each task. They are of
    modes, as published.
    """
    arms = {
        name: select_by_config(
            results, STACKED_TASKS, loss__name=loss, penalty__name=penalty
        )
        for name, (loss, penalty) in R3GAN_ARMS.items()
    }
    both, gan, pairing, plain = arms
    places = dict.fromkeys(weight_and_task(r) for rows in arms.values() for r in rows)
    return answer_by_modes(
        [
            Contrast(
                {
                    name: [r for r in arms[name] if weight_and_task(r) == place]
                    for name in sides
                },
                place,
            )
            for place in places
            for sides in ((both, gan), (pairing, plain), (both, pairing), (gan, plain))
        ]
    )


def weight_and_task(row: Row) -> tuple[str, str]:
    """Return the penalty's weight, in words, and the task of a row."""
    return f"weight {row['config'].get('penalty.weight')}", row["task"]


def answer_lazy_penalty(results: Results) -> dict:
    """Compare R1 every 16 and every 8 steps with R1 at every step."""
    gradient = [r for r in results.main if "r1" in str(r["config"].get("penalty.name"))]
    lazy = {f"every {n} steps": {n}.__contains__ for n in (16, 8)}
    always = {"every step": {1, None}.__contains__}
    results = results._replace(main=gradient)
    return compare_values(results, "penalty.every", lazy, always)


def answer_first_moment(results: Results) -> dict:
    """Compare Adam's b1 of .9 with .5 and with 0, each by itself."""
    others = {f"b1 = {b1}": {float(b1)}.__contains__ for b1 in (".5", "0")}
    return compare_values(
        results, "g_optimizer.b1", {"b1 = .9": {0.9}.__contains__}, others
    )


def answer_packing(results: Results) -> dict:
    """Compare packs with the plain GAN: modes of the ring and the grid, or success.

    Modes are compared where the source's ring was run: one-hit modes, as the source
    counts, and robust modes. Elsewhere the success of packs of 2 and of 3 is compared.
    """
    gaps = {
        (task, metric): seed_gaps(
            select_rows(results, task, "pacgan2"),
            select_rows(results, task, "ns_gan"),
            metric,
        )
        for task in ("ring", "grid")
        for metric in ("modes", "robust_modes")
    }
    pairs = {key: one for key, gap in gaps.items() if (one := compare_pairs(gap))}
    if ("ring", "modes") not in pairs:
        return compare_packs(results)
    first = pairs["ring", "modes"]
    words = [
        f"{task}, {metric_title(metric).lower()} "
        f"{format_difference(one.figure)}, {format_p(one.p)}"
        for (task, metric), one in pairs.items()
    ]
    text = (
        f"{first.verdict}; PacGAN2 minus GAN by seed: {'; '.join(words)}; {TEST_NOTE}"
    )
    runs = 2 * len(gaps["ring", "modes"])
    return {"answer": text, "figure": first.figure, "runs": runs}


def compare_packs(results: Results) -> dict:
    """Compare the success of packs of 2 and of 3 with that of the plain GAN."""
    return answer_by_contrasts(
        [
            Contrast(
                {
                    f"a pack of {size}": select_rows(results, task, f"pacgan{size}"),
                    "no pack": select_rows(results, task, "ns_gan"),
                },
                (task,),
            )
            for task in results.tasks
            for size in (2, 3)
        ]
    )


TEST_NOTE = "p by sign flips, intervals by a bootstrap over seeds"
"""How paired differences are tested."""


def answer_alpha_rates(results: Results) -> dict:
    """Compare the shares of runs that end with all 8 modes, as the source counts."""
    groups = [select_rows(results, "ring", name) for name in ("alpha", "minimax")]
    if not all(groups):
        return {"answer": NO_ANSWER}
    counts = [(sum(metric_value(r, "modes") >= 8 for r in g), len(g)) for g in groups]
    gap = stats.newcombe(*counts)
    (a, n), (b, m) = counts
    text = f"all 8 modes at the end: alpha_D .3: {a}/{n}, cross entropy: {b}/{m}"
    return {"answer": text, "figure": gap, "runs": n + m}


def answer_seed_spread(results: Results) -> dict:
    """Return the ratio of deviations over seeds, its interval by F quantiles."""
    groups = [select_rows(results, "cifar10", name) for name in ("lsgan", "ns_gan")]
    x, y = ([metric_value(r, "frechet_distance") for r in rows] for rows in groups)
    if min(len(x), len(y)) < 2:
        return {"answer": NO_ANSWER}
    if not np.isfinite(x + y).all() or np.std(y) == 0:
        return {"answer": "no spread to compare: a run failed, or all end alike"}
    ratio = np.var(x, ddof=1) / np.var(y, ddof=1)
    edges = f_ratio.ppf([0.975, 0.025], len(x) - 1, len(y) - 1)
    low, high = np.sqrt(ratio / edges)
    text = "standard deviation over seeds: LSGAN's divided by the plain GAN's"
    figure = Interval(math.sqrt(ratio), float(low), float(high))
    return {"answer": text, "figure": figure, "runs": len(x) + len(y)}


def answer_averaging(results: Results) -> dict:
    """Compare averaged generators with raw ones."""
    sides = {"averaged G": bool}, {"raw G": {0.0}.__contains__}
    return compare_values(results, "ema.decay", *sides)


def answer_longer_training(results: Results) -> dict:
    """Compare modes of Stacked MNIST at the end with those at 1/20 of the training.

    The runs are those of the plain GAN, on the first of STACKED_MNIST_TASKS on which it
    was trained. Modes at the best evaluation would be no fair rival: the end cannot
    exceed them.
    """
    groups = [select_rows(results, task, "ns_gan") for task in STACKED_MNIST_TASKS]
    rows = next((rows for rows in groups if rows), [])
    pairs = [(end_value(r, "modes"), early_modes(r)) for r in rows]
    gained = np.array([end - early for end, early in pairs if early is not None])
    found = compare_pairs(gained)
    if found is None:
        return {"answer": NO_ANSWER}
    words = "modes at the end minus those at 1/20 of the steps"
    text = f"{found.verdict}: {words}, {format_p(found.p)}; {TEST_NOTE}"
    return {"answer": text, "figure": found.figure, "runs": len(gained)}


def early_modes(row: Row) -> float | None:
    """Return the modes at the last evaluation of the first 1/20, or at the first."""
    at, modes = np.array(row["series"]["step"]), row["series"].get("modes", [])
    if not modes:
        return None
    index = max(int((at <= row["config"]["steps"] / 20).sum()) - 1, 0)
    return modes[index]


AnswerFunction = Callable[[Results], dict]
"""A function from results to the fields of an Answer that depend on them."""
QUESTIONS: dict[str, tuple[str, str, AnswerFunction]] = {
    "H1": (
        "Three digits as one image: is RpGAN + R1 + R2 better than GAN + R1 + R2?",
        "Huang et al. 2024, arXiv 2501.05441: 1000 and 693 modes; R1 alone fails",
        answer_r3gan_ablation,
    ),
    "H2": ("Does lazy R1 fail?", "Huang et al. 2024, App. E: yes", answer_lazy_penalty),
    "H3": ("Does Adam's b1 = .9 hurt?", "common advice: yes", answer_first_moment),
    "H4": (
        "Does packing raise the modes of the ring?",
        "Lin et al. 2018, Table 1: from 6.3 to 7.9 modes",
        answer_packing,
    ),
    "H5": (
        "Saturating loss: is alpha_D = .3 better than cross entropy?",
        "AlphaGan-Papers-Results: yes, .870 against .465 of 200 seeds",
        answer_alpha_rates,
    ),
    "H6": (
        "CIFAR-10: does LSGAN vary more from seed to seed?",
        "Lucic et al. 2018, arXiv 1711.10337 (cited elsewhere): SD 47.5, not 1.9",
        answer_seed_spread,
    ),
    "H7": (
        "Does averaging G's weights hide oscillation?",
        "a pilot on the ring: 0/8 succeed raw, 5/8 averaged",
        answer_averaging,
    ),
    "H8": (
        "Does longer training lose modes?",
        "AlphaGan-Papers-Results: yes, 685 modes at epoch 10, 400 at 200",
        answer_longer_training,
    ),
    "H9": (
        "Which rules of play widen the stability map?",
        "none: each rule's paper shows gains at rates of its own",
        answer_rules_of_play,
    ),
}
"""By name, each question with its source and the function that answers it."""


def answer_questions(results: Results) -> list[Answer]:
    """Return the answers to all questions in order.

    An answer is NO_ANSWER where the rows say nothing about its question.
    """
    return [
        Answer(name, question, source, **ask(results))
        for name, (question, source, ask) in QUESTIONS.items()
    ]
