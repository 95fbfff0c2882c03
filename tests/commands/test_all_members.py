"""Real runs of several GANs: measured by `evaluate --all`, compared with others."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from PIL import Image
from undrawn import without_pictures

from gan_jax import Config, comparison, load_generator, train
from gan_jax.commands import evaluate as evaluate_command
from gan_jax.commands.runs import main as runs_main
from gan_jax.comparison.picture import load_samples
from gan_jax.config import (
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
    SweepConfig,
)
from gan_jax.evaluate import evaluation
from gan_jax.logs.animation import is_readable_image
from gan_jax.logs.row_files import read_rows
from gan_jax.logs.sample_plots import PICTURE_SEED
from gan_jax.run_files.load_run import load_members, load_run

RING = Config(
    steps=20,
    batch_size=16,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    penalty=PenaltyConfig("r1", weight=2.0),
    g_optimizer=OptimizerConfig("sgd", learning_rate=0.01),
    d_optimizer=OptimizerConfig("sgd", learning_rate=0.01),
    metrics=MetricsConfig(every=10),
    log=LogConfig(every=10),
)
SWEEP = replace(RING, seeds=2, sweep=SweepConfig(penalty=(0.5, 1.0), d_lr=(1.0, 1e30)))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a sweep, half of which diverges, and two runs of one GAN."""
    folder = tmp_path_factory.mktemp("runs")
    with without_pictures():
        train(SWEEP, folder / "sweep")
        train(RING, folder / "single")
        train(replace(RING, seed=1), folder / "other")
    return folder


def test_every_gan_is_measured_as_it_is_alone(runs, capsys, monkeypatch):
    path, counted = runs / "sweep" / "evaluations.jsonl", []
    floor = evaluation.measure_floor
    monkeypatch.setattr(
        evaluation, "measure_floor", lambda measure: counted.append(1) or floor(measure)
    )
    flags = [str(runs / "sweep"), "--metrics", "modes,swd", "--n", "200"]
    assert evaluate_command.main([*flags, "--all"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    every = read_rows(path)
    members = read_rows(runs / "sweep" / "members.jsonl")
    calm = [i for i, member in enumerate(members) if member["sweep.d_lr"] == 1.0]
    assert [row["index"] for row in every] == calm == [0, 1, 4, 5]
    assert [row["penalty.weight"] for row in every] == [1.0, 1.0, 2.0, 2.0]
    assert [row["seed"] for row in every] == [0, 1, 0, 1]
    assert len(counted) == 1
    assert "penalty weight 2" in text and "real data (n = 200)" in text
    real = every[0]["floor"]
    assert f"floor {real['sliced_wasserstein']:.3g}" in text
    assert f"ceiling {real['high_quality']:.3g}" in text and "better" in text
    assert "warning: GAN 2: " in text and " x " not in text
    assert evaluate_command.main([*flags, "--index", "5"]) == 0
    alone = read_rows(path)[-1]
    assert alone["fingerprint"] == every[-1]["fingerprint"]
    for name, value in alone["metrics"].items():
        assert every[-1]["metrics"][name] == pytest.approx(value, rel=1e-5, abs=1e-7)
    assert every[0]["floor"] == every[-1]["floor"]


def test_all_is_for_runs_and_not_for_an_index(runs, capsys):
    for flags in (["--reference", "ring"], [str(runs / "sweep"), "--index", "1"]):
        assert evaluate_command.main([*flags, "--all"]) == 2
        assert "error: all: measures every GAN of a run" in capsys.readouterr().err


def test_members_are_loaded_as_each_is(runs):
    _, states, _ = load_members(runs / "sweep")
    assert len(states) == 8
    for index in (0, 5):
        _, alone, _ = load_run(runs / "sweep", index=index)
        jax.tree.map(
            np.testing.assert_array_equal,
            *(one.generator.params for one in (states[index], alone)),
        )
    assert len(load_members(runs / "single")[1]) == 1


def test_run_of_several_ends_with_its_sums_and_real_values(runs):
    ends = read_rows(runs / "sweep" / "members.jsonl")
    for end in ends:
        assert end["penalty.weight"] == 2.0 * end["sweep.penalty"]
        rate = end["d_optimizer.learning_rate"]
        assert rate == pytest.approx(0.01 * end["sweep.d_lr"])
    rows = read_rows(runs / "sweep" / "metrics.jsonl")
    _, (row,) = opened(runs / "sweep")
    last = [r["diversity"] for r in rows if r["step"] == 20 and r["sweep.d_lr"] == 1.0]
    assert row["measured"]["diversity"]["median"] == pytest.approx(np.median(last))
    assert row["verdicts"] == {"not_learned": 4, "diverged": 4}


def opened(*folders):
    found, _ = comparison.open_runs(comparison.find_runs(folders))
    entries = comparison.make_entries(found)
    return entries, comparison.make_rows(entries)[0]


def test_samples_of_compared_runs_have_the_same_latents(runs):
    entries, _ = opened(runs / "single", runs / "other")
    for entry in entries:
        sample, _ = load_generator(entry.run.folder)
        expected = sample(jax.random.key(PICTURE_SEED), 1000)
        np.testing.assert_allclose(load_samples(entry).fake, expected, atol=1e-6)
        assert load_samples(entry).real.shape == (1000, 2)


def test_runs_of_points_and_images_are_drawn_in_one_picture(runs, tmp_path, capsys):
    out = tmp_path / "comparison.png"
    digits = replace(RING, dataset=DatasetConfig("digits"), steps=2)
    train(digits, tmp_path / "digits")
    assert runs_main([str(runs), str(tmp_path / "digits"), "--out", str(out)]) == 0
    output = capsys.readouterr()
    assert "4 not_learned, 4 diverged" in output.out
    assert "the runs are of different data" in output.err
    with Image.open(out) as picture:
        assert np.asarray(picture).std() > 0
    assert {path.name for path in tmp_path.iterdir()} == {"digits", out.name}


def test_pictures_of_several_gans_of_images_have_rows_with_names(tmp_path):
    digits = replace(RING, dataset=DatasetConfig("digits"), steps=2, seeds=2)
    train(digits, tmp_path / "run")
    with Image.open(tmp_path / "run" / "samples.png") as picture:
        width, height = picture.size
        margin = np.asarray(picture.convert("L"))[:, : width - 10 * (8 * 8 + 2)]
    assert height == 2 * (8 * 8 + 2)
    assert margin.min() < 100 and (margin == 255).mean() > 0.5
    assert is_readable_image(tmp_path / "run" / "curves.png")
