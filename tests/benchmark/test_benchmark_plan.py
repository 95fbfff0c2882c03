"""Plans: which runs they ask for, what those are judged by, what is shared."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.benchmark.costs import count_gradient_evaluations, estimate_seconds
from gan_jax.benchmark.exact_games import play_at_rates
from gan_jax.benchmark.metric_info import METRIC_INFO
from gan_jax.benchmark.outcome import meets_goal, resolve_goal
from gan_jax.benchmark.plan import (
    PlanRequest,
    add_floors,
    cell_config,
    make_plan,
    plan_hash,
)
from gan_jax.benchmark.reference_scores import measure_floors, measure_noise
from gan_jax.benchmark.suites import SUITES, make_config
from gan_jax.benchmark.suites.spec import evaluation_intervals
from gan_jax.config import DatasetConfig, DynamicsConfig
from gan_jax.data import DATASETS, TOYS
from gan_jax.dynamics import DYNAMICS
from gan_jax.evaluate.metric_registry import toy_modes
from gan_jax.gan import init_state
from gan_jax.methods import METHODS
from gan_jax.parallel.execution import members_of


def toy_plan(**request):
    request = {"methods": ("ns_gan", "r1"), "tasks": ("ring",), "seeds": 2} | request
    return make_plan(PlanRequest("toy", **request))


def toy_config(method, task="ring", **point):
    return make_config(
        SUITES["toy"], SUITES["toy"].tasks[task], method, point, 10_000, 3
    )


def by_cost(names):
    """The first name; the others marked as slow."""
    first, *others = names
    return [first, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]


def test_a_plan_has_a_cell_for_each_task_method_and_point_of_the_axes():
    plan = make_plan(PlanRequest("stress_b1", ("r1", "lsgan"), ("grid",), seeds=3))
    ids = [f"grid--{m}--b1={b}" for m in ("r1", "lsgan") for b in (0.0, 0.5, 0.9)]
    assert [cell["id"] for cell in plan["cells"]] == ids
    assert plan["axes"] == {"b1": [0.0, 0.5, 0.9]}
    config = cell_config(plan["cells"][5])
    assert (config.g_optimizer.b1, config.d_optimizer.b1, config.seeds) == (0.9, 0.9, 3)
    assert config.loss.name == "lsgan" and plan["cells"][5]["members"] == 3


def test_the_stability_map_is_one_program_for_each_method():
    plan = make_plan(PlanRequest("map", ("r1",), ("digits",), seeds=2))
    (cell,) = plan["cells"]
    assert cell["members"] == 2 * 5 * 5
    factors = [0.04, 0.2, 1.0, 5.0, 25.0]
    assert plan["axes"] == {"g_lr": factors, "d_lr": factors}


def test_a_round_has_some_seeds_of_every_cell():
    plan = make_plan(PlanRequest("map", ("r1", "ns_gan"), ("digits",), seeds=5))
    rounds = ("0-1", "2-3", "4-4")
    names = [f"digits--{m}--seeds={r}" for r in rounds for m in ("r1", "ns_gan")]
    assert [cell["id"] for cell in plan["cells"]] == names
    assert [cell["members"] for cell in plan["cells"]] == [50, 50, 50, 50, 25, 25]
    seeds = [
        member["seed"]
        for cell in plan["cells"]
        if cell["method"] == "r1"
        for member in members_of(cell_config(cell))
    ]
    assert sorted(seeds) == [seed for seed in range(5) for _ in range(25)]
    (whole,) = make_plan(PlanRequest("map", ("r1",), ("digits",), seeds=2))["cells"]
    assert whole["id"] == "digits--r1"


def test_a_pilot_shares_no_seed_with_what_is_reported():
    pilot = make_plan(PlanRequest("map_pilot", tasks=("digits",), seeds=3))
    seeds = {m["seed"] for c in pilot["cells"] for m in members_of(cell_config(c))}
    assert seeds == {1000, 1001, 1002}
    others = [suite for name, suite in SUITES.items() if name != "map_pilot"]
    assert {suite.first_seed for suite in others} == {0}
    most = PlanRequest("map", ("r1",), ("digits",), seeds=1000)
    assert cell_config(make_plan(most)["cells"][-1]).seed == 998  # and 999
    with pytest.raises(ValueError, match="seeds 1001: must be 1000 or fewer"):
        make_plan(replace(most, seeds=1001))


@pytest.mark.parametrize(("suite", "seeds"), [("toy", 10), ("map", 4), ("pairing", 16)])
def test_a_suite_has_its_own_number_of_seeds(suite, seeds):
    plan = make_plan(PlanRequest(suite, ("r1",), tuple(SUITES[suite].tasks)[:1]))
    assert plan["seeds"] == seeds


@pytest.mark.parametrize(
    ("suite", "task"),
    [
        ("map", "mixture_16d"),
        ("map_penalty", "mixture_16d"),
        ("map_rules", "mixture_16d"),
        ("quick", "wider_ring"),
    ],
)
def test_all_methods_of_a_map_play_by_one_setting(suite, task):
    """They differ in the game and its penalties alone, and packs in their number."""
    plan = make_plan(PlanRequest(suite, tasks=(task,), seeds=2))
    configs = [cell_config(cell) for cell in plan["cells"]]
    assert len(configs) == len(plan["methods"]) * len(
        next((v for k, v in plan["axes"].items() if k not in ("g_lr", "d_lr")), [0])
    )
    first = configs[0]
    for config in configs:
        assert config.g_optimizer == config.d_optimizer == first.g_optimizer
        assert config.batch_size == 64 * config.model.pack
        fields = "steps", "d_steps", "ema", "sweep", "metrics", "dataset", "seeds"
        assert all(getattr(config, f) == getattr(first, f) for f in fields)
        assert config.model.width == first.model.width


def test_maps_as_published_keep_betas_and_updates_and_share_the_rates():
    plan = make_plan(PlanRequest("map_published", tasks=("wide_ring",), seeds=2))
    configs = {c["method"]: cell_config(c) for c in plan["cells"]}
    found = {
        name: (config.d_steps, config.d_optimizer.b1, config.d_optimizer.b2)
        for name, config in configs.items()
    }
    assert found == {
        "ns_gan": (1, 0.5, 0.999),  # Radford et al. 2016
        "wgan_gp": (5, 0.0, 0.9),  # Gulrajani et al. 2017, algorithm 1
        "r1": (1, 0.0, 0.99),  # Mescheder et al. 2018 (the code has RMSprop)
        "r3gan": (1, 0.0, 0.99),  # Huang et al. 2024 (there b2 rises from .9 to .99)
        "sn_gan": (5, 0.0, 0.9),  # Miyato et al. 2018, the released config
    }
    for config in configs.values():
        assert config.g_optimizer == config.d_optimizer
        assert config.d_optimizer.learning_rate == 1e-3 and config.batch_size == 64
        assert config.sweep == cell_config(plan["cells"][0]).sweep


def test_a_task_may_have_a_cost_of_its_own():
    suite = SUITES["map"]
    points, digits = suite.tasks["wide_ring"], suite.tasks["digits"]
    request = PlanRequest("map", ("ns_gan",), ("wide_ring", "digits"), seeds=2)
    cells = make_plan(request)["cells"]
    assert points.cost is None and digits.cost is not None
    for cell, cost in zip(cells, (suite.cost, digits.cost), strict=True):
        each = 5_000 * 2 * cost.update + 10 * cost.evaluation
        assert estimate_seconds(cell, suite) == pytest.approx(10 + 50 * each)


def test_rules_and_weights_of_maps_are_axes():
    plan = make_plan(PlanRequest("map_rules", tasks=("wide_ring",), seeds=2))
    rules = {cell_config(cell).dynamics.name for cell in plan["cells"]}
    assert rules == set(DYNAMICS) - {"competitive"}
    plan = make_plan(PlanRequest("map_penalty", ("r1",), ("wide_ring",), seeds=2))
    found = [cell_config(cell).penalty for cell in plan["cells"]]
    assert [one.weight for one in found] == [1e-3, 1e-2, 0.1, 1.0, 10.0]
    assert {one.weight_end for one in found} == {None}


def test_all_methods_are_those_that_can_make_points():
    plan = toy_plan(methods=("all",), steps=40)
    found = set(plan["methods"])
    assert {"ns_gan", "wgan_gp", "r3gan", "pacgan2", "consensus", "r1_weak"} <= found
    # Convolutions, a sigmoid, changes of images: nothing for points.
    assert not found & {"conv_7x7", "dense_conv", "dcgan64_gp", "mlp_sgd", "ada"}


def test_adam_methods_share_the_faster_players_rate_and_keep_their_ratio():
    ttur, sga = toy_config("ttur"), toy_config("sga")
    rates = ttur.g_optimizer.learning_rate, ttur.d_optimizer.learning_rate
    np.testing.assert_allclose(rates, (0.25e-3, 1e-3))
    assert ttur.g_optimizer.schedule == ttur.d_optimizer.schedule == "linear"
    assert (ttur.g_optimizer.b1, ttur.g_optimizer.b2) == (0.0, 0.9)  # its own
    assert sga.g_optimizer == replace(METHODS["sga"].g_optimizer, schedule="linear")


def test_d_judges_as_many_packs_as_others_judge_points():
    assert toy_config("pacgan3").batch_size == 3 * toy_config("ns_gan").batch_size


@pytest.mark.parametrize("steps", [7, 300, 1000, 10_000, 400_000])
def test_a_run_is_evaluated_about_20_times_and_at_its_end(steps):
    every, row = evaluation_intervals(steps, 20)
    assert every % row == 0 and steps % every == 0
    assert min(steps, 20) <= steps // every <= 30


@pytest.mark.parametrize("name", SUITES)
def test_every_run_of_a_suite_is_evaluated_at_its_end(name):
    suite = SUITES[name]
    every, row = evaluation_intervals(suite.steps, suite.evaluations)
    assert every % row == 0 and suite.steps % every == 0


def test_the_seed_alone_decides_on_data_and_first_parameters():
    """Equal networks begin alike under every method; a pack changes D's first layer."""
    keys = [jax.random.key(3)] * 4
    names = ("ns_gan", "r1", "extra_adam", "pacgan2")
    states = [
        init_state(build(toy_config(name)), key)
        for name, key in zip(names, keys, strict=True)
    ]
    plain = states[0]
    for state in states[1:]:
        assert jax.random.key_data(state.key).tolist() == (
            jax.random.key_data(plain.key).tolist()
        )
        jax.tree.map(
            np.testing.assert_array_equal,
            state.generator.params,
            plain.generator.params,
        )
    for state in states[1:3]:
        jax.tree.map(
            np.testing.assert_array_equal,
            state.discriminator.params,
            plain.discriminator.params,
        )


