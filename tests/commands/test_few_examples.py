"""Evaluation of few examples: what can be measured is, and the rest is told."""

import warnings

import numpy as np
import pytest
from PIL import Image

from gan_jax.commands.evaluate import main
from gan_jax.config import Config, DatasetConfig
from gan_jax.evaluate.evaluation import evaluate
from gan_jax.evaluate.evaluator import make_evaluator
from gan_jax.evaluate.metric_registry import METRICS, Comparison
from gan_jax.features import FeatureSet


@pytest.mark.parametrize("metric", list(METRICS))
def test_least_examples_of_a_metric_are_exact(metric):
    """It can be taken of so many on each side, and not of one less."""
    least = METRICS[metric].least

    def taken_of(count):
        rng = np.random.default_rng(count)
        sides = []
        for _ in range(3):
            p = rng.dirichlet(np.ones(4), count)
            sides.append(FeatureSet(rng.normal(size=(count, 3)), p))
        real, fake, other = sides
        return METRICS[metric](Comparison(real, fake, other, None, True))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert np.isfinite(list(taken_of(least).values())).all()
        if least > 1:
            with pytest.raises(ValueError):
                taken_of(least - 1)


def small_folder(place, count):
    place.mkdir()
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")
    return Config(dataset=DatasetConfig(f"folder:{place}"))


@pytest.mark.parametrize(
    ("count", "metrics", "floors"),
    [
        (2, "swd", ""),
        (3, "swd", ""),
        (4, "kid", ""),
        (5, "kid", ""),
        (6, "kid prdc", ""),
        (8, "kid prdc", "kid"),
        (11, "kid prdc", "kid"),
        (12, "kid prdc", "kid prdc"),
    ],
)
def test_few_pictures_are_measured_by_what_can_be_taken_of_them(
    tmp_path, monkeypatch, count, metrics, floors
):
    """The samples need each metric's least, the floor twice as many: it is of halves.

    KID takes 4 (subsets of 2), PRDC 6 (the 5th neighbour of others).
    """
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    config = small_folder(tmp_path / "pics", count)
    measure = make_evaluator(config, extractor="pixels")
    assert list(measure.metrics) == metrics.split()
    found = evaluate(measure, lambda first, n: np.zeros((n, 4, 4, 3)), {})
    assert np.isfinite(list(found["metrics"].values())).all()
    firsts = {
        "kid": "kernel_distance",
        "prdc": "precision",
        "swd": "sliced_wasserstein",
    }
    assert {m for m in firsts if firsts[m] in found["floor"]} == set(floors.split())
    lines = found["warnings"]
    assert [line for line in lines if line.startswith("left out")] == [
        f"left out {name}: it needs {least} examples of each side, and there are "
        f"{count}"
        for name, least in {"kid": 4, "prdc": 6}.items()
        if least > count
    ]
    assert [line for line in lines if line.startswith("no floor")] == [
        f"no floor of {name}: it needs {least} examples of each side, and half of the "
        f"data is {count // 2}"
        for name, least in {"swd": 2, "kid": 4, "prdc": 6}.items()
        if name in measure.metrics and least > count // 2
    ]
    assert found["intervals"] == {}


def test_metric_asked_for_of_too_few_is_refused_with_flags_that_exist(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    config = small_folder(tmp_path / "pics", 11)
    against = ["--against", config.dataset.name, "--extractor", "pixels"]
    assert main([*against, "--metrics", "kid,prdc", "--n", "5"]) == 2
    said = capsys.readouterr().err
    assert "metrics prdc: needs 6 examples" in said and "--metrics kid" in said
    assert "give --n 6 or more" in said
    assert main([*against, "--metrics", "prdc"]) == 2
    assert "n 11: is too few for the floor of prdc" in capsys.readouterr().err
    assert main(against) == 0
    assert "warning: no floor of prdc" in capsys.readouterr().out


def test_one_picture_is_told_to_be_too_few(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    config = small_folder(tmp_path / "pics", 1)
    assert main(["--reference", config.dataset.name]) == 2
    assert "holds 1 example, and a comparison needs 2" in capsys.readouterr().err
