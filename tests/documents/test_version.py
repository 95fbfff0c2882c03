"""The version stands in one place, and a source tree need not be installed."""

import importlib.metadata
import json
import re
from configparser import ConfigParser
from pathlib import Path

import pytest

import gan_jax
from gan_jax.commands import evaluate, train
from gan_jax.logs.row_files import read_rows
from gan_jax.run_files.summary import framework_versions
from gan_jax.version import versions

ROOT = Path(__file__).parents[2]
FLAGS = "r1 --dataset.name ring --model.width 8 --batch-size 8 --steps 2".split()


def test_package_and_citation_have_the_version_of_the_code():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == "attr: gan_jax.version.__version__"
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall("^version: (.*)", citation, re.M) == [gan_jax.__version__]


@pytest.fixture
def not_installed(monkeypatch):
    """As where gan_jax is a folder on the path, and its packages are installed."""
    found = importlib.metadata.distribution

    def distribution(name):
        if name == "gan_jax":
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)


def test_versions_of_a_source_tree(not_installed):
    packages = {name: importlib.metadata.version(name) for name in ("jax", "optax")}
    assert versions("jax", "optax") == {"gan_jax": gan_jax.__version__} | packages
    assert framework_versions()["gan_jax"] == gan_jax.__version__


@pytest.mark.slow
def test_a_source_tree_trains_and_evaluates(not_installed, tmp_path):
    run = tmp_path / "run"
    assert train.main([*FLAGS, "--out", str(run)]) == 0
    assert evaluate.main([str(run), "--metrics", "swd", "--n", "100"]) == 0
    summary = json.loads((run / "summary.json").read_text())
    (row,) = read_rows(run / "evaluations.jsonl")
    for seen in (summary, row["fingerprint"]):
        assert seen["versions"]["gan_jax"] == gan_jax.__version__
        assert seen["versions"]["jax"] == importlib.metadata.version("jax")
