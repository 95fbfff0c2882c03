"""Metrics of a GAN itself rather than of its samples: instruments in training.

Each is one of `metrics.names` and works on a state as `gan_jax.diagnostics` does. They
see the same examples and noise each time, so that their course is the state's.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.assembly.assemble import build
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, OptimizerConfig
from gan_jax.data import batch_indices
from gan_jax.diagnostics import (
    DualityGap,
    adam_scales,
    balanced,
    duality_gap,
    gan_game,
    logit_gap,
    real_logits,
    rotation_index,
)
from gan_jax.diagnostics.duality import require_zero_sum
from gan_jax.evaluate.reference import in_batches, unseen
from gan_jax.gan import Gan, Players, init_state, resolve
from gan_jax.objectives import example_keys
from gan_jax.optimizers import learning_rate
from gan_jax.types import Batch, NetState, TrainState

Numbers = dict[str, float]
RESPONSES = 10
"""Updates of each player's best response; TESTS batches of other data judge them."""
TESTS = 4
DECAYS = {"adam": 0.999, "optimistic_adam": 0.999, "rmsprop": 0.99}
"""Of second moments, where the config has None."""


class Scene(NamedTuple):
    """What probes see of a run.

    batches: `[k, B, ...]`, the data of k D steps. training, held_out: reals that D was
    trained on, and others (None: there are none), in batches of its size.
    """

    gan: Gan
    config: Config
    batches: Callable[[int], Batch]
    training: Callable[[], list[Batch]]
    held_out: Callable[[], list[Batch]] | None


def scene(config: Config) -> Scene:
    """The Gan (on one device) and the data that probes work with."""
    data = find_dataset(config)
    other = unseen(config.dataset)

    def some(count: int) -> Batch:
        picks = [
            batch_indices(len(data), config.batch_size, 1, config.seed, step)[0]
            for step in range(count)
        ]
        return jax.tree.map(jnp.asarray, data.get(np.stack(picks)))

    def reals(source: Config, turn: int) -> list[Batch]:
        return in_batches(
            find_dataset(source), config.metrics.n, config.batch_size, turn
        )

    held_out = None
    if other is not None:
        away = dataclasses.replace(config, dataset=other)
        held_out = cache(lambda: reals(away, 1))
    return Scene(
        build(config, spec=data.spec),
        config,
        cache(some),
        cache(lambda: reals(config, 0)),
        held_out,
    )


def optimizer_scales(config: Config, state: TrainState) -> Players:
    """Each player's division by the root of its second moments; 1 without."""

    def own(net: NetState, group: OptimizerConfig) -> Any:
        b2 = DECAYS.get(group.name, 0.0) if group.b2 is None else group.b2
        return adam_scales(net, b2=b2, eps=group.eps)

    return Players(
        own(state.generator, config.g_optimizer),
        own(state.discriminator, config.d_optimizer),
    )


def rates(config: Config, state: TrainState) -> Players:
    """The learning rates of the last step made."""
    taken = max(int(state.step) - 1, 0)

    def rate(group: OptimizerConfig, scale: str) -> float:
        schedule = learning_rate(group, config.steps, 1)
        return float(np.asarray(schedule(taken))) * float(state.scales[scale])

    return Players(rate(config.g_optimizer, "g_lr"), rate(config.d_optimizer, "d_lr"))


def highest_rates(config: Config, state: TrainState) -> Players:
    """The highest learning rates of the schedules: after warm-up, before any decay."""
    return Players(
        config.g_optimizer.learning_rate * float(state.scales["g_lr"]),
        config.d_optimizer.learning_rate * float(state.scales["d_lr"]),
    )


def own_scales(config: Config, state: TrainState, rate: Players) -> Players:
    """The factor of each parameter on the common learning rate, which is G's.

    rate: both players' learning rates, of which none may be 0.
    """
    scales = optimizer_scales(config, state)
    over = rate.discriminator / rate.generator
    faster = jax.tree.map(lambda p: over * p, scales.discriminator)
    return Players(scales.generator, faster)


def rotation(scene: Scene, state: TrainState) -> Numbers:
    """|A u| / |S u| of plain play under the run's own rates and scales, on one batch, 4
    probes; 0 where a player's rate is 0: nobody is chased."""
    rate = rates(scene.config, state)
    if not min(rate) > 0:
        return {"rotation_index": 0.0}
    batch = jax.tree.map(lambda x: x[0], scene.batches(1))
    keys = example_keys(scene.gan, jax.random.key(0), len(batch.image))
    game = gan_game(scene.gan, state, batch, keys)
    game = balanced(game, own_scales(scene.config, state, rate))
    return {"rotation_index": rotation_index(game, jax.random.key(1))}


def logits(gan: Gan, state: TrainState, reals: list[Batch]) -> np.ndarray:
    each = [real_logits(gan, state, b.image, b.label) for b in reals]
    return np.concatenate(each)


def overfitting(scene: Scene, state: TrainState) -> Numbers:
    """D's logits of training reals less those of held-out ones, `metrics.n` of each."""
    assert scene.held_out is not None, "refused by `require`"
    sides = (
        logits(scene.gan, state, reals()) for reals in (scene.training, scene.held_out)
    )
    found = logit_gap(*sides, boundary=scene.gan.loss.boundary)
    return {"logit_gap": found.gap, "logit_gap_deviations": found.deviations}


def duality(scene: Scene, state: TrainState) -> Numbers:
    """The duality gap, by 10 updates of best response, judged on 4 other batches."""
    return {"duality_gap": gap(scene.gan, state, scene.batches(RESPONSES + TESTS)).gap}


def gap(gan: Gan, state: TrainState, batches: Batch) -> DualityGap:
    """The duality gap: RESPONSES of the batches for responses, the rest to judge."""
    found = jax.tree.map(lambda x: x[:RESPONSES], batches)
    test = jax.tree.map(lambda x: x[RESPONSES:], batches)
    return duality_gap(gan, state, found, test, jax.random.key(0))


PROBES: dict[str, Callable[[Scene, TrainState], Numbers]] = {
    "rotation": rotation,
    "overfitting": overfitting,
    "duality": duality,
}


def require(scene: Scene, names: tuple[str, ...]) -> None:
    """A ValueError for probes that cannot be taken of such a run."""
    gan = scene.gan
    if "overfitting" in names and scene.held_out is None:
        raise ValueError(
            "metrics.names overfitting: the data have no held-out examples; leave it "
            "out"
        )
    if "duality" in names:
        state = init_state(gan, jax.random.key(0))
        losses = (
            resolve(gan.loss.generator, state),
            resolve(gan.loss.discriminator, state),
        )
        try:
            require_zero_sum(*losses)
        except ValueError as error:
            raise ValueError(f"metrics.names duality: {error}") from None


def typed(state: TrainState) -> TrainState:
    """The state with a key again, which measurements come without."""
    return state.replace(key=jax.random.key(0))  # pyright: ignore
