"""Measurements of the samples, taken while a run goes on."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import numpy as np

from gan_jax.assembly.registry import choose
from gan_jax.config import Config
from gan_jax.data import Dataset, batch_indices, label_shares
from gan_jax.evaluate.batched import (
    Draw,
    Pending,
    SamplePlan,
    make_batched_measurement,
    plan_evaluation,
)
from gan_jax.evaluate.evaluator import Evaluator, make_evaluator
from gan_jax.evaluate.gan_metrics import (
    PROBES,
    gan_metric_inputs,
    refuse_unmeasurable,
    restore_key,
)
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.evaluate.sample_quality import prepare_quality
from gan_jax.features import EXTRACTORS
from gan_jax.gan import Gan
from gan_jax.logs.sample_plots import make_sampler
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
    stop: Callable[[], bool] = lambda: False,
) -> Callable[[TrainState], Pending]:
    """Return a function that measures the averaged generator of each GAN of a state.

    members: the GANs whose states are stacked, or None for a single GAN. stop: asked
    between two calls of the device; the measurement is given up if it is true.

    - The diversity is that of 256 fakes against as many examples, the same ones each
      time. Images are averaged down to at most 64 pixels a side.
    - The numbers of `prepare_quality` are of the same fakes and examples. They say how
      near the fakes are to the data.
    - The names of what the evaluator measures end with its number of samples:
      `frechet_distance@1000`.
    - The PROBES in `metrics.names` measure the GAN itself, and are computed at once.

    A generator whose samples are not finite has none of these numbers. The function
    returns as soon as the device is at work on all others.
    """
    count = None if members is None else len(members)
    measure_probes = make_probe_measure(config, count)
    none = [{} for _ in range(count or 1)]
    given_up = Pending(lambda: none, is_complete=False)

    measurements = cache(partial(make_measurements, config, gan, data, evaluator))

    def measure_all(state: TrainState) -> Pending:
        variables = on_one_device(state.ema)
        pending = [measure(variables, count, stop) for measure in measurements()]
        if not all(one.is_complete for one in pending):
            return given_up
        probes = measure_probes(state, stop)
        if probes is None:
            return given_up

        def read() -> list[Row]:
            quality, *rest = (one.read() for one in pending)
            found = [name_counts(evaluator, row) for row in rest[0]] if rest else none
            each = zip(quality, probes, found, strict=True)
            return [a | b | c if a else {} for a, b, c in each]

        return Pending(read, arrays=[one.arrays for one in pending])

    return measure_all


def make_measurements(
    config: Config, gan: Gan, data: Dataset, evaluator: Evaluator | None
) -> list[Callable[..., Pending]]:
    """Return the measurements of the quality, and of the evaluator's metrics if any."""
    plans = [plan_quality(config, gan, data)]
    if evaluator is not None:
        batch = choose_batch(gan, config, evaluator.n, evaluator.batch)
        plans.append(plan_evaluation(evaluator, batch))
    shares = label_shares(data) if gan.label_count else None
    in_turn = measures_in_turn(gan)
    return [
        make_batched_measurement(plan, make_draw(gan, plan.batch, shares), in_turn)
        for plan in plans
    ]


def name_counts(evaluator: Evaluator | None, numbers: Row) -> Row:
    """Return the evaluator's numbers under names that end with its sample count."""
    assert evaluator is not None
    return {f"{name}@{evaluator.n}": float(v) for name, v in numbers.items()}


def plan_quality(config: Config, gan: Gan, data: Dataset) -> SamplePlan:
    """Return the plan that measures the diversity and the quality of 256 fakes."""
    size = min(MEASURED_SAMPLES, len(data))
    chosen = batch_indices(len(data), size, 1, 0, 0)[0]
    real = np.asarray(shrink_images(np.asarray(data.get(chosen).image)))
    quality = prepare_quality(config.dataset, real, len(gan.data_shape) == 3)
    batch = choose_batch(gan, config, size, size)

    def shrink(fakes: Array) -> tuple[Array, None]:
        return shrink_images(fakes), None  # pyright: ignore

    return SamplePlan(size, batch, shrink, {"quality": quality}, {})


def choose_batch(gan: Gan, config: Config, n: int, most: int) -> int:
    """Return how many of n fakes are drawn at a time.

    Points are drawn all together. Images are drawn at most as many as `most`, and as a
    batch of training.
    """
    return n if len(gan.data_shape) == 1 else min(n, most, config.batch_size)


def measures_in_turn(gan: Gan) -> bool:
    """Whether GANs are measured one at a time: images on CPU.

    On CPU one GAN's images keep all cores busy, and convolutions with many kernels are
    slow there.
    """
    return jax.default_backend() == "cpu" and len(gan.data_shape) == 3


def make_draw(gan: Gan, batch: int, shares: np.ndarray | None) -> Draw:
    """Return a function that draws a batch of fakes of averaged variables.

    They are the fakes of the run's pictures. A conditional generator draws each class
    as often as the data have it (`shares`).
    """
    draw = make_sampler(gan, batch, shares)

    def draw_batch(variables: Any, first: Array | int) -> Array:
        state = TrainState((), (), (), (), variables, {}, {})  # pyright: ignore
        return draw(state, first=first)

    return draw_batch


def make_probe_measure(
    config: Config, count: int | None
) -> Callable[[TrainState, Callable[[], bool]], list[Row] | None]:
    """Return a function that measures the requested PROBES of each GAN of a state.

    Its second argument `stop() -> bool` is asked before each GAN; if it is true, the
    function returns None.
    """
    names = requested_gan_metrics(config)
    stage = cache(partial(gan_metric_inputs, config))

    def measure_probes(state: TrainState, stop: Callable[[], bool]) -> list[Row] | None:
        if not names:
            return [{} for _ in range(count or 1)]
        state = to_local_arrays(state.replace(key=()))  # pyright: ignore
        states = [state] if count is None else split_members(state, count)
        found = []
        for own in states:
            if stop():
                return None
            found.append(measure_one(own))
        return found

    def measure_one(state: TrainState) -> Row:
        found: Row = {}
        if all(np.isfinite(x).all() for x in jax.tree.leaves(state.ema)):
            for name in names:
                found |= PROBES[name](stage(), restore_key(state))
        return found

    return measure_probes


def on_one_device(variables: Any) -> Any:
    """Return variables that are spread over devices or processes, on one device.

    To index arrays that are spread over devices is a collective of all of them.
    """
    leaves = jax.tree.leaves(variables)
    if all(len(x.devices()) == 1 for x in leaves if isinstance(x, jax.Array)):
        return variables
    return jax.device_put(jax.device_get(variables), jax.local_devices()[0])


def shrink_images(images: Array | np.ndarray, side: int = 64) -> Array | np.ndarray:
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
