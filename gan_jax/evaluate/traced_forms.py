"""The traced forms of the metrics of samples: `Reference -> TracedMetric`.

Each computes the same numbers as the metric of its name in METRICS, on the device. The
data have been found to suit the metric before.
"""

import jax
import numpy as np

from gan_jax.data import Mixture, distinct_centres, has_modes
from gan_jax.evaluate.metric import Numbers, Reference
from gan_jax.traced_metrics import (
    TracedMetric,
    change_numbers,
    join_metrics,
    prepare_class_hits,
    prepare_energy_to_mixture,
    prepare_frechet_distance,
    prepare_inception_score,
    prepare_kernel_distance,
    prepare_kernel_distance_subsets,
    prepare_memorization_ratio,
    prepare_mode_report,
    prepare_precision_recall,
    prepare_rbf_mmd,
    prepare_sliced_wasserstein,
    prepare_stacked_modes,
)


def prepare_fid(reference: Reference) -> TracedMetric:
    """Prepare the Frechet distance, whose moments the device computes."""
    return prepare_frechet_distance(reference.real.features)


def prepare_kid(reference: Reference) -> TracedMetric:
    """Prepare the kernel distance over all pairs and over subsets."""
    real, count = reference.real.features, reference.fake_count
    size = min(1000, len(real) // 2, count // 2)
    return join_metrics(
        prepare_kernel_distance(real),
        prepare_kernel_distance_subsets(real, count, size=size),
    )


def prepare_prdc(reference: Reference) -> TracedMetric:
    """Prepare precision, recall, density and coverage at k = 5."""
    return prepare_precision_recall(reference.real.features)


def prepare_inception(reference: Reference) -> TracedMetric:
    """Prepare the Inception Score over 10 splits."""
    return prepare_inception_score()


def prepare_modes(reference: Reference) -> TracedMetric:
    """Prepare the modes covered: of a mixture, of Stacked MNIST, or of classes."""
    if reference.mixture is not None:
        return prepare_toy_modes(reference.mixture)
    p = reference.real.probabilities
    assert p is not None
    if p.ndim == 3:
        return prepare_stacked_modes()
    real_hits = np.bincount(p.argmax(axis=1), minlength=p.shape[1])
    return prepare_class_hits(p.shape[1], lambda hits: report_classes(real_hits, hits))


def prepare_toy_modes(mixture: Mixture) -> TracedMetric:
    """Prepare the numbers of the mode report and the energy distance to the density."""
    centres, weights = distinct_centres(mixture)
    report = prepare_mode_report(centres, mixture.sigma, weights=weights)
    if not has_modes(mixture):
        report = change_numbers(
            report, lambda found: {"high_quality": found["high_quality"]}
        )
    energy = prepare_energy_to_mixture(centres, mixture.sigma, weights=weights)
    return join_metrics(report, energy)


def report_classes(real_hits: np.ndarray, hits: np.ndarray) -> Numbers:
    """Return the classes found, and `KL(q || p)` of their shares, each smoothed by 1/K.

    real_hits, hits: the examples and the samples of each class, `[K]`.
    """
    count = len(hits)
    q = (hits + 1 / count) / (hits.sum() + 1)
    weights = real_hits + 1 / count
    return {
        "classes": int((hits > 0).sum()),
        "class_reverse_kl": float(np.sum(q * np.log(q / (weights / weights.sum())))),
    }


def prepare_swd(reference: Reference) -> TracedMetric | None:
    """Prepare the sliced Wasserstein-1 distance over 128 directions; None on CPU.

    There NumPy, on the host, sorts 25,000 numbers 40 times as fast as XLA.
    """
    if jax.default_backend() == "cpu":
        return None
    return prepare_sliced_wasserstein(reference.real.features)


def prepare_mmd(reference: Reference) -> TracedMetric:
    """Prepare the squared MMD of Gaussian kernels."""
    return prepare_rbf_mmd(reference.real.features)


def prepare_memorization(reference: Reference) -> TracedMetric:
    """Prepare the memorization ratio."""
    assert reference.held_out is not None
    return prepare_memorization_ratio(
        reference.real.features, reference.held_out.features
    )
