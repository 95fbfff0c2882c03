"""Draw samples of a run: `gan-jax sample RUN --n 64 --grid out.png`.

Writes a picture of the samples: images in a grid, in a conditional run each with the
name of its class, or points over D's logit. With --npz it writes the samples as one
array (`arr_0`, uint8 `[N, H, W, C]`, points float32 `[N, 2]`) instead, and with
--folder N PNG files, as other tools read them. `--interpolate` makes each row of the
grid a walk between two latents. Exit codes: 0 drawn, 2 bad input.
"""

import difflib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import parse
from gan_jax.command_line.paths import IMAGE_SUFFIXES, expand_home, require_picture
from gan_jax.command_line.plugin_flag import gather_plugin_flags, load_beside_run
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.data.listing import summarize_names
from gan_jax.gan import Gan
from gan_jax.logs.files import require_writable
from gan_jax.logs.grids import image_grid, name_classes
from gan_jax.logs.images import write_array, write_images
from gan_jax.logs.sample_plots import draw_generated_points
from gan_jax.objectives import draw_latents
from gan_jax.run_files.data_facts import read_facts, recorded_shares
from gan_jax.run_files.latents import draw_truncated_latents, interpolate_latents
from gan_jax.run_files.load_run import load_run
from gan_jax.sampling import draw_labels, generate
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.progress import show_progress, track
from gan_jax.types import Array, TrainState

BATCH, STEPS = 100, 10
"""Samples that are drawn at a time, and the steps of a walk between two latents."""
PICTURE = "samples-drawn.png"
"""The picture's name in the run's folder, where no other place is asked for."""


@dataclass(frozen=True)
class Flags:
    run: Annotated[str, tyro.conf.Positional]
    """Folder of the run."""
    n: int = 64
    """How many samples; with interpolate: how many rows of 10."""
    grid: str | None = None
    """A picture of all samples; None: samples-drawn.png in the run's folder, or none
    with npz or folder."""
    npz: str | None = None
    """A file for the samples as an array."""
    folder: str | None = None
    """A folder for each sample as a PNG."""
    seed: int = 0
    """Root of the latents."""
    label: str | None = None
    """Class to draw (conditional runs), by its name or its number; None: each class as
    often as the data have it."""
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


def main(arguments: list[str]) -> int:
    """Run `gan-jax sample`, and return its exit code."""
    action = partial(run_with_flags, arguments)
    return catch_user_errors(action, make_flag_rewriter(Flags))


def run_with_flags(arguments: list[str]) -> None:
    """Read the flags, draw the samples, and print where they are."""
    flags = parse(
        Flags,
        gather_plugin_flags(arguments),
        prog=name_command("sample"),
        description=__doc__,
    )
    flags = expand_home(flags, "run", "grid", "npz", "folder")
    load_beside_run(flags.run, flags.plugin)
    require_places(flags)
    with show_progress("opening the run"):
        gan, state, _ = load_run(flags.run, index=flags.index)
    require_values(flags, gan)
    z = choose_latents(gan, flags)
    label = choose_labels(gan, flags, len(z))
    samples = draw_samples(gan, state, z, label, flags.ema)
    with show_progress("writing the samples"):
        places = write_arrays(flags, samples)
        if flags.grid or not places:
            places.append(flags.grid or str(Path(flags.run) / PICTURE))
            if len(gan.data_shape) == 3:
                write_grid(flags, Path(places[-1]), samples, label)
            else:
                draw_generated_points(Path(places[-1]), gan, state, samples)
    print(f"{len(samples)} samples of {flags.run}: {', '.join(places)}")


def require_places(flags: Flags) -> None:
    """Raise ValueError or OSError for a place that cannot be written to."""
    for name in ("grid", "npz", "folder"):
        place = getattr(flags, name)
        if place and not Path(place).absolute().parent.is_dir():
            raise ValueError(f"{name} {place}: its folder does not exist; make it")
        if place:
            parent = Path(place).absolute().parent
            require_writable(parent, f"choose another --{name}")
    if flags.grid:
        require_picture("grid", Path(flags.grid), IMAGE_SUFFIXES)
    folder = Path(flags.folder) if flags.folder else None
    if folder and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ValueError(f"folder {folder}: is not empty; choose another")


