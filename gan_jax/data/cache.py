"""Decodes a data set once: as one uint8 array on disk, memory-mapped when it is read.

A decoded set is a folder of images.npy, labels.npy (if there are labels) and key.json,
which is written beside its place and renamed into place. It is trusted only if its key,
its source files, its shapes, its sizes and the checksum of 1,024 evenly spread images
agree. Otherwise it is decoded again in the same place.
"""

import filecmp
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data.core import Stored
from gan_jax.data.storage import (
    cache_folder,
    cache_write_error,
    enforce_limit,
    limit_bytes,
    list_entries,
    lock_for_reader,
    mark_used,
)
from gan_jax.terminal.progress import track

FORMAT = 2
"""The version of the decoding; raise it when decoding changes."""
LONGEST_NAME = 50
"""The most letters of a set's name in its folder's: file systems allow 255 bytes."""
Key = dict[str, Any]
SourceFile = tuple[str, int, int]
"""A file that a set is decoded from: its name in the set, its size, its mtime_ns."""


class DecodedSet(NamedTuple):
    """A decoded set, and the SHA-256 of its images, its labels and their shape."""

    stored: Stored
    sha256: str


def cached_set(
    key: Key,
    sources: list[SourceFile],
    shape: tuple[int, ...],
    examples: Iterable[tuple[np.ndarray, int | None]],
    count: int,
) -> DecodedSet:
    """Return the decoded set of `key`; decode `examples` if it is not in the cache.

    key: plain JSON values that say what is decoded, and how. Its "name" becomes a part
        of the folder's name.
    sources: the files that are decoded; if they have changed, the set is decoded again.
    shape: the shape of one image.
    examples: (image, label) in order, consumed only if the set has to be decoded.
    count: how many examples the progress bar expects; there may be fewer.
    """
    limit_bytes()  # refused before anything is decoded
    name = key["name"].replace("/", "-")[:LONGEST_NAME]
    place = cache_folder() / f"{name}-{zlib.crc32(to_text(key).encode()):08x}"
    facts = {"format": FORMAT, "key": key, "sources": hash_sources(sources)}
    entry = read_set(place, facts)
    if entry is None:
        build_entry(place, facts, shape, examples, count)
        entry = read_set(place, facts)
        assert entry is not None
        enforce_limit(place)
    mark_used(place)
    return entry


def list_source_files(root: Path, files: list[Path]) -> list[SourceFile]:
    """Return the files below `root` by name, size and time of their last change."""
    return [(f.relative_to(root).as_posix(), *file_signature(f)) for f in files]


def file_signature(file: Path) -> tuple[int, int]:
    """Return a file's size and time of change; zeros if it cannot be opened."""
    try:
        facts = file.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def hash_sources(sources: list[SourceFile]) -> str:
    """Return the SHA-256 of a list of source files."""
    return hashlib.sha256(to_text(sources).encode()).hexdigest()


def finish_digest(
    digest: Any, label: np.ndarray | None, shape: tuple[int, ...], dtype: str
) -> str:
    """Add labels, shape and type to the digest of the images, and return the hash."""
    if label is not None:
        digest.update(np.ascontiguousarray(label, "<i4").tobytes())
    digest.update(to_text([label is not None, shape, dtype]).encode())
    return digest.hexdigest()


def to_text(value: Any) -> str:
    """Return a plain value as JSON with sorted keys."""
    return json.dumps(value, sort_keys=True)


def read_set(place: Path, wanted: dict[str, Any]) -> DecodedSet | None:
    """Return the decoded set, or None if it is missing, damaged or of another key.

    It is locked against removal for as long as its images are mapped.
    """
    try:
        facts = json.loads((place / "key.json").read_text("utf-8"))
        image = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        lock_for_reader(place / "key.json", image.base)
        label = None
        if facts["labels"]:
            label = np.load(place / "labels.npy", allow_pickle=False)
        same = all(facts[name] == value for name, value in wanted.items())
        undamaged = facts["checksum"] == checksum(image, label)
        if same and undamaged:
            return DecodedSet(Stored(image, label), facts["sha256"])
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checksum(image: np.ndarray, label: np.ndarray | None) -> int:
    """Return the CRC-32 of the labels and of up to 1,024 evenly spread images."""
    rows = np.unique(np.linspace(0, len(image) - 1, 1024).astype(int))
    start = 0 if label is None else zlib.crc32(label.tobytes())
    return zlib.crc32(image[rows].tobytes(), start)


def build_entry(
    place: Path,
    facts: dict[str, Any],
    shape: tuple[int, ...],
    examples: Iterable[tuple[np.ndarray, int | None]],
    count: int,
) -> None:
    """Decode into a temporary folder and rename it; a failure leaves nothing behind."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=place.parent))
    except OSError as error:
        raise cache_write_error(error) from None
    try:
        name = facts["key"]["name"]
        label, sha256 = write_images(part / "images.npy", name, shape, examples, count)
        if label is not None:
            np.save(part / "labels.npy", label)
        about = {
            "labels": label is not None,
            "checksum": checksum(np.load(part / "images.npy", mmap_mode="r"), label),
            "sha256": sha256,
        }
        (part / "key.json").write_text(to_text(facts | about), "utf-8")
        if place.exists():
            shutil.rmtree(place)
        share_images(part, sha256)
        os.replace(part, place)
    except OSError as error:
        if read_set(place, facts) is None:  # another process may have been first
            raise cache_write_error(error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def share_images(part: Path, sha256: str) -> None:
    """Replace the images by a hard link to equal images of another entry, if any.

    So a folder of pictures that was renamed or copied takes no more space.
    """
    images = part / "images.npy"
    for entry in list_entries():
        with suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads((entry.path / "key.json").read_text("utf-8"))
            other = entry.path / "images.npy"
            equal = entry.kind == "data set" and facts["sha256"] == sha256
            if equal and filecmp.cmp(other, images, shallow=False):
                (part / "link").hardlink_to(other)
                os.replace(part / "link", images)
                return


def write_images(
    path: Path,
    name: str,
    shape: tuple[int, ...],
    examples: Iterable[tuple[np.ndarray, int | None]],
    count: int,
) -> tuple[np.ndarray | None, str]:
    """Write the images one after the other; return their labels and the hash of both.

    No more than one image is in memory at a time.
    """
    labels: list[int | None] = []
    digest = hashlib.sha256()
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for image, label in track(examples, f"reading {name}", total=count):
            pixels = np.asarray(image, np.uint8).tobytes()
            file.write(pixels)
            digest.update(pixels)
            labels.append(label)
        header["shape"] = (len(labels), *shape)
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, header)
        assert file.tell() == start, "the header's length does not depend on the count"
    known = [label for label in labels if label is not None]
    made = np.array(known, np.int32) if len(known) == len(labels) else None
    return made, finish_digest(digest, made, header["shape"], "uint8")
