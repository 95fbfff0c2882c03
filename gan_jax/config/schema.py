"""The complete description of a run: frozen dataclasses.

Every field is a flag of the same dotted name (`--penalty.weight 10`). Types and ranges
stand beside each field; `config_json.validate` checks them. A field that is None means
"the published value of whatever is chosen by `name`". A step is a generator update.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from gan_jax.config.ranges import (
    Alpha,
    Count,
    CountOrZero,
    Duration,
    FolderName,
    Fraction,
    NonNegative,
    Positive,
    Scale,
    Share,
)

Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class DatasetConfig:
    name: str = "digits"
    """What to learn: a name of DATASETS, tfds:NAME (any prepared image set of
    tensorflow-datasets) or folder:PATH (pictures)."""
    split: str | None = None
    """Part of a TFDS set, such as train[:80%]; None: train."""
    resolution: Count | None = None
    """Side of the images in pixels: centre crop, antialiased resize; None: the data's
    own."""
    rgb: bool = False
    """Grey images as three equal channels."""
    labels: bool = False
    """Condition both networks on the class."""
    flip: bool = False
    """Add each image's mirror image (left-right), doubling the data set."""
    skip_bad: bool = False
    """Folders: leave out pictures that cannot be read, and count them."""
    device_limit: NonNegative = 2.0
    """Gigabytes up to which a set lies on the device; larger ones stream from disk."""
    sigma: Positive | None = None
    """Toys: standard deviation of each Gaussian; None: the toy's own."""
    size: Count | None = None
    """Toys: fixed points (None: endless fresh ones); stacked_mnist: images (None:
    128,000)."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """What random_mixture and stacked_mnist draw from."""


@dataclass(frozen=True)
class ModelConfig:
    name: str | None = None
    """A pair of MODELS; None: mlp for points, resize for images."""
    width: Count | None = None
    """Channels or units; None: the pair's own."""
    d_width: Count | None = None
    """Units of D in a pair that reads this; None: width."""
    z_dim: Count = 64
    """Size of the latent z ~ N(0, I)."""
    g_norm: str = "none"
    """Normalization in G."""
    d_norm: str = "none"
    """Normalization in D; batch excludes critic penalties."""
    d_minibatch: str = "none"
    """Layer by which D sees a batch together."""
    g_spectral: bool = False
    """Spectral normalization of every kernel of G."""
    d_spectral: bool = False
    """Spectral normalization of every kernel of D."""
    activation: str | None = None
    """Activation in both networks; None: the pair's own."""
    slope: NonNegative = 0.2
    """Negative slope of leaky_relu; initial slope of prelu."""
    g_init: str = "he"
    """Initializer of G's kernels; normal has deviation 0.02."""
    d_init: str = "he"
    """Initializer of D's kernels; normal has deviation 0.02."""
    init_scale: Scale = 1.0
    """Factor on the initial kernels of both networks, 1e-15 to 1e15."""
    pack: Count = 1
    """Samples that D judges together, side by side as channels (PacGAN)."""
    output: str | None = None
    """G's last function; None: tanh for images, linear for points."""


@dataclass(frozen=True)
class LossConfig:
    name: str = "non_saturating"
    """A pair of LOSSES."""
    real_target: Share = 1.0
    """D's target on reals; 0.9 is one-sided label smoothing."""
    real_target_end: Share | None = None
    """D's target on reals at the last step, reached by the schedule; None: constant."""
    top_k: Share | None = None
    """Share of the fakes, those D scores highest, that G learns from at the last step,
    from all at the first by the schedule; None: all."""
    schedule: Schedule = "linear"
    """How real_target and top_k change: constant (top_k: at once), linear, cosine."""
    fake_weight: Positive = 1.0
    """Weight of the fake term of D's loss."""
    alpha_d: Alpha = 1.0
    """alpha of D's alpha-loss, at least 0.2; 1 is cross-entropy."""
    alpha_g: Alpha = 1.0
    """alpha of G's alpha-loss, at least 0.2; 1 is cross-entropy."""


@dataclass(frozen=True)
class PenaltyConfig:
    name: str = "none"
    """A critic penalty of PENALTIES."""
    weight: NonNegative = 10.0
    """Weight: lambda of WGAN-GP, gamma of R1 (which has its 1/2 inside)."""
    weight_end: NonNegative | None = None
    """Weight at the last step, reached by the schedule; None: constant."""
    schedule: Schedule = "cosine"
    """How weight goes to weight_end: constant, linear or cosine."""
    every: Count = 1
    """Apply every so many steps, with the weight times as much (lazy)."""
    sigma: Positive | None = None
    """Size of the perturbation: aR1 in data units (0.01), DRAGAN in data deviations
    (0.5), zCR in z's units (0.05); None: those."""
    decay: Fraction | None = None
    """LeCam: decay of the averages of the logits; None: 0.99."""
    transform: str | None = None
    """CR, bCR: the change of AUGMENTS under which D shall not change; None: shift_flip
    for images, instance_noise for points."""
    coupled: bool = False
    """Allow a D whose examples see each other: the penalty's gradients are then of the
    sum of logits over the group, as in StyleGAN2."""
    through_augment: bool = True
    """R1, R2, Roth: gradients are with respect to the images before the augmentation;
    false: with respect to what D sees."""


