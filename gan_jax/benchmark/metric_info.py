"""The metrics of results: their titles, which way is better, and their floors."""

from typing import NamedTuple

from gan_jax.evaluate.metric_registry import BETTER, LOWER


class MetricInfo(NamedTuple):
    """What a report says about a metric.

    floor_text: what a perfect generator would reach, in words.
    """

    title: str
    lower_is_better: bool
    floor_text: str


TITLES_AND_FLOORS = {
    "frechet_distance": ("Frechet distance", "held-out reals"),
    "kl": ("KL to uniform", "999 / 2n, of n perfect samples"),
    "sliced_wasserstein": ("Sliced Wasserstein-1", "reals against reals"),
    "kernel_distance": ("Kernel distance", "0 in mean"),
    "rbf_mmd": ("Squared MMD, Gaussian", "0 in mean"),
    "kernel_distance_subsets": ("Kernel distance, subsets", "0 in mean"),
    "distance": ("Distance to the equilibrium", "0"),
    "spectral_radius": ("Contraction factor", "under 1: converges"),
    "energy_distance": ("Energy distance", "0 in mean"),
    "reverse_kl": ("Reverse KL of modes", "(K - 1) / 2n"),
    "forward_kl": ("Forward KL of modes", "(K - 1) / 2n"),
    "class_reverse_kl": ("Reverse KL of classes", "(K - 1) / 2n"),
    "robust_modes": ("Robust modes", "all modes"),
    "modes": ("Modes with one hit", "all modes"),
    "confident_modes": ("Confident modes", "all modes"),
    "classes": ("Classes with one hit", "all classes"),
    "high_quality": ("High-quality share", ".9889 in two dimensions"),
    "precision": ("Precision", "held-out reals"),
    "recall": ("Recall", "held-out reals"),
    "density": ("Density", "1 in mean"),
    "coverage": ("Coverage", ".969 at k = 5"),
    "inception_score": ("Inception Score", "held-out reals"),
    "memorization_ratio": ("Memorization ratio", "1 in mean"),
    "diversity": ("Diversity", "1: as diverse as the data"),
}
"""The title and the floor of each metric, in words."""
GAME_NUMBERS = {"distance", "spectral_radius"}
"""Numbers of exact games; lower is better."""
METRIC_INFO: dict[str, MetricInfo] = {
    name: MetricInfo(title, name in GAME_NUMBERS or BETTER[name] == LOWER, floor_text)
    for name, (title, floor_text) in TITLES_AND_FLOORS.items()
}
