"""What a run writes and shows while it goes on: rows, events, pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.progress import Progress

from gan_jax import logs
from gan_jax.config import Config
from gan_jax.data import Dataset
from gan_jax.folder import FRAMES
from gan_jax.health import Row
from gan_jax.pictures import painter
from gan_jax.program import Program
from gan_jax.record import (
    Record,
    alive,
    described,
    in_words,
    longest,
    steps_per_second,
)
from gan_jax.trackers import Tracker
from gan_jax.types import TrainState


def shower(
    config: Config,
    bar: Progress,
    records: list[Record],
    folder: Path | None,
    places: list[Tracker],
    callback: Callable[[Row], None] | None,
) -> Callable[[list[Row]], None]:
    """A function that writes new rows where they belong, and shows them."""
    task = bar.add_task("", total=config.steps, rate=0, d_loss=np.nan, g_loss=np.nan)

    def mean(name: str, rows: list[Row]) -> float:
        return float(np.mean([row[name] for row in rows])) if rows else np.nan

    def show(rows: list[Row]) -> None:
        if folder is not None:
            logs.append_lines(folder / "metrics.jsonl", rows)
        for place in places:
            place.rows(rows)
        for row in rows if callback else ():
            callback(row)  # pyright: ignore
        latest = [record.rows[-1] for record in records if alive(record)]
        furthest = longest(records)
        bar.update(
            task,
            completed=furthest[-1]["step"],
            rate=steps_per_second(furthest),
            d_loss=mean("d_loss", latest),
            g_loss=mean("g_loss", latest),
        )

    return show


def noter(
    config: Config,
    folder: Path | None,
    tell: Callable[[str], None],
    places: list[Tracker],
) -> Callable[[list[Row]], None]:
    """A function that writes events, and tells of them."""

    def note(events: list[Row]) -> None:
        if folder is not None and events:
            logs.append_lines(folder / "events.jsonl", events)
        for event in events:
            tell(in_words(config, event))
            for place in places if "restored" in event else ():
                place.back(event["step"])

    return note


def album(
    config: Config, folder: Path, work: Program, data: Dataset, places: list[Tracker]
) -> Callable[[TrainState, int | None], None]:
    """A function that paints samples.png; with a step, a frame of training.gif too."""
    names = None if work.members is None else list(map(described, work.members))
    paint = painter(work.gan, data, names)

    def add(state: TrainState, step: int | None) -> None:
        with logs.telling(folder):
            draw(state, step)

    def draw(state: TrainState, step: int | None) -> None:
        if step is None:
            paint(state, folder / "samples.png")
            return logs.animation(folder / "training.gif", folder / FRAMES)
        (folder / FRAMES).mkdir(exist_ok=True)
        frame = folder / FRAMES / f"{step:09d}.png"
        paint(state, frame)
        logs.copy(frame, folder / "samples.png")
        for place in places:
            place.picture(frame, step)

    return add
