"""Draw from a run: `python -m experiments.sample RUN --n 64 --grid out.png`.

Writes a grid; or with --npz the samples as one array (`arr_0`, uint8 `[N, H, W, C]`,
points float32 `[N, 2]`), with --folder N PNG files, as other tools read them.
`--interpolate` makes each row of the grid a walk between two latents. Exit codes: 0
drawn, 2 bad input.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from experiments.edge import (
    IMAGE_SUFFIXES,
    exit_code,
    expand_home,
    leave,
    require_picture,
    with_own_flags,
)
from experiments.plugins import gathered, load_for
from gan_jax import logs
from gan_jax.files import require_writable
from gan_jax.gan import Gan
from gan_jax.generators import load_run, recorded_shares, truncated_latents, walks
from gan_jax.labels import draw_labels
from gan_jax.terminal import track
from gan_jax.train import generate, latents
from gan_jax.types import Array

BATCH, STEPS = 100, 10


@dataclass(frozen=True)
class Flags:
    run: Annotated[str, tyro.conf.Positional]
    """Folder of the run."""
    n: int = 64
    """How many samples; with interpolate: how many rows of 10."""
    grid: str | None = None
    """A picture of all samples; None: samples-drawn.png, or none with npz or folder."""
    npz: str | None = None
    """A file for the samples as an array."""
    folder: str | None = None
    """A folder for each sample as a PNG."""
    seed: int = 0
    """Root of the latents."""
    label: int | None = None
    """Class to draw (conditional runs); None: each as often as the data have it."""
    ema: bool = True
    """Draw from the averaged generator."""
    index: int = 0
    """Which GAN of a run of several."""
    truncation: float | None = None
    """Draw each latent value anew until it is within this many deviations."""
    interpolate: bool = False
    """Rows of 10 steps on the great circle between two latents."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register names: docs/plugins.md."""


def draw_latents(gan: Gan, flags: Flags) -> Array:
    """`[n, Z]`, or with interpolate `[10 n, Z]`."""
    count = 2 * flags.n if flags.interpolate else flags.n
    root = jax.random.key(flags.seed)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(root, jnp.arange(count))
    if flags.truncation is None:
        z = latents(gan, keys)
    else:
        z = truncated_latents(gan, keys, flags.truncation)
    return walks(z[: flags.n], z[flags.n :], STEPS) if flags.interpolate else z


def labels_of(gan: Gan, flags: Flags, count: int) -> Array | None:
    """`[count]`, as `gan_jax.sample` draws them; a row of a walk has one."""
    if flags.label is not None and gan.label_count is None:
        raise ValueError(
            f"label {flags.label}: the run is not conditional; train one with "
            "python -m experiments.train METHOD --dataset.labels"
        )
    if gan.label_count is None:
        return None
    if flags.label is not None and not 0 <= flags.label < gan.label_count:
        raise ValueError(f"label {flags.label}: must be 0 to {gan.label_count - 1}")
    if flags.label is not None:
        return jnp.full(count, flags.label)
    index = jnp.arange(count) // (STEPS if flags.interpolate else 1)
    shares = recorded_shares(flags.run)
    if shares is None:
        return index % gan.label_count
    return draw_labels(jax.random.key(flags.seed), index, shares)


def draw(flags: Flags) -> None:
    load_for(flags.run, flags.plugin)
    refuse_places(flags)
    gan, state, _ = load_run(flags.run, index=flags.index)
    if flags.n < 1:
        raise ValueError(f"n {flags.n}: must be at least 1")
    if not 0 <= flags.seed < 2**32:
        raise ValueError(f"seed {flags.seed}: must be 0 to 2^32 - 1")
    if flags.truncation is not None and not flags.truncation > 0:
        raise ValueError(f"truncation {flags.truncation}: must be over 0")
    points, wanted = len(gan.data_shape) != 3, flags.npz or flags.folder
    if points and (flags.grid or flags.folder or not wanted):
        raise ValueError(f"run {flags.run}: makes points; --npz FILE takes them")
    z = draw_latents(gan, flags)
    label = labels_of(gan, flags, len(z))
    make = jax.jit(lambda z, label: generate(gan, state, z, label, ema=flags.ema))
    parts = []
    for i in track(range(0, len(z), BATCH), "drawing", disable=len(z) <= 1000):
        own = None if label is None else label[i : i + BATCH]
        parts.append(np.asarray(make(z[i : i + BATCH], own)))
    write(flags, np.concatenate(parts))


def refuse_places(flags: Flags) -> None:
    """A ValueError for a place that cannot be written to, before anything is drawn."""
    for name in ("grid", "npz", "folder"):
        place = getattr(flags, name)
        if place and not Path(place).absolute().parent.is_dir():
            raise ValueError(f"{name} {place}: its folder does not exist; make it")
        if place:
            parent = Path(place).absolute().parent
            require_writable(parent, f"choose another --{name}")
    if flags.grid:
        require_picture("grid", Path(flags.grid), IMAGE_SUFFIXES)
    if not (flags.grid or flags.npz or flags.folder):
        require_writable(Path.cwd(), "choose a file with --grid")
    folder = Path(flags.folder) if flags.folder else None
    if folder and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ValueError(f"folder {folder}: is not empty; choose another")


def write(flags: Flags, samples: np.ndarray) -> None:
    """The files that are asked for."""
    places = []
    if flags.npz:
        logs.write_array(Path(flags.npz), samples)
        places.append(flags.npz)
    if flags.folder:
        logs.write_images(Path(flags.folder), samples)
        places.append(flags.folder)
    if flags.grid or not places:
        places.append(flags.grid or "samples-drawn.png")
        columns = STEPS if flags.interpolate else None
        logs.image_grid(Path(places[-1]), samples, columns=columns)
    print(f"{len(samples)} samples of {flags.run}: {', '.join(places)}")


def start(arguments: list[str]) -> None:
    flags = tyro.cli(
        Flags,
        args=gathered(arguments),
        prog="python -m experiments.sample",
        description=__doc__,
    )
    draw(expand_home(flags, "run", "grid", "npz", "folder"))


def main(arguments: list[str]) -> int:
    return exit_code(partial(start, arguments), with_own_flags(Flags))


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
