"""The phase space of a small game: its field, its trajectories and their verdicts.

A point is w = (theta, psi), the parameters of G and D in one vector `[P]`; play starts
at the state's own w and the solution is w = 0, as for the `dirac` pair. Batches are as
for `train_step`. float64 is best (`with jax.enable_x64(True)`).
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from gan_jax.diagnostics.field import flat, flat_field
from gan_jax.gan import Gan, params_of
from gan_jax.objectives import example_keys
from gan_jax.step import train_step
from gan_jax.types import Array, Batch, TrainState

LATE = 1000
"""The number of periods before the one whose matrix is taken: the first may differ."""

REPELS = 1e-6
"""How far above 1 a contraction factor is not one of rounding."""


def parameter_vector(state: TrainState) -> Array:
    """Return the point w `[P]` of a state."""
    return flat(params_of(state))


def descent_direction(gan: Gan, state: TrainState, batch: Batch, w: Array) -> Array:
    """Return `v(w)` `[P]`, the direction in which both players descend.

    It is that of `gan_jax.diagnostics.field`, on the examples of the first D step, with
    noise from the state's key.
    """
    first = jax.tree.map(lambda x: x[0], batch)
    keys = example_keys(gan, state.key, len(first.image))
    return flat_field(gan, state, first, keys, jnp.ones_like(w), w)


def jacobian_at_solution(gan: Gan, state: TrainState, batch: Batch) -> Array:
    """Return `dv/dw` at the solution, `[P, P]`."""
    return jax.jacfwd(lambda w: descent_direction(gan, state, batch, w))(
        jnp.zeros_like(parameter_vector(state))
    )


def trajectory(gan: Gan, state: TrainState, batch: Batch, steps: int) -> Array:
    """Return w before and after `steps` train_steps on one batch, `[steps + 1, P]`."""

    def move(state: TrainState, _: None) -> tuple[TrainState, Array]:
        state = train_step(gan, state, batch)[0]
        return state, parameter_vector(state)

    _, points = jax.lax.scan(move, state, length=steps)
    return jnp.concatenate([parameter_vector(state)[None], points])


def carried_state(state: TrainState) -> tuple[Any, ...]:
    """Return what a step hands on to the next, without the average of G."""
    return state.generator, state.discriminator, state.aux


def step_matrix(
    gan: Gan, state: TrainState, batch: Batch, *, period: int = 1, size: float = 1e-5
) -> Array:
    """Return the derivative at the solution of `period` train_steps, `[M, M]`.

    It is taken in all M numbers that a step hands on: w, the optimizers' memory and the
    rule's own. Central differences of `size` are exact but for rounding (relative 1e-16
    / size) where the step is linear, else to O(size^2); unlike `jax.jacfwd` they do not
    see what a rule hides from differentiation. Noise is that of one and the same draw.
    """
    leaves, tree = jax.tree.flatten(carried_state(state))
    floats = [i for i, x in enumerate(leaves) if jnp.issubdtype(x.dtype, jnp.floating)]
    memory, unravel = ravel_pytree([leaves[i] for i in floats])

    def play_period(memory: Array) -> Array:
        own = list(leaves)
        for index, leaf in zip(floats, unravel(memory), strict=True):
            own[index] = leaf
        g_net, d_net, aux = jax.tree.unflatten(tree, own)
        now = replace(
            state, step=state.step + LATE * period, generator=g_net, discriminator=d_net
        )
        now = replace(now, aux=aux)
        now = jax.lax.fori_loop(
            0, period, lambda _, state: train_step(gan, state, batch)[0], now
        )
        after = jax.tree.leaves(carried_state(now))
        return ravel_pytree([after[i] for i in floats])[0]

    basis = size * jnp.eye(len(memory), dtype=memory.dtype)
    plus, minus = jax.vmap(jax.vmap(play_period))(jnp.stack([basis, -basis]))
    return (plus - minus).T / (2 * size)


def spectral_radius(matrix: Any) -> float:
    """Return the largest absolute eigenvalue, the factor of a `step_matrix`."""
    return float(np.abs(np.linalg.eigvals(np.asarray(matrix))).max())


def verdict(distance: np.ndarray, factor: float) -> str:
    """Return what became of a trajectory: "diverges", "converges" or "cycles".

    distance: its distances to the solution `[steps + 1]`. factor: the factor by which a
    step contracts near the solution. `early` and `late` are the largest distances in
    the second and in the last quarter. It diverges if late > 1.1 early or late is not
    finite. It converges if late < 0.9 early or late is below a tenth of the first
    distance (noise keeps a path from 0), unless the solution repels (factor above 1:
    what shrinks then shrinks to a cycle around it). Else it cycles.
    """
    quarter = len(distance) // 4
    early = distance[quarter : 2 * quarter + 1].max()
    late = distance[len(distance) - quarter - 1 :].max()
    if not late <= 1.1 * early:
        return "diverges"
    shrinks = late < max(0.9 * early, 0.1 * distance[0])
    return "converges" if shrinks and factor < 1 + REPELS else "cycles"
