"""What eigenvalues say about learning rates.

One simultaneous step of rate h is `I + h J`: it contracts iff `|1 + h l| < 1` for every
eigenvalue l. One alternating step (D first) is the product `(I + h R_G J)(I + h R_D J)`
(R_p keeps the rows of player p and zeroes the rest) `= I + h K(h)` with
`K(h) = J + h R_G J R_D J`: alternating play with J is simultaneous play with K(h), so
one set of formulas serves both. J is taken at one point for both half-steps, which is
exact at stationary points.

An eigenvalue whose magnitude is at most `negligible` times the largest is left out: it
belongs to parameters that do not matter on this batch (a dead unit, fewer examples
than parameters) and neither grows nor shrinks. Rules for part of a spectrum hold for
that part: then a largest stable rate is an upper bound. Where the players' rates
differ, give the game scales, and h is the factor common to both.
"""

from collections.abc import Callable

import numpy as np

from gan_jax.diagnostics.field import Game, rows
from gan_jax.diagnostics.spectrum import EXACT, Product, dense_jacobian, leading
from gan_jax.types import Array

NEGLIGIBLE = 1e-6
DOUBLINGS = 40


def essential(values: np.ndarray, negligible: float = NEGLIGIBLE) -> np.ndarray:
    """The eigenvalues whose magnitude exceeds `negligible` times the largest."""
    magnitude = np.abs(values)
    return values[magnitude > negligible * magnitude.max(initial=0.0)]


def largest_real_part(values: np.ndarray) -> float:
    """`max Re l`: positive means that the point repels, at any learning rate."""
    return float(np.max(np.real(values)))


def imaginary_ratio(values: np.ndarray, negligible: float = NEGLIGIBLE) -> float:
    """`max |Im l / Re l|`: infinite for a pure rotation, 0 for a potential game.

    The stable rate falls with its square. Mescheder et al. 2017, arXiv 1705.10461.
    """
    found = essential(values, negligible)
    with np.errstate(divide="ignore"):
        return float(np.max(np.abs(np.imag(found) / np.real(found)), initial=0.0))


def simultaneous_limit(values: np.ndarray, negligible: float = NEGLIGIBLE) -> float:
    """The learning rate below which simultaneous steps contract.

    `min over l of (1 / |Re l|) 2 / (1 + (Im l / Re l)^2) = min -2 Re l / |l|^2`; 0 if
    some l has Re l >= 0, infinite if there is no l but 0. Mescheder et al. 2017, arXiv
    1705.10461.
    """
    found = essential(values, negligible)
    rates = -2 * np.real(found) / np.abs(found) ** 2
    return max(0.0, float(np.min(rates, initial=np.inf)))


def step_radius(
    values: np.ndarray, rate: float, negligible: float = NEGLIGIBLE
) -> float:
    """`max |1 + h l|`: by how much the slowest mode contracts in one step of rate h.

    Simultaneous steps for J's eigenvalues, alternating ones for those of K(h).
    """
    return float(np.max(np.abs(1 + rate * essential(values, negligible)), initial=0.0))


def alternating_jacobian(
    jacobian: np.ndarray, generator_size: int, rate: float, *, g_first: bool = False
) -> np.ndarray:
    """`K(h) = J + h R_2 J R_1 J` `[n, n]`, player 1 moving first (D, or G)."""
    first, second = jacobian.copy(), jacobian.copy()
    g, d = slice(None, generator_size), slice(generator_size, None)
    first[d if g_first else g] = 0
    second[g if g_first else d] = 0
    return jacobian + rate * second @ first


def alternating_product(game: Game, rate: float, *, g_first: bool = False) -> Product:
    """`u -> K(h) u`, two products with J."""
    order = ["discriminator", "generator"]
    first, second = (rows(game, p) for p in (reversed(order) if g_first else order))

    def product(u: Array) -> Array:
        turning = game.jvp(game.point, u)
        moved = u.at[first].add(rate * turning[first])
        return turning.at[second].set(game.jvp(game.point, moved)[second])

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
    """Eigenvalues of K(h): all up to `exact` parameters, else those that lead by
    magnitude and by real part, `count` of each; for `step_radius`.
    """
    if game.point.size <= exact:
        matrix = dense_jacobian(game)
        return np.linalg.eigvals(
            alternating_jacobian(matrix, game.generator_size, rate, g_first=g_first)
        )
    product = alternating_product(game, rate, g_first=g_first)
    found = [
        leading(
            product, game.point.size, game.point.dtype, count, which, restarts=restarts
        ).values
        for which in ("LM", "LR")
    ]
    return np.concatenate(found)


def alternating_limit(
    game: Game,
    *,
    g_first: bool = False,
    negligible: float = NEGLIGIBLE,
    tolerance: float = 0.01,
    count: int = 10,
    exact: int = EXACT,
) -> float:
    """The learning rate below which alternating steps contract, by bisection.

    Doubles a small rate until K(h) is unstable (see `contracts`), then halves the
    interval to the relative `tolerance`. 0 if small rates do not contract (alternating
    play of a bilinear game keeps its distance), infinite if 40 doublings still do. Up
    to `exact` parameters J is formed once; larger games take leading eigenvalues at
    each rate, some twenty times.
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
    """The rate at which `values(rate)` cease to contract; see `alternating_limit`."""
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
    """Whether `|1 + h l| < 1`, that is `Re l + h |l|^2 / 2 < 0`, for every eigenvalue.

    By more than `negligible` times the largest magnitude, because rounding gives a
    rotation some sign.
    """
    found = essential(values, negligible)
    margin = np.real(found) + rate * np.abs(found) ** 2 / 2
    return bool(np.all(margin < -negligible * np.abs(found).max(initial=0.0)))
