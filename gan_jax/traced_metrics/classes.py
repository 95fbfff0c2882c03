"""Metrics of the class probabilities of fakes.

The traced forms of `gan_jax.metrics.inception_score`, of `stacked_modes`, and of the
classes that are found.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.classes import (
    STACKED_CLASSES,
    SURE,
    entropy_terms,
    report_stacked_modes,
)
from gan_jax.traced_metrics.metric import Fakes, Fetched, Numbers, Sums, TracedMetric
from gan_jax.traced_metrics.sums import join_parts, sum_with_error


def require_probabilities(fakes: Fakes) -> jax.Array:
    """Return the class probabilities of the fakes, which must have them."""
    assert fakes.probabilities is not None
    return fakes.probabilities


def prepare_inception_score(splits: int = 10) -> TracedMetric:
    """Prepare `gan_jax.metrics.inception_score`; see there."""

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        p = require_probabilities(fakes)
        terms = p * jnp.log(jnp.where(p > 0, p, 1))
        bounds = [i * len(p) // splits for i in range(splits + 1)]
        parts = [slice(*pair) for pair in zip(bounds[:-1], bounds[1:], strict=True)]
        return {
            "terms": jnp.stack([sum_with_error(terms[s].sum(axis=1)) for s in parts]),
            "classes": jnp.stack([sum_with_error(p[s].T) for s in parts]),
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        bounds = np.array([i * count // splits for i in range(splits + 1)])
        sizes = np.diff(bounds)
        marginal = join_parts(sums["classes"]) / sizes[:, None]
        conditional = join_parts(sums["terms"]) / sizes
        scores = np.exp(conditional - entropy_terms(marginal).sum(axis=1))
        return {
            "inception_score": float(scores.mean()),
            "inception_score_deviation": float(scores.std()),
        }

    return TracedMetric((), measure, finish)


def count_classes(
    labels: jax.Array, count: int, counted: jax.Array | None = None
) -> jax.Array:
    """Return how often each of the labels 0 to count - 1 occurs, `[count]` int32.

    counted: which of the labels `[N]` count; None: all.
    """
    ones = 1 if counted is None else counted.astype(jnp.int32)
    return jnp.zeros(count, jnp.int32).at[labels].add(ones)


def prepare_stacked_modes() -> TracedMetric:
    """Prepare `gan_jax.metrics.stacked_modes` of probabilities `[N, 3, 10]`."""

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        p = require_probabilities(fakes)
        labels = p.argmax(axis=2) @ jnp.array([100, 10, 1])
        sure = p.max(axis=2).prod(axis=1) >= SURE
        return {
            "hits": count_classes(labels, STACKED_CLASSES),
            "sure_hits": count_classes(labels, STACKED_CLASSES, sure),
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        return report_stacked_modes(sums["hits"], sums["sure_hits"])

    return TracedMetric((), measure, finish)


def prepare_class_hits(
    classes: int, report: Callable[[np.ndarray], Numbers]
) -> TracedMetric:
    """Prepare the report of how many fakes are likeliest of each class, `[K]`."""

    def measure(constants: tuple, fakes: Fakes) -> Sums:
        labels = require_probabilities(fakes).argmax(axis=1)
        return {"hits": count_classes(labels, classes)}

    def finish(sums: Fetched, count: int) -> Numbers:
        return report(sums["hits"])

    return TracedMetric((), measure, finish)
