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
    can_extrapolate,
    frechet_distance,
    frechet_extrapolated,
    frechet_of_moments,
    frechet_without_groups,
    merge_moments,
    moments,
    moments_of_chunks,
)
from gan_jax.metrics.jackknife import (
    LEAST_ROWS,
    confidence_interval,
    leave_groups_out,
)
from gan_jax.metrics.kernels import (
    energy_distance,
    kernel_distance,
    kernel_distance_subsets,
    kernel_distance_without_groups,
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
    "LEAST_ROWS",
    "Moments",
    "confidence_interval",
    "diversity",
    "effective_number",
    "energy_distance",
    "energy_to_mixture",
    "can_extrapolate",
    "frechet_distance",
    "frechet_extrapolated",
    "frechet_without_groups",
    "frechet_of_moments",
    "inception_score",
    "kernel_distance",
    "kernel_distance_subsets",
    "kernel_distance_without_groups",
    "leave_groups_out",
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