@pytest.mark.parametrize(
    "method, updates",
    [
        ("ns_gan", 2),
        ("wgan_gp", 6),
        ("extra_adam", 4),
        ("unrolled", 7),
        ("consensus", 4),
        ("sga", 6),
        ("lookahead", 2),
    ],
)
def test_gradients_are_counted_for_both_players(method, updates):
    assert count_gradient_evaluations(METHODS[method], 100) == 100 * updates


def test_the_hash_is_of_the_work_and_not_of_what_was_measured():
    one = toy_plan()
    measured = {"ring": {"sliced_wasserstein": 0.02}}
    assert plan_hash(add_floors(one, measured)) == one["hash"]
    assert plan_hash(json.loads(json.dumps(one))) == one["hash"]
    assert toy_plan(seeds=3)["hash"] != one["hash"] != toy_plan(steps=5)["hash"]


@pytest.mark.parametrize("name", by_cost(SUITES["toy"].tasks))
def test_real_points_reach_the_goal_of_every_toy(name, monkeypatch):
    monkeypatch.setattr("gan_jax.benchmark.reference_scores.FLOOR_DRAWS", 2)
    task = SUITES["toy"].tasks[name]
    found = measure_floors(task)
    assert meets_goal(found, resolve_goal(task.goal, found))


