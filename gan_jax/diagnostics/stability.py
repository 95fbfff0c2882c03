"""Limits of learning rates that follow from eigenvalues.

One simultaneous step of rate h is `I + h J`: it contracts iff `|1 + h l| < 1` for every
eigenvalue l. One alternating step (D first) is the product `(I + h R_G J)(I + h R_D J)`
(R_p keeps the rows of player p and zeroes the rest) `= I + h K(h)` with
`K(h) = J + h R_G J R_D J`. Alternating play with J is simultaneous play with K(h), so
one set of formulas serves both. J is taken at one point for both half-steps, which is
exact at stationary points.

An eigenvalue whose magnitude is at most `negligible` times the largest is left out: it
belongs to parameters that do not matter on this batch (a dead unit, fewer examples
than parameters) and neither grows nor shrinks. Of part of a spectrum, a largest stable
rate is an upper bound. Where the players' rates
differ, give the game scales; h is then the factor common to both.
"""

from collections.abc import Callable

import numpy as np

from gan_jax.diagnostics.field import Game, player_slice
from gan_jax.diagnostics.spectrum import (
    EXACT,
    Product,
    dense_jacobian,
    leading_eigenvalues,
)
from gan_jax.types import Array

NEGLIGIBLE = 1e-6
"""The share of the largest magnitude up to which an eigenvalue is left out."""
DOUBLINGS = 40
"""The number of doublings after which `alternating_limit` is infinite."""


def drop_negligible(values: np.ndarray, negligible: float = NEGLIGIBLE) -> np.ndarray:
    """Return the eigenvalues whose magnitude exceeds `negligible` times the largest."""
    magnitude = np.abs(values)
    return values[magnitude > negligible * magnitude.max(initial=0.0)]


def largest_real_part(values: np.ndarray) -> float:
    """Return `max Re l`: if positive, the point repels at any learning rate."""
    return float(np.max(np.real(values)))


def imaginary_ratio(values: np.ndarray, negligible: float = NEGLIGIBLE) -> float:
    """Return `max |Im l / Re l|`, infinite for a pure rotation, 0 for a potential game.

    The stable rate falls with its square. Mescheder et al. 2017, arXiv 1705.10461.
    """
    kept = drop_negligible(values, negligible)
    with np.errstate(divide="ignore"):
        return float(np.max(np.abs(np.imag(kept) / np.real(kept)), initial=0.0))


def simultaneous_limit(values: np.ndarray, negligible: float = NEGLIGIBLE) -> float:
    """Return the learning rate below which simultaneous steps contract.

    It is `min over l of (1 / |Re l|) 2 / (1 + (Im l / Re l)^2) = min -2 Re l / |l|^2`;
    0 if some l has Re l >= 0, infinite if there is no l but 0. Mescheder et al. 2017,
    arXiv 1705.10461.
    """
    kept = drop_negligible(values, negligible)
    rates = -2 * np.real(kept) / np.abs(kept) ** 2
    return max(0.0, float(np.min(rates, initial=np.inf)))


def step_radius(
    values: np.ndarray, rate: float, negligible: float = NEGLIGIBLE
) -> float:
    """Return `max |1 + h l|`, the slowest mode's factor in one step of rate h.

    The step is a simultaneous one for J's eigenvalues, an alternating one for those of
    K(h).
    """
    return float(
        np.max(np.abs(1 + rate * drop_negligible(values, negligible)), initial=0.0)
    )


def alternating_jacobian(
    jacobian: np.ndarray, generator_size: int, rate: float, *, g_first: bool = False
) -> np.ndarray:
    """Return `K(h) = J + h R_2 J R_1 J` `[n, n]`; player 1 moves first (D, or G)."""
    first, second = jacobian.copy(), jacobian.copy()
    g, d = slice(None, generator_size), slice(generator_size, None)
    first[d if g_first else g] = 0
    second[g if g_first else d] = 0
    return jacobian + rate * second @ first


