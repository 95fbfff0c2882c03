"""The steps of a dispatch whose metrics the host reads: those that get a row.

A dispatch makes K steps, and the device keeps the metrics of all of them only until the
needed ones are picked. A place is the number of a step within its dispatch, from 0.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import Config
from gan_jax.types import Array, Metrics

Intervals = tuple[tuple[str, int], ...]
"""The metrics that are made only every so many steps, each with its interval."""


class PickedSteps(NamedTuple):
    """The metrics of some steps of a dispatch, on the device.

    start: how many steps the run had made before the dispatch. length: the steps K of
    the dispatch. places: those that were asked for. values: metrics `[S, P + 1]` of S
    GANs, at the P places and at the fault. fault: `[S]`, the first place that is not
    finite; K if all are.
    """

    start: int
    length: int
    places: tuple[int, ...]
    values: Metrics
    fault: Array


def lazy_intervals(config: Config, metrics: Metrics) -> Intervals:
    """Return the interval of each metric that a lazy penalty makes.

    At the other steps such a metric keeps the value of the last step that made it.
    """
    every = {
        "d_penalty": config.penalty.every,
        "critic_grad_norm": config.penalty.every,
        "g_penalty": config.generator_penalty.every,
    }
    return tuple((name, every[name]) for name in every if name in metrics)


def has_row(config: Config, step: int) -> bool:
    """Return whether a step has a row even if the run does not end there."""
    every = (config.log.every, config.metrics.every)
    return step in (1, config.steps) or any(n and step % n == 0 for n in every)


def pick_steps(
    config: Config, metrics: Metrics, step: Array, start: int, end: int
) -> PickedSteps:
    """Pick the steps with a row out of the metrics `[K]` or `[S, K]` of a dispatch.

    step: the step count of the state after the dispatch, on the device. start, end: the
    dispatch made the steps (start, end]. Its last step is always picked.
    """
    logged = (i for i in range(end - start) if has_row(config, start + i + 1))
    places = tuple(sorted({*logged, end - start - 1}))
    values, fault = gather_places(
        metrics, step, places, lazy_intervals(config, metrics)
    )
    return PickedSteps(start, end - start, places, values, fault)


@partial(jax.jit, static_argnames=("places", "intervals"))
def gather_places(
    metrics: Metrics, step: Array, places: tuple[int, ...], intervals: Intervals
) -> tuple[Metrics, Array]:
    """Return the metrics `[S, P + 1]` at the places and at the fault, and the fault."""
    metrics = jax.tree.map(jnp.atleast_2d, metrics)
    finite = metrics["finite"]
    members, length = finite.shape
    fault = jnp.where(finite.all(axis=1), length, jnp.argmin(finite, axis=1))
    asked = jnp.broadcast_to(jnp.array(places), (members, len(places)))
    wanted = jnp.append(asked, jnp.minimum(fault, length - 1)[:, None], axis=1)
    made_at = {name: wanted for name in metrics}
    for name, interval in intervals:
        age = (step - length + wanted) % interval
        made_at[name] = jnp.maximum(wanted - age, 0)
    values = {
        name: jnp.take_along_axis(metrics[name], made_at[name], axis=1)
        for name in metrics
    }
    return values, fault


def is_made_within(picked: PickedSteps, place: int, interval: int) -> bool:
    """Return whether a lazy metric at a place was made in the same dispatch."""
    return (picked.start + place) % interval <= place


def fetch_steps(picked: list[PickedSteps]) -> list[PickedSteps]:
    """Return the picked steps of several dispatches with NumPy arrays."""
    arrays = jax.device_get([(one.values, one.fault) for one in picked])
    return [
        one._replace(values=values, fault=np.asarray(fault))
        for one, (values, fault) in zip(picked, arrays, strict=True)
    ]