@dataclass(frozen=True)
class GeneratorPenaltyConfig:
    name: str = "none"
    """A generator penalty of GENERATOR_PENALTIES."""
    weight: NonNegative = 1.0
    """Weight."""
    every: Count = 1
    """Apply every so many steps, with the weight times as much (lazy)."""
    sigma: Positive | None = None
    """Size of the perturbation of z, in z's units; None: 0.1 (zCR: 0.05)."""
    decay: Fraction | None = None
    """Path length: decay of its average; None: 0.99."""


@dataclass(frozen=True)
class OptimizerConfig:
    name: str = "adam"
    """A chain of OPTIMIZERS."""
    learning_rate: NonNegative = 2e-4
    """Peak learning rate per update."""
    b1: Fraction = 0.5
    """Adam: decay of the first moment."""
    b2: Fraction | None = None
    """Decay of the second moment; None: Adam 0.999, RMSprop 0.99."""
    eps: Positive = 1e-8
    """Adam, RMSprop: added to the root of the second moment."""
    momentum: Annotated[float, Field(gt=-1, lt=1)] = 0.9
    """Momentum: decay of the velocity; negative values are allowed."""
    schedule: Schedule = "constant"
    """Learning rate over the run: constant, or linear or cosine decay to 0."""
    warmup_steps: CountOrZero = 0
    """Steps over which the learning rate rises linearly to its peak."""
    clip_norm: Positive | None = None
    """Largest global norm of a gradient; None: no limit."""
    clip_value: Positive | None = None
    """Largest absolute entry of a gradient; None: no limit."""
    clip_params: Positive | None = None
    """Largest absolute weight after each update (WGAN: 0.01); None: no limit."""


@dataclass(frozen=True)
class AugmentConfig:
    name: str = "none"
    """A change of everything D sees: a name of AUGMENTS."""
    strength: NonNegative | None = None
    """Noise: its deviation in data units (0.1); flip, bgc: the probability of each
    change (0.5, 0.2)."""
    strength_end: NonNegative | None = None
    """Strength at the last step, reached by the schedule; None: constant."""
    schedule: Schedule | Literal["adaptive"] = "linear"
    """How strength goes to strength_end: constant, linear or cosine; adaptive: from 0
    towards strength while D's mean sign on reals is over target, else back."""
    target: Annotated[float, Field(gt=-1, lt=1)] = 0.6
    """Adaptive: the mean sign of D's logits on reals that is aimed at."""
    adapt_kimg: Positive = 500.0
    """Adaptive: thousands of reals in which the strength can rise from 0 to full."""


@dataclass(frozen=True)
class EmaConfig:
    decay: Fraction = 0.999
    """Decay per step of the average of G's weights; 0: no average."""
    start: CountOrZero = 0
    """Steps before which the average is a copy."""
    warmup: bool = True
    """Keep the decay below (1 + t) / (10 + t), t steps after start."""


@dataclass(frozen=True)
class DynamicsConfig:
    name: str = "alternating"
    """How the players move: a rule of DYNAMICS."""
    gamma: NonNegative | None = None
    """Weight: of consensus (None: 10), of sga's adjustment (None: 1)."""
    k: Count | None = None
    """Steps: that unrolled looks ahead, between lookahead's meetings (None: 5); the
    most of competitive's solver (None: 10)."""
    alpha: Share | None = None
    """Lookahead: how far the slow parameters go to meet the fast; None: 0.5."""
    base: Literal["alternating", "simultaneous", "extragradient"] | None = None
    """Lookahead: the rule of the fast parameters; None: alternating."""


@dataclass(frozen=True)
class SweepConfig:
    penalty: tuple[NonNegative, ...] = ()
    """Factors on the penalty's weight: 0.1,1,10 trains a GAN with each."""
    g_lr: tuple[NonNegative, ...] = ()
    """Factors on G's learning rate."""
    d_lr: tuple[NonNegative, ...] = ()
    """Factors on D's learning rate."""


@dataclass(frozen=True)
class MetricsConfig:
    every: CountOrZero = 500
    """Steps between measurements of the samples; 0: none."""
    names: tuple[str, ...] = ()
    """What is measured beside the samples' diversity, of the samples or of the GAN
    itself: docs/diagnostics.md."""
    n: Annotated[int, Field(ge=2, le=1_000_000)] = 1000
    """Samples they are taken of; the log says so: frechet_distance@1000."""
    extractor: str | None = None
    """What features are taken with; None: cnn where the data have a classifier, else
    pixels."""


@dataclass(frozen=True)
class CheckpointConfig:
    every: Count | Duration = "5m"
    """Steps, or time (60s, 5m, 2h), between checkpoints; one more at the end."""
    keep: Count = 2
    """How many of the newest stay."""
    keep_every: Count | None = None
    """Those of steps that this divides stay as well; None: none."""


@dataclass(frozen=True)
class LogConfig:
    every: Count = 20
    """Steps between lines of metrics.jsonl."""
    samples_every: CountOrZero = 0
    """Steps between pictures, kept as frames of training.gif; 0: only at the end."""
    layers: bool = False
    """Log the gradient norm and the relative update of each array of parameters."""
    profile: CountOrZero = 0
    """Steps traced by jax.profiler into profile/, the first compiled ones; 0: none."""
    tensorboard: bool = False
    """Write TensorBoard event files to the run's folder."""
    wandb: bool = False
    """Log to Weights & Biases (pip install wandb), project gan_jax."""


@dataclass(frozen=True)
class Config:
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
    precision: Literal["float32", "bf16"] = "float32"
    """Of the networks' layers; parameters, losses, penalties and optimizers are always
    float32."""
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
