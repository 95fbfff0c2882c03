"""Signs of trouble and verdicts, from rows alone."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from gan_jax import METHODS, Config, train
from gan_jax.commands.train import EXIT_CODES, main
from gan_jax.config import (
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
)
from gan_jax.logs.row_files import read_rows
from gan_jax.metrics import diversity, effective_number
from gan_jax.run_files.health import (
    TROUBLE_SIGNS,
    discriminator_wins,
    find_trouble,
    first_non_finite_term,
)
from gan_jax.run_files.sample_checks import has_collapsed

CALM = {
    "real_logits": 0.1,
    "fake_logits": -0.1,
    "d_loss": 1.3,
    "d_grad_norm": 0.5,
    "g_loss": 0.7,
    "g_grad_norm": 0.2,
    "real_accuracy": 0.6,
    "fake_accuracy": 0.6,
}


def find_signs(rows):
    """All signs found while a log grows row by row, in order."""
    known = []
    for count in range(1, len(rows) + 1):
        known += find_trouble(rows[:count], set(known))
    return known


def log(count, **changed):
    """Rows of a calm run, with some metrics as functions of the row's index."""
    return [
        CALM | {name: value(i) for name, value in changed.items()} for i in range(count)
    ]


def after(index, late, early):
    return lambda i: late if i >= index else early


WON = {"real_accuracy": after(300, 1.0, 0.6), "fake_accuracy": after(300, 0.9, 0.6)}
TROUBLE = {
    "vanishing_g_gradient": WON | {"g_grad_norm": after(300, 1.9e-4, 0.2)},
    "vanishing_d_gradient": WON | {"d_grad_norm": after(300, 4.9e-4, 0.5)},
    "exploding_g_gradient": {"g_grad_norm": after(300, 20.1, 0.2)},
    "exploding_d_gradient": {"d_grad_norm": after(300, 50.1, 0.5)},
    "saturated_discriminator": {
        "real_accuracy": lambda i: 1.0,
        "fake_accuracy": lambda i: 1.0,
    },
    "logit_blow_up": {"real_logits": after(300, -1001.0, 0.1)},
    "oscillation": {"fake_logits": lambda i: 0.2 * math.sin(i / 3)},
    "uneven_g_gradients": {
        "g_grad_norm/Dense_0/kernel": after(300, 0.9e-5, 0.2),
        "g_grad_norm/Dense_1/kernel": lambda i: 0.1,
    },
    "uneven_d_gradients": {
        "d_grad_norm/Conv_0/kernel": lambda i: 0.1,
        "d_grad_norm/Dense_0/kernel": after(300, 1.1e3, 0.2),
    },
}
FINE = {
    "layers a thousand times apart": {
        "g_grad_norm/Dense_0/kernel": lambda i: 1e-4,
        "g_grad_norm/Dense_1/kernel": lambda i: 0.1,
    },
    "small biases": {
        "g_grad_norm/Dense_0/bias": lambda i: 1e-9,
        "g_grad_norm/Dense_0/kernel": lambda i: 0.1,
        "g_grad_norm/Dense_1/kernel": lambda i: 0.1,
    },
    "layers that all rest": {
        "d_grad_norm/Dense_0/kernel": lambda i: 0.0,
        "d_grad_norm/Dense_1/kernel": lambda i: 1e-9,
    },
    "G's gradient vanishes at the solution": {"g_grad_norm": after(300, 1e-9, 0.2)},
    "single spikes": {"g_grad_norm": lambda i: 900.0 if i % 10 == 5 else 0.2},
    "growth under 1": {"g_grad_norm": after(300, 0.99, 1e-6)},
    "one bad batch in fifty": {
        "real_accuracy": lambda i: 1.0,
        "fake_accuracy": lambda i: 0.98 if i % 50 == 7 else 1.0,
    },
    "logits that drift": {"fake_logits": lambda i: i / 100},
    "logits that drift together far away": {
        "real_logits": lambda i: 10.0 * i,
        "fake_logits": lambda i: 10.0 * i - 1,
        "d_loss": lambda i: -1.0,
    },
    "a least-squares loss of logits of 50": {
        "real_logits": lambda i: 50.0,
        "fake_logits": lambda i: 50.0,
        "d_loss": lambda i: (49.0**2 + 50.0**2) / 2,
    },
    "a gradient that comes back": {
        "g_grad_norm": lambda i: 1e-6 if 0 < i < 400 else 5.0,
        "d_grad_norm": lambda i: 1e-6 if 0 < i < 400 else 5.0,
    },
    "growth of a hundredfold": {"d_grad_norm": after(300, 49.9, 0.5)},
    "logits 999 apart": {"real_logits": after(300, 998.9, 0.1)},
    "a D that wins with a gradient a hundredth of the usual": WON
    | {"g_grad_norm": after(300, 2.1e-4, 0.2)},
    "a short spell of each trouble": {
        "g_grad_norm": lambda i: 1e5 if 301 <= i < 309 else 0.2,
        "real_logits": lambda i: 5e3 if 301 <= i < 309 else 0.1,
        "fake_accuracy": lambda i: 1.0 if 301 <= i < 340 else 0.6,
        "real_accuracy": lambda i: 1.0 if 301 <= i < 340 else 0.6,
    },
    "a swing of a hundredth": {"fake_logits": lambda i: 0.01 * math.sin(i / 3)},
}


