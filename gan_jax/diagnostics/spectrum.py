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

from gan_jax.diagnostics.field import Game, block_product, player_slice
from gan_jax.types import Array

Product = Callable[[Array], Array]
"""`u [n] -> M u`, M a matrix that is never formed."""

EXACT = 1000
"""The number of parameters up to which all eigenvalues are taken, of a dense J."""
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
"""The tolerance of Arnoldi, relative to each eigenvalue, by dtype.

The products have few more digits."""
ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "LM": np.abs,
    "LR": np.real,
    "SR": lambda values: -np.real(values),
    "LI": lambda values: np.abs(np.imag(values)),
}
"""Sort keys: magnitude, largest or smallest real part, size of the imaginary part."""


class Spectrum(NamedTuple):
    """Eigenvalues of a matrix.

    values: complex `[k]`, the leading one first. products: the number of products that
    it took. exact: whether these are all eigenvalues.
    """

    values: np.ndarray
    products: int
    exact: bool


class Curvature(NamedTuple):
    """The extreme eigenvalues of a player's Hessian.

    verdict: what the point is for the player, "minimum", "maximum", "saddle" or "flat".
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
    """Return the `count` eigenvalues of J that lead by `which`, one of ORDERS.

    A complex pair may add one. Games of at most `exact` parameters have all their
    eigenvalues taken, of the dense matrix. Larger ones are searched by Arnoldi, with
    one jvp a product; what has not converged after `restarts` is left out ("LR" is slow
    where many eigenvalues are near 0). Raises ValueError if nothing has converged, and
    for a count or an order that is impossible.
    """
    size, dtype = game.point.size, game.point.dtype
    return leading_eigenvalues(
        jacobian_product(game),
        size,
        dtype,
        count,
        which,
        exact=exact,
        restarts=restarts,
    )


def leading_eigenvalues(
    product: Product,
    size: int,
    dtype: Any,
    count: int,
    which: str,
    *,
    exact: int = EXACT,
    restarts: int = 100,
) -> Spectrum:
    """Return the `spectrum` of any real matrix that is given by its products."""
    if which not in ORDERS:
        raise ValueError(f"which {which!r}: must be one of {', '.join(ORDERS)}")
    if size <= exact:
        values = np.linalg.eigvals(to_dense(product, size, dtype))
        return Spectrum(order_eigenvalues(values, which), size, True)
    if not 1 <= count < size - 1:
        raise ValueError(
            f"count {count}: Arnoldi gives 1 to {size - 2} eigenvalues of {size}"
        )
    operator, tally = linear_operator(product, size, dtype)
    start = np.random.default_rng(0).standard_normal(size)
    if vanishes(operator, start):
        return Spectrum(np.zeros(count, complex), 1, False)
    values = arnoldi(operator, start, count, which, restarts, TOLERANCE[str(dtype)])
    return Spectrum(order_eigenvalues(values, which), len(tally), False)


def arnoldi(
    operator: LinearOperator,
    start: np.ndarray,
    count: int,
    which: str,
    restarts: int,
    tolerance: float,
) -> np.ndarray:
    """Return the leading eigenvalues that converge within `restarts`, in any order.

    Raises ValueError if none does.
    """
    try:
        values = eigs(
            operator,
            count,
            which=which,
            v0=start,
            ncv=min(len(start), 3 * count + 10),
            maxiter=restarts,
            tol=tolerance,  # pyright: ignore
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as stopped:
        values = stopped.eigenvalues
        if not len(values):
            raise ValueError(
                f"restarts {restarts}: no eigenvalue {which} has converged; raise it, "
                "or use float64 (`to_float64`)"
            ) from stopped
    return np.asarray(values)


def vanishes(operator: LinearOperator, vector: np.ndarray) -> bool:
    """Return whether the matrix is 0, at which ARPACK stops.

    Raises ValueError for a matrix that is not finite.
    """
    product = operator.matvec(vector)
    if not np.isfinite(product).all():
        raise ValueError("game: its products are not finite, so it has no spectrum")
    return not product.any()


def order_eigenvalues(values: np.ndarray, which: str) -> np.ndarray:
    """Return eigenvalues, the leading one first; a pair begins with Im l > 0."""
    # A pair's two keys may differ in the last digit, which would tear it apart.
    keys = ORDERS[which](values)
    scale = np.abs(values).max()
    rounded = np.round(keys / scale, 9) if scale else keys
    return values[np.lexsort([-np.imag(values), -rounded])].astype(complex)


def linear_operator(
    product: Product, size: int, dtype: Any
) -> tuple[LinearOperator, list[None]]:
    """Return an operator for scipy, and a list that grows by one with each product.

    Arnoldi's own vectors are float64, products have the game's dtype.
    """
    tally: list[None] = []

    def matvec(u: np.ndarray) -> np.ndarray:
        tally.append(None)
        return np.asarray(product(jnp.asarray(u.ravel(), dtype)), np.float64)

    return LinearOperator((size, size), matvec=matvec, dtype=np.float64), tally  # pyright: ignore


def jacobian_product(game: Game) -> Product:
    """Return `u -> J u` at the game's point."""
    return lambda u: game.jvp(game.point, u)


