"""How the two players move: `(gan, state, batch) -> (state, metrics)`.

A rule moves both players' NetStates; the step count and the average are `train_step`'s.
Keyword-only arguments are the fields of the config's `dynamics` group that it reads.

Notation as in `gan_jax.moves`: w = (theta, psi), the joint gradient g(w), its Jacobian
J; plain descent moves by `-h g(w)`. "A move by g" is one update of both players' own
Optax chains, whatever these are. With several D steps a batch, D makes all but the last
alone, and the last is the joint one. In joint moves both players meet the same latents.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import gmres

from gan_jax.gan import Dynamics, Gan, Memory, Players, params_of, with_params
from gan_jax.moves import (
    Meeting,
    discriminator_move,
    generator_move,
    gradient_norms,
    joint_move,
    move_both,
    move_discriminator,
    move_generator,
    part,
    player_keys,
    saddle_loss,
    times_coupling,
    times_jacobian,
    times_transposed,
    whole_batch,
)
from gan_jax.train import generator_loss
from gan_jax.types import Array, Batch, Metrics, NetState, TrainState


def discriminator_turn(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """As many D moves as the batch's leading axis is long, each on its own data."""
    key, _ = player_keys(state)
    metrics: Metrics = {}
    for index in range(len(batch.image)):
        move_key = jax.random.fold_in(key, index)
        move, metrics = discriminator_move(gan, state, part(batch, index), move_key)
        state = move_discriminator(gan, state, move)
    return state, metrics


