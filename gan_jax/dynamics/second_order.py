"""Rules of play that differentiate gradients: by the game's Jacobian, or through D.

Conventions and notation as in `gan_jax.dynamics.first_order`; J is the Jacobian of the
joint gradient g(w), which is never formed.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import gmres

from gan_jax.config import Config, OptimizerConfig
from gan_jax.dynamics.joint import (
    apply_to_both,
    coupling_product,
    jacobian_product,
    joint_gradient,
    start_joint_move,
    transposed_product,
    zero_sum_loss,
)
from gan_jax.dynamics.rule import Rule
from gan_jax.gan import Gan, Players, with_params
from gan_jax.objectives import Draws, generator_loss
from gan_jax.step import (
    apply_to_discriminator,
    apply_to_generator,
    discriminator_gradient,
    gradient_norms,
    whole_batch_gradient,
)
from gan_jax.types import Batch, Metrics, TrainState


def consensus(
    gan: Gan, state: TrainState, batch: Batch, *, gamma: float = 10.0
) -> tuple[TrainState, Metrics]:
    """Move by `g + gamma J^T g`: g plus the gradient of `gamma |g|^2 / 2`.

    It is attracted to any stationary point of the game. Mescheder et al. 2017, arXiv
    1705.10461, algorithm 1 (gamma 10).
    """
    state, joint = start_joint_move(gan, state, batch)
    gradient, metrics = joint_gradient(gan, state, joint)
    pull = transposed_product(gan, state, joint, gradient.params)
    total = jax.tree.map(lambda g, p: g + gamma * p, gradient.params, pull)
    return apply_to_both(gan, state, gradient._replace(params=total)), metrics


def sga(
    gan: Gan, state: TrainState, batch: Batch, *, gamma: float = 1.0
) -> tuple[TrainState, Metrics]:
    """A move by `g + gamma s A^T g`, A = (J - J^T) / 2: symplectic gradient adjustment.

    `s = sign(<g, J^T g> <A^T g, J^T g> / n + 0.1)` leads away from unstable and towards
    stable stationary points; n is the number of parameters. The released code takes the
    number of parameter arrays as n. Balduzzi et al. 2018, arXiv 1802.05642, algorithm
    1.
    """
    state, joint = start_joint_move(gan, state, batch)
    gradient, metrics = joint_gradient(gan, state, joint)
    g = gradient.params
    pull = transposed_product(gan, state, joint, g)
    push = jacobian_product(gan, state, joint, g)
    adjustment = jax.tree.map(lambda t, p: (t - p) / 2, pull, push)
    count = sum(leaf.size for leaf in jax.tree.leaves(g))
    along = optax.tree.vdot(g, pull) * optax.tree.vdot(adjustment, pull) / count
    sign = jnp.sign(along + 0.1)
    total = jax.tree.map(lambda g, a: g + gamma * sign * a, g, adjustment)
    return apply_to_both(gan, state, gradient._replace(params=total)), metrics


def competitive(
    gan: Gan, state: TrainState, batch: Batch, *, k: int = 10, eta: float = 0.0
) -> tuple[TrainState, Metrics]:
    """A move by d with `(I + eta O) d = g`, O the part of J that couples the players.

    d leads to the Nash equilibrium of the game's bilinear approximation with step size
    eta, which must be the learning rate of both players' SGD. It is multiplied by
    `state.scales["g_lr"]`, which must equal `state.scales["d_lr"]`. d comes from at
    most k matrix-free GMRES iterations, to a relative residual of 1e-6. O is not
    symmetric unless the game is zero-sum. Schaefer and Anandkumar 2019, arXiv
    1905.12103, eq. 3.
    """
    state, joint = start_joint_move(gan, state, batch)
    gradient, metrics = joint_gradient(gan, state, joint)
    rate = eta * state.scales["g_lr"]

    def implicit(d: Players) -> Players:
        coupled = coupling_product(gan, state, joint, d)
        return jax.tree.map(lambda d, o: d + rate * o, d, coupled)

    g = gradient.params
    direction, _ = gmres(implicit, g, x0=g, tol=1e-6, restart=k, maxiter=1)
    return apply_to_both(gan, state, gradient._replace(params=direction)), metrics


def refuse_other_optimizers(config: Config) -> str | None:
    """Say that `competitive` needs plain SGD with one rate for both players."""
    players = config.g_optimizer, config.d_optimizer
    rates = {group.learning_rate for group in players}
    swept = config.sweep.g_lr or config.sweep.d_lr
    if not swept and len(rates) == 1 and all(map(is_plain_descent, players)):
        return None
    return (
        f"dynamics.name {config.dynamics.name!r}: needs plain sgd with one constant "
        "learning rate for both players and no sweep of it; set g_optimizer and "
        "d_optimizer so"
    )


def is_plain_descent(group: OptimizerConfig) -> bool:
    """Return whether an optimizer is SGD with a constant rate, and clips nothing."""
    clips = group.clip_norm, group.clip_value, group.clip_params
    constant = group.schedule == "constant" and group.warmup_steps == 0
    return group.name == "sgd" and constant and clips == (None, None, None)


def unrolled(
    gan: Gan, state: TrainState, batch: Batch, *, k: int = 5
) -> tuple[TrainState, Metrics]:
    """G descends `f(theta, psi_k(theta))`, psi_k being D's parameters after k updates.

    D itself makes one update, from the same point. In a zero-sum game f is minus D's
    whole adversarial loss: its term of the reals, too, depends on theta through psi_k.
    In other games f is L_G. G's own penalties are added to f. D's own optimizer makes
    the k updates, on G's batch and latents; G's gradient passes through them. The k
    updates are discarded afterwards. They include D's penalties; the paper's D has
    none. Metz et al. 2016, arXiv 1611.02163, eq. 9 and 10. The released code descends
    minus D's whole loss.
    """
    state, (examples, key) = start_joint_move(gan, state, batch)
    d_gradient, d_metrics = discriminator_gradient(gan, state, examples, key)
    of_g = replace(gan, loss=zero_sum_loss(gan.loss))

    def loss(params: Any, batch: Batch, draws: Draws) -> Any:
        ahead = with_params(state, Players(params, state.discriminator.params))
        for _ in range(k):
            gradient, _ = discriminator_gradient(gan, ahead, examples, key)
            ahead = apply_to_discriminator(gan, ahead, gradient)
        d_params = ahead.discriminator.params
        return generator_loss(of_g, params, d_params, ahead, batch, draws)

    differentiate = partial(jax.grad(loss, has_aux=True), state.generator.params)
    g_gradient, g_metrics = whole_batch_gradient(gan, differentiate, examples, key)
    g_metrics |= gradient_norms(gan, "g", g_gradient.params)
    state = apply_to_discriminator(gan, state, d_gradient)
    return apply_to_generator(gan, state, g_gradient), d_metrics | g_metrics


WITHOUT_DERIVATIVE = ("rmsprop",)
"""Optimizers whose update has no derivative at a gradient of 0."""


def refuse_without_derivative(config: Config) -> str | None:
    """Say why `unrolled` cannot differentiate through D's updates."""
    name, optimizer = config.dynamics.name, config.d_optimizer
    if config.microbatches > 1:
        return (
            f"microbatches {config.microbatches} with dynamics.name {name!r}: D's "
            "updates ahead take the whole batch, so nothing would be saved; leave "
            "microbatches out, or use another rule"
        )
    if optimizer.name in WITHOUT_DERIVATIVE:
        return (
            f"dynamics.name {name!r} with d_optimizer.name {optimizer.name!r}: "
            "differentiates through D's optimizer, whose root has no derivative at 0; "
            "use adam, momentum or sgd"
        )
    if optimizer.clip_norm is not None:
        return (
            f"dynamics.name {name!r} with d_optimizer.clip_norm: differentiates "
            "through D's updates, and the norm has no derivative at 0; use clip_value"
        )
    return None


RULES = {
    "consensus": Rule(consensus, evaluations=2),
    "sga": Rule(sga, evaluations=4),
    "competitive": Rule(
        competitive, evaluations_per_k=2, refuses=refuse_other_optimizers
    ),
    "unrolled": Rule(unrolled, evaluations_per_k=1, refuses=refuse_without_derivative),
}
