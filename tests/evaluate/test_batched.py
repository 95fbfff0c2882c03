"""Measurements of many GANs on the device, against the host's in float64."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gan_jax
from gan_jax import metrics
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig, MetricsConfig, ModelConfig
from gan_jax.data import batch_indices, distinct_centres, mixture_of
from gan_jax.evaluate import batched
from gan_jax.evaluate.evaluator import sample_features, score_features
from gan_jax.evaluate.sample_quality import distance_scale, make_noise
from gan_jax.logs.sample_plots import make_sampler
from gan_jax.parallel.ensemble import init_states, member_state
from gan_jax.run.monitor import make_sample_monitor, requested_evaluator, shrink_images

GANS = 3
RING = Config(
    batch_size=64,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=16, z_dim=2),
    metrics=MetricsConfig(names=("modes", "swd", "mmd", "prdc", "kid", "fid"), n=300),
)
IMAGES = Config(
    batch_size=32,
    dataset=DatasetConfig("digits"),
    model=ModelConfig("mlp", width=16, z_dim=4),
    metrics=MetricsConfig(names=("swd", "prdc"), n=100, extractor="pixels"),
)


@cache
def prepare(config):
    gan = gan_jax.build(config, spec=find_dataset(config).spec)
    keys = jax.random.split(jax.random.key(0), GANS)
    return (
        gan,
        init_states(gan, keys),
        find_dataset(config),
        requested_evaluator(config),
    )


def monitor(config, members, evaluator=None, **options):
    gan, _, data, own = prepare(config)
    return make_sample_monitor(config, gan, data, members, evaluator or own, **options)


def host_quality(config, real, fake):
    """The distance on the scale of noise, and the modes of a toy, in float64."""
    real, fake, mixture = np.float64(real), np.float64(fake), mixture_of(config)
    scale = distance_scale(real, make_noise(real, mixture is None))
    found = {}
    if scale is not None:
        near = metrics.nearest_distances(fake, real).mean()
        found["sample_distance"] = (near - scale[0]) / scale[1]
    if mixture is not None:
        centres, weights = distinct_centres(mixture)
        report = metrics.mode_report(fake, centres, mixture.sigma, weights=weights)
        found |= {
            "sample_modes": report["modes"],
            "sample_precision": report["high_quality"],
        }
    return found


def host_numbers(config, state):
    """The numbers in float64, of fakes that are drawn a batch at a time."""
    gan, _, data, evaluator = prepare(config)
    draw = make_sampler(gan, 16)

    def sample(first, count):
        parts = [draw(state, first=i) for i in range(first, first + count, 16)]
        return np.concatenate(parts)[:count]

    real = np.asarray(data.get(batch_indices(len(data), 256, 1, 0, 0)[0]).image)
    real, fake = shrink_images(real), shrink_images(sample(0, 256))
    found = score_features(evaluator, sample_features(evaluator, sample))
    named = {f"{name}@{evaluator.n}": value for name, value in found.items()}
    quality = host_quality(config.dataset, real, fake)
    return {"diversity": metrics.diversity(real, fake)} | quality | named


@pytest.mark.parametrize("config", [RING, IMAGES], ids=["ring", "images"])
def test_measurement_on_the_device_equals_that_on_the_host(config):
    states = prepare(config)[1]
    rows = monitor(config, [{}] * GANS)(states).read()
    for index, row in enumerate(rows):
        expected = host_numbers(config, member_state(states, index))
        assert row == pytest.approx(expected, rel=1e-4, abs=2e-7)


def test_a_single_gan_has_the_numbers_that_it_has_among_many():
    states = prepare(RING)[1]
    many = monitor(RING, [{}] * GANS)(states).read()
    (one,) = monitor(RING, None)(member_state(states, 1)).read()
    assert one == pytest.approx(many[1], rel=1e-6, abs=1e-8)


def test_numbers_do_not_depend_on_the_chunk(monkeypatch):
    states = prepare(RING)[1]
    together = monitor(RING, [{}] * GANS)(states).read()
    monkeypatch.setattr(batched, "members_per_chunk", lambda *arguments: 2)
    apart = monitor(RING, [{}] * GANS)(states).read()
    for a, b in zip(together, apart, strict=True):
        assert a == pytest.approx(b, rel=1e-6, abs=1e-8)


def test_only_numbers_are_fetched(monkeypatch):
    fetched, fetch = [], jax.device_get

    def record(tree):
        fetched.extend(np.shape(leaf)[1:] for leaf in jax.tree.leaves(tree))
        return fetch(tree)

    pending = monitor(RING, [{}] * GANS)(prepare(RING)[1])
    monkeypatch.setattr(jax, "device_get", record)
    pending.read()
    subsets = (100, 2)
    assert fetched and all(
        shape == subsets or np.prod(shape, dtype=int) <= 4 * 8 for shape in fetched
    )


def test_a_gan_that_is_not_finite_has_no_numbers_and_the_others_keep_theirs():
    states = prepare(RING)[1]
    sound = monitor(RING, [{}] * GANS)(states).read()
    spoilt = jax.tree.map(lambda x: x.at[1].set(jnp.nan), states.ema)
    rows = monitor(RING, [{}] * GANS)(states.replace(ema=spoilt)).read()
    assert rows[1] == {}
    assert rows[0] == sound[0] and rows[2] == sound[2]


def test_a_measurement_that_is_told_to_stop_gives_up_between_two_calls():
    asked = []

    def stop():
        asked.append(None)
        return len(asked) > 6

    rows = monitor(RING, [{}] * GANS, stop=stop)(prepare(RING)[1]).read()
    assert rows == [{}] * GANS
    # Three calls and an end make the first plan; the second gives up after two calls.
    assert len(asked) == 7


def test_a_metric_without_a_traced_form_is_computed_of_the_same_fakes():
    evaluator = prepare(RING)[3]
    plain = {
        name: dataclasses.replace(metric, prepare=None)
        for name, metric in evaluator.metrics.items()
    }
    on_host = monitor(RING, [{}] * GANS, evaluator._replace(metrics=plain))
    states = prepare(RING)[1]
    found = monitor(RING, [{}] * GANS)(states).read()
    for a, b in zip(found, on_host(states).read(), strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=2e-7)
