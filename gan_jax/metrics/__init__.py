"""The quality of samples as pure functions of their features `[N, F]`.

A number means something only beside its extractor, its counts and its floor (the same
metric of real against real). float64 features are computed on the host in float64;
float32 features may be computed on an accelerator (see `inputs`). The metrics that a
run can be measured with are registered in `gan_jax.evaluate.metric_registry`.
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
from gan_jax.metrics.mixtures import (
    energy_to_mixture,
    mode_report,
    quality_radius,
)
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
    "quality_radius",
    "rbf_mmd",
    "sliced_wasserstein",
    "stacked_modes",
]
