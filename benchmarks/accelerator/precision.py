"""Stage *precision*: errors of a step's gradients, and its time, at each precision."""

import statistics
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.accelerator.cases import flatten, make_call, make_start
from benchmarks.accelerator.stage import Json, Piece, Settings, Stage
from benchmarks.speed.contenders import case_config
from benchmarks.speed.interleave import alternate
from gan_jax import Batch, Config, TrainState, build
from gan_jax.benchmark.report.markdown import render_table
from gan_jax.config import PenaltyConfig
from gan_jax.precision import use_precision
from gan_jax.step import (
    batch_of_update,
    discriminator_gradient,
    generator_gradient,
    player_keys,
)

PRECISIONS = ("highest", "tf32", "float32", "bf16")
STEPS = 20
"""Steps in a timed dispatch."""
SIGMA = 0.01
"""The length of aR1's finite differences."""


class Game(NamedTuple):
    """A step whose precision is varied.

    variant: one of `benchmarks.speed.contenders`, or ar1. batch: None stands for the
    case's own.
    """

    case: str
    variant: str
    batch: int | None = None


GAMES = (
    Game("dcgan64", "r1", 256),
    Game("dcgan64", "ar1", 256),
    Game("dcgan64", "wgan_gp", 256),
    Game("ring", "r1"),
    Game("ring", "wgan_gp"),
)
TINY = (Game("ring", "r1", 16),)


def find_pieces(settings: Settings) -> list[Piece]:
    """Return a piece for each game."""
    games = TINY if settings.tiny else GAMES
    rounds = 2 if settings.tiny else 9
    return [
        Piece(f"{game.case} {game.variant}", partial(compare_precisions, game, rounds))
        for game in games
    ]


def game_config(game: Game) -> Config:
    """Return the Config of a game.

    That of aR1 is R1's. Its weight `gamma / (2 sigma^2)` makes it act as R1's gamma, so
    it has as large a part of D's gradient. The table shows by it whether a finite
    difference keeps true float32 where the rest of the step does not.
    """
    if game.variant != "ar1":
        return case_config(game.case, game.variant, game.batch)
    config = case_config(game.case, "r1", game.batch)
    weight = config.penalty.weight / (2 * SIGMA**2)
    return replace(config, penalty=PenaltyConfig("ar1", weight=weight, sigma=SIGMA))


def compare_precisions(game: Game, rounds: int) -> Json:
    """Return the errors of both gradients and the time of a step at each precision.

    An error is the relative distance from the gradient that the CPU computes at the
    precision `highest`, at the same state, batch and draws. Float64 would draw other
    random numbers; the error of `highest` itself shows what float32 leaves open.
    """
    base = game_config(game)
    configs = {name: replace(base, precision=name) for name in PRECISIONS}
    cpu, device = jax.devices("cpu")[0], jax.devices()[0]
    start = make_start(base, cpu)
    exact = find_gradients(configs["highest"], start, cpu)
    found: Json = {}
    for name, config in configs.items():
        ours = find_gradients(config, start, device)
        found[name] = {
            player: relative_distance(ours[player], exact[player]) for player in exact
        }
    calls = {
        name: make_call(replace(config, steps_per_call=STEPS), STEPS)
        for name, config in configs.items()
    }
    for name, seconds in alternate(calls, rounds).items():
        found[name] |= {
            "ms": 1e3 * statistics.median(seconds) / STEPS,
            "least": 1e3 * min(seconds) / STEPS,
            "most": 1e3 * max(seconds) / STEPS,
        }
    return {"precisions": found, "batch": base.batch_size, "rounds": rounds}


def find_gradients(
    config: Config, start: tuple[TrainState, Batch], device: Any
) -> dict[str, np.ndarray]:
    """Return the gradient of each player's objective at the first state."""
    gan = build(config)

    def both(state: TrainState, batch: Batch) -> dict[str, Any]:
        d_key, g_key = player_keys(state)
        one = batch_of_update(batch, 0)
        with use_precision(gan.precision):
            return {
                "D": discriminator_gradient(gan, state, one, d_key)[0].params,
                "G": generator_gradient(gan, state, one, g_key)[0].params,
            }

    found = jax.jit(both)(*jax.device_put(start, device))
    return {player: flatten(tree) for player, tree in jax.device_get(found).items()}


def relative_distance(one: np.ndarray, exact: np.ndarray) -> float:
    """Return `|one - exact| / |exact|`."""
    return float(np.linalg.norm(one - exact) / np.linalg.norm(exact))


def render(found: dict[str, Json]) -> str:
    """Return a table of errors and times."""
    heads = ("step", "batch", "precision", "error of D", "error of G", "ms per step")
    rows = [
        [
            piece,
            str(result["batch"]),
            name,
            f"{one['D']:.1e}",
            f"{one['G']:.1e}",
            f"{one['ms']:.4g} [{one['least']:.4g}, {one['most']:.4g}]",
        ]
        for piece, result in found.items()
        for name, one in result["precisions"].items()
    ]
    return (
        "Relative errors of the gradients against the CPU at `highest`, and times: "
        f"median [least, most] of rounds of {STEPS} steps.\n\n"
        + render_table(heads, rows)
    )


STAGE = Stage(
    "Errors of the gradients and the time of a step at each precision.",
    2.0,
    find_pieces,
    render,
)
