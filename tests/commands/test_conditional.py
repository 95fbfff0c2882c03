"""Conditional pairs: the label reaches both networks and means something."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from undrawn import without_pictures

import gan_jax
from gan_jax.commands import evaluate as evaluate_command
from gan_jax.commands import sample as sample_command
from gan_jax.commands.sample import find_class
from gan_jax.config import DatasetConfig, ModelConfig
from gan_jax.evaluate.evaluation import evaluate
from gan_jax.evaluate.evaluator import make_evaluator
from gan_jax.gan import init_state, net_variables
from gan_jax.logs.grids import (
    image_grid,
    load_caption_font,
    name_classes,
    shorten_caption,
)
from gan_jax.logs.row_files import read_rows
from gan_jax.run_files.data_facts import read_facts, write_facts
from gan_jax.sampling import draw_labels

BASE = gan_jax.METHODS["r1"]


def conditional(model, **options):
    return dataclasses.replace(
        BASE,
        dataset=DatasetConfig("digits", labels=True),
        model=ModelConfig(model, width=4, **options),
        batch_size=8,
    )


@pytest.mark.parametrize(
    "name",
    [
        "mlp",
        pytest.param("dcgan", marks=pytest.mark.slow),
        pytest.param("resize", marks=pytest.mark.slow),
        "resnet",
    ],
)
def test_label_changes_both_networks_outputs(name):
    gan = gan_jax.build(conditional(name))
    state = jax.jit(partial(init_state, gan))(jax.random.key(0))
    one, two = jnp.full(4, 1), jnp.full(4, 2)
    key = jax.random.key(1)
    draws = [gan_jax.sample(gan, state, key, 4, label=label) for label in (one, two)]
    assert jnp.abs(draws[0] - draws[1]).max() > 1e-4
    judge = gan.discriminator.apply
    d = net_variables(state.discriminator)
    logits = [judge(d, draws[0], label, train=False) for label in (one, two)]
    assert jnp.abs(logits[0] - logits[1]).max() > 1e-4


@pytest.mark.parametrize("name", ["mlp", "resize"])
def test_unconditional_networks_ignore_labels(name):
    config = dataclasses.replace(conditional(name), dataset=DatasetConfig("digits"))
    gan = gan_jax.build(config)
    state = init_state(gan, jax.random.key(0))
    key = jax.random.key(1)
    plain = gan_jax.sample(gan, state, key, 4)
    told = gan_jax.sample(gan, state, key, 4, label=jnp.arange(4))
    np.testing.assert_array_equal(plain, told)


def test_projection_is_the_inner_product_with_the_labels_row():
    """D(x, y) - D(x, y') is linear in the row difference of the embedding."""
    gan = gan_jax.build(conditional("mlp", d_init="normal"))
    state = init_state(gan, jax.random.key(0))
    variables = net_variables(state.discriminator)
    x = jax.random.normal(jax.random.key(1), (1, 8, 8, 1))
    (name,) = [
        name for name, p in variables["params"].items() if p["kernel"].shape[0] == 10
    ]
    rows = variables["params"][name]["kernel"]
    hidden = variables["params"]

    def features(x):
        h = x.reshape(1, -1)
        for layer in ("Dense_0", "Dense_1"):
            h = h @ hidden[layer]["kernel"] + hidden[layer]["bias"].reshape(1, -1)
            h = jax.nn.leaky_relu(h, 0.2)
        return h[0]

    def judge(k):
        return gan.discriminator.apply(variables, x, jnp.array([k]), train=False)[0]

    expected = (rows[3] - rows[7]) @ features(x)
    np.testing.assert_allclose(judge(3) - judge(7), expected, rtol=1e-4, atol=1e-6)


def test_conditional_run_and_drawing_a_class(tmp_path, capsys):
    config = dataclasses.replace(conditional("mlp"), steps=20)
    with without_pictures():
        gan_jax.train(config, tmp_path / "run")
    sample, _ = gan_jax.load_generator(tmp_path / "run")
    key = jax.random.key(0)
    every = sample(key, 20)
    threes = sample(key, 20, label=3)
    _, counts = np.unique(load_digits().target, return_counts=True)
    own = np.asarray(draw_labels(key, np.arange(20), counts / counts.sum()))
    np.testing.assert_allclose(every, sample(key, 20, label=own), atol=1e-6)
    assert np.abs(every - threes)[own != 3].max(axis=(1, 2, 3)).min() > 1e-5
    check_recorded_shares(tmp_path / "run", threes)
    out = tmp_path / "threes.png"
    run = str(tmp_path / "run")
    arguments = [run, "--label", "3", "--n", "9", "--grid", str(out)]
    assert sample_command.main(arguments) == 0
    assert out.exists()
    assert sample_command.main([run, "--label", "10"]) == 2
    assert "0 to 9" in capsys.readouterr().err
    assert sample_command.main([run, "--n", "4"]) == 0
    assert (tmp_path / "run" / "samples-drawn.png").exists()
    assert sample_command.main([str(tmp_path)]) == 2
    assert "config.json" in capsys.readouterr().err


def test_a_class_is_named_or_numbered_and_a_name_comes_first():
    names = ("cat", "dog", "0")
    assert find_class("dog", 3, names) == 1
    assert find_class("0", 3, names) == 2
    assert find_class("1", 3, names) == 1
    assert find_class("2", 3, None) == 2
    with pytest.raises(ValueError, match=r"label dgo: .*cat, dog, 0.*mean dog\?"):
        find_class("dgo", 3, names)
    with pytest.raises(ValueError, match=r"^label 12: must be 0 to 9$"):
        find_class("12", 10, tuple("0123456789"))
    for wrong in ("3", "-1", "\N{SUPERSCRIPT TWO}", ""):
        with pytest.raises(ValueError, match="must be 0 to 2"):
            find_class(wrong, 3, None)


def test_captions_fit_their_images_and_tell_the_class(tmp_path):
    assert name_classes(np.array([1, 0, 1]), ("cat", "dog")) == ["dog", "cat", "dog"]
    assert name_classes(np.array([1, 12]), None) == ["1", "12"]
    assert shorten_caption("dog", 3, len) == "dog"
    assert shorten_caption("horses", 5, len) == "hor.."
    assert shorten_caption("a\nb", 9, len) == "a\\nb"
    images = np.zeros((4, 8, 8, 1))
    accented, other = (bytes(load_caption_font().getmask(x)) for x in "éñ")
    assert accented != other  # a letter that the font lacks is the same box
    image_grid(tmp_path / "plain.png", images)
    image_grid(tmp_path / "named.png", images, captions=["cat"] * 4)
    with Image.open(tmp_path / "plain.png") as plain:
        assert plain.size == (2 * 66, 2 * 66)
    with Image.open(tmp_path / "named.png") as named:
        assert named.size == (2 * 66, 2 * 80)
        shades = np.asarray(named)[64:80, :64]
    assert shades.max() > 200 > shades.min()  # light text on grey


def record_threes(run):
    """The run's data.json says that all labels are 3."""
    facts = read_facts(run)
    assert facts is not None
    shares = tuple(np.eye(10)[3].tolist())
    write_facts(run, dataclasses.replace(facts, label_shares=shares))


def check_recorded_shares(run, threes):
    """Samples without a label have the shares in data.json."""
    record_threes(run)
    sample, _ = gan_jax.load_generator(run)
    np.testing.assert_array_equal(sample(jax.random.key(0), 20), threes)
    file = run / "samples.npz"
    assert sample_command.main([str(run), "--n", "20", "--npz", str(file)]) == 0
    with np.load(file) as stored:
        np.testing.assert_allclose(stored["arr_0"] / 127.5 - 1, threes, atol=0.01)


@pytest.mark.slow
def test_evaluation_asks_for_classes_as_often_as_the_data_have_them(tmp_path):
    run = tmp_path / "run"
    gan_jax.train(dataclasses.replace(conditional("mlp"), steps=2), run)
    record_threes(run)
    options = ["--n", "200", "--metrics", "swd", "--extractor", "pixels"]
    assert evaluate_command.main([str(run), *options]) == 0
    (found,) = read_rows(run / "evaluations.jsonl")
    assert found["fingerprint"]["labels"] == "the data's shares"
    sample, config = gan_jax.load_generator(run)
    key, measure = jax.random.key(0), make_evaluator(config, ("swd",), 200, "pixels")
    threes = evaluate(measure, lambda i, n: sample(key, n, first=i, label=3), {})
    fours = evaluate(measure, lambda i, n: sample(key, n, first=i, label=4), {})
    assert found["metrics"] == pytest.approx(threes["metrics"], rel=1e-5)
    assert found["metrics"] != pytest.approx(fours["metrics"], rel=1e-3)


def test_labels_are_refused_where_there_are_none(tmp_path):
    from PIL import Image

    Image.new("L", (8, 8)).save(tmp_path / "one.png")
    config = dataclasses.replace(
        BASE, dataset=DatasetConfig(f"folder:{tmp_path}", labels=True), batch_size=1
    )
    with pytest.raises(ValueError, match="dataset.labels"):
        gan_jax.build(config)
