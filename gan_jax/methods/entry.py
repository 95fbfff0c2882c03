"""An entry of the catalogue of methods, and optimizers that several entries share."""

from typing import NamedTuple, TypedDict

from gan_jax.config import Config, OptimizerConfig


class Method(NamedTuple):
    """A named method.

    about: the idea, its source, and each deviation from it with its value. config: the
    complete Config, on the embedded digits unless its networks need other data.
    """

    about: str
    config: Config


def adam(learning_rate: float, b1: float, b2: float | None = None) -> OptimizerConfig:
    """Return Adam of a learning rate with its decays b1 and b2."""
    return OptimizerConfig("adam", learning_rate=learning_rate, b1=b1, b2=b2)


class OptimizerFields(TypedDict):
    """The two optimizers as keyword arguments of a Config."""

    g_optimizer: OptimizerConfig
    d_optimizer: OptimizerConfig


def both_optimizers(optimizer: OptimizerConfig) -> OptimizerFields:
    """Return one optimizer for both players, as keyword arguments of a Config."""
    return {"g_optimizer": optimizer, "d_optimizer": optimizer}


DCGAN_ADAM = both_optimizers(adam(2e-4, 0.5, 0.999))
WGAN_ADAM = both_optimizers(adam(1e-4, 0.0, 0.9))
RPGAN_ADAM = both_optimizers(adam(2e-4, 0.0, 0.99))
