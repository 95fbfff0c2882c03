"""Runs of several GANs: real values, tables and curves by factor, labelled rows."""

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from gan_jax.command_line.training_end import print_swept_values
from gan_jax.config import Config, OptimizerConfig, PenaltyConfig, SweepConfig
from gan_jax.logs.grids import label_rows
from gan_jax.parallel.execution import members_of
from gan_jax.run_files import sweep_charts, sweeps
from gan_jax.run_files.history import describe_event
from gan_jax.run_files.sweep_charts import (
    CurveGroup,
    draw_panels,
    member_groups,
    running_mean,
    values_by_step,
)
from gan_jax.terminal import text_tables
from gan_jax.terminal.console import plain_console

CONFIG = Config(
    seeds=2,
    penalty=PenaltyConfig("r1", weight=10.0),
    d_optimizer=OptimizerConfig(learning_rate=2e-4),
    sweep=SweepConfig(penalty=(0.1, 1.0), d_lr=(0.5, 1.0, 3.0), g_lr=(1.0,)),
)
MEMBERS = members_of(CONFIG) or []


def rows_of(step_count, value, **last):
    """The log of a GAN whose losses are `value + step`; measured last: `last`."""
    rows = [
        {"step": step, "d_loss": value + step, "g_loss": -1.0, "finite": True}
        for step in range(1, step_count + 1)
    ]
    rows[-1] |= last
    return rows


def test_real_values_are_those_of_the_config_times_the_factors():
    """10 x 0.1 = 1, 2e-4 x 3 = 6e-4 (and not 0.0006000000000000001)."""
    assert sweeps.real_values(CONFIG, {"seed": 5, "sweep.penalty": 0.1}) == {
        "penalty.weight": 1.0
    }
    found = sweeps.real_values(CONFIG, {"seed": 5, "sweep.d_lr": 3.0})
    assert found == {"d_optimizer.learning_rate": 0.0006}


def test_every_factor_of_a_sweep_has_a_field_and_words():
    assert sweeps.SWEPT_FIELDS.keys() == vars(SweepConfig()).keys()
    assert sweeps.FIELD_WORDS.keys() == set(sweeps.SWEPT_FIELDS.values())


def test_members_and_events_are_told_with_real_values():
    label = {"seed": 1, "sweep.penalty": 1.0, "sweep.d_lr": 0.5}
    words = "seed 1, penalty weight 10, D's learning rate 0.0001"
    assert sweeps.describe_member(CONFIG, label) == words
    event = {"step": 7, "sign": "oscillation", **label}
    assert describe_event(CONFIG, event).startswith(f"step 7, {words}: oscillation")


def test_gans_are_grouped_by_each_factor_that_varies():
    groups = sweeps.members_by_value(CONFIG, MEMBERS)
    assert list(groups) == ["penalty.weight", "d_optimizer.learning_rate"]
    assert list(groups["penalty.weight"]) == [1.0, 10.0]
    rates = groups["d_optimizer.learning_rate"]
    assert list(rates) == [1e-4, 2e-4, 6e-4]
    assert sorted(sum(rates.values(), [])) == list(range(12))
    assert all(MEMBERS[i]["sweep.d_lr"] == 3.0 for i in rates[6e-4])


def test_what_is_measured_is_read_from_the_rows():
    first = {"step": 1, "d_loss": 1.0, "d_penalty": 2.0}
    rows = [first, first | {"diversity": 0.5, "quality": 0.1, "modes@500": 3}]
    assert sweeps.measured_names(rows) == ["diversity", "quality", "modes@500"]
    assert sweeps.measured_names(rows[1:]) == ["diversity", "quality", "modes@500"]


