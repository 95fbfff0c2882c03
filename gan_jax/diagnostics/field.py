"""The game as a vector field on the parameters of both players, with its derivative.

`v(w) = (-grad_theta L_G, -grad_psi L_D)` at w = (theta, psi), on one fixed batch, with
the full objectives and nothing detached; J = dv/dw is never formed. Simultaneous
gradient descent is `w + h v(w)`, h the learning rate.

Fixed are the batch, latents, augmentations and the random numbers of penalties (one key
per example, shared by both objectives, so that a zero-sum loss stays zero-sum); the
step, at which weights are read; and the model states. As in a training step, batch
normalization takes the statistics of the batch, and D's own pass renews its spectral
vectors by one power iteration from the state's; they are constants to differentiation.
A lazy penalty counts once at its weight, its mean over steps.

Precision: all numbers have the dtype of the parameters, and products are true float32
whatever the run's precision. float32 is enough for leading eigenvalues to about 1e-4 of
the largest; for more, inside `with jax.enable_x64(True):`, give `to_float64` of state
and batch to any function here, and read the results there.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from gan_jax.gan import Gan, Players, params_of
from gan_jax.objectives import discriminator_loss, draw, generator_loss
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array, Batch, NetState, TrainState


class Game(NamedTuple):
    """The field at a point, as functions of flat vectors `[n]`, compiled once.

    point: w, G's parameters first. generator_size: the number of G's parameters. field:
    `w -> v`. jvp: `(w, u) -> J(w) u`. vjp: `(w, u) -> J(w)^T u`. scaled: whether v and
    J are those with scales p, `p v` and `diag(p) J`.
    """

    point: Array
    generator_size: int
    field: Callable[[Array], Array]
    jvp: Callable[[Array, Array], Array]
    vjp: Callable[[Array, Array], Array]
    scaled: bool = False


def flat(players: Players) -> Array:
    """Return both players' trees as one vector `[n]`, G first: a point of the game."""
    return ravel_pytree(players)[0]


@at_highest_precision
def field(
    gan: Gan, state: TrainState, batch: Batch, keys: Array, players: Players
) -> Players:
    """Return `(-grad_theta L_G, -grad_psi L_D)` at `players`, differentiable in them.

    batch: the examples `[B, ...]` of one D step. keys: a key for each, `[B]`, from
    `example_keys`. Everything but the parameters is the state's, as this module's
    docstring says.
    """
    g_params, d_params = players
    gan, draws = make_penalties_eager(gan), draw(gan, keys)
    g = jax.grad(generator_loss, 1, has_aux=True)
    d = jax.grad(discriminator_loss, 1, has_aux=True)
    g_gradient, _ = g(gan, g_params, d_params, state, batch, draws)
    d_gradient, _ = d(gan, d_params, g_params, state, batch, draws)
    return Players(*jax.tree.map(jnp.negative, (g_gradient, d_gradient)))


def make_penalties_eager(gan: Gan) -> Gan:
    """Return the Gan with every penalty at every step, at its mean weight.

    A lazy term, `every * weight` at one step in `every`, becomes `weight`. So no
    diagnosis depends on the step's number.
    """

    def set_every_to_one(terms: tuple) -> tuple:
        return tuple(term._replace(every=1) for term in terms)

    return replace(
        gan,
        penalties=set_every_to_one(gan.penalties),
        generator_penalties=set_every_to_one(gan.generator_penalties),
    )


@partial(jax.jit, static_argnums=0)
def flat_field(
    gan: Gan, state: TrainState, batch: Batch, keys: Array, scales: Array, w: Array
) -> Array:
    """Return `scales * v(w)`, of flat vectors."""
    _, unravel = ravel_pytree(params_of(state))
    return scales * flat(field(gan, state, batch, keys, unravel(w)))


@partial(jax.jit, static_argnums=0)
def flat_jvp(gan: Gan, *arguments: Any) -> Array:
    """Return `diag(scales) J(w) u`; arguments: those of `flat_field`, then u."""
    *fixed, w, u = arguments
    return jax.jvp(partial(flat_field, gan, *fixed), (w,), (u,))[1]


@partial(jax.jit, static_argnums=0)
def flat_vjp(gan: Gan, *arguments: Any) -> Array:
    """Return `J(w)^T diag(scales) u`; arguments: those of `flat_field`, then u."""
    *fixed, w, u = arguments
    return jax.vjp(partial(flat_field, gan, *fixed), w)[1](u)[0]


