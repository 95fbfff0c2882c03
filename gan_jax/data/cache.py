"""Decode once: a whole data set as one uint8 array on disk, memory-mapped when read.

An entry is a folder of images.npy, labels.npy (where there are labels) and key.json,
written beside its place and renamed into it. It is trusted only if its key, its source
files, its shapes, its sizes and the checksum of 1,024 spread rows agree; otherwise it
is built again in the same place.
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
    hold,
    limit_bytes,
    list_entries,
    mark_used,
)
from gan_jax.terminal.output import track

FORMAT = 2
"""Raised when decoding changes, so that older entries are built again."""
LONGEST_NAME = 50
"""Letters of a set's name in that of its entry: file systems allow 255 bytes."""
Key = dict[str, Any]
SourceFile = tuple[str, int, int]
"""A file a set was decoded from: its name within the set, its size, its mtime_ns."""


class DecodedSet(NamedTuple):
    """A decoded set. sha256: of all its images and labels, and of their shape."""

    stored: Stored
    sha256: str


def cached_set(
    key: Key,
    sources: list[SourceFile],
    shape: tuple[int, ...],
    examples: Iterable[tuple[np.ndarray, int | None]],
    count: int,
) -> DecodedSet:
    """The entry of `key`, read if it is intact, else decoded from `examples`.

    key: plain JSON values that say what is decoded, and how; a key has one entry, and
    its "name" is in the entry's. sources: the files that are decoded; where they have
    changed, the entry is built again. shape: of one image. examples: (image, label) in
    order, consumed only when the entry has to be built; there may be fewer than
    `count`, which the progress bar expects.
    """
    limit_bytes()  # refused before anything is decoded
    name = key["name"].replace("/", "-")[:LONGEST_NAME]
    place = cache_folder() / f"{name}-{zlib.crc32(to_text(key).encode()):08x}"
    facts = {"format": FORMAT, "key": key, "sources": digest_of(sources)}
    entry = intact(place, facts)
    if entry is None:
        build_entry(place, facts, shape, examples, count)
        entry = intact(place, facts)
        assert entry is not None
        enforce_limit(place)
    mark_used(place)
    return entry


def list_source_files(root: Path, files: list[Path]) -> list[SourceFile]:
    """The files below `root` by name, size and time of their last change."""
    return [(f.relative_to(root).as_posix(), *signature(f)) for f in files]


def signature(file: Path) -> tuple[int, int]:
    """What changes when the file is changed; 0 for a file that cannot be opened."""
    try:
        facts = file.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def digest_of(sources: list[SourceFile]) -> str:
    return hashlib.sha256(to_text(sources).encode()).hexdigest()


def finished(
    digest: Any, label: np.ndarray | None, shape: tuple[int, ...], dtype: str
) -> str:
    """The hash of images whose bytes were taken, with their labels and their shape."""
    if label is not None:
        digest.update(np.ascontiguousarray(label, "<i4").tobytes())
    digest.update(to_text([label is not None, shape, dtype]).encode())
    return digest.hexdigest()


def to_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def intact(place: Path, wanted: dict[str, Any]) -> DecodedSet | None:
    """The entry, if it is there, whole, and made of what is wanted.

    It is locked against removal for as long as its images are mapped.
    """
    try:
        facts = json.loads((place / "key.json").read_text("utf-8"))
        image = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        hold(place / "key.json", image.base)
        label = None
        if facts["labels"]:
            label = np.load(place / "labels.npy", allow_pickle=False)
        same = all(facts[name] == value for name, value in wanted.items())
        whole = facts["checksum"] == checksum(image, label)
        return (
            DecodedSet(Stored(image, label), facts["sha256"])
            if same and whole
            else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checksum(image: np.ndarray, label: np.ndarray | None) -> int:
    """CRC-32 of the labels and of up to 1,024 evenly spread images."""
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
    """Decode into a temporary folder and rename it; nothing is left if that fails."""
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
        if intact(place, facts) is None:  # another process may have been first
            raise cache_write_error(error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def share_images(part: Path, sha256: str) -> None:
    """Let equal images of another entry and these be one file on disk.

    So a folder that was renamed, or copied, takes no more space.
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
    """Write the images one after the other (no more memory than one).

    Returns their labels, and the hash of both.
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
    return made, finished(digest, made, header["shape"], "uint8")
