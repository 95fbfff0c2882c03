"""Diagnosis of runs: what is measured, the rules, and the page."""

import json
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser

import jax
import numpy as np
import pytest
from planted_numbers import HEALTHY
from undrawn import without_pictures

from gan_jax import Config, train
from gan_jax.assembly.assemble import build
from gan_jax.commands import diagnose as diagnose_command
from gan_jax.config import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    LossConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.diagnostics.report import advise, diagnose, html_page, to_json_value
from gan_jax.diagnostics.report.cards import INSTRUMENT_CARDS, OUTCOME_CARDS
from gan_jax.diagnostics.report.diagnosed_run import (
    iterate_paths,
    load_diagnosed_run,
    next_batch,
    paths_by_depth,
)
from gan_jax.diagnostics.report.measure import SECTIONS, measure_or_skip
from gan_jax.diagnostics.report.measure_game import optimizer_reach
from gan_jax.logs.row_files import read_rows
from gan_jax.logs.sample_plots import PICTURE_SEED
from gan_jax.sampling import sample

FAST = OptimizerConfig("sgd", learning_rate=0.05)
RUN = Config(
    steps=40,
    batch_size=8,
    dataset=DatasetConfig("ring", size=64),
    model=ModelConfig("mlp", width=4, z_dim=2),
    loss=LossConfig("minimax"),
    penalty=PenaltyConfig("r1", 1.0),
    g_optimizer=FAST,
    d_optimizer=FAST,
    log=LogConfig(every=2, layers=True),
    checkpoint=CheckpointConfig(every=20, keep=3),
    metrics=MetricsConfig(every=20),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "ring"
    with without_pictures():
        train(RUN, folder)
    return folder


@pytest.fixture(scope="module")
def numbers(run):
    """A diagnosis with a made-up spectrum: the real one takes long to compile."""
    found = diagnose(run, count=None)
    assert found["game"] == {"skipped": "left out with --no-spectrum"}
    return found | {"game": GAME}


GAME = {
    "parameters": 40,
    "adaptive": True,
    "dynamics": "consensus",
    "rate": 0.05,
    "d_rate": 0.1,
    "last_rate": 0.001,
    "last_d_rate": 0.002,
    "exact": False,
    "eigenvalues": {"leading": [[-1.5, 0.2], [-1.5, -0.2]], "growing": [[0.05, 0.0]]},
    "largest_real_part": 0.05,
    "overshoot": 1.5,
    "reach": 2.0,
    "leading_imaginary_ratio": 0.13,
    "leading_magnitude": 1.51,
    "rotation_index": 0.4,
    "curvature": {
        "generator": {"smallest": -1.0, "largest": 2.0, "verdict": "saddle"},
        "discriminator": {"skipped": "not converged"},
    },
}


ALL = OUTCOME_CARDS + INSTRUMENT_CARDS


def test_every_section_of_a_zero_sum_toy_run_is_measured(numbers):
    names = [card.section for card in ALL]
    assert {name for name in names if "skipped" in numbers[name]} == set()
    json.dumps(to_json_value(numbers), allow_nan=False)


def test_numbers_agree_with_the_log_and_with_each_other(run, numbers):
    rows = read_rows(run / "metrics.jsonl")
    course = numbers["course"]
    assert course["steps"] == [row["step"] for row in rows]
    for player in ("generator", "discriminator"):
        for path, values in course[f"{player}_grad_norm"].items():
            column = [row[f"{player[0]}_grad_norm/{path}"] for row in rows]
            np.testing.assert_array_equal(values, column)
    assert (numbers["step"], numbers["path"]["from"]) == (40, 0)
    losses = numbers["losses"]
    assert losses["steps"] == course["steps"]
    for name in ("d_loss", "g_loss", "real_logits", "fake_logits"):
        assert losses[name] == [row[name] for row in rows]
    gap = numbers["overfitting"]["gap"]
    logits = numbers["overfitting"]["logits"]
    assert (len(logits["training"]), len(logits["held_out"])) == (64, 1000)
    difference = np.mean(logits["training"]) - np.mean(logits["held_out"])
    assert gap["gap"] == pytest.approx(difference)


def test_samples_are_those_of_the_runs_picture_and_no_part_of_the_json(run, numbers):
    case, shown = load_diagnosed_run(run, 0), numbers["samples"]
    key = jax.random.key(PICTURE_SEED)
    fakes = sample(case.gan, case.state, key, 64)
    np.testing.assert_allclose(shown["fake"], fakes, rtol=1e-5, atol=1e-6)
    distance = np.linalg.norm(shown["real"], axis=1)
    assert len(distance) == 64 and np.abs(distance - 1).max() < 0.2
    assert to_json_value(shown) == {"count": 64}


@pytest.mark.slow
def test_the_game_of_a_run_is_that_of_its_own_learning_rate(run):
    game = diagnose(run)["game"]
    values = np.array([complex(*v) for v in game["eigenvalues"]["leading"]])
    assert game["exact"] and len(values) == game["parameters"] and game["rate"] == 0.05
    assert game["largest_real_part"] == pytest.approx(values.real.max())
    assert game["overshoot"] == pytest.approx(-values.real.min())
    assert game["step_radius"] == pytest.approx(np.abs(1 + values).max(), abs=1e-6)
    assert {b["verdict"] for b in game["curvature"].values()} <= {"saddle", "minimum"}


def test_layers_are_in_the_order_of_a_pass():
    g, d = paths_by_depth(
        build(replace(RUN, dataset=DatasetConfig("digits"), model=DCGAN))
    )
    assert g[0].startswith("Dense_0") and g[-1].startswith("ConvTranspose")
    assert d[0].startswith("Conv_0") and d[-1].startswith("Dense_0")
    assert list(iterate_paths({"b": {"x": 0, "a": 1}, "a": 2})) == ["b/x", "b/a", "a"]


DCGAN = ModelConfig("dcgan", width=2, z_dim=2)


class Outline(HTMLParser):
    """Tags still open, ids, and what attributes refer to."""

    VOID = {"meta", "img", "br"}

    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.links, self.wrong = [], [], [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [v for k, v in found.items() if k in ("src", "href")]
        self.stack += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(tag)


def outline(text):
    found = Outline()
    found.feed(text)
    assert not found.stack and not found.wrong
    return found


def test_page_is_well_formed_and_needs_nothing_else(numbers):
    text = html_page(numbers)
    found = outline(text)
    assert len(set(found.ids)) == len(found.ids)
    assert {"verdict", "quality", *(card.anchor for card in ALL)} == set(found.ids)
    assert len(found.links) == len(ALL)
    assert all(link.startswith("data:image/png;base64,") for link in found.links)
    bare = re.sub(r'"data:[^"]*"', "", text)
    assert not re.search(r"https?:|//|@import|url\(|<script", bare)


def test_page_escapes_what_a_run_is_called(numbers):
    text = html_page(numbers | GONE | {"run": "<b>&", "label": {"seed": "<i>"}})
    outline(text)
    assert "<b>&" not in text and "&lt;b&gt;&amp;" in text and "<i>" not in text


GONE = {card.section: {"skipped": "the state is not finite"} for card in ALL}


def test_page_of_a_state_that_is_not_finite_says_so(numbers):
    text = html_page(numbers | GONE | {"finite": False})
    assert "not finite" in text and not outline(text).links


def test_quality_of_the_final_state_is_that_of_the_log(run, numbers):
    last = read_rows(run / "metrics.jsonl")[-1]
    own = numbers["quality"]
    for name in ("diversity", "sample_distance", "sample_modes", "sample_precision"):
        assert own[name] == pytest.approx(last[name], rel=1e-5)
    assert own["mode_count"] == 8


@pytest.mark.parametrize(
    "optimizer, limit",
    [
        (OptimizerConfig("sgd"), 2.0),
        (OptimizerConfig("momentum", momentum=0.5), 3.0),
        (OptimizerConfig("momentum", momentum=-0.5), 1.0),
        (OptimizerConfig("adam", b1=0.5), 6.0),
        (OptimizerConfig("rmsprop"), 2.0),
    ],
)
def test_reach_is_where_iterates_of_a_parabola_begin_to_grow(optimizer, limit):
    """Brute force on `w' = w + step`, the gradient c w, second moments held at 1."""

    def last(c):
        w, m, peak = 1.0, 0.0, 0.0
        beta = optimizer.b1 if optimizer.name == "adam" else 0.0
        share = 1 - beta
        if optimizer.name == "momentum":
            beta, share = optimizer.momentum, 1.0
        for step in range(4000):
            m = beta * m + share * c * w
            w -= m
            peak = max(peak, abs(w)) if step > 3900 else peak
        return peak

    assert optimizer_reach(optimizer, "alternating") == pytest.approx(limit)
    assert last(0.99 * limit) < 1e-3 and last(1.01 * limit) > 1e3


@pytest.mark.parametrize("name, limit", [("optimistic", 2 / 3), ("extragradient", 1)])
def test_reach_of_a_rule_is_where_its_iterates_begin_to_grow(name, limit):
    def last(c):
        """|w| after `w' = w - 2 c w + c w_before`, or `w' = w - c (w - c w)`."""
        w = before = 1.0
        for _ in range(4000):
            ahead = 2 * w - before if name == "optimistic" else w - c * w
            w, before = w - c * ahead, w
        return abs(w)

    assert optimizer_reach(OptimizerConfig("sgd"), name) == pytest.approx(limit)
    assert last(0.99 * limit) < 1e-3 and last(1.01 * limit) > 1e3


@pytest.mark.parametrize("flag, count", [("--spectrum", 10), ("--no-spectrum", None)])
def test_script_writes_both_files_and_prints_the_verdict(
    flag, count, numbers, tmp_path, monkeypatch, capsys
):
    asked = {}

    def measured(run, **options):
        asked.update(options, run=run)
        return numbers | GONE | {"game": HEALTHY["game"] | GAME}

    monkeypatch.setattr(diagnose_command, "diagnose", measured)
    assert diagnose_command.main([str(tmp_path), flag]) == 0
    assert (asked["run"], asked["index"], asked["count"]) == (str(tmp_path), 0, count)
    printed = capsys.readouterr().out
    assert printed.startswith("ring, minimax + r1") and "diagnosis.html" in printed
    outline((tmp_path / "diagnosis.html").read_text())
    stored = json.loads((tmp_path / "diagnosis.json").read_text())
    assert stored["step"] == 40 and stored["game"]["reach"] == 2
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "flags, words",
    [
        (["nowhere"], "holds no config.json"),
        (["RUN", "--index", "1"], "index 1: the run has 1 GAN"),
        (["RUN", "--count", "0"], "count 0: must be 1 to 100"),
    ],
)
def test_wrong_input_gets_one_line_and_leaves_nothing(flags, words, run, capsys):
    before = sorted(run.parent.rglob("*"))
    place = {"RUN": str(run), "nowhere": str(run.parent / "nowhere")}
    assert diagnose_command.main([place.get(flag, flag) for flag in flags]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and words in told
    assert sorted(run.parent.rglob("*")) == before


PROBED = {
    "overfitting": {"logit_gap", "logit_gap_deviations"},
    "rotation": {"rotation_index"},
    "duality": {"duality_gap"},
}


@pytest.mark.parametrize(
    "name, columns",
    [
        pytest.param(k, v, id=k, marks=() if k == "overfitting" else pytest.mark.slow)
        for k, v in PROBED.items()
    ],
)
def test_probe_is_logged_at_its_steps(name, columns, tmp_path):
    names = (name,)
    metrics = MetricsConfig(every=2, names=names, n=32)
    config = replace(RUN, steps=4, metrics=metrics, log=LogConfig(every=1))
    train(config, tmp_path / "run")
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    for row in rows:
        assert (columns <= row.keys()) == (row["step"] % 2 == 0)
    assert all(np.isfinite(rows[-1][name]) for name in columns)


@pytest.mark.parametrize(
    "name, config, words",
    [
        ("duality", replace(RUN, loss=LossConfig()), "duality: .*zero-sum"),
        ("overfitting", replace(RUN, dataset=DatasetConfig("digits")), "no held-out"),
        ("rotaton", RUN, "metrics.names 'rotaton'.*rotation"),
    ],
)
def test_probes_that_cannot_be_are_refused_before_training(
    name, config, words, tmp_path
):
    config = replace(config, metrics=MetricsConfig(names=(name,)))
    with pytest.raises(ValueError, match=words):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_one_of_several_convolutional_gans_is_diagnosed(index, tmp_path):
    adam = OptimizerConfig()
    config = replace(
        RUN,
        steps=4,
        seeds=2,
        dataset=DatasetConfig("digits"),
        model=DCGAN,
        loss=LossConfig(),
        g_optimizer=adam,
        d_optimizer=adam,
    )
    train(config, tmp_path / "run")
    found = diagnose(tmp_path / "run", index=index, count=3)
    assert found["label"] == {"seed": index}
    left_out = {k for k, v in found.items() if isinstance(v, dict) and "skipped" in v}
    assert left_out == {"overfitting", "duality"}
    outline(html_page(found))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        ModelConfig("mlp", width=4, z_dim=2, pack=2),
        ModelConfig("mlp", width=4, z_dim=2, d_minibatch="stddev"),
    ],
    ids=["pack", "stddev"],
)
def test_players_that_see_several_examples_at_once_are_diagnosed(model, tmp_path):
    config = replace(RUN, model=model, penalty=PenaltyConfig())
    probes = MetricsConfig(every=20, names=("overfitting", "duality"), n=30)
    train(replace(config, metrics=probes), tmp_path / "run")
    found = diagnose(tmp_path / "run", count=None)
    left_out = {k for k, v in found.items() if isinstance(v, dict) and "skipped" in v}
    assert left_out == {"game"}
    judged = {k: len(v) for k, v in found["overfitting"]["logits"].items()}
    assert judged == {"training": 64 // model.pack, "held_out": 1000 // model.pack}
    batch, _ = next_batch(load_diagnosed_run(tmp_path / "run", 0))
    seen = np.asarray(batch.image, float).reshape(8 // model.pack, -1)
    deviation = np.sqrt(seen.var(axis=0).sum())
    assert found["critic"]["deviation"] == pytest.approx(deviation)


@pytest.mark.slow
def test_a_run_that_diverged_is_told_of_and_its_last_finite_state_shown(tmp_path):
    config = replace(
        RUN,
        loss=LossConfig("wasserstein"),
        penalty=PenaltyConfig(),
        d_optimizer=replace(FAST, learning_rate=1e18),
    )
    train(config, tmp_path / "run")
    found = diagnose(tmp_path / "run")
    assert found["verdict"] == "diverged"
    assert advise(found)[0]["name"] == "diverged"
    outline(html_page(found))


@pytest.mark.parametrize("scale", [1e8, 1e16])
def test_what_overflows_in_a_finite_state_is_no_error(run, scale):
    """D's squared gradients overflow at 1e8, its logits at 1e16."""
    diagnosed = load_diagnosed_run(run, 0)
    critic = diagnosed.state.discriminator
    huge = critic.replace(params=jax.tree.map(lambda x: scale * x, critic.params))
    state = diagnosed.state.replace(discriminator=huge)
    diagnosed = diagnosed._replace(state=state)
    found = {
        name: to_json_value(measure_or_skip(partial(SECTIONS[name], diagnosed)))
        for name in ("critic", "overfitting", "motion")
    }
    assert not [name for name, numbers in found.items() if "skipped" in numbers]
    slopes, logits = found["critic"]["quantiles"]["real"], found["overfitting"]["gap"]
    assert None in (slopes if scale == 1e8 else logits).values()
    # The first step overflows, so that no two updates follow each other.
    assert found["motion"]["cosines"]["generator"] == []
