"""The metrics by name: what each is taken of, and the numbers it gives."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_jax.config import DatasetConfig
from gan_jax.data import TOYS, Mixture
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
    sliced_wasserstein,
    stacked_modes,
)

Numbers = dict[str, float]


class Comparison(NamedTuple):
    """What metrics are taken of.

    real, fake: features and probabilities. held_out: reals that no training saw, None
    if there are none. mixture: the density of toy data.
    """

    real: Side
    fake: Side
    held_out: Side | None
    mixture: Mixture | None


def fid(sides: Comparison) -> Numbers:
    """Frechet distance of the features (the FID, if they are Inception's)."""
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
        centres, sigma, _ = sides.mixture
        if not 0 < sigma:
            raise ValueError("metrics modes: the data are points, with no width")
        return mode_report(fake, centres, sigma) | {
            "energy_distance": energy_to_mixture(fake, centres, sigma)
        }
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


def swd(sides: Comparison) -> Numbers:
    """Sliced Wasserstein-1 distance, 128 directions."""
    value = sliced_wasserstein(sides.real.features, sides.fake.features)
    return {"sliced_wasserstein": value}


def memorization(sides: Comparison) -> Numbers:
    """Nearest training example: of fakes over that of held-out examples, in mean."""
    if sides.held_out is None:
        raise ValueError("metrics memorization: there are no held-out examples")
    three = (sides.real, sides.held_out, sides.fake)
    return {"memorization_ratio": memorization_ratio(*(s.features for s in three))}


METRICS: dict[str, Callable[[Comparison], Numbers]] = {
    "fid": fid,
    "kid": kid,
    "prdc": prdc,
    "is": inception,
    "modes": modes,
    "swd": swd,
    "memorization": memorization,
}


def suited(config: DatasetConfig, extractor: str) -> tuple[str, ...]:
    """The metrics taken where none are asked for."""
    if config.name in TOYS:
        return ("modes", "swd", "prdc")
    known = extractor == "cnn" and config.name != "stacked_mnist"
    return ("fid", "kid", "prdc", *(("is", "modes") if known else ("modes",)))
