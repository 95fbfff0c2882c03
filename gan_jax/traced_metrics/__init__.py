"""Metrics of samples that JAX computes on the device: only numbers come back.

Each is prepared once from what does not change (the examples, a mixture), and is then a
pure function of one GAN's fakes that can be traced, compiled, and vmapped over GANs.
They compute in float32 with sums that keep their errors; the float64 functions of
`gan_jax.metrics` are the reference, and the numbers agree with them to 1e-4.
"""

from gan_jax.traced_metrics.classes import (
    prepare_class_hits,
    prepare_inception_score,
    prepare_stacked_modes,
)
from gan_jax.traced_metrics.distances import (
    prepare_diversity,
    prepare_effective_number,
    prepare_rbf_mmd,
    prepare_sliced_wasserstein,
)
from gan_jax.traced_metrics.kernel_distances import (
    prepare_kernel_distance,
    prepare_kernel_distance_subsets,
)
from gan_jax.traced_metrics.metric import (
    Fakes,
    TracedMetric,
    change_numbers,
    join_metrics,
)
from gan_jax.traced_metrics.mixtures import (
    prepare_energy_to_mixture,
    prepare_mode_report,
)
from gan_jax.traced_metrics.moments import prepare_frechet_distance
from gan_jax.traced_metrics.neighbours import (
    prepare_memorization_ratio,
    prepare_nearest_distance,
    prepare_precision_recall,
)

__all__ = [
    "Fakes",
    "TracedMetric",
    "change_numbers",
    "join_metrics",
    "prepare_class_hits",
    "prepare_diversity",
    "prepare_effective_number",
    "prepare_energy_to_mixture",
    "prepare_frechet_distance",
    "prepare_inception_score",
    "prepare_kernel_distance",
    "prepare_kernel_distance_subsets",
    "prepare_memorization_ratio",
    "prepare_mode_report",
    "prepare_nearest_distance",
    "prepare_precision_recall",
    "prepare_rbf_mmd",
    "prepare_sliced_wasserstein",
    "prepare_stacked_modes",
]
