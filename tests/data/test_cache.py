"""The cache folder: what names an entry, its content's hash, the limit, the command."""

import hashlib
import json
import os
import re
import sys

import numpy as np
import pytest
from PIL import Image
from processes import output, running, until

from gan_jax.commands import cache as cache_command
from gan_jax.config import DatasetConfig
from gan_jax.data import PREFIXES, cache
from gan_jax.data.cache import cached_set, list_source_files
from gan_jax.data.storage import cache_folder, enforce_limit, list_entries, total_bytes


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The cache folder of a test, which runs in an empty directory."""
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "cache"


def paint(root, value, count=3):
    """Pictures of one grey value, in one class: files of one size and one time."""
    (root / "cats").mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("L", (8, 8), value).save(root / "cats" / f"{i}.png", compress_level=0)
        os.utime(root / "cats" / f"{i}.png", (10**9, 10**9))


def read(path, **options):
    name = f"folder:{path}"
    return PREFIXES["folder"](str(path), DatasetConfig(name, **options)).on_host


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_same_words_in_another_directory_are_another_set(tmp_path, monkeypatch):
    """Even where names, sizes and times of all files agree."""
    for place, value in (("one", 10), ("two", 20)):
        paint(tmp_path / place / "train", value)
        monkeypatch.chdir(tmp_path / place)
        assert (read("train").image == value).all()
    one, two = (tmp_path / name / "train" for name in ("one", "two"))
    files = sorted(one.rglob("*.png"))
    others = sorted(two.rglob("*.png"))
    assert list_source_files(one, files) == list_source_files(two, others)
    monkeypatch.chdir(tmp_path / "one")
    assert (read("train").image == 10).all()


def test_every_way_to_write_a_path_is_one_entry(tmp_path, folder, monkeypatch):
    paint(tmp_path / "here" / "x", 10)
    (tmp_path / "link").symlink_to(tmp_path / "here" / "x")
    read("x")
    before = names(folder)
    monkeypatch.setattr(cache, "build_entry", None)  # the others build nothing
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    for path in ("./x", "../here/x", tmp_path / "here" / "x", "~/x", tmp_path / "link"):
        read(path)
    assert names(folder) == before


def test_changed_files_replace_the_entry_of_their_folder(tmp_path, folder):
    paint(tmp_path / "x", 10)
    read(tmp_path / "x")
    (first,) = names(folder)
    os.utime(tmp_path / "x" / "cats" / "0.png")
    assert (read(tmp_path / "x").image == 10).all()
    assert names(folder) == [first]
    paint(tmp_path / "x", 30)
    os.utime(tmp_path / "x" / "cats" / "0.png")
    assert (read(tmp_path / "x").image == 30).all()
    assert names(folder) == [first]


def test_renamed_folder_takes_no_more_space(tmp_path, folder):
    paint(tmp_path / "x", 10)
    read(tmp_path / "x")
    before = total_bytes(list_entries())
    (tmp_path / "x").rename(tmp_path / "y")
    assert (read(tmp_path / "y").image == 10).all()
    pixels = 3 * 8 * 8 * 3
    assert total_bytes(list_entries()) - before < before - pixels
    first, second = (path / "images.npy" for path in folder.iterdir())
    assert first.samefile(second)


def test_long_names_fit(tmp_path):
    paint(tmp_path / ("x" * 250), 10)
    assert len(read(tmp_path / ("x" * 250)).image) == 3


def entry_of(name, images, labels=None):
    examples = zip(images, labels or [None] * len(images), strict=True)
    return cached_set({"name": name}, [], images.shape[1:], examples, len(images))


@pytest.mark.parametrize("labels", [None, [1, 0, 2, 1]])
def test_hash_is_that_of_every_byte_and_label(folder, labels):
    images = np.random.default_rng(0).integers(0, 256, (4, 2, 3, 1), np.uint8)
    entry = entry_of("a", images, labels)
    told = images.tobytes()
    told += b"" if labels is None else np.array(labels, "<i4").tobytes()
    told += json.dumps([labels is not None, [4, 2, 3, 1], "uint8"]).encode()
    assert entry.sha256 == hashlib.sha256(told).hexdigest()
    (place,) = folder.iterdir()
    assert json.loads((place / "key.json").read_text())["sha256"] == entry.sha256
    again = entry_of("a", images, labels)
    assert again.sha256 == entry.sha256


def test_one_changed_pixel_of_many_changes_the_hash(folder):
    images = np.zeros((5000, 2, 2, 1), np.uint8)
    changed = images.copy()
    changed[4321, 1, 0, 0] = 1
    sets = {"a": images, "b": changed, "c": images.reshape(5000, 4, 1, 1)}
    hashes = {entry_of(name, each).sha256 for name, each in sets.items()}
    assert len(hashes) == 3


def images_of(value, megabytes=1):
    return np.full((megabytes, 1000, 1000, 1), value, np.uint8)


def age(folder, name, days):
    for path in folder.glob(f"{name}*"):
        files = path.iterdir() if path.is_dir() else []
        for one in [*files, path]:
            os.utime(one, (10**9 - days * 86400,) * 2)


def test_longest_unused_goes_first(folder, monkeypatch, capsys):
    for name in "abc":
        entry_of(name, images_of(ord(name)))
        age(folder, name, {"a": 1, "b": 9, "c": 5}[name])
    folder.joinpath("pt_inception-2015.pth").write_bytes(b"w" * 10**6)
    age(folder, "pt_inception", 99)
    entry_of("a", images_of(ord("a")))  # used again
    monkeypatch.setenv("GAN_JAX_CACHE_GB", "0.0035")
    entry_of("d", images_of(ord("d")))
    left = {name[0] for name in names(folder)}
    assert left == {"a", "d", "p"}  # 3 MB; downloaded weights stay
    said = capsys.readouterr().out
    assert said.index("removed b-") < said.index("removed c-")
    assert "GAN_JAX_CACHE_GB 0.0035" in said


def test_new_entry_stays_even_if_it_alone_is_too_large(folder, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE_GB", "0")
    assert (entry_of("a", images_of(7)).stored.image == 7).all()
    assert len(names(folder)) == 1


READER = """
import sys
import numpy as np
from gan_jax.data.cache import cached_set
images = np.full((1, 1000, 1000, 1), 65, np.uint8)
entry = cached_set({"name": "a"}, [], (1000, 1000, 1), zip(images, [None]), 1)
print("reads", flush=True)
sys.stdin.readline()
assert (entry.stored.image == 65).all()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses it by itself")
def test_what_a_running_process_reads_stays(folder, monkeypatch):
    command = [sys.executable, "-c", READER]
    with running(command) as reader:
        until(lambda: reader.stdout.readline() == "reads\n", reader)
        age(folder, "a", 9)
        monkeypatch.setenv("GAN_JAX_CACHE_GB", "0")
        enforce_limit()
        assert len(names(folder)) == 1
        output(reader, "go on\n")
        assert reader.returncode == 0
    enforce_limit()
    assert names(folder) == []


