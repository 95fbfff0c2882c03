"""Rules that need only gradients: alternating, simultaneous, extragradient, optimistic.

Each is `(gan, state, batch) -> (state, metrics)` and updates both players' NetStates;
the step count and the average of G are left to `train_step`. Keyword-only arguments are
the fields of the config's `dynamics` group that a rule reads.

Notation as in `gan_jax.dynamics.joint`: w = (theta, psi), the joint gradient g(w);
plain descent moves by `-h g(w)`. "A move by g" means that both players' own optimizers
make one update with the gradient g. If D makes several updates in a step, it makes all
its updates but the last by itself. The last one is the joint move, in which both
players meet the same latents.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp

from gan_jax.config import Config
from gan_jax.dynamics.joint import apply_to_both, joint_gradient, start_joint_move
from gan_jax.dynamics.rule import Rule
from gan_jax.gan import Gan, Memory, Players, params_of, with_params
from gan_jax.step import alternating
from gan_jax.types import Array, Batch, Metrics, NetState, TrainState


def simultaneous(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """Both players move from the same point: `w' = w - h g(w)`.

    Mescheder et al. 2018, arXiv 1801.04406, algorithm 1.

    Args:
        gan: The networks and the rules of the game.
        state: The state before the step.
        batch: Real examples, `[d_steps, B, ...]`.

    Returns:
        The state with both players updated, and the metrics. The step count and the
        average of G are left to `train_step`.
    """
    state, joint = start_joint_move(gan, state, batch)
    gradient, metrics = joint_gradient(gan, state, joint)
    return apply_to_both(gan, state, gradient), metrics


def extragradient(
    gan: Gan, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """A move by the gradient at the point ahead: `w' = w - h g(w - h g(w))`.

    The optimizers' memory advances at both half-steps, which with Adam is ExtraAdam.
    Both half-steps see the same examples and latents, as Mishchenko et al. 2020, arXiv
    1905.11373, advise. The authors' code draws fresh ones. The metrics are those of the
    point ahead. Gidel et al. 2018, arXiv 1802.10551, algorithms 2 and 4.
    """
    state, joint = start_joint_move(gan, state, batch)
    ahead = apply_to_both(gan, state, joint_gradient(gan, state, joint)[0])
    gradient, metrics = joint_gradient(gan, ahead, joint)
    back = with_params(ahead, params_of(state))
    return apply_to_both(gan, back, gradient), metrics


def optimistic(gan: Gan, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """Move by the present update and its change: `w' = w + 2 u_t - u_(t-1)`.

    u_t are the players' updates at g(w), and `u_(-1) = u_0`. With SGD this is
    extragradient from the past. Unlike with the optimizer `optimistic_adam`, both
    players move from the same point. Daskalakis et al. 2017, arXiv 1711.00141.
    """
    state, joint = start_joint_move(gan, state, batch)
    gradient, metrics = joint_gradient(gan, state, joint)
    plain = apply_to_both(gan, state, gradient)
    now, following = params_of(state), params_of(plain)
    update = jax.tree.map(jnp.subtract, following, now)

    def extrapolate(following: Array, update: Array, previous: Array) -> Array:
        return following + jnp.where(state.step == 0, 0.0, update - previous)

    previous = state.aux["previous_update"]
    params = jax.tree.map(extrapolate, following, update, previous)
    state = replace(plain, aux=state.aux | {"previous_update": update})
    return with_params(state, params), metrics


def refuse_bounds(config: Config) -> str | None:
    """Say that `optimistic` cannot keep weights within `clip_params`."""
    for player in ("g_optimizer", "d_optimizer"):
        if getattr(config, player).clip_params is not None:
            return (
                f"dynamics.name {config.dynamics.name!r} with {player}.clip_params: "
                "the rule moves farther than the optimizer's update, and so past the "
                "bound; use another rule"
            )
    return None


def no_updates(generator: NetState, discriminator: NetState) -> Players:
    """Return a zero for each parameter of both players."""
    params = Players(generator.params, discriminator.params)
    return jax.tree.map(jnp.zeros_like, params)


RULES = {
    "alternating": Rule(alternating, joint=False),
    "simultaneous": Rule(simultaneous),
    # reach: A step contracts while 1 - a + a^2 < 1, with a = -h l.
    "extragradient": Rule(extragradient, updates=2, reach=1 / 2),
    # reach: A step contracts while both roots of z^2 - (1 - 2 a) z - a lie inside the
    # unit circle.
    "optimistic": Rule(
        optimistic,
        memory=(Memory("previous_update", no_updates),),
        reach=1 / 3,
        refuses=refuse_bounds,
    ),
}
