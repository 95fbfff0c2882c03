"""What a named method is, and optimizers that several share."""

from typing import NamedTuple, TypedDict

from gan_jax.config import Config, OptimizerConfig


class Method(NamedTuple):
    """about: the idea, its source, and each deviation with its value."""

    about: str
    config: Config


def adam(learning_rate: float, b1: float, b2: float | None = None) -> OptimizerConfig:
    return OptimizerConfig("adam", learning_rate=learning_rate, b1=b1, b2=b2)


class OptimizerFields(TypedDict):
    g_optimizer: OptimizerConfig
    d_optimizer: OptimizerConfig


def both_optimizers(optimizer: OptimizerConfig) -> OptimizerFields:
    return {"g_optimizer": optimizer, "d_optimizer": optimizer}


DCGAN_ADAM = both_optimizers(adam(2e-4, 0.5, 0.999))
WGAN_ADAM = both_optimizers(adam(1e-4, 0.0, 0.9))
RPGAN_ADAM = both_optimizers(adam(2e-4, 0.0, 0.99))
