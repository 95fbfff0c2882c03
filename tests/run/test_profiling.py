"""A run's trace: what it holds, where it lies, and that it changes nothing."""

import gzip
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import chex
import jax
import numpy as np
import pytest

import gan_jax
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig, LogConfig, MetricsConfig, ModelConfig
from gan_jax.logs.row_files import read_rows
from gan_jax.parallel.execution import make_program
from gan_jax.run.profiling import DISPATCH_NAME, choose_dispatches, profile_steps
from gan_jax.run_files.checkpoint import key_as_integers
from gan_jax.run_files.folder import refuse_config_changes, reset_folder

RING = Config(
    steps=15,
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=4, z_dim=2),
    steps_per_call=3,
    log=LogConfig(every=3),
    metrics=MetricsConfig(every=0),
)
BOUNDS = np.arange(0, 16, 3)


def config_that_profiles(steps):
    return replace(RING, log=replace(RING.log, profile=steps))


@pytest.fixture(scope="module")
def work():
    return make_program(RING, find_dataset(RING))


def traces(folder):
    """The names of what happened, as often as it did, in each trace of a run."""
    found = sorted((folder / "profile").rglob("*.xplane.pb"))
    return [
        Counter(
            event.name
            for plane in jax.profiler.ProfileData.from_file(str(path)).planes
            for line in plane.lines
            for event in line.events
        )
        for path in found
    ]


def traced_dispatches(folder):
    """How many each trace has."""
    return [names[DISPATCH_NAME] for names in traces(folder)]


def compilations(names):
    """How often a program was compiled, or taken from the cache of such programs."""
    return sum(count for name, count in names.items() if "compile_or_get" in name)


def run_dispatches(work, state, bounds=BOUNDS):
    """The steps between some bounds; their last state."""
    for split in work.splits(bounds):
        state, _ = work.advance(state, split)
    return state


@contextmanager
def refused(expected):
    with pytest.raises(ValueError, match=expected):
        yield


@pytest.mark.parametrize(
    ("lengths", "asked", "expected"),
    [
        ([5, 5, 5, 5], 10, range(1, 3)),
        ([5, 5, 5, 5], 6, range(1, 3)),
        ([5, 5, 2, 5, 2, 5], 10, range(3, 6)),  # 2 is new
        ([5, 5, 2, 5, 2, 5, 7], 100, range(3, 6)),  # the most there are
        ([5, 5, 5, 2], 100, range(1, 3)),
        ([5], 1, range(0)),
        ([5, 4, 3], 1, range(0)),
    ],
)
def test_traced_are_the_first_dispatches_as_long_as_one_before(
    lengths, asked, expected
):
    assert choose_dispatches(lengths, asked) == expected


def test_trace_holds_the_steps_asked_for_and_no_compilation(tmp_path):
    said, work = [], make_program(RING, find_dataset(RING))
    with jax.profiler.trace(tmp_path / "new" / "profile"):
        jax.jit(lambda x: x - 3)(1.0)
    with profile_steps(config_that_profiles(5), tmp_path, work, said.append) as traced:
        run_dispatches(traced, traced.init())
        (names,) = traces(tmp_path)  # it was written by the time of the last step
    assert names[DISPATCH_NAME] == 2
    assert compilations(traces(tmp_path / "new")[0]) > 0 == compilations(names)
    (line,) = said
    assert line.startswith(f"profile: 6 steps in {tmp_path}/profile, open with")


def test_trace_is_readable_by_perfetto(work, tmp_path):
    with profile_steps(config_that_profiles(6), tmp_path, work, print) as traced:
        run_dispatches(traced, traced.init())
    (path,) = (tmp_path / "profile").rglob("perfetto_trace.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    assert sum(event.get("name") == DISPATCH_NAME for event in events) == 2


def test_use_that_ends_early_writes_what_it_has(work, tmp_path):
    said = []
    with pytest.raises(KeyboardInterrupt):
        with profile_steps(
            config_that_profiles(9), tmp_path, work, said.append
        ) as traced:
            run_dispatches(traced, traced.init(), BOUNDS[:4])
            raise KeyboardInterrupt
    assert traced_dispatches(tmp_path) == [2]
    assert said[-1].startswith("profile: 6 steps in")


def test_too_short_a_run_says_so(work, tmp_path):
    said = []
    with profile_steps(config_that_profiles(20), tmp_path, work, said.append) as traced:
        run_dispatches(traced, traced.init())
    assert traced_dispatches(tmp_path) == [4]
    assert said[0].startswith("log.profile 20: only 12 steps in a row")
    with profile_steps(
        config_that_profiles(20), tmp_path / "one", work, said.append
    ) as traced:
        run_dispatches(traced, traced.init(), BOUNDS[:2])
    assert said[2:] == [said[0].replace("12", "0")]
    assert not (tmp_path / "one").exists()


def test_going_back_to_a_checkpoint_traces_no_second_time(work, tmp_path):
    with profile_steps(config_that_profiles(12), tmp_path, work, print) as traced:
        state = run_dispatches(traced, traced.init(), BOUNDS[:4])
        run_dispatches(traced, state)
    assert traced_dispatches(tmp_path) == [2]


def test_second_trace_at_once_is_refused(work, tmp_path):
    with profile_steps(config_that_profiles(3), tmp_path, work, print) as traced:
        with jax.profiler.trace(tmp_path), refused("log.profile: another trace"):
            run_dispatches(traced, traced.init())


@pytest.mark.slow
def test_profiled_run_is_the_same_run_bit_for_bit(tmp_path):
    states = [
        gan_jax.train(config, tmp_path / name)[0]
        for name, config in (("plain", RING), ("profiled", config_that_profiles(6)))
    ]
    chex.assert_trees_all_equal(*map(key_as_integers, states))
    written = [
        [
            {k: v for k, v in row.items() if k != "wall_seconds"}
            for row in read_rows(tmp_path / name / "metrics.jsonl")
        ]
        for name in ("plain", "profiled")
    ]
    assert written[0] == written[1]
    assert not (tmp_path / "plain" / "profile").exists()
    assert traced_dispatches(tmp_path / "profiled") == [2]


def test_profiling_makes_it_no_other_run_and_overwriting_removes_the_trace(tmp_path):
    reset_folder(tmp_path, RING)
    refuse_config_changes(tmp_path, config_that_profiles(6), False)
    (tmp_path / "profile" / "plugins").mkdir(parents=True)
    reset_folder(tmp_path, RING)
    assert not (tmp_path / "profile").exists()


def test_trace_that_cannot_be_written_is_told_in_one_line(work, tmp_path):
    (tmp_path / "profile").write_text("a file")
    with pytest.raises(OSError, match="profile: the trace cannot be written"):
        with profile_steps(config_that_profiles(3), tmp_path, work, print) as traced:
            run_dispatches(traced, traced.init())