def test_files_of_others_are_never_touched(folder, monkeypatch):
    paths = [
        "holiday.npz",
        "photos-12345678/a.png",
        "compiled/notes.txt",
        ".part-x/mine",
    ]
    for path in paths:
        folder.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(path).write_text("mine")
        age(folder, path.partition("/")[0], 99)
    monkeypatch.setenv("GAN_JAX_CACHE_GB", "0")
    entry_of("a", images_of(7))
    assert list_entries() and all(folder.joinpath(path).exists() for path in paths)


def test_what_a_dead_process_left_goes_after_a_day(folder):
    for days, name in ((2, ".part-old"), (0, ".part-new")):
        (folder / name).mkdir(parents=True)
        (folder / name / "images.npy").write_bytes(b"half")
        if days:
            age(folder, name, days)
    entry_of("a", images_of(7))
    assert [name for name in names(folder) if name.startswith(".")] == [".part-new"]


@pytest.mark.parametrize("value", ["plenty", "-1", "nan"])
def test_limit_that_is_no_number_is_refused_before_decoding(folder, monkeypatch, value):
    monkeypatch.setenv("GAN_JAX_CACHE_GB", value)
    with pytest.raises(ValueError, match=f"GAN_JAX_CACHE_GB '{value}'.*at least 0"):
        entry_of("a", images_of(7))
    assert not folder.exists()


