"""How near samples are to the data, and the verdict that is made of it."""

import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import from_json
from gan_jax.data import TOYS, batch_indices
from gan_jax.evaluate.sample_quality import (
    independent_noise,
    mode_count,
    prepare_quality,
)
from gan_jax.metrics import nearest_others
from gan_jax.run.monitor import shrink_images
from gan_jax.run_files.history import Record
from gan_jax.run_files.sample_checks import (
    describe_samples,
    last_samples,
    why_not_learned,
    why_unlike_data,
)
from gan_jax.run_files.summary import VERDICTS, decide_verdict, describe_ending
from gan_jax.traced_metrics import Fakes


def examples(name, turn=0, **options):
    config = DatasetConfig(name, **options)
    data = find_dataset(Config(dataset=config))
    chosen = batch_indices(len(data), 256, 1, 0, turn)[0]
    return config, shrink_images(np.asarray(data.get(chosen).image)).astype(np.float64)


def make_judge(config, real):
    """A function of samples to the numbers beside the diversity, compiled once."""
    metric = prepare_quality(config, real, config.name not in TOYS)
    metric = metric._replace(measure=jax.jit(metric.measure))

    def judge(fake):
        numbers = metric(Fakes(jnp.asarray(fake, jnp.float32)))
        return {name: value for name, value in numbers.items() if name != "diversity"}

    return judge


@cache
def judge_of(name):
    return make_judge(*examples(name))


def judged(name, fake):
    return judge_of(name)(fake)


def test_nearest_other_example_is_not_the_example_itself():
    points = np.array([[0.0], [1.0], [1.5], [4.0]])
    np.testing.assert_array_equal(nearest_others(points), [1.0, 0.5, 0.5, 2.5])


def test_distance_is_the_mean_to_the_nearest_example_between_data_and_noise():
    config, real = examples("ring")
    fake = np.random.default_rng(1).normal(size=(256, 2))
    apart = cdist(real, real)
    np.fill_diagonal(apart, np.inf)
    floor = apart.min(axis=1).mean()
    far = cdist(independent_noise(real), real).min(axis=1).mean()
    expected = (cdist(fake, real).min(axis=1).mean() - floor) / (far - floor)
    found = make_judge(config, real)(fake)["sample_distance"]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["ring", "grid", "rings", "swiss_roll", "digits"])
def test_data_are_near_and_noise_is_far(name):
    _, real = examples(name)
    _, fresh = examples(name, turn=1)
    assert abs(judged(name, fresh)["sample_distance"]) < 0.1
    assert why_unlike_data(judged(name, fresh)) is None
    noise = independent_noise(real)
    if name == "digits":
        noise = noise.clip(-1, 1)
    assert judged(name, noise)["sample_distance"] == pytest.approx(1, rel=1e-4)
    assert why_unlike_data(judged(name, noise))


def test_noise_of_the_data_is_independent_in_each_coordinate():
    rng = np.random.default_rng(3)
    one = rng.normal(2, 3, size=(20000, 1))
    noise = independent_noise(np.concatenate([one, -one], axis=1))
    assert noise.mean(0) == pytest.approx([2, -2], abs=0.1)
    assert noise.std(0) == pytest.approx([3, 3], abs=0.1)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.03


def test_modes_and_precision_of_a_toy():
    centres = TOYS["ring"](DatasetConfig("ring")).centres
    fake = np.repeat(centres[:2], 128, axis=0)
    fake[:64] += 0.5  # a quarter lies off the modes
    found = judged("ring", fake)
    assert (found["sample_modes"], found["sample_precision"]) == (2, 0.75)
    curve = TOYS["swiss_roll"](DatasetConfig("swiss_roll")).centres[::4]
    assert judged("swiss_roll", np.float64(curve))["sample_precision"] == 1.0
    assert "sample_modes" not in judged("swiss_roll", np.float64(curve))


