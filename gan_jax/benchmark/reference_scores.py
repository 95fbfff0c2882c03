"""What real data score against real data on a task, and what noise scores."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.benchmark.suites import Task
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import mixture_of
from gan_jax.evaluate.evaluator import (
    Evaluator,
    Fingerprint,
    make_evaluator,
    measure_floor,
    sample_features,
    score_features,
)
from gan_jax.evaluate.reference import comparison_indices, real_features
from gan_jax.evaluate.sample_quality import independent_noise

DRAWS = 20
"""Of fresh points, over which the floor of a toy is the mean."""


@cache
def ruler(dataset: DatasetConfig, metrics: tuple[str, ...], n: int) -> Evaluator:
    """What runs on these data are measured with; one for the whole process."""
    return make_evaluator(Config(dataset=dataset), metrics, n)


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
    if measure.held_out is None:
        return measure_floor(ruler(task.dataset, task.metrics, 2 * task.n))
    if mixture_of(task.dataset) is None:
        return measure_floor(measure)
    own = replace(task.dataset, flip=False)
    found = []
    for turn in range(1, DRAWS + 1):
        fresh, _ = real_features(measure.extractor, own, task.n, turn)
        found.append(measure_floor(measure._replace(held_out=fresh)))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def noise_of(task: Task) -> dict[str, float]:
    """Each metric of n samples of noise: the zero of scores.

    Every coordinate is Gaussian with the data's mean and deviation, and independent of
    the others; of images cut to [-1, 1].
    """
    measure = ruler(task.dataset, task.metrics, task.n)
    data = find_dataset(Config(dataset=task.dataset))
    real = np.asarray(data.get(comparison_indices(data, task.n, 0)).image, np.float64)
    noise = independent_noise(real).astype(np.float32)
    if mixture_of(task.dataset) is None:
        noise = noise.clip(-1, 1)
    found = score_features(
        measure, sample_features(measure, lambda i, count: noise[i : i + count])
    )
    return {name: float(found[name]) for name in found}
