"""Decode once: a whole data set as one uint8 array on disk, memory-mapped when read.

An entry is a folder of images.npy, labels.npy (where there are labels) and key.json,
written beside its place and renamed into it. It is trusted only if its key, its shapes,
its sizes and the checksum of 1,024 spread rows agree; otherwise it is built again.
"""

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from gan_jax.data.core import Stored

Key = dict[str, Any]


def cache_folder() -> Path:
    """GAN_JAX_CACHE, or gan_jax in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GAN_JAX_CACHE") or Path(home) / "gan_jax")


def cached(
    key: Key,
    shape: tuple[int, ...],
    examples: Iterable[tuple[np.ndarray, int | None]],
    count: int,
) -> Stored:
    """The entry of `key`, read if it is intact, else decoded from `examples`.

    key: plain JSON values that determine the content. shape: of one image. examples:
    (image, label) in order, consumed only when the entry has to be built; there may be
    fewer than `count`, which the progress bar expects.
    """
    name = key["name"].replace("/", "-")
    place = cache_folder() / f"{name}-{zlib.crc32(to_text(key).encode()):08x}"
    stored = intact(place, key)
    if stored is None:
        build_entry(place, key, shape, examples, count)
        stored = intact(place, key)
        assert stored is not None
    return stored


def to_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def intact(place: Path, key: Key) -> Stored | None:
    """The entry, if it is there and whole."""
    try:
        facts = json.loads((place / "key.json").read_text())
        image = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        label = None
        if facts["labels"]:
            label = np.load(place / "labels.npy", allow_pickle=False)
        same = facts["key"] == key and facts["checksum"] == checksum(image, label)
        return Stored(image, label) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checksum(image: np.ndarray, label: np.ndarray | None) -> int:
    """CRC-32 of the labels and of up to 1,024 evenly spread images."""
    rows = np.unique(np.linspace(0, len(image) - 1, 1024).astype(int))
    start = 0 if label is None else zlib.crc32(label.tobytes())
    return zlib.crc32(image[rows].tobytes(), start)


def build_entry(
    place: Path,
    key: Key,
    shape: tuple[int, ...],
    examples: Iterable[tuple[np.ndarray, int | None]],
    count: int,
) -> None:
    """Decode into a temporary folder and rename it; nothing is left if that fails."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=place.parent))
    except OSError as error:
        raise cannot_write(error) from None
    try:
        label = write_images(part / "images.npy", key, shape, examples, count)
        if label is not None:
            np.save(part / "labels.npy", label)
        image = np.load(part / "images.npy", mmap_mode="r")
        facts = {
            "key": key,
            "labels": label is not None,
            "checksum": checksum(image, label),
        }
        (part / "key.json").write_text(to_text(facts))
        if place.exists():
            shutil.rmtree(place)
        os.replace(part, place)
    except OSError as error:
        if intact(place, key) is None:  # another process may have been first
            raise cannot_write(error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def cannot_write(error: OSError) -> OSError:
    return OSError(
        f"cache {cache_folder()}: cannot be written ({error.strerror}); free space, or "
        "set GAN_JAX_CACHE to another folder"
    )


def write_images(
    path: Path,
    key: Key,
    shape: tuple[int, ...],
    examples: Iterable[tuple[np.ndarray, int | None]],
    count: int,
) -> np.ndarray | None:
    """Write the images one after the other (no more memory than one); their labels."""
    labels: list[int | None] = []
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for image, label in track(examples, f"reading {key['name']}", total=count):
            file.write(np.asarray(image, np.uint8).tobytes())
            labels.append(label)
        header["shape"] = (len(labels), *shape)
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, header)
        assert file.tell() == start, "the header's length does not depend on the count"
    known = [label for label in labels if label is not None]
    return np.array(known, np.int32) if len(known) == len(labels) else None