def gan_game(
    gan: Gan,
    state: TrainState,
    batch: Batch,
    keys: Array,
    *,
    scales: Players | None = None,
) -> Game:
    """Return the game of a GAN at a state, on one batch `[B, ...]` with `keys [B]`.

    scales: a step size for each parameter beside the common learning rate, such as
    `adam_scales` (times a player's learning rate over the other's); None: 1. The game
    is compiled once for a Gan, whatever the state. Raises ValueError for a Gan of a
    device axis.
    """
    if gan.axis_name is not None:
        raise ValueError(
            f"gan.axis_name {gan.axis_name!r}: diagnostics run on one device; build "
            "the Gan without an axis_name"
        )
    point = flat(params_of(state))
    p = jnp.ones_like(point) if scales is None else flat(scales)
    if p.shape != point.shape:
        raise ValueError(
            f"scales: {p.size} numbers for {point.size} parameters; give one for each"
        )
    size = sum(leaf.size for leaf in jax.tree.leaves(state.generator.params))
    fixed = gan, state, batch, keys, p
    return Game(
        point,
        size,
        partial(flat_field, *fixed),
        partial(flat_jvp, *fixed),
        partial(flat_vjp, *fixed),
        scaled=scales is not None,
    )


def balanced(game: Game, scales: Players) -> Game:
    """Return the game in the coordinates `y = w / sqrt(p)`: `P^1/2 J P^1/2`.

    p are the scales, P is diag(p). The game has the eigenvalues of `diag(p) J`, but
    keeps what turns (the antisymmetric part of J) apart from what pulls, which
    `diag(p)` mixes. So it is an adaptive optimizer's game for the rotation index.
    Raises ValueError for a game that has scales already.
    """
    if game.scaled:
        raise ValueError("game: has scales; balance one without")
    root = jnp.sqrt(flat(scales))
    return Game(
        game.point / root,
        game.generator_size,
        lambda y: root * game.field(root * y),
        lambda y, u: root * game.jvp(root * y, root * u),
        lambda y, u: root * game.vjp(root * y, root * u),
        scaled=True,
    )


def vector_game(
    field: Callable[[Array], Array], point: Array, generator_size: int
) -> Game:
    """Return the game of any differentiable vector field `[n] -> [n]`."""
    field = at_highest_precision(field)

    def jvp(w: Array, u: Array) -> Array:
        return jax.jvp(field, (w,), (u,))[1]

    def vjp(w: Array, u: Array) -> Array:
        return jax.vjp(field, w)[1](u)[0]

    return Game(point, generator_size, jax.jit(field), jax.jit(jvp), jax.jit(vjp))


def player_slice(game: Game, player: str) -> slice:
    """Return the place of a player's parameters in a flat vector.

    Raises ValueError for a player that is neither "generator" nor "discriminator".
    """
    slices = {
        "generator": slice(0, game.generator_size),
        "discriminator": slice(game.generator_size, game.point.size),
    }
    if player not in slices:
        raise ValueError(f"player {player!r}: must be one of {', '.join(slices)}")
    return slices[player]


def block_product(game: Game, player: str) -> Callable[[Array], Array]:
    """Return `u [m] -> J_pp u`, compiled, for a player of m parameters.

    J_pp is minus the Hessian of the player's objective in its own parameters. Only the
    player's half of J u is computed.
    """
    own = player_slice(game, player)

    def product(u: Array) -> Array:
        whole = jnp.zeros_like(game.point).at[own].set(u)
        return game.jvp(game.point, whole)[own]

    return jax.jit(product)


def adam_scales(net: NetState, *, b2: float = 0.999, eps: float = 1e-8) -> Any:
    """Return `1 / (sqrt(v^) + eps)` for each parameter, from the optimizer's memory v.

    With them J becomes `diag(1 / (sqrt(v^) + eps)) J`: the derivative of the step that
    Adam or RMSprop takes for a learning rate of 1, its second moments held fixed and
    momentum left out. Its eigenvalues, not the plain ones, belong to such a run's
    learning rate. `v^ = v / (1 - b2^t)` for Adam, v for RMSprop; b2 and eps are the
    chain's. A chain without second moments (SGD) gives 1.
    """
    kinds = optax.ScaleByAdamState, optax.ScaleByRmsState

    def is_memory(x: Any) -> bool:
        return isinstance(x, kinds)

    leaves = jax.tree.leaves(net.opt_state, is_leaf=is_memory)
    memories = [leaf for leaf in leaves if is_memory(leaf)]
    if not memories:
        return jax.tree.map(jnp.ones_like, net.params)
    correction = 1.0
    if isinstance(memories[0], optax.ScaleByAdamState):
        # Before the first update v^ is 0 / 0; v = 0 gives 1 / eps there.
        correction = 1 - b2 ** jnp.maximum(memories[0].count, 1)
    return jax.tree.map(lambda v: 1 / (jnp.sqrt(v / correction) + eps), memories[0].nu)


def to_float64(tree: Any) -> Any:
    """Return the tree with its floats in float64, inside `jax.enable_x64(True)`.

    Raises ValueError outside of it, where float64 would silently be float32.
    """
    if not jax.config.jax_enable_x64:  # pyright: ignore
        raise ValueError("to_float64: float64 is off; use `with jax.enable_x64(True):`")

    def cast_to_float64(x: Array) -> Array:
        return x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(cast_to_float64, tree)
