"""Quality of samples: pure functions of features `[N, F]`, with no opinion on them.

A number means something only beside its extractor, counts and floor (the same metric of
real against real). float64 stays float64, on the host; float32 may be computed on an
accelerator (see `inputs`).
"""

from gan_jax.metrics.classes import inception_score, stacked_modes
from gan_jax.metrics.diversity import diversity, effective_number
from gan_jax.metrics.frechet import (
    Moments,
    frechet_distance,
    frechet_of_moments,
    merge_moments,
    moments,
    moments_of_chunks,
)
from gan_jax.metrics.kernels import (
    energy_distance,
    kernel_distance,
    kernel_distance_subsets,
    median_distance,
    rbf_mmd,
    sliced_wasserstein,
)
from gan_jax.metrics.mixtures import energy_to_mixture, mode_report
from gan_jax.metrics.nearest_neighbours import (
    memorization_ratio,
    nearest_distances,
    nearest_others,
    precision_recall,
)

__all__ = [
    "Moments",
    "diversity",
    "effective_number",
    "energy_distance",
    "energy_to_mixture",
    "frechet_distance",
    "frechet_of_moments",
    "inception_score",
    "kernel_distance",
    "kernel_distance_subsets",
    "median_distance",
    "memorization_ratio",
    "merge_moments",
    "mode_report",
    "moments",
    "moments_of_chunks",
    "nearest_distances",
    "nearest_others",
    "precision_recall",
    "rbf_mmd",
    "sliced_wasserstein",
    "stacked_modes",
]