def test_sums_are_medians_and_ranges_of_the_gans_that_did_not_diverge():
    runs = [rows_of(3, 0.0, diversity=float(i), sharp=1.0) for i in range(12)]
    runs[11][-1] |= {"finite": False}
    verdicts = ["completed"] * 6 + ["not_learned"] * 5 + ["diverged"]
    metrics = sweeps.last_measurements(runs)
    assert metrics[11] == {}
    whole, light, heavy, *rates = sweeps.summarize_by_value(
        CONFIG, MEMBERS, metrics, verdicts
    )
    assert whole["metrics"]["diversity"] == {"median": 5, "least": 0, "most": 10}
    assert whole["verdicts"] == {"completed": 6, "not_learned": 5, "diverged": 1}
    assert (light["field"], light["value"]) == ("penalty.weight", 1.0)
    assert light["metrics"]["diversity"] == {"median": 2.5, "least": 0, "most": 5}
    assert heavy["verdicts"] == {"not_learned": 5, "diverged": 1}
    assert heavy["metrics"]["diversity"] == {"median": 8, "least": 6, "most": 10}
    assert [row["gans"] for row in rates] == [4, 4, 4]
    assert [row["value"] for row in rates] == [1e-4, 2e-4, 6e-4]


def test_end_of_a_sweep_shows_real_values(capsys):
    metrics = [{"diversity": 0.5}] * 12
    found = sweeps.summarize_by_value(CONFIG, MEMBERS, metrics, ["completed"] * 12)
    print_swept_values({"by_value": found})
    shown = capsys.readouterr().out
    lines = [" ".join(line.replace("│", " ").split()) for line in shown.splitlines()]
    assert "penalty weight 10 6 6 completed 0.5" in lines
    assert "D's learning rate 0.0006 4 4 completed 0.5" in lines
    assert " x " not in shown


def test_run_of_seeds_alone_needs_no_table(capsys):
    config = Config(seeds=3)
    found = sweeps.summarize_by_value(
        config, members_of(config) or [], [{}] * 3, ["a"] * 3
    )
    print_swept_values({"by_value": found})
    print_swept_values({"verdict": "completed"})
    assert capsys.readouterr().out == ""


def test_curves_of_a_sweep_have_a_color_for_each_real_value():
    runs = [rows_of(4, float(i)) for i in range(12)]
    blocks = member_groups(CONFIG, MEMBERS, runs)
    assert list(blocks) == ["penalty weight", "D's learning rate"]
    names = [[group.name for group in groups] for groups in blocks.values()]
    assert names[0] == ["penalty weight 1", "penalty weight 10"]
    assert names[1][0] == "D's learning rate 0.0001"
    assert blocks["penalty weight"][0].rows == runs[:6]


def test_seeds_have_a_color_each_until_they_are_many():
    for count, expected in ((3, ["seed 0", "seed 1", "seed 2"]), (11, ["11 GANs"])):
        config = Config(seeds=count)
        runs = [rows_of(2, 0.0)] * count
        (groups,) = member_groups(config, members_of(config) or [], runs).values()
        assert [group.name for group in groups] == expected


def drawn(groups, shades):
    figure = Figure(figsize=(16, 4), layout="constrained")
    draw_panels(figure, groups, shades)
    figure.draw_without_rendering()
    return figure


def test_panels_show_the_median_and_the_range_of_each_group():
    runs = [rows_of(5, value) for value in (0.0, 1.0, 5.0)]
    figure = drawn(
        [CurveGroup("a", runs), CurveGroup("b", [rows_of(5, 9.0)])], ["red", "blue"]
    )
    losses = next(a for a in figure.axes if a.get_title().startswith("D's loss"))
    middle, single = losses.lines
    steps = np.arange(1, 6)
    np.testing.assert_array_equal(middle.get_ydata(), 1.0 + steps)
    np.testing.assert_array_equal(single.get_ydata(), 9.0 + steps)
    (band,) = losses.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1.0, 10.0)
    assert to_rgba(middle.get_color()) == to_rgba("red")


