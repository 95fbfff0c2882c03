"""A diagnosis reports its progress, stops on Ctrl-C, and ends in the time allowed."""

import itertools
import time

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.commands import diagnose as diagnose_command
from gan_jax.diagnostics import spectrum, vector_game
from gan_jax.diagnostics.report.measure_game import find_eigenvalues, limit_time
from gan_jax.diagnostics.report.tables import note_on_count
from gan_jax.terminal import screens

SIZE, ENDS = 1200, [-100.0, -80.0, -60.0, 50.0, 40.0, 30.0, 20.0]
VALUES = np.concatenate([ENDS, np.linspace(-1, 1, SIZE - len(ENDS))])
"""Eigenvalues of a game that is too large for a dense matrix."""


@pytest.fixture
def game():
    return vector_game(lambda w: jnp.float32(VALUES) * w, jnp.zeros(SIZE), 600)


def after(products):
    """A clock that has run out after so many looks at it."""
    looks = itertools.count(1)
    return lambda: next(looks) > products


def test_eigenvalues_that_were_found_in_time_stay(game):
    whole = find_eigenvalues(game, 3)[0]
    assert {"leading", "growing"} <= set(whole)
    first = spectrum(game, count=3, which="LM")
    some, products, exact = find_eigenvalues(limit_time(game, after(first.products)), 3)
    assert (set(some), products, exact) == ({"leading"}, first.products, False)
    np.testing.assert_allclose(some["leading"], [-100, -80, -60], rtol=1e-3)


def test_a_spectrum_without_any_in_time_says_so(game):
    with pytest.raises(ValueError, match="in the minutes allowed"):
        find_eigenvalues(limit_time(game, lambda: True), 3)


def test_the_page_says_that_some_are_missing():
    own = {"exact": False, "parameters": 5, "minutes": 0.5}
    words = "ended after 0.5 minutes; some may be missing"
    assert words in note_on_count(own | {"stopped": True})
    assert words not in note_on_count(own | {"stopped": False})


def test_minutes_that_cannot_be_are_one_line(tmp_path, capsys):
    assert diagnose_command.main([str(tmp_path), "--minutes", "0"]) == 2
    assert capsys.readouterr().err == "error: minutes 0.0: must be over 0\n"


def test_ctrl_c_is_one_line_and_leaves_no_file(tmp_path, monkeypatch, capsys):
    def interrupted(run, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnose_command, "diagnose", interrupted)
    assert diagnose_command.main([str(tmp_path)]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not any(tmp_path.iterdir())


def test_every_section_is_told_where_there_is_no_terminal(
    tmp_path, monkeypatch, capsys
):
    def measured(run, *, tell, **options):
        for section in ("layers", "game"):
            tell(section)
            time.sleep(0.2)
        raise ValueError("enough")

    monkeypatch.setattr(diagnose_command, "diagnose", measured)
    monkeypatch.setattr(screens, "PATIENCE", 0.0)
    monkeypatch.setattr(screens, "TICK", 0.01)
    assert diagnose_command.main([str(tmp_path), "--out", str(tmp_path / "page")]) == 2
    told = capsys.readouterr().err.splitlines()
    told = [line for line in told if line != "opening the run"]
    assert told == ["measuring the layers", "measuring the game", "error: enough"]
    assert not any(tmp_path.iterdir())
