"""Draw from a finished run: `python -m experiments.sample RUN [--label 3]`."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from experiments.edge import exit_code
from gan_jax import logs
from gan_jax.checks import dataset
from gan_jax.generators import load_generator


@dataclass(frozen=True)
class Flags:
    run: Annotated[str, tyro.conf.Positional]
    """Folder of the run."""
    n: int = 64
    """How many samples."""
    grid: str = "samples-drawn.png"
    """The picture to write, a grid of images."""
    seed: int = 0
    """Root of the latents."""
    label: int | None = None
    """Class to draw (conditional runs); None: the classes in turn."""
    ema: bool = True
    """Draw from the averaged generator."""


def draw(flags: Flags) -> None:
    sample, config = load_generator(flags.run)
    spec = dataset(config).spec
    if flags.n < 1:
        raise ValueError(f"n {flags.n}: must be at least 1")
    if len(spec.shape) != 3:
        raise ValueError(f"run {flags.run}: makes points, of which there is no grid")
    label = None
    if flags.label is not None:
        if not config.dataset.labels:
            raise ValueError(
                f"label {flags.label}: the run is not conditional; train with "
                "--dataset.labels"
            )
        if not 0 <= flags.label < (spec.label_count or 0):
            raise ValueError(
                f"label {flags.label}: must be 0 to {(spec.label_count or 0) - 1}"
            )
        label = jnp.int32(flags.label)
    images = sample(jax.random.key(flags.seed), flags.n, ema=flags.ema, label=label)
    logs.image_grid(Path(flags.grid), np.asarray(images))
    print(f"{flags.n} samples of {flags.run}: {flags.grid}")


def main(arguments: list[str]) -> int:
    flags = tyro.cli(
        Flags, args=arguments, prog="python -m experiments.sample", description=__doc__
    )
    return exit_code(partial(draw, flags))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
