"""The Config: everything that describes a run."""

from gan_jax.config.schema import (
    AugmentConfig,
    CheckpointConfig,
    Config,
    DatasetConfig,
    DynamicsConfig,
    EmaConfig,
    GeneratorPenaltyConfig,
    LogConfig,
    LossConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
    Schedule,
    SweepConfig,
)

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
