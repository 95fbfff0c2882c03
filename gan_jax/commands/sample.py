"""Draw from a run: `python -m experiments.sample RUN --n 64 --grid out.png`.

Writes a picture of the samples: images in a grid, in a conditional run each with the
name of its class; points over D's logit. Or, with --npz, the samples as one array
(`arr_0`, uint8 `[N, H, W, C]`, points float32 `[N, 2]`); with --folder N PNG files, as
other tools read them. `--interpolate` makes each row of the grid a walk between two
latents. Exit codes: 0 drawn, 2 bad input.
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
from gan_jax.data.listing import some
from gan_jax.gan import Gan
from gan_jax.logs import metric_log as logs
from gan_jax.logs.files import require_writable
from gan_jax.logs.grids import image_grid, name_classes
from gan_jax.logs.sample_plots import draw_points
from gan_jax.objectives import draw_latents
from gan_jax.run_files.data_facts import read_facts
from gan_jax.run_files.load import load_run, recorded_shares, truncated_latents, walks
from gan_jax.sampling import draw_labels, generate
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.output import track, working
from gan_jax.types import Array

BATCH, STEPS = 100, 10
PICTURE = "samples-drawn.png"
"""Where samples go that nobody asked elsewhere, in the run's folder."""


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


def chosen_latents(gan: Gan, flags: Flags) -> Array:
    """`[n, Z]`, or with interpolate `[10 n, Z]`."""
    count = 2 * flags.n if flags.interpolate else flags.n
    root = jax.random.key(flags.seed)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(root, jnp.arange(count))
    if flags.truncation is None:
        z = draw_latents(gan, keys)
    else:
        z = truncated_latents(gan, keys, flags.truncation)
    return walks(z[: flags.n], z[flags.n :], STEPS) if flags.interpolate else z


def labels_of(gan: Gan, flags: Flags, count: int) -> Array | None:
    """`[count]`, as `gan_jax.sample` draws them; a row of a walk has one."""
    if flags.label is not None and gan.label_count is None:
        raise ValueError(
            f"label {flags.label}: the run is not conditional; train one with "
            f"{name_command('train')} METHOD --dataset.labels"
        )
    if gan.label_count is None:
        return None
    if flags.label is not None:
        names = class_names(flags.run)
        return jnp.full(count, number_of(flags.label, gan.label_count, names))
    index = jnp.arange(count) // (STEPS if flags.interpolate else 1)
    shares = recorded_shares(flags.run)
    if shares is None:
        return index % gan.label_count
    return draw_labels(jax.random.key(flags.seed), index, shares)


def class_names(run: str) -> tuple[str, ...] | None:
    """The names of a run's classes, None if they have none."""
    facts = read_facts(Path(run))
    return facts and facts.class_names


def number_of(label: str, count: int, names: tuple[str, ...] | None) -> int:
    """The number of a class that is given by its name or, else, by its number."""
    if names and label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < count:
        return int(label)
    near = [] if label.isdecimal() else difflib.get_close_matches(label, names or (), 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    named = names or ()
    numbered = all(name == str(i) for i, name in enumerate(named))
    known = "" if numbered else f", or a class: {some(list(named))}"
    raise ValueError(f"label {label}: must be 0 to {count - 1}{known}{hint}")


def draw(flags: Flags) -> None:
    load_beside_run(flags.run, flags.plugin)
    refuse_places(flags)
    with working("opening the run"):
        gan, state, _ = load_run(flags.run, index=flags.index)
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
    z = chosen_latents(gan, flags)
    label = labels_of(gan, flags, len(z))
    make = jax.jit(lambda z, label: generate(gan, state, z, label, ema=flags.ema))
    parts = []
    for i in track(range(0, len(z), BATCH), "drawing batches of samples"):
        own = None if label is None else label[i : i + BATCH]
        parts.append(np.asarray(make(z[i : i + BATCH], own)))
    samples = np.concatenate(parts)
    with working("writing the samples"):
        places = write_arrays(flags, samples)
        if flags.grid or not places:
            places.append(flags.grid or str(Path(flags.run) / PICTURE))
            if len(gan.data_shape) == 3:
                write_grid(flags, Path(places[-1]), samples, label)
            else:
                draw_points(Path(places[-1]), gan, state, samples)
    print(f"{len(samples)} samples of {flags.run}: {', '.join(places)}")


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
    folder = Path(flags.folder) if flags.folder else None
    if folder and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ValueError(f"folder {folder}: is not empty; choose another")


def write_arrays(flags: Flags, samples: np.ndarray) -> list[str]:
    """Writes what other tools read, as far as it is asked for; returns the places."""
    places = []
    if flags.npz:
        logs.write_array(Path(flags.npz), samples)
        places.append(flags.npz)
    if flags.folder:
        logs.write_images(Path(flags.folder), samples)
        places.append(flags.folder)
    return places


def write_grid(
    flags: Flags, path: Path, images: np.ndarray, label: Array | None
) -> None:
    """Writes a grid of the images, with the names of their classes."""
    columns = STEPS if flags.interpolate else None
    captions = None
    if label is not None:
        captions = name_classes(np.asarray(label), class_names(flags.run))
    image_grid(path, images, columns=columns, captions=captions)


def start(arguments: list[str]) -> None:
    flags = parse(
        Flags,
        gather_plugin_flags(arguments),
        prog=name_command("sample"),
        description=__doc__,
    )
    draw(expand_home(flags, "run", "grid", "npz", "folder"))


def main(arguments: list[str]) -> int:
    return catch_user_errors(partial(start, arguments), make_flag_rewriter(Flags))
