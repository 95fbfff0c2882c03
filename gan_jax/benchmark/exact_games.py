"""The Dirac-GAN played exactly, in float64 and at several learning rates."""

import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.assembly.assemble import build
from gan_jax.assembly.choices import choose_rule
from gan_jax.benchmark.outcome import finite_number_or_none
from gan_jax.config import Config
from gan_jax.data import DATASETS
from gan_jax.diagnostics import phase
from gan_jax.gan import init_state

SERIES_STEPS = 25
"""Steps between two points of a series."""
VERDICT_OUTCOMES = {
    "converges": "converged",
    "cycles": "oscillating",
    "diverges": "exploded",
}
"""The outcome that each verdict of `phase.verdict` stands for."""


class GameResult(NamedTuple):
    """A game at one learning rate.

    distance: `[steps + 1]`, to the solution. factor: by which one step contracts the
    distance near the solution.
    """

    rate: float
    distance: np.ndarray
    factor: float
    verdict: str


def play_at_rates(config: Config, rates: tuple[float, ...]) -> list[GameResult]:
    """Play the game from (1, -1) with SGD, or another optimizer, at each rate.

    The Config has rate 1. The rates are multipliers in the state that are traced, so
    that all games are one program.
    """
    period = choose_rule(config.dynamics).period
    with jax.enable_x64(True):
        gan = build(config)
        state = init_state(gan, jax.random.key(config.seed))
        data = DATASETS[config.dataset.name](config.dataset)
        batch = data.get(np.zeros((config.d_steps, config.batch_size), int))

        def play_at_scale(scale: jax.Array) -> tuple[jax.Array, jax.Array]:
            own = state.scales | {"g_lr": scale, "d_lr": scale}
            slower = state.replace(scales=own)  # pyright: ignore
            points = phase.trajectory(gan, slower, batch, config.steps)
            return points, phase.step_matrix(gan, slower, batch, period=period)

        found = jax.jit(jax.vmap(play_at_scale))(jnp.array(rates))
        points, matrices = map(np.asarray, found)
    distances = np.linalg.norm(points, axis=2)
    return list(map(partial(judge_game, period), rates, distances, matrices))


def judge_game(
    period: int, rate: float, distance: np.ndarray, matrix: np.ndarray
) -> GameResult:
    """Return the result of a game from its distances and the Jacobian of its period."""
    factor = np.nan
    if np.isfinite(matrix).all():
        factor = phase.spectral_radius(matrix) ** (1 / period)
    became = phase.verdict(distance, factor) if np.isfinite(factor) else "diverges"
    return GameResult(rate, distance, factor, became)


def play_cell(config: Config, rates: tuple[float, ...]) -> list[dict[str, Any]]:
    """Play a cell and return its part of a row for each rate."""
    started = time.perf_counter()
    plays = play_at_rates(config, rates)
    seconds = (time.perf_counter() - started) / len(plays)
    return [make_game_row(one, config.steps, seconds) for one in plays]


def make_game_row(one: GameResult, steps: int, seconds: float) -> dict[str, Any]:
    """Return the part of a row that a game decides."""
    finite = bool(np.isfinite(one.distance).all())
    outcome = VERDICT_OUTCOMES[one.verdict] if finite else "nonfinite"
    at = [*range(SERIES_STEPS, steps + 1, SERIES_STEPS)] or [steps]
    last = {
        "distance": finite_number_or_none(one.distance[-1]),
        "spectral_radius": finite_number_or_none(one.factor),
    }
    best = last | {"distance": float(np.nanmin(one.distance))}
    success = outcome == "converged"
    return {
        "axes": {"h": one.rate},
        "seed": 0,
        "verdict": one.verdict,
        "outcome": outcome,
        "success": success,
        "success_step": at[-1] if success else None,
        "series": {
            "step": at,
            "distance": [finite_number_or_none(one.distance[step]) for step in at],
        },
        "final": last,
        "best": best,
        "gradients": {"max_g_grad_norm": None, "max_d_grad_norm": None},
        "wall_seconds": seconds,
        "step_seconds": seconds / steps,
        "fingerprint": {"game": "dirac", "dtype": "float64", "start": [1.0, -1.0]},
    }
