"""What is measured of the samples while a run goes on."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from gan_jax.assembly.registry import choose
from gan_jax.config import Config
from gan_jax.data import Dataset, batch_indices, label_shares
from gan_jax.evaluate.evaluator import (
    Evaluator,
    make_evaluator,
    sample_features,
    score_features,
)
from gan_jax.evaluate.gan_metrics import (
    PROBES,
    gan_metric_inputs,
    refuse_unmeasurable,
    restore_key,
)
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.evaluate.sample_quality import make_quality_measure
from gan_jax.features import EXTRACTORS
from gan_jax.gan import Gan
from gan_jax.logs.sample_plots import sampler
from gan_jax.metrics import diversity
from gan_jax.parallel.ensemble import members_apart
from gan_jax.parallel.multihost import on_this_host
from gan_jax.types import Array, Row, TrainState

MEASURED = 256
"""Fakes of which the diversity and the quality are measured."""


def watched(config: Config) -> Evaluator | None:
    """What those `metrics.names` that are of samples are measured with; None: none are.

    Raises ValueError for what cannot be measured.
    """
    wanted = config.metrics
    if not wanted.names or not wanted.every:
        return None
    for name in wanted.names:
        choose(METRICS | PROBES, name, "metrics.names")
    if probed(config):
        refuse_unmeasurable(gan_metric_inputs(config), probed(config))
    if wanted.extractor is not None:
        choose(EXTRACTORS, wanted.extractor, "metrics.extractor")
    of_samples = tuple(name for name in wanted.names if name in METRICS)
    if not of_samples:
        return None
    return make_evaluator(config, of_samples, wanted.n, wanted.extractor)


def probed(config: Config) -> tuple[str, ...]:
    """Those `metrics.names` that are of the GAN itself."""
    return tuple(name for name in config.metrics.names if name in PROBES)


def measurer(
    config: Config,
    gan: Gan,
    data: Dataset,
    members: list | None,
    measure: Evaluator | None,
) -> Callable[[TrainState], list[Row]]:
    """A function of a state to measurements of its averaged generator (of many: each).

    members: the GANs whose states are stacked; None: a single one. The diversity is of
    256 fakes against as many examples, the same ones each time; images are averaged
    down to at most 64 pixels a side. So are the numbers of `make_quality_measure`,
    which say how near the fakes are to the data. What `measure` finds bears its number
    of samples: `frechet_distance@1000`; what PROBES find is of the GAN itself. A
    conditional generator is asked for each class as often as the data have it. Batches
    are no larger than in training. A generator whose samples are not finite has none
    of them.
    """
    size, names = min(MEASURED, len(data)), probed(config)
    stage = cache(partial(gan_metric_inputs, config))
    batch = min(size, config.batch_size)

    @cache
    def draw() -> Callable[..., Array]:
        return sampler(gan, batch, label_shares(data) if gan.label_count else None)

    @cache
    def real() -> np.ndarray:
        chosen = batch_indices(len(data), size, 1, 0, 0)[0]
        return coarse(np.asarray(data.get(chosen).image))

    @cache
    def quality() -> Callable[[np.ndarray], Row]:
        return make_quality_measure(config.dataset, real(), len(gan.data_shape) == 3)

    def fakes(state: TrainState, first: int, count: int) -> np.ndarray:
        starts = range(first, first + count, batch)
        return np.concatenate([draw()(state, first=i) for i in starts])[:count]

    def of_one(state: TrainState) -> Row:
        some = coarse(fakes(state, 0, size))
        if not np.isfinite(some).all():
            return {}
        found: Row = {"diversity": diversity(real(), some)} | quality()(some)
        for name in names:
            found |= PROBES[name](stage(), restore_key(state))
        if measure is None:
            return found
        made = sample_features(measure, lambda first, count: fakes(state, first, count))
        if not np.isfinite(made.features).all():
            return found
        more = score_features(measure, made)
        return found | {f"{k}@{measure.n}": float(v) for k, v in more.items()}

    def of_each(state: TrainState) -> list[Row]:
        state = on_this_host(state.replace(key=()))  # pyright: ignore
        if members is None:
            return [of_one(state)]
        return [of_one(own) for own in members_apart(state, len(members))]

    return of_each


def coarse(images: np.ndarray, side: int = 64) -> np.ndarray:
    """`[N, F]`: pixels averaged over squares until a side has at most so many."""
    if images.ndim == 2:
        return images
    count, height, width, channels = images.shape
    step = -(-height // side)
    images = images[:, : height - height % step, : width - width % step]
    squares = images.reshape(count, height // step, step, width // step, step, channels)
    return squares.mean(axis=(2, 4)).reshape(count, -1)
