"""Rules of play that average parameters over steps."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.dynamics.rule import Rule
from gan_jax.gan import Dynamics, Gan, Memory, Players, params_of, with_params
from gan_jax.step import alternating
from gan_jax.types import Array, Batch, Metrics, NetState, TrainState


def lookahead(
    gan: Gan,
    state: TrainState,
    batch: Batch,
    *,
    base: Dynamics = alternating,
    k: int = 5,
    alpha: float = 0.5,
) -> tuple[TrainState, Metrics]:
    """Play `base`, and after every k steps move both players part of the way back.

    Back means to the slow parameters: `slow' = slow + alpha (w - slow)`, then
    `w = slow'`. The optimizers keep their memory. Chavdarova et al. 2020, arXiv
    2006.14567, algorithm 1. The paper uses k 5 with alternating steps, and alpha 0.5.
    """
    state, metrics = base(gan, state, batch)
    due = (state.step + 1) % k == 0

    def interpolate(slow: Array, fast: Array) -> Array:
        return slow + alpha * (fast - slow)

    fast, slow = params_of(state), state.aux["slow_params"]
    between = jax.tree.map(interpolate, slow, fast)
    fast, slow = (
        jax.tree.map(partial(jnp.where, due), between, own) for own in (fast, slow)
    )
    state = replace(state, aux=state.aux | {"slow_params": slow})
    return with_params(state, fast), metrics


def copy_params(generator: NetState, discriminator: NetState) -> Players:
    """Return a copy of both players' parameters."""
    return jax.tree.map(jnp.copy, Players(generator.params, discriminator.params))


RULES = {
    "lookahead": Rule(
        lookahead, memory=(Memory("slow_params", copy_params),), joint=False, period=5
    ),
}
