"""Metrics of the GAN itself rather than of its samples, for use during training.

Each is one of `metrics.names`, and measures a state with an instrument of
`gan_jax.diagnostics`. It sees the same examples and noise each time, so that only the
state changes its numbers. To add one, write `(inputs, state) -> Numbers` and a line in
PROBES.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.assembly.assemble import build
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import default_of, options
from gan_jax.config import Config, OptimizerConfig
from gan_jax.data import Dataset, batch_indices
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
from gan_jax.evaluate.metric import Numbers
from gan_jax.evaluate.reference import comparison_batches, unseen_dataset
from gan_jax.gan import Gan, Players, init_state, resolve
from gan_jax.objectives import example_keys
from gan_jax.optimizers import OPTIMIZERS, learning_rate
from gan_jax.types import Batch, NetState, TrainState

RESPONSE_UPDATES = 10
"""Updates of each player's best response in the duality gap."""
JUDGING_BATCHES = 4
"""Batches of other data on which the best responses are judged."""


class GanMetricInputs(NamedTuple):
    """What a metric of the GAN is computed from, beside the state.

    batches: `k -> [k, B, ...]`, the data of k discriminator steps.
    training, held_out: real examples that D was trained on, and others (None: there are
        none), in batches of its size.
    """

    gan: Gan
    config: Config
    batches: Callable[[int], Batch]
    training: Callable[[], list[Batch]]
    held_out: Callable[[], list[Batch]] | None


def refuse_nothing(inputs: GanMetricInputs) -> None:
    """Return None: the metric suits every run."""
    return None


@dataclass(frozen=True)
class GanMetric:
    """Everything about a metric of the GAN itself; it is called as its `compute` is.

    compute: `(inputs, state) -> Numbers`.
    refuses: `inputs -> message`: why it cannot be computed of such a run; None if it
        can.
    """

    compute: Callable[[GanMetricInputs, TrainState], Numbers]
    refuses: Callable[[GanMetricInputs], str | None] = refuse_nothing

    def __call__(self, inputs: GanMetricInputs, state: TrainState) -> Numbers:
        return self.compute(inputs, state)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.compute.__doc__)


def gan_metric_inputs(config: Config) -> GanMetricInputs:
    """Return the Gan (on one device) and the data that metrics of the GAN work with."""
    data = find_dataset(config)
    other = unseen_dataset(config.dataset)

    def stack_batches(count: int) -> Batch:
        picks = [
            batch_indices(len(data), config.batch_size, 1, config.seed, step)[0]
            for step in range(count)
        ]
        return jax.tree.map(jnp.asarray, data.get(np.stack(picks)))

    def real_batches(source: Dataset, turn: int) -> list[Batch]:
        return comparison_batches(source, config.metrics.n, config.batch_size, turn)

    held_out = None
    if other is not None:
        held_out = cache(lambda: real_batches(find_dataset(Config(dataset=other)), 1))
    return GanMetricInputs(
        build(config, spec=data.spec),
        config,
        cache(stack_batches),
        cache(lambda: real_batches(data, 0)),
        held_out,
    )


def second_moment_decay(group: OptimizerConfig) -> float | None:
    """Return the decay of an optimizer's second moments; None if it keeps none."""
    make = OPTIMIZERS[group.name]
    if "b2" not in options(make):
        return None
    return default_of(make, "b2") if group.b2 is None else group.b2


def optimizer_scales(config: Config, state: TrainState) -> Players:
    """Return each player's factors `1 / (sqrt(v) + eps)`; 1 without second moments."""

    def scales_of_player(net: NetState, group: OptimizerConfig) -> Any:
        return adam_scales(net, b2=second_moment_decay(group) or 0.0, eps=group.eps)

    return Players(
        scales_of_player(state.generator, config.g_optimizer),
        scales_of_player(state.discriminator, config.d_optimizer),
    )


def last_learning_rates(config: Config, state: TrainState) -> Players:
    """Return both players' learning rates in the last step."""
    taken = max(int(state.step) - 1, 0)

    def last_rate(group: OptimizerConfig, scale: str) -> float:
        schedule = learning_rate(group, config.steps, 1)
        return float(np.asarray(schedule(taken))) * float(state.scales[scale])

    return Players(
        last_rate(config.g_optimizer, "g_lr"), last_rate(config.d_optimizer, "d_lr")
    )


def peak_learning_rates(config: Config, state: TrainState) -> Players:
    """Return the schedules' highest learning rates: after warm-up, before any decay."""
    return Players(
        config.g_optimizer.learning_rate * float(state.scales["g_lr"]),
        config.d_optimizer.learning_rate * float(state.scales["d_lr"]),
    )