def test_every_rule_has_a_case():
    assert TROUBLE.keys() == TROUBLE_SIGNS.keys()


@pytest.mark.parametrize("sign", TROUBLE)
def test_trouble_is_told_once(sign):
    assert find_signs(log(600, **TROUBLE[sign])) == [sign]


@pytest.mark.parametrize("case", FINE)
def test_what_looks_like_trouble_is_not_told(case):
    assert find_signs(log(600, **FINE[case])) == []


def test_a_gradient_that_vanished_at_once_is_told_although_small_ones_prevail():
    """Half of the rows before any window are already as small."""
    early = WON | {"g_grad_norm": after(2, 1e-5, 0.2)}
    assert find_signs(log(600, **early)) == ["vanishing_g_gradient"]


def test_logits_that_drift_together_under_cross_entropy_are_told():
    """D's loss on fakes is their logit there."""
    drift = {name: lambda i: 10.0 * i for name in ("real_logits", "fake_logits")}
    assert find_signs(log(600, d_loss=lambda i: 10.0 * i, **drift)) == ["logit_blow_up"]


def test_noise_is_no_oscillation():
    noise = np.random.default_rng(0).normal(size=4000)
    assert find_signs(log(4000, fake_logits=lambda i: noise[i])) == []


def test_first_fault_is_the_first_the_step_computes():
    row = {"g_loss": math.inf, "step": 3, "d_penalty": math.nan, "finite": False}
    assert first_non_finite_term(row) == "d_penalty"
    assert first_non_finite_term(row | {"fake_logits": -math.inf}) == "fake_logits"
    assert first_non_finite_term(CALM) is None


def measured(values, steps=2000):
    every = steps // len(values)
    return [
        CALM | {"step": (i + 1) * every, "diversity": value}
        for i, value in enumerate(values)
    ]


def test_collapse_is_the_whole_last_quarter_under_a_fifth():
    assert has_collapsed(measured([1.0] * 9 + [0.19] * 3))
    assert not has_collapsed(measured([0.1] * 9 + [0.19, 0.21, 0.19]))
    assert not has_collapsed(measured([0.1] * 8))  # two in the last quarter
    assert not has_collapsed(measured([math.nan] * 12))  # data of a single point


def test_effective_number_counts_distant_points():
    corners = np.eye(5) * 100
    assert effective_number(np.repeat(corners, 7, axis=0), 1.0) == pytest.approx(5)
    two = np.array([[0.0], [1.0]])  # 4 / (2 + 2 k^2), k = exp(-1/2)
    assert effective_number(two, 1.0) == pytest.approx(4 / (2 + 2 * math.exp(-1)))


def test_diversity_is_the_share_of_the_modes():
    ring = np.exp(2j * np.pi * np.arange(256) / 8)
    points = np.stack([ring.real, ring.imag], axis=1)
    assert diversity(points, points) == pytest.approx(1)
    one = np.repeat(points[:1], 256, axis=0)
    # Neighbours at 2 sin(pi / 8), a bandwidth of 2 sin(pi / 4) / 5: k^2 = exp(-7.3).
    neighbours = 2 * math.exp(-((2 * math.sin(math.pi / 8) / (0.2 * 2**0.5)) ** 2))
    assert diversity(points, one) == pytest.approx((1 + neighbours) / 8, rel=1e-5)
    assert math.isnan(diversity(one, points))


SHORT = Config(
    steps=80,
    batch_size=8,
    dataset=DatasetConfig("ring"),
    model=ModelConfig("mlp", width=8, z_dim=4),
    metrics=MetricsConfig(every=5),
    log=LogConfig(every=5),
)


