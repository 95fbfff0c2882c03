"""Measurements of the game around a run's final state: does play settle there?

The operator is that of the run: players with different learning rates, and Adam's or
RMSprop's division by the root of the second moments, are scales of its rows.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gan_jax.config import OptimizerConfig
from gan_jax.diagnostics import (
    Game,
    Players,
    alternating_limit,
    alternating_values,
    balanced,
    curvature,
    flat,
    gan_game,
    imaginary_ratio,
    largest_real_part,
    params_of,
    path_angle,
    rotation_index,
    simultaneous_limit,
    spectrum,
    step_radius,
)
from gan_jax.diagnostics.report.diagnosed_run import (
    DiagnosedRun,
    count_parameters,
    next_batch,
)
from gan_jax.diagnostics.spectrum import EXACT
from gan_jax.dynamics import DYNAMICS, as_rule
from gan_jax.evaluate.gan_metrics import (
    last_learning_rates,
    parameter_scales,
    peak_learning_rates,
    second_moment_decay,
)
from gan_jax.gan import with_params
from gan_jax.types import Array

FEW, RESTARTS = 4, 6
"""The number of eigenvalues by real and by imaginary part, and restarts for them."""
CURVATURE_RESTARTS = 20
MINUTES = 10.0
"""For how long eigenvalues are looked for by default."""
AFFORDABLE = 50_000
"""The number of parameters up to which the alternating step has its own eigenvalues."""


def measure_game(
    run: DiagnosedRun, *, count: int | None, minutes: float = MINUTES
) -> dict[str, Any]:
    """Return eigenvalues times the learning rate, and what they say; see docs.

    The learning rates are the highest of the schedules: at the end of a decay any game
    looks stable. Eigenvalues that are not found after `minutes` are left out. Raises
    ValueError for a count of None, and where a learning rate is 0.
    """
    rate = peak_learning_rates(run.config, run.state)
    if count is None:
        raise ValueError("left out with --no-spectrum")
    if not min(rate) > 0:
        raise ValueError("a learning rate is 0, so nobody moves")
    batch, keys = next_batch(run)
    plain = gan_game(run.gan, run.state, batch, keys)
    game = balanced(plain, parameter_scales(run.config, run.state, rate))
    is_late = make_deadline(time.monotonic() + 60 * minutes)
    timed, timed_plain = limit_time(game, is_late), limit_time(plain, is_late)
    values, products, exact = find_eigenvalues(timed, count)
    numbers = {
        **describe_game(run, rate),
        "products": products,
        "exact": exact,
        "eigenvalues": {
            kind: to_pairs(own * rate.generator) for kind, own in values.items()
        },
        **summarize_eigenvalues(values, rate.generator),
        **measure_alternating(run, timed, rate.generator),
        "rotation_index": rotation_index(game, jax.random.key(0)),
        "plain_rotation_index": rotation_index(plain, jax.random.key(0)),
        "field_norm": float(np.linalg.norm(plain.field(plain.point))),
        "curvature": {
            player: measure_curvature(timed_plain, player)
            for player in ("generator", "discriminator")
        },
    }
    return numbers | {"minutes": minutes, "stopped": is_late()}


def describe_game(run: DiagnosedRun, rate: Players) -> dict[str, Any]:
    """Return the game's size, learning rates, rule of play and optimizers' reach."""
    last = last_learning_rates(run.config, run.state)
    dynamics = run.config.dynamics.name
    optimizers = run.config.g_optimizer, run.config.d_optimizer
    return {
        "parameters": count_parameters(run),
        "rate": rate.generator,
        "d_rate": rate.discriminator,
        "last_rate": last.generator,
        "last_d_rate": last.discriminator,
        "adaptive": any(second_moment_decay(group) is not None for group in optimizers),
        "dynamics": dynamics,
        "reach": min(optimizer_reach(group, dynamics) for group in optimizers),
    }


def make_deadline(end: float) -> Callable[[], bool]:
    """Return a function that says whether a moment of `time.monotonic` has passed."""
    return lambda: time.monotonic() > end


def limit_time(game: Game, is_late: Callable[[], bool]) -> Game:
    """Return the game with products that raise ValueError once it is late."""

    def limit(product: Callable[..., Array]) -> Callable[..., Array]:
        def product_in_time(*vectors: Array) -> Array:
            if is_late():
                raise ValueError("not found in the minutes allowed; allow more minutes")
            return product(*vectors)

        return product_in_time

    return game._replace(jvp=limit(game.jvp), vjp=limit(game.vjp))


def optimizer_reach(group: OptimizerConfig, dynamics: str) -> float:
    """Return the -h l of a real eigenvalue l up to which the optimizer contracts.

    2 for SGD and RMSprop; 2 (1 + m) with momentum m; 2 (1 + b1) / (1 - b1) for Adam
    (Cohen et al. 2022, arXiv 2207.14484); a third of that for optimistic Adam, which is
    exact for b1 = 0. The rule of play multiplies it by the rule's own reach.
    """
    adam = 2 * (1 + group.b1) / (1 - group.b1)
    reaches = {
        "momentum": 2 * (1 + group.momentum),
        "adam": adam,
        "optimistic_adam": adam / 3,
    }
    return reaches.get(group.name, 2.0) * as_rule(DYNAMICS[dynamics]).reach


def find_eigenvalues(game: Game, count: int) -> tuple[dict[str, np.ndarray], int, bool]:
    """Return the eigenvalues by kind, the number of products, and whether they are all.

    The kinds are "leading" by magnitude, "growing" by real and "turning" by imaginary
    part. A kind that does not converge in time is left out.
    """
    first = spectrum(game, count=count, which="LM", restarts=5 * RESTARTS)
    if first.exact:
        return {"leading": first.values}, first.products, True
    values, products = {"leading": first.values}, first.products
    for kind, which in (("growing", "LR"), ("turning", "LI")):
        try:
            more = spectrum(game, count=FEW, which=which, restarts=RESTARTS)
        except ValueError:  # Not converged, or no time is left.
            continue
        products += more.products
        keep = more.values if which == "LR" else more.values[np.imag(more.values) != 0]
        if len(keep):
            values[kind] = keep
    return values, products, False


def to_pairs(values: np.ndarray) -> list[list[float]]:
    """Return complex numbers as pairs of real and imaginary part."""
    return [[float(v.real), float(v.imag)] for v in values]


def summarize_eigenvalues(
    values: dict[str, np.ndarray], rate: float
) -> dict[str, float]:
    """Return what eigenvalues say of simultaneous steps of a learning rate.

    "decaying" eigenvalues have a negative real part: the rate up to which they contract
    says when steps overshoot, where the strict limit is 0 as soon as one mode grows.
    """
    whole = np.concatenate(list(values.values()))
    decaying = whole[np.real(whole) < 0]
    leading = values["leading"]
    return {
        "largest_real_part": rate * largest_real_part(whole),
        "imaginary_ratio": imaginary_ratio(whole, 1e-3),
        "leading_imaginary_ratio": imaginary_ratio(leading[:2], 1e-3),
        "leading_magnitude": rate * float(np.abs(leading[0])),
        "overshoot": rate * float(np.max(-np.real(decaying), initial=0.0)),
        "step_radius": step_radius(whole, rate),
        "simultaneous_limit": simultaneous_limit(whole),
        "decaying_limit": simultaneous_limit(decaying),
    }


def measure_alternating(run: DiagnosedRun, game: Game, rate: float) -> dict[str, Any]:
    """Return what eigenvalues say of alternating steps of a learning rate.

    Empty where the run does not play so, with one D step, or where the game is large.
    """
    size = game.point.size
    play = run.config.dynamics.name, run.config.d_steps
    if play != ("alternating", 1) or size > AFFORDABLE:
        return {}
    try:
        # Who moves first is no matter: A B and B A have the same eigenvalues.
        values = alternating_values(game, rate, count=FEW, restarts=RESTARTS)
    except ValueError:  # Not converged, or no time is left.
        return {}
    numbers: dict[str, Any] = {"alternating_radius": step_radius(values, rate)}
    if size <= EXACT:
        numbers["alternating_limit"] = alternating_limit(game)
    return numbers


def measure_curvature(game: Game, player: str) -> dict[str, Any]:
    """Return the player's curvature, or `{"skipped": why}`."""
    try:
        return curvature(game, player, restarts=CURVATURE_RESTARTS)._asdict()
    except ValueError as error:
        return {"skipped": str(error)}


def measure_path(run: DiagnosedRun) -> dict[str, Any]:
    """Return the field on the line from the start to the final state."""
    first, last = int(run.start.step), int(run.state.step)
    if first == last:
        raise ValueError("the run has only its first state")
    batch, keys = next_batch(run)
    start = with_params(run.state, params_of(run.start))
    end = flat(params_of(run.state))
    angle = path_angle(gan_game(run.gan, start, batch, keys), end)
    series = {name: values.tolist() for name, values in angle._asdict().items()}
    return {"from": first, "to": last, **series}
