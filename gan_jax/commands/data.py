"""Look at a data set first: `python -m experiments.data NAME --out preview.png`.

Prints count, shape, range, how many examples each class has, and channel means and
deviations in [0, 1]; of a folder also which files are ignored and why. With --out it
writes a picture: 100 examples with the names of their classes, of points 1,000 over the
true log-density.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from gan_jax.assembly.compatibility import dataset
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
from gan_jax.data import TOYS, Dataset, batch_indices, fields_of, log_density
from gan_jax.data.core import ENDLESS
from gan_jax.data.listing import lines_of, printable
from gan_jax.logs import metric_log as logs
from gan_jax.logs.files import require_writable
from gan_jax.logs.grids import image_grid, name_classes
from gan_jax.plugins.load import load_plugins
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.output import working

CHUNK = 5000
SHOWN = 20
"""Classes whose counts are printed one by one."""


@dataclass(frozen=True)
class Flags:
    dataset: Annotated[DatasetConfig, tyro.conf.arg(name="")]
    out: str | None = None
    """The picture to write; None: none."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register names: docs/plugins.md."""


def describe(data: Dataset) -> str:
    """The facts about a set, from all of it (endless ones: 100,000 points)."""
    count = min(len(data), 100_000) if data.spec.size == ENDLESS else len(data)
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
    known = "endless" if data.spec.size == ENDLESS else f"{len(data):,}"
    what = "channel" if len(data.spec.shape) == 3 else "coordinate"
    lines = [
        f"examples   {known}",
        f"shape      {' x '.join(map(str, data.spec.shape))}",
        f"range      {low:.3f} to {high:.3f}",
        f"{what} means       {np.round(mean, 4).tolist()}",
        f"{what} deviations  {np.round(deviation, 4).tolist()}",
    ]
    if len(labels):
        lines.append(f"labels     {counts(labels, data.spec.class_names)}")
    note = [data.note] if data.note else []
    return "\n".join([*lines, *note, *lines_of(data.ignored)])


def counts(labels: np.ndarray, names: tuple[str, ...] | None) -> str:
    """How many examples each class has, by name if the classes have names."""
    spread = f"(least {labels.min()}, most {labels.max()})"
    if names is not None:
        named = zip(map(printable, names[:SHOWN]), labels, strict=False)
        shown = ", ".join(f"{name}: {count}" for name, count in named)
        return f"{shown}{', ...' if len(names) > SHOWN else ''} {spread}"
    if len(labels) > SHOWN:
        return f"{len(labels)} labels {spread}"
    return f"{labels.tolist()} {spread}"


def picture(data: Dataset, config: DatasetConfig, path: Path) -> None:
    points = len(data.spec.shape) == 1
    count = min(1000 if points else 100, len(data))
    batch = data.get(batch_indices(len(data), count, 1, 0, 0)[0])
    some, label = np.asarray(batch.image), batch.label
    if not points:
        captions = None
        if label is not None:
            captions = name_classes(np.asarray(label), data.spec.class_names)
        return image_grid(path, some, captions=captions)
    draw = logs.line if data.spec.shape == (1,) else logs.scatter
    meaning = "true log-density, sigma at least 0.05"
    logs.panels(path, draw, some, [some[:0]], [density_of(config)], meaning)


def density_of(config: DatasetConfig) -> Callable[[np.ndarray], np.ndarray]:
    """The log-density of a toy; of other points it is not known, and NaN."""
    if config.name not in TOYS:
        return lambda x: np.full(len(x), np.nan)
    mixture = TOYS[config.name](config)
    blurred = mixture._replace(sigma=max(mixture.sigma, 0.05))
    return lambda x: np.maximum(np.asarray(log_density(blurred, x)), -20)


def look(name: str, rest: list[str]) -> None:
    flags = parse(
        Flags,
        rest,
        default=Flags(DatasetConfig(name=name)),
        prog=f"{name_command('data')} {name}",
        description=__doc__,
    )
    flags = expand_home(flags, "out")
    load_plugins(flags.plugin)
    config = validate(replace(Config(), dataset=flags.dataset))
    toy = config.dataset.name in TOYS
    suffixes = FIGURE_SUFFIXES if toy else IMAGE_SUFFIXES
    if flags.out:
        require_picture("out", Path(flags.out), suffixes)
        require_writable(Path(flags.out).absolute().parent, "choose another --out")
    with working("reading the data") as work:
        data = dataset(config)
        if flags.out and len(data.spec.shape) == 1:
            require_picture("out", Path(flags.out), FIGURE_SUFFIXES)
        unread = {*DATA_FIELDS} - {"name", "labels", *fields_of(config.dataset.name)}
        reasons = dict.fromkeys(unread, f"with the data set {config.dataset.name!r}")
        refuse_unread_flags(find_given_fields(Flags, rest), reasons)
        work.begin("describing the data")
        facts = describe(data)
        if flags.out:
            work.begin("drawing the picture")
            picture(data, flags.dataset, Path(flags.out))
    print(make_flag_rewriter(Flags)(facts))
    print(f"picture    {flags.out or 'none; --out FILE.png writes one'}")


def start(arguments: list[str]) -> None:
    words = gather_plugin_flags(arguments)
    if words and not words[0].startswith("-"):
        look(words[0], words[1:])
    else:
        look("digits", words)


def main(arguments: list[str]) -> int:
    return catch_user_errors(partial(start, arguments), make_flag_rewriter(Flags))
