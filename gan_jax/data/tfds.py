"""Sets of tensorflow-datasets, read without TensorFlow (array_record files)."""

import difflib
import logging
import os
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_jax.config import DatasetConfig
from gan_jax.data.cache import Entry, cached_entry, sources_of
from gan_jax.data.core import Dataset, Spec
from gan_jax.data.images import square
from gan_jax.terminal.command_name import name_command

CHUNK = 512


def data_folder() -> Path:
    """TFDS_DATA_DIR, or tensorflow_datasets in the home folder."""
    home = Path.home() / "tensorflow_datasets"
    return Path(os.environ.get("TFDS_DATA_DIR") or home).expanduser()


def builder(name: str) -> Any:
    """The builder of NAME or NAME/config:version, or a ValueError."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=data_folder())
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean 'tfds:{near[0]}'?" if near else ""
        raise ValueError(
            f"dataset.name {'tfds:' + name!r:.200} is unknown{hint}"
        ) from None
    except (ValueError, TypeError, AssertionError, ImportError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = "".join(filter(str.isprintable, lines[0]))
        raise ValueError(
            f"dataset.name {'tfds:' + name!r:.200}: {reason:.250}"
        ) from None


def tfds_set(name: str, config: DatasetConfig) -> Dataset:
    """An image set prepared in TFDS_DATA_DIR, by its TFDS name."""
    made = builder(name)
    split = config.split or "train"
    count = split_size(made, name, split)
    image_key, label_key = keys_of(made, name)
    height, width, channels = made.info.features[image_key].shape
    side = config.resolution or (height if height == width else None)
    if side is None:
        raise ValueError(
            f"dataset.resolution is needed: the images of {name!r} are {height} x "
            f"{width} (None: of several sizes), not one square size; e.g. 64"
        )
    channels = 1 if channels == 1 and not config.rgb else 3
    names = tuple(made.info.features[label_key].names) if label_key else None

    def examples() -> Iterator[tuple[np.ndarray, int | None]]:
        source = made.as_data_source(split)
        for start in range(0, count, CHUNK):
            chunk = list(range(start, min(start + CHUNK, count)))
            for example in source.__getitems__(chunk):
                image = as_square(example[image_key], side, channels)
                yield image, int(example[label_key]) if label_key else None

    @cache
    def entry() -> Entry:
        folder = Path(made.data_dir).resolve()
        key = {
            "name": made.info.full_name,
            "root": str(folder),
            "split": split,
            "resolution": side,
            "channels": channels,
        }
        files = sorted(file for file in folder.iterdir() if file.is_file())
        sources = sources_of(folder, files)
        return cached_entry(key, sources, (side, side, channels), examples(), count)

    label_count = None if names is None else len(names)
    spec = Spec((side, side, channels), label_count, count, names)
    return Dataset(
        spec,
        lambda: entry().stored,
        flip=config.flip,
        streams=True,
        hash_content=lambda stored: entry().sha256,
    )


def split_size(made: Any, name: str, split: str) -> int:
    """Examples of the split; ValueErrors for an unprepared set and an unknown split."""
    splits, word = made.info.splits, shlex.quote(name)
    if not splits:
        raise ValueError(
            f"dataset.name {name!r} is not prepared in {data_folder()}: run "
            f"{name_command('prepare')} {word}, or set TFDS_DATA_DIR"
        )
    file_format = made.info.file_format.value
    if file_format != "array_record":
        raise ValueError(
            f"dataset.name {name!r} is prepared in {data_folder()} as {file_format}, "
            "which cannot be read by index: set TFDS_DATA_DIR to another folder and "
            f"run {name_command('prepare')} {word}"
        )
    try:
        return splits[split].num_examples
    except (KeyError, ValueError):
        raise ValueError(
            f"dataset.split {split!r}: {name!r} has {', '.join(splits)}, and parts "
            "such as 'train[:80%]' or 'train+test'"
        ) from None


def keys_of(made: Any, name: str) -> tuple[str, str | None]:
    """The names of the image and of the label (None: there is none)."""
    import tensorflow_datasets as tfds

    features = made.info.features
    images = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
    labels = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
    if len(images) != 1:
        raise ValueError(
            f"dataset.name {name!r}: needs exactly one image feature, has {images}"
        )
    supervised = made.info.supervised_keys or ()
    chosen = [key for key in labels if key in supervised] or labels
    return images[0], chosen[0] if len(chosen) == 1 else None


def as_square(image: np.ndarray, side: int, channels: int) -> np.ndarray:
    """uint8 `[side, side, channels]`; as it is where it is that already."""
    if image.shape == (side, side, channels) and image.dtype == np.uint8:
        return image
    grey = image.shape[-1] == 1
    return square(Image.fromarray(image[..., 0] if grey else image), side, channels)
