"""Labels of judged fakes have the data's shares."""

import dataclasses
import math
from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import gan_jax
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig, MetricsConfig, ModelConfig
from gan_jax.data import Dataset, Spec, Stored, label_shares
from gan_jax.data.stacked_images import Triples, stack, stacked_labels
from gan_jax.gan import init_state
from gan_jax.metrics import mode_report
from gan_jax.run.monitor import make_sample_monitor, requested_evaluator
from gan_jax.run_files.data_facts import DataFacts, label_shares_of_run, write_facts
from gan_jax.sampling import draw_labels

RING = np.array([0.01, *[0.99 / 7] * 7])
"""The imbalanced ring's shares, as its docstring has them."""
DEVIATIONS = 4.5
"""Of a binomial count: exceeded once in 150,000 times."""


def assert_drawn_with(shares, drawn):
    """Counts lie within binomial bounds; classes without a share never appear."""
    counts = np.bincount(drawn, minlength=len(shares))
    bound = DEVIATIONS * np.sqrt(len(drawn) * shares * (1 - shares))
    assert (np.abs(counts - len(drawn) * shares) <= bound).all(), counts


def shares_in(name, **options):
    return label_shares(find_dataset(Config(dataset=DatasetConfig(name, **options))))


def test_shares_of_toys_are_their_mixtures_and_those_of_points_drawn():
    np.testing.assert_allclose(shares_in("imbalanced_ring"), RING)
    np.testing.assert_allclose(shares_in("grid"), np.full(25, 1 / 25))
    np.testing.assert_allclose(shares_in("imbalanced_ring", size=50), RING)
    data = find_dataset(Config(dataset=DatasetConfig("imbalanced_ring")))
    assert_drawn_with(RING, np.asarray(data.get(np.arange(20_000)).label))


def test_shares_of_stored_examples_are_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path.parent / "cache"))
    for name, count in {"cat": 7, "dog": 2, "eel": 1}.items():
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.new("RGB", (4, 4)).save(tmp_path / name / f"{i}.png")
    folder = f"folder:{tmp_path}"
    np.testing.assert_allclose(shares_in(folder), [0.7, 0.2, 0.1])
    np.testing.assert_allclose(shares_in(folder, flip=True), [0.7, 0.2, 0.1])
    assert shares_in(f"{folder}/cat") is None
    assert shares_in("digits")[8] == 174 / 1797  # the rarest of UCI's test digits


@pytest.mark.parametrize("unknown", [-1, 2])
def test_a_set_with_unknown_labels_has_no_shares(unknown):
    image, label = np.zeros((3, 2, 2, 1), np.uint8), np.array([0, unknown, 1])
    data = Dataset(Spec((2, 2, 1), 2, 3), lambda: Stored(image, label))
    assert label_shares(data) is None


def test_shares_of_stacked_digits_are_those_of_the_triples():
    rng = np.random.default_rng(0)
    digits = Stored(np.zeros((20, 4, 4, 1), np.uint8), rng.integers(10, size=20))
    triples = Triples(digits, rng.integers(20, size=(300, 3)))
    data = Dataset(Spec((4, 4, 3), 1000, 300), lambda: triples, stack, stacked_labels)
    found = np.bincount(data.get(np.arange(300)).label, minlength=1000) / 300
    np.testing.assert_array_equal(label_shares(data), found)


@pytest.mark.parametrize("shares", [RING, [0, 0.5, 0, 0.3, 0.2, 0], [1.0]])
def test_labels_are_drawn_with_their_shares_each_by_its_number(shares):
    key = jax.random.key(3)
    drawn = np.asarray(draw_labels(key, jnp.arange(20_000), shares))
    assert_drawn_with(np.array(shares), drawn)
    again = draw_labels(key, jnp.array([19_999, 7]), shares)
    np.testing.assert_array_equal(again, drawn[[19_999, 7]])
    if len(shares) > 1:
        other = draw_labels(jax.random.key(4), jnp.arange(20_000), shares)
        assert (np.asarray(other) != drawn).any()


def test_no_class_without_a_share_is_drawn_of_many():
    """A sum of shares in float32, in XLA's order, gives such classes some in 10,000."""
    shares = np.zeros(200_000)
    shares[1::2] = np.random.default_rng(0).dirichlet(np.ones(100_000))
    drawn = draw_labels(jax.random.key(0), jnp.arange(200_000), shares)
    assert (shares[np.asarray(drawn)] > 0).all()
    # As often as their shares say, to five deviations.
    assert abs((np.asarray(drawn) < 100_000).mean() - shares[:100_000].sum()) < 0.01


class Perfect(nn.Module):
    """Draws a real point of the class that it is asked for."""

    @nn.compact
    def __call__(self, z, label, *, train):
        self.param("unused", nn.initializers.zeros, ())
        angle = 2 * jnp.pi * label / 8
        return jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1) + 0.01 * z


CONFIG = Config(
    batch_size=500,
    dataset=DatasetConfig("imbalanced_ring", labels=True),
    model=ModelConfig("mlp", width=4, z_dim=2),
    metrics=MetricsConfig(names=("modes",), n=1000),
)


@cache
def perfect():
    gan = dataclasses.replace(gan_jax.build(CONFIG), generator=Perfect())
    return gan, jax.jit(partial(init_state, gan))(jax.random.key(0))


def test_a_perfect_generator_reaches_the_floor_with_the_shares_and_not_in_turn():
    """`KL(uniform || p)` is what equal shares cost; the floor is (K - 1) / 2N."""
    gan, state = perfect()
    angle = 2 * np.pi * np.arange(8) / 8
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def reverse_kl(**options):
        draw = jax.jit(partial(gan_jax.sample, gan, n=2500, **options))
        points = draw(state, jax.random.key(1))
        return mode_report(points, centres, 0.01, weights=RING)["reverse_kl"]

    assert reverse_kl(shares=RING) < 4 * 7 / 5000
    in_turn = math.log(0.125 / 0.01) / 8 + math.log(0.125 * 7 / 0.99) * 7 / 8
    assert reverse_kl() == pytest.approx(in_turn, rel=0.05)


def test_what_is_measured_in_training_has_the_datas_shares():
    gan, state = perfect()
    measure = make_sample_monitor(
        CONFIG, gan, find_dataset(CONFIG), None, requested_evaluator(CONFIG)
    )
    (found,) = measure(state).read()
    assert found["reverse_kl@1000"] < 4 * 7 / 2000
    assert found["robust_modes@1000"] == 8
    assert 0.9 < found["diversity"] < 1.1


def test_shares_of_a_run_are_the_recorded_ones_or_the_datas(tmp_path):
    np.testing.assert_allclose(label_shares_of_run(tmp_path, CONFIG), RING)
    write_facts(tmp_path, DataFacts((2,), 2, 9, None, None, "", (0.5, 0.5)))
    np.testing.assert_array_equal(label_shares_of_run(tmp_path, CONFIG), [0.5, 0.5])
    plain = dataclasses.replace(CONFIG, dataset=DatasetConfig("ring"))
    assert label_shares_of_run(tmp_path, plain) is None
