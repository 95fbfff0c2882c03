"""What is measured of the samples while a run goes on."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from gan_jax.assembly.registry import choose
from gan_jax.config import Config
from gan_jax.data import Dataset, batch_indices, label_shares
from gan_jax.evaluate.evaluator import Yardstick, compare, fake_side, yardstick
from gan_jax.evaluate.gan_metrics import PROBES, require, scene, typed
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.evaluate.sample_quality import judge
from gan_jax.features import EXTRACTORS
from gan_jax.gan import Gan
from gan_jax.logs.sample_plots import make_sampler
from gan_jax.metrics import diversity
from gan_jax.parallel.ensemble import split_members
from gan_jax.parallel.multihost import to_local_arrays
from gan_jax.types import Array, Row, TrainState

MEASURED_SAMPLES = 256
"""Fakes of which the diversity and the quality are measured."""


def requested_evaluator(config: Config) -> Yardstick | None:
    """What those `metrics.names` that are of samples are measured with; None: none are.

    Raises ValueError for what cannot be measured.
    """
    wanted = config.metrics
    if not wanted.names or not wanted.every:
        return None
    for name in wanted.names:
        choose(METRICS | PROBES, name, "metrics.names")
    if requested_gan_metrics(config):
        require(scene(config), requested_gan_metrics(config))
    if wanted.extractor is not None:
        choose(EXTRACTORS, wanted.extractor, "metrics.extractor")
    of_samples = tuple(name for name in wanted.names if name in METRICS)
    if not of_samples:
        return None
    return yardstick(config, of_samples, wanted.n, wanted.extractor)


def requested_gan_metrics(config: Config) -> tuple[str, ...]:
    """Those `metrics.names` that are of the GAN itself."""
    return tuple(name for name in config.metrics.names if name in PROBES)


def make_sample_monitor(
    config: Config,
    gan: Gan,
    data: Dataset,
    members: list | None,
    measure: Yardstick | None,
) -> Callable[[TrainState], list[Row]]:
    """A function of a state to measurements of its averaged generator (of many: each).

    members: the GANs whose states are stacked; None: a single one. The diversity is of
    256 fakes against as many examples, the same ones each time; images are averaged
    down to at most 64 pixels a side. So are the numbers of `sample_quality.judge`,
    which say how near the fakes are to the data. What `measure` finds bears its number
    of samples: `frechet_distance@1000`; what PROBES find is of the GAN itself. A
    conditional generator is asked for each class as often as the data have it. Batches
    are no larger than in training. A generator whose samples are not finite has none
    of them.
    """
    size, names = min(MEASURED_SAMPLES, len(data)), requested_gan_metrics(config)
    stage = cache(partial(scene, config))
    batch = min(size, config.batch_size)

    @cache
    def draw() -> Callable[..., Array]:
        return make_sampler(gan, batch, label_shares(data) if gan.label_count else None)

    @cache
    def real() -> np.ndarray:
        chosen = batch_indices(len(data), size, 1, 0, 0)[0]
        return shrink_images(np.asarray(data.get(chosen).image))

    @cache
    def quality() -> Callable[[np.ndarray], Row]:
        return judge(config.dataset, real(), len(gan.data_shape) == 3)

    def fakes(state: TrainState, first: int, count: int) -> np.ndarray:
        starts = range(first, first + count, batch)
        return np.concatenate([draw()(state, first=i) for i in starts])[:count]

    def of_one(state: TrainState) -> Row:
        some = shrink_images(fakes(state, 0, size))
        if not np.isfinite(some).all():
            return {}
        found: Row = {"diversity": diversity(real(), some)} | quality()(some)
        for name in names:
            found |= PROBES[name](stage(), typed(state))
        if measure is None:
            return found
        made = fake_side(measure, lambda first, count: fakes(state, first, count))
        if not np.isfinite(made.features).all():
            return found
        more = compare(measure, made)
        return found | {f"{k}@{measure.n}": float(v) for k, v in more.items()}

    def of_each(state: TrainState) -> list[Row]:
        state = to_local_arrays(state.replace(key=()))  # pyright: ignore
        if members is None:
            return [of_one(state)]
        return [of_one(own) for own in split_members(state, len(members))]

    return of_each


def shrink_images(images: np.ndarray, side: int = 64) -> np.ndarray:
    """`[N, F]`: pixels averaged over squares until a side has at most so many."""
    if images.ndim == 2:
        return images
    count, height, width, channels = images.shape
    step = -(-height // side)
    images = images[:, : height - height % step, : width - width % step]
    squares = images.reshape(count, height // step, step, width // step, step, channels)
    return squares.mean(axis=(2, 4)).reshape(count, -1)