MAP_TASKS = SUITES["map_pilot"].tasks | SUITES["quick"].tasks


@pytest.mark.parametrize("name", by_cost(MAP_TASKS))
def test_real_data_reach_the_goal_of_every_map_and_noise_does_not(name, monkeypatch):
    monkeypatch.setattr("gan_jax.benchmark.reference_scores.FLOOR_DRAWS", 2)
    task = MAP_TASKS[name]
    found = measure_floors(task)
    goal = resolve_goal(task.goal, found)
    assert meets_goal(found, goal)
    assert not meets_goal(measure_noise(task), goal)


def test_noise_has_the_datas_spread_and_none_of_its_modes():
    """Of the ring, x and y with deviation sqrt(1/2): 8 pi 9 sigma^2 hold few points."""
    found = measure_noise(SUITES["toy"].tasks["ring"])
    assert found["robust_modes"] == 0 and found["high_quality"] < 0.01
    assert 0.05 < found["sliced_wasserstein"] < 0.5


def test_the_rare_mode_of_the_imbalanced_ring_is_a_hundredth():
    config = DatasetConfig("imbalanced_ring")
    label = np.asarray(DATASETS[config.name](config).get(np.arange(70_000)).label)
    counts = np.bincount(label)
    shares = np.array([0.01] + 7 * [0.99 / 7])
    deviation = np.sqrt(70_000 * shares * (1 - shares))
    assert (np.abs(counts - 70_000 * shares) < 4.5 * deviation).all()


