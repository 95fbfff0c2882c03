"""Kinds of data, and the values of a method that suit each of them.

METHODS has every method as its source has it, and most sources are of images of 28
pixels and more. The same numbers do not fit points or tiny images: with the values of
its source R1's generator stays in the middle of a ring of eight points. DATA_KINDS says
what is changed for each kind of data, and why; `adapt_to_data` changes it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from gan_jax.config import Config
from gan_jax.methods.changes import PLAYERS, Changes, change_fields, change_rates

SMALL, GREY = 16, 32
"""The longest sides in pixels of small images and of grey images."""


class DataKind(NamedTuple):
    """The values that suit a kind of data.

    about: the values, the reason for them and what they reach. adam_rate: the rate of
    the faster player where Adam is used; the ratio of the two stays, and all rates go
    linearly to 0. None: the rates stay. weights: the weight of each of these critic
    penalties, whatever the method. changes: changes of every method. exceptions:
    further changes of single methods, which are made last.
    """

    about: str
    adam_rate: float | None = None
    weights: Mapping[str, float] = {}
    changes: Changes = {}
    exceptions: dict[str, Changes] = {}


def set_both_optimizers(**values: object) -> Changes:
    """Return changes of these fields of both optimizers."""
    return {f"{player}.{k}": v for player in PLAYERS for k, v in values.items()}


SLOPE_PENALTIES = (
    "wgan_gp",
    "wgan_lp",
    "gp_zero",
    "r1",
    "r2",
    "r1_r2",
    "roth",
    "dragan",
)
"""The critic penalties of the norm of D's gradient at examples."""
SLOPE_WEIGHT = 0.1
"""The weight of these penalties on points."""
AS_PUBLISHED = dict.fromkeys(
    ("wgan", "consensus", "sga", "competitive", "negative_momentum"),
    set_both_optimizers(schedule="constant"),
)
"""Constant rates for methods without Adam: no others were measured to be better."""
SHORT_AVERAGE = {"extra_adam": {"ema.decay": 0.999}}
"""A shorter average: one over 10,000 steps would still hold the start after 5,000."""

DATA_KINDS: dict[str, DataKind] = {
    "points": DataKind(
        "Latents of 2 numbers, not 64: a G of 128 units cannot fold so many into sharp "
        "modes (R1, seed 0: 7 robust modes of the ring, else 0). Penalties of the "
        "slope of D have the weight 0.1; with R1's own 10 and all else alike 6 modes "
        "are robust (seed 0), at a like distance. Batch 256, Adam 1e-3 that goes to 0: "
        "the ring is learned in 5,000 steps. One D step for wgan_gp: 8 modes at a "
        "third of the cost.",
        adam_rate=1e-3,
        weights=dict.fromkeys(SLOPE_PENALTIES, SLOPE_WEIGHT)
        | {"ar1": 1.0, "ar1_ar2": 1.0},
        changes={"batch_size": 256, "model.z_dim": 2, "penalty.weight_end": None},
        exceptions={
            **AS_PUBLISHED,
            "wgan": set_both_optimizers(learning_rate=1e-3),
            "wgan_gp": {"d_steps": 1},
            "wgan_lp": {"d_steps": 1},
            "sn_gan": {"d_steps": 1},
            "pacgan2": {"batch_size": 512},
            "mlp_sgd": {"model.output": None, **set_both_optimizers(learning_rate=0.1)},
            "mlp_leaky": {"model.output": None},
            **SHORT_AVERAGE,
        },
    ),
    "small images": DataKind(
        "Dense networks, batch 128, Adam 1e-3 that goes to 0: the digits suite of the "
        "benchmark. 5,000 steps of r3gan take 33 core-seconds; penalties have their "
        "source's weights.",
        adam_rate=1e-3,
        changes={"batch_size": 128, "model.name": "mlp"},
        exceptions={"pacgan2": {"batch_size": 256}, **AS_PUBLISHED, **SHORT_AVERAGE},
    ),
    "grey images": DataKind(
        "DCGAN of 16 channels: a step of wgan_gp costs 0.12 core-seconds, of the "
        "resize pair of 32 1.8. Adam 1e-3 that goes to 0, and R1's weight of 1: the "
        "MNIST picture of README.",
        adam_rate=1e-3,
        weights={"r1": 1.0},
        changes={"model.name": "dcgan", "model.width": 16},
        exceptions={**AS_PUBLISHED, **SHORT_AVERAGE},
    ),
    "images": DataKind(
        "DCGAN of 32 channels: a step of R1 on 32 colour pixels costs 0.18 "
        "core-seconds, of the resize pair of 32 0.97. Quality was not measured.",
        changes={"model.name": "dcgan", "model.width": 32},
    ),
}


def name_kind(shape: tuple[int, ...]) -> str:
    """Return the name in DATA_KINDS of points `(D,)` or images `(H, W, C)`."""
    if len(shape) == 1:
        return "points"
    *sides, channels = shape
    if max(sides) <= SMALL:
        return "small images"
    return "grey images" if max(sides) <= GREY and channels == 1 else "images"


def adapt_to_data(name: str, config: Config, shape: tuple[int, ...]) -> Config:
    """Return the Config of a method with the values that suit data of a shape.

    name: the method's name. config: its Config. shape: that of one example. The
    penalty's weight is that of `config.penalty.name`, which may be another penalty than
    the method's own. A method with networks of its own keeps all its values on images.
    """
    kind = DATA_KINDS[name_kind(shape)]
    if config.model.name is not None and len(shape) == 3:
        return config
    config = change_rates(config, kind.adam_rate, decay=kind.adam_rate is not None)
    weight = kind.weights.get(config.penalty.name, config.penalty.weight)
    changes = {"penalty.weight": weight, **kind.changes}
    return change_fields(config, {**changes, **kind.exceptions.get(name, {})})