def test_legend_lies_off_the_data():
    groups = [
        CurveGroup(f"a rather long name {i}", [rows_of(5, 1.0)]) for i in range(12)
    ]
    figure = drawn(groups, sweep_charts.distinct_colors(12))
    assert not any(axis.get_legend() for axis in figure.axes)
    box = figure.legends[0].get_window_extent()
    assert not any(box.overlaps(axis.get_window_extent()) for axis in figure.axes)
    assert len({tuple(color) for color in sweep_charts.distinct_colors(12)}) == 12


def test_gan_that_ended_early_leaves_the_others_their_steps():
    late, early = rows_of(4, 0.0), rows_of(2, 10.0)
    early[1]["d_loss"] = math.nan
    steps, values = values_by_step(CurveGroup("x", [late, early]), "d_loss")
    assert steps.tolist() == [1, 2, 3, 4]
    expected = [[1, 11], [2, math.nan], [3, math.nan], [4, math.nan]]
    np.testing.assert_array_equal(values, expected)


def test_smooth_curves_are_means_of_neighbours():
    values = np.random.default_rng(0).normal(size=200)
    reach = 200 // 40
    expected = [
        values[max(i - reach, 0) : i + reach + 1].mean() for i in range(len(values))
    ]
    np.testing.assert_allclose(running_mean(values), expected, atol=1e-12)
    np.testing.assert_array_equal(running_mean(values[:59]), values[:59])


def test_wild_value_does_not_press_the_others_flat():
    rows = rows_of(300, 0.0)
    rows[150]["d_loss"] = 1e12
    figure = drawn([CurveGroup("x", [rows])], ["red"])
    losses = next(a for a in figure.axes if a.get_title().startswith("D's loss"))
    low, high = losses.get_ylim()
    assert -200 < low <= 4 and 297 <= high < 500


def test_rows_of_images_bear_their_names(tmp_path):
    path, name = tmp_path / "a.png", "seed 0, penalty weight 10"
    Image.new("L", (90, 150), 77).save(path)
    label_rows(path, [name, name, "seed 1, penalty weight 10"])
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L")).astype(int)
    margin = pixels.shape[1] - 90
    assert pixels.shape[0] == 150 and (pixels[:, margin:] == 77).all()
    first, second, third = np.split(pixels[:, :margin], 3)
    assert (first < 100).any() and (pixels[:, :2] == 255).all()
    assert (first == second).all() and (first != third).any()


WIDE = [["name", *(f"number {i}" for i in range(12))]]
WIDE += [[f"run {j}", *(f"{i}.{j}234 (0.1 to 0.9)" for i in range(12))] for j in (0, 1)]


def shown(rows, monkeypatch, capsys, width=None):
    def console():
        made = plain_console()
        if width:
            made._force_terminal, made.width = True, width
        return made

    monkeypatch.setattr(text_tables, "plain_console", console)
    text_tables.print_table(rows)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [None, 70])
def test_wide_table_is_turned_and_its_numbers_stay_whole(width, monkeypatch, capsys):
    text = shown(WIDE, monkeypatch, capsys, width)
    assert all(cell in text for row in WIDE for cell in row)
    assert len(text.splitlines()) == 12 + 4
    assert max(map(len, text.splitlines())) <= 70


def test_table_that_fits_no_way_becomes_several(monkeypatch, capsys):
    rows = [["name", *(f"number {i}" for i in range(6))]]
    rows += [[f"run {j}", *["0.1234 (0.1 to 0.9)"] * 6] for j in range(9)]
    text = shown(rows, monkeypatch, capsys, 60)
    assert text.count("0.1234 (0.1 to 0.9)") == 54
    assert text.count("run 8") > 1 or text.count("number 5") > 1
    whole = shown(rows, monkeypatch, capsys)  # a pipe has one, whatever its width
    assert whole.count("run 8") == 1 and whole.count("number 5") == 1


def test_values_of_a_schedule_are_those_before_it():
    config = replace(CONFIG, penalty=replace(CONFIG.penalty, weight_end=0.1))
    found = sweeps.real_values(config, {"seed": 0, "sweep.penalty": 0.1})
    assert found == {"penalty.weight": 1.0}
