"""Runs that differ in numbers only share one program, which may be compiled ahead."""

import dataclasses
import logging
import threading
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import METHODS, build, init_state, train_step
from gan_jax.assembly.assemble import assemble, check_choices
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.numbers import (
    FIELDS_OF_RUN,
    NUMBERS_OF_LOSS,
    NUMBERS_OF_STEP,
    find_numbers,
    with_numbers,
    without_numbers,
)
from gan_jax.config import (
    CheckpointConfig,
    Config,
    DatasetConfig,
    EmaConfig,
    GeneratorPenaltyConfig,
    LogConfig,
    LossConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
    SweepConfig,
)
from gan_jax.config.serialization import flat
from gan_jax.data.batch_order import make_slots, state_indices
from gan_jax.losses import LOSSES
from gan_jax.parallel import shared_program
from gan_jax.parallel.execution import make_program, plan_program
from gan_jax.parallel.shared_program import find_program, run_several_steps
from gan_jax.penalties import PENALTIES
from gan_jax.run.compile_ahead import (
    NAME,
    compile_first_calls,
    compile_in_background,
    is_compiling,
    usual_length,
)
from gan_jax.types import Loss

FULL = Config(
    steps=12,
    batch_size=8,
    seed=3,
    dataset=DatasetConfig("digits"),
    model=ModelConfig("mlp", width=4, z_dim=3),
    loss=LossConfig("non_saturating", real_target=0.9, real_target_end=0.8),
    penalty=PenaltyConfig("r1", weight=2.0, weight_end=0.5),
    generator_penalty=GeneratorPenaltyConfig("path_length", weight=0.5),
    g_optimizer=OptimizerConfig("adam", learning_rate=0.01, schedule="cosine"),
    d_optimizer=OptimizerConfig("sgd", learning_rate=0.02, schedule="linear"),
    ema=EmaConfig(decay=0.7, warmup=False),
    log=LogConfig(every=4),
)
"""A Config that has every number which a program takes."""
OTHERS = {
    name: value * 0.7
    for name, value in flat(FULL).items()
    if name in (*NUMBERS_OF_STEP, *NUMBERS_OF_LOSS)
}


def make_choices(config):
    return check_choices(config, find_dataset(config).spec)[0]


def run_program(config, dispatches=2):
    """The state after some dispatches of four steps, and the metrics of the last."""
    work = make_program(config, find_dataset(config))
    state, metrics = work.init(), {}
    for split in work.splits(4 * np.arange(dispatches + 1)):
        state, metrics = work.advance(state, split)
    state = state.replace(key=jax.random.key_data(state.key))
    return jax.device_get((state, metrics))


def assert_equal(ours, theirs):
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.fixture
def traces(monkeypatch):
    """One entry for each time that the steps of a dispatch are traced."""
    found = []

    def body(*arguments):
        found.append(arguments)
        return run_several_steps(*arguments)

    monkeypatch.setattr(shared_program, "run_several_steps", body)
    return found


def test_program_with_numbers_plays_the_game_of_its_config():
    """Its numbers are those of `build`, whose step has them as constants."""
    data, gan = find_dataset(FULL), build(FULL)
    state, step = init_state(gan, jax.random.key(3)), jax.jit(partial(train_step, gan))
    slots = make_slots(FULL.batch_size, FULL.d_steps)
    for _ in range(8):
        indices = state_indices(len(data), slots.size, state.key, state.step, slots)
        state, _ = step(state, data.get(indices))
    ours, _ = run_program(FULL)
    theirs = jax.device_get(state.replace(key=jax.random.key_data(state.key)))
    close = partial(np.testing.assert_allclose, rtol=2e-4, atol=2e-6)
    jax.tree.map(close, ours, theirs)


IN_TURN = {"model": ModelConfig("dcgan", width=1), "penalty": PenaltyConfig()}


@pytest.mark.parametrize(
    "slots", [{}, pytest.param(IN_TURN, marks=pytest.mark.slow)], ids=["vmap", "turn"]
)
def test_dispatch_of_seeds_is_traced_once(slots, traces):
    """Tracing runs the body. Later states are laid out by dispatches, not by `init`."""
    run_program(replace(FULL, seeds=2, devices=1, **slots), dispatches=3)
    assert len(traces) == 1


