"""The metrics of results: their titles, which way is better, and their floors."""

from typing import NamedTuple

from gan_jax.evaluate.metric import LOWER, Number
from gan_jax.evaluate.metric_registry import known_numbers


class MetricInfo(NamedTuple):
    """What a report says about a metric.

    floor_text: what a perfect generator would reach, in words.
    """

    title: str
    lower_is_better: bool
    floor_text: str


GAME_NUMBERS = {
    "distance": Number(LOWER, "Distance to the equilibrium", "0"),
    "spectral_radius": Number(LOWER, "Contraction factor", "under 1: converges"),
}
"""The numbers of exact games."""
ORDER = (
    "frechet_distance",
    "kl",
    "sliced_wasserstein",
    "kernel_distance",
    "rbf_mmd",
    "kernel_distance_subsets",
    "distance",
    "spectral_radius",
    "energy_distance",
    "reverse_kl",
    "forward_kl",
    "class_reverse_kl",
    "robust_modes",
    "modes",
    "confident_modes",
    "classes",
    "high_quality",
    "precision",
    "recall",
    "density",
    "coverage",
    "inception_score",
    "memorization_ratio",
    "diversity",
)
"""The order of the numbers: the first that a task has scores it. Others follow."""
NUMBERS = known_numbers() | GAME_NUMBERS
METRIC_INFO: dict[str, MetricInfo] = {
    name: MetricInfo(number.title, number.better == LOWER, number.floor_text)
    for name in dict.fromkeys((*ORDER, *NUMBERS))
    for number in [NUMBERS[name]]
}
