"""The complete description of a run: frozen dataclasses.

Every field is a flag of the same dotted name (`--penalty.weight 10`). Types and ranges
stand beside each field, and `gan_jax.config.serialization.validate` checks them. A
field that is None stands for the published value of whatever is chosen by `name`. A
step is a generator update.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from gan_jax.config.game_groups import (
    AugmentConfig,
    DynamicsConfig,
    EmaConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.config.ranges import Count, FolderName
from gan_jax.config.run_groups import (
    CheckpointConfig,
    DatasetConfig,
    LogConfig,
    MetricsConfig,
    SweepConfig,
)


@dataclass(frozen=True)
class Config:
    """Everything that describes a run."""

    steps: Count = 5000
    """Generator updates."""
    batch_size: Count = 64
    """Examples per update, over all devices."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Root of all randomness."""
    out: FolderName | None = None
    """Folder of the run; None: runs/METHOD."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register losses, networks, ...; a run records each
    as NAME.py@SHA-256 and keeps a copy: docs/plugins.md."""
    d_steps: Count = 1
    """Discriminator updates per generator update, each on fresh data."""
    g_first: bool = False
    """Order of play: the generator moves first."""
    precision: Literal["highest", "tf32", "float32", "bf16"] = "float32"
    """Precision of products: highest (true float32), tf32, float32 (arrays in float32,
    products as the backend's default) or bf16 (the networks' layers in bfloat16).
    Parameters, losses and optimizers are always float32."""
    deterministic: bool = False
    """On GPUs: only operations that repeat bit for bit, and no autotuning."""
    microbatches: Count = 1
    """Equal parts of the batch whose gradients are taken in turn and averaged."""
    placement: Literal["jit", "pmap", "shard_map", "gspmd"] = "jit"
    """One device (jit), or a batch over several; over hosts: shard_map, gspmd."""
    devices: Count | None = None
    """How many devices; None: one for jit, else all. With seeds: spreads the GANs."""
    seeds: Count = 1
    """GANs trained in one program, from seed, seed + 1, ..."""
    steps_per_call: Count | Literal["auto"] = "auto"
    """Steps in one dispatch; auto: by backend and model, as the log says."""
    on_divergence: Literal["stop", "continue", "restore"] = "stop"
    """When a metric is not finite: stop, go on regardless, or go back to the newest
    checkpoint with half the learning rates, at most three times."""
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    penalty: PenaltyConfig = field(default_factory=PenaltyConfig)
    generator_penalty: GeneratorPenaltyConfig = field(
        default_factory=GeneratorPenaltyConfig
    )
    g_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    d_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    ema: EmaConfig = field(default_factory=EmaConfig)
    dynamics: DynamicsConfig = field(default_factory=DynamicsConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    log: LogConfig = field(default_factory=LogConfig)
