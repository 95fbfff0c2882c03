"""The game around a run's final state: eigenvalues, stable rates, rotation, curvature.

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
from gan_jax.diagnostics.report.case import Case, one_batch, size_of
from gan_jax.diagnostics.spectrum import EXACT
from gan_jax.dynamics import DYNAMICS, as_rule
from gan_jax.evaluate.gan_metrics import (
    DEFAULT_B2,
    last_learning_rates,
    parameter_scales,
    peak_learning_rates,
)
from gan_jax.gan import with_params
from gan_jax.types import Array

FEW, RESTARTS, BENT_RESTARTS = 4, 6, 20
"""Eigenvalues by real and imaginary part; restarts for them, and for curvatures."""
MINUTES = 10.0
"""For how long eigenvalues are looked for, unless told."""
AFFORDABLE = 50_000
"""Parameters up to which the alternating step's own eigenvalues are taken."""


def measured_game(
    case: Case, *, count: int | None, minutes: float = MINUTES
) -> dict[str, Any]:
    """Eigenvalues times the learning rate, and what they say; see docs.

    The learning rates are the highest of the schedules: at the end of a decay any game
    looks stable. Eigenvalues that are not found after `minutes` are left out.
    """
    rate = peak_learning_rates(case.config, case.state)
    last = last_learning_rates(case.config, case.state)
    if count is None:
        raise ValueError("left out with --no-spectrum")
    if not min(rate) > 0:
        raise ValueError("a learning rate is 0, so nobody moves")
    batch, keys = one_batch(case)
    plain = gan_game(case.gan, case.state, batch, keys)
    game = balanced(plain, parameter_scales(case.config, case.state, rate))
    passed = past(time.monotonic() + 60 * minutes)
    timed, timed_plain = limited(game, passed), limited(plain, passed)
    found, products, exact = eigenvalues(timed, count)
    measured = {
        "parameters": size_of(case),
        "rate": rate.generator,
        "d_rate": rate.discriminator,
        "last_rate": last.generator,
        "last_d_rate": last.discriminator,
        "adaptive": any(o.name in DEFAULT_B2 for o in optimizers(case)),
        "dynamics": case.config.dynamics.name,
        "reach": min(reach(o, case.config.dynamics.name) for o in optimizers(case)),
        "products": products,
        "exact": exact,
        "eigenvalues": {k: parts(v * rate.generator) for k, v in found.items()},
        **told(found, rate.generator),
        **in_turn(case, timed, rate.generator),
        "rotation_index": rotation_index(game, jax.random.key(0)),
        "plain_rotation_index": rotation_index(plain, jax.random.key(0)),
        "field_norm": float(np.linalg.norm(plain.field(plain.point))),
        "curvature": {
            player: bent(timed_plain, player)
            for player in ("generator", "discriminator")
        },
    }
    return measured | {"minutes": minutes, "stopped": passed()}


def past(end: float) -> Callable[[], bool]:
    """Whether a moment has passed, of `time.monotonic`."""
    return lambda: time.monotonic() > end


def limited(game: Game, passed: Callable[[], bool]) -> Game:
    """The game, of which the products raise ValueError when the time has passed."""

    def timed(product: Callable[..., Array]) -> Callable[..., Array]:
        def product_in_time(*vectors: Array) -> Array:
            if passed():
                raise ValueError("not found in the minutes allowed; allow more minutes")
            return product(*vectors)

        return product_in_time

    return game._replace(jvp=timed(game.jvp), vjp=timed(game.vjp))


def optimizers(case: Case) -> tuple[OptimizerConfig, OptimizerConfig]:
    return case.config.g_optimizer, case.config.d_optimizer


def reach(group: OptimizerConfig, dynamics: str) -> float:
    """-h l of a real eigenvalue l up to which the optimizer contracts under the rule.

    2 for SGD, RMSprop; 2 (1 + m) with momentum m; 2 (1 + b1) / (1 - b1) for Adam
    (Cohen et al. 2022, arXiv 2207.14484); a third of that for optimistic Adam, which is
    exact for b1 = 0.
    """
    adam = 2 * (1 + group.b1) / (1 - group.b1)
    reaches = {
        "momentum": 2 * (1 + group.momentum),
        "adam": adam,
        "optimistic_adam": adam / 3,
    }
    return reaches.get(group.name, 2.0) * as_rule(DYNAMICS[dynamics]).reach


def eigenvalues(game: Game, count: int) -> tuple[dict[str, np.ndarray], int, bool]:
    """Those that lead by magnitude, by real and by imaginary part; products; all?"""
    first = spectrum(game, count=count, which="LM", restarts=5 * RESTARTS)
    if first.exact:
        return {"leading": first.values}, first.products, True
    found, products = {"leading": first.values}, first.products
    for name, which in (("growing", "LR"), ("turning", "LI")):
        try:
            more = spectrum(game, count=FEW, which=which, restarts=RESTARTS)
        except ValueError:  # not converged, or no time is left: it is left out
            continue
        products += more.products
        keep = more.values if which == "LR" else more.values[np.imag(more.values) != 0]
        if len(keep):
            found[name] = keep
    return found, products, False


def parts(values: np.ndarray) -> list[list[float]]:
    return [[float(v.real), float(v.imag)] for v in values]


def told(found: dict[str, np.ndarray], rate: float) -> dict[str, Any]:
    """What eigenvalues say of simultaneous steps.

    "decaying" are those with a negative real part: the rate up to which they contract
    says when steps overshoot, where the strict limit is 0 as soon as one mode grows.
    """
    whole = np.concatenate(list(found.values()))
    decaying = whole[np.real(whole) < 0]
    leading = found["leading"]
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


def in_turn(case: Case, game: Game, rate: float) -> dict[str, Any]:
    """The same for alternating steps, where the run plays so and it is affordable."""
    size = game.point.size
    plays = case.config.dynamics.name, case.config.d_steps
    if plays != ("alternating", 1) or size > AFFORDABLE:
        return {}
    try:
        # Who moves first is no matter: A B and B A have the same eigenvalues.
        values = alternating_values(game, rate, count=FEW, restarts=RESTARTS)
    except ValueError:  # not converged
        return {}
    found: dict[str, Any] = {"alternating_radius": step_radius(values, rate)}
    if size <= EXACT:
        found["alternating_limit"] = alternating_limit(game)
    return found


def bent(game: Game, player: str) -> dict[str, Any]:
    """The player's curvature, or why it is not known."""
    try:
        return curvature(game, player, restarts=BENT_RESTARTS)._asdict()
    except ValueError as error:
        return {"skipped": str(error)}


def measured_path(case: Case) -> dict[str, Any]:
    """The field on the line from the start to the final state."""
    first, last = int(case.start.step), int(case.state.step)
    if first == last:
        raise ValueError("the run has only its first state")
    batch, keys = one_batch(case)
    begin = with_params(case.state, params_of(case.start))
    end = flat(params_of(case.state))
    found = path_angle(gan_game(case.gan, begin, batch, keys), end)
    columns = {name: values.tolist() for name, values in found._asdict().items()}
    return {"from": first, "to": last, **columns}
