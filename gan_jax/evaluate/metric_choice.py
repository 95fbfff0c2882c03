"""Chooses the metrics that suit the data and the number of their examples."""

from gan_jax.assembly.registry import choose
from gan_jax.config import DatasetConfig
from gan_jax.evaluate.metric import SampleMetric, as_sample_metric
from gan_jax.evaluate.metric_registry import FALLBACK, METRICS, default_metrics


def choose_metrics(
    metrics: tuple[str, ...] | None,
    config: DatasetConfig,
    extractor: str,
    n: int,
    other: DatasetConfig | None,
    size: int,
) -> tuple[dict[str, SampleMetric], tuple[str, ...]]:
    """Return the metrics by name, and notes on those that were left out.

    metrics: the names asked for; None: those that suit the data and their number n.
    other, size: see `examples_needed` and `refuse_few`. Raises ValueError for unknown
    names, and for metrics asked for that need more than n examples.
    """
    names, notes = metrics, ()
    if not names:
        names, notes = keep_affordable(default_metrics(config, extractor), n, other)
    chosen = {
        name: as_sample_metric(choose(METRICS, name, "metrics")) for name in names
    }
    refuse_few(names, n, other, size)
    return chosen, notes


def examples_needed(metric: str, other: DatasetConfig | None) -> int:
    """Return how many examples of the data a metric and its floor need.

    other: the held-out examples that the floor is measured with; None: the floor
    compares one half of the examples with the other half.
    """
    return as_sample_metric(METRICS[metric]).least * (2 if other is None else 1)


def keep_affordable(
    metrics: tuple[str, ...], n: int, other: DatasetConfig | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the metrics that n examples suffice for, and why the others are left out.

    If n suffices for none of them, FALLBACK is returned, which needs least.
    """
    kept = tuple(metric for metric in metrics if examples_needed(metric, other) <= n)
    notes = tuple(
        f"left out {metric}: it needs {examples_needed(metric, other)} examples of the "
        f"data, and there are {n}"
        for metric in metrics
        if metric not in kept
    )
    return kept or (FALLBACK,), notes


def refuse_few(
    metrics: tuple[str, ...], n: int, other: DatasetConfig | None, size: int
) -> None:
    """Raise ValueError for a metric that needs more than n examples.

    size: how many examples there are.
    """
    kept, _ = keep_affordable(metrics, n, other)
    for metric in metrics:
        if (least := examples_needed(metric, other)) > n:
            more = f"--n {least} or more" if least <= size else "more data"
            raise ValueError(
                f"metrics {metric}: needs {least} examples of the data, and there are "
                f"{n}; give {more}, or choose others: --metrics {','.join(kept)}"
            )