def parameter_scales(config: Config, state: TrainState, rate: Players) -> Players:
    """Return the factor of each parameter on the common learning rate, which is G's.

    rate: both players' learning rates, neither of them 0.
    """
    scales = optimizer_scales(config, state)
    over = rate.discriminator / rate.generator
    faster = jax.tree.map(lambda p: over * p, scales.discriminator)
    return Players(scales.generator, faster)


def rotation(inputs: GanMetricInputs, state: TrainState) -> Numbers:
    """Rotation index: `mean_u |A u| / |S u|`, A and S the game's two parts.

    `A = (J - J^T) / 2` and `S = (J + J^T) / 2` are parts of the Jacobian J of plain
    play under the run's own rates and scales, on one batch; there are 4 random u. The
    index is 0 where a player's rate is 0, because then the players do not turn.
    Source: none.
    """
    rate = last_learning_rates(inputs.config, state)
    if not min(rate) > 0:
        return {"rotation_index": 0.0}
    batch = jax.tree.map(lambda x: x[0], inputs.batches(1))
    keys = example_keys(inputs.gan, jax.random.key(0), len(batch.image))
    game = gan_game(inputs.gan, state, batch, keys)
    game = balanced(game, parameter_scales(inputs.config, state, rate))
    return {"rotation_index": rotation_index(game, jax.random.key(1))}


def collect_real_logits(gan: Gan, state: TrainState, reals: list[Batch]) -> np.ndarray:
    """Return D's logits `[N]` of real examples that come in batches."""
    each = [real_logits(gan, state, b.image, b.label) for b in reals]
    return np.concatenate(each)


def overfitting(inputs: GanMetricInputs, state: TrainState) -> Numbers:
    """Logit gap: `mean D(training) - mean D(held out)`, of `metrics.n` examples each.

    It is returned in logits and in their pooled standard deviations. Source: none.
    """
    assert inputs.held_out is not None, "require_held_out refuses such a run"
    training, held_out = (
        collect_real_logits(inputs.gan, state, batches())
        for batches in (inputs.training, inputs.held_out)
    )
    gap = logit_gap(training, held_out, boundary=inputs.gan.loss.boundary)
    return {"logit_gap": gap.gap, "logit_gap_deviations": gap.deviations}


def require_held_out(inputs: GanMetricInputs) -> str | None:
    """Return why there is no logit gap: the data have no held-out examples."""
    if inputs.held_out is None:
        return "the data have no held-out examples; leave it out"
    return None


def duality(inputs: GanMetricInputs, state: TrainState) -> Numbers:
    """Duality gap: `max_v' M(u, v') - min_u' M(u', v)`, u is G and v is D.

    The best responses u' and v' are 10 updates away, and judged on 4 batches of other
    data. Grnarova et al. 2018, arXiv 1811.05512.
    """
    batches = inputs.batches(RESPONSE_UPDATES + JUDGING_BATCHES)
    return {"duality_gap": estimate_duality_gap(inputs.gan, state, batches).gap}


def refuse_general_sum(inputs: GanMetricInputs) -> str | None:
    """Return why there is no duality gap: the game is not zero-sum."""
    gan = inputs.gan
    state = init_state(gan, jax.random.key(0))
    pair = gan.loss.generator, gan.loss.discriminator
    losses = (resolve(loss, state) for loss in pair)
    try:
        require_zero_sum(*losses)
    except ValueError as error:
        return str(error)
    return None


def estimate_duality_gap(gan: Gan, state: TrainState, batches: Batch) -> DualityGap:
    """Return the duality gap on `batches [k, B, ...]`.

    The first RESPONSE_UPDATES batches are for the best responses, the rest judge them.
    """
    responses = jax.tree.map(lambda x: x[:RESPONSE_UPDATES], batches)
    judging = jax.tree.map(lambda x: x[RESPONSE_UPDATES:], batches)
    return duality_gap(gan, state, responses, judging, jax.random.key(0))


PROBES: dict[str, GanMetric | Callable[[GanMetricInputs, TrainState], Numbers]] = {
    "rotation": GanMetric(rotation),
    "overfitting": GanMetric(overfitting, refuses=require_held_out),
    "duality": GanMetric(duality, refuses=refuse_general_sum),
}
"""The metrics of the GAN itself by name."""


def refuse_unmeasurable(inputs: GanMetricInputs, names: tuple[str, ...]) -> None:
    """Raise ValueError for metrics of PROBES that cannot be computed of such a run."""
    for name in names:
        entry = PROBES[name]
        message = entry.refuses(inputs) if isinstance(entry, GanMetric) else None
        if message is not None:
            raise ValueError(f"metrics.names {name}: {message}")


def restore_key(state: TrainState) -> TrainState:
    """Return the state with a random key, which a state that is measured lacks."""
    return state.replace(key=jax.random.key(0))  # pyright: ignore
