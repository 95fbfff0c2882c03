"""Measures the fakes of many GANs on the device, a chunk of GANs at a time.

A chunk is as many GANs as memory holds. Each call of the device takes about a second at
most on two CPU cores, so a measurement can be given up between two of them.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.evaluate.evaluator import Evaluator
from gan_jax.evaluate.metric import Comparison, Numbers, Reference, SampleMetric
from gan_jax.features import FeatureSet
from gan_jax.traced_metrics import Fakes, TracedMetric
from gan_jax.types import Array

CHUNK_ENTRIES = 2**26
"""The numbers of a chunk's fakes or of a network's layers: 256 MiB in float32."""
CHUNK_PAIRS = {"cpu": 2**27}
"""The pairs of fakes within the GANs of a chunk, by backend; see OTHER_PAIRS."""
OTHER_PAIRS = 2**30
"""The same on a backend that CHUNK_PAIRS does not name."""
LEAST_WIDTH = 256
"""The numbers per fake that hidden layers and projections take, at least."""
IN_FLIGHT = 2
"""The calls that wait on the device at a time; more would delay giving up."""

Draw = Callable[[Any, Array | int], Array]
"""`(averaged variables of one G, first) -> fakes [batch, ...]`, traced."""


class SamplePlan(NamedTuple):
    """What is measured of n fakes of each GAN.

    batch: how many fakes are drawn at a time. extract: the fakes `[B, ...]` to their
    features `[B, F]` and class probabilities or None. traced: metrics that the device
    computes. host: those that the host computes of the fetched features.
    """

    n: int
    batch: int
    extract: Callable[[Array], tuple[Array, Array | None]]
    traced: dict[str, TracedMetric]
    host: dict[str, Callable[[FeatureSet], Numbers]]


class Pending(NamedTuple):
    """A measurement that the device may still be making.

    read: waits for it, and returns the numbers of each GAN. A GAN whose features are
        not finite has no numbers. No GAN has any if the measurement was given up.
    is_complete: whether it was not given up. arrays: what the device makes for it.
    """

    read: Callable[[], list[Numbers]]
    is_complete: bool = True
    arrays: Any = ()

    def is_ready(self) -> bool:
        """Return whether the device has made it, so that to read it is not to wait."""
        made = jax.tree.leaves(self.arrays)
        arrays = (x for x in made if isinstance(x, jax.Array))
        return all(x.is_ready() for x in arrays)  # pyright: ignore


class ChunkResult(NamedTuple):
    """What the device returns of a chunk of GANs, each with a leading axis of GANs.

    finite: whether all features are finite. sums: those of each traced metric. host:
    the numbers of the metrics of the host, for each GAN; filled one GAN at a time.
    """

    finite: Array
    sums: dict[str, Any]
    host: list[Numbers]


def plan_evaluation(evaluator: Evaluator, batch: int) -> SamplePlan:
    """Return the plan that measures an evaluator's metrics."""
    about = evaluator.held_out, evaluator.mixture, evaluator.real_is_complete
    reference = Reference(evaluator.real, *about, evaluator.n)
    traced, host = {}, {}
    for name, metric in evaluator.metrics.items():
        form = None if metric.prepare is None else metric.prepare(reference)
        if form is not None:
            traced[name] = form
        else:
            host[name] = partial(compare_on_host, evaluator, metric)
    extract = evaluator.extractor.extract
    return SamplePlan(evaluator.n, batch, extract, traced, host)


def compare_on_host(
    evaluator: Evaluator, metric: SampleMetric, fake: FeatureSet
) -> Numbers:
    """Return the numbers of a metric of fetched features."""
    about = evaluator.held_out, evaluator.mixture, evaluator.real_is_complete
    return metric(Comparison(evaluator.real, fake, *about))


def make_batched_measurement(
    plan: SamplePlan, draw: Draw, in_turn: bool
) -> Callable[..., Pending]:
    """Return a function that measures the GANs whose averaged variables it is given.

    draw: makes a batch of fakes. in_turn: whether each chunk is a single GAN.

    The function's arguments are the variables, stacked along a leading axis of GANs;
    the number of GANs, or None for the variables of a single one; and `stop() -> bool`,
    which is asked before each call of the device and before each GAN that the host
    measures, and gives up if it is true. It returns when at most two calls are left on
    the device.
    """
    extract = jax.jit(partial(extract_chunk, plan, draw))
    programs = {
        name: jax.jit(partial(measure_chunk, metric.measure))
        for name, metric in plan.traced.items()
    }

    def make_calls(
        variables: Any, members: np.ndarray | None, results: list[ChunkResult]
    ) -> Iterator[Any]:
        parts = []
        for first in range(0, plan.n, plan.batch):
            parts.append(extract(variables, members, first))
            yield parts[-1]
        fakes, finite = join_batches(parts, plan.n)
        yield finite
        sums = {}
        for name, program in programs.items():
            sums[name] = program(plan.traced[name].constants, fakes)
            yield sums[name]
        results.append(ChunkResult(finite, sums, []))
        yield from measure_on_host(plan, fakes, members, results[-1])

    def measure(
        variables: Any, count: int | None, stop: Callable[[], bool] = lambda: False
    ) -> Pending:
        chunks = [None]
        if count is not None:
            size = 1 if in_turn else members_per_chunk(plan, draw, variables)
            chunks = split_chunks(count, min(size, count))
        results: list[ChunkResult] = []
        calls = (c for m in chunks for c in make_calls(variables, m, results))
        complete = dispatch_calls(calls, stop)
        read = partial(read_results, plan, results, count or 1, complete)
        return Pending(read, complete, results)

    return measure


