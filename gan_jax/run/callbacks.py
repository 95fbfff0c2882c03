"""What a run writes and shows while it goes on: rows, events, pictures, progress."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.assembly.choices import fill_in_defaults
from gan_jax.assembly.registry import choose, options
from gan_jax.config import Config
from gan_jax.data import Dataset
from gan_jax.logs.animation import write_animation
from gan_jax.logs.files import copy_file, explain_write_errors
from gan_jax.logs.row_files import append_rows
from gan_jax.logs.sample_plots import make_sample_painter
from gan_jax.models import MODELS
from gan_jax.parallel.execution import Program
from gan_jax.run.trackers import Tracker
from gan_jax.run_files.folder import FRAMES
from gan_jax.run_files.history import Record, describe_event, is_alive, longest_rows
from gan_jax.run_files.sweeps import describe_member
from gan_jax.terminal.progress import ProgressDisplay
from gan_jax.terminal.progress_text import format_duration, format_rate
from gan_jax.types import Row, TrainState

ESTIMATE_AFTER, LONG = 5.0, 600.0
"""The seconds of stepping after which a run estimates the time that is left, and the
seconds from which on that time is long."""


def opening_line(config: Config, folder: Path, count: int) -> str:
    """Return the line that a run of so many GANs begins with."""
    penalty = "" if config.penalty.name == "none" else f" + {config.penalty.name}"
    gans = "" if count == 1 else f" of {count} GANs"
    return (
        f"training {config.loss.name}{penalty} on {config.dataset.name}: "
        f"{config.steps:,} steps{gans} on {jax.devices()[0].device_kind}, out {folder}"
    )


class StepCounter(NamedTuple):
    """The display of how far a run is.

    begin: shows that a part of the work before the steps begins. reach: shows the
    number of steps made. update: shows it together with the newest metrics in words.
    """

    begin: Callable[[str], None]
    reach: Callable[[int], None]
    update: Callable[[int, str], None]


def make_step_counter(
    config: Config, data: Dataset, display: ProgressDisplay
) -> StepCounter:
    """Return a StepCounter, which also prints once how long the steps will take."""
    numbers, origin, printed = [""], list[tuple[int, float]](), list[str]()

    def begin(description: str) -> None:
        origin.clear()
        display.begin(description)

    def reach(step: int) -> None:
        now = time.monotonic()
        if not origin:
            origin.append((step, now))
            display.begin("step", config.steps, step, "steps")
        first, began = origin[0]
        display.update(step, numbers[0])
        due = first < step < config.steps and now - began > ESTIMATE_AFTER
        if due and not printed:
            speed = (step - first) / (now - began)
            left = config.steps - step
            printed.append(estimate_line(speed, left, reads_width(config, data)))
            display.print_line(printed[0])

    def update(step: int, words: str) -> None:
        numbers[0] = words
        display.update(step, words)

    return StepCounter(begin, reach, update)


def reads_width(config: Config, data: Dataset) -> bool:
    """Whether `model.width` changes the networks."""
    name = fill_in_defaults(config, data.spec).model.name or ""
    return "width" in options(choose(MODELS, name, "model.name"))


def estimate_line(speed: float, left: int, width: bool) -> str:
    """Return how long the steps left take and, if that is long, what shortens them.

    speed: steps per second. width: whether smaller networks are a way.
    """
    seconds = left / speed
    line = f"at {format_rate(speed, 'steps')} the {left:,} steps left take about "
    line += format_duration(seconds)
    if seconds < LONG:
        return line
    narrow = " and a smaller --model.width" if width else ""
    return f"{line}; fewer --steps{narrow} shorten that"


def make_row_writer(
    update: Callable[[int, str], None],
    records: list[Record],
    folder: Path | None,
    trackers: list[Tracker],
    callback: Callable[[Row], None] | None,
) -> Callable[[list[Row]], None]:
    """Return a function that writes new rows to all their places, and shows them.

    update: shows the step, and losses and diversity in words. folder: the run's folder,
    or None if another process writes the files.
    """
    diversity = [newest_diversity(record.rows) for record in records]

    def write(rows: list[Row]) -> None:
        if folder is not None:
            append_rows(folder / "metrics.jsonl", rows)
        for tracker in trackers:
            tracker.log_rows(rows)
        for row in rows if callback else ():
            callback(row)  # pyright: ignore
        latest, known = [], []
        for index, record in enumerate(records):
            measured = newest_diversity(record.rows[-len(rows) :])
            diversity[index] = diversity[index] if measured is None else measured
            if is_alive(record):
                latest.append(record.rows[-1])
                known.append(diversity[index])
        numbers = newest_numbers(latest, [d for d in known if d is not None])
        update(longest_rows(records)[-1]["step"], numbers)

    return write


def newest_numbers(rows: list[Row], diversities: list[float]) -> str:
    """Return `D 0.693  G 0.412  diversity 0.83`: means over the GANs that have them."""
    losses = {
        short: [row[name] for row in rows]
        for short, name in {"D": "d_loss", "G": "g_loss"}.items()
    }
    known = losses | {"diversity": diversities}
    means = {name: np.mean(values) for name, values in known.items() if values}
    return "  ".join(f"{name} {mean:.3f}" for name, mean in means.items())


def newest_diversity(rows: list[Row]) -> float | None:
    """Return the diversity that was measured last, or None if none was measured."""
    found = (row["diversity"] for row in reversed(rows) if "diversity" in row)
    return next(found, None)


def make_event_writer(
    config: Config,
    folder: Path | None,
    print_line: Callable[[str], None],
    trackers: list[Tracker],
) -> Callable[[list[Row]], None]:
    """Return a function that writes events to events.jsonl, and prints them."""

    def write(events: list[Row]) -> None:
        if folder is not None and events:
            append_rows(folder / "events.jsonl", events)
        for event in events:
            print_line(describe_event(config, event))
            for tracker in trackers if "restored" in event else ():
                tracker.discard_later_rows(event["step"])

    return write


def make_picture_writer(
    config: Config,
    folder: Path,
    work: Program,
    data: Dataset,
    trackers: list[Tracker],
) -> Callable[[TrainState, int | None], None]:
    """Return a function that draws a state's samples into samples.png.

    With a step, it adds the picture as a frame to the folder `samples`. Without one, it
    makes training.gif of these frames.
    """
    own = work.members
    names = None if own is None else [describe_member(config, member) for member in own]
    paint = make_sample_painter(work.gan, data, names)

    def draw_last(state: TrainState) -> None:
        paint(state, folder / "samples.png")
        write_animation(folder / "training.gif", folder / FRAMES)

    def draw_frame(state: TrainState, step: int) -> None:
        (folder / FRAMES).mkdir(exist_ok=True)
        frame = folder / FRAMES / f"{step:09d}.png"
        paint(state, frame)
        copy_file(frame, folder / "samples.png")
        for tracker in trackers:
            tracker.log_picture(frame, step)

    def draw(state: TrainState, step: int | None) -> None:
        with explain_write_errors(folder):
            draw_last(state) if step is None else draw_frame(state, step)

    return draw
