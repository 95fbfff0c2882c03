"""Metrics of the class probabilities that a classifier gives to samples."""

import numpy as np

from gan_jax.metrics.inputs import Features, check_features, to_float64

STACKED_CLASSES = 1000
SURE = 0.5
"""The least joint confidence of a confident triple of digits."""


def entropy_terms(p: np.ndarray) -> np.ndarray:
    """Return `p log p`, which is 0 at 0."""
    return p * np.log(np.where(p > 0, p, 1))


def inception_score(
    probabilities: Features, *, splits: int = 10
) -> tuple[float, float]:
    """Inception Score: `exp(mean_i KL(p(y | x_i) || p(y)))`, mean and std over splits.

    probabilities: `[N, C]`, rows of a softmax; p(y) is their mean within a split. The
    splits are consecutive and as equal as possible, and the std is the population's.
    Nothing is shuffled: samples that are sorted by class score too low, so shuffle
    them. The score is computed in float64.

    Raises ValueError on NaN, infinity, rows that are not probabilities, splits outside
    1 to N. Salimans et al. 2016, arXiv 1606.03498.
    """
    p = to_float64(check_features("probabilities", probabilities))
    wrong = int(((p < 0).any(axis=1) | (abs(p.sum(axis=1) - 1) > 1e-3)).sum())
    if wrong:
        raise ValueError(
            f"{wrong} of {len(p)} rows of probabilities are negative or do not sum to "
            "1; give a softmax's output, not logits"
        )
    if not 1 <= splits <= len(p):
        raise ValueError(
            f"splits {splits}; 1 to {len(p)} are allowed for {len(p)} rows"
        )
    scores = []
    for i in range(splits):
        part = p[i * len(p) // splits : (i + 1) * len(p) // splits]
        conditional = entropy_terms(part).sum(axis=1).mean()
        scores.append(np.exp(conditional - entropy_terms(part.mean(axis=0)).sum()))
    return float(np.mean(scores)), float(np.std(scores))


def triple_labels(predictions: Features) -> np.ndarray:
    """Return the label, 0 to 999, of each triple of digits: `[N, 3] -> [N]`."""
    digits = np.asarray(predictions)
    if digits.ndim != 2 or digits.shape[1] != 3 or not len(digits):
        raise ValueError(f"predictions have shape {digits.shape}; [N, 3] is needed")
    if not (np.isin(digits, np.arange(10))).all():
        raise ValueError("predictions hold other values than the digits 0 to 9")
    return digits.astype(np.int64) @ np.array([100, 10, 1])


def stacked_modes(
    predictions: Features, confidences: Features | None = None
) -> dict[str, float]:
    """Modes of Stacked MNIST: how many of 1,000 are found, and `KL(p_gen || uniform)`.

    predictions: `[N, 3]`, the digit that a classifier sees in each channel.
    confidences: `[N, 3]`, the probability that it gives this digit; their product is
    the joint one. The numbers are:
    - modes: classes with at least one sample, the literature's count;
    - confident_modes (with confidences): classes with at least 3 samples of joint
      confidence at least .5, which stray samples and guesses do not fill;
    - kl: `sum_c p_c log(1000 p_c)` over the shares p_c of all samples, unsmoothed.

    The KL of a perfect generator is not 0 but about 999 / 2N: 26,000 triples of real
    digits score .0236 +- .0010. Raises ValueError on other shapes, digits, confidences.
    Metz et al. 2017, arXiv 1611.02163; Lin et al. 2018, arXiv 1712.04086.
    """
    triples = triple_labels(predictions)
    hits = np.bincount(triples, minlength=STACKED_CLASSES)
    if confidences is None:
        return report_stacked_modes(hits, None)
    sure = np.asarray(confidences, np.float64)
    if sure.shape != (len(triples), 3) or not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError(
            f"confidences have shape {sure.shape}; ({len(triples)}, 3) within [0, 1] "
            "is needed"
        )
    sure_hits = np.bincount(
        triples[sure.prod(axis=1) >= SURE], minlength=STACKED_CLASSES
    )
    return report_stacked_modes(hits, sure_hits)


def report_stacked_modes(
    hits: np.ndarray, sure_hits: np.ndarray | None
) -> dict[str, float]:
    """Return the numbers of `stacked_modes` from its counts `[1000]`.

    hits, sure_hits: the samples of each class, and those of joint confidence at least
    .5 (None: confidences are not known).
    """
    kl = entropy_terms(hits / hits.sum()).sum() + np.log(STACKED_CLASSES)
    report: dict[str, float] = {"modes": int((hits > 0).sum()), "kl": float(kl)}
    if sure_hits is None:
        return report
    return report | {"confident_modes": int((sure_hits >= 3).sum())}
