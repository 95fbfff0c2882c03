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
    size: int,
) -> tuple[dict[str, SampleMetric], tuple[str, ...]]:
    """Return the metrics by name, and notes on those that were left out.

    metrics: the names asked for; None: those that suit the data and their number n.
    size: how many examples there are. Raises ValueError for unknown names, and for
    metrics asked for that need more than n examples of each side.
    """
    names, notes = metrics, ()
    if not names:
        names, notes = keep_affordable(default_metrics(config, extractor), n)
    chosen = {
        name: as_sample_metric(choose(METRICS, name, "metrics")) for name in names
    }
    refuse_few(names, n, size)
    return chosen, notes


def keep_affordable(
    metrics: tuple[str, ...], n: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the metrics that n examples suffice for, and why the others are left out.

    If n suffices for none of them, FALLBACK is returned, which needs least.
    """
    least = {name: as_sample_metric(METRICS[name]).least for name in metrics}
    kept = tuple(name for name in metrics if least[name] <= n)
    notes = tuple(
        f"left out {name}: it needs {least[name]} examples of each side, and there "
        f"are {n}"
        for name in metrics
        if name not in kept
    )
    return kept or (FALLBACK,), notes


def refuse_few(metrics: tuple[str, ...], n: int, size: int) -> None:
    """Raise ValueError for a metric that needs more than n examples.

    size: how many examples there are.
    """
    kept, _ = keep_affordable(metrics, n)
    for metric in metrics:
        if (least := as_sample_metric(METRICS[metric]).least) > n:
            more = f"--n {least} or more" if least <= size else "more data"
            raise ValueError(
                f"metrics {metric}: needs {least} examples of each side, and there are "
                f"{n}; give {more}, or choose others: --metrics {','.join(kept)}"
            )
