"""Instruments that show how much the players chase each other in circles."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.diagnostics.field import Game
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array

TINY = 1e-30
"""A denominator that keeps 0 / 0 finite."""


class PathAngle(NamedTuple):
    """The field on the line through a start (a = 0) and an end (a = 1), `[n]` each.

    positions: the values of a. cosine: that of the angle between v and the way from
    start to end. norm: |v|.
    """

    positions: np.ndarray
    cosine: np.ndarray
    norm: np.ndarray


def rotation_index(game: Game, key: Array, *, probes: int = 4) -> float:
    """Return the mean over u of `|A u| / |S u|`, u ~ N(0, I), at the game's point.

    S = (J + J^T) / 2 pulls and pushes, A = (J - J^T) / 2 turns. The index is 0 for a
    potential game (two players that minimize one function) and infinite for a pure
    rotation (a bilinear game). Each of the `probes` random u costs one jvp and one vjp,
    which are compiled once for a Gan whatever its state.
    """
    point, ratios = game.point, []
    for probe_key in jax.random.split(key, probes):
        u = jax.random.normal(probe_key, point.shape, point.dtype)
        ratios.append(turn_ratio(game.jvp(point, u), game.vjp(point, u)))
    return float(np.mean(ratios))


@jax.jit
def turn_ratio(forward: Array, backward: Array) -> Array:
    """Return `|A u| / |S u|` from `J u` and `J^T u`."""
    turning = jnp.linalg.norm(forward - backward)
    return turning / jnp.linalg.norm(forward + backward)


@at_highest_precision
def path_angle(
    game: Game, end: Array, *, first: float = 0.6, last: float = 1.4, count: int = 41
) -> PathAngle:
    """Return `cos(v(w_a), w* - w)` and `|v(w_a)|` on the line `w_a = w + a (w* - w)`.

    w is the game's point and `end` is w*, `flat(params_of(state))` of a later state; a
    takes `count` values from `first` to `last`. v descends: where w* attracts, the
    cosine falls from 1 to -1 as a passes 1; where the game turns about w*, it bumps
    there; both can be. The cosine is 0 where v is 0. Berard et al. 2019, arXiv
    1906.04848, with the opposite sign (their v ascends). Raises ValueError if the two
    points are one.
    """
    way = end - game.point
    distance = float(jnp.linalg.norm(way))
    if distance == 0:
        raise ValueError("end: is the game's own point; give a later state's")
    positions = np.linspace(first, last, count)
    cosine, norm = np.zeros(count), np.zeros(count)
    for index, a in enumerate(positions):
        v = game.field(game.point + a * way)
        norm[index] = jnp.linalg.norm(v)
        cosine[index] = jnp.vdot(v, way) / (distance * norm[index] + TINY)
    return PathAngle(positions, cosine, norm)
