"""Groups of the Config that describe a run: data, sweep, metrics, checkpoints, log."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gan_jax.config.ranges import Count, CountOrZero, Duration, NonNegative, Positive


@dataclass(frozen=True)
class DatasetConfig:
    """The data to learn."""

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
    """Toys: fixed points (None: endless fresh ones); stacked_mnist and stacked_digits:
    images (None: 128,000)."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the sets that are drawn: random_mixture, stacked_mnist and
    stacked_digits."""


@dataclass(frozen=True)
class SweepConfig:
    """Factors that are tried out: a GAN is trained for each combination."""

    penalty: tuple[NonNegative, ...] = ()
    """Factors on the penalty's weight: 0.1,1,10 trains a GAN with each."""
    g_lr: tuple[NonNegative, ...] = ()
    """Factors on G's learning rate."""
    d_lr: tuple[NonNegative, ...] = ()
    """Factors on D's learning rate."""


@dataclass(frozen=True)
class MetricsConfig:
    """The measurements of the samples during a run."""

    every: CountOrZero = 500
    """Steps between measurements of the samples; 0: none."""
    names: tuple[str, ...] = ()
    """What is measured beside the samples' diversity, of the samples or of the GAN
    itself: docs/diagnostics.md."""
    n: Annotated[int, Field(ge=2, le=1_000_000)] = 1000
    """Samples that are measured; the log names the number: frechet_distance@1000."""
    extractor: str | None = None
    """What features are taken with; None: cnn where the data have a classifier, else
    pixels."""


@dataclass(frozen=True)
class CheckpointConfig:
    """The checkpoints of a run."""

    every: Count | Duration = "5m"
    """Steps, or time (60s, 5m, 2h), between checkpoints; one more at the end."""
    keep: Count = 2
    """Newest checkpoints that are kept."""
    keep_every: Count | None = None
    """Checkpoints of steps that this divides are kept as well; None: none."""


@dataclass(frozen=True)
class LogConfig:
    """What a run logs, and how often."""

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
