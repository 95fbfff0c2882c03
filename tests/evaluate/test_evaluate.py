"""From runs and samples to numbers, floors and fingerprints."""

import hashlib
import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from undrawn import without_pictures

from gan_jax import Config, build, init_state, load_generator, train
from gan_jax.commands import evaluate as script
from gan_jax.commands import sample as drawing
from gan_jax.config import DatasetConfig, LogConfig, MetricsConfig, ModelConfig
from gan_jax.data import DATASETS, TOYS
from gan_jax.evaluate.evaluation import evaluate
from gan_jax.evaluate.evaluator import make_evaluator
from gan_jax.evaluate.fingerprint import require_one_fingerprint
from gan_jax.evaluate.metric import Comparison
from gan_jax.evaluate.metric_registry import METRICS, better_side, known_numbers
from gan_jax.evaluate.reference import (
    comparison_indices,
    held_out_dataset,
)
from gan_jax.features import FeatureSet
from gan_jax.logs.row_files import read_rows
from gan_jax.logs.sample_plots import PICTURE_SEED
from gan_jax.run_files.latents import draw_truncated_latents, interpolate_latents
from gan_jax.sampling import generate

RING, DIGITS = (Config(dataset=DatasetConfig(name)) for name in ("ring", "digits"))


def ring_of(modes, count=2500, seed=0):
    """A sampler of some modes of the ring, with its own sigma."""
    centres, sigma, _ = TOYS["ring"](RING.dataset)
    rng = np.random.default_rng(seed)
    which = rng.choice(modes, count)
    points = centres[which] + sigma * rng.normal(size=(count, 2))
    return lambda first, n: points[first : first + n].astype(np.float32)


@pytest.fixture(scope="module")
def ring():
    return make_evaluator(RING, ("modes", "prdc"))


def test_perfect_generator_reaches_the_floor(ring):
    """High quality: 1 - exp(-9/2), n = 2,500; five deviations of the binomial."""
    found = evaluate(ring, ring_of(range(8)), {})
    share = 1 - math.exp(-4.5)
    bound = 5 * math.sqrt(share * (1 - share) / 2500)
    for numbers in (found["metrics"], found["floor"]):
        assert (numbers["modes"], numbers["robust_modes"]) == (8, 8)
        assert numbers["high_quality"] == pytest.approx(share, abs=bound)
        assert 0 < numbers["reverse_kl"] < 0.01  # about (K - 1) / 2N = .0014
        assert numbers["coverage"] > 0.9


def test_dropped_mode_is_seen(ring):
    metrics = evaluate(ring, ring_of(range(1, 8)), {})["metrics"]
    assert (metrics["modes"], metrics["robust_modes"]) == (7, 7)
    assert metrics["coverage"] < 7 / 8 + 0.02


def test_points_of_the_two_sides_are_different_ones():
    data = DATASETS["ring"](RING.dataset)
    ours, theirs = (comparison_indices(data, 2500, turn) for turn in (0, 1))
    assert len(set(ours.tolist())) > 2490 and not set(ours) & set(theirs)
    assert min(ours) >= 2**30
    assert np.bincount(ours % 8).std() > 0  # at random, so not equally many of a mode


