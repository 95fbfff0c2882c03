"""Look at a data set before training on it: `gan-jax data NAME --out preview.png`.

Prints the count, shape and range of the examples, how many examples each class has, and
the means and deviations of the channels in [0, 1]; of a folder also which files are
ignored and why. With --out it writes a picture: 100 examples with the names of their
classes, or 1,000 points over the true log-density.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import jax.numpy as jnp
import numpy as np
import tyro

from gan_jax.assembly.datasets import find_dataset
from gan_jax.command_line.flag_sources import DATA_FIELDS, make_flag_rewriter
from gan_jax.command_line.flags import find_given_fields, parse, refuse_unread_flags
from gan_jax.command_line.paths import (
    FIGURE_SUFFIXES,
    IMAGE_SUFFIXES,
    expand_home,
    require_picture,
)
from gan_jax.command_line.plugin_flag import gather_plugin_flags
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import validate
from gan_jax.data import TOYS, Dataset, batch_indices, dataset_fields, log_density
from gan_jax.data.core import ENDLESS
from gan_jax.data.listing import describe_ignored, escape_text
from gan_jax.logs.files import require_writable
from gan_jax.logs.grids import image_grid, name_classes
from gan_jax.logs.point_plots import draw_histogram, draw_point_panels, draw_scatter
from gan_jax.plugins.load import load_plugins
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.progress import show_progress

CHUNK = 5000
"""Examples that are described at a time."""
MOST_NAMED = 20
"""Classes whose counts are printed one by one."""


@dataclass(frozen=True)
class Flags:
    dataset: Annotated[DatasetConfig, tyro.conf.arg(name="")]
    out: str | None = None
    """The picture to write; None: none."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register names: docs/plugins.md."""


def main(arguments: list[str]) -> int:
    """Run `gan-jax data`, and return its exit code."""
    action = partial(run_with_flags, arguments)
    return catch_user_errors(action, make_flag_rewriter(Flags))


def run_with_flags(arguments: list[str]) -> None:
    """Read the name of the data set and the flags, and describe the data."""
    words = gather_plugin_flags(arguments)
    named = words and not words[0].startswith("-")
    name, rest = (words[0], words[1:]) if named else ("digits", words)
    flags = parse(
        Flags,
        rest,
        default=Flags(DatasetConfig(name=name)),
        prog=f"{name_command('data')} {name}",
        description=__doc__,
    )
    show_data(expand_home(flags, "out"), find_given_fields(Flags, rest))


def show_data(flags: Flags, given: frozenset[str]) -> None:
    """Print the facts about the data, and draw the picture if one is asked for.

    given: the fields that the user's flags have set.
    """
    load_plugins(flags.plugin)
    config = validate(replace(Config(), dataset=flags.dataset))
    name = config.dataset.name
    if flags.out:
        suffixes = FIGURE_SUFFIXES if name in TOYS else IMAGE_SUFFIXES
        require_picture("out", Path(flags.out), suffixes)
        require_writable(Path(flags.out).absolute().parent, "choose another --out")
    with show_progress("reading the data") as work:
        data = find_dataset(config)
        if flags.out and len(data.spec.shape) == 1:
            require_picture("out", Path(flags.out), FIGURE_SUFFIXES)
        unread = {*DATA_FIELDS} - {"name", "labels", *dataset_fields(name)}
        refuse_unread_flags(given, dict.fromkeys(unread, f"with the data set {name!r}"))
        work.begin("describing the data")
        facts = describe_data(data)
        if flags.out:
            work.begin("drawing the picture")
            draw_preview(data, flags.dataset, Path(flags.out))
    print(make_flag_rewriter(Flags)(facts))
    print(f"picture    {flags.out or 'none; --out FILE.png writes one'}")


def describe_data(data: Dataset) -> str:
    """Return the facts about a data set.

    They are of all examples, or of 100,000 points of an endless set.
    """
    endless = data.spec.size == ENDLESS
    count = min(len(data), 100_000) if endless else len(data)
    total, squares, low, high = 0.0, 0.0, np.inf, -np.inf
    labels = np.zeros(data.spec.label_count or 0, int)
    for start in range(0, count, CHUNK):
        batch = data.get(np.arange(start, min(start + CHUNK, count)))
        image = np.asarray(batch.image, np.float64)
        axes = tuple(range(image.ndim - 1))
        low, high = min(low, image.min()), max(high, image.max())
        unit = (image + 1) / 2 if image.ndim == 4 else image
        total, squares = total + unit.sum(axes), squares + (unit**2).sum(axes)
        if batch.label is not None:
            labels += np.bincount(np.asarray(batch.label), minlength=len(labels))
    values = count * np.prod(data.spec.shape[:-1])
    mean = total / values
    deviation = np.sqrt(squares / values - mean**2)
    what = "channel" if len(data.spec.shape) == 3 else "coordinate"
    lines = [
        f"examples   {'endless' if endless else f'{len(data):,}'}",
        f"shape      {' x '.join(map(str, data.spec.shape))}",
        f"range      {low:.3f} to {high:.3f}",
        f"{what} means       {np.round(mean, 4).tolist()}",
        f"{what} deviations  {np.round(deviation, 4).tolist()}",
    ]
    if len(labels):
        lines.append(f"labels     {describe_labels(labels, data.spec.class_names)}")
    note = [data.note] if data.note else []
    return "\n".join([*lines, *note, *describe_ignored(data.ignored)])


def describe_labels(counts: np.ndarray, names: tuple[str, ...] | None) -> str:
    """Return how many examples each class has, by name if the classes have names."""
    spread = f"(least {counts.min()}, most {counts.max()})"
    if names is not None:
        pairs = zip(map(escape_text, names[:MOST_NAMED]), counts, strict=False)
        shown = ", ".join(f"{name}: {count}" for name, count in pairs)
        return f"{shown}{', ...' if len(names) > MOST_NAMED else ''} {spread}"
    if len(counts) > MOST_NAMED:
        return f"{len(counts)} labels {spread}"
    return f"{counts.tolist()} {spread}"


def draw_preview(data: Dataset, config: DatasetConfig, path: Path) -> None:
    """Write a picture of images with their classes, or of points over the density."""
    points = len(data.spec.shape) == 1
    count = min(1000 if points else 100, len(data))
    batch = data.get(batch_indices(len(data), count, 1, 0, 0)[0])
    examples, label = np.asarray(batch.image), batch.label
    if not points:
        captions = None
        if label is not None:
            captions = name_classes(np.asarray(label), data.spec.class_names)
        return image_grid(path, examples, captions=captions)
    draw = draw_histogram if data.spec.shape == (1,) else draw_scatter
    meaning = "true log-density, sigma at least 0.05"
    density = make_log_density(config)
    draw_point_panels(path, draw, examples, [examples[:0]], [density], meaning)


def make_log_density(config: DatasetConfig) -> Callable[[np.ndarray], np.ndarray]:
    """Return the log-density of a toy as a function of points `[N, 2]`.

    It is at least -20, of Gaussians with a sigma of at least 0.05. The log-density of
    other data is not known: it is NaN.
    """
    if config.name not in TOYS:
        return lambda x: np.full(len(x), np.nan)
    mixture = TOYS[config.name](config)
    blurred = mixture._replace(sigma=max(mixture.sigma, 0.05))
    return lambda x: np.maximum(np.asarray(log_density(blurred, jnp.asarray(x))), -20)