def dispatch_calls(calls: Iterator[Any], stop: Callable[[], bool]) -> bool:
    """Dispatch calls until none is left or `stop` says so; return whether none is left.

    It waits for the oldest call when more than IN_FLIGHT are on the device.
    """
    waiting: list[Any] = []
    while not stop():
        try:
            waiting.append(next(calls))
        except StopIteration:
            return True
        if len(waiting) > IN_FLIGHT:
            jax.block_until_ready(waiting.pop(0))
    return False


def measure_on_host(
    plan: SamplePlan, fakes: Fakes, members: np.ndarray | None, result: ChunkResult
) -> Iterator[None]:
    """Compute the metrics of the host for one GAN of a chunk after the other.

    A GAN that only fills up the chunk is not measured again. Yields after each GAN.
    """
    if not plan.host:
        return
    finite, fakes = jax.device_get((result.finite, fakes))
    for turn, is_finite in enumerate(finite):
        if members is not None and turn and members[turn] == members[turn - 1]:
            return
        features = FeatureSet(*jax.tree.map(lambda x, i=turn: x[i], fakes))
        computed = [f(features) for f in plan.host.values()] if is_finite else []
        result.host.append({k: v for numbers in computed for k, v in numbers.items()})
        yield


def split_chunks(count: int, size: int) -> list[np.ndarray]:
    """Return the indices of the GANs of each chunk; the last GAN fills up the last."""
    starts = range(0, count, size)
    return [np.minimum(np.arange(i, i + size), count - 1) for i in starts]


def members_per_chunk(plan: SamplePlan, draw: Draw, variables: Any) -> int:
    """Return how many GANs are measured at a time, at least 1."""
    one = jax.eval_shape(partial(pick_member, index=0), variables)
    fakes = jax.eval_shape(lambda own: draw(own, 0), one)
    features, _ = jax.eval_shape(plan.extract, fakes)
    width = max(LEAST_WIDTH, features.shape[1])
    layers = plan.batch * 8 * int(np.prod(fakes.shape[1:]))
    pairs = CHUNK_PAIRS.get(jax.default_backend(), OTHER_PAIRS)
    sizes = (
        CHUNK_ENTRIES // (plan.n * width),
        CHUNK_ENTRIES // layers,
        pairs // plan.n**2,
    )
    return max(1, min(sizes))


def pick_member(variables: Any, index: Array | int) -> Any:
    """Return the variables of one GAN out of stacked ones."""
    return jax.tree.map(lambda x: x[index], variables)


def extract_chunk(
    plan: SamplePlan, draw: Draw, variables: Any, members: Array | None, first: Array
) -> Fakes:
    """Return the features of a batch of fakes of each GAN, `[G, B, ...]`.

    members: the indices of the GANs `[G]`; None: the variables are of a single one.
    """

    def extract_one(own: Any) -> Fakes:
        features, probabilities = plan.extract(draw(own, first))
        return Fakes(features, probabilities)

    if members is None:
        return jax.tree.map(lambda x: x[None], extract_one(variables))
    return map_chunk(lambda i: extract_one(pick_member(variables, i)), members)


def map_chunk(function: Callable[[Any], Any], members: Any) -> Any:
    """Return the function's values for each of some GANs, stacked.

    A single GAN is not mapped over: on CPU, XLA runs its convolutions faster so.
    """
    if len(jax.tree.leaves(members)[0]) > 1:
        return jax.vmap(function)(members)
    only = function(jax.tree.map(lambda x: x[0], members))
    return jax.tree.map(lambda x: x[None], only)


def measure_chunk(
    measure: Callable[[Any, Fakes], Any], constants: Any, fakes: Fakes
) -> Any:
    """Return the sums of a metric for each GAN of a chunk."""
    return map_chunk(partial(measure, constants), fakes)


@partial(jax.jit, static_argnames="n")
def join_batches(parts: list[Fakes], n: int) -> tuple[Fakes, Array]:
    """Return the first n fakes of batches, and whether each GAN's are finite."""
    fakes = jax.tree.map(lambda *x: jnp.concatenate(x, axis=1)[:, :n], *parts)
    return fakes, jnp.isfinite(fakes.features).all(axis=(1, 2))


def read_results(
    plan: SamplePlan, results: list[ChunkResult], count: int, complete: bool
) -> list[Numbers]:
    """Fetch the sums of all chunks, and return the numbers of each GAN."""
    if not complete:
        return [{} for _ in range(count)]
    each = (
        finish_member(plan, finite, sums, host)
        for result in results
        for finite, sums, host in fetch_members(result)
    )
    return [numbers for _, numbers in zip(range(count), each, strict=False)]


def fetch_members(result: ChunkResult) -> Iterator[tuple[bool, dict, Numbers]]:
    """Yield what a chunk's result has for each GAN."""
    finite, sums = jax.device_get((result.finite, result.sums))
    for turn, is_finite in enumerate(finite):
        own = jax.tree.map(lambda x, i=turn: x[i], sums)
        yield is_finite, own, result.host[turn] if turn < len(result.host) else {}


def finish_member(
    plan: SamplePlan, is_finite: bool, sums: dict[str, Any], host: Numbers
) -> Numbers:
    """Return the numbers of one GAN; none if its features are not finite.

    The host's come last.
    """
    numbers: Numbers = {}
    if is_finite:
        for name, metric in plan.traced.items():
            numbers |= metric.finish(sums[name], plan.n)
    return numbers | host