@pytest.mark.parametrize("many", [{}, {"seeds": 2, "devices": 1}], ids=["one", "two"])
def test_runs_that_differ_in_numbers_are_traced_once(many, traces):
    first = replace(FULL, **many)
    second = replace(with_numbers(first, OTHERS), seed=5, out="elsewhere")
    run_program(first)
    shared = run_program(second)
    assert len(traces) == 1
    find_program.cache_clear()
    assert_equal(shared, run_program(second))
    assert len(traces) == 2


@pytest.mark.parametrize("name", OTHERS)
def test_each_number_reaches_the_shared_program(name, traces):
    changed = with_numbers(FULL, {name: OTHERS[name]})
    state, metrics = run_program(FULL)
    other_state, other_metrics = run_program(changed)
    assert len(traces) == 1
    differs = jax.tree.map(lambda a, b: bool(np.any(a != b)), state, other_state)
    assert any(jax.tree.leaves(differs)), name


def test_numbers_are_all_that_a_config_can_have():
    assert find_numbers(make_choices(FULL)).keys() == OTHERS.keys()
    plain = replace(FULL, penalty=PenaltyConfig("r1", weight_end=None))
    assert "penalty.weight_end" not in find_numbers(make_choices(plain))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 13},
        {"batch_size": 4},
        {"d_steps": 2},
        {"penalty": PenaltyConfig("r1", weight=2.0)},
        {"penalty": PenaltyConfig("r1", weight=2.0, weight_end=0.5, every=2)},
        {"g_optimizer": OptimizerConfig("adam", 0.01, schedule="cosine", b1=0.0)},
        {"dataset": DatasetConfig("digits", labels=True)},
        {"dataset": DatasetConfig("digits", flip=True)},
        {"log": LogConfig(layers=True)},
        {"seeds": 2},
    ],
)
def test_runs_of_other_programs_do_not_share(change):
    one, other = (
        plan_program(config, find_dataset(config)).structure
        for config in (FULL, replace(FULL, **change))
    )
    assert one == plan_program(FULL, find_dataset(FULL)).structure
    assert one != other


OF_RUN = {
    "seed": 7,
    "out": "there",
    "plugin": (),
    "devices": 1,
    "seeds": 3,
    "steps_per_call": 2,
    "on_divergence": "continue",
    "sweep": SweepConfig(penalty=(1.0, 2.0)),
    "metrics": MetricsConfig(every=3),
    "checkpoint": CheckpointConfig(every=2),
    "dataset": DatasetConfig("digits", device_limit=1.0),
    "log": LogConfig(every=9),
}


@pytest.mark.parametrize("field", sorted(FIELDS_OF_RUN))
def test_fields_of_the_run_are_not_compiled_into_the_step(field):
    changed = replace(FULL, **{field: OF_RUN[field]})
    assert without_numbers(make_choices(changed)) == without_numbers(make_choices(FULL))
    groups = {f.name for f in dataclasses.fields(Config)}
    assert groups >= FIELDS_OF_RUN


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_program_knows_whether_each_loss_is_zero_sum(name):
    """Unrolled play needs to know, and a weight of the fakes may end it."""
    for weight in (1.0, 0.5):
        loss = LossConfig(name, fake_weight=weight)
        choices = make_choices(replace(FULL, loss=loss))
        numbers = find_numbers(choices)
        found = []

        def trace_gan(numbers, choices=choices, found=found):
            config = with_numbers(without_numbers(choices).config, numbers)
            spec = find_dataset(FULL).spec
            gan = assemble(choices._replace(config=config), spec, None)
            found.append(gan.loss.zero_sum)

        jax.eval_shape(trace_gan, numbers)
        assert found == [build(replace(FULL, loss=loss)).loss.zero_sum]
        if name in ("minimax", "alpha"):
            assert "loss.fake_weight" not in numbers


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_put_together_from_traced_numbers(name):
    data, config = find_dataset(FULL), replace(METHODS[name], model=FULL.model)
    structure = plan_program(config, data).structure
    numbers = find_numbers(check_choices(config, data.spec)[0])
    jax.eval_shape(find_program(structure).init, numbers, np.uint32(0))


