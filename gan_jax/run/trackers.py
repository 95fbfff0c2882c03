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
    """One other place where a run is logged.

    log_rows: takes new rows of metrics. log_picture: takes a picture's file and its
    step. discard_later_rows: makes invalid what was logged after a step, as the run
    goes on from that step.
    """

    log_rows: Callable[[list[Row]], None]
    log_picture: Callable[[Path, int], None]
    discard_later_rows: Callable[[int], None]


def require_wandb(config: Config) -> None:
    """Raise ValueError if `log.wandb` is set and the package is not installed."""
    if config.log.wandb and find_spec("wandb") is None:
        raise ValueError("log.wandb: needs the package wandb: pip install wandb")


@contextmanager
def open_trackers(
    config: Config, folder: Path, labels: list[dict[str, Any]]
) -> Iterator[list[Tracker]]:
    """Open the trackers that the Config requests, and close them at the end.

    labels: the seed and the sweep factors of each GAN of the run.
    """
    known = [(config.log.tensorboard, open_tensorboard), (config.log.wandb, open_wandb)]
    with ExitStack() as stack:
        yield [
            stack.enter_context(open_tracker(config, folder, labels))
            for requested, open_tracker in known
            if requested
        ]


def flatten_row(row: Row, labels: list[dict[str, Any]]) -> dict[str, float]:
    """Return a row's finite metrics by name.

    Metrics of several GANs have names such as `d_loss/seed-0_sweep.d_lr-0.1`.
    """
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
    """Open an event file in `tensorboard/`, which this thread writes at once."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore
    from tensorboardX.summary import image, scalar

    path = folder / TENSORBOARD
    with explain_write_errors(path):
        path.mkdir(exist_ok=True)
        writer = EventsWriter(str(path / "events"), f".{time.time_ns()}")

    def write(events: list[Event]) -> None:
        with explain_write_errors(path):
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

    def log_picture(picture: Path, step: int) -> None:
        pixels = image("samples", read_pixels(picture), dataformats="HWC")
        write([Event(step=step, summary=pixels)])

    def discard_later_rows(step: int) -> None:
        write([Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))])

    try:
        yield Tracker(log_rows, log_picture, discard_later_rows)
    finally:
        with suppress(OSError):  # `write` has raised it already.
            writer.close()


def read_pixels(picture: Path) -> np.ndarray:
    """Return the RGB values of a picture, `[H, W, 3]`."""
    from PIL import Image

    with Image.open(picture) as image:
        return np.asarray(image.convert("RGB"))


@contextmanager
def open_wandb(
    config: Config, folder: Path, labels: list[dict[str, Any]]
) -> Iterator[Tracker]:
    """Open a run in the project gan_jax of Weights & Biases; a resumed run goes on.

    Everything is logged against the metric `step`, which may go back. The environment
    variables of wandb hold, such as `WANDB_MODE=offline`.
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

    def log_picture(picture: Path, step: int) -> None:
        run.log({"step": step, "samples": wandb.Image(str(picture))})

    try:
        yield Tracker(log_rows, log_picture, lambda step: None)
    finally:
        run.finish()
