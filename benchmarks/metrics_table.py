"""What the metrics of results are called, which way is better, and their floors."""

from typing import NamedTuple


class Metric(NamedTuple):
    """floor_text: what a perfect generator would reach, in words."""

    title: str
    lower_is_better: bool
    floor_text: str


METRICS: dict[str, Metric] = {
    "frechet_distance": Metric("Frechet distance", True, "held-out reals"),
    "kl": Metric("KL to uniform", True, "999 / 2n, of n perfect samples"),
    "sliced_wasserstein": Metric("Sliced Wasserstein-1", True, "reals against reals"),
    "kernel_distance": Metric("Kernel distance", True, "0 in mean"),
    "rbf_mmd": Metric("Squared MMD, Gaussian", True, "0 in mean"),
    "kernel_distance_subsets": Metric("Kernel distance, subsets", True, "0 in mean"),
    "distance": Metric("Distance to the equilibrium", True, "0"),
    "spectral_radius": Metric("Contraction factor", True, "under 1: converges"),
    "energy_distance": Metric("Energy distance", True, "0 in mean"),
    "reverse_kl": Metric("Reverse KL of modes", True, "(K - 1) / 2n"),
    "forward_kl": Metric("Forward KL of modes", True, "(K - 1) / 2n"),
    "class_reverse_kl": Metric("Reverse KL of classes", True, "(K - 1) / 2n"),
    "robust_modes": Metric("Robust modes", False, "all modes"),
    "modes": Metric("Modes with one hit", False, "all modes"),
    "confident_modes": Metric("Confident modes", False, "all modes"),
    "classes": Metric("Classes with one hit", False, "all classes"),
    "high_quality": Metric("High-quality share", False, ".9889 in two dimensions"),
    "precision": Metric("Precision", False, "held-out reals"),
    "recall": Metric("Recall", False, "held-out reals"),
    "density": Metric("Density", False, "1 in mean"),
    "coverage": Metric("Coverage", False, ".969 at k = 5"),
    "inception_score": Metric("Inception Score", False, "held-out reals"),
    "memorization_ratio": Metric("Memorization ratio", False, "1 in mean"),
    "diversity": Metric("Diversity", False, "1: as diverse as the data"),
}