def test_examples_compared_with_themselves_are_perfect():
    measure = make_evaluator(DIGITS, ("fid", "prdc", "swd"), 500, "pixels")
    data = DATASETS["digits"](DIGITS.dataset)
    own = data.get(comparison_indices(data, 500, 0)).image
    found = evaluate(measure, lambda first, n: own[first : first + n], {})["metrics"]
    assert found["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert found["sliced_wasserstein"] == pytest.approx(0, abs=1e-6)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_fewer_samples_than_features_are_warned_of():
    measure = make_evaluator(DIGITS, ("fid",), n=50, extractor="pixels")
    found = evaluate(measure, lambda first, n: np.zeros((n, 8, 8, 1)), {})
    assert any("64" in warning for warning in found["warnings"])


def test_samples_that_are_not_finite_are_counted(ring):
    def broken(first, n):
        return np.full((n, 2), np.nan, np.float32)

    with pytest.raises(ValueError, match="NaN or infinity in 2500 of 2500 rows"):
        evaluate(ring, broken, {})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metrics": ("fdi",)}, "metrics 'fdi' is unknown; did you mean 'fid'"),
        ({"n": 1798}, "n 1798: must be 2 to 1797"),
        ({"n": 1}, r"n 1: must be 2 to 1797, the examples of 'digits' \(all\)$"),
        ({"split": "test"}, "split 'test': digits has no splits"),
        ({"extractor": "pixel"}, "extractor 'pixel'.*'pixels'"),
        ({"extractor": "inception"}, "Inception weights .*prepare inception"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, words, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=words):
        make_evaluator(DIGITS, **arguments)


def test_foreign_weight_file_is_refused_with_its_hash(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=hashlib.sha256(b"something else").hexdigest()):
        make_evaluator(DIGITS, extractor="inception", weights=str(path))


def test_numbers_are_comparable_only_with_one_fingerprint(ring):
    same = evaluate(ring, None, {"ema": True})
    assert require_one_fingerprint([same, same]) == same["fingerprint"]
    others = {
        "ema": evaluate(ring, None, {"ema": False}),
        "n_fake": evaluate(make_evaluator(RING, ("prdc",), n=100), None, {"ema": True}),
        "content": evaluate(
            make_evaluator(Config(dataset=DatasetConfig("ring", sigma=0.1)), ("prdc",)),
            None,
            {"ema": True},
        ),
    }
    for name, other in others.items():
        with pytest.raises(ValueError, match=f"^{name}: .* not comparable"):
            require_one_fingerprint([same, other])


def comparison(fake):
    """Of class probabilities: 10 classes, equally many reals of each."""
    real = np.eye(10)[np.arange(1000) % 10]
    return Comparison(FeatureSet(real, real), FeatureSet(fake, fake), None, None)


def test_classes_are_counted_by_the_classifier():
    fake = np.eye(10)[np.arange(1000) % 4]
    found = METRICS["modes"](comparison(fake))
    p = (np.bincount(np.arange(1000) % 4, minlength=10) + 0.1) / 1001
    assert found["classes"] == 4
    assert found["class_reverse_kl"] == pytest.approx(np.sum(p * np.log(p / 0.1)))


def test_stacked_modes_are_counted_by_digits():
    triples = np.array([[1, 2, 3], [1, 2, 3], [4, 5, 6]])
    p = np.eye(10)[np.repeat(triples, 5, axis=0)]
    side = FeatureSet(np.zeros((15, 2)), p)
    found = METRICS["modes"](Comparison(side, side, None, None))
    assert found["modes"] == 2
    two = np.array([10, 5]) / 15
    assert found["kl"] == pytest.approx(np.sum(two * np.log(two * 1000)), rel=1e-2)


def test_metrics_that_need_classes_say_so(ring):
    for name in ("is", "memorization"):
        with pytest.raises(ValueError, match=f"^metrics {name}: "):
            METRICS[name](Comparison(ring.real, ring.real, None, None))


# Runs.

SHORT = Config(
    steps=30,
    batch_size=16,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4, g_norm="batch"),
    log=LogConfig(every=10),
    metrics=MetricsConfig(every=15, names=("modes", "swd"), n=200),
    steps_per_call=5,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "ring"
    with without_pictures():
        train(SHORT, folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    config = replace(SHORT, dataset=DatasetConfig("digits", labels=True))
    with without_pictures():
        train(replace(config, metrics=MetricsConfig(0)), folder)
    return folder


def test_log_has_measurements_that_bear_their_number_of_samples(run):
    rows = read_rows(run / "metrics.jsonl")
    measured = {row["step"]: row for row in rows if "modes@200" in row}
    assert list(measured) == [15, 30]
    sample, config = load_generator(run)
    key = jax.random.key(PICTURE_SEED)
    found = evaluate(
        make_evaluator(config, ("modes", "swd"), n=200),
        lambda first, n: sample(key, n, first=first),
        {},
    )
    for name, value in found["metrics"].items():
        assert measured[30][f"{name}@200"] == pytest.approx(value, rel=1e-4), name


@pytest.mark.slow
def test_each_of_several_gans_is_measured_alone(run, tmp_path):
    train(replace(SHORT, seeds=2), tmp_path / "two")
    rows = read_rows(tmp_path / "two" / "metrics.jsonl")
    own = [row for row in rows if row["seed"] == 0 and "swd" not in row]
    alone = read_rows(run / "metrics.jsonl")
    assert [row["step"] for row in own] == [row["step"] for row in alone]
    name = "sliced_wasserstein@200"
    ours = [row[name] for row in own if name in row]
    theirs = [row[name] for row in alone if name in row]
    assert ours == pytest.approx(theirs, rel=1e-3)
    other = [row[name] for row in rows if row["seed"] == 1 and name in row]
    assert other != pytest.approx(theirs, rel=1e-3)


def test_metrics_that_cannot_be_are_refused_before_anything_is_written(tmp_path):
    for name, words in (
        ("fdi", "metrics.names 'fdi' is unknown; did you mean 'fid'"),
        ("is", "metrics is: needs an extractor with classes"),
        ("memorization", "metrics memorization: needs held-out examples and all"),
    ):
        wrong = replace(SHORT, metrics=MetricsConfig(names=(name,)))
        with pytest.raises(ValueError, match=words):
            train(wrong, tmp_path / "run")
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", TOYS)
def test_every_toy_has_metrics_that_suit_it(name):
    config = Config(dataset=DatasetConfig(name))
    found = evaluate(make_evaluator(config, n=100), None, {})["floor"]
    assert found["n"] == 100 and len(found) > 1


def test_a_curve_is_one_mode_of_which_the_quality_is_measured():
    config = Config(dataset=DatasetConfig("swiss_roll"))
    found = evaluate(make_evaluator(config, ("modes",)), None, {})["floor"]
    assert found.keys() == {"high_quality", "energy_distance", "n"}
    assert found["high_quality"] > 0.98  # nearest of many centres: at least .9889


def test_too_many_features_for_a_frechet_distance_are_refused():
    wide = FeatureSet(np.zeros((5, 4097)), None)
    with pytest.raises(
        ValueError, match="metrics fid: 4097 features, at most 4096.*lite0"
    ):
        METRICS["fid"](Comparison(wide, wide, None, None))


@pytest.mark.parametrize(
    ("name", "trained", "compared", "other"),
    [
        ("mnist", None, None, "test"),
        ("mnist", "train[:50%]", "train", "test"),
        ("mnist", "train+test", "train", None),
        ("mnist", "train", "test", None),
        ("mnist", "train[:50%]+test", "train[:50%]+test", None),
        ("digits", None, None, None),
        ("tfds:mine", None, None, None),
    ],
)
def test_held_out_examples_were_not_trained_on(name, trained, compared, other):
    one, two = (DatasetConfig(name, split=split) for split in (trained, compared))
    found = held_out_dataset(one, two)
    assert found == (other and DatasetConfig(name, split=other))


NO_SIDE = {"kernel_distance_standard_error", "inception_score_deviation"}


def test_every_number_says_which_way_it_is_better():
    """All metrics, of points, of classes of images and of a toy."""
    rng = np.random.default_rng(0)

    def side(count, classes, shift):
        p = rng.dirichlet(np.ones(10), (count, 3)[: 1 + (classes == 3)])
        return FeatureSet(rng.normal(shift, 1, (count, 2)), p)

    found = set()
    for classes, mixture in ((1, None), (3, None), (1, TOYS["ring"](RING.dataset))):
        real, fake, other = (side(50, classes, shift) for shift in (0, 1, 0))
        sides = Comparison(real, fake, other, mixture, True)
        for name, metric in METRICS.items():
            if not (classes == 3 and name == "is"):
                found |= metric(sides).keys()
    assert found == {*known_numbers(), *NO_SIDE} - {"diversity"}


@pytest.mark.parametrize("name, far", [("fid", 3.0), ("swd", 3.0), ("prdc", 3.0)])
def test_samples_far_from_the_data_are_worse_on_the_side_that_is_told(name, far):
    rng = np.random.default_rng(0)
    real, near, away = (
        FeatureSet(rng.normal(at, 1, (200, 2)), None) for at in (0, 0, far)
    )
    good, bad = (METRICS[name](Comparison(real, x, None, None)) for x in (near, away))
    for number, better in {k: better_side(k) for k in good}.items():
        assert (good[number] < bad[number]) == (better == "lower"), number


def test_script_prints_numbers_and_floor_and_keeps_them(run, capsys):
    assert script.main([str(run), "--metrics", "modes,prdc", "--n", "500"]) == 0
    printed = capsys.readouterr().out
    assert "samples (n = 500)" in printed and "real data (n = 500)" in printed
    table = [line.split() for line in printed.splitlines() if "│" in line]
    rows = {cells[1]: cells for cells in table}
    for name, better, bound in (
        ("precision", "higher", "ceiling"),
        ("robust_modes", "higher", "ceiling"),
        ("energy_distance", "lower", "floor"),
    ):
        assert rows[name][3] == better and rows[name][-3] == bound
    assert max(map(len, printed.splitlines())) <= 80
    (row,) = read_rows(run / "evaluations.jsonl")
    assert row["fingerprint"]["ema"] is True
    assert f"{row['metrics']['coverage']:.5g}" in printed
    assert script.main(["--reference", "ring", "--n", "100"]) == 0
    assert "real data (n = 100)" in capsys.readouterr().out
    for wrong in ([str(run), "--metrics", "fdi"], [], [str(run / "nowhere")]):
        assert script.main(wrong) == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert len(read_rows(run / "evaluations.jsonl")) == 1


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_a_fake_does_not_depend_on_the_others(norm):
    config = replace(SHORT, model=replace(SHORT.model, g_norm=norm))
    gan = build(config)
    state = init_state(gan, jax.random.key(0))
    z = jax.random.normal(jax.random.key(1), (6, 4))
    for ema in (True, False):
        whole = generate(gan, state, z, None, ema=ema)
        alone = [generate(gan, state, one[None], None, ema=ema)[0] for one in z]
        np.testing.assert_allclose(whole, jnp.stack(alone), atol=1e-6)


def test_samples_are_numbered_from_the_first(run):
    sample, _ = load_generator(run)
    key = jax.random.key(3)
    whole = sample(key, 7)
    np.testing.assert_allclose(sample(key, 3, first=4), whole[4:], atol=1e-6)


def test_array_pictures_and_grid_hold_the_same_samples(pictures, tmp_path):
    places = {name: str(tmp_path / name) for name in ("a.npz", "folder", "g.png")}
    flags = ["--npz", places["a.npz"], "--folder", places["folder"]]
    assert drawing.main([str(pictures), "--n", "12", *flags]) == 0
    sample, _ = load_generator(pictures)
    expected = np.asarray(sample(jax.random.key(0), 12))
    with np.load(places["a.npz"]) as stored:
        assert stored.files == ["arr_0"]
        array = stored["arr_0"]
    assert array.dtype == np.uint8 and array.shape == (12, 8, 8, 1)
    np.testing.assert_allclose(array / 127.5 - 1, expected, atol=1 / 127)
    files = sorted((tmp_path / "folder").iterdir())
    assert [file.name for file in files] == [f"{i:06d}.png" for i in range(12)]
    for file, image in zip(files, array, strict=True):
        with Image.open(file) as opened:
            np.testing.assert_array_equal(np.asarray(opened), image[..., 0])


def test_interpolation_has_ten_pictures_a_row(pictures, tmp_path):
    path = tmp_path / "walk.png"
    flags = ["--n", "3", "--interpolate", "--grid", str(path)]
    assert drawing.main([str(pictures), *flags]) == 0
    with Image.open(path) as picture:
        assert picture.size == (10 * 66, 3 * (66 + 14))  # each with its class


def test_walks_go_from_one_latent_to_the_other_on_the_sphere():
    rng = np.random.default_rng(0)
    a, b = (
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.normal(size=(2, 5, 8))
    )
    path = np.asarray(
        interpolate_latents(jnp.float32(3 * a), jnp.float32(3 * b), 7)
    ).reshape(5, 7, 8)
    np.testing.assert_allclose(path[:, 0], 3 * a, atol=1e-5)
    np.testing.assert_allclose(path[:, -1], 3 * b, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), 3, atol=1e-5)
    turns = (path[:, 1:] * path[:, :-1]).sum(axis=2) / 9
    np.testing.assert_allclose(
        turns, np.broadcast_to(turns[:, :1], turns.shape), atol=1e-5
    )


def test_truncated_latents_lie_within_the_bound():
    gan = build(SHORT)
    keys = jax.random.split(jax.random.key(0), 500)
    z = np.asarray(draw_truncated_latents(gan, keys, 0.5))
    assert z.shape == (500, 4) and np.abs(z).max() <= 0.5
    # Nearly uniform: the deviation of N(0, 1) within 0.5 is 0.2838 (closed form).
    density = math.exp(-0.125) / math.sqrt(2 * math.pi)
    inside = math.erf(0.5 / math.sqrt(2))
    expected = math.sqrt(1 - density / inside)
    assert z.std() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--label", "10"], "label 10: must be 0 to 9"),
        (["--n", "0"], "n 0: must be at least 1"),
        (["--truncation", "0"], "truncation 0.0: must be over 0"),
        (["--index", "1"], "index 1: the run has 1 GAN"),
        (["--seed", "-1"], "seed -1: must be 0 to"),
        (["--npz", "nowhere/x.npz"], "npz nowhere/x.npz: its folder does not exist"),
        (["--folder", "/"], "folder /: is not empty"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    flags, words, pictures, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert drawing.main([str(pictures), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_samples_that_nobody_asked_elsewhere_land_in_the_run(
    run, pictures, tmp_path, monkeypatch
):
    """Of points a picture too."""
    monkeypatch.chdir(tmp_path)
    for folder in (run, pictures):
        place = folder / "samples-drawn.png"
        assert not place.exists()
        assert drawing.main([str(folder), "--n", "9"]) == 0
        with Image.open(place) as picture:
            assert min(picture.size) >= 3 * 66
        place.unlink()
    assert not any(tmp_path.iterdir())


def test_points_are_written_as_an_array(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert drawing.main([str(run), "--folder", "p"]) == 2
    assert "--npz" in capsys.readouterr().err
    assert drawing.main([str(run), "--npz", "p.npz", "--n", "5"]) == 0
    with np.load("p.npz") as stored:
        assert stored["arr_0"].shape == (5, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]
