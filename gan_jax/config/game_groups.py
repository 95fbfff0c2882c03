"""Groups of the Config that describe the game: networks, objectives, optimizers."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from gan_jax.config.ranges import (
    Alpha,
    Count,
    CountOrZero,
    Fraction,
    NonNegative,
    Positive,
    Scale,
    Share,
)

Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class ModelConfig:
    """The networks of both players."""

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
    """The pair of losses."""

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
    """The penalty of D."""

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
    """CR, bCR: the augmentation of AUGMENTS under which D should stay the same; None:
    shift_flip for images, instance_noise for points."""
    coupled: bool = False
    """Allow a D whose examples see each other: the penalty's gradients are then of the
    sum of logits over the group, as in StyleGAN2."""
    through_augment: bool = True
    """R1, R2, Roth: gradients are with respect to the images before the augmentation;
    false: with respect to what D sees."""


@dataclass(frozen=True)
class GeneratorPenaltyConfig:
    """The penalty of G."""

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
    """The optimizer of one player."""

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
    """The augmentation of everything that D sees."""

    name: str = "none"
    """The augmentation of everything D sees: a name of AUGMENTS."""
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
    """The average of the weights of G over the steps."""

    decay: Fraction = 0.999
    """Decay per step of the average of G's weights; 0: no average."""
    start: CountOrZero = 0
    """Steps before which the average is a copy."""
    warmup: bool = True
    """Keep the decay below (1 + t) / (10 + t), t steps after start."""


@dataclass(frozen=True)
class DynamicsConfig:
    """The rule by which both players move."""

    name: str = "alternating"
    """How the players move: a rule of DYNAMICS."""
    gamma: NonNegative | None = None
    """Weight of consensus (None: 10), or of sga's adjustment (None: 1)."""
    k: Count | None = None
    """Steps that unrolled looks ahead, or between two meetings of lookahead (None: 5);
    largest number of steps of competitive's solver (None: 10)."""
    alpha: Share | None = None
    """Lookahead: how far the slow parameters go to meet the fast; None: 0.5."""
    base: Literal["alternating", "simultaneous", "extragradient"] | None = None
    """Lookahead: the rule of the fast parameters; None: alternating."""
