"""Paths that a user types: home folders, folders of pictures, names of pictures."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from command_tools import FLAG, WITH_FLAGS, paint, refused
from matplotlib.figure import Figure

from gan_jax.command_line.paths import FIGURE_SUFFIXES, IMAGE_SUFFIXES, expand_home
from gan_jax.commands import data, diagnose, dirac, evaluate, sample, train
from gan_jax.config import Config
from gan_jax.config.serialization import from_file, to_json
from gan_jax.data import storage
from gan_jax.logs import files as logs
from gan_jax.logs.grids import image_grid


@pytest.mark.parametrize("path", ["pics", "./pics", "~/pics"])
def test_bare_path_as_a_data_set_says_how_to_write_it(place, capsys, path):
    paint(place / "pics")
    paint(place.parent / "home" / "pics")
    assert f"is a folder; write 'folder:{path}'" in refused(data, [path], capsys)
    arguments = ["r1", "--dataset.name", path]
    assert f"write 'folder:{path}'" in refused(train, arguments, capsys)


def test_path_that_is_no_folder_is_refused_with_a_reason(place, capsys):
    assert "no such folder; for" in refused(data, ["./nowhere"], capsys)
    assert "did you mean 'digits'" in refused(data, ["digit"], capsys)


def test_broken_picture_is_skipped_by_the_flag_that_the_message_names(place, capsys):
    (paint(place / "pics") / "b.png").write_bytes(b"no picture")
    said = refused(data, ["folder:pics"], capsys)
    (flag,) = FLAG.findall(said)
    assert data.main(["folder:pics", flag]) == 0
    assert "dataset." not in said


@pytest.mark.parametrize(
    "name", ["out", "out.xyz", "out.part", "no/out.png", "dir.png"]
)
def test_a_name_that_is_no_pictures_is_refused_before_anything_is_drawn(
    place, capsys, monkeypatch, name
):
    (place / "dir.png").mkdir()
    monkeypatch.setattr(sample, "load_run", None)  # nothing is loaded
    monkeypatch.setattr(data, "find_dataset", None)
    monkeypatch.setattr(dirac, "make_games", None)
    assert f"grid {name}: " in refused(sample, ["run", "--grid", name], capsys)
    assert f"out {name}: " in refused(data, ["digits", "--out", name], capsys)
    assert f"out {name}: " in refused(dirac, ["--out", name], capsys)


def test_every_suffix_that_is_allowed_can_be_written(place):
    images = np.zeros((2, 8, 8, 3), np.float32)
    for suffix in IMAGE_SUFFIXES:
        image_grid(place / f"a{suffix}", images)
    for suffix in FIGURE_SUFFIXES:
        logs.write_atomically(place / f"b{suffix}", Figure((1, 1)).savefig)
    assert len(list(place.iterdir())) == len(IMAGE_SUFFIXES) + len(FIGURE_SUFFIXES)


def test_home_is_expanded_in_every_path(place):
    home = place.parent / "home"

    @dataclasses.dataclass(frozen=True)
    class Flags:
        one: str = "~/a"
        two: Path = Path("~/b")
        some: tuple[Path, ...] = (Path("~/c"), Path("d~"))
        none: str | None = None
        other: str = "~/e"

    found = expand_home(Flags(), "one", "two", "some", "none")
    expected = Flags(f"{home}/a", home / "b", (home / "c", Path("d~")))
    assert found == expected
    assert storage.cache_folder() == home / "cache"


def test_commands_expand_the_home_folder(place, capsys):
    paint(place.parent / "home" / "pics")
    assert data.main(["folder:~/pics", "--out", "~/preview.png"]) == 0
    assert (place.parent / "home" / "preview.png").exists()
    for command in (sample, evaluate, diagnose):
        assert f"run {place.parent}/home/r: " in refused(command, ["~/r"], capsys)
    weights = ["--reference", "folder:~/pics", "--extractor", "inception"]
    said = refused(evaluate, [*weights, "--weights", "~/w.pth"], capsys)
    assert f"{place.parent}/home/w.pth: no such file" in said
    for command in ("report", "merge"):
        arguments = ["~/r"] if command == "report" else ["~/r", "~/s", "--out", "~/o"]
        said = refused(WITH_FLAGS[command], arguments, capsys)
        assert f"{place.parent}/home/r" in said
    assert not list(place.glob("~*"))


def test_config_with_a_byte_order_mark_is_read(place):
    path = place / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + to_json(Config(batch_size=7)).encode())
    assert from_file(path).batch_size == 7
    path.write_bytes(to_json(Config()).encode("utf-16"))
    with pytest.raises(ValueError, match="config.json: is not UTF-8 text"):
        from_file(path)
