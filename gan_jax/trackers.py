"""Other places where a run is logged: TensorBoard, Weights & Biases."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from gan_jax import logs
from gan_jax.config import Config
from gan_jax.folder import TENSORBOARD
from gan_jax.health import Row


class Tracker(NamedTuple):
    """rows: takes new rows of metrics. picture: takes a file and its step."""

    rows: Callable[[list[Row]], None]
    picture: Callable[[Path, int], None]


def require_wandb(config: Config) -> None:
    if config.log.wandb and find_spec("wandb") is None:
        raise ValueError("log.wandb: needs the package wandb: pip install wandb")


@contextmanager
def trackers(
    config: Config, folder: Path, labels: list[dict[str, Any]], step: int
) -> Iterator[list[Tracker]]:
    """Those the Config asks for, for a run that goes on after so many steps."""
    with ExitStack() as stack:
        asked = [(config.log.tensorboard, tensorboard), (config.log.wandb, wandb_run)]
        yield [
            stack.enter_context(place(config, folder, labels, step))
            for wanted, place in asked
            if wanted
        ]


def title(label: dict[str, Any]) -> str:
    """`seed-0_sweep.penalty-0.1`, a folder's name; empty for a single GAN."""
    return "_".join(f"{name}-{value}" for name, value in label.items())


def numbers(row: Row, label: dict[str, Any]) -> dict[str, float]:
    """What is measured; without what is not finite, as it has no place in a plot."""
    names = row.keys() - label.keys() - {"step"}
    return {name: float(row[name]) for name in sorted(names) if np.isfinite(row[name])}


@contextmanager
def tensorboard(
    config: Config, folder: Path, labels: list[dict[str, Any]], step: int
) -> Iterator[Tracker]:
    """Event files in `tensorboard/`, a folder in it for each of several GANs.

    Events after `step` that an earlier process wrote are marked as void.
    """
    from tensorboardX import SummaryWriter

    with ExitStack() as stack:
        writers = []
        for label in labels:
            path = folder / TENSORBOARD / title(label)
            purge = None if step == 0 else step + 1
            writer = SummaryWriter(str(path), purge_step=purge)
            writers.append(stack.enter_context(writer))

        def log_rows(rows: list[Row]) -> None:
            for row in rows:
                label = next(x for x in labels if x.items() <= row.items())
                for name, value in numbers(row, label).items():
                    writers[labels.index(label)].add_scalar(name, value, row["step"])

        def picture(path: Path, step: int) -> None:
            from PIL import Image

            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            writers[0].add_image("samples", pixels, step, dataformats="HWC")

        yield Tracker(log_rows, picture)


@contextmanager
def wandb_run(
    config: Config, folder: Path, labels: list[dict[str, Any]], step: int
) -> Iterator[Tracker]:
    """A run in the project gan_jax; a resumed one goes on in its own.

    Metrics of several GANs bear their label before a slash. `WANDB_MODE=offline` and
    its other environment variables hold.
    """
    import wandb

    identity = folder / ".wandb-id"
    if step == 0 or not identity.exists():
        logs.write_text(identity, uuid4().hex)
    run = wandb.init(
        project="gan_jax",
        name=folder.name,
        id=identity.read_text(),
        dir=str(folder),
        config=dataclasses.asdict(config),
        resume="allow",
    )

    def log_rows(rows: list[Row]) -> None:
        for row in sorted(rows, key=lambda row: row["step"]):  # it takes no step back
            label = next(x for x in labels if x.items() <= row.items())
            prefix = f"{title(label)}/" if label else ""
            named = {prefix + k: v for k, v in numbers(row, label).items()}
            run.log(named, step=row["step"])

    def picture(path: Path, step: int) -> None:
        run.log({"samples": wandb.Image(str(path))}, step=step)

    try:
        yield Tracker(log_rows, picture)
    finally:
        run.finish()