def generator_turn(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """One G move, against the reals of the last D step."""
    _, key = player_keys(state)
    move, metrics = generator_move(gan, state, part(batch, -1), key)
    return move_generator(gan, state, move), metrics


def alternating(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """The players take turns: `psi' = psi - h dL_D(theta, psi)`, `theta' = theta - h
    dL_G(theta, psi')`; G first with `gan.g_first`.

    Goodfellow et al. 2014, arXiv 1406.2661, algorithm 1.
    """
    turns = [discriminator_turn, generator_turn]
    metrics: Metrics = {}
    for turn in reversed(turns) if gan.g_first else turns:
        state, seen = turn(gan, state, batch)
        metrics |= seen
    return state, metrics


def opening(gan: Gan, state: TrainState, batch: Batch) -> tuple[TrainState, Meeting]:
    """D's moves before the joint one, and what that takes place on."""
    last = len(batch.image) - 1
    key, _ = player_keys(state)
    meeting = Meeting(part(batch, last), jax.random.fold_in(key, last))
    if last:
        earlier = jax.tree.map(lambda x: x[:-1], batch)
        state, _ = discriminator_turn(gan, state, earlier)
    return state, meeting


def simultaneous(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """Both players move from the same point: `w' = w - h g(w)`.

    Mescheder et al. 2018, arXiv 1801.04406, algorithm 1.
    """
    state, meeting = opening(gan, state, batch)
    move, metrics = joint_move(gan, state, meeting)
    return move_both(gan, state, move), metrics


def extragradient(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """`w' = w - h g(w - h g(w))`: a move by the gradient where plain descent would be.

    The optimizers' memory advances at both half-steps, which with Adam is ExtraAdam.
    Both see the same examples and latents, as Mishchenko et al. 2020, arXiv 1905.11373,
    advise (the authors' code: fresh ones). Metrics are of the half-way point.
    Gidel et al. 2018, arXiv 1802.10551, algorithms 2 and 4.
    """
    state, meeting = opening(gan, state, batch)
    ahead = move_both(gan, state, joint_move(gan, state, meeting)[0])
    move, metrics = joint_move(gan, ahead, meeting)
    back = with_params(ahead, params_of(state))
    return move_both(gan, back, move), metrics


def optimistic(gan: Gan, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """`w' = w + 2 u_t - u_(t-1)`, u_t the players' updates at g(w); u_(-1) = u_0.

    With SGD: extragradient from the past. Unlike the optimizer `optimistic_adam`, both
    players move from the same point. Daskalakis et al. 2017, arXiv 1711.00141.
    """
    state, meeting = opening(gan, state, batch)
    move, metrics = joint_move(gan, state, meeting)
    plain = move_both(gan, state, move)
    now, following = params_of(state), params_of(plain)
    update = jax.tree.map(jnp.subtract, following, now)

    def once_more(following: Array, update: Array, previous: Array) -> Array:
        return following + jnp.where(state.step == 0, 0.0, update - previous)

    previous = state.aux["previous_update"]
    params = jax.tree.map(once_more, following, update, previous)
    state = replace(plain, aux=state.aux | {"previous_update": update})
    return with_params(state, params), metrics


def consensus(
    gan: Gan, state: TrainState, batch: Batch, *, gamma: float = 10.0
) -> tuple[TrainState, Metrics]:
    """A move by `g + gamma J^T g`, the gradient of the game and of `gamma |g|^2 / 2`.

    Mescheder et al. 2017, arXiv 1705.10461, algorithm 1 (gamma 10). It is attracted to
    any stationary point of the game.
    """
    state, meeting = opening(gan, state, batch)
    move, metrics = joint_move(gan, state, meeting)
    pull = times_transposed(gan, state, meeting, move.gradient)
    gradient = jax.tree.map(lambda g, p: g + gamma * p, move.gradient, pull)
    return move_both(gan, state, move._replace(gradient=gradient)), metrics


def sga(
    gan: Gan, state: TrainState, batch: Batch, *, gamma: float = 1.0
) -> tuple[TrainState, Metrics]:
    """A move by `g + gamma s A^T g`, A = (J - J^T) / 2: symplectic gradient adjustment.

    `s = sign(<g, J^T g> <A^T g, J^T g> / n + 0.1)`, n the number of parameters (in the
    released code: of arrays of them): away from unstable, towards stable stationary
    points. Balduzzi et al. 2018, arXiv 1802.05642, algorithm 1.
    """
    state, meeting = opening(gan, state, batch)
    move, metrics = joint_move(gan, state, meeting)
    g = move.gradient
    pull = times_transposed(gan, state, meeting, g)
    push = times_jacobian(gan, state, meeting, g)
    adjustment = jax.tree.map(lambda t, p: (t - p) / 2, pull, push)
    count = sum(leaf.size for leaf in jax.tree.leaves(g))
    along = optax.tree.vdot(g, pull) * optax.tree.vdot(adjustment, pull) / count
    sign = jnp.sign(along + 0.1)
    gradient = jax.tree.map(lambda g, a: g + gamma * sign * a, g, adjustment)
    return move_both(gan, state, move._replace(gradient=gradient)), metrics


def competitive(
    gan: Gan, state: TrainState, batch: Batch, *, k: int = 10, eta: float = 0.0
) -> tuple[TrainState, Metrics]:
    """A move by d with `(I + eta O) d = g`, O the part of J that couples the players.

    That is the Nash equilibrium of the game's bilinear approximation at distance eta,
    which has to be the learning rate of both players' SGD (times the present
    `state.scales`, which has to be one for both). d comes from at most k
    matrix-free GMRES iterations, to a relative residual of 1e-6; O is not symmetric
    unless the game is zero-sum. Schaefer and Anandkumar 2019, arXiv 1905.12103, eq. 3.
    """
    state, meeting = opening(gan, state, batch)
    move, metrics = joint_move(gan, state, meeting)
    rate = eta * state.scales["g_lr"]

    def implicit(d: Players) -> Players:
        coupled = times_coupling(gan, state, meeting, d)
        return jax.tree.map(lambda d, o: d + rate * o, d, coupled)

    direction, _ = gmres(
        implicit, move.gradient, x0=move.gradient, tol=1e-6, restart=k, maxiter=1
    )
    return move_both(gan, state, move._replace(gradient=direction)), metrics


def unrolled(
    gan: Gan, state: TrainState, batch: Batch, *, k: int = 5
) -> tuple[TrainState, Metrics]:
    """G descends `f(theta, psi_k(theta))`, psi_k after k of D's moves; D makes one.

    In a zero-sum game `f = -L_D`, whole: its real term depends on theta through psi_k.
    L_D is the adversarial loss; D's moves have its penalties too, which the paper's D
    has not. In other games `f = L_G`. G's own penalties are added to f. The k moves are
    of D's own optimizer on G's own batch and latents, are differentiated through, and
    are then forgotten; both players start from the same point. Metz et al. 2016, arXiv
    1611.02163, eq. 9 and 10; the released code descends minus D's whole loss.
    """
    state, (examples, key) = opening(gan, state, batch)
    d_move, d_metrics = discriminator_move(gan, state, examples, key)
    of_g = replace(gan, loss=saddle_loss(gan.loss))

    def loss(params: Any, batch: Batch, keys: Array) -> Any:
        ahead = with_params(state, Players(params, state.discriminator.params))
        for _ in range(k):
            move, _ = discriminator_move(gan, ahead, examples, key)
            ahead = move_discriminator(gan, ahead, move)
        return generator_loss(
            of_g, params, ahead.discriminator.params, ahead, batch, keys
        )

    differentiate = partial(jax.grad(loss, has_aux=True), state.generator.params)
    g_move, g_metrics = whole_batch(gan, differentiate, examples, key)
    g_metrics |= gradient_norms(gan, "g", g_move.gradient)
    state = move_generator(gan, move_discriminator(gan, state, d_move), g_move)
    return state, d_metrics | g_metrics


def lookahead(
    gan: Gan,
    state: TrainState,
    batch: Batch,
    *,
    base: Dynamics = alternating,
    k: int = 5,
    alpha: float = 0.5,
) -> tuple[TrainState, Metrics]:
    """Every k steps of `base`: `slow' = slow + alpha (w - slow)`, then `w = slow'`.

    Both players at once; the optimizers keep their memory. Chavdarova et al. 2020,
    arXiv 2006.14567, algorithm 1 (k 5 with alternating steps, alpha 0.5).
    """
    state, metrics = base(gan, state, batch)
    due = (state.step + 1) % k == 0

    def meet(slow: Array, fast: Array) -> Array:
        return slow + alpha * (fast - slow)

    fast, slow = params_of(state), state.aux["slow_params"]
    met = jax.tree.map(meet, slow, fast)
    fast, slow = (
        jax.tree.map(partial(jnp.where, due), met, own) for own in (fast, slow)
    )
    state = replace(state, aux=state.aux | {"slow_params": slow})
    return with_params(state, fast), metrics


def no_updates(generator: NetState, discriminator: NetState) -> Players:
    params = Players(generator.params, discriminator.params)
    return jax.tree.map(jnp.zeros_like, params)


def copied_params(generator: NetState, discriminator: NetState) -> Players:
    return jax.tree.map(jnp.copy, Players(generator.params, discriminator.params))


DYNAMICS: dict[str, Dynamics] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
    "extragradient": extragradient,
    "optimistic": optimistic,
    "consensus": consensus,
    "sga": sga,
    "competitive": competitive,
    "unrolled": unrolled,
    "lookahead": lookahead,
}

MEMORIES: dict[str, Memory] = {
    "optimistic": Memory("previous_update", no_updates),
    "lookahead": Memory("slow_params", copied_params),
}
"""What rules remember: for `Gan.memory`."""

UPDATES = {"extragradient": 2}
"""Updates of each player's optimizer in a joint move; 1 where nothing is said."""