def alternating_product(game: Game, rate: float, *, g_first: bool = False) -> Product:
    """Return `u -> K(h) u`, which takes two products with J."""
    order = ["discriminator", "generator"]
    first, second = (
        player_slice(game, p) for p in (reversed(order) if g_first else order)
    )

    def product(u: Array) -> Array:
        direction = game.jvp(game.point, u)
        halfway = u.at[first].add(rate * direction[first])
        return direction.at[second].set(game.jvp(game.point, halfway)[second])

    return product


def alternating_values(
    game: Game,
    rate: float,
    *,
    g_first: bool = False,
    count: int = 10,
    exact: int = EXACT,
    restarts: int = 100,
) -> np.ndarray:
    """Return eigenvalues of K(h), for `step_radius`.

    Up to `exact` parameters these are all of them, else those that lead by magnitude
    and by real part, `count` of each.
    """
    if game.point.size <= exact:
        matrix = dense_jacobian(game)
        return np.linalg.eigvals(
            alternating_jacobian(matrix, game.generator_size, rate, g_first=g_first)
        )
    product = alternating_product(game, rate, g_first=g_first)
    parts = [
        leading_eigenvalues(
            product, game.point.size, game.point.dtype, count, which, restarts=restarts
        ).values
        for which in ("LM", "LR")
    ]
    return np.concatenate(parts)


def alternating_limit(
    game: Game,
    *,
    g_first: bool = False,
    negligible: float = NEGLIGIBLE,
    tolerance: float = 0.01,
    count: int = 10,
    exact: int = EXACT,
) -> float:
    """Return the learning rate below which alternating steps contract, by bisection.

    A small rate is doubled until K(h) is unstable (see `contracts`), then the interval
    is halved to the relative `tolerance`. The limit is 0 if small rates do not contract
    (alternating play of a bilinear game keeps its distance), infinite if 40 doublings
    still do. Up to `exact` parameters J is formed once; larger games take leading
    eigenvalues at each rate, some twenty times.
    """
    if game.point.size <= exact:
        matrix, size = dense_jacobian(game), game.generator_size

        def values(rate: float) -> np.ndarray:
            return np.linalg.eigvals(
                alternating_jacobian(matrix, size, rate, g_first=g_first)
            )
    else:

        def values(rate: float) -> np.ndarray:
            return alternating_values(
                game, rate, g_first=g_first, count=count, exact=exact
            )

    return first_unstable(values, negligible, tolerance)


def first_unstable(
    values: Callable[[float], np.ndarray], negligible: float, tolerance: float
) -> float:
    """Return the rate from which `values(rate)` do not contract.

    See `alternating_limit`.
    """
    start = values(0.0)
    scale = np.abs(start).max(initial=0.0)
    if scale == 0:
        return np.inf
    low = 1e-3 / scale
    simultaneous = simultaneous_limit(start, negligible)
    if simultaneous > negligible / scale:
        low = min(low, simultaneous / 2)
    if not contracts(values(low), low, negligible):
        return 0.0
    for _ in range(DOUBLINGS):
        high = 2 * low
        if not contracts(values(high), high, negligible):
            break
        low = high
    else:
        return np.inf
    while high - low > tolerance * low:
        middle = (low + high) / 2
        if contracts(values(middle), middle, negligible):
            low = middle
        else:
            high = middle
    return low


def contracts(values: np.ndarray, rate: float, negligible: float = NEGLIGIBLE) -> bool:
    """Return whether `|1 + h l| < 1` for every eigenvalue l, h the rate.

    That is `Re l + h |l|^2 / 2 < 0`, by more than `negligible` times the largest
    magnitude, because rounding gives a rotation some sign.
    """
    kept = drop_negligible(values, negligible)
    margin = np.real(kept) + rate * np.abs(kept) ** 2 / 2
    return bool(np.all(margin < -negligible * np.abs(kept).max(initial=0.0)))
