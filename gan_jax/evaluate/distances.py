"""The metrics of samples that are distances between two sets of features.

Their entries stand in `gan_jax.evaluate.metric_registry`.
"""

from collections.abc import Callable

from gan_jax.evaluate.metric import Comparison, Numbers
from gan_jax.metrics import (
    can_extrapolate,
    frechet_distance,
    frechet_extrapolated,
    frechet_without_groups,
    kernel_distance,
    kernel_distance_subsets,
    rbf_mmd,
    sliced_wasserstein,
)

WIDEST = 4096
"""The most features that a Frechet distance is computed of: its cost is their cube."""


def fid(sides: Comparison) -> Numbers:
    """Frechet distance: `|m - m'|^2 + tr(S + S' - 2 (S S')^1/2)` of features' moments.

    It is the FID if the features are Inception's. Heusel et al. 2017, arXiv 1706.08500.
    """
    refuse_wide("fid", sides)
    value = frechet_distance(sides.real.features, sides.fake.features)
    return {"frechet_distance": value}


def extrapolated_fid(sides: Comparison) -> Numbers:
    """Frechet distance at infinitely many samples: `a` of `D_N = a + b / N`.

    The line goes through the distances of all samples and of halves, thirds and
    quarters of both sides. Chong and Forsyth 2020, arXiv 1911.07023.
    """
    refuse_wide("frechet_extrapolated", sides)
    value = frechet_extrapolated(sides.real.features, sides.fake.features)
    return {"frechet_extrapolated": value}


def extrapolated_fid_without_groups(sides: Comparison) -> dict[str, list[float]]:
    """Return the `without_groups` of `extrapolated_fid`: that of the plain distance.

    To first order in 1 / n both have the same error. There are none where the samples
    are too few for the law `a + b / N`: the value is then biased, and no interval about
    it holds.
    """
    real, fake = sides.real.features, sides.fake.features
    if not can_extrapolate(real, fake):
        return {}
    return {"frechet_extrapolated": frechet_without_groups(real, fake)}


def refuse_wide(metric: str, sides: Comparison) -> None:
    """Raise ValueError for more features than a Frechet distance is computed of."""
    width = sides.real.features.shape[1]
    if width > WIDEST:
        raise ValueError(
            f"metrics {metric}: {width} features, at most {WIDEST} can be; choose the "
            "extractor cnn, lite0 or inception, or leave it out"
        )


def kid(sides: Comparison) -> Numbers:
    """Unbiased kernel distance: MMD^2 with `k(x, y) = (x.y / F + 1)^3`.

    It is computed of all samples, and as the mean over 100 subsets of 1,000 (at most
    half of the samples). Binkowski et al. 2018, arXiv 1801.01401.
    """
    real, fake = sides.real.features, sides.fake.features
    size = min(1000, len(real) // 2, len(fake) // 2)
    mean, error = kernel_distance_subsets(real, fake, size=size)
    return {
        "kernel_distance": kernel_distance(real, fake),
        "kernel_distance_subsets": mean,
        "kernel_distance_standard_error": error,
    }


def swd(sides: Comparison) -> Numbers:
    """Sliced Wasserstein-1 distance: `mean_u W1(u.x, u.y)` over 128 directions u.

    Rabin et al. 2011, doi 10.1007/978-3-642-24785-9_37.
    """
    value = sliced_wasserstein(sides.real.features, sides.fake.features)
    return {"sliced_wasserstein": value}


def mmd(sides: Comparison) -> Numbers:
    """Unbiased MMD^2 with `k(x, y) = mean_h exp(-|x - y|^2 / (2 h^2))`.

    The bandwidths h lie about the median distance of reals. Gretton et al. 2012, JMLR
    13.
    """
    return {"rbf_mmd": rbf_mmd(sides.real.features, sides.fake.features)}


def name_values_without_groups(
    name: str, groups: Callable
) -> Callable[[Comparison], dict]:
    """Return the `without_groups` of a number.

    groups: `(real [N, F], fake [M, F]) -> values` without each group of both.
    """
    return lambda sides: {name: groups(sides.real.features, sides.fake.features)}
