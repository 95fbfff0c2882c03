"""`--deterministic`: which options reach the compiler, and what a run does with it."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from resumed_runs import SMALL
from small_gans import R1, game, points

from gan_jax import train
from gan_jax.assembly.assemble import build
from gan_jax.config.serialization import from_file
from gan_jax.parallel import compiler
from gan_jax.parallel.compiler import deterministic_options
from gan_jax.parallel.placements import (
    gspmd_step,
    jit_step,
    make_mesh,
    seeds_step,
    shard_map_step,
)
from gan_jax.run_files.load_run import load_run

DETERMINISTIC = {"xla_gpu_deterministic_ops": True}


@pytest.mark.parametrize(
    ("asked", "backend", "expected"),
    [
        (True, "gpu", DETERMINISTIC),
        (False, "gpu", {}),
        (True, "cpu", {}),
        (True, "tpu", {}),
    ],
)
def test_only_deterministic_programs_for_gpus_have_the_option(
    asked, backend, expected, monkeypatch
):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert deterministic_options(asked) == expected


def test_xla_knows_the_option():
    """It refuses options that it does not know, on any backend."""
    negative = jax.jit(jnp.negative, compiler_options=DETERMINISTIC)
    assert negative(1.0) == -1


@pytest.fixture
def options_seen(monkeypatch):
    """The options of each program, as on a GPU; `jax.jit` itself gets none."""
    seen, jit = [], jax.jit

    def record(function, compiler_options=None, **layout):
        seen.append(compiler_options)
        return jit(function, **layout)

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(compiler.jax, "jit", record)
    return seen


def test_each_compiled_step_gets_the_option(options_seen):
    gan, mesh = game(R1)[0], make_mesh(jax.devices()[:2], "data")
    on_axis = build(R1, axis_name="data")
    seeds = make_mesh(jax.devices()[:2], "seed")
    for deterministic in (False, True):
        options_seen.clear()
        jit_step(gan, deterministic=deterministic)
        shard_map_step(on_axis, mesh, deterministic=deterministic)
        gspmd_step(gan, mesh, deterministic=deterministic)
        seeds_step(gan, deterministic=deterministic)
        seeds_step(gan, seeds, deterministic=deterministic)
        with_options = [options for options in options_seen if options]
        # One program each, but two of seeds: with batches of their own and in common.
        assert with_options == [DETERMINISTIC] * 7 * deterministic


def test_a_step_on_a_cpu_is_the_same_with_and_without():
    gan, state, _ = game(R1)
    batch = points()
    found = [
        jit_step(gan, deterministic=d)(jax.tree.map(jnp.copy, state), batch)[0]
        for d in (False, True)
    ]
    one, other = (jax.tree.leaves(s.replace(key=())) for s in found)
    for x, y in zip(one, other, strict=True):
        np.testing.assert_array_equal(x, y)


def final_params(folder):
    return jax.tree.leaves(load_run(folder)[1].generator.params)


def test_a_run_records_it_and_may_go_on_without_it(tmp_path, undrawn):
    """It changes no result on paper, as the placement does not; on CPU it changes none
    at all."""
    config = replace(SMALL, steps=20)
    folders = tmp_path / "on", tmp_path / "off"
    train(replace(config, steps=10, deterministic=True), folders[0])
    assert from_file(folders[0] / "config.json").deterministic
    train(config, folders[0], resume=True)
    assert not from_file(folders[0] / "config.json").deterministic
    train(config, folders[1])
    for x, y in zip(*map(final_params, folders), strict=True):
        np.testing.assert_array_equal(x, y)


def test_pmap_is_refused_in_one_line():
    with pytest.raises(
        ValueError, match="deterministic with placement 'pmap'"
    ) as error:
        build(replace(R1, deterministic=True, placement="pmap"), axis_name="data")
    assert "use shard_map" in str(error.value) and "\n" not in str(error.value)
