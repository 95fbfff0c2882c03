"""Measurements of the samples, taken while a run goes on."""

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
from gan_jax.logs.sample_plots import make_sampler
from gan_jax.metrics import diversity
from gan_jax.parallel.ensemble import split_members
from gan_jax.parallel.multihost import to_local_arrays
from gan_jax.types import Array, Row, TrainState

MEASURED_SAMPLES = 256
"""Fakes of which the diversity and the quality are measured."""


def requested_evaluator(config: Config) -> Evaluator | None:
    """Return the evaluator of the sample metrics in `metrics.names`, or None.

    None: no sample metric is requested. Raises ValueError for a metric that cannot be
    measured, and KeyError for an unknown one.
    """
    wanted = config.metrics
    if not wanted.names or not wanted.every:
        return None
    for name in wanted.names:
        choose(METRICS | PROBES, name, "metrics.names")
    if requested_gan_metrics(config):
        refuse_unmeasurable(gan_metric_inputs(config), requested_gan_metrics(config))
    if wanted.extractor is not None:
        choose(EXTRACTORS, wanted.extractor, "metrics.extractor")
    of_samples = tuple(name for name in wanted.names if name in METRICS)
    if not of_samples:
        return None
    return make_evaluator(config, of_samples, wanted.n, wanted.extractor)


def requested_gan_metrics(config: Config) -> tuple[str, ...]:
    """Return those `metrics.names` that measure the GAN itself, not its samples."""
    return tuple(name for name in config.metrics.names if name in PROBES)


def make_sample_monitor(
    config: Config,
    gan: Gan,
    data: Dataset,
    members: list | None,
    evaluator: Evaluator | None,
) -> Callable[[TrainState], list[Row]]:
    """Return a function that measures the averaged generator of each GAN of a state.

    members: the GANs whose states are stacked, or None for a single GAN. See
    `make_measurement` for what is measured.
    """
    measure = make_measurement(config, gan, data, evaluator)

    def measure_all(state: TrainState) -> list[Row]:
        state = to_local_arrays(state.replace(key=()))  # pyright: ignore
        if members is None:
            return [measure(state)]
        return [measure(own) for own in split_members(state, len(members))]

    return measure_all


def make_measurement(
    config: Config, gan: Gan, data: Dataset, evaluator: Evaluator | None
) -> Callable[[TrainState], Row]:
    """Return a function that measures the averaged generator of a single GAN.

    - The diversity is that of 256 fakes against as many examples, the same ones each
      time. Images are averaged down to at most 64 pixels a side.
    - The numbers of `make_quality_measure` are of the same fakes and examples. They say
      how near the fakes are to the data.
    - The names of what the evaluator measures end with its number of samples:
      `frechet_distance@1000`.
    - The PROBES in `metrics.names` measure the GAN itself.

    A generator whose samples are not finite has none of these numbers.
    """
    size, names = min(MEASURED_SAMPLES, len(data)), requested_gan_metrics(config)
    draw_fakes = make_fake_source(gan, data, min(size, config.batch_size))
    stage = cache(partial(gan_metric_inputs, config))

    @cache
    def read_real() -> np.ndarray:
        chosen = batch_indices(len(data), size, 1, 0, 0)[0]
        return shrink_images(np.asarray(data.get(chosen).image))

    @cache
    def quality() -> Callable[[np.ndarray], Row]:
        return make_quality_measure(
            config.dataset, read_real(), len(gan.data_shape) == 3
        )

    def measure(state: TrainState) -> Row:
        fakes = shrink_images(draw_fakes(state, 0, size))
        if not np.isfinite(fakes).all():
            return {}
        found: Row = {"diversity": diversity(read_real(), fakes)} | quality()(fakes)
        for name in names:
            found |= PROBES[name](stage(), restore_key(state))
        return found | evaluate_samples(evaluator, partial(draw_fakes, state))

    return measure


def make_fake_source(
    gan: Gan, data: Dataset, batch: int
) -> Callable[[TrainState, int, int], np.ndarray]:
    """Return a function of a state, the number of the first fake, and their count.

    It draws the fakes in batches of the given size, which is no larger than that of
    training. A conditional generator draws each class as often as the data have it.
    """

    @cache
    def sampler() -> Callable[..., Array]:
        return make_sampler(gan, batch, label_shares(data) if gan.label_count else None)

    def draw(state: TrainState, first: int, count: int) -> np.ndarray:
        starts = range(first, first + count, batch)
        return np.concatenate([sampler()(state, first=i) for i in starts])[:count]

    return draw


def evaluate_samples(
    evaluator: Evaluator | None, draw: Callable[[int, int], np.ndarray]
) -> Row:
    """Return the sample metrics of the fakes that `draw(first, count)` makes.

    There are none without an evaluator, and none of features that are not finite.
    """
    if evaluator is None:
        return {}
    made = sample_features(evaluator, draw)
    if not np.isfinite(made.features).all():
        return {}
    found = score_features(evaluator, made)
    return {f"{name}@{evaluator.n}": float(value) for name, value in found.items()}


def shrink_images(images: np.ndarray, side: int = 64) -> np.ndarray:
    """Average pixels over squares until a side has at most so many; return `[N, F]`.

    Points `[N, F]` stay as they are.
    """
    if images.ndim == 2:
        return images
    count, height, width, channels = images.shape
    step = -(-height // side)
    images = images[:, : height - height % step, : width - width % step]
    squares = images.reshape(count, height // step, step, width // step, step, channels)
    return squares.mean(axis=(2, 4)).reshape(count, -1)
