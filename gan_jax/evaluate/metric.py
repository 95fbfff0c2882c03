"""What a metric of samples is: its function, its numbers, and what it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gan_jax.data import Mixture
from gan_jax.features import FeatureSet
from gan_jax.traced_metrics import TracedMetric

Numbers = dict[str, float]
"""The numbers of a metric by their names."""
LOWER, HIGHER = "lower", "higher"
"""The two sides on which a number can be better."""


class Comparison(NamedTuple):
    """The data that a metric of samples compares.

    real, fake: features and probabilities of examples and of samples.
    held_out: those of further examples; None if there are none.
    mixture: the density of toy data; None for other data.
    real_is_complete: whether `real` is the whole data set.
    """

    real: FeatureSet
    fake: FeatureSet
    held_out: FeatureSet | None
    mixture: Mixture | None
    real_is_complete: bool = False


class Reference(NamedTuple):
    """What samples are compared with, apart from the samples; see `Comparison`.

    fake_count: how many samples are compared.
    """

    real: FeatureSet
    held_out: FeatureSet | None
    mixture: Mixture | None
    real_is_complete: bool
    fake_count: int


class Number(NamedTuple):
    """What one number of a metric means.

    better: LOWER or HIGHER. Real data bound the number on that side: their number is
        the floor of one that is better lower, the ceiling of one that is better higher.
    title: its name in words.
    floor_text: what a perfect generator reaches, in words.
    """

    better: str
    title: str
    floor_text: str


@dataclass(frozen=True)
class SampleMetric:
    """Everything about a metric of samples; it is called as its `compute` is.

    It needs no more than `compute`; a plain function in METRICS is a metric whose
    numbers have no better side.

    compute: `Comparison -> Numbers`. It raises ValueError for data that do not suit it.
    numbers: The meaning of each number by its name. A standard error or a deviation has
        no better side, and is not listed.
    least: The fewest examples of each side that it can be computed from.
    needs_held_out: Whether it compares with held-out examples, so that these cannot
        take the place of samples to measure its floor.
    prepare: `Reference -> TracedMetric`: the same numbers, computed by JAX on the
        device, to 1e-4. Training computes them on the host where this field is None,
        or the function returns None.
    without_groups: `Comparison -> {number: values}`: distances without each group of
        samples, from which their intervals are taken (`gan_jax.metrics.jackknife`);
        None: no number has an interval.
    """

    compute: Callable[[Comparison], Numbers]
    numbers: Mapping[str, Number] = field(default_factory=dict)
    least: int = 1
    needs_held_out: bool = False
    prepare: Callable[[Reference], TracedMetric | None] | None = None
    without_groups: Callable[[Comparison], dict[str, list[float]]] | None = None

    def __call__(self, comparison: Comparison) -> Numbers:
        return self.compute(comparison)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.compute.__doc__)


def as_sample_metric(entry: Any) -> SampleMetric:
    """Return an entry of METRICS, which may be a plain function, with its facts."""
    return entry if isinstance(entry, SampleMetric) else SampleMetric(entry)
