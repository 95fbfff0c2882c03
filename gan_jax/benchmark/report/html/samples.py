"""Samples of the median and the worst seed, drawn from the cells' checkpoints."""

import base64
import html
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.benchmark.report.html.markers import label_method
from gan_jax.benchmark.report.html.svg import element
from gan_jax.benchmark.report.html.task_panels import make_note
from gan_jax.benchmark.report.method_styles import MethodStyle
from gan_jax.benchmark.report.results import (
    RATE_AXES,
    Results,
    Row,
    lower_is_better,
    metric_value,
)
from gan_jax.benchmark.report.summary import TaskSummary, summarize_tasks
from gan_jax.config.serialization import from_file
from gan_jax.data import Mixture, mixture_of
from gan_jax.logs.grids import image_grid
from gan_jax.parallel.execution import members_of
from gan_jax.run_files.load_run import load_generator

POINTS, IMAGES = 1_000, 64
SAMPLE_SEED = 0


def draw_samples(results: Results) -> list[Path]:
    """Draw the pictures that are missing and whose cells still have a generator.

    Returns the paths of the new pictures.
    """
    drawn = []
    for found in summarize_tasks(results):
        for row in choose_rows(found).values():
            path, folder = sample_path(results, row), find_cell_folder(results, row)
            if path.exists() or folder is None:
                continue
            try:
                path.parent.mkdir(exist_ok=True)
                draw_run_samples(folder, row, path)
            except ValueError:  # no checkpoint: a run that crashed at once
                continue
            drawn.append(path)
    return drawn


def find_cell_folder(results: Results, row: Row) -> Path | None:
    """Return the run's folder, or None if it is not here."""
    folder = results.folder / "cells" / row.get("cell", "")
    known = (folder / "config.json").is_file()
    return folder if known and find_member_index(folder, row) is not None else None


def find_member_index(folder: Path, row: Row) -> int | None:
    """Return which GAN of the run the row is of; None if it is of another cell."""
    config = from_file(folder / "config.json")
    members: list[dict[str, Any]] = members_of(config) or [{"seed": config.seed}]
    wanted = {f"sweep.{axis}": row["axes"].get(axis, 1.0) for axis in RATE_AXES}
    for index, member in enumerate(members):
        same = all(member.get(name, 1.0) == value for name, value in wanted.items())
        if member["seed"] == row["seed"] and same:
            return index
    return None


def draw_run_samples(folder: Path, row: Row, path: Path) -> None:
    """Draw a scatter of points over the data's centres, or a grid of images."""
    sample, config = load_generator(folder, index=find_member_index(folder, row) or 0)
    key = jax.random.key(SAMPLE_SEED)
    mixture = mixture_of(config.dataset)
    made = np.asarray(sample(key, IMAGES if mixture is None else POINTS))
    if mixture is None:
        image_grid(path, np.nan_to_num(made), side=32, columns=8)
    else:
        draw_scatter(path, made, mixture)


def draw_scatter(path: Path, made: np.ndarray, mixture: Mixture) -> None:
    """Draw points over the data's centres, or a histogram in one dimension."""
    from matplotlib.figure import Figure

    centres = mixture.centres
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


def make_sample_section(results: Results, task: str, entries: list[TaskSummary]) -> str:
    """Return pictures of the median and the worst seed, where the folder has them."""
    figures = []
    for e in entries:
        for kind, row in choose_rows(e).items():
            path = sample_path(results, row)
            if path.is_file():
                style = results.styles[e.method]
                figures.append(make_sample_figure(e.method, style, kind, row, path))
    if not figures:
        return make_note(
            "There are no samples to show: they are drawn from the runs' checkpoints, "
            "and this folder has none."
        )
    return element("div", *figures, class_="panels pictures")


def choose_rows(entry: TaskSummary) -> dict[str, Row]:
    """Return the rows of the median and of the worst seed, by the task's metric."""
    metric = next(iter(entry.finals), None)
    if metric is None:
        return {}
    sign = 1 if lower_is_better(metric) else -1
    ordered = sorted(entry.rows, key=lambda row: sign * metric_value(row, metric))
    return {"median": ordered[(len(ordered) - 1) // 2], "worst": ordered[-1]}


def sample_path(results: Results, row: Row) -> Path:
    """Return the picture's path, such as `samples/ring-r1-3.png`."""
    name = f"{row['task']}-{row['label']}-{row['seed']}.png".replace(", ", "-")
    return results.folder / "samples" / name.replace(" ", "-")


def make_sample_figure(
    method: str, style: MethodStyle, kind: str, row: Row, path: Path
) -> str:
    """Return a picture inside the page, with the method and how the run ended."""
    data = base64.b64encode(path.read_bytes()).decode()
    ended = row["outcome"].replace("_", " ")
    words = f"{kind} run (seed {row['seed']}): {ended}"
    alt = f"samples of {method}, {words}"
    image = element("img", src=f"data:image/png;base64,{data}", alt=alt)
    head = element("figcaption", label_method(method, style), f", {html.escape(words)}")
    return element("figure", head, image, data_method=method)