def require_values(flags: Flags, gan: Gan) -> None:
    """Raise ValueError for a flag's value that is out of range or does not suit."""
    if not (flags.grid or flags.npz or flags.folder):
        require_writable(Path(flags.run), "choose a file with --grid")
    if flags.n < 1:
        raise ValueError(f"n {flags.n}: must be at least 1")
    if not 0 <= flags.seed < 2**32:
        raise ValueError(f"seed {flags.seed}: must be 0 to 2^32 - 1")
    if flags.truncation is not None and not flags.truncation > 0:
        raise ValueError(f"truncation {flags.truncation}: must be over 0")
    if flags.folder and len(gan.data_shape) != 3:
        raise ValueError(f"run {flags.run}: makes points; --npz FILE takes them")


def choose_latents(gan: Gan, flags: Flags) -> Array:
    """Return the latents `[n, Z]`, or with interpolate `[10 n, Z]`."""
    count = 2 * flags.n if flags.interpolate else flags.n
    root = jax.random.key(flags.seed)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(root, jnp.arange(count))
    if flags.truncation is None:
        z = draw_latents(gan, keys)
    else:
        z = draw_truncated_latents(gan, keys, flags.truncation)
    return (
        interpolate_latents(z[: flags.n], z[flags.n :], STEPS)
        if flags.interpolate
        else z
    )


def choose_labels(gan: Gan, flags: Flags, count: int) -> Array | None:
    """Return the classes `[count]` as `gan_jax.sample` draws them.

    A row of a walk has one class. None if the run is not conditional.
    """
    if flags.label is not None and gan.label_count is None:
        raise ValueError(
            f"label {flags.label}: the run is not conditional; train one with "
            f"{name_command('train')} METHOD --dataset.labels"
        )
    if gan.label_count is None:
        return None
    if flags.label is not None:
        names = read_class_names(flags.run)
        return jnp.full(count, find_class(flags.label, gan.label_count, names))
    index = jnp.arange(count) // (STEPS if flags.interpolate else 1)
    shares = recorded_shares(flags.run)
    if shares is None:
        return index % gan.label_count
    return draw_labels(jax.random.key(flags.seed), index, shares)


def read_class_names(run: str) -> tuple[str, ...] | None:
    """Return the names of a run's classes, or None if they have none."""
    facts = read_facts(Path(run))
    return facts and facts.class_names


def find_class(label: str, count: int, names: tuple[str, ...] | None) -> int:
    """Return the number of a class that is given by its name or its number.

    Raises ValueError, with the nearest name, for a class that there is not.
    """
    if names and label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < count:
        return int(label)
    near = [] if label.isdecimal() else difflib.get_close_matches(label, names or (), 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    named = names or ()
    numbered = all(name == str(i) for i, name in enumerate(named))
    known = "" if numbered else f", or a class: {summarize_names(list(named))}"
    raise ValueError(f"label {label}: must be 0 to {count - 1}{known}{hint}")


def draw_samples(
    gan: Gan, state: TrainState, z: Array, label: Array | None, ema: bool
) -> np.ndarray:
    """Return the samples `[N, ...]` of latents `[N, Z]`, drawn BATCH at a time.

    ema: whether the averaged generator draws them.
    """
    make = jax.jit(lambda z, label: generate(gan, state, z, label, ema=ema))
    batches = []
    for i in track(range(0, len(z), BATCH), "drawing batches of samples"):
        own = None if label is None else label[i : i + BATCH]
        batches.append(np.asarray(make(z[i : i + BATCH], own)))
    return np.concatenate(batches)


def write_arrays(flags: Flags, samples: np.ndarray) -> list[str]:
    """Write the files for other tools that are asked for, and return their places."""
    places = []
    if flags.npz:
        write_array(Path(flags.npz), samples)
        places.append(flags.npz)
    if flags.folder:
        write_images(Path(flags.folder), samples)
        places.append(flags.folder)
    return places


def write_grid(
    flags: Flags, path: Path, images: np.ndarray, label: Array | None
) -> None:
    """Write a grid of the images, with the names of their classes."""
    columns = STEPS if flags.interpolate else None
    captions = None
    if label is not None:
        captions = name_classes(np.asarray(label), read_class_names(flags.run))
    image_grid(path, images, columns=columns, captions=captions)
