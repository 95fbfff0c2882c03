"""From samples to numbers that can be compared: features, metrics, fingerprint."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import choose
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import TOYS, Mixture, fields_of
from gan_jax.evaluate.metric_registry import LEAST, METRICS, Comparison, Numbers, suited
from gan_jax.evaluate.reference import count_of, held_out, real_side, split_of
from gan_jax.features import EXTRACTORS, Extractor, Side, natural, side
from gan_jax.types import Array
from gan_jax.version import versions

Fingerprint = dict[str, Any]
Sampler = Callable[[int, int], Array | np.ndarray]
"""`(first, count)` to the samples from the first on."""

TRIED = 100
"""Examples on which metrics are tried before anything is measured."""


class Yardstick(NamedTuple):
    """What samples are compared with, and how.

    n: examples of each side. real, others: features of examples and of held-out ones
    (None: there are none). whole: whether `real` is all there is. batch: samples made
    at a time. notes: which metrics were left out, and why.
    """

    n: int
    batch: int
    tool: Extractor
    metrics: dict[str, Callable[[Comparison], Numbers]]
    real: Side
    others: Side | None
    mixture: Mixture | None
    whole: bool
    fingerprint: Fingerprint
    notes: tuple[str, ...] = ()


def yardstick(
    config: Config,
    metrics: tuple[str, ...] | None = None,
    n: int | None = None,
    extractor: str | None = None,
    weights: str | None = None,
    *,
    split: str | None = None,
    tick: Callable[[int], None] = lambda count: None,
) -> Yardstick:
    """Choose, check and prepare what samples of a run are compared with.

    metrics: names of METRICS; None: those that suit the data and their number. n:
    examples of each side; None: 2,500 of toys, else 10,000 or all. extractor: of
    EXTRACTORS; None: cnn where the data have a classifier, else pixels. weights:
    Inception's file. split: the part compared with; None: what was trained on. tick:
    told of examples seen. Raises ValueError for names, counts and files that cannot be,
    and metrics that do not suit.
    """
    own = dataclasses.replace(config.dataset, flip=False)
    if split is not None and split_of(own) == "all":
        raise ValueError(f"split {split!r}: {own.name} has no splits; leave it out")
    own = dataclasses.replace(own, split=split or own.split)
    data = find_dataset(Config(dataset=own))
    n = count_of(own, data, n)
    name = extractor or natural(own)
    other = held_out(config.dataset, own)
    wanted, notes = (metrics, ()) if metrics else taken(suited(own, name), n, other)
    computed = {metric: choose(METRICS, metric, "metrics") for metric in wanted}
    refuse_few(wanted, n, other, data.spec.size)
    tool = choose(EXTRACTORS, name, "extractor")(own, weights)
    (real, content), others = real_side(tool, own, n, 0, tick), None
    if other is not None:
        others, _ = real_side(tool, dataclasses.replace(other, flip=False), n, 1, tick)
    made = Yardstick(
        n,
        min(tool.batch, config.batch_size),
        tool,
        computed,
        real,
        others,
        TOYS[own.name](own) if own.name in TOYS else None,
        n == data.spec.size,
        fingerprint(tool, own, n, content),
        notes,
    )
    try_out(made)
    return made


def least_n(metric: str, other: DatasetConfig | None) -> int:
    """From how many examples on a metric and its floor can be taken.

    other: the held-out examples that the floor is of; None: the floor compares one half
    of the examples with the other half.
    """
    return LEAST.get(metric, 1) * (2 if other is None else 1)


def taken(
    metrics: tuple[str, ...], n: int, other: DatasetConfig | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those metrics that can be taken of n examples, and why the others cannot.

    Where none can be, the sliced Wasserstein distance, which needs least.
    """
    kept = tuple(metric for metric in metrics if least_n(metric, other) <= n)
    notes = tuple(
        f"left out {metric}: it needs {least_n(metric, other)} examples of the data, "
        f"and there are {n}"
        for metric in metrics
        if metric not in kept
    )
    return kept or ("swd",), notes


