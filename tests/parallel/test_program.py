"""Runs of many GANs, runs over devices and hosts, and what a dispatch holds."""

import json
import os
import re
import signal
import socket
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from processes import output, running, until
from undrawn import without_pictures

import gan_jax
from benchmarks.kills import read_metrics
from gan_jax import METHODS, Config, load_generator, train
from gan_jax.assembly.datasets import find_dataset
from gan_jax.commands.train import main
from gan_jax.config import (
    DatasetConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
    SweepConfig,
)
from gan_jax.parallel.execution import make_program, members_of
from gan_jax.parallel.multihost import announces_processes, join_processes

SGD = OptimizerConfig("sgd", learning_rate=0.01)
RING = Config(
    steps=28,  # Of as many dispatches of one length.
    batch_size=16,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    penalty=PenaltyConfig("r1", weight=2.0, every=3),
    g_optimizer=SGD,
    d_optimizer=SGD,
    log=LogConfig(every=7),
)
GRID = replace(RING, seeds=2, sweep=SweepConfig(penalty=(1.0, 0.5), d_lr=(1.0, 1e30)))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_rows_agree(ours, theirs, rtol=1e-4):
    """The same steps and, up to rounding, the same metrics; wall time apart."""
    assert [row["step"] for row in ours] == [row["step"] for row in theirs]
    for row, other in zip(ours, theirs, strict=True):
        for name in other.keys() - {"wall_seconds", "crc32"}:
            np.testing.assert_allclose(
                row[name], other[name], rtol=rtol, atol=1e-6, err_msg=name
            )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The rows of one GAN on one device."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    with without_pictures():
        train(RING, folder)
    return lines(folder / "metrics.jsonl")


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A run of two seeds times four points of a sweep, half of which diverge."""
    folder = tmp_path_factory.mktemp("grid") / "run"
    seen = []
    state, summary = train(GRID, folder, callback=seen.append)
    return folder, state, summary, seen


def test_members_are_every_seed_at_every_point():
    members = members_of(GRID)
    assert len(members) == 2 * 2 * 2
    assert members[0] == {"seed": 0, "sweep.penalty": 1.0, "sweep.d_lr": 1.0}
    assert len({tuple(member.values()) for member in members}) == 8
    assert members_of(RING) is None
    assert members_of(replace(RING, seed=5, seeds=2)) == [{"seed": 5}, {"seed": 6}]
    assert len(members_of(replace(RING, sweep=SweepConfig(g_lr=(2.0,))))) == 1


def test_each_gan_of_a_grid_has_its_verdict_and_one_row(grid):
    folder, state, summary, _ = grid
    rows = lines(folder / "members.jsonl")
    assert len(rows) == 8
    assert summary["verdict"] == "completed"
    assert summary["members"] == {"completed": 4, "diverged": 4}
    for row in rows:
        wild = row["sweep.d_lr"] == 1e30
        assert row["verdict"] == ("diverged" if wild else "completed")
        assert (row["step"] == RING.steps) != wild
        assert row["finite"] != wild
        assert row["penalty.weight"] == 2.0 * row["sweep.penalty"]
    light, heavy = summary["by_value"][1:3]
    assert (light["field"], light["value"], heavy["value"]) == ("penalty.weight", 2, 1)
    assert light["verdicts"] == {"completed": 2, "diverged": 2}
    assert jax.tree.leaves(state.generator.params)[0].shape[0] == 8


def test_rows_of_a_grid_tell_which_gan_they_are_of(grid):
    folder, _, _, seen = grid
    rows = lines(folder / "metrics.jsonl")
    assert len(rows) == len(seen)
    calm = [r for r in rows if r["sweep.d_lr"] == 1.0]
    assert {(r["seed"], r["sweep.penalty"]) for r in calm} == {
        (seed, factor) for seed in (0, 1) for factor in (1.0, 0.5)
    }
    steps = [r["step"] for r in calm if r["seed"] == 1 and r["sweep.penalty"] == 0.5]
    assert steps == [1, 7, 14, 21, 28]
    wild = [r for r in rows if r["sweep.d_lr"] == 1e30 and not r["finite"]]
    assert len(wild) == 4  # Each diverged GAN's last row; nothing after it.


@pytest.mark.usefixtures("undrawn")
def test_a_gan_of_a_grid_is_the_run_of_its_seed_and_scaled_settings(grid, tmp_path):
    folder, state, _, _ = grid
    penalty = replace(RING.penalty, weight=RING.penalty.weight * 0.5)
    alone, _ = train(replace(RING, seed=1, penalty=penalty), tmp_path / "alone")
    index = members_of(GRID).index({"seed": 1, "sweep.penalty": 0.5, "sweep.d_lr": 1.0})
    together = jax.tree.map(lambda x: x[index], state.generator.params)
    for ours, theirs in zip(
        jax.tree.leaves(together), jax.tree.leaves(alone.generator.params), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    rows = [
        row
        for row in lines(folder / "metrics.jsonl")
        if (row["seed"], row["sweep.penalty"], row["sweep.d_lr"]) == (1, 0.5, 1.0)
    ]
    assert_rows_agree(rows, lines(tmp_path / "alone" / "metrics.jsonl"))
    sample, _ = load_generator(folder, index=index)
    single, _ = load_generator(tmp_path / "alone")
    key = jax.random.key(0)
    np.testing.assert_allclose(sample(key, 4), single(key, 4), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="index 8: the run has 8"):
        load_generator(folder, index=8)


def test_a_grid_draws_a_panel_for_each_gan(grid):
    with Image.open(grid[0] / "samples.png") as picture:
        assert picture.size[0] == picture.size[1] * 6.5 / 6


@pytest.mark.usefixtures("undrawn")
def test_a_run_in_which_every_gan_diverges_is_diverged(tmp_path):
    rate = replace(SGD, learning_rate=1e30)
    config = replace(
        RING, seeds=2, g_optimizer=rate, d_optimizer=rate, steps_per_call=1
    )
    _, summary = train(config, tmp_path / "run")
    assert summary["verdict"] == "diverged"
    assert summary["steps"] < RING.steps


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "steps_per_call", [pytest.param(1, marks=SLOW), pytest.param(4, marks=SLOW), 30]
)
@pytest.mark.usefixtures("undrawn")
def test_steps_per_dispatch_do_not_change_the_rows(steps_per_call, plain, tmp_path):
    log = LogConfig(every=7, samples_every=9)
    train(replace(RING, steps_per_call=steps_per_call, log=log), tmp_path / "run")
    assert [row["step"] for row in plain] == [1, 7, 14, 21, 28]
    assert_rows_agree(lines(tmp_path / "run" / "metrics.jsonl"), plain)


@pytest.mark.parametrize(
    "steps_per_call", [pytest.param(1, marks=SLOW), 8, pytest.param(50, marks=SLOW)]
)
@pytest.mark.usefixtures("undrawn")
def test_lazy_penalty_is_logged_as_last_due_whatever_the_dispatch(
    steps_per_call, tmp_path
):
    """Due after 0, 16, 32, 48 steps; a dispatch may end between that and the row."""
    penalty = replace(RING.penalty, every=16)
    config = replace(RING, steps=56, penalty=penalty, steps_per_call=steps_per_call)
    train(replace(config, log=LogConfig(every=1)), tmp_path / "each")
    each = {row["step"]: row for row in lines(tmp_path / "each" / "metrics.jsonl")}
    train(replace(config, log=LogConfig(every=10)), tmp_path / "some")
    some = lines(tmp_path / "some" / "metrics.jsonl")
    assert [row["step"] for row in some] == [1, 10, 20, 30, 40, 50, 56]
    for row in some:
        due = each[(row["step"] - 1) // 16 * 16 + 1]
        for name in ("d_penalty", "critic_grad_norm"):
            np.testing.assert_allclose(row[name], due[name], rtol=1e-4)
            assert row[name] > 0


def test_convolutions_on_cpu_are_neither_scanned_nor_batched_over_seeds():
    config = replace(RING, dataset=DatasetConfig("digits"))
    convolutional = replace(config, seeds=2, model=ModelConfig("dcgan", width=4))
    work = make_program(convolutional, find_dataset(convolutional))
    assert work.steps_per_call == 1
    assert "in turn" in work.about[0]
    work = make_program(replace(config, seeds=2), find_dataset(config))
    assert work.steps_per_call == 7
    assert "2 GANs by vmap on 2 x" in work.about[0]


def test_streamed_data_are_taken_a_step_at_a_time():
    data = replace(find_dataset(RING), streams=True)
    config = replace(RING, dataset=replace(RING.dataset, device_limit=0.0))
    work = make_program(config, data)
    assert work.steps_per_call == 1
    assert "streamed from disk" in work.about[1]


@pytest.mark.parametrize(
    "placement",
    [
        pytest.param("pmap", marks=SLOW),
        "shard_map",
        pytest.param("gspmd", marks=SLOW),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_placed_runs_write_the_rows_of_one_device(placement, plain, tmp_path):
    _, summary = train(replace(RING, placement=placement, devices=4), tmp_path / "four")
    assert f"placement: {placement} on 4 x" in summary["program"][0]
    assert_rows_agree(lines(tmp_path / "four" / "metrics.jsonl"), plain)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0"], ["seeds", "0"]),
        (["--devices", "99"], ["devices 99", "there are 8"]),
        (["--devices", "2"], ["devices 2", "placement 'jit'", "--seeds"]),
        (["--placement", "pmap", "--batch-size", "12"], ["batch_size 12", "8 devices"]),
        (["--placement", "gspmd", "--seeds", "2"], ["placement 'gspmd'", "--devices"]),
        (["--seeds", "3", "--devices", "2"], ["seeds", "3", "2 devices"]),
        (["--sweep.batch-size", "8,16"], ["sweep.batch_size", "penalty, g_lr, d_lr"]),
        (["--sweep.penalty", "-1,1"], ["sweep.penalty", "-1"]),
        (["--penalty.name", "none", "--sweep.penalty", "1,2"], ["sweep.penalty"]),
        (["--microbatches", "3"], ["microbatches 3", "batch_size 128"]),
        (["--microbatches", "2", "--model.g-norm", "foo"], ["model.g_norm", "'foo'"]),
        (["--seed", "4294967295", "--seeds", "2"], ["seeds 2", "2^32"]),
        (
            ["--placement", "pmap", "--microbatches", "32"],
            ["microbatches 32", "16 examples of a device"],
        ),
        (["--steps-per-call", "0"], ["steps_per_call", "0"]),
        (["--process-id", "1"], ["coordinator", "missing"]),
        (
            ["--coordinator", "here:1", "--num-processes", "2", "--process-id", "2"],
            ["process_id 2", "0 to 1"],
        ),
    ],
)
def test_bad_placement_is_one_error_and_writes_nothing(
    arguments, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["r1", "--model.name", "mlp", "--steps", "2", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    assert all(word in message for word in words), message
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures("undrawn")
def test_command_line_trains_a_grid(tmp_path, capsys):
    out = tmp_path / "grid"
    flags = ["--dataset.name", "ring", "--model.width", "8", "--steps", "3"]
    sweep = ["--sweep.penalty", "0.1,1", "--sweep.d-lr=0.5", "--seeds", "2"]
    assert main(["r1", *flags, *sweep, "--out", str(out)]) == 0
    assert len(lines(out / "members.jsonl")) == 4
    text = capsys.readouterr().out
    assert "4 GANs by vmap" in text and "first call, compiled, in" in text
    assert "GANs: 4 completed" in text


@pytest.mark.slow
def test_many_images_are_drawn_in_a_row_for_each_gan(tmp_path):
    config = replace(METHODS["mlp_sgd"], seeds=3, steps=2, batch_size=8)
    train(config, tmp_path / "run")
    with Image.open(tmp_path / "run" / "samples.png") as picture:
        width, height = picture.size
    assert height == 3 * 66
    assert 10 * 66 < width < 12 * 66  # beside the rows stand their names


# Hosts.


@pytest.mark.parametrize(
    ("environment", "several"),
    [
        ({}, False),
        ({"SLURM_JOB_ID": "7", "SLURM_STEP_NUM_TASKS": "1"}, False),
        ({"SLURM_JOB_ID": "7", "SLURM_STEP_NUM_TASKS": "4"}, True),
        ({"SLURM_STEP_NUM_TASKS": "x"}, False),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, False),  # As of Open MPI 5, JAX cannot read it.
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_MCA_orte_hnp_uri": "1.0"}, True),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, True),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False),
        ({"KUBERNETES_SERVICE_HOST": "x", "JOB_COMPLETION_INDEX": "0"}, False),
        ({"JAX_COORDINATOR_ADDRESS": "a:1"}, True),
    ],
)
def test_several_processes_are_recognized(environment, several):
    assert announces_processes(environment) == several


def test_joining_needs_all_three_flags_or_none():
    with pytest.raises(ValueError, match="num_processes: is missing"):
        join_processes("localhost:1", None, None)
    with pytest.raises(ValueError, match="process_id 3: must be 0 to 1"):
        join_processes("localhost:1", 2, 3)


WORKER = Path(__file__).parents[1] / "host_worker.py"


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@contextmanager
def together(count, devices, command, folders=None, root=None):
    """Processes of one run on loopback, with some CPU devices each; with `folders`,
    each with its own folder of pictures.
    """
    own = [["--dataset.name", f"folder:{root / name}"] for name in folders or ()]
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    port = free_port()
    hosts = ["--coordinator", f"localhost:{port}", "--num-processes", str(count)]
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running(
                    [
                        sys.executable,
                        *command,
                        *hosts,
                        "--process-id",
                        str(index),
                        *(own[index] if own else ()),
                    ],
                    **environment,
                )
            )
            for index in range(count)
        ]


@pytest.mark.slow
@pytest.mark.parametrize("placement", ["shard_map", "gspmd"])
def test_two_processes_of_two_devices_are_one_of_four(placement, tmp_path):
    config = replace(
        RING,
        dataset=DatasetConfig("digits"),
        model=replace(RING.model, g_norm="batch"),
        loss=replace(RING.loss, name="relativistic_average"),
        placement=placement,
    )
    path = tmp_path / "config.json"
    path.write_text(gan_jax.config.serialization.to_json(config))
    train(replace(config, devices=4), tmp_path / "one")
    train(replace(config, placement="jit"), tmp_path / "alone")
    out = tmp_path / "two"
    with together(2, 2, [str(WORKER), str(path), str(out)]) as workers:
        outputs = list(map(output, workers))
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    ours = lines(out / "metrics.jsonl")
    assert_rows_agree(ours, lines(tmp_path / "one" / "metrics.jsonl"))
    assert_rows_agree(ours, lines(tmp_path / "alone" / "metrics.jsonl"))
    samples = [load_generator(tmp_path / run)[0] for run in ("two", "one")]
    drawn = [sample(jax.random.key(0), 4) for sample in samples]
    np.testing.assert_allclose(*drawn, atol=1e-5)
    read = [json.loads(text.splitlines()[-1]) for text in outputs]
    assert read[0]["rows"] == read[1]["rows"] == RING.steps * 16 // 2
    assert not set(map(tuple, read[0]["first"])) & set(map(tuple, read[1]["first"]))
    assert [one["wrote"] for one in read] == [True, False]


@pytest.mark.slow
def test_two_processes_read_their_own_shares_of_streamed_pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    for index in range(40):
        pixels = random.integers(256, size=(4, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"pictures/{index:02d}.png")
    dataset = DatasetConfig(f"folder:{tmp_path}/pictures", device_limit=0.0)
    config = replace(RING, dataset=dataset, placement="shard_map")
    path = tmp_path / "config.json"
    path.write_text(gan_jax.config.serialization.to_json(config))
    train(replace(config, placement="jit"), tmp_path / "alone")
    with together(2, 1, [str(WORKER), str(path), str(tmp_path / "two")]) as workers:
        outputs = list(map(output, workers))
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    ours, alone = (lines(tmp_path / run / "metrics.jsonl") for run in ("two", "alone"))
    assert_rows_agree(ours, alone)
    had = [json.loads(text.splitlines()[-1])["rows"] for text in outputs]
    assert (
        had == [RING.steps * 16 * 4 * 4 * 3 // 2] * 2
    )  # Grey pictures are read as RGB.


@pytest.mark.slow
def test_two_processes_resume_bit_for_bit(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(
        gan_jax.config.serialization.to_json(replace(RING, placement="shard_map"))
    )
    train_it = ["-m", "experiments.train", "--config", str(path)]
    for run, *flags in (
        ("whole",),
        ("again", "--steps", "15"),
        ("again", "--resume"),
    ):
        command = [*train_it, "--out", str(tmp_path / run), *flags]
        with together(2, 1, command) as workers:
            outputs = list(map(output, workers))
        assert [worker.returncode for worker in workers] == [0, 0], outputs
    assert "resumed after 15 steps" in outputs[0]
    runs = [tmp_path / "whole", tmp_path / "again"]
    assert read_metrics(runs[0]) == read_metrics(runs[1])
    samples = [load_generator(run)[0](jax.random.key(0), 64) for run in runs]
    np.testing.assert_array_equal(*samples)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_dies_ends_the_other_with_its_name(victim, tmp_path):
    out = tmp_path / "run"
    flags = ["--dataset.name", "ring", "--model.width", "8", "--steps", "10000000"]
    flags += ["--placement", "shard_map", "--out", str(out)]
    with together(2, 2, ["-m", "experiments.train", "r1", *flags]) as workers:
        until((out / "metrics.jsonl").exists, *workers)
        workers[victim].send_signal(signal.SIGKILL)
        text = output(workers[1 - victim])
    assert workers[1 - victim].returncode != 0
    named = r"leader task" if victim == 0 else r"unhealthy[^\n]*\n1\b"
    assert re.search(named, text), text
    assert lines(out / "metrics.jsonl")[0]["step"] == 1


@pytest.mark.slow
def test_what_one_process_refuses_ends_the_other(tmp_path):
    (tmp_path / "here").mkdir()
    image = Image.new("RGB", (8, 8))
    for index in range(4):
        image.save(tmp_path / "here" / f"{index}.png")
    flags = ["-m", "experiments.train", "r1", "--placement", "gspmd", "--steps", "2"]
    flags += ["--batch-size", "2", "--out", str(tmp_path / "run")]
    with together(2, 1, flags, ["here", "nowhere"], tmp_path) as workers:
        texts = list(map(output, workers))
    assert [worker.returncode for worker in workers] == [2, 2], texts
    assert "process 1 refused the run" in texts[0]
    assert "no such folder" in texts[1]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_that_process_0_refuses_ends_them_all(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("precious")
    flags = ["--dataset.name", "ring", "--model.width", "8", "--placement", "gspmd"]
    command = ["-m", "experiments.train", "r1", *flags, "--out", str(tmp_path / "run")]
    with together(2, 1, command) as workers:
        texts = list(map(output, workers))
    assert [worker.returncode for worker in workers] == [2, 2]
    assert "exists and is not empty" in texts[0]
    assert "process 0 refused the run" in texts[1]
    assert os.listdir(tmp_path / "run") == ["mine.txt"]
