"""The cases of the stage *right*: a Config for every registered name of a step."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gan_jax import Config, build
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
