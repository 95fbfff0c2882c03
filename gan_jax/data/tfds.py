"""Data sets of tensorflow-datasets, read without TensorFlow (array_record files)."""

import dataclasses
import difflib
import logging
import os
import re
import shlex
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gan_jax.config import DatasetConfig
from gan_jax.data.cache import DecodedSet, cached_set, list_source_files
from gan_jax.data.core import Dataset, Spec
from gan_jax.data.entry import DatasetEntry, TrainTest
from gan_jax.data.images import crop_to_square
from gan_jax.terminal.command_name import name_command

CHUNK = 512
"""How many examples are read from the disk at a time."""
DEFAULT_SPLIT = "train"
"""The part that is read where `dataset.split` is None."""
READS = ("split", "resolution", "rgb", "flip", "device_limit")
"""The fields of the config's `dataset` group that every TFDS set reads."""


def data_folder() -> Path:
    """Return TFDS_DATA_DIR, or tensorflow_datasets in the home folder."""
    home = Path.home() / "tensorflow_datasets"
    return Path(os.environ.get("TFDS_DATA_DIR") or home).expanduser()


def find_builder(name: str) -> Any:
    """Return the builder of NAME or NAME/config:version.

    Raises ValueError for an unknown name.
    """
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


class TfdsSource(NamedTuple):
    """A part of a prepared TFDS set, and how its images are decoded.

    builder: TFDS's builder of the set. split: the part. size: how many examples it
    has. image_key, label_key: the names of its two features; the label's is None if
    there is none. side, channels: the shape of the decoded images.
    """

    builder: Any
    split: str
    size: int
    image_key: str
    label_key: str | None
    side: int
    channels: int


def tfds_set(name: str, config: DatasetConfig) -> Dataset:
    """An image set prepared in TFDS_DATA_DIR, by its TFDS name."""
    source = find_source(name, config)
    entry = cache(partial(decode_source, source))
    features, label_key = source.builder.info.features, source.label_key
    names = tuple(features[label_key].names) if label_key else None
    label_count = None if names is None else len(names)
    shape = (source.side, source.side, source.channels)
    return Dataset(
        Spec(shape, label_count, source.size, names),
        lambda: entry().stored,
        flip=config.flip,
        streams=True,
        hash_content=lambda stored: entry().sha256,
    )


def find_source(name: str, config: DatasetConfig) -> TfdsSource:
    """Find the part of the set that the config names.

    Raises ValueError for an unknown or unprepared set, an unknown split, and images of
    no one square size where no resolution is given.
    """
    builder = find_builder(name)
    split = config.split or DEFAULT_SPLIT
    count = split_size(builder, name, split)
    image_key, label_key = feature_keys(builder, name)
    height, width, channels = builder.info.features[image_key].shape
    side = config.resolution or (height if height == width else None)
    if side is None:
        raise ValueError(
            f"dataset.resolution is needed: the images of {name!r} are {height} x "
            f"{width} (None: of several sizes), not one square size; e.g. 64"
        )
    channels = 1 if channels == 1 and not config.rgb else 3
    return TfdsSource(builder, split, count, image_key, label_key, side, channels)


def decode_source(source: TfdsSource) -> DecodedSet:
    """Return all images and labels, from the cache if they are in it."""
    folder = Path(source.builder.data_dir).resolve()
    key = {
        "name": source.builder.info.full_name,
        "root": str(folder),
        "split": source.split,
        "resolution": source.side,
        "channels": source.channels,
    }
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return cached_set(
        key,
        list_source_files(folder, files),
        (source.side, source.side, source.channels),
        decode_examples(source),
        source.size,
    )


def decode_examples(source: TfdsSource) -> Iterator[tuple[np.ndarray, int | None]]:
    """Yield each image as uint8 `[side, side, channels]`, with its label or None."""
    records = source.builder.as_data_source(source.split)
    for start in range(0, source.size, CHUNK):
        chunk = list(range(start, min(start + CHUNK, source.size)))
        for example in records.__getitems__(chunk):
            image = to_square(example[source.image_key], source.side, source.channels)
            yield image, int(example[source.label_key]) if source.label_key else None


def split_size(builder: Any, name: str, split: str) -> int:
    """Return how many examples a split has.

    Raises ValueError for a set that is not prepared and for an unknown split.
    """
    splits, word = builder.info.splits, shlex.quote(name)
    if not splits:
        raise ValueError(
            f"dataset.name {name!r} is not prepared in {data_folder()}: run "
            f"{name_command('prepare')} {word}, or set TFDS_DATA_DIR"
        )
    file_format = builder.info.file_format.value
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


def feature_keys(builder: Any, name: str) -> tuple[str, str | None]:
    """Return the names of the image feature and of the label feature.

    The label's is None if there is no label, or if it is not clear which one is meant.
    Raises ValueError if there is not exactly one image feature.
    """
    import tensorflow_datasets as tfds

    features = builder.info.features
    images = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
    labels = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
    if len(images) != 1:
        raise ValueError(
            f"dataset.name {name!r}: needs exactly one image feature, has {images}"
        )
    supervised = builder.info.supervised_keys or ()
    chosen = [key for key in labels if key in supervised] or labels
    return images[0], chosen[0] if len(chosen) == 1 else None


def to_square(image: np.ndarray, side: int, channels: int) -> np.ndarray:
    """Return the image as uint8 `[side, side, channels]`, resized if it is not that."""
    if image.shape == (side, side, channels) and image.dtype == np.uint8:
        return image
    grey = image.shape[-1] == 1
    return crop_to_square(
        Image.fromarray(image[..., 0] if grey else image), side, channels
    )


def held_out_split(
    trained: DatasetConfig, compared: DatasetConfig
) -> DatasetConfig | None:
    """Return the test split, if both configs read the train split or parts of it."""
    splits = (trained.split or DEFAULT_SPLIT, compared.split or DEFAULT_SPLIT)
    if all(re.fullmatch(r"train(\[[^]]*\])?", split) for split in splits):
        return dataclasses.replace(compared, split="test")
    return None


def train_test(config: DatasetConfig) -> TrainTest:
    """Return the two splits of the set that the config names."""
    train = tfds_set(config.name, config)
    test = tfds_set(config.name, dataclasses.replace(config, split="test"))
    return TrainTest(train, np.arange(len(train)), test, np.arange(len(test)))


def tfds_entry(name: str, doc: str) -> DatasetEntry:
    """Return the entry of a TFDS set that has a train split and a test split."""
    return DatasetEntry(
        partial(tfds_set, name),
        READS,
        held_out=held_out_split,
        train_test=train_test,
        doc=doc,
    )


DOCS = {
    "mnist": """70,000 handwritten digits, 28x28 grey, 10 classes.

    LeCun et al. 1998, doi 10.1109/5.726791.
    """,
    "fashion_mnist": """70,000 articles of clothing, 28x28 grey, 10 classes.

    Xiao et al. 2017, arXiv 1708.07747.
    """,
    "cifar10": """60,000 photographs, 32x32 RGB, 10 classes.

    Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """,
    "cifar100": """60,000 photographs, 32x32 RGB, 100 classes.

    Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """,
    "svhn_cropped": """99,289 digits of house numbers, 32x32 RGB, 10 classes.

    Netzer et al. 2011, Reading Digits in Natural Images.
    """,
}
"""What the TFDS sets that have a name of their own show."""
SETS: dict[str, DatasetEntry] = {
    name: tfds_entry(name, doc) for name, doc in DOCS.items()
}
PREFIXES: dict[str, DatasetEntry] = {"tfds": DatasetEntry(tfds_set, READS)}
