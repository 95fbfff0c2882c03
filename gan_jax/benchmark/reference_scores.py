"""Reference scores of a task: of real data against real data, and of noise."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.benchmark.suites import Task
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import mixture_of
from gan_jax.evaluate.evaluation import measure_floor
from gan_jax.evaluate.evaluator import (
    Evaluator,
    make_evaluator,
    sample_features,
    score_features,
)
from gan_jax.evaluate.fingerprint import Fingerprint
from gan_jax.evaluate.reference import comparison_indices, real_features
from gan_jax.evaluate.sample_quality import independent_noise

FLOOR_DRAWS = 20
"""Sets of fresh points over which the floor of a toy is averaged."""


@cache
def task_evaluator(
    dataset: DatasetConfig, metrics: tuple[str, ...], n: int
) -> Evaluator:
    """Return the evaluator of runs on these data, made once for the whole process."""
    return make_evaluator(Config(dataset=dataset), metrics, n)


def evaluation_fingerprint(config: Config) -> Fingerprint:
    """Return the fingerprint of the evaluations of a run."""
    wanted = config.metrics
    return task_evaluator(config.dataset, wanted.names, wanted.n).fingerprint


def measure_floors(task: Task) -> dict[str, Any]:
    """Return each metric of n held-out examples against the reference of the samples.

    The floor of a toy is the mean over FLOOR_DRAWS sets of fresh points, as one set
    alone is off by a third. Where nothing is held out, n other examples take their
    place. Raises ValueError if there are fewer.
    """
    measure = task_evaluator(task.dataset, task.metrics, task.n)
    if measure.held_out is None and measure.read_others is None:
        raise ValueError(
            f"n {task.n}: must be at most half of the examples of "
            f"{task.dataset.name!r}, because their floor is of n others"
        )
    if mixture_of(task.dataset) is None:
        return measure_floor(measure)
    own = replace(task.dataset, flip=False)
    found = []
    for turn in range(1, FLOOR_DRAWS + 1):
        fresh, _ = real_features(measure.extractor, own, task.n, turn)
        found.append(measure_floor(measure._replace(held_out=fresh)))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def measure_noise(task: Task) -> dict[str, float]:
    """Return each metric of n samples of noise, which are the zero of scores.

    Every coordinate is Gaussian with the mean and the deviation of the data, and
    independent of the others. Images are clipped to [-1, 1].
    """
    measure = task_evaluator(task.dataset, task.metrics, task.n)
    data = find_dataset(Config(dataset=task.dataset))
    real = np.asarray(data.get(comparison_indices(data, task.n, 0)).image, np.float64)
    noise = independent_noise(real).astype(np.float32)
    if mixture_of(task.dataset) is None:
        noise = noise.clip(-1, 1)
    features = sample_features(measure, lambda i, count: noise[i : i + count])
    found = score_features(measure, features)
    return {name: float(found[name]) for name in found}
