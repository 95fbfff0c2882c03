"""A batch in microbatches has the gradients of the whole batch, on any devices."""

from dataclasses import replace
from functools import partial

import jax
import pytest
from placed_steps import (
    COUPLED,
    PLAIN,
    assert_agree,
    first_state,
    make_batches,
    mark_slow_but,
    train_alone,
    train_placed,
)

from gan_jax.assembly.assemble import build
from gan_jax.config import LossConfig, PenaltyConfig
from gan_jax.parallel.mesh import make_mesh
from gan_jax.step import train_step

# Microbatches.


@pytest.mark.parametrize(
    ("name", "count", "parts"),
    mark_slow_but(
        among=[("jit", 1, 2), ("jit", 1, 64), ("shard_map", 4, 4), ("gspmd", 2, 4)],
    ),
)
def test_microbatches_equal_the_whole_batch(name, count, parts):
    config = replace(
        COUPLED,
        loss=LossConfig("relativistic"),
        penalty=PenaltyConfig("wgan_gp", every=3),
        model=replace(COUPLED.model, g_norm="layer"),
    )
    parted = replace(config, microbatches=parts)
    assert_agree(train_placed(parted, name, count), train_alone(config))


def test_microbatches_are_shared_out_by_gspmd():
    """Each device works on its share of each part: gradients are reduced, and no
    example is sent to another device.
    """
    config = replace(PLAIN, penalty=PenaltyConfig("r1"), microbatches=4)
    gan = build(config)
    mesh = make_mesh(jax.devices()[:4], "data")
    whole, split = (
        jax.NamedSharding(mesh, jax.P(*spec)) for spec in ((), (None, "data"))
    )
    step = jax.jit(partial(train_step, gan), in_shardings=(whole, split))
    program = (
        step.lower(first_state(PLAIN), make_batches(config)[0]).compile().as_text()
    )
    assert "all-reduce(" in program
    assert "all-gather(" not in program


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": replace(PLAIN.model, g_norm="batch")}, "model.g_norm 'batch'"),
        ({"model": replace(PLAIN.model, d_norm="batch")}, "model.d_norm 'batch'"),
        ({"loss": LossConfig("relativistic_average")}, "loss.name"),
        ({"penalty": PenaltyConfig("dragan")}, "penalty.name 'dragan'"),
        ({"batch_size": 63}, "batch_size 63"),
    ],
)
def test_microbatches_are_refused_where_statistics_span_the_batch(change, field):
    with pytest.raises(ValueError, match=f"microbatches 2.*{field}"):
        build(replace(PLAIN, microbatches=2, **change))
