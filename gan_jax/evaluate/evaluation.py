"""Compares samples with the data: their numbers, intervals, floor and warnings."""

import warnings
from typing import Any

from gan_jax.evaluate.evaluator import (
    Evaluator,
    Sampler,
    compute_metrics,
    sample_features,
    score_features,
    take_examples,
)
from gan_jax.evaluate.metric import Comparison, Numbers, SampleMetric
from gan_jax.features import FeatureSet
from gan_jax.metrics import LEAST_ROWS, confidence_interval


def evaluate(
    evaluator: Evaluator,
    sample: Sampler | FeatureSet | None,
    about: dict[str, Any],
    floor: Numbers | None = None,
) -> dict[str, Any]:
    """Compare samples with the data that they should be like.

    sample: the samples, or their features; None: only the floor is measured.
    about: how the samples were made (EMA or not, seed).
    floor: the floor, where it is known already.

    Returns `metrics`, their `intervals` (95 %; see `gan_jax.metrics.jackknife`), the
    `floor` (what a perfect generator would reach, if it is of as many examples),
    `warnings`, and the `fingerprint`: only numbers with one fingerprint are comparable.
    """
    metrics, intervals = None, {}
    with warnings.catch_warnings(record=True) as of_samples:
        warnings.simplefilter("always", UserWarning)
        if sample is not None:
            given = isinstance(sample, FeatureSet)
            fake = sample if given else sample_features(evaluator, sample)
            metrics = score_features(evaluator, fake)
            intervals = measure_intervals(evaluator, fake, metrics)
    with warnings.catch_warnings(record=True) as of_floor:
        warnings.simplefilter("always", UserWarning)
        floor = measure_floor(evaluator) if floor is None else floor
    has_samples = metrics is not None
    if not has_samples and len(floor) == 1:
        raise ValueError(
            f"n {evaluator.n}: is too few for the floor of "
            f"{', '.join(evaluator.metrics)}; give more examples, or samples to compare"
        )
    return {
        "metrics": metrics,
        "intervals": intervals,
        "floor": floor,
        "warnings": [
            *evaluator.notes,
            *describe_warnings(of_samples),
            *describe_floor_warnings(of_floor, of_samples, has_samples),
            *describe_floor(evaluator, int(floor["n"]), has_samples),
        ],
        "fingerprint": evaluator.fingerprint | about,
    }


def describe_warnings(caught: list[warnings.WarningMessage]) -> list[str]:
    """Return the texts of warnings, each once."""
    return sorted({str(one.message) for one in caught})


def describe_floor_warnings(
    caught: list[warnings.WarningMessage],
    of_samples: list[warnings.WarningMessage],
    has_samples: bool,
) -> list[str]:
    """Return the texts of the floor's warnings that the samples have not caused too.

    The two differ in numbers alone, so warnings are the same if one line of code gives
    them. has_samples: whether the texts must say that they are of the floor.
    """
    known = {(one.filename, one.lineno) for one in of_samples}
    own = [one for one in caught if (one.filename, one.lineno) not in known]
    prefix = "floor: " if has_samples else ""
    return [prefix + text for text in describe_warnings(own)]


def measure_intervals(
    evaluator: Evaluator, fake: FeatureSet, metrics: Numbers
) -> dict[str, tuple[float, float]]:
    """Return the 95 % intervals of the distances among the metrics of samples.

    There are none of fewer than 20 samples.
    """
    if evaluator.n < LEAST_ROWS:
        return {}
    comparison = Comparison(evaluator.real, fake, None, None)
    return {
        name: confidence_interval(metrics[name], values)
        for metric in evaluator.metrics.values()
        if metric.without_groups is not None
        for name, values in metric.without_groups(comparison).items()
    }


def measure_floor(evaluator: Evaluator) -> Numbers:
    """Return the metrics of other examples in place of samples, and their number n.

    They are the held-out examples, else n others of the same set, else one half of the
    examples is compared with the other half. Metrics that need more examples than these
    have no floor.
    """
    real, others = evaluator.real, evaluator.held_out
    if others is None and evaluator.read_others is not None:
        others = evaluator.read_others()
    if others is None:
        half = evaluator.n // 2
        others = take_examples(real, half, half)
    n = len(others.features)
    comparison = Comparison(take_examples(real, n), others, None, evaluator.mixture)
    metrics = (m for m in evaluator.metrics.values() if has_floor(m, n))
    return compute_metrics(metrics, comparison) | {"n": n}


def least_of_floor(metric: SampleMetric) -> int:
    """Return how many examples of each side the floor of a metric needs."""
    return max(metric.least, 2)


def has_floor(metric: SampleMetric, n: int) -> bool:
    """Return whether a metric has a floor of n examples of each side."""
    return not metric.needs_held_out and least_of_floor(metric) <= n


def describe_floor(evaluator: Evaluator, n: int, has_samples: bool) -> list[str]:
    """Return lines that say which metrics have no floor, and what it is not for.

    n: how many examples of each side the floor is measured of. has_samples: whether
    samples stand beside it.
    """
    lines = [
        f"no floor of {name}: it needs {least_of_floor(metric)} examples of each side, "
        f"and {'half of the data' if evaluator.held_out is None else 'the rest'} is {n}"
        for name, metric in evaluator.metrics.items()
        if not metric.needs_held_out and not has_floor(metric, n)
    ]
    some_floor = any(has_floor(metric, n) for metric in evaluator.metrics.values())
    if has_samples and n != evaluator.n and some_floor:
        lines.append(
            f"the floor is of {n} examples, the samples are {evaluator.n}: distances "
            "shrink as n grows, so it is no floor for them"
        )
    return lines