def test_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GAN_JAX_CACHE", "~/kept")
    assert cache_folder() == tmp_path / "kept"


def test_sources_are_named_within_their_folder(tmp_path):
    paint(tmp_path / "x", 10, count=1)
    file = tmp_path / "x" / "cats" / "0.png"
    (found,) = list_source_files(tmp_path / "x", [file])
    assert found == ("cats/0.png", file.stat().st_size, 10**18)


def test_features_and_classifiers_count_and_their_use_is_noted(folder, monkeypatch):
    from gan_jax.evaluate.reference import read_features, write_features
    from gan_jax.features import FeatureSet
    from gan_jax.features.classifier import write_classifier

    features = folder / "features-0123abcd.npz"
    write_features(features, "key", FeatureSet(np.zeros((250, 1000), np.float32), None))
    write_classifier(
        folder / "classifier-digits-0123abcd", {"a": np.zeros(250_000)}, 10, 0.9
    )
    assert [entry.kind for entry in list_entries()] == ["features", "classifier"]
    for days, name in ((9, "features"), (5, "classifier")):
        age(folder, name, days)
    assert read_features(features, "key") is not None  # used again
    monkeypatch.setenv("GAN_JAX_CACHE_GB", "0.0025")
    entry_of("a", images_of(7))
    assert [entry.kind for entry in list_entries()] == ["features", "data set"]


def test_command_lists_what_there_is_and_clears_what_is_named(folder, capsys):
    for name in "abc":
        entry_of(name, images_of(ord(name)))
    age(folder, "b", 3650)
    (folder / "compiled").mkdir()
    (folder / "compiled" / "jit_step-0-cache").write_bytes(b"x" * 10**6)
    folder.joinpath("pt_inception-2015.pth").write_bytes(b"w")
    assert cache_command.main([]) == 0
    said = capsys.readouterr().out
    places = {path.name[0]: path.name for path in folder.iterdir()}
    assert said.index(places["b"]) < said.index(places["a"])  # the longest unused first
    assert re.search(r"b-\w+ .*data set .* 1.00 MB .* \d{4}-\d\d-\d\d", said)
    assert re.search(r"compiled .* 1.00 MB", said)
    assert f"{folder}: 4.00 MB of at most 50 GB" in said
    assert cache_command.main(["--clear", places["b"]]) == 0
    assert not (folder / places["b"]).exists() and (folder / places["a"]).exists()
    assert cache_command.main(["--clear"]) == 0
    assert "kept pt_inception-2015.pth" in capsys.readouterr().out
    assert sorted(names(folder)) == ["compiled", "pt_inception-2015.pth"]
    assert not list((folder / "compiled").iterdir())
    assert cache_command.main(["--clear", "pt_inception-2015.pth"]) == 0
    assert names(folder) == ["compiled"]


def test_command_shows_whole_names_however_long(folder, capsys):
    entry_of("n" * 50, images_of(1))
    (name,) = names(folder)
    assert cache_command.main([]) == 0
    cells = [line.split("\u2502")[1:2] for line in capsys.readouterr().out.splitlines()]
    assert "".join(cell[0].strip() for cell in cells if cell) == name


def test_command_says_what_it_cannot_clear(folder, capsys):
    assert cache_command.main(["--clear", "x"]) == 2
    assert "clear 'x': is not in" in capsys.readouterr().err
    entry = entry_of("a", images_of(7))  # in use as long as it is mapped
    if sys.platform != "win32":
        assert cache_command.main(["--clear"]) == 2
        said = capsys.readouterr()
        assert "it is in use" in said.out and "running process" in said.err
        assert (entry.stored.image == 7).all()
    assert cache_command.main([]) == 0


def test_compiled_programs_keep_to_the_limit_one_by_one(folder, monkeypatch, capsys):
    (folder / "compiled").mkdir(parents=True)
    for days, name in ((1, "a"), (9, "b"), (5, "c")):
        program = folder / "compiled" / f"{name}-cache"
        program.write_bytes(b"x" * 10**6)
        os.utime(program, (10**9 - days * 86400,) * 2)
    monkeypatch.setenv("GAN_JAX_CACHE_GB", "0.0025")
    enforce_limit()
    assert names(folder / "compiled") == ["a-cache", "c-cache"]
    assert capsys.readouterr().out == ""
