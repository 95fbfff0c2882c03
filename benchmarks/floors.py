"""The floor of each metric of a task: what real data score against real data."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.suites import Task
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import TOYS
from gan_jax.evaluate import Fingerprint, Yardstick, floor, yardstick
from gan_jax.reals import real_side

DRAWS = 20
"""Of fresh points, over which the floor of a toy is the mean."""


@cache
def ruler(dataset: DatasetConfig, metrics: tuple[str, ...], n: int) -> Yardstick:
    """What runs on these data are measured with; one for the whole process."""
    return yardstick(Config(dataset=dataset), metrics, n)


def fingerprint_of(config: Config) -> Fingerprint:
    """That of the evaluations of a run."""
    wanted = config.metrics
    return ruler(config.dataset, wanted.names, wanted.n).fingerprint


def floors_of(task: Task) -> dict[str, Any]:
    """Each metric of n held-out examples against the n that samples are compared with.

    Of a toy the mean over DRAWS sets of fresh points, as one alone is off by a third.
    Where nothing is held out, of one half of the data against the other, n each: n may
    then be half of the data at most.
    """
    measure = ruler(task.dataset, task.metrics, task.n)
    if measure.others is None:
        return floor(ruler(task.dataset, task.metrics, 2 * task.n))
    if task.dataset.name not in TOYS:
        return floor(measure)
    own = replace(task.dataset, flip=False)
    found = []
    for turn in range(1, DRAWS + 1):
        fresh, _ = real_side(measure.tool, own, task.n, turn)
        found.append(floor(measure._replace(others=fresh)))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}