def refuse_few(
    metrics: tuple[str, ...], n: int, other: DatasetConfig | None, size: int
) -> None:
    """A ValueError for a metric that cannot be taken of so few examples."""
    kept, _ = taken(metrics, n, other)
    for metric in metrics:
        if (least := least_n(metric, other)) > n:
            more = f"--n {least} or more" if least <= size else "more data"
            raise ValueError(
                f"metrics {metric}: needs {least} examples of the data, and there are "
                f"{n}; give {more}, or choose others: --metrics {','.join(kept)}"
            )


def try_out(measure: Yardstick) -> None:
    """A ValueError for metrics that cannot be taken of such data."""
    some = first(measure.real, min(measure.n, TRIED))
    others = measure.others and first(measure.others, TRIED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sides = Comparison(some, some, others, measure.mixture, measure.whole)
        numbers(measure.metrics, sides)


def fake_side(measure: Yardstick, sample: Sampler) -> Side:
    """The features of n samples."""
    n, batch = measure.n, measure.batch
    parts = (sample(i, min(batch, n - i)) for i in range(0, n, batch))
    return side(measure.tool, parts)


def compare(measure: Yardstick, fake: Side) -> Numbers:
    """The metrics of n samples."""
    return numbers(
        measure.metrics,
        Comparison(measure.real, fake, measure.others, measure.mixture, measure.whole),
    )


def floor(measure: Yardstick) -> Numbers:
    """The metrics of held-out reals in place of samples, and their number n.

    Where there are none, of one half of the reals against the other.
    """
    real, others = measure.real, measure.others
    if others is None:
        half = measure.n // 2
        others = first(real, half, half)
    n = len(others.features)
    sides = Comparison(first(real, n), others, None, measure.mixture)
    metrics = {k: v for k, v in measure.metrics.items() if k != "memorization"}
    return numbers(metrics, sides) | {"n": n}


def evaluate(
    measure: Yardstick,
    sample: Sampler | None,
    about: dict[str, Any],
    least: Numbers | None = None,
) -> dict[str, Any]:
    """Compare samples with the data they should be like.

    sample: None to measure the floor alone. about: how the samples were made (EMA or
    not, seed). least: the floor, where it is known already. Returns `metrics`, the
    `floor` (what a perfect generator would reach, if its n is theirs), `warnings`, and
    the `fingerprint`: only numbers with one fingerprint are comparable.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        found = None if sample is None else compare(measure, fake_side(measure, sample))
        least = floor(measure) if least is None else least
    said = [*measure.notes, *sorted({str(one.message) for one in told})]
    if least["n"] != measure.n:
        said.append(
            f"the floor is of {least['n']:.0f} examples, the samples are {measure.n}: "
            "distances shrink as n grows, so it is no floor for them"
        )
    mark = measure.fingerprint | about
    return {"metrics": found, "floor": least, "warnings": said, "fingerprint": mark}


def numbers(
    metrics: dict[str, Callable[[Comparison], Numbers]], sides: Comparison
) -> Numbers:
    found: Numbers = {}
    for compute in metrics.values():
        found |= compute(sides)
    return found


def first(one: Side, count: int, start: int = 0) -> Side:
    part, p = slice(start, start + count), one.probabilities
    return Side(one.features[part], None if p is None else p[part])


def fingerprint(
    tool: Extractor, config: DatasetConfig, n: int, content: str
) -> Fingerprint:
    """All that two numbers must share to be compared."""
    fields = fields_of(config.name)
    left_out = ("flip", "skip_bad", "device_limit", "split")
    return {
        "extractor": tool.name,
        "weights": tool.weights,
        "about": tool.about,
        "resize": tool.resize,
        "dtype": "float32",
        "backend": jax.default_backend(),
        "n_real": n,
        "n_fake": n,
        "dataset": config.name,
        "split": split_of(config),
        "content": content[:16],
        **{f: getattr(config, f) for f in fields if f not in left_out},
        "versions": versions("jax", "numpy"),
    }


def require_one_fingerprint(rows: list[dict[str, Any]]) -> Fingerprint:
    """The fingerprint that results of `evaluate` share, or a ValueError.

    What goes into one column of a table must be comparable.
    """
    one, *others = (row["fingerprint"] for row in rows)
    for other in others:
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                raise ValueError(
                    f"{name}: {one.get(name)!r} and {other.get(name)!r} are not "
                    "comparable; evaluate all of them alike"
                )
    return one
