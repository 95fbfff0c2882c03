"""Eigenvalues of the game's Jacobian J, exact for small games, else matrix-free.

Near a stationary point the players move as `u' = J u` (in continuous time): a positive
real part grows, an imaginary part turns. `gan_jax.diagnostics.stability` says what they
mean for learning rates. Mescheder et al. 2017, arXiv 1705.10461; Berard et al. 2019,
arXiv 1906.04848 (J's spectrum, and that of each player's Hessian).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, eigsh

from gan_jax.diagnostics.field import Game, block_product, rows
from gan_jax.types import Array

Product = Callable[[Array], Array]
"""`u [n] -> M u`, M a matrix that is never formed."""

EXACT = 1000
"""Up to so many parameters all eigenvalues are taken, of the dense matrix."""
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
"""Of Arnoldi, relative to each eigenvalue: the products have few more digits."""
ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "LM": np.abs,
    "LR": np.real,
    "SR": lambda values: -np.real(values),
    "LI": lambda values: np.abs(np.imag(values)),
}
"""Which eigenvalues lead: magnitude, largest or smallest real part, imaginary part."""


class Spectrum(NamedTuple):
    """Eigenvalues.

    values: complex `[k]`, the leading one first. products: how many it took. exact:
    whether these are all there are.
    """

    values: np.ndarray
    products: int
    exact: bool


class Curvature(NamedTuple):
    """The extreme eigenvalues of a player's Hessian.

    verdict: what the point is for that player: "minimum", "maximum", "saddle", "flat".
    """

    smallest: float
    largest: float
    verdict: str


def spectrum(
    game: Game,
    *,
    count: int = 10,
    which: str = "LM",
    exact: int = EXACT,
    restarts: int = 100,
) -> Spectrum:
    """The eigenvalues of J that lead by `which` (see ORDERS); a pair may add one.

    All of them, of the dense matrix, for games of at most `exact` parameters. Larger
    ones by Arnoldi, with one jvp a product; what has not converged after `restarts` is
    left out ("LR" is slow where many eigenvalues are near 0). Raises ValueError if
    nothing has, or for a count or order that cannot be.
    """
    size, dtype = game.point.size, game.point.dtype
    return leading(
        jacobian_product(game),
        size,
        dtype,
        count,
        which,
        exact=exact,
        restarts=restarts,
    )


def leading(
    product: Product,
    size: int,
    dtype: Any,
    count: int,
    which: str,
    *,
    exact: int = EXACT,
    restarts: int = 100,
) -> Spectrum:
    """`spectrum` of any real matrix given by its products."""
    if which not in ORDERS:
        raise ValueError(f"which {which!r}: must be one of {', '.join(ORDERS)}")
    if size <= exact:
        values = np.linalg.eigvals(dense(product, size, dtype))
        return Spectrum(ordered(values, which), size, True)
    if not 1 <= count < size - 1:
        raise ValueError(
            f"count {count}: Arnoldi gives 1 to {size - 2} eigenvalues of {size}"
        )
    operator, tally = linear_operator(product, size, dtype)
    begin = np.random.default_rng(0).standard_normal(size)
    if vanishes(operator, begin):
        return Spectrum(np.zeros(count, complex), 1, False)
    try:
        values = eigs(
            operator,
            count,
            which=which,
            v0=begin,
            ncv=min(size, 3 * count + 10),
            maxiter=restarts,
            tol=TOLERANCE[str(dtype)],  # pyright: ignore
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as stopped:
        values = stopped.eigenvalues
        if not len(values):
            raise ValueError(
                f"restarts {restarts}: no eigenvalue {which} has converged; raise it, "
                "or use float64 (`to_float64`)"
            ) from stopped
    return Spectrum(ordered(np.asarray(values), which), len(tally), False)


def vanishes(operator: LinearOperator, vector: np.ndarray) -> bool:
    """Whether the matrix is 0 (ARPACK stops at it); ValueError if it is not finite."""
    product = operator.matvec(vector)
    if not np.isfinite(product).all():
        raise ValueError("game: its products are not finite, so it has no spectrum")
    return not product.any()


def ordered(values: np.ndarray, which: str) -> np.ndarray:
    """The leading one first; of a pair, the one with positive imaginary part."""
    # A pair's two keys may differ in the last digit, which would tear it apart.
    keys = ORDERS[which](values)
    scale = np.abs(values).max()
    rounded = np.round(keys / scale, 9) if scale else keys
    return values[np.lexsort([-np.imag(values), -rounded])].astype(complex)


def linear_operator(
    product: Product, size: int, dtype: Any
) -> tuple[LinearOperator, list[None]]:
    """For scipy, and a list that grows by one with each product.

    Arnoldi's own vectors are float64, products have the game's dtype.
    """
    tally: list[None] = []

    def matvec(u: np.ndarray) -> np.ndarray:
        tally.append(None)
        return np.asarray(product(jnp.asarray(u.ravel(), dtype)), np.float64)

    return LinearOperator((size, size), matvec=matvec, dtype=np.float64), tally  # pyright: ignore


def jacobian_product(game: Game) -> Product:
    """`u -> J u` at the game's point."""
    return lambda u: game.jvp(game.point, u)