@pytest.mark.parametrize(
    "name, count", [("ring", 8), ("imbalanced_ring", 8), ("rings", 64), ("grid", 25)]
)
def test_modes_that_can_be_hit_are_counted(name, count):
    assert mode_count(DatasetConfig(name)) == count
    _, real = examples(name)
    assert judged(name, real)["sample_modes"] >= 0.9 * count


@pytest.mark.parametrize("name", ["swiss_roll", "dirac", "digits"])
def test_data_without_modes_have_no_count(name):
    assert mode_count(DatasetConfig(name)) is None


def test_nothing_is_said_where_noise_is_as_near_as_the_data():
    """A single point; and a Gaussian, which noise of its mean and deviation is."""
    point = np.zeros((256, 1))
    assert make_judge(DatasetConfig("dirac"), point)(point) == {}
    normal = np.random.default_rng(5).normal(size=(256, 2))
    assert make_judge(DatasetConfig("digits"), normal)(normal) == {}


BLOB = {"sample_distance": 0.4, "sample_modes": 0, "sample_precision": 0.2}
FINE = {"sample_distance": 0.4, "sample_modes": 1, "sample_precision": 0.01}


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"sample_modes": 0}, "no sample lies on a mode"),
        ({"sample_precision": 0.0099}, "only 1.0% of the samples"),
        ({"sample_distance": 0.9}, "no nearer to the data than noise"),
    ],
)
def test_each_number_alone_says_that_samples_are_unlike_the_data(changed, words):
    assert why_unlike_data(FINE) is None and why_unlike_data({}) is None
    told = why_unlike_data(FINE | changed)
    assert told is not None and words in told
    assert "modes hit" in describe_samples(FINE | {"step": 3})


def rows_of(*measured, steps=1000):
    """Rows every 100 steps, the last ones with these measurements (None: without)."""
    rows = [{"step": 100 * i, "finite": True} for i in range(1, steps // 100 + 1)]
    for row, found in zip(rows[::-1], measured[::-1], strict=False):
        row.update(found or {})
    return rows


def test_the_last_measurement_decides_if_it_is_of_the_last_quarter():
    assert why_not_learned(rows_of(BLOB))
    assert why_not_learned(rows_of(FINE, BLOB, None))
    assert not why_not_learned(rows_of(BLOB, FINE))
    assert not why_not_learned(rows_of(BLOB, None, None, None))  # of step 700 of 1,000
    assert not why_not_learned(rows_of())
    assert last_samples(rows_of(BLOB, None)) == BLOB | {"step": 900}
    assert last_samples(rows_of({"diversity": math.nan})) == {}


def record(rows, faults=()):
    return Record({}, rows, {}, list(faults), set())


LOW = {"diversity": 0.1, "sample_modes": 1}
FAULT = [{"step": 1000, "finite": False, "d_loss": float("nan")}]
ENDS = {
    "completed": (rows_of(FINE), 1000),
    "interrupted": (rows_of(BLOB), 2000),
    "not_learned": (rows_of(BLOB), 1000),
    "collapsed": (rows_of(LOW, LOW, LOW | BLOB), 1000),
    "diverged": (rows_of(FINE)[:-1] + FAULT, 1000),
}


def test_every_verdict_has_a_planted_run():
    assert ENDS.keys() == set(VERDICTS)


@pytest.mark.parametrize("word", ENDS)
def test_verdict_of_a_planted_run_and_why(word):
    rows, steps = ENDS[word]
    faults = [{"step": 1000, "term": "d_loss"}] if word == "diverged" else []
    end = describe_ending(Config(steps=steps), record(rows, faults), 1000)
    assert end["verdict"] == decide_verdict(
        Config(steps=steps), record(rows, faults), 1000
    )
    assert end["verdict"] == word
    failed = word not in ("completed", "interrupted")
    assert ("why" in end and "try" in end) == failed
    assert not failed or (end["why"] and end["try"])


def test_rows_of_older_runs_keep_their_verdict():
    old = [row | {"diversity": 1.0} for row in rows_of()]
    assert (
        decide_verdict(from_json('{"steps": 1000}'), record(old), 1000) == "completed"
    )