def to_dense(product: Product, size: int, dtype: Any) -> np.ndarray:
    """Return the matrix `[n, n]` of a product, column by column, in float64."""
    columns = [product(unit) for unit in jnp.eye(size, dtype=dtype)]
    return np.stack([np.asarray(c, np.float64) for c in columns], axis=1)


def dense_jacobian(game: Game) -> np.ndarray:
    """Return J `[n, n]` of a small game, by n products."""
    return to_dense(jacobian_product(game), game.point.size, game.point.dtype)


def curvature(
    game: Game,
    player: str,
    *,
    exact: int = EXACT,
    restarts: int = 100,
    negligible: float = 1e-4,
) -> Curvature:
    """Return whether the point is a minimum of a player's own objective.

    The other player is fixed. The verdict follows from the extreme eigenvalues of the
    Hessian `-J_pp` in the player's own parameters (Lanczos; dense up to `exact`). One
    that is at most `negligible` times the larger magnitude counts as 0, so that
    "minimum" allows flat directions. At a local Nash equilibrium both players are at a
    minimum. player: "generator" or "discriminator". Raises ValueError for a
    game with scales, whose blocks are not those of the objective, and if nothing has
    converged after `restarts`.
    """
    if game.scaled:
        raise ValueError("game: has scales; take the curvature of one without")
    block, own = block_product(game, player), player_slice(game, player)
    size, dtype = own.stop - own.start, game.point.dtype

    def hessian(u: Array) -> Array:
        return -block(u)

    if size <= exact:
        matrix = to_dense(hessian, size, dtype)
        values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    else:
        values = extreme_eigenvalues(
            linear_operator(hessian, size, dtype)[0], dtype, restarts
        )
    smallest, largest = float(np.min(values)), float(np.max(values))
    return Curvature(smallest, largest, classify_point(smallest, largest, negligible))


def extreme_eigenvalues(
    operator: LinearOperator, dtype: Any, restarts: int
) -> np.ndarray:
    """Return the smallest and the largest eigenvalue of a symmetric matrix."""
    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    if vanishes(operator, start):
        return np.zeros(2)
    try:
        return eigsh(
            operator,
            2,
            which="BE",
            v0=start,
            maxiter=restarts,
            tol=TOLERANCE[str(dtype)],  # pyright: ignore
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as stopped:
        raise ValueError(
            f"restarts {restarts}: the extreme curvatures have not converged; raise it"
        ) from stopped


def classify_point(smallest: float, largest: float, negligible: float) -> str:
    """Return what the extreme eigenvalues of a Hessian say of the point, in a word."""
    least = negligible * max(abs(smallest), abs(largest))
    signs = smallest < -least, largest > least
    names = {
        (False, True): "minimum",
        (True, False): "maximum",
        (True, True): "saddle",
        (False, False): "flat",
    }
    return names[signs]
