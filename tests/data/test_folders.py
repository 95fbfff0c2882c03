"""Folders of pictures: what is read, what the classes are, what is ignored and said."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from gan_jax.commands import data as data_command
from gan_jax.config import Config, DatasetConfig, ModelConfig
from gan_jax.data import PREFIXES
from gan_jax.data.listing import describe_ignored
from gan_jax.parallel.execution import make_program

REASON = "it holds no PNG, JPEG, WEBP, GIF, BMP, TIFF or AVIF picture"
LETTERS = [chr(code) for code in range(1, 0x250) if chr(code) != "/"]
LETTERS += list("[]{}()*?!%$#&;'\"\\ ~-_.,:=+|<>\t\n\r\x1b\x7f") * 5
LETTERS += list("日本語한국어עברית😀👩‍🎨\u2028\u202e\u0301\udcff")
FIXED = ["-rf", "--help", "%s%n", "[bold]", "[b]", "a" * 251, "é" * 125, "😀" * 62]
FIXED += ["CON", "~", "~root", "$HOME", " ", "a ", "a.", "a\nb", "train", "old.png"]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))


def folder_set(path, **options):
    return PREFIXES["folder"](str(path), DatasetConfig(f"folder:{path}", **options))


def fill(root, *paths):
    """Pictures at paths relative to root; the i-th has the value i everywhere."""
    for value, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), value).save(root / path)


def fill_classes(root):
    fill(root, "cat/0.png", "cat/1.png", "dog/deep/2.png")


def read(data):
    """The values of the pictures, and their labels."""
    stored = data.on_host
    label = None if stored.label is None else stored.label.tolist()
    return stored.image[:, 0, 0, 0].tolist(), label


CLASSES = ((4, 4, 3), 2, 3, ("cat", "dog"))


@pytest.mark.parametrize(
    "suffix",
    ["png", "jpg", "JPEG", "jpe", "jfif", "webp", "gif", "bmp", "tif", "tiff", "avif"],
)
def test_every_usual_suffix_is_read(suffix, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / f"a.{suffix}")
    assert folder_set(tmp_path).spec.size == 1


@pytest.mark.parametrize("name", [".ipynb_checkpoints", ".hidden", "__MACOSX"])
def test_hidden_folders_are_no_classes(name, tmp_path):
    fill_classes(tmp_path)
    shutil.copytree(tmp_path / "cat", tmp_path / name)
    data = folder_set(tmp_path)
    assert data.spec == CLASSES
    assert read(data) == ([0, 1, 2], [0, 0, 1])
    assert list(data.ignored.values()) == [[name]]


def test_hidden_files_are_ignored(tmp_path):
    fill_classes(tmp_path)
    (tmp_path / "cat" / "._0.png").write_bytes(b"not a picture")
    (tmp_path / ".DS_Store").write_bytes(b"")
    data = folder_set(tmp_path)
    assert data.spec == CLASSES
    assert data.ignored == {"hidden files or folders": [".DS_Store", "cat/._0.png"]}


def test_linked_folders_are_followed_once(tmp_path):
    fill_classes(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "b" / name).symlink_to(tmp_path / "a" / name)
    (tmp_path / "b" / "wolf").symlink_to("dog")  # the same folder once more
    (tmp_path / "a" / "dog" / "round").symlink_to(tmp_path / "b")
    data = folder_set(tmp_path / "b")
    assert data.spec == CLASSES
    assert read(data) == ([0, 1, 2], [0, 0, 1])
    links = {"links to folders that are read already": ["dog/round", "wolf"]}
    assert data.ignored == links


def test_links_into_circles_and_nowhere_are_ignored(tmp_path):
    fill_classes(tmp_path)
    (tmp_path / "dead.png").symlink_to("nowhere")
    (tmp_path / "itself.png").symlink_to("itself.png")
    (tmp_path / "cat" / "up").symlink_to("..")
    (tmp_path / "dog" / "linked.png").symlink_to("deep/2.png")
    data = folder_set(tmp_path)
    assert read(data) == ([0, 1, 2, 2], [0, 0, 1, 1])
    assert data.ignored == {
        "links to folders that are read already": ["cat/up"],
        "links that lead nowhere": ["dead.png", "itself.png"],
    }


def test_what_is_no_picture_is_ignored_and_said(tmp_path):
    fill_classes(tmp_path)
    fill(tmp_path, "dog/new.png/0.png")  # a folder, whatever its name
    (tmp_path / "old.png").mkdir()
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    for name in ("cat/names.csv", "photo.heic"):
        (tmp_path / name).write_bytes(b"")
    data = folder_set(tmp_path)
    assert read(data) == ([0, 1, 2, 0], [0, 0, 1, 1])
    assert data.ignored == {
        "pipes, sockets and devices": ["cat/pipe.png"],
        "files of other formats": ["cat/names.csv", "photo.heic"],
        "folders without pictures": ["old.png"],
    }


@pytest.mark.parametrize("mark", ["metrics.jsonl", "checkpoints/1/x"])
def test_folders_of_runs_are_no_classes(mark, tmp_path):
    fill_classes(tmp_path)
    fill(tmp_path, "runs/r1/samples.png", "runs/r1/samples/000000001.png")
    for name in ("config.json", mark):
        (tmp_path / "runs" / "r1" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / "r1" / name).write_text("")
    data = folder_set(tmp_path)
    assert data.spec == CLASSES
    assert data.ignored == {
        "folders of gan_jax runs": ["runs/r1"],
        "folders without pictures": ["runs"],
    }


def test_folders_in_a_single_folder_are_the_classes(tmp_path):
    fill_classes(tmp_path / "data" / "train")
    (tmp_path / "data" / "empty").mkdir()
    data = folder_set(tmp_path)
    assert data.spec == CLASSES
    assert data.note == f"the classes are the folders in {tmp_path}/data/train"
    assert data.ignored == {"folders without pictures": ["data/empty"]}


def test_splits_are_no_classes(tmp_path):
    for name in ("Test", "train"):
        fill_classes(tmp_path / name)
    data = folder_set(tmp_path)
    assert data.spec == ((4, 4, 3), None, 6, None)
    advice = rf"Test and train are splits; folder:{tmp_path}/train is one of them"
    assert data.note == f"no classes: {advice}"
    with pytest.raises(ValueError, match=f"^dataset.labels: .*{advice}"):
        folder_set(tmp_path, labels=True)
    assert folder_set(tmp_path / "train", labels=True).spec == CLASSES


def test_a_stray_picture_is_read_without_labels_and_ignored_with_them(tmp_path):
    fill_classes(tmp_path)
    Image.new("L", (4, 4), 9).save(tmp_path / "a.png")
    data = folder_set(tmp_path)
    assert read(data) == ([9, 0, 1, 2], None)
    assert data.note == (
        "no classes: pictures lie beside the folders: 1 (a.png); "
        "with dataset.labels they are left out"
    )
    labelled = folder_set(tmp_path, labels=True)
    assert labelled.spec == CLASSES
    assert read(labelled) == ([0, 1, 2], [0, 0, 1])
    assert labelled.ignored == {"pictures beside the classes' folders": ["a.png"]}


@pytest.mark.parametrize(
    "paths", [["a.png"], ["cat/a.png"], ["x/a.png", "x/cat/a.png"]]
)
def test_labels_need_two_folders(paths, tmp_path):
    fill(tmp_path, *paths)
    assert folder_set(tmp_path).spec.label_count is None
    with pytest.raises(ValueError, match="^dataset.labels: .*two or more folders"):
        folder_set(tmp_path, labels=True)


def test_a_class_of_broken_pictures_is_no_class(tmp_path):
    fill_classes(tmp_path)
    fill(tmp_path, "bat/0.png")
    (tmp_path / "bat" / "0.png").write_bytes(b"broken")
    for _ in ("decoded", "from the cache"):
        data = folder_set(tmp_path, skip_bad=True)
        assert data.spec == CLASSES
        assert read(data) == ([0, 1, 2], [0, 0, 1])
        assert data.ignored == {
            "broken pictures": [f"bat/0.png ({REASON})"],
            "folders without pictures": ["bat"],
        }


def test_the_first_whole_picture_gives_the_side(tmp_path):
    """A header is no whole picture."""
    fill(tmp_path, "a.png", "b.png")
    Image.new("L", (32, 32)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:45])
    assert folder_set(tmp_path, skip_bad=True).spec.shape == (4, 4, 3)


def test_each_left_out_picture_is_named_once_with_its_reason(tmp_path, capsys):
    fill(tmp_path, "a.png", *(f"b{i}.png" for i in range(5)))
    for i in range(5):
        (tmp_path / f"b{i}.png").write_bytes(b"")
    _ = folder_set(tmp_path, skip_bad=True).on_host
    assert "b0.png" not in capsys.readouterr().out
    for _ in range(2):  # decoded now, and taken from the cache
        assert data_command.main([f"folder:{tmp_path}", "--skip-bad"]) == 0
        told = capsys.readouterr().out
        for i in range(5):
            assert told.count(f"b{i}.png") == 1
            assert f"left out b{i}.png ({REASON})\n" in told


def test_an_empty_folder_says_what_it_ignores(tmp_path):
    (tmp_path / "a.psd").write_bytes(b"")
    with pytest.raises(ValueError, match="holds no PNG, JPEG.*other formats: 1 .a.psd"):
        folder_set(tmp_path)


def test_looking_at_a_folder_shows_classes_by_name_and_what_is_ignored(
    tmp_path, capsys
):
    fill_classes(tmp_path / "set")
    for index in range(5):
        (tmp_path / "set" / f"{index}.txt").write_text("")
    words = [f"folder:{tmp_path / 'set'}", "--out", str(tmp_path / "out.png")]
    assert data_command.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "labels     cat: 2, dog: 1 (least 1, most 2)" in lines
    assert "ignored files of other formats: 5 (0.txt, 1.txt, 2.txt, ...)" in lines


def test_counts_of_many_classes_name_the_first():
    names = tuple(f"class{index}" for index in range(30))
    text = data_command.describe_labels(np.arange(1, 31), names)
    assert text.startswith("class0: 1, class1: 2, ")
    assert text.endswith("class19: 20, ... (least 1, most 30)")


def test_training_says_how_much_is_read_and_ignored(tmp_path):
    fill_classes(tmp_path)
    (tmp_path / "a.txt").write_text("")
    name = f"folder:{tmp_path}"
    config = Config(
        dataset=DatasetConfig(name, resolution=8),
        model=ModelConfig("mlp", width=8),
        batch_size=2,
    )
    about = make_program(
        config, PREFIXES["folder"](str(tmp_path), config.dataset)
    ).about
    assert f"data: {name}, 3 examples in 2 classes, 0.000 GB, on the device" in about
    assert "ignored (gan-jax data shows names): 1 files of other formats" in about


def odd_names(count):
    """Names that a file system takes, most of up to 20 odd letters."""
    rng = np.random.default_rng(count)
    drawn = ("".join(rng.choice(LETTERS, rng.integers(1, 20))) for _ in range(count))
    return [*FIXED, *(name for name in drawn if name.strip("."))][:count]


def is_line(text):
    return text.isprintable() and len(text) < 800


@pytest.mark.parametrize(
    "count",
    [
        40,
        pytest.param(200, marks=pytest.mark.slow),
        pytest.param(500, marks=pytest.mark.exhaustive),
    ],
)
def test_any_name_of_a_folder_a_class_or_a_picture_is_taken(count, tmp_path):
    """Those that begin with a dot are hidden."""
    for index, name in enumerate(odd_names(count)):
        root = tmp_path / str(index) / name
        own = [f"one/{name}.png", f"{name}/2.png"]
        fill(root, "0.png", *own, "one/more/3.png", "two/4.png")
        (root / "one" / f"{name}.txt").write_text("")
        data = folder_set(root, labels=True)
        taken = not name.startswith(".")
        assert set(data.spec.class_names) == {"one", "two", *([name] if taken else [])}
        values = sorted(read(data)[0])
        assert values == ([1, 2, 3, 4] if taken else [3, 4])
        assert all(is_line(line) for line in describe_ignored(data.ignored))
        names = data.spec.class_names
        assert is_line(data_command.describe_labels(np.ones(len(names), int), names))
        (root / "one" / f"{name}.png").write_bytes(b"broken")
        if taken:
            with pytest.raises(ValueError, match="cannot be read") as refusal:
                _ = folder_set(root).on_host
            assert is_line(str(refusal.value))


@pytest.mark.parametrize("name", ["a[/b]", "-rf 'x' \n", "[bold]é%s"])
def test_looking_at_a_folder_of_any_name(name, tmp_path, capsys):
    root, out = tmp_path / name, tmp_path / "out.png"
    fill_classes(root / f"{name}\udcff")
    assert data_command.main([f"folder:{root}", "--out", str(out)]) == 0
    assert "labels     cat: 2, dog: 1" in capsys.readouterr().out