def test_modes_of_the_imbalanced_ring_are_weighed_by_their_shares():
    mixture = TOYS["imbalanced_ring"](DatasetConfig("imbalanced_ring"))
    points = mixture.centres[np.arange(7000) % 700]
    found = toy_modes(points, mixture)
    assert (found["modes"], found["robust_modes"]) == (8, 8)
    assert found["reverse_kl"] < 1e-6
    few = toy_modes(points[mixture.mode_of[np.arange(7000) % 700] > 0], mixture)
    assert (few["modes"], few["robust_modes"]) == (7, 7)


def test_the_dirac_gan_ends_where_the_published_notebook_ends():
    """Simultaneous minimax at 0.2: 3.09695 after 500 steps (Mescheder et al. 2018)."""
    suite = SUITES["dirac"]
    config = make_config(suite, suite.tasks["simultaneous"], "minimax", {}, 500, 1)
    slow, fast = play_at_rates(config, (0.1, 0.2))
    np.testing.assert_allclose(fast.distance[-1], 3.09695, rtol=1e-5)
    np.testing.assert_allclose(fast.factor, np.sqrt(1 + 0.1**2), atol=1e-8)
    np.testing.assert_allclose(slow.factor, np.sqrt(1 + 0.05**2), atol=1e-8)
    assert fast.verdict == "diverges"


@pytest.mark.slow
def test_a_rule_with_a_rate_of_its_own_gets_it_at_each_rate():
    """Competitive descent on the bilinear game contracts by 1 / sqrt(1 + h^2)."""
    suite = SUITES["dirac"]
    config = make_config(suite, suite.tasks["competitive"], "wasserstein", {}, 20, 1)
    assert config.dynamics == DynamicsConfig("competitive")
    for rate, found in zip((0.2, 0.5), play_at_rates(config, (0.2, 0.5)), strict=True):
        np.testing.assert_allclose(found.factor, (1 + rate**2) ** -0.5, atol=1e-6)


def test_every_metric_of_results_has_a_title_and_a_direction():
    for suite in ("toy", "digits"):
        for task in SUITES[suite].tasks.values():
            names = {b.metric for b in (*task.goal.success, task.goal.alive)}
            assert names <= METRIC_INFO.keys()
