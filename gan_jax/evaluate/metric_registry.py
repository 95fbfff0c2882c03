"""The metrics of samples by name: `METRICS[name](comparison) -> {number: value}`.

To add one, write `Comparison -> Numbers` and a line in METRICS; the numbers' meaning
stands in the same line. Its traced form (`gan_jax.evaluate.traced_forms`) lets training
compute it on the device; without one the host computes it.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from gan_jax.assembly.registry import choose
from gan_jax.config import DatasetConfig
from gan_jax.data import Mixture, dataset_entry, distinct_centres
from gan_jax.evaluate.distances import (
    extrapolated_fid,
    extrapolated_fid_without_groups,
    fid,
    kid,
    mmd,
    name_values_without_groups,
    swd,
)
from gan_jax.evaluate.metric import (
    HIGHER,
    LOWER,
    Comparison,
    Number,
    Numbers,
    SampleMetric,
    as_sample_metric,
)
from gan_jax.evaluate.traced_forms import (
    has_modes,
    prepare_fid,
    prepare_inception,
    prepare_kid,
    prepare_memorization,
    prepare_mmd,
    prepare_modes,
    prepare_prdc,
    prepare_swd,
    report_classes,
)
from gan_jax.features import EXTRACTORS, as_extractor_entry
from gan_jax.metrics import (
    energy_to_mixture,
    frechet_without_groups,
    inception_score,
    kernel_distance_without_groups,
    leave_groups_out,
    memorization_ratio,
    mode_report,
    precision_recall,
    rbf_mmd,
    sliced_wasserstein,
    stacked_modes,
)


def prdc(sides: Comparison) -> Numbers:
    """Shares within the k-th neighbour's distance: `|x_i - y_j| < r_i`, k = 5.

    The numbers are precision, recall, density and coverage. Kynkaanniemi et al. 2019,
    arXiv 1904.06991; Naeem et al. 2020, arXiv 2002.09797.
    """
    return precision_recall(sides.real.features, sides.fake.features)


def inception(sides: Comparison) -> Numbers:
    """Inception Score: `exp(mean_i KL(p(y | x_i) || p(y)))` of the extractor's classes.

    It is the mean over 10 splits, with their deviation. Salimans et al. 2016, arXiv
    1606.03498.
    """
    if sides.fake.probabilities is None or sides.fake.probabilities.ndim != 2:
        raise ValueError("metrics is: needs an extractor with classes: cnn, inception")
    mean, deviation = inception_score(sides.fake.probabilities)
    return {"inception_score": mean, "inception_score_deviation": deviation}


def modes(sides: Comparison) -> Numbers:
    """Modes covered: `#{k: h_k >= 1}`, h_k the samples that hit mode k.

    The modes are those of a toy's mixture, the 1,000 of Stacked MNIST, or the classes.
    Srivastava et al. 2017, arXiv 1705.07761; Lin et al. 2018, arXiv 1712.04086.
    """
    fake, p = sides.fake.features, sides.fake.probabilities
    if sides.mixture is not None:
        return toy_modes(fake, sides.mixture)
    if p is None:
        raise ValueError("metrics modes: needs toy data, or the extractor cnn")
    if p.ndim == 3:
        return stacked_modes(p.argmax(axis=2), p.max(axis=2))
    assert sides.real.probabilities is not None
    return class_modes(sides.real.probabilities, p)


def class_modes(real: np.ndarray, fake: np.ndarray) -> Numbers:
    """Return the classes found, and `KL(q || p)` of their shares, each smoothed by 1/K.

    real, fake: class probabilities `[N, K]`; an example counts for its likeliest class.
    """
    hits = (np.bincount(p.argmax(1), minlength=fake.shape[1]) for p in (real, fake))
    return report_classes(*hits)


def toy_modes(points: np.ndarray, mixture: Mixture) -> Numbers:
    """Return the numbers of `mode_report`, and the energy distance to the density.

    A curve is one mode of many centres, so only its share of good points is returned.
    """
    sigma = mixture.sigma
    if not 0 < sigma:
        raise ValueError("metrics modes: the data are one point, with no width")
    centres, weights = distinct_centres(mixture)
    report = mode_report(points, centres, sigma, weights=weights)
    if not has_modes(mixture):
        report = {"high_quality": report["high_quality"]}
    energy = energy_to_mixture(points, centres, sigma, weights=weights)
    return report | {"energy_distance": energy}


def memorization(sides: Comparison) -> Numbers:
    """Memorization ratio: `mean_j d(y_j) / mean_l d(t_l)`, `d(y) = min_i |y - x_i|`.

    x are the training examples, y the samples, t held-out examples. Source: none.
    """
    if sides.held_out is None or not sides.real_is_complete:
        raise ValueError(
            "metrics memorization: needs held-out examples and all training examples; "
            "give n the size of a TFDS set's training split"
        )
    three = (sides.real, sides.held_out, sides.fake)
    return {"memorization_ratio": memorization_ratio(*(s.features for s in three))}


METRICS: dict[str, SampleMetric | Callable[[Comparison], Numbers]] = {
    "fid": SampleMetric(
        fid,
        {"frechet_distance": Number(LOWER, "Frechet distance", "held-out reals")},
        least=2,
        prepare=prepare_fid,
        without_groups=name_values_without_groups(
            "frechet_distance", frechet_without_groups
        ),
    ),
    # To first order in 1 / n its error is that of the plain distance.
    "frechet_extrapolated": SampleMetric(
        extrapolated_fid,
        {
            "frechet_extrapolated": Number(
                LOWER, "Frechet distance, extrapolated", "0 in mean"
            )
        },
        least=8,
        without_groups=extrapolated_fid_without_groups,
    ),
    "kid": SampleMetric(
        kid,
        {
            "kernel_distance": Number(LOWER, "Kernel distance", "0 in mean"),
            "kernel_distance_subsets": Number(
                LOWER, "Kernel distance, subsets", "0 in mean"
            ),
        },
        least=4,
        prepare=prepare_kid,
        without_groups=name_values_without_groups(
            "kernel_distance", kernel_distance_without_groups
        ),
    ),
    "prdc": SampleMetric(
        prdc,
        {
            "precision": Number(HIGHER, "Precision", "held-out reals"),
            "recall": Number(HIGHER, "Recall", "held-out reals"),
            "density": Number(HIGHER, "Density", "1 in mean"),
            "coverage": Number(HIGHER, "Coverage", ".969 at k = 5"),
        },
        least=6,
        prepare=prepare_prdc,
    ),
    "is": SampleMetric(
        inception,
        {"inception_score": Number(HIGHER, "Inception Score", "held-out reals")},
        least=10,
        prepare=prepare_inception,
    ),
    "modes": SampleMetric(
        modes,
        {
            "modes": Number(HIGHER, "Modes with one hit", "all modes"),
            "robust_modes": Number(HIGHER, "Robust modes", "all modes"),
            "confident_modes": Number(HIGHER, "Confident modes", "all modes"),
            "classes": Number(HIGHER, "Classes with one hit", "all classes"),
            "high_quality": Number(
                HIGHER, "High-quality share", ".9889 in two dimensions"
            ),
            "reverse_kl": Number(LOWER, "Reverse KL of modes", "(K - 1) / 2n"),
            "forward_kl": Number(LOWER, "Forward KL of modes", "(K - 1) / 2n"),
            "class_reverse_kl": Number(LOWER, "Reverse KL of classes", "(K - 1) / 2n"),
            "kl": Number(LOWER, "KL to uniform", "999 / 2n, of n perfect samples"),
            "energy_distance": Number(LOWER, "Energy distance", "0 in mean"),
        },
        prepare=prepare_modes,
    ),
    "swd": SampleMetric(
        swd,
        {
            "sliced_wasserstein": Number(
                LOWER, "Sliced Wasserstein-1", "reals against reals"
            )
        },
        prepare=prepare_swd,
        without_groups=name_values_without_groups(
            "sliced_wasserstein", partial(leave_groups_out, sliced_wasserstein)
        ),
    ),
    "mmd": SampleMetric(
        mmd,
        {"rbf_mmd": Number(LOWER, "Squared MMD, Gaussian", "0 in mean")},
        least=2,
        prepare=prepare_mmd,
        without_groups=name_values_without_groups(
            "rbf_mmd", partial(leave_groups_out, rbf_mmd)
        ),
    ),
    "memorization": SampleMetric(
        memorization,
        {"memorization_ratio": Number(HIGHER, "Memorization ratio", "1 in mean")},
        needs_held_out=True,
        prepare=prepare_memorization,
    ),
}
FALLBACK = "swd"
"""The metric that is taken of examples that are too few for all others."""
ALWAYS_MEASURED = {
    "diversity": Number(HIGHER, "Diversity", "1: as diverse as the data")
}
"""The numbers that training measures without being asked."""


def known_numbers() -> dict[str, Number]:
    """Return the meaning of every number that has a better side, by its name."""
    known = dict(ALWAYS_MEASURED)
    for entry in METRICS.values():
        known |= as_sample_metric(entry).numbers
    return known


def better_side(number: str) -> str:
    """Return LOWER, HIGHER, or "" for a number without a better side."""
    known = known_numbers().get(number)
    return "" if known is None else known.better


def bound_name(number: str) -> str:
    """Return what real data give for a number: its "floor" or "ceiling", or ""."""
    return {LOWER: "floor", HIGHER: "ceiling"}.get(better_side(number), "")


def default_metrics(config: DatasetConfig, extractor: str) -> tuple[str, ...]:
    """Return the names of the metrics that are taken where none are asked for."""
    data = dataset_entry(config.name)
    if data.metrics is not None:
        return data.metrics
    entry = choose(EXTRACTORS, extractor, "extractor")
    return as_extractor_entry(entry).metrics(data)
