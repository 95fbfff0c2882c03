"""The floor: which examples stand in place of samples, and what is said of it."""

import warnings

import numpy as np
import pytest

from gan_jax import Config
from gan_jax.config import DatasetConfig
from gan_jax.data import DATASETS, Dataset, Spec
from gan_jax.data.core import ENDLESS
from gan_jax.evaluate.evaluation import evaluate, measure_floor
from gan_jax.evaluate.evaluator import NamedSet, make_evaluator
from gan_jax.evaluate.metric import SampleMetric
from gan_jax.evaluate.reference import comparison_indices
from gan_jax.types import Batch

DIGITS = Config(dataset=DatasetConfig("digits"))


@pytest.mark.parametrize(
    ("n", "sides"),
    [(898, ((0, 898), (898, 1796))), (899, ((0, 449), (449, 898)))],
)
def test_floor_without_held_out_examples_is_of_others_or_of_halves(n, sides):
    """The 1,797 digits have others for at most 898; they are not held out."""
    measure = make_evaluator(DIGITS, ("prdc",), n=n, extractor="pixels")
    seen = []
    spy = SampleMetric(lambda sides: seen.append(sides) or {})
    found = measure_floor(measure._replace(metrics={"spy": spy}))
    assert found == {"n": sides[0][1]} and seen[0].held_out is None
    data = DATASETS["digits"](DIGITS.dataset)
    order = comparison_indices(data, 1797, 0)
    for side, (first, last) in zip((seen[0].real, seen[0].fake), sides, strict=True):
        own = np.asarray(data.get(order[first:last]).image).reshape(-1, 64)
        np.testing.assert_array_equal(side.features, own)


def test_floor_of_an_endless_set_is_of_other_examples():
    data = Dataset(
        Spec((1,), None, ENDLESS),
        lambda: (),
        gather=lambda stored, indices: Batch(indices[:, None] / ENDLESS, None),
        hash_content=lambda stored: "all numbers",
    )
    other_set = NamedSet("numbers", data)
    measure = make_evaluator(DIGITS, ("swd",), 50, "pixels", other_set=other_set)
    assert measure.read_others is not None
    own, others = measure.real.features, measure.read_others().features
    assert others.shape == (50, 1) and not set(own.ravel()) & set(others.ravel())
    assert measure_floor(measure)["n"] == 50


def warn_of(count):
    warnings.warn(f"only {count} samples", stacklevel=2)
    return {"x": 0.0}


def test_warning_of_the_floor_is_not_told_twice():
    """One that the samples do not cause is marked as that of the floor."""
    measure = make_evaluator(DIGITS, ("swd",), 1000, "pixels")
    fake = measure.real
    for least, expected in (
        (2000, ["only 1000 samples"]),
        (600, ["floor: only 500 samples"]),
        (100, []),
    ):
        spy = SampleMetric(
            lambda sides, least=least: (
                warn_of(len(sides.fake.features))
                if len(sides.fake.features) < least
                else {}
            )
        )
        found = evaluate(measure._replace(metrics={"spy": spy}), fake, {})
        told = [line for line in found["warnings"] if "only" in line]
        assert told == expected


def test_floor_of_other_counts_is_said_to_be_none():
    for n, is_of_halves in ((898, False), (1000, True)):
        measure = make_evaluator(DIGITS, ("swd",), n=n, extractor="pixels")
        lines = evaluate(measure, measure.real, {})["warnings"]
        assert any("the floor is of 500 examples" in x for x in lines) == is_of_halves
