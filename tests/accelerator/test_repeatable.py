"""The accelerator's stages *repeatable*, whose processes are faked, and *precision*."""

from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from benchmarks.accelerator import precision, repeatable
from benchmarks.accelerator.cases import make_start
from benchmarks.accelerator.stage import Settings
from gan_jax.config.serialization import from_file

CACHES = ("GAN_JAX_CACHE", "JAX_COMPILATION_CACHE_DIR")


def state_of(number):
    """A state whose parameters are this number."""
    player = SimpleNamespace(params=np.full(3, number, np.float32))
    return SimpleNamespace(generator=player, discriminator=player)


def test_each_part_of_a_run_is_a_process_with_empty_caches(monkeypatch):
    """The config's file is all that the folder of the caches holds."""
    calls, folders = [], set()

    def record(command, env, **options):
        *start, train, _, file, _, out = command[1:8]
        assert [*start, train] == ["-m", "gan_jax", "train"]
        calls.append((Path(out).name, from_file(Path(file)).steps, command[8:]))
        assert {env[name] for name in CACHES} == {str(Path(file).parent)}
        assert list(Path(file).parent.iterdir()) == [Path(file)]
        folders.add(Path(file).parent)
        return CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(repeatable.subprocess, "run", record)
    monkeypatch.setattr(repeatable, "load_run", lambda _: (None, state_of(1.0), None))
    found = repeatable.compare_runs(repeatable.make_config(True, True))
    assert found["passed"] and found["again"]["equal"] and found["resumed"]["equal"]
    assert calls == [("a", 4, []), ("b", 4, []), ("c", 2, []), ("c", 4, ["--resume"])]
    assert len(folders) == 4


@pytest.mark.parametrize("other", ["b", "c"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_only_deterministic_runs_have_to_be_equal(monkeypatch, deterministic, other):
    bit = 2.0**-23

    def load(folder):
        return None, state_of(1 + bit if folder.name == other else 1.0), None

    monkeypatch.setattr(repeatable, "train_alone", lambda *_: None)
    monkeypatch.setattr(repeatable, "load_run", load)
    found = repeatable.compare_runs(repeatable.make_config(True, deterministic))
    assert found["passed"] == (not deterministic)
    part = "again" if other == "b" else "resumed"
    assert not found[part]["equal"] and found[part]["most"] == bit


def test_a_run_that_fails_is_told_with_its_last_words(monkeypatch, tmp_path):
    def fail(command, **options):
        return CompletedProcess(command, 2, "", "first\nsteps 0: must be above 0\n")

    monkeypatch.setattr(repeatable.subprocess, "run", fail)
    with pytest.raises(RuntimeError, match="exit code 2: steps 0: must be above 0"):
        repeatable.train_alone(repeatable.make_config(True, True), tmp_path / "a")


@pytest.mark.parametrize("tiny", [False, True])
def test_only_the_tiny_stage_leaves_out_the_runs_of_the_default(tiny, tmp_path):
    pieces = repeatable.find_pieces(Settings(tiny, 60.0, tmp_path))
    names = ["deterministic", *["default"] * (not tiny), "cost"]
    assert [piece.name for piece in pieces] == names


def test_a_finite_difference_is_among_the_steps_of_each_precision():
    """Its weight is that of R1's gamma, 10: gamma = 2 lambda sigma^2."""
    (game,) = [game for game in precision.GAMES if game.variant == "ar1"]
    assert game.case.startswith("dcgan")
    penalty = precision.game_config(game).penalty
    assert penalty.name == "ar1" and penalty.sigma is not None
    np.testing.assert_allclose(2 * penalty.weight * penalty.sigma**2, 10.0)


def test_a_finite_difference_has_a_large_part_of_the_gradient_of_its_step():
    """So an error in it shows. R1's gradient, of equal mean, is of the same size."""
    games = [precision.Game("ring", name, 256) for name in ("none", "r1", "ar1")]
    cpu = jax.devices("cpu")[0]
    start = make_start(precision.game_config(games[0]), cpu)
    plain, r1, ar1 = (
        precision.find_gradients(precision.game_config(game), start, cpu)["D"]
        for game in games
    )
    size = np.linalg.norm(ar1 - plain)
    assert 0.5 < size / np.linalg.norm(r1 - plain) < 2
    assert size > np.linalg.norm(plain)
