"""Other places where a run is logged: TensorBoard, Weights & Biases."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from gan_jax.config import Config
from gan_jax.logs.files import explain_write_errors, write_text
from gan_jax.run_files.folder import TENSORBOARD
from gan_jax.types import Row


class Tracker(NamedTuple):
    """rows: takes new rows of metrics. picture: takes a file and its step. back: voids
    what comes after a step, as the run goes on from there."""

    rows: Callable[[list[Row]], None]
    picture: Callable[[Path, int], None]
    back: Callable[[int], None]


def require_wandb(config: Config) -> None:
    if config.log.wandb and find_spec("wandb") is None:
        raise ValueError("log.wandb: needs the package wandb: pip install wandb")


@contextmanager
def open_trackers(
    config: Config, folder: Path, labels: list[dict[str, Any]]
) -> Iterator[list[Tracker]]:
    """Those the Config asks for; labels tell the GANs of a run apart."""
    with ExitStack() as stack:
        asked = [
            (config.log.tensorboard, open_tensorboard),
            (config.log.wandb, open_wandb),
        ]
        yield [
            stack.enter_context(place(config, folder, labels))
            for wanted, place in asked
            if wanted
        ]


def flatten_row(row: Row, labels: list[dict[str, Any]]) -> dict[str, float]:
    """A row's finite metrics; of several GANs as `d_loss/seed-0_sweep.d_lr-0.1`."""
    label = next(x for x in labels if x.items() <= row.items())
    tag = "_".join(f"{name}-{value}" for name, value in label.items())
    names = row.keys() - label.keys() - {"step"}
    return {
        f"{name}/{tag}" if tag else name: float(row[name])
        for name in sorted(names)
        if np.isfinite(row[name])
    }


@contextmanager
def open_tensorboard(
    config: Config, folder: Path, labels: list[dict[str, Any]]
) -> Iterator[Tracker]:
    """An event file in `tensorboard/`, written at once and not by another thread."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore
    from tensorboardX.summary import image, scalar

    place = folder / TENSORBOARD
    with explain_write_errors(place):
        place.mkdir(exist_ok=True)
        writer = EventsWriter(str(place / "events"), f".{time.time_ns()}")

    def write(events: list[Event]) -> None:
        with explain_write_errors(place):
            for event in events:
                event.wall_time = time.time()
                writer.write_event(event)
            writer.flush()

    def log_rows(rows: list[Row]) -> None:
        write(
            [
                Event(step=row["step"], summary=scalar(name, value))
                for row in rows
                for name, value in flatten_row(row, labels).items()
            ]
        )

    def picture(path: Path, step: int) -> None:
        from PIL import Image

        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        write([Event(step=step, summary=image("samples", pixels, dataformats="HWC"))])

    def back(step: int) -> None:
        void = SessionLog(status=SessionLog.START)
        write([Event(step=step + 1, session_log=void)])

    try:
        yield Tracker(log_rows, picture, back)
    finally:
        with suppress(OSError):  # it has been told
            writer.close()


@contextmanager
def open_wandb(
    config: Config, folder: Path, labels: list[dict[str, Any]]
) -> Iterator[Tracker]:
    """A run in the project gan_jax; a resumed one goes on in its own.

    Everything is logged against the metric `step`, which may go back. Its environment
    variables hold, such as `WANDB_MODE=offline`.
    """
    import wandb  # pyright: ignore

    identity = folder / ".wandb-id"
    if not identity.exists():
        write_text(identity, uuid4().hex)
    try:
        run = wandb.init(
            project="gan_jax",
            name=folder.name,
            id=identity.read_text("utf-8"),
            dir=str(folder),
            config=dataclasses.asdict(config),
            resume="allow",
        )
    except wandb.Error as error:
        raise ValueError(
            f"log.wandb: {str(error).partition(chr(10))[0]}; run `wandb login`, or set "
            "WANDB_MODE=offline"
        ) from None
    run.define_metric("*", step_metric="step")

    def log_rows(rows: list[Row]) -> None:
        for row in rows:
            run.log({"step": row["step"], **flatten_row(row, labels)})

    def picture(path: Path, step: int) -> None:
        run.log({"step": step, "samples": wandb.Image(str(path))})

    try:
        yield Tracker(log_rows, picture, lambda step: None)
    finally:
        run.finish()
