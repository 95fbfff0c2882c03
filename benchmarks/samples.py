"""Samples of the median and the worst seed, from the cells' checkpoints."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.pictures import chosen_seeds, picture_path
from benchmarks.rows import RATES, Results, Row
from benchmarks.summary import entries
from gan_jax import load_generator
from gan_jax.config import Config
from gan_jax.config_json import from_file
from gan_jax.data import TOYS
from gan_jax.logs import image_grid
from gan_jax.program import members_of

POINTS, IMAGES = 1_000, 64
KEY = 0


def draw_samples(results: Results) -> list[Path]:
    """The pictures that are not there yet and whose cells can still make samples."""
    drawn = []
    for found in entries(results):
        for row in chosen_seeds(found).values():
            path, folder = picture_path(results, row), cell_folder(results, row)
            if path.exists() or folder is None:
                continue
            try:
                path.parent.mkdir(exist_ok=True)
                draw(folder, row, path)
            except ValueError:  # no checkpoint: a run that crashed at once
                continue
            drawn.append(path)
    return drawn


def cell_folder(results: Results, row: Row) -> Path | None:
    """The run's folder, if it is here."""
    for cell in results.plan.get("cells", []):
        if (cell["task"], cell["method"]) == (row["task"], row["method"]):
            folder = results.folder / "cells" / cell["id"]
            if (folder / "config.json").is_file() and index_of(folder, row) is not None:
                return folder
    return None


def index_of(folder: Path, row: Row) -> int | None:
    """Which GAN of the run the row is of; None: it is of another cell."""
    config = from_file(folder / "config.json")
    members: list[dict[str, Any]] = members_of(config) or [{"seed": config.seed}]
    wanted = {f"sweep.{axis}": row["axes"].get(axis, 1.0) for axis in RATES}
    for index, member in enumerate(members):
        same = all(member.get(name, 1.0) == value for name, value in wanted.items())
        if member["seed"] == row["seed"] and same:
            return index
    return None


def draw(folder: Path, row: Row, path: Path) -> None:
    """A scatter of points over the data's centres, or a grid of images."""
    sample, config = load_generator(folder, index=index_of(folder, row) or 0)
    key = jax.random.key(KEY)
    points = config.dataset.name in TOYS
    made = np.asarray(sample(key, POINTS if points else IMAGES))
    if points:
        scatter(path, made, config)
    else:
        image_grid(path, np.nan_to_num(made), side=32, columns=8)


def scatter(path: Path, made: np.ndarray, config: Config) -> None:
    from matplotlib.figure import Figure

    centres = TOYS[config.dataset.name](config.dataset).centers
    reach = 1.35 * float(np.abs(centres).max() or 1.0)
    figure = Figure(figsize=(2.4, 2.4), dpi=110, layout="constrained")
    axis = figure.add_subplot()
    known = made[np.isfinite(made).all(axis=1)]
    if made.shape[1] == 1:
        axis.hist(known[:, 0], bins=60, color="#185c5c")
    else:
        axis.scatter(*centres.T, s=70, facecolors="none", edgecolors="#c9c4b8")
        axis.scatter(*known.T, s=2, color="#185c5c", alpha=0.5, linewidths=0)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axis.set(xticks=[], yticks=[])
    for side in axis.spines.values():
        side.set_visible(False)
    figure.savefig(path)
