"""The figure of phase portraits that the command `dirac` draws."""

import pytest
from PIL import Image

from gan_jax.commands import dirac
from gan_jax.dynamics import DYNAMICS


def test_dirac_figure_that_cannot_be_written_is_told_before_the_work(capsys):
    assert dirac.main(["--out", "nowhere/dirac.png"]) == 2
    assert capsys.readouterr().err.startswith("error: out nowhere/dirac.png")


@pytest.mark.slow
def test_dirac_figure_shows_every_rule_and_the_published_distances(tmp_path, capsys):
    assert dirac.main(["--out", str(tmp_path / "dirac.png")]) == 0
    rows = {
        name: cells
        for line in capsys.readouterr().out.splitlines()
        for name, *cells in [[cell.strip() for cell in line.strip("│").split("│")]]
    }
    assert {*DYNAMICS} - {"simultaneous"} <= rows.keys()
    assert rows["minimax"][2:] == ["3.09695", "diverges"]
    distance, verdict = rows["R1, gamma 0.3"][2:]
    # The game is linear, and each of its 500 float32 steps has an error of 6e-8.
    assert float(distance) == pytest.approx(2.64266e-6, rel=500 * 6e-8)
    assert verdict == "converges"
    assert rows["WGAN-GP, lambda 0.35"][2:] == ["1.80179", "cycles"]
    with Image.open(tmp_path / "dirac.png") as figure:
        assert figure.width == 1280
