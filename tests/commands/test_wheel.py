"""What is installed: one package, its data, and the console command."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import gan_jax
from gan_jax.commands import COMMANDS

ROOT = Path(__file__).parents[2]
FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
FOLDERS = ("gan_jax", "experiments", "benchmarks", "tests")
BUILD = "import sys; from setuptools.build_meta import *; build_wheel(sys.argv[1])"
TARGET = ["--no-deps", "--no-index", "--no-compile", "--quiet", "--target"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of this checkout."""
    checkout, place = (tmp_path_factory.mktemp(name) for name in ("checkout", "wheel"))
    for name in FILES:
        shutil.copy(ROOT / name, checkout)
    unneeded = shutil.ignore_patterns("__pycache__", "results")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, checkout / name, ignore=unneeded)
    build = [sys.executable, "-c", BUILD, str(place)]
    subprocess.run(build, cwd=checkout, check=True, capture_output=True)
    [path] = place.glob("*.whl")
    return path


def test_the_wheel_holds_one_package_with_its_data_and_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f"gan_jax-{gan_jax.__version__}.dist-info"
        points = archive.read(f"{info}/entry_points.txt").decode()
    assert {name.partition("/")[0] for name in names} == {"gan_jax", info}
    package = ROOT / "gan_jax"
    pages = [path for path in package.rglob("page/*") if path.is_file()]
    kept = [package / "py.typed", *pages, *package.rglob("*.py")]
    assert pages and {p.relative_to(ROOT).as_posix() for p in kept} <= names
    assert points.split() == [
        "[console_scripts]",
        "gan-jax",
        "=",
        "gan_jax.commands:main",
    ]


def run(words, cwd, path):
    """The output of a process that imports from `path` beside the usual places."""
    places = os.pathsep.join(map(str, path))
    environment = os.environ | {"PYTHONPATH": places, "PYTHONWARNINGS": ""}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_installed_package_has_the_same_command_through_its_doors(wheel, tmp_path):
    place = tmp_path / "site"
    pip = ["-m", "pip", "--disable-pip-version-check", "install", *TARGET, place, wheel]
    run(pip, tmp_path, [])
    console, words = place / "bin" / "gan-jax", ["train", "r1", "--print-config"]
    where = ["-c", "import gan_jax; print(gan_jax.__file__)"]
    assert run(where, tmp_path, [place]).startswith(str(place))
    config = run([console, *words], tmp_path, [place])
    assert "loss.name = non_saturating\n" in config
    assert run(["-m", "gan_jax", *words], tmp_path, [place]) == config
    launcher = ["-m", "experiments.train", *words[1:]]
    assert run(launcher, ROOT, [place]) == config  # from a checkout, beside the wheel
    usage = run([console], tmp_path, [place])
    assert usage.startswith("usage: gan-jax COMMAND")
    assert all(f"  {name} " in usage for name in COMMANDS)


@pytest.mark.slow
def test_a_checkout_has_the_launchers_without_being_installed(tmp_path):
    config = run(["-m", "experiments.train", "r1", "--print-config"], ROOT, [])
    assert "loss.name = non_saturating\n" in config
    elsewhere = ["-m", "gan_jax", "train", "r1", "--print-config"]
    assert run(elsewhere, tmp_path, [ROOT]) == config
