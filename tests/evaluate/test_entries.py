"""What an entry of a registry of data sets, metrics or extractors says of itself."""

import inspect
import re

import numpy as np
import pytest

from gan_jax.config import Config, DatasetConfig, OptimizerConfig
from gan_jax.data import (
    DATASETS,
    PREFIXES,
    READS,
    TOYS,
    Dataset,
    DatasetEntry,
    Mixture,
    Spec,
    Stored,
    dataset_entry,
    dataset_fields,
    mixture_of,
)
from gan_jax.data.toys import toy_entry
from gan_jax.evaluate.evaluation import evaluate
from gan_jax.evaluate.evaluator import make_evaluator
from gan_jax.evaluate.gan_metrics import PROBES, second_moment_decay
from gan_jax.evaluate.metric import HIGHER, LOWER, Number, SampleMetric
from gan_jax.evaluate.metric_registry import (
    METRICS,
    better_side,
    bound_name,
    default_metrics,
)
from gan_jax.features import EXTRACTORS, default_extractor

REGISTRIES = {
    "data sets": DATASETS,
    "prefixes": PREFIXES,
    "toys": TOYS,
    "metrics": METRICS,
    "metrics of the GAN": PROBES,
    "extractors": EXTRACTORS,
}


def corner(config):
    """4 Gaussians at the corners of a square."""
    centres = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    return Mixture(centres, config.sigma or 0.1, np.arange(4))


@pytest.mark.parametrize("kind", REGISTRIES)
def test_each_entry_says_in_one_line_what_it_is(kind):
    for name, entry in REGISTRIES[kind].items():
        assert callable(entry)
        first, *_ = inspect.cleandoc(entry.__doc__).splitlines()
        assert first.endswith("."), name
        assert len(first) <= 88, name


@pytest.mark.parametrize("registry", [METRICS, PROBES])
def test_each_metric_gives_its_formula_first(registry):
    for name, entry in registry.items():
        first, *_ = inspect.cleandoc(entry.__doc__).splitlines()
        assert re.search("`[^`]+`", first), name


def test_each_number_of_a_metric_belongs_to_one_metric_and_has_a_side():
    names = [name for metric in METRICS.values() for name in metric.numbers]
    assert len(names) == len(set(names))
    for name in names:
        assert better_side(name) in (LOWER, HIGHER)
        assert bound_name(name) in ("floor", "ceiling")


def test_a_toy_is_one_entry_from_its_density_to_its_metrics(monkeypatch):
    monkeypatch.setitem(DATASETS, "corner", toy_entry(corner))
    config = DatasetConfig("corner")
    assert dataset_fields("corner") == ("sigma", "size")
    assert mixture_of(config) is not None
    evaluator = make_evaluator(Config(dataset=config), n=500)
    assert list(evaluator.metrics) == ["modes", "swd", "prdc"]
    floor = evaluate(evaluator, None, {})["floor"]
    assert floor["modes"] == floor["robust_modes"] == 4


def test_a_metric_is_one_entry_from_its_numbers_to_its_least_examples(monkeypatch):
    number = Number(LOWER, "Gap of means", "0 in mean")
    metric = SampleMetric(
        lambda sides: {"gap": float(len(sides.fake.features))},
        {"gap": number},
        least=300,
    )
    monkeypatch.setitem(METRICS, "gap", metric)
    assert (better_side("gap"), bound_name("gap")) == (LOWER, "floor")
    ring = Config(dataset=DatasetConfig("ring"))
    with pytest.raises(ValueError, match="metrics gap: needs 300 examples"):
        make_evaluator(ring, ("gap",), 200)
    assert (
        evaluate(make_evaluator(ring, ("gap",), 300), None, {})["floor"]["gap"] == 300
    )


def test_a_plain_function_is_a_data_set_that_reads_what_reads_says(monkeypatch):
    def points(config):
        values = np.zeros((config.size or 4, 2), np.float32)
        return Dataset(Spec((2,), None, len(values)), lambda: Stored(values, None))

    monkeypatch.setitem(DATASETS, "own", points)
    assert dataset_entry("own") == DatasetEntry(points)
    monkeypatch.setitem(READS, "own", ("size",))
    assert dataset_fields("own") == ("size",)
    config = DatasetConfig("own")
    assert mixture_of(config) is None
    assert default_extractor(config) == "pixels"
    assert default_metrics(config, "pixels") == ("kid", "prdc")


def test_an_unknown_data_set_reads_nothing_and_makes_nothing():
    assert dataset_fields("nowhere") == ()
    with pytest.raises(KeyError):
        dataset_entry("nowhere")(DatasetConfig("nowhere"))


@pytest.mark.parametrize(
    "group, decay",
    [
        (OptimizerConfig("adam"), 0.999),
        (OptimizerConfig("adam", b2=0.9), 0.9),
        (OptimizerConfig("rmsprop"), 0.99),
        (OptimizerConfig("sgd"), None),
        (OptimizerConfig("momentum", b2=0.9), None),
    ],
)
def test_decay_of_second_moments_is_the_optimizers_own_or_the_configs(group, decay):
    assert second_moment_decay(group) == decay
