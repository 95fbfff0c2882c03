"""A folder of pictures, of any size and mode and of several formats."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.config import DatasetConfig
from gan_jax.data.cache import DecodedSet, cached_set, list_source_files
from gan_jax.data.core import Dataset, Spec, Stored, hash_arrays, hash_texts
from gan_jax.data.entry import DatasetEntry
from gan_jax.data.images import (
    FORMATS,
    read_picture,
    square,
    without_warnings_of_pillow,
)
from gan_jax.data.listing import (
    BESIDE,
    BROKEN,
    EMPTY,
    Classes,
    Listing,
    describe_ignored,
    escape_text,
    find_classes,
    list_pictures,
    without_pictures,
)


def folder_set(path: str, config: DatasetConfig) -> Dataset:
    """Pictures of a folder and its subfolders, sorted by path, as RGB.

    Labels are the subfolders, as `find_classes` chooses them. Side: dataset.resolution,
    or the shorter side of the first picture.
    """
    root = existing(path)
    files, folders, ignored = pictures_in(root)
    chosen = classes_of(root, files, config.labels)
    ignored[BESIDE] = chosen.beside
    first = first_picture(root, chosen.files, config.skip_bad)
    side = config.resolution or min(first.size)
    decode = partial(read_pictures, root, chosen.files, side, config.skip_bad)
    entry, broken = cache(decode), []
    if config.skip_bad:  # only decoding tells which pictures are whole
        index = entry().stored.label
        assert index is not None
        whole = [chosen.files[i] for i in index]
        broken = sorted(set(chosen.files) - set(whole))
        chosen = classes_of(root, whole, config.labels)
    names = chosen.names
    ignored[EMPTY] = without_pictures(folders, chosen.files)
    label = np.array(chosen.labels, np.int32) if names else None
    return Dataset(
        Spec((side, side, 3), len(names) or None, len(chosen.files), names or None),
        lambda: Stored(entry().stored.image, label),
        flip=config.flip,
        streams=True,
        hash_content=lambda stored: hash_texts(entry().sha256, hash_arrays(label)),
        note=note_of(root, chosen),
        ignored=relative(root, ignored) | reasons(root, broken, side),
    )


def existing(path: str) -> Path:
    """The folder, or a ValueError."""
    try:
        root = Path(path).expanduser()
        if path and root.is_dir():
            return root
    except (OSError, RuntimeError):  # too long a name; nobody's home
        pass
    raise ValueError(f"dataset.name {'folder:' + path!r}: there is no such folder")


def pictures_in(root: Path) -> Listing:
    """What lies in the folder; ValueError if no picture does."""
    found = list_pictures(root)
    if not found.files:
        formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        what = [
            f"holds no {formats} pictures",
            *describe_ignored(relative(root, found.ignored)),
        ]
        raise ValueError(f"dataset.name 'folder:{shown(root)}': {'; '.join(what)}")
    return found


def shown(path: Path) -> str:
    """A path for a message, whole if it is not very long."""
    return escape_text(str(path), 300)


def classes_of(root: Path, files: list[Path], labelled: bool) -> Classes:
    """The classes of the pictures; ValueError if there are none and there must be."""
    chosen = find_classes(root, files, labelled)
    if labelled and not chosen.names:
        raise ValueError(
            f"dataset.labels: {shown(root)} has no classes ({chosen.why}); name a "
            "folder whose folders are the classes, or leave labels out"
        )
    return chosen


def note_of(root: Path, chosen: Classes) -> str:
    """What a user has to know of how the classes are chosen, or ""."""
    if chosen.names and chosen.base != root:
        return f"the classes are the folders in {shown(chosen.base)}"
    if chosen.why and any(file.parent != root for file in chosen.files):
        return f"no classes: {chosen.why}"
    return ""


def relative(root: Path, ignored: dict[str, list[Path]]) -> dict[str, list[str]]:
    """The names of what is ignored, sorted, without the reasons that do not occur."""
    return {
        reason: [str(path.relative_to(root)) for path in sorted(paths)]
        for reason, paths in ignored.items()
        if paths
    }


def reasons(root: Path, files: list[Path], side: int) -> dict[str, list[str]]:
    """The names of broken pictures, each with the reason why it cannot be read."""
    with without_warnings_of_pillow():
        told = [
            f"{file.relative_to(root)} ({escape_text(str(decoded(side, file)), 200)})"
            for file in files
        ]
    return {BROKEN: told} if told else {}


def first_picture(root: Path, files: list[Path], skip_bad: bool) -> Image.Image:
    """The first picture, or the first that can be read; ValueError if there is none."""
    reasons = []
    with without_warnings_of_pillow():
        for file in files:
            try:
                return read_picture(file)
            except ValueError as error:
                if not skip_bad:
                    raise unreadable(file, error) from None
                reasons.append(str(error))
    raise ValueError(
        f"dataset.name 'folder:{shown(root)}': none of its {len(files)} pictures can "
        f"be read; the first is {shown(files[0])} ({escape_text(reasons[0], 200)})"
    )


def read_pictures(
    root: Path, files: list[Path], side: int, skip_bad: bool
) -> DecodedSet:
    """All pictures, uint8 `[N, side, side, 3]`, from the cache if they are in it.

    The label of each is its index in `files`, as some may be left out.
    """
    plain = "".join(letter for letter in root.resolve().name if letter.isalnum())
    key = {
        "name": f"folder-{plain[:32]}",
        "root": str(root.resolve()),
        "resolution": side,
        "skip_bad": skip_bad,
    }
    examples = decode_all(files, side, skip_bad)
    sources = list_source_files(root, files)
    return cached_set(key, sources, (side, side, 3), examples, len(files))


def decode_all(
    files: list[Path], side: int, skip_bad: bool
) -> Iterator[tuple[np.ndarray, int]]:
    """Each picture and its index in `files`."""
    with without_warnings_of_pillow(), ThreadPoolExecutor(2) as pool:
        images = pool.map(partial(decoded, side), files)
        try:
            for index, (file, image) in enumerate(zip(files, images, strict=True)):
                if not isinstance(image, ValueError):
                    yield image, index
                elif not skip_bad:
                    raise unreadable(file, image)
        finally:
            pool.shutdown(cancel_futures=True)  # or the rest would be decoded first


def decoded(side: int, file: Path) -> np.ndarray | ValueError:
    """The picture, uint8 `[side, side, 3]`, or why it cannot be read."""
    try:
        return square(read_picture(file), side, 3)
    except ValueError as error:
        return error


def unreadable(file: Path, error: Exception) -> ValueError:
    return ValueError(
        f"picture {shown(file)}: cannot be read ({escape_text(str(error), 200)}); mend "
        "or remove it, or set --dataset.skip-bad"
    )


PREFIXES: dict[str, DatasetEntry] = {
    "folder": DatasetEntry(
        folder_set, reads=("resolution", "flip", "skip_bad", "device_limit")
    ),
}
