"""The metrics by name: what each is taken of, and the numbers it gives."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data import TOYS, Mixture
from gan_jax.data.toys import distinct
from gan_jax.features import Side
from gan_jax.metrics import (
    energy_to_mixture,
    frechet_distance,
    inception_score,
    kernel_distance,
    kernel_distance_subsets,
    memorization_ratio,
    mode_report,
    precision_recall,
    rbf_mmd,
    sliced_wasserstein,
    stacked_modes,
)

Numbers = dict[str, float]


class Comparison(NamedTuple):
    """What metrics are taken of.

    real, fake: features and probabilities. held_out: other reals, None if there are
    none. mixture: the density of toy data. whole: whether `real` is all there is.
    """

    real: Side
    fake: Side
    held_out: Side | None
    mixture: Mixture | None
    whole: bool = False


WIDEST = 4096
"""Features of a Frechet distance, which takes their number cubed."""


def fid(sides: Comparison) -> Numbers:
    """Frechet distance of the features (the FID, if they are Inception's)."""
    width = sides.real.features.shape[1]
    if width > WIDEST:
        raise ValueError(
            f"metrics fid: {width} features, at most {WIDEST} can be; choose the "
            "extractor cnn or inception, or leave it out"
        )
    value = frechet_distance(sides.real.features, sides.fake.features)
    return {"frechet_distance": value}


def kid(sides: Comparison) -> Numbers:
    """Unbiased kernel distance: of all; of 100 subsets of 1,000 (at most half)."""
    real, fake = sides.real.features, sides.fake.features
    size = min(1000, len(real) // 2, len(fake) // 2)
    mean, error = kernel_distance_subsets(real, fake, size=size)
    return {
        "kernel_distance": kernel_distance(real, fake),
        "kernel_distance_subsets": mean,
        "kernel_distance_standard_error": error,
    }


def prdc(sides: Comparison) -> Numbers:
    """Precision, recall, density and coverage, k = 5."""
    return precision_recall(sides.real.features, sides.fake.features)


def inception(sides: Comparison) -> Numbers:
    """Inception Score of the extractor's classes, 10 splits, with its deviation."""
    if sides.fake.probabilities is None or sides.fake.probabilities.ndim != 2:
        raise ValueError("metrics is: needs an extractor with classes: cnn, inception")
    mean, deviation = inception_score(sides.fake.probabilities)
    return {"inception_score": mean, "inception_score_deviation": deviation}


def modes(sides: Comparison) -> Numbers:
    """Modes covered: of a toy's mixture, of Stacked MNIST's 1,000, or classes."""
    fake, p = sides.fake.features, sides.fake.probabilities
    if sides.mixture is not None:
        return toy_modes(fake, sides.mixture)
    if p is None:
        raise ValueError("metrics modes: needs toy data, or the extractor cnn")
    if p.ndim == 3:
        return stacked_modes(p.argmax(axis=2), p.max(axis=2))
    counts = np.bincount(p.argmax(axis=1), minlength=p.shape[1])
    q = (counts + 1 / len(counts)) / (counts.sum() + 1)
    real = sides.real.probabilities
    assert real is not None
    shares = np.bincount(real.argmax(axis=1), minlength=p.shape[1]) + 1 / len(counts)
    return {
        "classes": int((counts > 0).sum()),
        "class_reverse_kl": float(np.sum(q * np.log(q / (shares / shares.sum())))),
    }


def toy_modes(points: np.ndarray, mixture: Mixture) -> Numbers:
    """Of a curve, which is one mode of many centres, the quality alone."""
    sigma = mixture.sigma
    if not 0 < sigma:
        raise ValueError("metrics modes: the data are one point, with no width")
    centres, weights = distinct(mixture)
    found = mode_report(points, centres, sigma, weights=weights)
    if len(set(mixture.mode_of.tolist())) < len(centres):
        found = {"high_quality": found["high_quality"]}
    energy = energy_to_mixture(points, centres, sigma, weights=weights)
    return found | {"energy_distance": energy}


def swd(sides: Comparison) -> Numbers:
    """Sliced Wasserstein-1 distance, 128 directions."""
    value = sliced_wasserstein(sides.real.features, sides.fake.features)
    return {"sliced_wasserstein": value}


def mmd(sides: Comparison) -> Numbers:
    """Unbiased squared MMD of Gaussian kernels, bandwidths about the reals' median."""
    return {"rbf_mmd": rbf_mmd(sides.real.features, sides.fake.features)}


def memorization(sides: Comparison) -> Numbers:
    """Nearest training example: of fakes over that of held-out examples, in mean."""
    if sides.held_out is None or not sides.whole:
        raise ValueError(
            "metrics memorization: needs held-out examples and all training examples; "
            "give n the size of a TFDS set's training split"
        )
    three = (sides.real, sides.held_out, sides.fake)
    return {"memorization_ratio": memorization_ratio(*(s.features for s in three))}


METRICS: dict[str, Callable[[Comparison], Numbers]] = {
    "fid": fid,
    "kid": kid,
    "prdc": prdc,
    "is": inception,
    "modes": modes,
    "swd": swd,
    "mmd": mmd,
    "memorization": memorization,
}


LOWER, HIGHER = "lower", "higher"
BETTER = {
    "frechet_distance": LOWER,
    "kernel_distance": LOWER,
    "kernel_distance_subsets": LOWER,
    "precision": HIGHER,
    "recall": HIGHER,
    "density": HIGHER,
    "coverage": HIGHER,
    "inception_score": HIGHER,
    "modes": HIGHER,
    "robust_modes": HIGHER,
    "confident_modes": HIGHER,
    "classes": HIGHER,
    "high_quality": HIGHER,
    "reverse_kl": LOWER,
    "forward_kl": LOWER,
    "class_reverse_kl": LOWER,
    "kl": LOWER,
    "energy_distance": LOWER,
    "sliced_wasserstein": LOWER,
    "rbf_mmd": LOWER,
    "memorization_ratio": HIGHER,
    "diversity": HIGHER,
}
"""Which way each number is better. Real data bound it on that side: they are the floor
of a number that is better lower, the ceiling of one that is better higher. A standard
error or a deviation has no side."""


def bound_of(name: str) -> str:
    """What the number of real data is to that of samples: floor, ceiling or nothing."""
    return {LOWER: "floor", HIGHER: "ceiling"}.get(BETTER.get(name, ""), "")


LEAST = {"fid": 2, "kid": 4, "prdc": 6, "is": 10, "mmd": 2}
"""How many examples of each side a metric needs; 1 where nothing is said."""


def suited(config: DatasetConfig, extractor: str) -> tuple[str, ...]:
    """The metrics taken where none are asked for."""
    if config.name in TOYS:
        point = config.name in ("dirac", "bilinear")
        return ("swd",) if point else ("modes", "swd", "prdc")
    if extractor == "pixels":
        return ("kid", "prdc")
    if extractor == "inception":
        return ("fid", "kid", "prdc", "is")
    scored = () if config.name == "stacked_mnist" else ("is",)
    return ("fid", "kid", "prdc", *scored, "modes")
