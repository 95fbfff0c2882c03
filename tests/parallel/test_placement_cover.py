"""Every entry of every registry has the same numbers on several devices as on one."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest
from jax.sharding import Mesh
from placed_steps import (
    BATCH,
    PLAIN,
    SGD,
    STEPS,
    assert_agree,
    make_batches,
    run_batches,
    step_on_devices,
    train_placed,
)

from gan_jax.assembly.assemble import build
from gan_jax.augment import AUGMENTS
from gan_jax.config import (
    AugmentConfig,
    DatasetConfig,
    DynamicsConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.data import DATASETS, TOYS
from gan_jax.dynamics import DYNAMICS
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, NORMS, OUTPUTS
from gan_jax.layers.minibatch import MINIBATCH
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES
from gan_jax.parallel.placements import PLACEMENTS, jit_step
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES

# A pairwise cover of loss x penalty x model, and every entry of every registry.

SIDES = {"conv_7x7": 28, "dcgan64": 64}


IMAGE_MODELS = [name for name in MODELS if name != "dirac"]


def cover():
    """Rows `(loss, model, two penalties, placement, devices)`.

    They hold all pairs of loss, penalty and model, as the penalties go round with
    loss + model.
    """
    pairs = list(itertools.zip_longest(*[iter(PENALTIES)] * 2, fillvalue="none"))
    spread = list(itertools.product(("pmap", "shard_map", "gspmd"), (2, 4, 8)))
    return [
        (loss, model, pairs[(i + j) % len(pairs)], *spread[(i + j) % len(spread)])
        for i, loss in enumerate(LOSSES)
        for j, model in enumerate(IMAGE_MODELS)
    ]


def cover_parameters():
    """Every sixth row is a slow test; the others take too long for each change."""
    marks = itertools.cycle([pytest.mark.slow, *[pytest.mark.exhaustive] * 5])
    return [
        pytest.param(*row, marks=mark)
        for row, mark in zip(cover(), marks, strict=False)
    ]


def small_config(model):
    resolution = SIDES.get(model, 8)
    return replace(
        PLAIN,
        dataset=DatasetConfig("digits", resolution=resolution),
        model=ModelConfig(
            model,
            width=2 if resolution > 8 else 4,
            z_dim=4,
            init_scale=0.5 if model == "resnet" else 1.0,  # Else lsgan diverges.
        ),
        g_optimizer=replace(SGD, learning_rate=1e-3),
        d_optimizer=replace(SGD, learning_rate=1e-3),
    )


def test_cover_has_all_pairs():
    rows = {
        (loss, model, penalty) for loss, model, pair, *_ in cover() for penalty in pair
    }
    kinds = (LOSSES, IMAGE_MODELS, PENALTIES)
    for a, b in itertools.combinations(range(3), 2):
        assert {(row[a], row[b]) for row in rows} == set(
            itertools.product(kinds[a], kinds[b])
        )


def build_with_both(config, penalties, axis_name=None):
    """A Gan whose critic has two penalties."""
    gans = [
        build(
            replace(config, penalty=PenaltyConfig(name, weight=1.0)),
            axis_name=axis_name,
        )
        for name in penalties
    ]
    one, other = gans
    return replace(
        one,
        penalties=one.penalties + other.penalties,
        memory=one.memory + other.memory,
    )


@pytest.mark.parametrize(
    ("loss", "model", "penalties", "name", "count"), cover_parameters()
)
def test_pairwise_cover_agrees_with_one_device(loss, model, penalties, name, count):
    config = replace(small_config(model), loss=LossConfig(loss))
    alone = jit_step(build_with_both(config, penalties))
    split = build_with_both(config, penalties, PLACEMENTS[name].axis_name)
    data = make_batches(
        config, 10
    )  # By 20 a Wasserstein game has run off, with rounding.
    got = run_batches(config, step_on_devices(split, name, count), data)
    assert_agree(got, run_batches(config, alone, data))


SMOOTH = {"eps": 1.0}  # Adam's division by a small root would magnify rounding.


ENTRIES = {
    **{f"augment {k}": {"augment": AugmentConfig(k)} for k in AUGMENTS},
    **{f"dynamics {k}": {"dynamics": DynamicsConfig(k, k=2)} for k in DYNAMICS},
    **{
        f"generator penalty {k}": {"generator_penalty": GeneratorPenaltyConfig(k)}
        for k in GENERATOR_PENALTIES
    },
    **{
        f"optimizer {k}": {"d_optimizer": OptimizerConfig(k, 0.01, **SMOOTH)}
        for k in OPTIMIZERS
    },
    **{
        f"schedule {k}": {"g_optimizer": replace(SGD, schedule=k), "steps": STEPS}
        for k in SCHEDULES
    },
    **{f"norm {k}": {"model": {"g_norm": k}} for k in NORMS},
    **{f"norm of D {k}": {"model": {"d_norm": k}} for k in NORMS},
    **{f"activation {k}": {"model": {"activation": k}} for k in ACTIVATIONS},
    **{f"initializer {k}": {"model": {"g_init": k}} for k in INITIALIZERS},
    **{f"output {k}": {"model": {"output": k}} for k in OUTPUTS},
    **{f"minibatch layer {k}": {"model": {"d_minibatch": k}} for k in MINIBATCH},
    "spectral": {"model": {"g_spectral": True, "d_spectral": True}},
    "labels": {"dataset": DatasetConfig("digits", labels=True)},
    "pack": {"model": {"pack": 2}},
    "top_k": {"loss": LossConfig(top_k=0.5), "steps": STEPS},
    "adaptive augmentation": {
        "augment": AugmentConfig("bgc", schedule="adaptive", adapt_kimg=0.64)
    },
}


ALIKE = {"augment", "optimizer", "schedule", "activation", "initializer", "output"}


ALIKE |= {"dynamics"}  # Their own test is test_rules_differentiate_....


def last_of_each_kind():
    """Entries, of those that all placements treat alike one of each kind slow."""
    last = {entry.split()[0]: entry for entry in ENTRIES}
    seldom = {
        entry
        for entry in ENTRIES
        if entry.split()[0] in ALIKE and entry != last[entry.split()[0]]
    }
    return [
        pytest.param(
            entry,
            marks=pytest.mark.exhaustive if entry in seldom else pytest.mark.slow,
        )
        for entry in ENTRIES
    ]


@pytest.mark.parametrize("entry", last_of_each_kind())
def test_every_other_entry_agrees_with_one_device(entry):
    config, change = small_config("dcgan"), dict(ENTRIES[entry])
    if isinstance(change.get("model"), dict):
        change["model"] = replace(config.model, **change["model"])
    config = replace(config, **change)
    names = list(PLACEMENTS)[1:]
    name = names[list(ENTRIES).index(entry) % len(names)]
    assert_agree(train_placed(config, name, 4), train_placed(config, "jit", 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TOYS, "digits"])
def test_every_local_data_set_is_gathered_alike_when_split(name):
    data = DATASETS[name](DatasetConfig(name))
    indices = np.arange(BATCH)
    mesh = jax.make_mesh((4,), ("data",), devices=jax.devices()[:4])
    split = jax.sharding.PartitionSpec("data")
    gather = jax.shard_map(
        data.gather,
        mesh=Mesh(mesh.devices, mesh.axis_names),
        in_specs=(jax.sharding.PartitionSpec(), split),
        out_specs=split,
    )
    for ours, theirs in zip(
        jax.jit(gather)(data.on_host, indices), data.get(indices), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