@pytest.mark.usefixtures("undrawn")
def test_generator_of_a_single_point_ends_collapsed(tmp_path, capsys):
    """Its weights are 0.01 of the usual and do not move: 1 of 8 modes."""
    flags = ["--dataset.name", "ring", "--model.name", "mlp", "--model.width", "8"]
    flags += ["--model.init-scale", "0.01", "--g-optimizer.learning-rate", "0"]
    flags += ["--steps", "80", "--batch-size", "8", "--metrics.every", "5"]
    run = tmp_path / "run"
    code = main(["ns_gan", *flags, "--out", str(run)])
    assert code == EXIT_CODES["collapsed"] == 3
    rows = read_rows(run / "metrics.jsonl")
    values = [row["diversity"] for row in rows if "diversity" in row]
    assert len(values) == 16 and max(values) < 0.15
    assert json.loads((run / "summary.json").read_text())["verdict"] == "collapsed"


@pytest.mark.usefixtures("undrawn")
def test_run_that_learns_nothing_says_so_and_does_not_advise_what_it_uses(
    tmp_path, capsys
):
    """The generator keeps its first weights: no mode of the ring is hit."""
    flags = ["--dataset.name", "ring", "--model.name", "mlp", "--model.width", "8"]
    flags += ["--g-optimizer.learning-rate", "0", "--batch-size", "8"]
    flags += ["--penalty.weight", "10"]
    run = tmp_path / "run"
    code = main(
        ["r1", *flags, "--steps", "80", "--metrics.every", "40", f"--out={run}"]
    )
    printed = capsys.readouterr().out
    assert code == EXIT_CODES["not_learned"] == 4
    why, tries = (
        next(line for line in printed.splitlines() if line.startswith(word))
        for word in ("why ", "try ")
    )
    assert "no sample lies on a mode" in why or "of the samples lie on a mode" in why
    assert "--penalty.weight 0.1" in tries and "--penalty.name" not in tries
    summary = json.loads((run / "summary.json").read_text())
    assert summary["verdict"] == "not_learned" and summary["samples"]["step"] == 80
    row = read_rows(run / "metrics.jsonl")[-1]
    assert row["sample_precision"] < 0.01 and row["sample_distance"] > 0.5


@pytest.mark.usefixtures("undrawn")
def test_each_of_several_gans_has_its_verdict_and_its_signs(tmp_path):
    fixed = OptimizerConfig("sgd", 0.0)
    model = replace(SHORT.model, init_scale=0.01)
    sweep = replace(SHORT.sweep, d_lr=(1.0, 1e30))
    config = replace(
        SHORT, model=model, g_optimizer=fixed, d_optimizer=OptimizerConfig("sgd", 0.01)
    )
    _, summary = train(replace(config, sweep=sweep), tmp_path / "run")
    assert summary["members"] == {"collapsed": 1, "diverged": 1}
    assert summary["verdict"] == "collapsed"
    members = read_rows(tmp_path / "run" / "members.jsonl")
    assert "fault" not in members[0]
    assert members[1]["fault"]["step"] == members[1]["step"] < 80


@pytest.mark.slow
def test_dirac_gan_without_a_penalty_is_told_to_oscillate_and_with_r1_is_not(tmp_path):
    """Mescheder 2018, 1801.04406: the plain game cycles, R1 damps it."""
    signs = {}
    for name in ("ns_gan", "r1"):
        method = METHODS[name]
        rate = OptimizerConfig("sgd", 0.1)
        config = replace(
            method,
            steps=980,  # of as many dispatches of one length
            batch_size=4,
            dataset=DatasetConfig("dirac"),
            model=ModelConfig("mlp", width=8, z_dim=4),
            penalty=replace(method.penalty, weight=1.0),
            g_optimizer=rate,
            d_optimizer=rate,
            log=LogConfig(every=1),
            metrics=MetricsConfig(0),
            steps_per_call=70,  # no window of 200 rows ends with a dispatch
        )
        train(config, tmp_path / name)
        events = read_rows(tmp_path / name / "events.jsonl")
        signs[name] = [event["sign"] for event in events]
    # Late in its swings D may be right about everything for 50 rows, so a run without a
    # penalty may be told of that too: two of the seeds 0 to 2 were, at step 900.
    assert "oscillation" in signs["ns_gan"]
    assert signs["r1"] == []


def test_d_wins_only_if_it_is_right_about_nine_of_ten_of_both_kinds_together():
    recent = {"real_accuracy": np.ones(5), "fake_accuracy": np.full(5, 0.7)}
    assert not discriminator_wins(recent)
    assert discriminator_wins(recent | {"fake_accuracy": np.full(5, 0.9)})
