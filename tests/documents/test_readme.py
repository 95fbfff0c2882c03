"""README's and docs' Python blocks run as they stand, and what they name is there."""

import importlib
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import pytest
from test_imports import ORDER

import gan_jax
from gan_jax.assembly.assemble import build
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import PENALTIES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
STEP_PAGE = (ROOT / "docs" / "step.md").read_text("utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block(phrase: str) -> str:
    (found,) = [text for text in BLOCKS if phrase in text]
    return found


def test_readme_is_short_and_has_three_python_blocks():
    assert len(README.splitlines()) < 200
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_of_text_have_at_most_100_columns(page):
    """Tables and code are excepted."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for line in text.splitlines():
        assert line.startswith("|") or len(line) <= 100, line


def test_the_index_names_every_page_of_docs():
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert all(f"]({page.name})" in index for page in PAGES[2:] if page.stem != "index")


def test_structure_lists_the_packages_in_the_order_of_imports():
    text = (ROOT / "docs" / "structure.md").read_text("utf-8")
    table = text.partition("| package | what it holds |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.strip().splitlines()[1:]]
    assert re.findall(r"`([\w.]+)`", " ".join(cells)) == ORDER


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_links_to_is_there(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        place = page.parent / target if target else page
        assert place.exists(), target
        assert not heading or heading in anchors(place), heading


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_modules_that_a_page_names_are_there(page):
    """`gan_jax.objectives.example_keys` is found as written, and so are files."""
    text = page.read_text("utf-8")
    for name in re.findall(r"`(gan_jax(?:\.\w+)+)", text):
        assert resolved(name), name
    for path in re.findall(r"`((?:gan_jax|tests|experiments)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path


def resolved(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.usefixtures("undrawn")
def test_whole_run_from_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    short = replace(gan_jax.method_for("r3gan", "digits"), steps=100)
    monkeypatch.setattr(gan_jax, "method_for", lambda *_: short)
    names: dict = {}
    exec(block("load_generator"), names)
    assert names["summary"]["verdict"] == "completed"
    assert names["images"].shape == (16, 8, 8, 1)
    assert "100 steps" in capsys.readouterr().out


def test_step_in_ones_own_program_learns_the_data(tmp_path, monkeypatch):
    """And docs/step.md logs, draws and saves it."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    with jax.numpy_rank_promotion("allow"):  # flax.linen.Dense adds its bias so
        exec(block("lax.scan"), names)
        exec("".join(re.findall(r"```python\n(.*?)```", STEP_PAGE, re.DOTALL)), names)
        expected = jax.jit(partial(gan_jax.train_step, names["gan"]))(
            names["state"], gan_jax.Batch(names["data"].image[0])
        )[0]
    assert names["metrics"]["finite"].all()
    assert jnp.abs(names["points"].mean(axis=0) - 3).max() < 0.5
    chex.assert_trees_all_equal(names["again"], expected)
    assert names["several"]["d_loss"].shape == (4,)


@pytest.fixture
def registries():
    """The registries as they were, whatever a test adds."""
    kept = [
        (r, dict(r)) for r in (LOSSES, PENALTIES, OPTIMIZERS, MODELS, gan_jax.METHODS)
    ]
    yield
    for registry, before in kept:
        registry.clear()
        registry.update(before)


def test_added_parts_train_together(registries):
    exec(block('METHODS["mine"]'), {})
    gan = build(gan_jax.METHODS["mine"])
    state = jax.jit(partial(gan_jax.init_state, gan))(jax.random.key(0))
    batch = gan_jax.Batch(jnp.zeros((1, 4, 8, 8, 1)))
    _, metrics = jax.jit(partial(gan_jax.train_step, gan))(state, batch)
    assert metrics["finite"]