def test_functions_of_others_keep_their_numbers(monkeypatch):
    """They may make Python numbers of them."""

    def weighted_log(real, fake, *, fake_weight=1.0):
        return np.log(np.asarray(fake_weight) + 1) * fake - real

    def sharp_slope(critic, real, fake, keys):
        return jnp.abs(critic(real))

    monkeypatch.setitem(LOSSES, "log", Loss(weighted_log, lambda real, fake: -fake))
    monkeypatch.setitem(PENALTIES, "sharp", sharp_slope)
    config = replace(FULL, loss=LossConfig("log", fake_weight=2.0))
    assert not find_numbers(make_choices(config)).keys() & set(NUMBERS_OF_LOSS)
    run_program(config, 1)
    config = replace(FULL, penalty=PenaltyConfig("sharp", 2.0))
    assert not find_numbers(make_choices(config)).keys() & set(NUMBERS_OF_STEP)
    run_program(config, 1)


def test_loss_that_decides_by_its_numbers_keeps_them(monkeypatch):
    def choosy(real, fake, *, fake_weight=1.0):
        return fake - real if fake_weight == 1.0 else fake_weight * fake

    monkeypatch.setitem(LOSSES, "choosy", Loss(choosy, lambda real, fake: -fake))
    config = replace(FULL, loss=LossConfig("choosy", fake_weight=2.0))
    numbers = find_numbers(make_choices(config))
    assert not numbers.keys() & set(NUMBERS_OF_LOSS)
    assert numbers["penalty.weight"] == 2.0
    run_program(config, 1)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"seeds": 2, "devices": 1},
        {"seeds": 4, "devices": 2},
        {"placement": "shard_map", "devices": 2},
        {"placement": "gspmd", "devices": 2},
        {"model": ModelConfig("dcgan", width=1), "seeds": 2, "steps_per_call": 4},
    ],
    ids=["one", "vmap", "spread", "shard_map", "gspmd", "turn"],
)
def test_run_finds_what_was_compiled_ahead(change, traces, caplog):
    config = replace(FULL, **change)
    with compile_in_background(config):
        pass
    assert len(traces) == 1
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        run_program(config)
    assert len(traces) == 1
    finished = [m for m in caplog.messages if m.startswith("Finished XLA compilation")]
    for message in finished:
        assert "init_" not in message and "step" not in message, message
        assert "body" not in message and "many" not in message, message


def test_error_of_the_thread_is_left_to_the_run():
    with compile_in_background(replace(FULL, batch_size=10**6)):
        pass
    with compile_in_background(None):
        pass


def test_interrupt_waits_for_the_compilation_that_runs_alone(monkeypatch):
    """The body is interrupted while the first of two compilations runs."""
    begun, go_on, compiled = threading.Event(), threading.Event(), []

    def compile_twice(config):
        begun.set()
        go_on.wait(60)
        compiled.append("first")
        yield
        compiled.append("second")
        yield

    monkeypatch.setattr("gan_jax.run.compile_ahead.compile_first_calls", compile_twice)
    with pytest.raises(KeyboardInterrupt), compile_in_background(FULL) as begin:
        assert not is_begun(begun)  # The programs of the body come first.
        begin()
        begun.wait(60)
        threading.Timer(0.2, go_on.set).start()
        raise KeyboardInterrupt
    assert compiled == ["first"]


def is_begun(begun):
    return begun.wait(0.2)


def test_interrupt_does_not_wait_for_a_long_compilation(monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def compile_for_long(config):
        begun.set()
        go_on.wait(60)
        yield

    monkeypatch.setattr(
        "gan_jax.run.compile_ahead.compile_first_calls", compile_for_long
    )
    monkeypatch.setattr("gan_jax.run.compile_ahead.PATIENCE", 0.1)
    with pytest.raises(KeyboardInterrupt), compile_in_background(FULL) as begin:
        begin()
        begun.wait(60)
        raise KeyboardInterrupt
    assert is_compiling()
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == NAME:
            thread.join(60)
    assert not is_compiling()


def test_dispatch_compiled_ahead_has_the_usual_length():
    config = replace(FULL, steps=100, metrics=MetricsConfig(every=50))
    assert usual_length(config, 20) == 20
    assert usual_length(replace(config, steps=8), 20) == 8
    assert len(list(compile_first_calls(config))) == 3
