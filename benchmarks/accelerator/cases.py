"""The cases of the stage *right*, and what stages do with a Config.

The cases are a Config for every registered name of a step.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.speed.contenders import make_runner
from gan_jax import Batch, Config, TrainState, build, init_state
from gan_jax.assembly.datasets import find_dataset
from gan_jax.augment import AUGMENTS
from gan_jax.config import DatasetConfig, EmaConfig, ModelConfig, OptimizerConfig
from gan_jax.dynamics import DYNAMICS
from gan_jax.layers import ACTIVATIONS, NORMS, OUTPUTS
from gan_jax.layers.minibatch import MINIBATCH
from gan_jax.losses import LOSSES
from gan_jax.methods.changes import change_fields
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES

SGD = OptimizerConfig("sgd", learning_rate=0.1)
IMAGES, POINTS = (
    Config(
        batch_size=16,
        precision="highest",
        dataset=data,
        model=ModelConfig(model, width=8, z_dim=8),
        g_optimizer=SGD,
        d_optimizer=SGD,
        ema=EmaConfig(decay=0.5),
    )
    for data, model in (
        (DatasetConfig("digits", resolution=16, rgb=True), "dcgan"),
        (DatasetConfig("ring"), "mlp"),
    )
)
BASES = (
    IMAGES,
    POINTS,
    *(change_fields(IMAGES, {"dataset.resolution": side}) for side in (28, 64)),
)
"""The games in which a name is tried: the first that it can be built for is taken."""


class Kind(NamedTuple):
    """A registry, and the fields that a name of it is given to.

    follows_gradient: whether an update with these names is a multiple of the gradient,
    so that rounding errors of the gradient stay small in it.
    """

    registry: Mapping[str, Any]
    fields: tuple[str, ...]
    follows_gradient: bool = True


KINDS = {
    "loss": Kind(LOSSES, ("loss.name",)),
    "penalty": Kind(PENALTIES, ("penalty.name",)),
    "generator penalty": Kind(GENERATOR_PENALTIES, ("generator_penalty.name",)),
    "model": Kind(MODELS, ("model.name",)),
    "rule of play": Kind(DYNAMICS, ("dynamics.name",)),
    "augmentation": Kind(AUGMENTS, ("augment.name",)),
    "optimizer": Kind(OPTIMIZERS, ("g_optimizer.name", "d_optimizer.name"), False),
    "norm": Kind(NORMS, ("model.g_norm", "model.d_norm")),
    "activation": Kind(ACTIVATIONS, ("model.activation",)),
    "output": Kind(OUTPUTS, ("model.output",)),
    "minibatch layer": Kind(MINIBATCH, ("model.d_minibatch",)),
}


def find_cases(tiny: bool) -> Iterator[tuple[str, Kind, str]]:
    """Yield the kind's name, the kind and the registered name of each case.

    tiny: only the second name of a few kinds, as the first often does nothing.
    """
    for kind, entry in KINDS.items():
        names = list(entry.registry)
        if not tiny:
            yield from ((kind, entry, name) for name in names)
        elif kind in ("loss", "penalty", "optimizer"):
            yield kind, entry, names[1]


def case_config(kind: Kind, name: str, tiny: bool) -> Config:
    """Return the first of BASES, with the name in it, that can be built.

    tiny: take points, whose networks compile fastest, before images. Raises ValueError
    with the last reason if none can.
    """
    changes = dict.fromkeys(kind.fields, name)
    reason = ""
    for base in (POINTS, *BASES) if tiny else BASES:
        config = change_fields(base, changes)
        try:
            build(config)
        except ValueError as error:
            reason = str(error)
        else:
            return config
    raise ValueError(reason)


def make_start(config: Config, cpu: Any) -> tuple[TrainState, Batch]:
    """Return the first state of a Config and its first batch, both on the CPU."""
    data = find_dataset(config)
    with jax.default_device(cpu):
        state = jax.jit(partial(init_state, build(config)))(jax.random.key(0))
        count = config.d_steps * config.batch_size
        indices = np.arange(count).reshape(config.d_steps, config.batch_size)
        return jax.device_put((state, data.get(indices)), cpu)


def player_parameters(state: TrainState) -> dict[str, Any]:
    """Return the parameters of both players."""
    return {"G": state.generator.params, "D": state.discriminator.params}


def flatten(tree: Any) -> np.ndarray:
    """Return all numbers of a tree as one vector in float64."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]).astype(
        np.float64
    )


def make_call(config: Config, steps: int) -> Callable[[], None]:
    """Return a function that makes some more steps of a run and waits for them.

    steps: a multiple of the steps of a dispatch; of fewer, a dispatch is made.
    """
    run_units, unit = make_runner(config)
    return partial(run_units, max(1, steps // unit))
