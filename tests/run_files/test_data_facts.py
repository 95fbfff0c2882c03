"""What a run records of its data: generators without their data, other data refused."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from undrawn import without_pictures

from gan_jax import METHODS, load_generator, train
from gan_jax.assembly.datasets import find_dataset
from gan_jax.commands import evaluate as evaluate_command
from gan_jax.commands import sample as sample_command
from gan_jax.commands.train import main as train_main
from gan_jax.config import CheckpointConfig, Config, DatasetConfig, ModelConfig
from gan_jax.data import DATASETS, with_absolute_path
from gan_jax.diagnostics.report.diagnosed_run import load_diagnosed_run
from gan_jax.evaluate.evaluator import make_evaluator
from gan_jax.features import EXTRACTORS, Extractor
from gan_jax.run_files.data_facts import (
    DataFacts,
    collect_facts,
    read_facts,
    write_facts,
)

SIDE, PER_CLASS = 8, 6
SHORT = replace(
    METHODS["ns_gan"],
    steps=4,
    batch_size=4,
    model=ModelConfig("mlp", width=8, z_dim=2),
    checkpoint=CheckpointConfig(every=2, keep=3),
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))


def paint(file: Path, value: int, side: int = SIDE) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(file)


def train_on_pictures(name: str, out: Path) -> Path:
    with without_pictures():
        train(replace(SHORT, dataset=DatasetConfig(name, labels=True)), out)
    return out


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """`pictures/`, two classes of six, each of one colour, and a `run/` on them."""
    folder = tmp_path_factory.mktemp("original")
    for c, name in enumerate(("cat", "dog")):
        for i in range(PER_CLASS):
            paint(folder / "pictures" / name / f"{i}.png", 100 * c + 10 * i)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_JAX_CACHE", str(folder / "cache"))
        train_on_pictures(f"folder:{folder / 'pictures'}", folder / "run")
    return folder


@pytest.fixture
def pictures(original, tmp_path):
    """A copy of the pictures."""
    return Path(shutil.copytree(original / "pictures", tmp_path / "pictures"))


@pytest.fixture
def run(original, pictures, tmp_path):
    """The run, as if it had been made on the copy of the pictures."""
    copy = Path(shutil.copytree(original / "run", tmp_path / "run"))
    text = (copy / "config.json").read_text()
    moved = text.replace(str(original / "pictures"), str(pictures))
    (copy / "config.json").write_text(moved)
    return copy


def draw_samples(run: Path) -> np.ndarray:
    sample, _ = load_generator(run)
    return np.asarray(sample(jax.random.key(0), 5, label=np.arange(5) % 2))


def test_a_run_records_shape_classes_range_and_content_of_its_data(run):
    facts = json.loads((run / "data.json").read_text())
    fingerprint = facts.pop("fingerprint")
    assert 0 <= facts.pop("crc32") < 2**32
    assert facts == {
        "shape": [SIDE, SIDE, 3],
        "label_count": 2,
        "size": 2 * PER_CLASS,
        "class_names": ["cat", "dog"],
        "value_range": [-1.0, 1.0],
        "label_shares": [0.5, 0.5],
    }
    assert len(fingerprint) == 64


def remove_pictures(pictures: Path, tmp_path: Path) -> None:
    pictures.rename(tmp_path / "elsewhere")


def resize_first_picture(pictures: Path, tmp_path: Path) -> None:
    paint(pictures / "cat" / "0.png", 3, side=32)


def add_class(pictures: Path, tmp_path: Path) -> None:
    paint(pictures / "aardvark" / "0.png", 3)


@pytest.mark.parametrize("change", [remove_pictures, resize_first_picture, add_class])
def test_a_generator_is_loaded_and_drawn_from_without_its_pictures(
    change, run, pictures, tmp_path
):
    before = draw_samples(run)
    change(pictures, tmp_path)
    np.testing.assert_array_equal(draw_samples(run), before)
    npz = tmp_path / "drawn.npz"
    assert sample_command.main([str(run), "--n", "3", "--npz", str(npz)]) == 0
    assert np.load(npz)["arr_0"].shape == (3, SIDE, SIDE, 3)


def test_a_relative_folder_is_the_same_one_from_everywhere(
    original, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = with_absolute_path(Config(dataset=DatasetConfig("folder:pictures")))
    assert config.dataset.name == f"folder:{pictures}"
    assert with_absolute_path(config) == config
    assert with_absolute_path(Config()) == Config()


def test_a_generator_of_a_tfds_set_is_loaded_without_it(run, tmp_path, monkeypatch):
    before, config = draw_samples(run), json.loads((run / "config.json").read_text())
    config["dataset"]["name"] = "mnist"  # the same facts, of a set that is not there
    (run / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))
    np.testing.assert_array_equal(draw_samples(run), before)


def test_a_run_without_a_record_of_its_data_asks_the_data(run, pictures, tmp_path):
    before = draw_samples(run)
    (run / "data.json").unlink()
    np.testing.assert_array_equal(draw_samples(run), before)
    pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="no such folder"):
        load_generator(run)


def remove_picture(pictures: Path) -> None:
    (pictures / "cat" / "3.png").unlink()


def swap_pictures(pictures: Path) -> None:
    (pictures / "cat").rename(pictures / "other")
    (pictures / "dog").rename(pictures / "cat")
    (pictures / "other").rename(pictures / "dog")


def change_pixel(pictures: Path) -> None:
    file = pictures / "dog" / "5.png"
    pixels = np.array(Image.open(file))
    pixels[-1, -1, -1] += 1
    Image.fromarray(pixels).save(file)


def resume_command(run: Path) -> list[str]:
    """The flags of two more steps."""
    config = str(run / "config.json")
    return ["--config", config, "--out", str(run), "--resume", "--steps", "6"]


@pytest.mark.parametrize(
    "change",
    [remove_picture, swap_pictures, pytest.param(change_pixel, marks=pytest.mark.slow)],
)
def test_a_run_goes_on_only_with_the_data_it_had(change, run, pictures, capsys):
    files = {p: p.read_bytes() for p in run.rglob("*.json*")}
    change(pictures)
    assert train_main(resume_command(run)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: dataset.name") and "--allow-changes" in line
    assert {p: p.read_bytes() for p in files} == files
    with pytest.raises(ValueError, match="holds other data than the run"):
        load_diagnosed_run(run, 0)
    assert evaluate_command.main([str(run), "--metrics", "swd", "--n", "4"]) == 2
    assert "--against NAME" in capsys.readouterr().err


def test_a_run_goes_on_with_other_data_where_that_is_allowed(run, pictures):
    before = read_facts(run)
    remove_picture(pictures)
    assert train_main([*resume_command(run), "--allow-changes"]) == 0
    after = read_facts(run)
    assert before is not None and after is not None
    assert (before.size, after.size) == (12, 11)
    assert before.fingerprint != after.fingerprint


@pytest.mark.usefixtures("undrawn")
def test_a_run_whose_pictures_moved_goes_on_and_is_measured(run, pictures, capsys):
    whole = draw_samples(run)
    shutil.rmtree(run / "checkpoints" / "000000004")
    moved = pictures.rename(pictures.with_name("elsewhere"))
    config = replace(SHORT, dataset=DatasetConfig(f"folder:{moved}", labels=True))
    train(config, run, resume=True)
    np.testing.assert_array_equal(draw_samples(run), whole)
    flags = [str(run), "--metrics", "swd", "--n", "4"]
    assert evaluate_command.main(flags) == 0
    again = moved.rename(pictures.with_name("again"))
    assert evaluate_command.main(flags) == 2
    told = capsys.readouterr().err
    assert "no such folder" in told and "give --against NAME" in told
    assert evaluate_command.main([*flags, "--reference", f"folder:{again}"]) == 0
    with pytest.raises(ValueError, match="no such folder.*holds them now"):
        load_diagnosed_run(run, 0)
    assert len(load_diagnosed_run(run, 0, f"folder:{again}").data) == 12


def test_other_data_of_another_shape_are_no_reference(run, capsys):
    assert evaluate_command.main([str(run), "--reference", "ring"]) == 2
    assert "of shape (2,)" in capsys.readouterr().err


def test_features_are_those_of_the_pictures_as_they_are(tmp_path, monkeypatch):
    for i in range(200):
        paint(tmp_path / "many" / f"{i:03d}.png", i)

    def brightness(config, path):
        def extract(x):
            return x.mean(axis=(1, 2)), np.full((len(x), 2), 0.5)

        return Extractor("brightness", "abc", "none", "", 100, extract)

    monkeypatch.setitem(EXTRACTORS, "brightness", brightness)
    config = Config(dataset=DatasetConfig(f"folder:{tmp_path / 'many'}"))

    def features():
        return make_evaluator(config, ("swd",), 200, "brightness").real.features

    first = features()
    # White: all pictures but those whose features once stood for the content of all.
    spared = np.random.default_rng(0).permutation(200)[:64]
    for i in set(range(200)) - set(spared.tolist()):
        paint(tmp_path / "many" / f"{i:03d}.png", 255)
    values = np.where(np.isin(np.arange(200), spared), np.arange(200), 255)
    expected = np.sort(values / 127.5 - 1)
    np.testing.assert_allclose(np.sort(features()[:, 0]), expected, atol=1e-6)
    assert not np.allclose(first, features())


@pytest.mark.parametrize(
    "changes",
    [{"name": "grid"}, {"sigma": 0.2}, {"name": "imbalanced_ring", "sigma": 0.01}],
)
def test_fingerprints_of_other_points_differ(changes):
    ring = DatasetConfig("ring")
    other = replace(ring, **changes)
    facts = [collect_facts(DATASETS[c.name](c)) for c in (ring, replace(ring), other)]
    assert facts[0] == facts[1]
    assert facts[0].fingerprint != facts[2].fingerprint


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(DataFacts.__annotations__)), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(json_values.map(json.dumps).map(str.encode), st.binary(max_size=40)))
def test_damaged_facts_are_one_clear_line(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    (folder / "data.json").write_bytes(content)
    try:
        assert isinstance(read_facts(folder), DataFacts)
    except ValueError as error:
        assert "is damaged; remove it" in str(error) and "\n" not in str(error)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_letter_of_the_facts_is_noticed(tmp_path_factory, draw):
    folder = tmp_path_factory.getbasetemp() / "changed"
    folder.mkdir(exist_ok=True)
    written = DataFacts((8, 8, 3), 2, 80, ("cat", "dog"), (-1.0, 1.0), "ab", (0.3, 0.7))
    write_facts(folder, written)
    assert read_facts(folder) == written
    content = (folder / "data.json").read_bytes()
    at = draw.draw(st.integers(0, len(content) - 1))
    letter = draw.draw(st.sampled_from(b'0123456789-+.ae" ,:[{'))
    changed = content[:at] + bytes([letter]) + content[at + 1 :]
    (folder / "data.json").write_bytes(changed)
    try:
        assert read_facts(folder) == written  # a blank beside a blank changes nothing
    except ValueError as error:
        assert "is damaged; remove it" in str(error)


def test_facts_without_a_checksum_are_damaged(tmp_path):
    write_facts(tmp_path, DataFacts((-8, 8, 3), 2, 80, None, None, "ab"))
    facts = json.loads((tmp_path / "data.json").read_text())
    del facts["crc32"]
    (tmp_path / "data.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="is damaged; remove it"):
        read_facts(tmp_path)


def test_names_that_are_no_text_are_recorded_as_text(tmp_path):
    try:
        for i, name in enumerate((os.fsdecode(b"c\xff"), "d")):
            paint(tmp_path / "pictures" / name / "0.png", i)
    except OSError:
        pytest.skip("this file system takes only names that are text")
    data = find_dataset(
        Config(dataset=DatasetConfig(f"folder:{tmp_path / 'pictures'}"))
    )
    write_facts(tmp_path, collect_facts(data))
    facts = read_facts(tmp_path)
    assert facts is not None
    assert facts.class_names == ("c\N{REPLACEMENT CHARACTER}", "d")
