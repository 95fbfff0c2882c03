"""A plugin of tests: an entry of each of the eight kinds, and a method of them all."""

import flax.linen as nn
import numpy as np

from gan_jax.augment import AUGMENTS
from gan_jax.config import (
    AugmentConfig,
    Config,
    DatasetConfig,
    DynamicsConfig,
    LossConfig,
    MetricsConfig,
    ModelConfig,
    PenaltyConfig,
)
from gan_jax.data import DATASETS, READS, Dataset, Spec, Stored
from gan_jax.dynamics import DYNAMICS, simultaneous
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.models import MODELS
from gan_jax.penalties import PENALTIES
from gan_jax.types import Loss


class Affine(nn.Module):
    """`W x + b`: an example of three numbers, or with one output a logit."""

    outputs: int

    @nn.compact
    def __call__(self, x, label=None, *, train):
        kernel = self.param("kernel", nn.initializers.normal(1.0), (3, self.outputs))
        bias = self.param("bias", nn.initializers.zeros, (1, self.outputs))
        y = x @ kernel + bias
        return y if self.outputs > 1 else y[:, 0]


def affine(shape, g_style, d_style, output):
    return Affine(3), Affine(1)


def blocks(config):
    """256 points of three coordinates, about 1; dataset.size of them."""
    points = np.random.default_rng(0).normal(1, 0.1, (config.size or 256, 3))
    spec = Spec((3,), None, len(points))
    return Dataset(spec, lambda: Stored(points.astype(np.float32), None))


def quadratic_d(real, fake, *, fake_weight=1.0):
    return (real - 1) ** 2 + fake_weight * fake**2


LOSSES["own_loss"] = Loss(quadratic_d, lambda real, fake: (fake - 1) ** 2)
PENALTIES["own_penalty"] = lambda critic, real, fake, keys: critic(real) ** 2
MODELS["own_model"] = affine
AUGMENTS["own_augment"] = lambda images, keys: 2 * images
DYNAMICS["own_rule"] = lambda gan, state, batch: simultaneous(gan, state, batch)
DATASETS["own_data"] = blocks
READS["own_data"] = ("size",)
METRICS["own_metric"] = lambda sides: {"own_number": float(len(sides.fake.features))}
METHODS["own_method"] = Config(
    steps=4,
    batch_size=8,
    dataset=DatasetConfig("own_data"),
    model=ModelConfig("own_model", z_dim=3),
    loss=LossConfig("own_loss"),
    penalty=PenaltyConfig("own_penalty"),
    augment=AugmentConfig("own_augment"),
    dynamics=DynamicsConfig("own_rule"),
    metrics=MetricsConfig(every=2, names=("own_metric",), n=32),
)
