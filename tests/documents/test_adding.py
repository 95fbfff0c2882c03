"""docs/adding.md as its reader would use it: one file with one thing of each kind."""

import json
import re
from pathlib import Path

import jax
import pytest
from plugin_tools import fresh

from gan_jax import load_plugin
from gan_jax.catalogue import describe_entries
from gan_jax.commands import train

PAGE = Path(__file__).parents[2] / "docs" / "adding.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
ADDED = {
    "losses": ["exponential"],
    "penalties": ["drift", "steady"],
    "augmentations": ["brighten"],
    "rules": ["anchored"],
    "models": ["shallow"],
    "data-sets": ["moons"],
    "metrics": ["mean_shift"],
    "running-statistics": ["fake_average"],
    "methods": ["mine"],
}
WITHOUT_FORMULA = ("models", "data-sets", "methods")


@pytest.fixture
def my_gan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_gan.py").write_text("\n\n".join(BLOCKS))
    with (
        fresh(),
        jax.numpy_rank_promotion("allow"),
    ):  # flax.linen.Dense adds its bias so
        yield "my_gan.py"


def test_each_kind_is_in_the_catalogue_with_its_formula_and_source(my_gan):
    load_plugin(my_gan)
    for kind, names in ADDED.items():
        for name in names:
            entry = describe_entries(kind)[name]
            assert entry.file.endswith(my_gan) or kind == "methods"
            if kind in WITHOUT_FORMULA:
                continue
            assert "Registered by" not in entry.about and entry.formulas
            assert entry.sources
    assert describe_entries("losses")["exponential"].options == {"fake_weight": 1.0}
    assert describe_entries("penalties")["steady"].options == {"decay": 0.99}
    assert set(describe_entries("data-sets")["moons"].options) == {"size", "seed"}


@pytest.mark.usefixtures("undrawn")
def test_a_method_of_all_of_them_trains(my_gan):
    words = ["mine", "--plugin", my_gan, "--steps", "40", "--metrics.every", "20"]
    words += ["--metrics.n", "64", "--out", "run", "--log.every", "10"]
    assert train.main([*words, "--model.width", "8"]) in (0, 4)
    lines = Path("run/metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert all(row["finite"] for row in rows if "finite" in row)
    assert any("mean_shift" in name for row in rows for name in row)


@pytest.mark.usefixtures("undrawn")
def test_what_a_penalty_measured_is_logged(my_gan):
    words = ["r1", "--plugin", my_gan, "--penalty.name", "drift", "--steps", "20"]
    words += ["--dataset.name", "ring", "--metrics.every", "0", "--out", "run"]
    assert train.main([*words, "--model.width", "8"]) == 0
    assert '"logit_size"' in Path("run/metrics.jsonl").read_text()
