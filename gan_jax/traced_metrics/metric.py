"""What a traced metric is, and the fakes that it is computed of."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

Sums = dict[str, jax.Array]
"""What the device computes of one GAN: sums and counts by name."""
Fetched = dict[str, np.ndarray]
"""The same sums and counts on the host."""
Numbers = dict[str, float]
"""The numbers of a metric by their names."""


class Fakes(NamedTuple):
    """The fakes of one GAN, as a metric sees them.

    features: `[N, F]` float32.
    probabilities: of the classes, `[N, K]` or, of examples made of P parts,
        `[N, P, K]`; None without a classifier.
    """

    features: jax.Array
    probabilities: jax.Array | None = None


class TracedMetric(NamedTuple):
    """A metric of fakes that JAX computes, prepared for one set of examples.

    constants: what does not change from GAN to GAN, such as the examples: a tree of
        arrays that is placed on the device once.
    measure: `(constants, fakes) -> sums`, a pure function of one GAN's fakes that can
        be traced and vmapped over the fakes. It returns no more than the metric's
        numbers need, in float32 or int32.
    finish: `(sums, number of fakes) -> numbers`, on the host in float64.
    """

    constants: Any
    measure: Callable[[Any, Fakes], Sums]
    finish: Callable[[Fetched, int], Numbers]

    def __call__(self, fakes: Fakes) -> Numbers:
        """Return the numbers of one GAN's fakes."""
        sums = jax.device_get(self.measure(self.constants, fakes))
        return self.finish(sums, len(fakes.features))


def join_metrics(*metrics: TracedMetric) -> TracedMetric:
    """Return one metric with the numbers of all."""

    def measure(constants: Any, fakes: Fakes) -> Sums:
        return {
            f"{turn}.{name}": value
            for turn, (metric, own) in enumerate(zip(metrics, constants, strict=True))
            for name, value in metric.measure(own, fakes).items()
        }

    def finish(sums: Fetched, count: int) -> Numbers:
        numbers: Numbers = {}
        for turn, metric in enumerate(metrics):
            head = f"{turn}."
            own = {
                name.removeprefix(head): value
                for name, value in sums.items()
                if name.startswith(head)
            }
            numbers |= metric.finish(own, count)
        return numbers

    return TracedMetric(tuple(m.constants for m in metrics), measure, finish)


def change_numbers(
    metric: TracedMetric, change: Callable[[Numbers], Numbers]
) -> TracedMetric:
    """Return the metric with its numbers changed on the host."""

    def finish(sums: Fetched, count: int) -> Numbers:
        return change(metric.finish(sums, count))

    return metric._replace(finish=finish)
