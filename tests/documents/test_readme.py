"""README's Python blocks run as they stand."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import pytest

import gan_jax
from gan_jax.assembly.assemble import build
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import PENALTIES

README = (Path(__file__).parents[2] / "README.md").read_text()
STEP_PAGE = (Path(__file__).parents[2] / "docs" / "step.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block(phrase: str) -> str:
    (found,) = [text for text in BLOCKS if phrase in text]
    return found


def test_readme_is_short_and_has_three_python_blocks():
    assert len(README.splitlines()) < 200
    assert len(BLOCKS) == 3


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
    exec(block("LOSSES["), {})
    gan = build(gan_jax.METHODS["mine"])
    state = jax.jit(partial(gan_jax.init_state, gan))(jax.random.key(0))
    batch = gan_jax.Batch(jnp.zeros((1, 4, 8, 8, 1)))
    _, metrics = jax.jit(partial(gan_jax.train_step, gan))(state, batch)
    assert metrics["finite"]
