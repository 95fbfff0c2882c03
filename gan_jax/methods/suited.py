"""Values of a method that suit a kind of data.

METHODS has every method as its source has it, and most sources are of images of 28
pixels and more. The same numbers do not fit points or tiny images: with R1's weight of
10 no generator leaves the middle of a ring of eight points. KINDS has for each kind of
data what is changed, and why; `suited` applies it.
"""

from typing import NamedTuple

from gan_jax.config import Config
from gan_jax.methods.changes import Changes, changed, with_rates

SMALL, GREY = 16, 32
"""The longest side in pixels of small images, and of small grey ones."""


class Kind(NamedTuple):
    """What suits a kind of data.

    about: the values and the reason for them. adam_rate: Adam's learning rate, of the
    faster player; the ratio of the two stays, and all rates go linearly to 0. None:
    the learning rates stay. changes: of every method. exceptions: of these methods
    instead or besides.
    """

    about: str
    adam_rate: float | None
    changes: Changes
    exceptions: dict[str, Changes]


def both(**fields: object) -> Changes:
    """Changes of both optimizers."""
    players = ("g_optimizer", "d_optimizer")
    return {f"{player}.{name}": v for player in players for name, v in fields.items()}


KINDS: dict[str, Kind] = {
    "points": Kind(
        "",
        1e-3,
        {
            "batch_size": 256,
            "model.z_dim": 2,
            "penalty.weight": 0.1,
            "penalty.weight_end": None,
        },
        {
            "wgan_gp": {"d_steps": 1},
            "extra_adam": {"ema.decay": 0.999},
            "pacgan2": {"batch_size": 512},
        },
    ),
    "small images": Kind("", 1e-3, {"batch_size": 128, "model.name": "mlp"}, {}),
    "grey images": Kind("", 1e-3, {"model.name": "dcgan", "model.width": 16}, {}),
    "images": Kind("", None, {}, {}),
}


def kind_of(shape: tuple[int, ...]) -> str:
    """The name in KINDS of data whose examples are `(D,)` points or `(H, W, C)`."""
    if len(shape) == 1:
        return "points"
    *sides, channels = shape
    if max(sides) <= SMALL:
        return "small images"
    return "grey images" if max(sides) <= GREY and channels == 1 else "images"


def suited(name: str, config: Config, shape: tuple[int, ...]) -> Config:
    """The method's Config with the values that suit data of this shape.

    A method that brings networks of its own keeps all its values on images.
    """
    kind = KINDS[kind_of(shape)]
    if config.model.name is not None and len(shape) == 3:
        return config
    config = with_rates(config, kind.adam_rate, kind.adam_rate is not None)
    return changed(config, {**kind.changes, **kind.exceptions.get(name, {})})
