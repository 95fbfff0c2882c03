"""A dispatch of many steps, or of much work, is short enough to wait for."""

from dataclasses import replace

import pytest

from gan_jax import METHODS, build
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import (
    Config,
    DatasetConfig,
    LogConfig,
    ModelConfig,
    PenaltyConfig,
)
from gan_jax.parallel import dispatch_length
from gan_jax.parallel.dispatch_length import (
    LONGEST_CALL,
    MOST_FLOPS,
    choose_steps_per_call,
    estimate_step_flops,
)
from gan_jax.parallel.execution import make_program

RING = replace(
    METHODS["r1"],
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=64, z_dim=16),
    batch_size=32,
    d_steps=2,
    log=LogConfig(every=1000),
)


def choose(config: Config, gans: float = 1.0, streams: bool = False) -> int:
    gan = build(config, spec=find_dataset(config).spec)
    return choose_steps_per_call(config, gan, streams, gans)[0]


def count_kernels(tree) -> int:
    """The elements of all matrices of a tree."""
    if isinstance(tree, dict):
        return sum(map(count_kernels, tree.values()))
    return tree.size if tree.ndim == 2 else 0


def test_work_of_a_step_of_dense_networks_is_that_of_their_matrices():
    """An example costs a multiplication and an addition per element of a matrix."""
    work = make_program(RING, find_dataset(RING))
    state = work.init()
    kernels = count_kernels(state.generator.params)
    kernels += count_kernels(state.discriminator.params)
    expected = dispatch_length.STEP_COST * RING.d_steps * RING.batch_size * 2 * kernels
    assert estimate_step_flops(RING, work.gan) == pytest.approx(expected, rel=0.1)


def test_the_more_gans_the_fewer_steps_a_dispatch_makes(monkeypatch):
    """They divide log.every, or 100, so that no dispatch has another length."""
    monkeypatch.setattr(dispatch_length, "estimate_step_flops", lambda *gan: 1e6)
    monkeypatch.setitem(MOST_FLOPS, "cpu", 1e9)
    assert [choose(RING, gans) for gans in (0.5, 1, 10, 90, 300, 1e5)] == [
        LONGEST_CALL,
        LONGEST_CALL,
        LONGEST_CALL,
        10,
        2,
        1,
    ]


def test_a_program_of_thousands_of_gans_makes_a_step_a_dispatch():
    config = replace(RING, seeds=2000, model=replace(RING.model, width=256))
    work = make_program(config, find_dataset(config))
    assert work.steps_per_call == 1
    assert work.about[-1] == "steps per call: 1 (one scan of about a second at most)"


def test_steps_that_are_asked_for_stay():
    assert choose(replace(RING, steps_per_call=5000), gans=1e6) == 5000
    assert choose(replace(RING, steps_per_call=7), streams=True) == 7


def test_work_is_counted_of_layers_that_take_means_over_devices():
    model = replace(RING.model, d_minibatch="discrimination")
    config = replace(RING, model=model, penalty=PenaltyConfig("none"))
    spec = find_dataset(config).spec
    alone, over_devices = (build(config, spec=spec, axis_name=a) for a in (None, "d"))
    assert estimate_step_flops(config, alone) == estimate_step_flops(
        config, over_devices
    )
