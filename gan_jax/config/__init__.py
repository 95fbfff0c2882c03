"""The Config: everything that describes a run."""

from gan_jax.config.game_groups import (
    AugmentConfig,
    DynamicsConfig,
    EmaConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
    Schedule,
)
from gan_jax.config.run_groups import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    SweepConfig,
)
from gan_jax.config.schema import Config

__all__ = [
    "AugmentConfig",
    "CheckpointConfig",
    "Config",
    "DatasetConfig",
    "DynamicsConfig",
    "EmaConfig",
    "GeneratorPenaltyConfig",
    "LogConfig",
    "LossConfig",
    "MetricsConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PenaltyConfig",
    "Schedule",
    "SweepConfig",
]
