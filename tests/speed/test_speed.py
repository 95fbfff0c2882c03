"""The machinery of `benchmarks.speed`; nothing here asks how fast anything is."""

import json
from dataclasses import replace

import pytest

from benchmarks.speed import contenders
from benchmarks.speed.contenders import CASES, VARIANTS, case_config
from benchmarks.speed.figures import draw_part
from benchmarks.speed.interleave import Timing, time_in_turn
from benchmarks.speed.measure import (
    PARTS,
    Flags,
    compare_penalties,
    main,
    paired_ratio,
    time_comparison,
)
from benchmarks.speed.table import COLUMNS, SpeedRow, row_cells
from gan_jax import build
from gan_jax.penalties import PENALTIES


def timing(*rounds, **others):
    return Timing(rounds[0], min(rounds), max(rounds), rounds, **others)


def test_a_ratio_is_the_median_of_those_within_rounds():
    """A round that was slow for both says what a quiet one says."""
    one, other = timing(2.0, 20.0, 3.0), timing(1.0, 10.0, 3.0)
    assert paired_ratio(one, other) == (2.0, 1.0, 2.0)
    assert paired_ratio(one, Timing(fault="none")) is None


@pytest.mark.slow
def test_contenders_are_timed_in_turn_and_faults_told():
    makes = {
        "product": (contenders.product_contender, (8,)),
        "broken": (contenders.case_config, ("no such case", "none")),
    }
    found = time_in_turn(makes, rounds=2, seconds=0.0)
    assert list(found) == ["product", "broken"]
    assert found["product"].unit == 1
    assert found["product"].flops == 2 * 8**3
    assert len(found["product"].rounds) == 2 and found["product"].seconds > 0
    fault = found["broken"].fault
    assert fault is not None and fault.startswith("KeyError") and "no such" in fault


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_case_and_variant_builds_at_one_d_step(case, variant):
    config = case_config(case, variant)
    gan = build(config)
    assert config.d_steps == 1
    assert len(gan.penalties) == (variant in ("r1", "wgan_gp"))
    assert config.model.d_spectral == (variant == "spectral")
    assert case_config(case, variant, 8).batch_size == 8


def test_every_penalty_is_held_against_the_plain_step():
    found = list(compare_penalties(Flags()))
    assert {one.variant for one in found} == PENALTIES.keys() - {"none"}
    for one in found:
        assert list(one.makes) == ["plain", "gan_jax"] and one.against == "plain"
        (config,) = one.makes["gan_jax"][1]
        build(config)


def dies_in_its_second_turn():
    turns = []

    def turn(units):
        turns.append(units)
        if len(turns) == 3:  # the first two are its first steps
            raise ValueError("late")

    return contenders.Contender(turn, 1, 1)


@pytest.mark.slow
def test_one_that_fails_late_drops_out_and_the_others_go_on():
    makes = {
        "product": (contenders.product_contender, (8,)),
        "late": (dies_in_its_second_turn, ()),
    }
    found = time_in_turn(makes, rounds=3, seconds=0.0)
    assert len(found["product"].rounds) == 3
    assert found["late"].fault == "ValueError: late"


def test_parts_name_what_ratios_are_of():
    for part in PARTS.values():
        for rivals in ((), ("eager",), ("compile",)):
            for one in part(Flags(rivals=rivals)):
                assert (
                    one.against in one.makes and one.makes.keys() == one.batches.keys()
                )


@pytest.mark.parametrize("part", PARTS)
def test_figures_are_drawn_after_the_first_and_the_last_comparison(part, tmp_path):
    timing = Timing(0.1, 0.1, 0.1, (0.1,), flops=10**9, planned=10**6)
    ratio = (1.0, 1.0, 1.0)
    comparisons = [
        [
            SpeedRow(
                part, one.case, one.variant, name, size, timing, ratio, one.against, 0.5
            )
            for name, size in one.batches.items()
        ]
        for one in PARTS[part](Flags(rivals=("eager",)))
    ]
    for rows in (comparisons[0], sum(comparisons, [])):
        draw_part(part, rows, tmp_path)
        picture = tmp_path / f"{part}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()


def test_a_fault_takes_the_place_of_the_figures():
    row = SpeedRow(
        "models", "ring", "r1", "PyTorch compile", 8, Timing(fault="no"), None, "", None
    )
    assert row_cells(row)[:5] == ["ring", "r1", "PyTorch compile", "8", "no"]
    assert len(row_cells(row)) == len(COLUMNS)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cases", "rings"], "cases 'rings': must be of ring, digits"),
        (["--variants", "r2"], "variants 'r2': must be of none"),
        (["--rounds", "0"], "rounds 0: must be at least 1"),
    ],
)
def test_bad_flags_are_refused_in_a_line(flags, words, tmp_path, capsys):
    assert main([*flags, "--out", str(tmp_path / "x")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.oracle("torch")
@pytest.mark.slow
def test_command_writes_table_numbers_and_figure(tmp_path):
    arguments = "models --cases ring --variants r1 --rivals eager --rounds 2"
    assert main([*arguments.split(), "--seconds", "0.01", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert [row["contender"] for row in rows] == ["gan_jax", "PyTorch eager"]
    assert rows[0]["timing"]["flops"] == rows[1]["timing"]["flops"] > 0
    assert rows[1]["ratio"] == [1.0, 1.0, 1.0]
    assert all(0 < row["utilization"] for row in rows)
    assert (tmp_path / "models.png").read_bytes().startswith(b"\x89PNG")
    table = (tmp_path / "speed.md").read_text()
    assert "| ring | r1 | gan_jax | 256 |" in table


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_fastest_settings_of_torch_make_the_same_step(precision):
    """Channels last change the layout of memory alone."""
    import torch

    config = contenders.penalty_config("wgan_gp")
    config = replace(config, batch_size=4, precision=precision)
    config = replace(config, model=replace(config.model, width=8))
    found = []
    for tuned in (False, True):
        torch.manual_seed(0)
        step = contenders.make_torch_step(config, "cpu", tuned=tuned)
        found.append({name: float(value) for name, value in step().items()})
    rounding = {"float32": 1e-5, "bf16": 0.02}[precision]
    assert found[0] == pytest.approx(found[1], rel=rounding)


@pytest.mark.slow
def test_without_torch_gan_jax_is_timed_alone(monkeypatch):
    monkeypatch.setattr("benchmarks.speed.measure.has_torch", lambda: False)
    flags = Flags(cases=("ring",), variants=("none",), rounds=1, seconds=0.0)
    (one,) = PARTS["models"](flags)
    (row,) = time_comparison(one, flags)
    assert row.against == "gan_jax" and row.ratio == (1.0, 1.0, 1.0)
    assert row.utilization and row.timing.planned
    assert row.timing.grown is not None