def dense(product: Product, size: int, dtype: Any) -> np.ndarray:
    """The matrix `[n, n]`, column by column, in float64."""
    columns = [product(unit) for unit in jnp.eye(size, dtype=dtype)]
    return np.stack([np.asarray(c, np.float64) for c in columns], axis=1)


def dense_jacobian(game: Game) -> np.ndarray:
    """J `[n, n]`, for small games: n products."""
    return dense(jacobian_product(game), game.point.size, game.point.dtype)


def curvature(
    game: Game,
    player: str,
    *,
    exact: int = EXACT,
    restarts: int = 100,
    negligible: float = 1e-4,
) -> Curvature:
    """Whether the point is a minimum of a player's own objective, the other fixed.

    The extreme eigenvalues of the Hessian `-J_pp` in the player's own parameters
    (Lanczos; dense up to `exact`). One within `negligible` of the largest magnitude of
    0 has no sign: "minimum" allows flat directions. At a local Nash equilibrium both
    players are at one. player: "generator" or "discriminator". Raises ValueError for a
    game with scales, whose blocks are not those of the objective, and if nothing has
    converged after `restarts`.
    """
    if game.scaled:
        raise ValueError("game: has scales; take the curvature of one without")
    block, own = block_product(game, player), rows(game, player)
    size, dtype = own.stop - own.start, game.point.dtype

    def hessian(u: Array) -> Array:
        return -block(u)

    if size <= exact:
        matrix = dense(hessian, size, dtype)
        values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    else:
        values = extremes(linear_operator(hessian, size, dtype)[0], dtype, restarts)
    smallest, largest = float(np.min(values)), float(np.max(values))
    return Curvature(smallest, largest, verdict(smallest, largest, negligible))


def extremes(operator: LinearOperator, dtype: Any, restarts: int) -> np.ndarray:
    """The smallest and the largest eigenvalue of a symmetric matrix."""
    begin = np.random.default_rng(0).standard_normal(operator.shape[0])
    if vanishes(operator, begin):
        return np.zeros(2)
    try:
        return eigsh(
            operator,
            2,
            which="BE",
            v0=begin,
            maxiter=restarts,
            tol=TOLERANCE[str(dtype)],  # pyright: ignore
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as stopped:
        raise ValueError(
            f"restarts {restarts}: the extreme curvatures have not converged; raise it"
        ) from stopped


def verdict(smallest: float, largest: float, negligible: float) -> str:
    """What the extreme eigenvalues of a Hessian say of the point."""
    least = negligible * max(abs(smallest), abs(largest))
    signs = smallest < -least, largest > least
    names = {
        (False, True): "minimum",
        (True, False): "maximum",
        (True, True): "saddle",
        (False, False): "flat",
    }
    return names[signs]
